"""Names that a person gave to uses of a word: kept by corpus and word, listed, taken back, exported."""

import csv
import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from embedlab.errors import CorpusError, StoreError, UserError
from embedlab.lab.base import digest
from embedlab.lab.selections import Selections
from embedlab.report.tables import guarded
from embedlab.store import Entry, is_sealed, read_json, recover, sealed_folder, write_json
from embedlab.types import Corpus, Occurrence, Target
from embedlab.wording import one_line

LONGEST = 60  # characters of a name
_WRITING = threading.Lock()

Key = tuple[int, int, int]  # row of the corpus, start and end of the use in its text


@dataclass(frozen=True)
class NamedSense:
    """One name and the uses that have it, in row order."""

    name: str
    uses: tuple[Key, ...]


class Naming(Selections):
    """What can be done with names of senses."""

    def named_senses(self, corpus_id: str, word: str) -> tuple[NamedSense, ...]:
        """The senses that were named for a word of a corpus, in the order of their naming."""
        folder = self._named_folder(corpus_id, word)
        recover(folder.parent)
        if not is_sealed(folder):
            return ()
        said = read_json(folder, "senses.json")["senses"]
        return tuple(NamedSense(one["name"], tuple((r, s, e) for r, s, e in one["uses"])) for one in said)

    def name_sense(self, corpus_id: str, word: str, name: str, uses: Sequence[Occurrence]) -> tuple[NamedSense, ...]:
        """Give uses a name; a use has one name, the last it was given. Returns all names. Raises UserError."""
        name = one_line(name)
        if not name:
            raise UserError("The sense has no name: type one.")
        if len(name) > LONGEST:
            raise UserError(f"The name has {len(name)} characters: give at most {LONGEST}.")
        keys = {key_of(use) for use in uses}
        if not keys:
            raise UserError("Nothing is selected, so there is nothing to name: draw around some points first.")
        with _WRITING:
            known = self.named_senses(corpus_id, word)
            others = [NamedSense(one.name, tuple(key for key in one.uses if key not in keys)) for one in known]
            kept = {one.name: set(one.uses) for one in others if one.uses or one.name == name}
            kept.setdefault(name, set()).update(keys)
            return self._keep_names(corpus_id, word, kept)

    def forget_sense(self, corpus_id: str, word: str, name: str) -> tuple[NamedSense, ...]:
        """Take a name back; its uses have none then. Returns what is left. Raises UserError."""
        with _WRITING:
            kept = {one.name: set(one.uses) for one in self.named_senses(corpus_id, word)}
            if kept.pop(name, None) is None:
                raise UserError(f"No sense of “{word}” is named {name[:LONGEST]!r}.")
            return self._keep_names(corpus_id, word, kept)

    def named_csv(self, corpus_id: str, word: str) -> bytes:
        """The named uses as CSV: word, sense, text, start, end, row. Cells that would run as formulas are guarded."""
        corpus = self.corpus(corpus_id)
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(("word", "sense", "text", "start", "end", "row"))
        for one in self.named_senses(corpus_id, word):
            for row, start, end in self._still_there(corpus, one):
                writer.writerow((guarded(word), guarded(one.name), guarded(corpus.texts[row]), start, end, row))
        return buffer.getvalue().encode("utf-8-sig")

    def corpus_of_senses(self, corpus_id: str, word: str, name: str) -> Entry:
        """A new corpus with a row a named use, the name in its sense column. Raises CorpusError."""
        corpus = self.corpus(corpus_id)
        found = [
            (row, Target(start, end, word, one.name))
            for one in self.named_senses(corpus_id, word)
            for row, start, end in self._still_there(corpus, one)
        ]
        if not found:
            raise CorpusError(f"No sense of “{word}” has been named: draw around some points and name them first.")
        found.sort(key=lambda one: (one[0], one[1].start))
        return self.corpus_from(corpus_id, [row for row, _ in found], name, targets=[target for _, target in found])

    def _keep_names(self, corpus_id: str, word: str, kept: dict[str, set[Key]]) -> tuple[NamedSense, ...]:
        said = [{"name": name, "uses": sorted(keys)} for name, keys in kept.items()]
        about = {"corpus_id": self.find_corpus(corpus_id).id, "word": word.lower(), "senses": said}
        with sealed_folder(self._named_folder(corpus_id, word)) as folder:
            write_json(folder / "senses.json", about)
        return tuple(NamedSense(name, tuple(sorted(keys))) for name, keys in kept.items())

    def _named_folder(self, corpus_id: str, word: str) -> Path:
        return self.root / "senses" / digest([self.find_corpus(corpus_id).id, word.lower()])

    def _still_there(self, corpus: Corpus, one: NamedSense) -> tuple[Key, ...]:
        """The uses of a name, all inside their texts. Raises StoreError for a file that was tampered with."""
        for row, start, end in one.uses:
            if not (0 <= row < len(corpus) and 0 <= start < end <= len(corpus.texts[row])):
                raise StoreError(f"The uses named {one.name[:LONGEST]!r} are not of this corpus: take the name back.")
        return one.uses


def key_of(use: Occurrence) -> Key:
    if use.row is None:
        raise UserError("These uses are of no corpus of this workspace, so they cannot be named.")
    return use.row, use.start, use.end
