"""Search: what lies nearest to a sentence, to a word in a sentence, or to an item of the corpus, before and after."""

import csv
import io
import shlex
from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from embedlab.comparing.finding import Filters, Found, Index, What, listed_words
from embedlab.encoders.protocol import Encoder, Precision
from embedlab.errors import NotShippedError, UserError
from embedlab.lab.athand import AtHand
from embedlab.lab.base import Progress, part, quiet
from embedlab.lab.searching import (
    Desk,
    Kept,
    Read,
    asked_of,
    from_vectors,
    layers_named,
    named_word,
    text_items,
    use_items,
)  # fmt: skip
from embedlab.report.tables import guarded
from embedlab.types import Comparison, Corpus, Occurrence, Snapshot

__all__ = ["Desk", "Kept", "Searches", "matches_csv", "search_command"]

ANY = Filters()
UNTUNED = (
    "The tuned model did not come with the demo, so it cannot read what you typed: search for a row, a use or a word "
    "of the corpus, all of which it has read, or make the demo here."
)


class Searches(AtHand):
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
            progress(0.5, self._to_read(found, desk))
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
        key = (str(self.root), found.id, what, named, layer, self.held(found.id))
        return desk.indexes.get(key, lambda: self._search_index(found, what, named, layer, desk, progress))

    def _to_read(self, found: Comparison, desk: Desk) -> str:
        """What a typed question waits for: both models, and about how long, where they are not loaded yet."""
        p = found.provenance
        states = {found.before.source: p.before_fingerprint, found.after.source: p.after_fingerprint}
        missing = [one for one, print_ in states.items() if (str(self.root), one, print_) not in desk.encoders]
        if not missing:
            return "reading the question with both states"
        for source in missing:
            self._loadable(found, source, NotShippedError(UNTUNED))
        return self.loading_line(missing, "question")

    def _searched_comparison(self, id: str, desk: Desk) -> Comparison:
        id = self.store.find("comparisons", id).id
        return desk.comparisons.get((str(self.root), id), lambda: self.comparison(id))

    def _search_index(
        self, found: Comparison, what: What, word: str, layer: int, desk: Desk, progress: Progress
    ) -> Index | None:
        both = self.vectors_of(found, layer)
        if both is None and what == "words":
            return None
        progress(0.02, "opening the vectors of the corpus")
        corpus = self.corpus_of(found, "search in words")
        name = found.layers[layer].name
        read = None if both is None else from_vectors(*both, corpus, what, word, name)
        if read is None:
            precision: Precision = "fp32" if both is None else both[0].precision
            read = self._searched_embedded(found, corpus, what, word, name, precision, part(progress, 0.1, 0.9))
        progress(0.9, "indexing")
        p = found.provenance
        readers = [
            self._query_reader(side.source, fingerprint, at, read.precision, desk)
            for side, fingerprint, at in zip(
                (found.before, found.after), (p.before_fingerprint, p.after_fingerprint), read.layers, strict=True
            )
        ]
        return Index(read.items, read.before, read.after, readers[0], readers[1], read.unseen, read.half)

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
            self._loadable(found, side.source, self._unread(found, what, word, layer))
        for number, side in enumerate((found.before, found.after)):
            states.append(
                self.embed(
                    side.source, corpus.id, "texts", word=word or None, precision=precision,
                    progress=part(progress, number / 2, (number + 1) / 2),
                )
            )  # fmt: skip
        before, _ = states
        at = layers_named(layer)
        items = tuple(before.occurrences)
        x, y = (one.layers[one.layer_names.index(name)] for one, name in zip(states, at, strict=True))
        if what == "uses":
            return Read(use_items(items, corpus), x, y, at, precision)
        first = np.array(sorted({one.text: i for i, one in reversed(list(enumerate(items)))}.values()), dtype=np.int64)
        return Read(text_items([items[i].text for i in first], corpus), x[first], y[first], at, precision)

    def _unread(self, found: Comparison, what: What, word: str, layer: str) -> UserError:
        """What is missing of the results that came with EmbedLab, and what to do."""
        at = found.layer_names.index(layer)
        if what == "uses" and self.has_vectors(found.id, at):
            known = sorted({use.word for use in found.uses.occurrences if use.word is not None})
            return NotShippedError(
                f"The uses of “{word}” were not read for the demo, and its tuned model did not come along: choose a "
                f"word that was ({', '.join(known)}), or make the demo here."
            )
        return self.no_vectors(found, at)

    def _loadable(self, found: Comparison, source: str, shipped: UserError) -> None:
        """Raises UserError, with what to do, for a model state that cannot be loaded here.

        `shipped`: what is said of the results that came with EmbedLab, whose tuned model was left out.
        """
        try:
            self.model(source)
        except UserError as error:
            if found.id == self.shipped:
                raise shipped from error
            raise UserError(
                f"The model {source} of this comparison is not here ({str(error).rstrip('.')}): make the comparison "
                "again with models that are, or search in words for a word."
            ) from error

    def _query_reader(
        self, source: str, fingerprint: str, layer: str, precision: Precision, desk: Desk
    ) -> Callable[[Occurrence], Float32[np.ndarray, "d"]]:
        """One occurrence to its vector at a layer of a model state, which is loaded when the first is asked for."""

        def load() -> Encoder:
            encoder = self.encoder(source)
            if encoder.fingerprint != fingerprint:
                raise UserError(
                    f"The model {source} is not the one that was compared, its weights changed since: compare again."
                )
            return encoder

        def read(occurrence: Occurrence) -> Float32[np.ndarray, "d"]:
            encoder = desk.encoders.get((str(self.root), source, fingerprint), load)
            at = [one.name for one in encoder.layers].index(layer)
            (block,) = encoder.encode([occurrence], layers=[at], precision=precision)
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
