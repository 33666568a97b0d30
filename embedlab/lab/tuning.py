"""Trainings beyond one run: several seeds, what a run will cost, recipes against each other, and what is taken away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from embedlab import jobs, takeaway
from embedlab.errors import JobError, UserError
from embedlab.lab.base import Progress, digest, part, quiet
from embedlab.lab.models import run_source
from embedlab.lab.runs import Runs
from embedlab.store import atomic_write, read_json, sealed_folder, write_json
from embedlab.training import recipes, runfolder
from embedlab.types import Run, RunConfig


@dataclass(frozen=True)
class Shot:
    """A finished run as a point: what it gained, and what it cost elsewhere.

    `gain`: held-out score kept - before. `collateral`: 1 - mean Jaccard of the canary's neighbours before and at the
    kept step; None where no canary was watched.
    """

    run_id: str
    recipe: str
    objective: str
    seed: int
    gain: float
    collateral: float | None
    seconds: float


class Tuning(Runs):
    """What can be done with several trainings, and with what a training made."""

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
                if run.state in ("failed", "cancelled", "paused"):
                    self.resume(run.id)
                return run.id
        return self.finetune(config)

    def start_finetune(self, config: RunConfig, seeds: int) -> str:
        """The same in the background; returns a task id. The task's result holds the ids of the runs."""
        return self._start_task(
            ["finetune", *self._as_options(config), "--seeds", str(seeds)], f"Fine-tune with {seeds} seeds"
        )

    def _as_options(self, config: RunConfig) -> list[str]:
        """A run as options of the command line, its recipe as a file of the workspace."""
        return [
            "--model", config.encoder.source, "--corpus", config.corpus_id, "--recipe", self._recipe_file(config)
        ]  # fmt: skip

    def _recipe_file(self, config: RunConfig) -> str:
        text = recipes.write(config)
        path = self.root / "recipes" / f"{digest(text)[:16]}.yaml"
        atomic_write(path, text.encode())
        return str(path.resolve())

    def replicates(self, source: str) -> list[str]:
        """Finished runs of the same recipe with another seed, as run:ID: what the noise floor of `source` rests on.

        Of a state on the way (run:ID@STEP) the states of the other seeds at the same step, where they were kept.
        """
        named = run_source(source)
        if named is None:
            return []
        others = jobs.replicates(self.store, self._run_id(named.run))
        if named.step is None:
            return [f"run:{id}" for id in others]
        if named.step == 0:
            return []  # the start is the same for every seed
        return [
            f"run:{id}@{named.step}" for id in others if named.step in {frame.step for frame in self.frames(id)}
        ]  # fmt: skip

    # ---- what it will cost --------------------------------------------------------------------------------------

    def estimate(self, config: RunConfig) -> dict[str, Any] | None:
        """What `measure_cost` found for this run on this machine before; None where it was not asked."""
        try:
            return dict(read_json(self._estimate_folder(config), "estimate.json"))
        except UserError:
            return None

    def measure_cost(self, config: RunConfig) -> dict[str, Any]:
        """Time, memory and disk of a run, from a few real steps that nothing is kept of (imports torch)."""
        from embedlab.training.probe import probe

        recipes.require(self.corpus(config.corpus_id), config)
        folder = self._encoder_folder(config.encoder.source)
        texts = self.canary_texts(config.canary)
        found = probe(config, folder, self.store.folder("corpora", config.corpus_id), texts)
        with sealed_folder(self._estimate_folder(config)) as folder:
            write_json(folder / "estimate.json", found)
        return found

    def start_estimate(self, config: RunConfig) -> str:
        """The same in the background; returns a task id."""
        return self._start_task(["finetune", *self._as_options(config), "--estimate"], "Measure on a few steps")

    def _estimate_folder(self, config: RunConfig) -> Path:
        return self.root / "estimates" / digest(recipes.to_plain(replace(config, seed=0)))[:16]

    # ---- recipes against each other -------------------------------------------------------------------------------

    def shootout(self, configs: Sequence[RunConfig], seeds: int = 1, progress: Progress = quiet) -> list[Shot]:
        """Train every recipe with `seeds` seeds, one after another; those trained before are not trained again.

        Raises UserError where they do not share one corpus and one score, since then nothing is comparable.
        """
        scores = {(config.corpus_id, config.stages[-1].objective) for config in configs}
        if len(scores) != 1:
            raise UserError("A shoot-out needs recipes that end in the same objective on the same corpus.")
        runs: list[Run] = []
        for number, config in enumerate(configs):
            runs += self.finetune_seeds(
                config, seeds, part(progress, number / len(configs), (number + 1) / len(configs))
            )
        return [self._shot(run) for run in runs]

    def start_shootout(self, configs: Sequence[RunConfig], seeds: int = 1) -> str:
        """The same in the background; returns a task id."""
        if not configs:
            raise UserError("A shoot-out needs a recipe: choose at least one.")
        given = ["--model", configs[0].encoder.source, "--corpus", configs[0].corpus_id, "--seeds", str(seeds)]
        for config in configs:
            given += ["--recipe", self._recipe_file(config)]
        return self._start_task(["shootout", *given], f"Shoot-out of {len(configs)} recipes")

    def shots(self, corpus_id: str) -> list[Shot]:
        """Every finished run on a corpus as a point, newest first."""
        return [
            self._shot(run)
            for run in self.runs()
            if run.config.corpus_id == corpus_id and run.state == "done" and None not in (run.score, run.score_before)
        ]

    def _shot(self, run: Run) -> Shot:
        if run.score is None or run.score_before is None:
            raise JobError(f"Run {run.id} has no held-out score before and after.")
        return Shot(
            run.id, recipes.describe(run.config), run.config.stages[-1].objective, run.config.seed,
            run.score - run.score_before, _collateral(self.run_events(run.id), run.best_step), run.elapsed_s,
        )  # fmt: skip

    # ---- what is taken away -----------------------------------------------------------------------------------------

    def take_away(
        self,
        source: str,
        format: takeaway.Format,
        out: Path,
        *,
        corpus_id: str | None = None,
        layer: int | None = None,
        progress: Progress = quiet,
    ) -> None:
        """A model state in a form that other tools read (see embedlab.takeaway). Raises UserError.

        Static vectors and the projector's are the corpus table: the mean over a word's uses in `corpus_id` (default:
        what the run was trained on) at `layer` (default: the last).
        """
        if format == "lora":
            takeaway.lora_adapter(self._adapted_run(source), Path(out))
        elif format in ("sentence-transformers", "transformers"):
            folder = self._encoder_folder(source)
            write = takeaway.sentence_transformers if format == "sentence-transformers" else takeaway.transformers
            write(folder, Path(out))
        else:
            corpus = corpus_id or self._corpus_of(source)
            at = self.model(source).layers if layer is None else layer
            table = takeaway.corpus_table(self.embed(source, corpus, "all-words", layers=[at], progress=progress), 0)
            takeaway.export_table(table, format, Path(out))

    def start_take_away(self, source: str, format: takeaway.Format, out: Path) -> str:
        """The same in the background; returns a task id."""
        return self._start_task(
            ["takeaway", source, "--format", format, "--out", str(out.resolve())], "Take a model away"
        )

    def _adapted_run(self, source: str) -> Path:
        named = run_source(source)
        if named is None or named.step is not None:
            raise UserError(f"{source} has no adapter of its own: give run:ID of a run with LoRA.")
        return self.store.folder("runs", self._run_id(named.run))

    def _corpus_of(self, source: str) -> str:
        named = run_source(source)
        if named is None:
            raise UserError("Which corpus are the words from? Give one with --corpus.")
        return self.run(named.run).config.corpus_id


def _collateral(events: Sequence[Mapping[str, Any]], step: int | None) -> float | None:
    kept = runfolder.canary_kept(events)
    return 1.0 - kept[step] if step in kept else None
