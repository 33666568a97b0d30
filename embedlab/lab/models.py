"""Models: what can be loaded, and the vectors it gives."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32

from embedlab import corpus as corpora
from embedlab import encoders, jobs, occurrences
from embedlab.encoders import ModelInfo
from embedlab.encoders.files import check_folder
from embedlab.encoders.files import digest as file_digest
from embedlab.encoders.inside import Inside, SameWord
from embedlab.encoders.protocol import Encoder, Precision
from embedlab.encoders.static import static_file
from embedlab.errors import CorpusError, UserError
from embedlab.lab.base import Progress, digest, quiet
from embedlab.lab.corpora import Corpora
from embedlab.lab.searching import Desk
from embedlab.store import copy_sealed, is_sealed
from embedlab.types import Corpus, EncoderSpec, Occurrence, Snapshot
from embedlab.vectorfiles import read_vectors

MODEL = "model:"  # before the id of a model that was made here
LIBRARIES_S = 5.0  # to import torch and transformers, measured on two cores; the model that came along: .3 s more
LOAD_BYTES_S = 3e8  # of weights, from a disk that has read them before
EmbedWhat = Literal["targets", "texts", "all-words"]


@dataclass(frozen=True)
class RunSource:
    """run:ID, the model a run kept, or run:ID@STEP, a model state on the way there."""

    run: str
    step: int | None = None


def run_source(source: str) -> RunSource | None:
    """What a source says of a run; None where it names none. Raises UserError for a step that is no number."""
    if not source.startswith("run:"):
        return None
    run, at, step = source.removeprefix("run:").partition("@")
    if at and not step.isdigit():
        raise UserError(f"{source} names no step: write run:ID, or run:ID@STEP such as run:{run or 'ID'}@100.")
    return RunSource(run, int(step) if at else None)


class Models(Corpora):
    """What can be done with model states."""

    def models(self) -> list[ModelInfo]:
        """The bundled model, the untrained ones that were made here, and what the finished runs made."""
        ended = (run.id for run in jobs.runs(self.store) if run.state not in jobs.LIVE)
        finished = [f"run:{id}" for id in ended if self.has_model(id)]
        return [self.model(source) for source in ("builtin", *self.made_models(), *finished)]

    def made_models(self) -> list[str]:
        """The models that were made or brought here, as model:ID."""
        return [MODEL + entry.id for entry in self.store.entries("models")]

    def new_model(self, kind: str, corpus_id: str, *, vectors: Path | None = None, seed: int = 0, **sizes: Any) -> str:
        """An untrained model of the lineage with the words of a corpus; returns its source, model:ID (imports torch).

        `vectors`: a file of word vectors that its table starts from. The same wishes give the same model.
        Raises UserError for an unknown kind or size.
        """
        from embedlab.lineage import making
        from embedlab.lineage.wordtables import Table

        corpus = self.corpus(corpus_id)
        table = None if vectors is None else Table.of_file(read_vectors(Path(vectors)))
        file = None if vectors is None else file_digest(Path(vectors))
        id = digest([kind, corpus.id, file, seed, sorted(sizes.items())])[:12]
        name = None if vectors is None else Path(vectors).name
        summary = {"kind": kind, "corpus_id": corpus.id, "seed": seed, "vectors": name}

        def fill(folder: Path) -> None:
            given = None if table is None else (table.words, table.vectors)
            making.make(kind, folder, corpus.texts, seed=seed, table=given, **sizes)

        self.store.put("models", id, f"{kind} on {corpus.name}", summary, fill)
        return MODEL + id

    def model(self, source: str) -> ModelInfo:
        """Layers, width, size of a model, without loading it. Raises ModelError."""
        found = encoders.describe(EncoderSpec(source), self._model_folder(source))
        if source.startswith(MODEL):
            found = replace(found, name=self.store.find("models", source.removeprefix(MODEL)).name)
        return found

    def encoder(self, source: str) -> Encoder:
        """Load a model state (imports torch). Raises ModelError."""
        return encoders.load(EncoderSpec(source), self._model_folder(source))

    def bring_model(
        self,
        kind: str,
        weights: Path,
        *,
        options: Path | None = None,
        words: Path | None = None,
        vectors: Path | None = None,
        corpus_id: str | None = None,
    ) -> str:
        """Published weights of ELMo (.hdf5 and `options`), ULMFiT (.pth and `words`) or CoVe (.pth, `vectors` and a
        corpus) as a model of the workspace; returns its source, model:ID (imports torch). Raises UserError.
        """
        from embedlab.lineage import bringing
        from embedlab.lineage.wordtables import Table

        weights = Path(weights)
        if not weights.is_file():
            raise UserError(f"There is no file {weights.name}: give the file of weights.")
        texts = () if corpus_id is None else self.corpus(corpus_id).texts
        table = None if vectors is None else Table.of_file(read_vectors(Path(vectors)))
        files = [None if path is None else file_digest(Path(path)) for path in (weights, options, words, vectors)]
        id = digest([kind, files, corpus_id and self.find_corpus(corpus_id).id])[:12]
        self.store.put(
            "models", id, f"{kind}, {weights.name}", {"kind": kind, "weights": weights.name},
            lambda folder: bringing.bring(
                kind, folder, weights, options=options, words=words, table=table, texts=texts
            ),
        )  # fmt: skip
        return MODEL + id

    def inside(self, source: str, text: str, *, desk: Desk | None = None, progress: Progress = quiet) -> Inside:
        """What a model state makes of one sentence, step by step (imports torch). Raises ModelError.

        `desk`: keeps the model loaded for the next sentence.
        """
        from embedlab.encoders import anatomy

        if desk is None:
            return anatomy.inside(self.encoder(source), text)
        key = (str(self.root), source, self.print_of(source))
        if key not in desk.encoders:
            progress(0.0, self.loading_line([source], "sentence"))
        return anatomy.inside(desk.encoders.get(key, lambda: self.encoder(source)), text)

    def print_of(self, source: str) -> str:
        """The hash of a model's files as they are now, as `Encoder.fingerprint` has it; of a file of word vectors the
        hash of its bytes. Raises ModelError."""
        words = static_file(EncoderSpec(source))
        return file_digest(words) if words is not None else check_folder(self._encoder_folder(source)).fingerprint()

    def loading_line(self, sources: Sequence[str], first: str) -> str:
        """What waits while these models are loaded, and about how long; `first`: a question, a sentence."""
        size = sum(self.model(source).size_bytes for source in sources)
        seconds = (0.0 if "torch" in sys.modules else LIBRARIES_S) + size / LOAD_BYTES_S
        which, found = ("both models", "them") if len(sources) == 2 else ("a model", "it")
        weight, wait = f"{max(1, round(size / 1e6)):,} MB", f"about {max(1, round(seconds))} s"
        return f"loading {which} ({weight}) for the first {first}, {wait}; the next one finds {found} loaded"

    def same_word(self, source: str, first: str, second: str, word: str) -> SameWord:
        """Whether the vector of a word is the same in two sentences, at every layer. Raises ModelError."""
        from embedlab.encoders import anatomy

        return anatomy.same_word(self.encoder(source), first, second, word)

    def _model_folder(self, source: str) -> Path | None:
        """Where a model lies, for the sources that only the workspace knows."""
        if source.startswith(MODEL):
            return self.store.folder("models", self.store.find("models", source.removeprefix(MODEL)).id)
        named = run_source(source)
        if named is None:
            return None
        id = self._run_id(named.run)
        return (
            jobs.model_folder(self.store, id) if named.step is None else jobs.frame_folder(self.store, id, named.step)
        )

    def _encoder_folder(self, source: str) -> Path:
        """Where the files of any model lie on this machine. Raises ModelError where they do not."""
        return self._model_folder(source) or encoders.local_folder(EncoderSpec(source))

    def run_folder(self, id: str) -> Path:
        """Where the finished model of a run is (or would be)."""
        return self.store.folder("runs", id) / "model"

    def has_model(self, id: str) -> bool:
        """Whether a run left a model."""
        return is_sealed(self.run_folder(id))

    def _run_id(self, prefix: str) -> str:
        return self.store.find("runs", prefix).id

    def embed(
        self,
        model: str,
        corpus_id: str,
        what: EmbedWhat = "texts",
        *,
        word: str | None = None,
        layers: Sequence[int] | None = None,
        out: Path | None = None,
        precision: Precision = "fp32",
        cache: bool = True,
        progress: Progress = quiet,
    ) -> Snapshot:
        """Vectors of the asked occurrences at every layer, in `out` or in the workspace. Raises UserError."""
        corpus = self.corpus(corpus_id)
        items = self._items(corpus, what, word)
        encoder = self.encoder(model)
        key = [encoder.fingerprint, encoder.spec.pooling, corpus.id, word or what, list(layers or ()), precision]
        id = digest(key)
        folder = self.store.folder("snapshots", id)
        if not cache or not is_sealed(folder):
            self.store.remove("snapshots", id)
            name = f"{model} on {corpus.name}"
            fill = _filler(encoder, items, layers, precision, progress)
            self.store.put("snapshots", id, name, {"kind": "embed", "items": len(items)}, fill)
        if out is not None:
            copy_sealed(folder, Path(out))
            folder = Path(out)
        return encoders.open_snapshot(folder)

    def measure(
        self,
        before: Path,
        after: Path | None = None,
        labels: Path | None = None,
        *,
        texts: Path | None = None,
        layer: int | None = None,
        k: int = 10,
        raw_norm: bool = False,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Every number on vectors made elsewhere, or on texts of a file as models embed them. Raises UserError."""
        from embedlab.vectors import measure_vectors

        read = () if texts is None else corpora.read(Path(texts), Path(texts).name, None).corpus.texts
        embed = None if texts is None else lambda source: self._embed_texts(source, read, layer)
        return measure_vectors(before, after, labels, k=k, raw_norm=raw_norm, seed=seed, layer=layer, embed=embed)

    def _embed_texts(self, source: str, texts: Sequence[str], layer: int | None) -> Float32[np.ndarray, "text d"]:
        """One row a text, at a layer of the model (the last by default)."""
        encoder = self.encoder(source)
        last = len(encoder.layers) - 1
        if layer is not None and not 0 <= layer <= last:
            raise UserError(f"--layer is {layer}, but {source} has layers 0 to {last}.")
        at = last if layer is None else layer
        found = np.zeros((len(texts), encoder.layers[at].dim), dtype=np.float32)
        for rows, arrays in encoder.encode([Occurrence(text, 0, len(text)) for text in texts], layers=[at]):
            found[rows] = arrays[0]
        return found

    def _items(self, corpus: Corpus, what: EmbedWhat, word: str | None) -> list[Occurrence]:
        if word is not None:
            return occurrences.uses_of(corpus, word)
        if what == "targets":
            items = occurrences.targets(corpus)
            if not items:
                raise CorpusError(
                    f"{corpus.name} has no target spans: import it with --start and --end, or give --word."
                )
            return items
        if what == "texts":
            return occurrences.whole_texts(corpus)
        return occurrences.all_words(corpus)


def _filler(
    encoder: Encoder, items: list[Occurrence], layers: Sequence[int] | None, precision: Precision, progress: Progress
) -> Callable[[Path], None]:
    return lambda folder: encoders.write_snapshot(
        encoder, items, folder, layers=layers, precision=precision, progress=progress
    )
