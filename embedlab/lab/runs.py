"""Runs: trainings in processes of their own."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from embedlab import demo, jobs
from embedlab.encoders.files import check_folder
from embedlab.encoders.info import label_of
from embedlab.lab.base import Progress, quiet
from embedlab.lab.models import Models
from embedlab.lineage.kinds import kind_of
from embedlab.training import plans, recipes
from embedlab.training.anatomy import anatomy, groups_of_layers
from embedlab.training.plans import Span
from embedlab.training.recipes import Bundled, Choice
from embedlab.training.runfolder import Launch
from embedlab.types import EncoderSpec, Frame, Run, RunConfig

POLL_SECONDS = 0.25
KEPT = ("done", "cancelled")  # states of a run that leave a model: the finished one, or the best until it was stopped


class Runs(Models):
    """What can be done with trainings."""

    def objectives(self, corpus_id: str) -> list[Choice]:
        """What this corpus allows, in words, with the reason for what it does not."""
        return recipes.choices(self.corpus(corpus_id))

    def run_config(
        self,
        model: str,
        corpus_id: str,
        objective: str | None = None,
        *,
        recipe: Path | str | None = None,
        canary: str | None = None,
        **settings: Any,
    ) -> RunConfig:
        """A run from few words: a recipe (a file, or the name of one that comes with EmbedLab), or a plan by name with
        the defaults of the objective. `settings`: plan, steps, rate, layers, schedule, and every field of RunConfig.
        """
        config = recipes.config(
            self.find_corpus(corpus_id).id, EncoderSpec(model), objective, recipe=recipe, depth=self.depth(model),
            kind=self.kind(model), canary=canary, **settings,
        )  # fmt: skip
        self._can_adapt(config)
        return replace(config, canary=self._canary_id(config.canary))

    def _can_adapt(self, config: RunConfig) -> None:
        """Raises ModelError where adapters are asked of a model that has no place for them."""
        if config.lora is not None:
            anatomy(str(self._config_of(config.encoder.source)["model_type"])).targets(config.lora.targets)

    def depth(self, model: str) -> int:
        """How many groups of layers a model has that can be trained apart (ALBERT's layers share one)."""
        return groups_of_layers(self._config_of(model))

    def kind(self, model: str) -> str | None:
        """Which kind of the lineage a model is (see lineage.kinds); None for a transformer."""
        kind = kind_of(self._config_of(model))
        return None if kind is None else kind.name

    def _config_of(self, model: str) -> Mapping[str, Any]:
        folder = self._encoder_folder(model)
        return check_folder(folder, label_of(EncoderSpec(model), folder)).config

    def recipes(self, model: str = "builtin") -> list[Bundled]:
        """The recipes that come with EmbedLab for such a model."""
        kind = self.kind(model)
        return [recipe for recipe in recipes.bundled() if recipe.fits(kind)]

    def recipe_text(self, config: RunConfig) -> str:
        """A run as the text of a recipe file."""
        return recipes.write(config)

    def timeline(self, config: RunConfig) -> list[Span]:
        """Which group of the model trains when, at which rate."""
        return plans.timeline(config, self.depth(config.encoder.source))

    def finetune(self, config: RunConfig, *, name: str = "", processes: int = 1, report_to: Sequence[str] = ()) -> str:
        """Start a run in a process (or several) of its own; returns its id at once. Raises UserError."""
        corpus = self.corpus(config.corpus_id)
        recipes.checked(config, self.depth(config.encoder.source))
        self._can_adapt(config)
        recipes.require(corpus, config)
        folder = self._encoder_folder(config.encoder.source)
        texts, launch = self.canary_texts(config.canary), Launch(processes, tuple(report_to))
        return jobs.start(self.store, config, model_folder=folder, canary=texts, name=name, launch=launch)

    def canary_texts(self, canary: str) -> tuple[str, ...]:
        """Texts far from the task: those that come with EmbedLab, those of a corpus, or none for ""."""
        if canary == "bundled":
            return demo.canary_texts()
        return tuple(dict.fromkeys(self.corpus(canary).texts)) if canary else ()

    def _canary_id(self, canary: str) -> str:
        return self.find_corpus(canary).id if canary not in ("", "bundled") else canary

    def runs(self) -> list[Run]:
        """Newest first."""
        return jobs.runs(self.store)

    def sources(self) -> list[str]:
        """Every model state that can be looked at: of a run the one it kept, then those on the way there."""
        found = ["builtin", *self.made_models()]
        for run in self.runs():
            if run.state in KEPT and self.has_model(run.id):
                found.append(f"run:{run.id}")
            found += [f"run:{run.id}@{frame.step}" for frame in self.frames(run.id)]
        return found

    def run(self, id: str) -> Run:
        return jobs.look(self.store, self._run_id(id))

    def run_events(self, id: str, after: int = 0) -> list[dict[str, Any]]:
        return jobs.events(self.store, self._run_id(id), after)

    def config_of(self, id: str) -> dict[str, Any]:
        """What was asked of a run, as plain values."""
        return recipes.to_plain(self.run(id).config)

    def frames(self, id: str) -> tuple[Frame, ...]:
        """The model states of a run that can be compared; their source is run:ID@STEP."""
        return jobs.frames(self.store, self._run_id(id))

    def pause(self, id: str) -> None:
        jobs.pause(self.store, self._run_id(id))

    def cancel(self, id: str) -> None:
        jobs.cancel(self.store, self._run_id(id))

    def delete_run(self, id: str) -> None:
        jobs.delete(self.store, self._run_id(id))

    def resume(self, id: str) -> None:
        jobs.resume(self.store, self._run_id(id))

    def wait(self, id: str, progress: Progress = quiet) -> Run:
        """Look at a run until it ends. Interrupting the wait leaves the run going."""
        while True:
            run = self.run(id)
            score = f", held-out {run.score_name} {run.score:.3f}" if run.score is not None else ""
            loss = f", loss {run.loss:.3f}" if run.loss is not None else ""
            left = f", {run.eta_s:.0f} s left" if run.eta_s else ""
            progress(run.step / run.config.max_steps, f"step {run.step}/{run.config.max_steps}{loss}{score}{left}")
            if run.state not in jobs.LIVE:
                return run
            time.sleep(POLL_SECONDS)
