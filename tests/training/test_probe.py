"""What a run will cost, held against a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedlab.jobfolder import JobFolder
from embedlab.store import Store
from embedlab.training import batches, evaluate, runfolder, worker
from embedlab.training.engine import Engine
from embedlab.training.objectives import objective
from embedlab.training.probe import probe
from embedlab.training.setup import lay_out
from embedlab.types import Corpus, RunConfig, Stage
from tests.training import tiny

NewRun = Callable[..., Path]


def measure(store: Store, config: RunConfig, model: Path) -> dict[str, float]:
    return probe(config, model, store.folder("corpora", config.corpus_id), tiny.CANARY)


class Clock:
    """Time that passes only where work is done: a hundredth of a second a token, five an evaluation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        gradients, scores = Engine.gradients, evaluate.SCORES["pairs"]

        def working(engine: Engine, *arguments: Any) -> tuple[float, int]:
            loss, tokens = gradients(engine, *arguments)
            self.now += tokens / 100
            return loss, tokens

        def scoring(*arguments: Any) -> Any:
            self.now += 5
            return scores(*arguments)

        monkeypatch.setattr(Engine, "gradients", working)
        monkeypatch.setitem(evaluate.SCORES, "pairs", scoring)
        monkeypatch.setattr("embedlab.training.probe.time", self)

    def monotonic(self) -> float:
        return self.now


TWO = (Stage(10, {"layer.1": 1e-3}, "linear", "mlm"), Stage(20, {"*": 1e-3}, "linear", "pairs"))


@pytest.mark.parametrize("stages", [TWO[1:], TWO])
def test_a_probe_foresees_a_run(
    stages: tuple[Stage, ...],
    new_run: NewRun,
    corpus: Corpus,
    store: Store,
    tiny_models: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five evaluations of five seconds, and as many hundredths of a second as the run has tokens, within a tenth."""
    config = tiny.config(corpus, *stages, eval_every=5, accumulate=2)
    with monkeypatch.context() as patch:
        Clock(patch)
        found = measure(store, config, tiny_models("bert"))
    folder = new_run("run", config, canary=tiny.CANARY)
    worker.main([str(folder)])
    end = JobFolder(folder).end()
    assert end is not None
    assert end["state"] == "done", end["message"]
    assert found["eval_s"] == 5
    assert found["tokens_per_s"] == 100
    assert found["step_s"] * 20 == pytest.approx(found["seconds"] - 25, abs=0.2)
    assert found["seconds"] - 25 == pytest.approx(end["result"]["tokens"] / 100, rel=0.1)
    ready = next(event for event in JobFolder(folder).events() if event["type"] == "ready")
    assert (found["parameters"], found["trained"]) == (ready["parameters"], ready["trained"])
    assert found["disk_bytes"] == runfolder.disk_needed(ready["parameters"], ready["trained"], config)
    assert found["memory_mb"] > 100
    assert found["chunk_tokens"] == 0


def test_a_probe_keeps_nothing(corpus: Corpus, store: Store, tiny_models: Callable[[str], Path]) -> None:
    def listing() -> set[Path]:
        return {path for root in (store.root, tiny_models("bert")) for path in root.rglob("*")}

    before = listing()
    measure(store, tiny.config(corpus), tiny_models("bert"))
    assert listing() == before


def test_a_probe_takes_the_longest_batch(
    corpus: Corpus, store: Store, tiny_models: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that its memory is that of the run: no batch of the epoch has more padded tokens."""
    config = tiny.config(corpus, Stage(10, {"*": 1e-3}, "linear", "pairs"))
    taken: list[int] = []
    real = Engine.gradients

    def watched(engine: Engine, goal: Any, material: Any, rows: Any, key: Any) -> tuple[float, int]:
        taken.extend(len(batch) * int(material.lengths[batch].max()) for batch in rows)
        return real(engine, goal, material, rows, key)

    monkeypatch.setattr(Engine, "gradients", watched)
    measure(store, config, tiny_models("bert"))
    assert len(taken) == 3
    bench = lay_out(config, tiny_models("bert"), store.folder("corpora", corpus.id))
    material = bench.train["pairs"]
    epoch = objective("pairs").epoch(material, config, batches.generator(config.seed, 0, 0))
    assert max(taken) == max(len(batch) * int(material.lengths[batch].max()) for batch in epoch)
