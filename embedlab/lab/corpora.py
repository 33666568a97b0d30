"""Corpora: what was uploaded, and what it says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedlab import corpus as corpora
from embedlab import occurrences
from embedlab.corpus import Columns, Imported, Preview, Refusal
from embedlab.lab.base import Workspace
from embedlab.occurrences import Line
from embedlab.store import Entry
from embedlab.types import Corpus


@dataclass(frozen=True)
class Added:
    """What became of an uploaded file: rows_in = kept + len(refused)."""

    id: str
    name: str
    kept: int
    rows_in: int
    refused: tuple[Refusal, ...]
    encoding: str


class Corpora(Workspace):
    """What can be done with corpora."""

    def __init__(self, root: Path | str = "workspace") -> None:
        super().__init__(root)
        self._bundled: set[str] = set()

    def preview_corpus(self, path: Path, name: str | None = None) -> Preview:
        """The first rows as they would be read, with a guess of the columns. Raises CorpusError."""
        return corpora.preview(Path(path), name or Path(path).name)

    def add_corpus(self, path: Path, columns: Columns | None = None, name: str | None = None) -> Added:
        """Read a file into the workspace. The same content gets the same id. Raises CorpusError."""
        read = corpora.read(Path(path), name or Path(path).name, columns)

        def fill(folder: Path) -> None:
            corpora.save(read.corpus, folder)
            corpora.save_refusals(read.refused, folder)

        self.store.put("corpora", read.corpus.id, read.corpus.name, corpus_summary(read), fill)
        return Added(
            read.corpus.id, read.corpus.name, len(read.corpus), read.rows_in, tuple(read.refused), read.encoding
        )

    def corpora(self) -> list[Entry]:
        """A person's own first, newest first; those that came with EmbedLab after them."""
        return sorted(self.store.entries("corpora"), key=lambda entry: entry.id in self._bundled)

    def find_corpus(self, id: str) -> Entry:
        """By id, the beginning of an id, or name."""
        return self.store.find("corpora", id)

    def corpus(self, id: str) -> Corpus:
        return corpora.load(self.store.folder("corpora", self.find_corpus(id).id))

    def refusals(self, id: str) -> tuple[Refusal, ...]:
        """The rows that could not be read, with the reason."""
        return corpora.load_refusals(self.store.folder("corpora", self.find_corpus(id).id))

    def concordance(self, id: str, word: str, width: int = 40) -> list[Line]:
        """Every use of a word in its context. Raises CorpusError with near spellings when there is none."""
        return occurrences.concordance(self.corpus(id), word, width)


def corpus_summary(read: Imported) -> dict[str, Any]:
    """What a list of corpora shows without opening one: counts of rows that carry each kind of value."""
    corpus = read.corpus
    targets = [target for target in corpus.targets or () if target is not None]
    return {
        "rows": len(corpus),
        "rows_in": read.rows_in,
        "refused": len(read.refused),
        "format": read.format,
        "encoding": read.encoding,
        "labels": sum(label is not None for label in corpus.labels or ()),
        "label_kinds": len(set(corpus.labels or ()) - {None}),
        "pairs": sum(pair is not None for pair in corpus.pairs or ()),
        "negatives": sum(negative is not None for negative in corpus.negatives or ()),
        "scores": sum(score is not None for score in corpus.scores or ()),
        "targets": len(targets),
        "senses": len({(target.word, target.sense) for target in targets if target.sense is not None}),
        "words": sorted({target.word for target in targets}),
        "held_out": int(corpora.held_out(corpus).sum()),
    }
