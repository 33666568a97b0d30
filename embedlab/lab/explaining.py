"""Explanations of a change: the training behind a word, and the words that moved together."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64

from embedlab import demo, survey
from embedlab.comparing import causes
from embedlab.comparing import groups as grouping
from embedlab.comparing.causes import StepMove, Why
from embedlab.comparing.groups import Group, Groups
from embedlab.errors import CorpusError, StoreError, UserError
from embedlab.lab.athand import AtHand
from embedlab.lab.base import Progress, digest, part, quiet
from embedlab.lab.models import run_source
from embedlab.measure.drift import drift_cosine
from embedlab.store import copy_sealed, read_json, write_json
from embedlab.survey import Vectors
from embedlab.surveying.plan import distinct_texts
from embedlab.training.division import trained_rows
from embedlab.types import Comparison, Corpus, RunConfig

LISTED = 30  # rows listed of each kind
TrainedRows = Bool[np.ndarray, "row"]


class Explaining(AtHand):
    """What can be asked about why something changed."""

    def why(
        self,
        id: str,
        word: str,
        layer: int | None = None,
        *,
        most: int = LISTED,
        read: bool = False,
        progress: Progress = quiet,
    ) -> Why:
        """What may have changed a word: the training rows that hold it or lie nearest to it in the model before, how
        often the training showed it, and at which kept step it moved. Raises UserError.

        `read`: where the vectors this needs are not in the workspace, read them with the models now (imports torch).
        """
        comparison = self.comparison(id)
        at = self._layer(comparison, layer)
        row = comparison.words.row(word)
        if row is None:
            raise UserError(f"The word {word!r} is not counted in this comparison: choose one of its words.")
        corpus, trained, notes = self._shown_in_training(comparison)
        rows = np.ones(len(corpus), dtype=bool) if trained is None else trained
        uses = causes.shown_uses(corpus, rows, word)
        near = self._nearness(comparison, word, at, corpus, read, part(progress, 0.0, 0.5))
        holding = {use.row for use in uses}
        others = [causes.shown_row(corpus, int(i)) for i in np.flatnonzero(rows) if int(i) not in holding]
        both = self.vectors_of(comparison, at)
        if near is not None and both is not None and both[0].half:
            notes = (*notes, "Nearness is that of vectors in half precision, which came with EmbedLab.")
        steps = self._steps(comparison, word, at, read, part(progress, 0.5, 1.0))
        progress(1.0, "explained")
        return Why(
            comparison.id, word, at, corpus.id, corpus.name, trained is not None,
            causes.frequency(corpus, rows, uses), causes.ranked(uses, near, most),
            None if near is None else causes.ranked(others, near, most), steps, notes,
        )  # fmt: skip

    def groups(self, id: str, layer: int | None = None, *, progress: Progress = quiet) -> Groups:
        """The words that moved together at a layer; found once, then kept. Raises UserError.

        Also where they were not found before and the vectors of this layer are not here.
        """
        comparison = self.comparison(id)
        at = self._layer(comparison, layer)
        name = self._groups_name(comparison.id, at)
        folder = self._snapshot(name)
        if folder is None:
            both = self.vectors_of(comparison, at)
            if both is None:
                raise self.no_vectors(comparison, at)
            progress(0.1, "dividing the words by how they moved")
            seeds = self._seeds(comparison, both[0])
            found = grouping.groups(*both, comparison, at, seeds, comparison.provenance.seed)
            folder = self.store.put(
                "snapshots", name, f"groups of {comparison.id[:12]}", {"kind": "groups"},
                lambda target: write_json(target / "groups.json", asdict(found)),
            )  # fmt: skip
        progress(1.0, "divided")
        return _groups_of(read_json(self._settled(folder), "groups.json"))

    def has_groups(self, id: str, layer: int) -> bool:
        """Whether the groups of a layer were found before, or came with EmbedLab."""
        return self._snapshot(self._groups_name(self.store.find("comparisons", id).id, layer)) is not None

    def ship_groups(self, id: str, out: Path) -> None:
        """Find the groups of every layer and put them where what comes with EmbedLab lies."""
        comparison = self.comparison(id)
        for layer in range(len(comparison.layers)):
            self.groups(id, layer)
            name = self._groups_name(comparison.id, layer)
            copy_sealed(self.store.folder("snapshots", name), Path(out) / name)

    def _groups_name(self, id: str, layer: int) -> str:
        return digest(["groups", grouping.VERSION, id, layer])

    def _layer(self, comparison: Comparison, layer: int | None) -> int:
        last = len(comparison.layers) - 1
        if layer is not None and not 0 <= layer <= last:
            raise UserError(f"There is no layer {layer}: this comparison has the layers 0 to {last}.")
        return last if layer is None else layer

    # ---- vectors at hand ----------------------------------------------------------------------------------------

    def _seeds(self, comparison: Comparison, before: Vectors) -> list[Vectors]:
        """The surveys of the other seeds that the comparison was held against, where they are still here."""
        wanted = {spec.source for spec in comparison.noise.replicates}
        found: dict[str, Vectors] = {}
        for entry in self.store.entries("snapshots"):
            said = entry.summary
            if (
                said.get("kind") == "survey"
                and said["model"] in wanted
                and said["corpus_id"] == comparison.provenance.corpus_id
            ):
                one = survey.open_survey(self.store.folder("snapshots", entry.id))
                if one.plan_id == before.plan_id:
                    found.setdefault(said["model"], one)
        return list(found.values())

    # ---- the training -------------------------------------------------------------------------------------------

    def _shown_in_training(self, comparison: Comparison) -> tuple[Corpus, TrainedRows | None, tuple[str, ...]]:
        """(the corpus, which of its rows `after` was trained on, notes); None and the compared corpus where unknown."""
        config = self._training_of(comparison)
        if config is not None:
            corpus = self.corpus(config.corpus_id)
            return corpus, trained_rows(corpus, config), ()
        try:
            corpus = self.corpus(comparison.provenance.corpus_id)
        except StoreError as error:
            raise CorpusError("The corpus of this comparison is not in this workspace: add it again.") from error
        note = (
            f"What {comparison.after.source} was trained on is not known here: these are rows of the compared corpus, "
            "which it may or may not have been trained on."
        )
        return corpus, None, (note,)

    def _training_of(self, comparison: Comparison) -> RunConfig | None:
        """How `after` was trained; of the results that came with EmbedLab, whose run is not here, as the demo says."""
        named = run_source(comparison.after.source)
        if named is None:
            return None
        try:
            return self.run(named.run).config
        except StoreError:
            if comparison.id != self.shipped:
                return None
            return self.run_config("builtin", comparison.provenance.corpus_id, "senses", **demo.RUN)

    def _nearness(
        self, comparison: Comparison, word: str, layer: int, corpus: Corpus, read: bool, progress: Progress
    ) -> Float64[np.ndarray, "row"] | None:
        """Cosine of every row's text with the word in the model before; None where that is to be read first."""
        source, name = comparison.before.source, _of_before(comparison, layer)
        both = self.vectors_of(comparison, layer)
        if both is not None and corpus.id == comparison.provenance.corpus_id:
            known = both[0]
            at = known.layer_names.index(name)
            texts, _ = distinct_texts(corpus)
            place = {text: i for i, text in enumerate(texts)}
            of_row = np.array([place[text] for text in corpus.texts], dtype=np.int64)
            whole = np.where(known.seen_texts[: len(texts), None], known.texts[at][: len(texts)], 0)
            return causes.cosines(np.asarray(known.word_means[at][known.words.index(word)]), whole[of_row])
        if not read:
            return None
        progress(0.0, f"reading the training rows with {source}")
        texts_read = self.embed(source, corpus.id, "texts", progress=part(progress, 0.0, 0.8))
        at = texts_read.layer_names.index(name)
        whole = np.zeros((len(corpus), texts_read.layers[at].shape[1]), dtype=np.float32)
        whole[[use.row or 0 for use in texts_read.occurrences]] = texts_read.layers[at]
        mean = self._mean_of(source, comparison.provenance.corpus_id, word, name)
        return causes.cosines(mean, whole)

    def _mean_of(self, source: str, corpus_id: str, word: str, layer: str) -> Float32[np.ndarray, "d"]:
        """The mean vector of the uses of a word in one model state."""
        read = self.embed(source, corpus_id, word=word)
        return np.asarray(read.layers[read.layer_names.index(layer)].mean(axis=0))

    # ---- along the run ------------------------------------------------------------------------------------------

    def _steps(
        self, comparison: Comparison, word: str, layer: int, read: bool, progress: Progress
    ) -> tuple[StepMove, ...]:
        """The word at the kept states of the run: from the comparisons there are, and with `read` from the models."""
        named = run_source(comparison.after.source)
        if named is None:
            return ()
        try:
            run, frames = self._run_id(named.run), self.frames(named.run)
        except UserError:
            return ()
        kept = next((frame.step for frame in frames if frame.kept), None)
        found = self._compared_steps(comparison, run, kept, word, layer)
        missing = [frame.step for frame in frames if frame.step not in found]
        if read and missing and _of_before(comparison, layer) == _of_after(comparison, layer):
            name, corpus_id = _of_before(comparison, layer), comparison.provenance.corpus_id
            start = self._mean_of(comparison.before.source, corpus_id, word, name)[None, :]
            for number, step in enumerate(missing):
                progress(number / len(missing), f"reading the word at step {step:,}")
                there = self._mean_of(f"run:{run}@{step}", corpus_id, word, name)[None, :]
                found[step] = StepMove(step, drift=float(drift_cosine(start, there)[0]))
        return tuple(found[step] for step in sorted(found))

    def _compared_steps(
        self, comparison: Comparison, run: str, kept: int | None, word: str, layer: int
    ) -> dict[int, StepMove]:
        """Step -> the word there, from the newest comparison of the same before with that state on this corpus."""
        found: dict[int, StepMove] = {}
        here = (comparison.before.source, comparison.provenance.corpus_id)
        for entry in self.comparisons():
            named = run_source(str(entry.summary["after"]))
            if named is None or (entry.summary["before"], entry.summary["corpus_id"]) != here:
                continue
            step = kept if named.step is None else named.step
            if step is None or step in found or not run.startswith(named.run):
                continue
            one = comparison if entry.id == comparison.id else self.comparison(entry.id)
            row, names = one.words.row(word), one.layer_names
            if row is not None and comparison.layer_names[layer] in names:
                found[step] = _at_step(one, step, row, names.index(comparison.layer_names[layer]))
        return found


def _at_step(comparison: Comparison, step: int, row: int, layer: int) -> StepMove:
    table = comparison.words
    drift = float(table.drift[layer, row])
    known = table.noise is not None and bool(np.isfinite(table.noise[layer, row]))
    return StepMove(
        step, float(table.change[layer, row]), bool(table.changed(layer)[row]) if known else None,
        drift if np.isfinite(drift) else None,
    )  # fmt: skip


def _of_before(comparison: Comparison, layer: int) -> str:
    """What the model before calls a layer of the comparison."""
    return comparison.layer_names[layer].split(" → ")[0]


def _of_after(comparison: Comparison, layer: int) -> str:
    return comparison.layer_names[layer].split(" → ")[-1]


def _groups_of(said: dict[str, Any]) -> Groups:
    tuples = ("words", "towards", "away")
    found = tuple(Group(**(one | {name: tuple(one[name]) for name in tuples})) for one in said["groups"])
    return Groups(**{**said, "groups": found})
