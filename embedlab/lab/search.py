"""Search: what lies nearest to a sentence, to a word in a sentence, or to an item of the corpus, before and after."""

import csv
import io
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from embedlab import survey
from embedlab.comparing.finding import Filters, Found, Index, What, listed_words
from embedlab.encoders.protocol import Encoder, Precision
from embedlab.errors import StoreError, UserError
from embedlab.lab.base import Progress, part, quiet
from embedlab.lab.comparisons import Comparisons
from embedlab.lab.searching import (
    Desk,
    Kept,
    Read,
    asked_of,
    from_surveys,
    layers_named,
    named_word,
    text_items,
    use_items,
)  # fmt: skip
from embedlab.report.tables import guarded
from embedlab.store import is_sealed
from embedlab.types import Comparison, Corpus, Occurrence, Snapshot

__all__ = ["Desk", "Kept", "Searches", "matches_csv", "search_command"]

ANY = Filters()


class Searches(Comparisons):
    """Questions to both states of a comparison."""

    def search(
        self,
        id: str,
        query: str = "",
        *,
        what: What = "texts",
        word: str | None = None,
        like: str | None = None,
        layer: int | None = None,
        k: int = 10,
        filters: Filters = ANY,
        desk: Desk | None = None,
        progress: Progress = quiet,
    ) -> Found:
        """The k nearest before and after, each with both its ranks and cosines, at a layer (the last by default).

        `query`: any sentence; with one word of it in [brackets] that word as it stands there. Or `like`: an item of the
        corpus (`Match.key`: a row of texts, row:start of a use, a word), which is left out of both lists. Searched are
        the texts, the uses of `word`, or the words; in uses a sentence that holds the word needs no brackets.
        Vectors come from the store where the comparison left them, else they are made once and kept there; a model is
        loaded only for what somebody typed. `desk` keeps both for the next question. Raises UserError.
        """
        desk = desk or Desk()
        found = self._searched_comparison(id, desk)
        layer = len(found.layers) - 1 if layer is None else layer
        if not 0 <= layer < len(found.layers):
            raise UserError(f"There is no layer {layer}: this comparison has layers 0 to {len(found.layers) - 1}.")
        index = self.search_index(found.id, what, word, layer, desk, part(progress, 0.0, 0.5))
        if index is None:
            return listed_words(found, named_word(found, like or query), layer, k, filters)
        asked = asked_of(index.items, query, like, word)
        if asked.key is None:
            progress(0.5, "reading the question with both states (their first question loads them)")
        made = index.find(found, layer, asked, k, filters)
        progress(1.0, "found")
        return made

    def search_index(
        self,
        id: str,
        what: What,
        word: str | None = None,
        layer: int = -1,
        desk: Desk | None = None,
        progress: Progress = quiet,
    ) -> Index | None:
        """Both spaces over what is searched, ready to be asked; None where only the lists of nearest words are kept.

        Raises UserError where the vectors are gone and the models with them.
        """
        desk = desk or Desk()
        found = self._searched_comparison(id, desk)
        if what == "uses" and not (word or "").strip():
            raise UserError("Name the word whose uses are searched.")
        named = (word or "").strip().lower() if what == "uses" else ""
        layer = layer % len(found.layers)
        key = (str(self.root), found.id, what, named, layer)
        return desk.indexes.get(key, lambda: self._search_index(found, what, named, layer, desk, progress))

    def has_vectors(self, id: str) -> bool:
        """Whether the vectors that a comparison was made from are in the store."""
        return self._searched_folders(id) is not None

    def _searched_folders(self, id: str) -> tuple[Path, Path] | None:
        ids = self.store.find("comparisons", id).summary.get("surveys", ())
        folders = [self.store.folder("snapshots", survey_id) for survey_id in ids]
        return (folders[0], folders[1]) if len(folders) == 2 and all(map(is_sealed, folders)) else None

    def _searched_comparison(self, id: str, desk: Desk) -> Comparison:
        id = self.store.find("comparisons", id).id
        return desk.comparisons.get((str(self.root), id), lambda: self.comparison(id))

    def _search_index(
        self, found: Comparison, what: What, word: str, layer: int, desk: Desk, progress: Progress
    ) -> Index | None:
        surveys = self._searched_surveys(found.id)
        if surveys is None and what == "words":
            return None
        progress(0.02, "opening the vectors of the corpus")
        corpus = self._searched_corpus(found)
        name = found.layers[layer].name
        read = None if surveys is None else from_surveys(surveys, corpus, what, word, name)
        if read is None:
            precision: Precision = "fp32" if surveys is None else surveys[0].precision
            read = self._searched_embedded(found, corpus, what, word, name, precision, part(progress, 0.1, 0.9))
        progress(0.9, "indexing")
        p = found.provenance
        readers = [
            self._query_reader(side.source, fingerprint, at, read.precision, desk)
            for side, fingerprint, at in zip(
                (found.before, found.after), (p.before_fingerprint, p.after_fingerprint), read.layers, strict=True
            )
        ]
        return Index(read.items, read.before, read.after, readers[0], readers[1], read.unseen)

    def _searched_surveys(self, id: str) -> tuple[survey.Survey, survey.Survey] | None:
        """What both states read for a comparison; None where it came without, or it was deleted since."""
        folders = self._searched_folders(id)
        return None if folders is None else (survey.open_survey(folders[0]), survey.open_survey(folders[1]))

    def _searched_corpus(self, found: Comparison) -> Corpus:
        try:
            return self.corpus(found.provenance.corpus_id)
        except StoreError as error:
            raise UserError(
                "The corpus of this comparison is not here any more: add it again to search in its texts, or search in "
                "words."
            ) from error

    def _searched_embedded(
        self,
        found: Comparison,
        corpus: Corpus,
        what: What,
        word: str,
        layer: str,
        precision: Precision,
        progress: Progress,
    ) -> Read:
        """What the comparison did not read, embedded by both states now and kept in the store."""
        states: list[Snapshot] = []
        for side in (found.before, found.after):
            self._loadable(side.source)
        for number, side in enumerate((found.before, found.after)):
            states.append(
                self.embed(
                    side.source, corpus.id, "texts", word=word or None, precision=precision,
                    progress=part(progress, number / 2, (number + 1) / 2),
                )
            )  # fmt: skip
        before, after = states
        at = layers_named(before.layer_names, after.layer_names, layer)
        items = tuple(before.occurrences)
        x, y = before.layers[at[0]], after.layers[at[1]]
        if what == "uses":
            return Read(use_items(items, corpus), x, y, at, precision)
        first = np.array(sorted({one.text: i for i, one in reversed(list(enumerate(items)))}.values()), dtype=np.int64)
        return Read(text_items([items[i].text for i in first], corpus), x[first], y[first], at, precision)

    def _loadable(self, source: str) -> None:
        """Raises UserError, with what to do, for a model state that cannot be loaded here."""
        try:
            self.model(source)
        except UserError as error:
            raise UserError(
                f"The model {source} of this comparison is not here ({str(error).rstrip('.')}): make the comparison "
                "again with models that are, or search in words for a word."
            ) from error

    def _query_reader(
        self, source: str, fingerprint: str, layer: int, precision: Precision, desk: Desk
    ) -> Callable[[Occurrence], Float32[np.ndarray, "d"]]:
        """One occurrence to its vector at a layer of a model state, which is loaded when the first is asked for."""

        def load() -> Encoder:
            self._loadable(source)
            encoder = self.encoder(source)
            if encoder.fingerprint != fingerprint:
                raise UserError(
                    f"The model {source} is not the one that was compared, its weights changed since: compare again."
                )
            return encoder

        def read(occurrence: Occurrence) -> Float32[np.ndarray, "d"]:
            encoder = desk.encoders.get((str(self.root), source, fingerprint), load)
            (block,) = encoder.encode([occurrence], layers=[layer], precision=precision)
            vector: np.ndarray = block[1][0][0]
            return vector

        return read


def search_command(found: Found, query: str, word: str = "") -> str:
    """The command line that finds the same."""
    words = ["python", "-m", "embedlab", "search", found.comparison_id[:12]]
    words += ["--like", found.asked.key] if found.asked.key is not None else [query]
    words += ["--in", found.what, *(["--word", word] if found.what == "uses" else [])]
    words += ["--layer", str(found.layer), "--k", str(found.k)]
    for name in ("label", "sense", "split", "contains"):
        value = getattr(found.filters, name)
        words += [f"--{name}", value] if value else []
    return shlex.join(words)


COLUMNS = (
    "status", "rank_before", "rank_after", "cosine_before", "cosine_after", "key", "text", "start", "end", "label",
    "sense", "split", "rows",
)  # fmt: skip


def matches_csv(found: Found) -> bytes:
    """Both lists as UTF-8 CSV, a row a match; an unknown rank or cosine is empty, and no cell runs as a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for match in found.matches:
        cells = [getattr(match, name) for name in COLUMNS[:-1]]
        cells = [guarded(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in cells]
        writer.writerow([*cells, " ".join(map(str, match.rows))])
    return buffer.getvalue().encode("utf-8-sig")
