import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from embedlab.errors import TrainingError
from embedlab.training import pool as pools
from embedlab.training.pool import Pool
from tests.training import together

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes wrote that torchrun started."""
    out = tmp_path_factory.mktemp("two")
    started = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "tests.training.together"]
    done = subprocess.run(
        [sys.executable, *started, str(out)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def test_exchanges_of_two_processes(two: Path) -> None:
    first, second = (json.loads((two / f"exchange_{rank}.json").read_text()) for rank in (0, 1))
    assert (first["main"], second["main"], first["world"]) == (True, False, 2)
    for found in (first, second):
        assert found["gathered"] == [[2.0, 2.0]] * 3  # the first process brought none
        assert found["unequal"] == [[1.0], [1.0], [2.0]]
        assert found["summed"] == [[1 + 10.0**n] * n for n in (4, 1, 7, 2)]
        assert found["most"] == [1, 5, 1]
        assert found["decided"] == {"stop": None, "step": 1, "score": 0.1, "why": "é"}


@pytest.mark.parametrize("kind", together.KINDS)
@pytest.mark.parametrize("name", list(together.GOALS))
def test_two_processes_train_as_one(two: Path, name: str, kind: str) -> None:
    """Five steps of AdamW on 27 rows, some of them as two batches of 25 and 2: the shares differ in size."""
    alone = together.train(together.GOALS[name], Pool(torch.device("cpu")))
    sides = [np.load(two / f"{name}_{kind}_{rank}.npz") for rank in (0, 1)]
    chunk_tokens = {int(side["chunk_tokens"]) for side in sides}
    assert len(chunk_tokens) == 1
    assert (chunk_tokens == {0}) == (kind == "whole")
    start = dict(together.Tiny().named_parameters())
    for side in sides:
        np.testing.assert_allclose(side["losses"], alone["losses"], atol=1e-5)
        for weight, value in (alone["weights"] | alone["gradients"]).items():
            np.testing.assert_allclose(side[weight], value, atol=1e-5, err_msg=weight)
    for weight in alone["weights"]:
        np.testing.assert_array_equal(sides[0][weight], sides[1][weight])  # no process may drift from the other
    assert np.abs(alone["weights"]["inner.weight"] - start["inner.weight"].detach().numpy()).max() > 1e-2
    np.testing.assert_array_equal(sides[1]["unused.weight"], start["unused.weight"].detach().numpy())  # not decayed


def test_one_process_exchanges_nothing() -> None:
    pool = Pool(torch.device("cpu"))
    x = torch.ones(2, 3, requires_grad=True)
    assert pool.main
    assert torch.equal(pool.gather(x, [2]), x)
    assert not pool.gather(x, [2]).requires_grad
    pool.sum([x])
    assert x.sum() == 6
    assert pool.most([True, 3]) == [1, 3]
    value = {"a": (1, 2)}
    assert pool.decide(value) is value
    pool.wait()
    pool.close()


def test_one_process_loads_nothing_of_accelerate() -> None:
    code = "import sys; from embedlab.training.pool import Pool; p = Pool.join(); assert p.world == 1 and p.main; "
    code += "p.decide(1); p.sum([]); assert not any(m.split('.')[0] == 'accelerate' for m in sys.modules)"
    plain = {key: value for key, value in os.environ.items() if key != "WORLD_SIZE"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=plain, check=True, timeout=60)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(TrainingError, match="4 processes need 4 GPUs, and 2 are here"):
        Pool.join()


def test_buckets_hold_all_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "BUCKET", 10)
    tensors = [torch.zeros(n) for n in (4, 6, 1, 30, 2, 8)]
    found = [[len(tensor) for tensor in bucket] for bucket in pools._buckets(tensors)]
    assert found == [[4, 6], [1], [30], [2, 8]]
    assert list(pools._buckets([])) == []


def test_bfloat16_is_where_the_model_runs_alone() -> None:
    pool = Pool(torch.device("cpu"))
    a = torch.randn(4, 4)
    with pool.autocast("bf16"):
        assert (a @ a).dtype == torch.bfloat16
    with pool.autocast("fp32"):
        assert (a @ a).dtype == torch.float32
