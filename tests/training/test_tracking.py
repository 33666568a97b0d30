"""Trackers hear the numbers of a run, each step once however often it was resumed, and never end it."""

import importlib.machinery
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from embedlab.errors import TrainingError
from embedlab.training import tracking
from embedlab.types import EncoderSpec, Lora, RunConfig, Stage

CONFIG = RunConfig("c0", EncoderSpec("builtin"), (Stage(20, {"*": 1e-4}, "linear", "pairs"),), lora=Lora(rank=4))


def step(number: int) -> dict[str, Any]:
    return {"type": "step", "step": number, "loss": 1 / number, "rate": 1e-4, "grad_norm": 0.5, "tokens_per_s": 900.0,
            "elapsed_s": 3.0, "eta_s": 4.0, "memory_mb": 120.5}  # fmt: skip


def evaluation(number: int, score: float) -> dict[str, Any]:
    return {"type": "eval", "step": number, "score": score, "selection": None, "score_name": "MRR",
            "parts": {"recall@1": 0.25}, "best_step": 0}  # fmt: skip


CANARY = {"type": "canary", "step": 10, "texts": 24, "k": 10, "mean_cosine": 0.1, "effective_rank": None,
          "neighbours_kept": 0.75, "overlap": 0.8, "alarms": ["Unrelated sentences are becoming alike."]}  # fmt: skip


def test_an_event_as_numbers() -> None:
    assert tracking.numbers(step(4)) == {
        "train/loss": 0.25, "train/learning rate": 1e-4, "train/gradient norm": 0.5, "speed/tokens per second": 900.0,
        "speed/memory MB": 120.5,
    }  # fmt: skip
    assert tracking.numbers(evaluation(0, 0.5)) == {"held-out/MRR": 0.5, "held-out/recall@1": 0.25}  # no selection rows
    assert tracking.numbers(CANARY) == {
        "canary/mean cosine": 0.1, "canary/neighbours kept": 0.75, "canary/overlap": 0.8, "canary/alarms": 1.0
    }  # fmt: skip
    assert tracking.numbers({"type": "checkpoint", "step": 4}) == {}


def live(tracker: tracking.Tracker, steps: Sequence[int]) -> None:
    for number in steps:
        tracker.log(step(number))
        if number % 5 == 0:
            tracker.log(evaluation(number, 0.01 * number))
    tracker.close()


def test_tensorboard_reads_back_what_was_told_each_step_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for steps in (range(1, 14), range(11, 21)):  # killed after step 13, resumed from the checkpoint of step 10
        (tracker,) = tracking.open_trackers(["tensorboard", "tensorboard"], tmp_path, CONFIG)
        live(tracker, steps)
        assert tracker.problem == ""
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    losses = read.Scalars("train/loss")
    assert [event.step for event in losses] == list(range(1, 21))
    assert [event.value for event in losses] == pytest.approx([1 / n for n in range(1, 21)])
    assert [(e.step, round(e.value, 4)) for e in read.Scalars("held-out/MRR")] == [
        (5, 0.05), (10, 0.1), (15, 0.15), (20, 0.2)
    ]  # fmt: skip
    assert "selection/MRR" not in read.Tags()["scalars"]
    text = read.Tensors("recipe/text_summary")[-1].tensor_proto.string_val[0].decode()
    assert "until_step: 20" in text


def test_a_tracker_that_hears_nothing_leaves_no_file(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    (tracker,) = tracking.open_trackers(["tensorboard"], tmp_path, CONFIG)
    tracker.log({"type": "note", "message": "..."})
    tracker.close()
    assert not (tmp_path / "tensorboard").exists()


class FakeClient:
    """mlflow.tracking.MlflowClient in its real signatures: a store in memory, by tracking uri, outliving the client."""

    stores: dict[str, dict[str, Any]] = {}  # noqa: RUF012
    broken = False

    def __init__(self, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        assert tracking_uri is not None
        assert tracking_uri.startswith("sqlite:////")
        self.store = self.stores.setdefault(tracking_uri, {"experiments": {}, "runs": {}})

    def get_experiment_by_name(self, name: str) -> Any:
        return self.store["experiments"].get(name)

    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Any = None) -> str:
        assert name not in self.store["experiments"]
        self.store["experiments"][name] = SimpleNamespace(experiment_id="1", artifact_location=artifact_location)
        return "1"

    def create_run(
        self, experiment_id: str, start_time: Any = None, tags: Any = None, run_name: str | None = None
    ) -> Any:
        run_id = f"run{len(self.store['runs'])}"
        self.store["runs"][run_id] = {"name": run_name, "params": {}, "metrics": {}, "texts": {}, "status": "RUNNING"}
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id))

    def search_runs(self, experiment_ids: list[str], filter_string: str = "") -> list[Any]:
        return [
            SimpleNamespace(info=SimpleNamespace(run_id=id), data=SimpleNamespace(metrics=dict(run["metrics"])))
            for id, run in self.store["runs"].items()
        ]

    def get_metric_history(self, run_id: str, key: str) -> list[Any]:
        return self.store["runs"][run_id]["metrics"][key]

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        self.store["runs"][run_id]["status"] = status

    def set_terminated(self, run_id: str, status: str | None = None, end_time: int | None = None) -> None:
        self.store["runs"][run_id]["status"] = status

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
        assert key not in self.store["runs"][run_id]["params"], "MLflow refuses a parameter that changes"
        self.store["runs"][run_id]["params"][key] = str(value)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        self.store["runs"][run_id]["texts"][artifact_file] = text

    def log_batch(
        self, run_id: str, metrics: Sequence[Any] = (), params: Sequence[Any] = (), tags: Sequence[Any] = (),
        synchronous: bool | None = None,
    ) -> None:  # fmt: skip
        if self.broken:
            raise OSError("database is locked")
        for metric in metrics:
            assert set(metric.key) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. /")
            self.store["runs"][run_id]["metrics"].setdefault(metric.key, []).append(metric)


