import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from embedlab.store import Store
from embedlab.training import runfolder
from embedlab.training.runfolder import Launch
from embedlab.types import Corpus, RunConfig
from tests.training import tiny


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny models are fastest on one thread, and a sum has then one order."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """kind -> the folder of a tiny random model, made once."""
    root, made = tmp_path_factory.mktemp("models"), {}

    def model(kind: str = "bert") -> Path:
        if kind not in made:
            made[kind] = tiny.model(root / kind, kind)
        return made[kind]

    return model


@pytest.fixture(scope="session")
def still_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model without dropout: however a batch is cut, it learns the same."""
    folder = tmp_path_factory.mktemp("models") / "still"
    return tiny.model(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "workspace")


@pytest.fixture
def corpus(store: Store) -> Corpus:
    return tiny.add_corpus(store)


@pytest.fixture
def large_corpus(store: Store) -> Corpus:
    """Enough rows of every sense that some can be set aside to choose the best step."""
    return tiny.add_corpus(store, tiny.rows(each=40))


@pytest.fixture
def new_run(store: Store, tiny_models: Callable[[str], Path]) -> Callable[..., Path]:
    """(id, config, kind, canary, launch, start) -> a run folder that no worker has touched."""

    def make(
        id: str,
        config: RunConfig,
        kind: str = "bert",
        canary: Sequence[str] = (),
        launch: Launch = runfolder.ALONE,
        start: Path | None = None,
    ) -> Path:
        def fill(folder: Path) -> None:
            runfolder.write(folder, config, start or tiny_models(kind), canary, launch)

        return store.put("runs", id, id, {}, fill)

    return make


@pytest.fixture(scope="session")
def fork() -> Iterator[Callable[..., dict[str, int]]]:
    """Run a worker in a process of its own: fork(run_folder, mode=, at=, where=, during=) -> {"code", "operations"}."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.training.forks"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
    )
    assert server.stdin is not None
    assert server.stdout is not None

    def order(run: Path, **what: Any) -> dict[str, int]:
        assert server.stdin is not None
        assert server.stdout is not None
        print(json.dumps({"run": str(run), **what}), file=server.stdin, flush=True)
        return dict(json.loads(server.stdout.readline()))

    yield order
    server.stdin.close()
    server.wait(timeout=30)
