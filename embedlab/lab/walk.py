"""The walk: every system of the lineage on one corpus, each untrained and trained, asked the same of one word."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from embedlab.errors import UserError
from embedlab.lab.base import Progress, digest, part, quiet
from embedlab.lab.comparisons import Comparisons
from embedlab.lineage.kinds import SCRATCH
from embedlab.store import is_sealed, read_json, sealed_folder, write_json
from embedlab.types import Comparison

NEIGHBOURS = 10


@dataclass(frozen=True)
class System:
    """One stop of the walk. `kind`: of the lineage, "" for the bundled transformer; `teaches`: its objective or recipe.

    `sizes`: small ones, so that a lesson waits minutes and not hours.
    """

    name: str
    title: str
    kind: str
    objective: str | None = None
    recipe: str | None = None
    sizes: dict[str, Any] = field(default_factory=dict)


SYSTEMS: tuple[System, ...] = (
    System("bow", "Bag of words", "table", recipe="bag-of-words"),
    System("skipgram", "word2vec, skip-gram", "table", "skipgram"),
    System("cbow", "word2vec, CBOW", "table", "cbow"),
    System("glove", "GloVe", "table", "glove"),
    System("lstm", "LSTM classifier", "lstm", recipe="word-classifier"),
    System("cnn", "CNN classifier (Kim)", "cnn", recipe="word-classifier"),
    System("cove", "CoVe", "cove", "translation", sizes={"embedding_size": 100, "lstm_size": 100}),
    System("elmo", "ELMo", "elmo", recipe="language-model"),
    System("ulmfit", "ULMFiT", "awd-lstm", recipe="ulmfit"),
    System("bert", "BERT and kin (the bundled model)", "", recipe="senses"),
)


@dataclass(frozen=True)
class Look:
    """What one model state makes of the word, at its last layer. None: not defined for it (or not measured).

    `same`: cosine of the word's vectors in the two sentences, 1 where the system has one vector a word.
    `self_similarity`, `mean_cosine` (isotropy: near 0 is even), `separability` (macro-F1 of the nearest sense
    centroid of the word's held-out uses): as on Compare and Senses. `score`: the held-out score of its own task.
    """

    neighbours: tuple[str, ...]
    same: float | None
    self_similarity: float | None
    mean_cosine: float | None
    separability: float | None
    score: float | None


@dataclass(frozen=True)
class Stop:
    """One system, walked: untrained (`before`) and trained. `note`: the honest label, or why it was passed over."""

    name: str
    title: str
    note: str
    source: str = ""
    run: str = ""
    comparison: str = ""
    score_name: str = ""
    parameters: int = 0
    seconds: float = 0.0
    before: Look | None = None
    after: Look | None = None


@dataclass(frozen=True)
class Walk:
    """All stops on one corpus for one word and two sentences that use it."""

    id: str
    corpus_id: str
    corpus: str
    word: str
    sentences: tuple[str, str]
    stops: tuple[Stop, ...]


class Walks(Comparisons):
    """The walk through the lineage."""

    def lineage(
        self,
        corpus_id: str,
        word: str,
        sentences: tuple[str, str],
        *,
        systems: Sequence[str] | None = None,
        seed: int = 0,
        progress: Progress = quiet,
    ) -> Walk:
        """Make, train and compare every system; what was trained before is not trained again. Raises UserError."""
        entry = self.find_corpus(corpus_id)
        for sentence in sentences:
            if word.lower() not in sentence.lower():
                raise UserError(f"The sentence {sentence[:60]!r} does not hold {word!r}: give two that do.")
        unknown = sorted(set(systems or ()) - {system.name for system in SYSTEMS})
        if unknown:
            known = ", ".join(system.name for system in SYSTEMS)
            raise UserError(f"There is no system {unknown[0]!r} to walk to: choose from {known}.")
        chosen = [system for system in SYSTEMS if systems is None or system.name in systems]
        id = digest([entry.id, word, sentences, [system.name for system in chosen], seed])[:16]
        stops = []
        for number, system in enumerate(chosen):
            telling = part(progress, number / len(chosen), (number + 1) / len(chosen))
            stops.append(self._stop(system, entry.id, word, sentences, seed, telling))
        walk = Walk(id, entry.id, entry.name, word, sentences, tuple(stops))
        with sealed_folder(self._walk_folder(id)) as folder:
            write_json(folder / "walk.json", asdict(walk))
        progress(1.0, "walked")
        return walk

    def start_lineage(
        self, corpus_id: str, word: str, sentences: tuple[str, str], systems: Sequence[str] | None = None
    ) -> str:
        """The same in the background; returns a task id. The task's result holds the walk's id."""
        given = ["--corpus", corpus_id, "--word", word, "--first", sentences[0], "--second", sentences[1]]
        for system in systems or ():
            given += ["--system", system]
        return self._start_task(["lineage", *given], f"The lineage of “{word}”")

    def walks(self) -> list[Walk]:
        """Newest first."""
        folders = sorted((self.root / "walks").glob("*"), key=lambda folder: -folder.stat().st_mtime)
        return [self.walk(folder.name) for folder in folders if is_sealed(folder)]

    def walk(self, id: str) -> Walk:
        """A walk that was done. Raises StoreError where there is none."""
        said = read_json(self._walk_folder(id), "walk.json")
        stops = tuple(_stop_of(stop) for stop in said["stops"])
        return Walk(**{**said, "sentences": tuple(said["sentences"]), "stops": stops})

    def _walk_folder(self, id: str) -> Path:
        return self.root / "walks" / id

    def _stop(
        self, system: System, corpus_id: str, word: str, sentences: tuple[str, str], seed: int, progress: Progress
    ) -> Stop:
        try:
            source = "builtin" if not system.kind else self.new_model(system.kind, corpus_id, seed=seed, **system.sizes)
            config = self.run_config(source, corpus_id, system.objective, recipe=system.recipe, seed=seed)
            (run,) = self.finetune_seeds(config, 1, part(progress, 0.0, 0.7))
            made = self.compare(source, f"run:{run.id}", corpus_id, words=[word], progress=part(progress, 0.7, 1.0))
        except UserError as error:
            return Stop(system.name, system.title, f"Passed over: {error}")
        note = SCRATCH if system.kind else "Trained by others on very much text, then tuned here."
        scores = {"before": run.score_before, "after": run.score}
        before, after = (
            self._look(side, of, made, word, sentences, scores[side])
            for side, of in (("before", source), ("after", f"run:{run.id}"))
        )
        parameters = self.model(f"run:{run.id}").parameters
        return Stop(
            system.name, system.title, note, source, run.id, made.id, run.score_name or "", parameters, run.elapsed_s,
            before, after,
        )  # fmt: skip

    def _look(
        self, side: str, source: str, made: Comparison, word: str, sentences: tuple[str, str], score: float | None
    ) -> Look:
        readings = made.layers[-1].readings
        value = lambda name: getattr(readings[name], side) if name in readings else None  # noqa: E731
        senses = made.sense_readings.get(word)
        apart = senses[-1].readings.get("wsd_centroid_macro_f1") if senses else None
        table = made.words.neighbours_before if side == "before" else made.words.neighbours_after
        at = made.words.words.index(word) if word in made.words.words else None
        near = () if at is None else tuple(made.words.words[i] for i in table[-1][at][:NEIGHBOURS] if i >= 0)
        try:
            same = self.same_word(source, *sentences, word).cosine[-1]
        except UserError:  # a word that the table lacks has no vector in either sentence
            same = None
        return Look(
            near, same, value("self_similarity"), value("mean_cosine"),
            None if apart is None else getattr(apart, side), score,
        )  # fmt: skip


def _stop_of(said: dict[str, Any]) -> Stop:
    looks = {
        side: None if said[side] is None else Look(**{**said[side], "neighbours": tuple(said[side]["neighbours"])})
        for side in ("before", "after")
    }
    return Stop(**{**said, **looks})
