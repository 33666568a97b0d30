"""Reports: a comparison as files to take away, its figures one by one, and what two comparisons differ by."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from embedlab import compare as comparing
from embedlab import report
from embedlab.errors import UserError
from embedlab.lab.base import Progress, quiet
from embedlab.lab.overview import Overviews
from embedlab.report import EVERYTHING, DrawingFormat, FigureName, Plan
from embedlab.store import atomic_write, open_verified
from embedlab.types import Comparison

if TYPE_CHECKING:
    from embedlab.figures.style import Theme
    from embedlab.report.difference import Difference, Told
    from embedlab.report.gallery import Shelf

ReportFormat = Literal["html", "pdf", "ipynb", "json", "parquet", "csv", "zip"]
REPORT_FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)


class Reports(Overviews):
    """What can be taken away from a comparison."""

    def report(
        self,
        id: str,
        format: ReportFormat = "html",
        plan: Plan = EVERYTHING,
        *,
        draw_map: bool = False,
        progress: Progress = quiet,
    ) -> bytes:
        """A comparison as the bytes of one file. Raises UserError.

        html, pdf: the document of the plan. ipynb: a notebook that reads `data/` beside it; zip: the notebook with
        that data. json: every number. parquet, csv: every word at every layer. The map of all words is in the document
        where it was drawn before; `draw_map` draws it now.
        """
        if format == "parquet":
            return open_verified(self._comparison_folder(id), "items.parquet").read_bytes()
        comparison = self.comparison(id)
        if format == "json":
            return report.as_json(comparison)
        if format == "csv":
            return report.csv_bytes(report.tables(comparison)["items"])
        if format in ("ipynb", "zip"):
            from embedlab.report import notebook

            return notebook.notebook(comparison, plan) if format == "ipynb" else notebook.bundle(comparison, plan)
        shelf = self.shelf(comparison, plan, draw_map, progress)
        texts = self.texts_of(comparison)
        return report.html(shelf, plan, texts) if format == "html" else report.pdf(shelf, plan, texts)

    def report_preview(self, id: str, plan: Plan = EVERYTHING, theme: "Theme" = "light") -> bytes:
        """The HTML document without scripts, its figures as drawings in one theme. Raises UserError."""
        comparison = self.comparison(id)
        return report.html(self.shelf(comparison, plan), plan, self.texts_of(comparison), still=theme)

    def write_report(
        self,
        id: str,
        format: ReportFormat,
        out: Path,
        plan: Plan = EVERYTHING,
        *,
        draw_map: bool = False,
        progress: Progress = quiet,
    ) -> list[Path]:
        """The same in a file; a notebook gets its data in a folder beside it. Returns what was written."""
        out = Path(out)
        if format != "ipynb":
            atomic_write(out, self.report(id, format, plan, draw_map=draw_map, progress=progress))
            return [out]
        from embedlab.report import notebook

        comparison, data = self.comparison(id), f"{out.stem}-data"
        files = {out.parent / data / name: content for name, content in notebook.data_files(comparison).items()}
        files[out] = notebook.notebook(comparison, plan, data)
        for path, content in files.items():
            atomic_write(path, content)
        return list(files)

    def export(self, id: str, out: Path) -> None:
        """comparison.json, items.parquet and report.html in a folder of the person's."""
        atomic_write(Path(out) / "comparison.json", self.report(id, "json"))
        atomic_write(Path(out) / "items.parquet", self.report(id, "parquet"))
        atomic_write(Path(out) / "report.html", self.report(id, "html"))

    def figure(
        self,
        id: str,
        name: FigureName,
        *,
        word: str | None = None,
        layer: int | None = None,
        theme: "Theme" = "light",
        format: DrawingFormat = "svg",
    ) -> bytes:
        """One figure of the report, as a vector drawing or a picture. `layer` None: the last. Raises UserError."""
        comparison = self.comparison(id)
        at = len(comparison.layers) - 1 if layer is None else layer
        shelf = self.shelf(comparison, Plan(layer=at))
        return report.figure_file(shelf, name, at, word, theme=theme, format=format)

    def report_diff(self, first: str, second: str, layer: int | None = None) -> "Difference":
        """What two comparisons differ by. Each is an id, a `comparison.json`, or a folder that holds one."""
        from embedlab.report.difference import difference

        return difference(self._told(first), self._told(second), layer)

    def _told(self, named: str) -> "Told":
        from embedlab.report.difference import of_comparison, of_files

        path = Path(named)
        if path.suffix == ".json" or (path / "comparison.json").is_file():
            return of_files(path)
        return of_comparison(self.comparison(named))

    def shelf(self, comparison: Comparison, plan: Plan, draw_map: bool = False, progress: Progress = quiet) -> "Shelf":
        """All that the figures of a report are made from."""
        from embedlab.report.gallery import Shelf

        at = len(comparison.layers) - 1 if plan.layer is None else plan.layer
        if not 0 <= at < len(comparison.layers):
            raise UserError(f"There is no layer {at}: the comparison has layers 0 to {len(comparison.layers) - 1}.")
        overview = None
        if plan.has("map"):
            drawn = self.overview(comparison.id, "words", at, progress=progress) if draw_map else None
            overview = drawn or self.kept_overview(comparison.id, "words", at)
        maps = tuple(comparing.open_maps(self._comparison_folder(comparison.id)).values())
        return Shelf(comparison, maps, overview, self._overview_corpus(comparison))

    def texts_of(self, comparison: Comparison) -> tuple[str, ...]:
        """The texts behind a comparison, for contexts; its target uses alone where the corpus was deleted."""
        corpus = self._overview_corpus(comparison)
        if corpus is not None:
            return corpus.texts
        return tuple(dict.fromkeys(use.text for use in comparison.uses.occurrences))