class FakeMetric:
    def __init__(self, key: str, value: float, timestamp: int, step: int) -> None:
        self.key, self.value, self.timestamp, self.step = key, value, timestamp, step


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> type[FakeClient]:
    parts = {"mlflow": {}, "mlflow.tracking": {"MlflowClient": FakeClient}, "mlflow.entities": {"Metric": FakeMetric}}
    for name, content in parts.items():
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(FakeClient, "stores", {})
    monkeypatch.setattr(FakeClient, "broken", False)
    return FakeClient


def test_mlflow_gets_one_run_in_the_run_folder_each_step_once(mlflow: type[FakeClient], tmp_path: Path) -> None:
    for steps in (range(1, 14), range(11, 21)):
        (tracker,) = tracking.open_trackers(["mlflow"], tmp_path, CONFIG)
        live(tracker, steps)
        assert tracker.problem == ""
    ((uri, store),) = mlflow.stores.items()
    assert uri == f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    (run,) = store["runs"].values()
    assert run["name"] == tmp_path.name
    assert run["status"] == "FINISHED"
    assert [metric.step for metric in run["metrics"]["train/loss"]] == list(range(1, 21))
    assert [metric.value for metric in run["metrics"]["held-out/recall 1"]] == [0.25] * 4
    assert run["params"]["steps"] == "20"
    assert run["params"]["lora rank"] == "4"
    assert run["params"]["temperature"] == "0.05"
    assert "until_step: 20" in run["texts"]["recipe.yaml"]


def test_a_tracker_that_fails_says_so_and_the_run_goes_on(
    mlflow: type[FakeClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tracker,) = tracking.open_trackers(["mlflow"], tmp_path, CONFIG)
    tracker.log(step(1))
    monkeypatch.setattr(mlflow, "broken", True)
    tracker.log(step(2))
    assert tracker.problem == "mlflow failed (OSError): from here on the run goes on without it."
    assert "database is locked" in capsys.readouterr().err
    monkeypatch.setattr(mlflow, "broken", False)
    tracker.log(step(3))  # not even once it could again: a curve with a gap would pass for a whole one
    (store,) = mlflow.stores.values()
    assert [m.step for m in store["runs"]["run0"]["metrics"]["train/loss"]] == [1]


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_what_is_not_installed_is_said_in_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked, *rest: None if asked == name else find(asked, *rest))
    for module in [m for m in sys.modules if m.split(".")[0] == name or m.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)  # importing it raises ImportError
    with pytest.raises(TrainingError, match=f"is not installed: pip install {name}, or leave --report-to {name} out"):
        tracking.open_trackers([name], tmp_path, CONFIG)
    assert not any(tmp_path.iterdir())


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="choose tensorboard or mlflow"):
        tracking.open_trackers(["wandb"], tmp_path, CONFIG)
    assert tracking.open_trackers([], tmp_path, CONFIG) == []


def test_no_tracker_is_loaded_before_it_is_asked_for() -> None:
    heavy = ("torch", "tensorboard", "mlflow")
    code = f"import embedlab.training.tracking, sys; print(*(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def real_mlflow() -> bool:
    return importlib.util.find_spec("mlflow") is not None


@pytest.mark.skipif(not real_mlflow(), reason="mlflow is not installed")
def test_the_real_mlflow_reads_back_what_was_told(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    for steps in (range(1, 4), range(3, 6)):
        (tracker,) = tracking.open_trackers(["mlflow"], tmp_path, CONFIG)
        live(tracker, steps)
        assert tracker.problem == ""
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name(tracking.EXPERIMENT).experiment_id])
    assert run.info.status == "FINISHED"
    assert [metric.step for metric in client.get_metric_history(run.info.run_id, "train/loss")] == [1, 2, 3, 4, 5]
    assert run.data.params["lora rank"] == "4"
    assert (tmp_path / "mlflow" / "artifacts" / run.info.run_id / "artifacts" / "recipe.yaml").is_file()
