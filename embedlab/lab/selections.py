"""Selections: rows of a corpus, chosen on a screen, as a corpus of their own; and those too large for an address."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from embedlab import corpus as corpora
from embedlab import occurrences
from embedlab.corpus import Columns, Imported
from embedlab.corpus.limits import shown
from embedlab.corpus.rows import content_id
from embedlab.errors import CorpusError
from embedlab.lab.comparisons import Comparisons
from embedlab.lab.corpora import corpus_summary
from embedlab.store import Entry, atomic_write
from embedlab.types import Corpus, Target

SHORT = 16  # letters of the id of a selection
MOST_KEPT = 500  # selections; each is about a bit a row at most


class Selections(Comparisons):
    """What can be done with a choice of rows."""

    def corpus_from(
        self, corpus_id: str, rows: Sequence[int], name: str, *, targets: Sequence[Target | None] | None = None
    ) -> Entry:
        """A new corpus of some rows of a corpus, each once and in the order of the corpus. Raises CorpusError.

        `targets[i]`: the word and the sense of `rows[i]`, in place of what the corpus says (for senses that a person
        named); rows then stay in the order given, and one may come again for another use in its text.
        Every row keeps its side: what was held out is marked `test`, so that nothing a model was trained on is scored.
        """
        source = self.corpus(corpus_id)
        kept = list(rows) if targets is not None else sorted(set(rows))
        if not name.strip():
            raise CorpusError("The new corpus has no name: type one.")
        if not kept:
            raise CorpusError("Nothing is selected, so there is nothing to make a corpus of: select some rows.")
        if min(kept) < 0 or max(kept) >= len(source):
            raise CorpusError(f"{source.name} has the rows 0 to {len(source) - 1:,}: select some of these.")
        if targets is not None and len(targets) != len(kept):
            raise CorpusError(f"There are {len(kept)} rows and {len(targets)} targets: give one target a row.")
        made = _of_rows(source, kept, shown(name.strip()), targets)

        summary = corpus_summary(Imported(made, len(made), (), "utf-8", "selection", Columns()))
        summary |= {"from": self.find_corpus(corpus_id).id}
        self.store.put("corpora", made.id, made.name, summary, lambda folder: _fill(made, folder))
        return self.find_corpus(made.id)

    def rows_with(self, corpus_id: str, words: Sequence[str]) -> tuple[int, ...]:
        """The rows whose text uses any of these words, whatever the case; a row about a headword uses it too."""
        wanted = {word.lower() for word in words}
        source = self.corpus(corpus_id)
        about = source.targets or (None,) * len(source)
        return tuple(
            row
            for row, (text, target) in enumerate(zip(source.texts, about, strict=True))
            if (target is not None and target.word.lower() in wanted)
            or any(text[start:end].lower() in wanted for start, end in occurrences.word_spans(text))
        )

    def keep_rows(self, rows: Int64[np.ndarray, "m"]) -> str:
        """Keep a selection too large for an address; returns a short id, the hash of it, for `kept_rows`.

        Increasing rows, not negative. The MOST_KEPT that were looked at last stay.
        """
        from embedlab.figures.pane import pack

        raw = zlib.compress(pack(rows), 1)
        id = hashlib.sha256(raw).hexdigest()[:SHORT]
        place = self._kept_rows(id)
        if place.is_file():
            place.touch()
            return id
        atomic_write(place, raw)
        kept = sorted(place.parent.glob("*.rows"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in kept[MOST_KEPT:]:
            old.unlink(missing_ok=True)
        return id

    def kept_rows(self, id: str) -> Int64[np.ndarray, "m"] | None:
        """The selection that was kept under an id; None where there is none, or its bytes are not those kept."""
        from embedlab.figures.pane import unpack

        if len(id) != SHORT or set(id) - set("0123456789abcdef"):
            return None
        place = self._kept_rows(id)
        if not place.is_file():
            return None
        raw = place.read_bytes()
        if hashlib.sha256(raw).hexdigest()[:SHORT] != id:
            return None
        place.touch()
        return unpack(zlib.decompress(raw), 2**35)

    def _kept_rows(self, id: str) -> Path:
        return self.root / "selections" / f"{id}.rows"


def _fill(made: Corpus, folder: Path) -> None:
    corpora.save(made, folder)
    corpora.save_refusals((), folder)


def _of_rows(source: Corpus, rows: Sequence[int], name: str, targets: Sequence[Target | None] | None) -> Corpus:
    """The columns at `rows`; a column that is empty there is left out."""

    def column(values: Sequence[Any] | None) -> tuple[Any, ...] | None:
        found = () if values is None else tuple(values[row] for row in rows)
        return found if any(value is not None for value in found) else None

    held = corpora.held_out(source)
    given = column(source.targets) if targets is None else tuple(targets)
    made = Corpus(
        "",
        name,
        tuple(source.texts[row] for row in rows),
        labels=column(source.labels),
        pairs=column(source.pairs),
        targets=given if any(target is not None for target in given or ()) else None,
        splits=tuple("test" if held[row] else "train" for row in rows),
        negatives=column(source.negatives),
        scores=column(source.scores),
    )
    return replace(made, id=content_id(made))
