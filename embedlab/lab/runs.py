"""Runs: trainings in processes of their own."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml

from embedlab import demo, encoders, jobs
from embedlab.encoders.protocol import Precision
from embedlab.errors import JobError
from embedlab.lab.base import Progress, digest, part, quiet
from embedlab.lab.models import Models
from embedlab.store import atomic_write
from embedlab.training import recipes
from embedlab.training.recipes import Choice
from embedlab.types import EncoderSpec, Run, RunConfig

POLL_SECONDS = 0.25


class Runs(Models):
    """What can be done with trainings."""

    def objectives(self, corpus_id: str) -> list[Choice]:
        """What this corpus allows, in words, with the reason for what it does not."""
        return recipes.choices(self.corpus(corpus_id))

    def run_config(
        self,
        model: str,
        corpus_id: str,
        objective: str,
        *,
        plan: str = "full",
        recipe: Path | None = None,
        steps: int | None = None,
        rate: float | None = None,
        seed: int = 0,
        batch_tokens: int | None = None,
        eval_every: int | None = None,
        precision: Precision = "fp32",
        canary: str = "bundled",
        on_alarm: Literal["tell", "stop"] = "tell",
    ) -> RunConfig:
        """A run from few words: the recipe's file if given, else the named plan with the defaults of the objective."""
        entry = self.find_corpus(corpus_id)
        given = {"batch_tokens": batch_tokens, "eval_every": eval_every}
        return recipes.config(
            entry.id, EncoderSpec(model), objective, plan=plan, recipe=recipe, steps=steps, rate=rate, seed=seed,
            precision=precision, canary=self._canary_id(canary), on_alarm=on_alarm,
            **{key: value for key, value in given.items() if value is not None},
        )  # fmt: skip

    def finetune(self, config: RunConfig) -> str:
        """Start a run in a process of its own; returns its id at once. Raises UserError."""
        corpus = self.corpus(config.corpus_id)
        recipes.require(corpus, config)
        folder = self._model_folder(config.encoder.source) or encoders.local_folder(config.encoder)
        return jobs.start(self.store, config, model_folder=folder, canary=self.canary_texts(config.canary))

    def finetune_seeds(self, config: RunConfig, seeds: int, progress: Progress = quiet) -> list[Run]:
        """The same recipe with `seeds` seeds from config.seed on, one after another: the noise floor of a comparison.

        A seed that was trained before is not trained again, one that was interrupted goes on. Raises JobError where a
        training ends otherwise than done.
        """
        done: list[Run] = []
        for number in range(seeds):
            wanted = replace(config, seed=config.seed + number)
            telling = part(progress, number / seeds, (number + 1) / seeds)
            what = f"seed {wanted.seed} ({number + 1} of {seeds}): "
            run = self.wait(self._begun(wanted), lambda share, said, t=telling, w=what: t(share, w + said))  # type: ignore[misc]
            if run.state != "done":
                raise JobError(f"The training of seed {wanted.seed} {run.state} at step {run.step}: {run.message}")
            done.append(run)
        return done

    def _begun(self, config: RunConfig) -> str:
        """The id of the run of this very config: the one there is, set going again where it stopped, or a new one."""
        for run in self.runs():
            if run.config.seed == config.seed and recipes.same_recipe(run.config, config):
                if run.state in ("failed", "cancelled"):
                    self.resume(run.id)
                return run.id
        return self.finetune(config)

    def start_finetune(self, config: RunConfig, seeds: int) -> str:
        """The same in the background; returns a task id. The task's result holds the ids of the runs."""
        plain = {key: value for key, value in recipes.to_plain(config).items() if key not in ("corpus_id", "encoder")}
        recipe = self.root / "recipes" / f"{digest(plain)[:16]}.yaml"
        atomic_write(recipe, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode())
        given = ["--model", config.encoder.source, "--corpus", config.corpus_id, "--recipe", str(recipe.resolve())]
        given += ["--objective", config.stages[-1].objective, "--seeds", str(seeds)]
        return self._start_task(["finetune", *given], f"Fine-tune with {seeds} seeds")

    def replicates(self, source: str) -> list[str]:
        """Finished runs of the same recipe with another seed, as run:ID: what the noise floor of `source` rests on."""
        if not source.startswith("run:"):
            return []
        return [f"run:{id}" for id in jobs.replicates(self.store, self._run_id(source.removeprefix("run:")))]

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

    def run(self, id: str) -> Run:
        return jobs.look(self.store, self._run_id(id))

    def run_events(self, id: str, after: int = 0) -> list[dict[str, Any]]:
        return jobs.events(self.store, self._run_id(id), after)

    def config_of(self, id: str) -> dict[str, Any]:
        """What was asked of a run, as plain values."""
        return recipes.to_plain(self.run(id).config)

    def cancel(self, id: str) -> None:
        jobs.cancel(self.store, self._run_id(id))

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
            if run.state in ("done", "failed", "cancelled"):
                return run
            time.sleep(POLL_SECONDS)
