"""Trackers: a run told to TensorBoard or MLflow as it goes, on request. Torch-free until one is opened.

    tensorboard/         event files; `tensorboard --logdir tensorboard` shows them
    mlflow/mlflow.db     one experiment with one run; `mlflow ui --backend-store-uri sqlite:///mlflow/mlflow.db`
Both lie in the run's folder and nothing is sent anywhere. A tracker that fails does not end the run: it says so in
`problem`, which the run notes, and in the log, and hears no more. A resumed run tells again what it does again; each
step counts once.
"""

import importlib.util
import os
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from embedlab.errors import TrainingError
from embedlab.training import recipes
from embedlab.types import RunConfig

Name = Literal["tensorboard", "mlflow"]
STEP_TAGS = {  # field of a step event -> what it is called outside
    "loss": "train/loss",
    "rate": "train/learning rate",
    "grad_norm": "train/gradient norm",
    "tokens_per_s": "speed/tokens per second",
    "memory_mb": "speed/memory MB",
}
CANARY_FIELDS = ("mean_cosine", "effective_rank", "neighbours_kept", "overlap")
EXPERIMENT = "embedlab"


class Tracker(ABC):
    """Hears the events of a run that have a step. `problem`: why it hears no more, "" while all is well."""

    name: str
    problem: str = ""

    def log(self, event: Mapping[str, Any]) -> None:
        """Write down the numbers of one event (type step, eval or canary; any other is passed over)."""
        found = numbers(event)
        if found and not self.problem:
            self._guarded(lambda: self._write(int(event["step"]), found))

    def close(self) -> None:
        """Bring everything to the disk."""
        self._guarded(self._end)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # the run is worth more than its curve, whatever the library raised
            self.problem = f"{self.name} failed ({type(error).__name__}): from here on the run goes on without it."
            print(f"{self.problem} {error}", file=sys.stderr)

    @abstractmethod
    def _write(self, step: int, found: Mapping[str, float]) -> None: ...

    @abstractmethod
    def _end(self) -> None: ...


def open_trackers(names: Iterable[str], run_folder: Path, config: RunConfig) -> list[Tracker]:
    """The trackers asked for, each once. Raises TrainingError for one that is unknown or not installed."""
    opened: list[Tracker] = []
    for name in dict.fromkeys(names):
        if name == "tensorboard":
            opened.append(TensorBoard(run_folder, config))
        elif name == "mlflow":
            opened.append(MLflow(run_folder, config))
        else:
            raise TrainingError(f"{name!r} is no tracker that is known here: choose tensorboard or mlflow.")
    return opened


def numbers(event: Mapping[str, Any]) -> dict[str, float]:
    """What an event says in numbers, by the names they have outside; what is undefined is left out."""
    kind = event.get("type")
    found: dict[str, Any] = {}
    if kind == "step":
        found = {tag: event.get(field) for field, tag in STEP_TAGS.items()}
    elif kind == "eval":
        score = event["score_name"]
        found = {f"held-out/{score}": event.get("score"), f"selection/{score}": event.get("selection")}
        found |= {f"held-out/{name}": value for name, value in event.get("parts", {}).items()}
    elif kind == "canary":
        found = {f"canary/{field.replace('_', ' ')}": event.get(field) for field in CANARY_FIELDS}
        found["canary/alarms"] = len(event.get("alarms", ()))
    return {tag: float(value) for tag, value in found.items() if type(value) in (int, float)}


class TensorBoard(Tracker):
    """Event files in tensorboard/, written by torch's own SummaryWriter."""

    name = "tensorboard"

    def __init__(self, run_folder: Path, config: RunConfig) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise TrainingError(_missing("TensorBoard", "tensorboard")) from error
        self._open: Any = SummaryWriter
        self._folder, self._config = run_folder / "tensorboard", config
        self._writer: Any = None

    def _write(self, step: int, found: Mapping[str, float]) -> None:
        if self._writer is None:
            # what an earlier life told from this step on is done again: purge_step makes readers forget it
            self._writer = self._open(str(self._folder), purge_step=step)
            self._writer.add_text("recipe", f"```yaml\n{recipes.write(self._config)}\n```", step)
        for tag, value in found.items():
            self._writer.add_scalar(tag, value, step)

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()


class MLflow(Tracker):
    """One run in a SQLite store of its own: newer versions of MLflow refuse to write their store of plain files."""

    name = "mlflow"

    def __init__(self, run_folder: Path, config: RunConfig) -> None:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when mlflow is imported
        if importlib.util.find_spec("mlflow") is None:
            raise TrainingError(_missing("MLflow", "mlflow"))
        try:
            from mlflow.entities import Metric
            from mlflow.tracking import MlflowClient

            self._metric: Any = Metric
            folder = (run_folder / "mlflow").resolve()
            folder.mkdir(exist_ok=True)
            self._client: Any = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
            self._run_id, self._told = self._open_run(folder, run_folder.name, config)
        except Exception as error:
            print(error, file=sys.stderr)
            raise TrainingError(
                "MLflow cannot open its store in the run's folder: check the installation of mlflow (it needs "
                "sqlalchemy), or leave --report-to mlflow out."
            ) from error

    def _open_run(self, folder: Path, name: str, config: RunConfig) -> tuple[str, dict[str, int]]:
        """(the run's id, the last step told of each metric): that of an earlier life, or a new one."""
        client = self._client
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            id = client.create_experiment(EXPERIMENT, artifact_location=(folder / "artifacts").as_uri())
        else:
            id = experiment.experiment_id
        for run in client.search_runs([id]):
            history = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
            client.update_run(run.info.run_id, status="RUNNING")
            return run.info.run_id, {key: max(metric.step for metric in told) for key, told in history.items()}
        run_id = client.create_run(id, run_name=name).info.run_id
        for key, value in parameters(config).items():
            client.log_param(run_id, key, value)
        client.log_text(run_id, recipes.write(config), "recipe.yaml")
        return run_id, {}

    def _write(self, step: int, found: Mapping[str, float]) -> None:
        at = int(1000 * time.time())
        named = {metric_name(tag): value for tag, value in found.items()}
        # what a resumed run does again gives the same numbers
        new = {key: value for key, value in named.items() if step > self._told.get(key, -1)}
        self._client.log_batch(self._run_id, metrics=[self._metric(key, value, at, step) for key, value in new.items()])
        self._told |= dict.fromkeys(new, step)

    def _end(self) -> None:
        self._client.set_terminated(self._run_id, "FINISHED")


def metric_name(tag: str) -> str:
    """A tag in the letters that MLflow allows.

    >>> metric_name("held-out/correlation (Pearson)"), metric_name("held-out/recall@1")
    ('held-out/correlation Pearson', 'held-out/recall 1')
    """
    return re.sub(r"[^\w\-./]+", " ", tag).strip()


def parameters(config: RunConfig) -> dict[str, str | int | float]:
    """The settings of a run that are single values; the stages stand in its recipe."""
    found = {field.name: getattr(config, field.name) for field in fields(config)}
    found |= {"model": config.encoder.source, "pooling": config.encoder.pooling, "steps": config.max_steps}
    found |= {"objective": config.stages[-1].objective}
    if config.lora is not None:
        found |= {"lora rank": config.lora.rank, "lora alpha": config.lora.alpha, "lora dropout": config.lora.dropout}
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def _missing(title: str, package: str) -> str:
    return f"{title} is not installed: pip install {package}, or leave --report-to {package} out."
