"""The map of everything: all words, texts or rows of a comparison on one linked map, kept in the workspace."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from embedlab import report, survey, wordvectors
from embedlab.comparing import overview as overviews
from embedlab.comparing.overview import Overview, What
from embedlab.comparing.overview_columns import Column, columns, items_frame, names_of, ranked
from embedlab.errors import StoreError, UserError
from embedlab.lab.athand import AtHand
from embedlab.lab.base import Progress, digest, part, quiet
from embedlab.lab.selections import Selections
from embedlab.store import Entry, atomic_write, copy_sealed, is_sealed
from embedlab.types import Comparison, Corpus
from embedlab.vectors.both import open_both, open_names, read_both

if TYPE_CHECKING:
    import pandas as pd

ItemsFormat = Literal["csv", "parquet"]
USUAL_WIDTH = 384


class Overviews(Selections, AtHand):
    """What can be done with maps of everything."""

    def overview(
        self,
        id: str,
        what: What = "words",
        layer: int | None = None,
        *,
        files: tuple[Path, Path] | None = None,
        progress: Progress = quiet,
    ) -> Overview:
        """All words, texts or rows of a comparison at a layer (None: the last); drawn once, then kept.

        `files`: the two files of vectors again, where the workspace does not hold them any more. Raises UserError.
        """
        entry, comparison = self._overview_entry(id)
        at = len(comparison.layers) - 1 if layer is None else layer
        kept = self.kept_overview(entry.id, what, at)
        if kept is not None:
            progress(1.0, "already drawn")
            return kept
        made = self._drawn(entry, comparison, what, at, files, progress)
        name, summary = f"all {what} of {entry.name}", {"kind": "overview", "items": len(made)}
        folder = self._overview_id(entry.id, what, at)
        self.store.put("snapshots", folder, name, summary, lambda target: overviews.save_overview(made, target))
        return made

    def kept_overview(self, id: str, what: What = "words", layer: int | None = None) -> Overview | None:
        """The map where it was drawn before, or came with EmbedLab; None where it would have to be drawn."""
        entry = self.store.find("comparisons", id)
        at = len(entry.summary["layers"]) - 1 if layer is None else layer
        folder = self._snapshot(self._overview_id(entry.id, what, at))
        return None if folder is None else overviews.open_overview(self._settled(folder))

    def can_overview(self, id: str) -> bool:
        """Whether the vectors of a comparison are still in the workspace, so that a map can be drawn."""
        summary = self.store.find("comparisons", id).summary
        kept = [*summary.get("surveys", ()), *([summary["both"]] if "both" in summary else [])]
        return bool(kept) and all(is_sealed(self.store.folder("snapshots", one)) for one in kept)

    def overview_kinds(self, id: str) -> tuple[What, ...]:
        """What there are maps of: words and texts, or of two files the words compared and all rows they share."""
        summary = self.store.find("comparisons", id).summary
        return ("words", "rows") if "both" in summary else ("words", "texts")

    def overview_size(self, id: str, what: What) -> tuple[int, int]:
        """(items, dimensions) of a map before it is drawn; of models a usual width, which is not looked up."""
        entry, comparison = self._overview_entry(id)
        width = USUAL_WIDTH
        if "both" in entry.summary:
            kept = self.store.find("snapshots", entry.summary["both"]).summary
            if what == "rows":
                return int(kept["rows"]), int(kept["width"])
            width = int(kept["width"])
        if what == "words":
            return len(comparison.words.words), width
        corpus = self._overview_corpus(comparison)
        return len(set(corpus.texts)) if corpus else 0, width

    def start_overview(self, id: str, what: What = "words", layers: Sequence[int] | None = None) -> str:
        """The same in the background; returns a task id. `layers` None: the last."""
        entry = self.store.find("comparisons", id)
        given = [] if layers is None else ["--layers", ",".join(str(layer) for layer in layers)]
        return self._start_task(["map", entry.id, "--what", what, *given], f"The map of all {what}")

    def draw_overviews(
        self,
        id: str,
        what: What,
        layers: Sequence[int],
        *,
        files: tuple[Path, Path] | None = None,
        progress: Progress = quiet,
    ) -> list[Overview]:
        """Several layers, one after another."""
        return [
            self.overview(id, what, layer, files=files, progress=part(progress, i / len(layers), (i + 1) / len(layers)))
            for i, layer in enumerate(layers)
        ]

    def overview_columns(self, overview: Overview) -> tuple[Column, ...]:
        """What may colour the items of a map."""
        _, comparison = self._overview_entry(overview.comparison_id)
        return columns(overview, comparison, self._overview_corpus(comparison))

    def overview_names(self, overview: Overview) -> Sequence[str]:
        """The word, the text or the name of every item of a map; of a row without a name its number."""
        entry, comparison = self._overview_entry(overview.comparison_id)
        names = None
        if overview.what == "rows" and self.can_overview(entry.id):
            names = open_names(self.store.folder("snapshots", entry.summary["both"]))
        return names_of(overview, comparison, self._overview_corpus(comparison), names)

    def overview_items(self, overview: Overview, chosen: Collection[int] | None = None) -> "pd.DataFrame":
        """The items of a map as a table, or those whose `rows` are chosen: the most changed first."""
        _, comparison = self._overview_entry(overview.comparison_id)
        rows = None if chosen is None else np.fromiter(chosen, dtype=np.int64, count=len(chosen))
        corpus = self._overview_corpus(comparison)
        return items_frame(overview, comparison, corpus, ranked(overview, rows), self.overview_names(overview))

    def overview_file(
        self, overview: Overview, chosen: Collection[int] | None = None, format: ItemsFormat = "csv"
    ) -> bytes:
        """The same as the bytes of a file."""
        frame = self.overview_items(overview, chosen)
        return report.csv_bytes(frame) if format == "csv" else report.parquet_bytes(frame)

    def write_overview(self, overview: Overview, out: Path) -> None:
        """All items in a file: parquet where its name ends so, else CSV."""
        atomic_write(
            Path(out), self.overview_file(overview, None, "parquet" if Path(out).suffix == ".parquet" else "csv")
        )

    def overview_rows(self, overview: Overview, chosen: Collection[int]) -> tuple[int, ...]:
        """The rows of the corpus behind some items: all of a text, all whose text uses a word. Raises UserError."""
        _, comparison = self._overview_entry(overview.comparison_id)
        corpus = self._overview_corpus(comparison)
        if corpus is None:
            raise UserError("This comparison has no corpus in the workspace: take the selection as CSV or parquet.")
        if overview.what == "words":
            return self.rows_with(corpus.id, [comparison.words.words[row] for row in chosen])
        wanted = {corpus.texts[row] for row in chosen}
        return tuple(row for row, text in enumerate(corpus.texts) if text in wanted)

    def ship_overviews(self, id: str, out: Path) -> None:
        """Draw every layer, words and texts, and put the maps where what comes with EmbedLab lies."""
        entry, comparison = self._overview_entry(id)
        for what in self.overview_kinds(entry.id):
            for layer in range(len(comparison.layers)):
                self.overview(entry.id, what, layer)
                name = self._overview_id(entry.id, what, layer)
                copy_sealed(self.store.folder("snapshots", name), Path(out) / name)

    def _overview_id(self, comparison_id: str, what: What, layer: int) -> str:
        return digest(["overview", overviews.VERSION, comparison_id, what, layer])

    def _overview_entry(self, id: str) -> tuple[Entry, Comparison]:
        entry = self.store.find("comparisons", id)
        return entry, self.comparison(entry.id)

    def _overview_corpus(self, comparison: Comparison) -> Corpus | None:
        """The corpus of a comparison; None where it was deleted, or where there was none."""
        try:
            return self.corpus(comparison.provenance.corpus_id)
        except StoreError:
            return None

    def _drawn(
        self,
        entry: Entry,
        comparison: Comparison,
        what: What,
        layer: int,
        files: tuple[Path, Path] | None,
        progress: Progress,
    ) -> Overview:
        if files is None and not self.can_overview(entry.id):
            raise UserError(
                "The vectors of this comparison are not in the workspace (it was shipped, or they were deleted): make "
                "the comparison again, or name its two files with --before and --after."
            )
        if files is None and "both" not in entry.summary:
            if what == "rows":
                raise UserError("Only two files of vectors have rows: this comparison has words and texts.")
            before, after = (
                survey.open_survey(self.store.folder("snapshots", one)) for one in entry.summary["surveys"]
            )
            corpus = self._overview_corpus(comparison)
            return overviews.make_overview(before, after, comparison, corpus, what, layer, progress=progress)
        if files is None:
            both = open_both(self.store.folder("snapshots", entry.summary["both"]))
        else:
            both = read_both(Path(files[0]), Path(files[1]))
        if what == "rows":
            return overviews.make_rows(both.before, both.after, comparison, progress=progress)
        made = wordvectors.tables(both, seed=comparison.provenance.seed)
        if made.before.words != comparison.words.words:
            raise UserError("These files do not hold the words that were compared: give the same two files again.")
        return overviews.make_overview(made.before, made.after, comparison, None, what, layer, progress=progress)
