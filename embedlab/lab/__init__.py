"""Lab(root): all that the pages and the command line can do.

One method an action, named as on the command line. Nothing here knows a screen; only what needs torch imports it.
Each floor builds on the one below: workspace, corpora, models, runs, comparisons, the walk through the lineage, and on
top the demo.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from embedlab import demo
from embedlab.lab.base import Progress, part, quiet
from embedlab.lab.comparisons import comparison_summary
from embedlab.lab.corpora import Added, corpus_summary
from embedlab.lab.explaining import Explaining
from embedlab.lab.lessons import Lessons
from embedlab.lab.models import EmbedWhat
from embedlab.lab.overview import Overviews
from embedlab.lab.reports import ReportFormat, Reports
from embedlab.lab.search import Searches
from embedlab.lab.selections import Selections
from embedlab.lab.senses import Senses
from embedlab.lab.walk import Walks
from embedlab.store import copy_sealed, is_sealed, read_json

__all__ = ["Added", "Demo", "EmbedWhat", "Lab", "ReportFormat", "comparison_summary", "corpus_summary"]


@dataclass(frozen=True)
class Demo:
    """What the demo made."""

    comparison_id: str
    run_id: str
    report: Path


class Lab(Reports, Overviews, Explaining, Senses, Selections, Walks, Searches, Lessons):
    """One workspace and all that can be done in it."""

    @cached_property
    def shipped(self) -> str | None:
        """The id of the comparison that came with EmbedLab, made elsewhere beforehand; None where it was left out."""
        folder = demo.results_folder()
        return None if folder is None else str(read_json(folder, "comparison.json")["id"])

    def ensure_demo(self) -> str | None:
        """Put the bundled corpora and the results that come with EmbedLab into the workspace: the comparison's id.

        The results were made beforehand by `demo --ship`; they say so, and `demo` makes them anew here.
        """
        self._bundled = {self.add_corpus(path, columns).id for path, columns in demo.CORPORA}
        id, folder = self.shipped, demo.results_folder()
        if id is None or folder is None:
            return None
        if not is_sealed(self.store.folder("comparisons", id)):
            copy_sealed(folder, self.store.folder("comparisons", id))
            self.store.list_entry("comparisons", id)
        return id

    def start_demo(self) -> str:
        """Train and compare on the bundled corpus in the background; returns a task id."""
        return self._start_task(["demo", "--out", str((self.root / "demo").resolve())], "The demo: train and compare")

    def make_demo(self, out: Path, *, ship: bool = False, progress: Progress = quiet) -> Demo:
        """The whole job on the bundled corpus: train, compare, report. `ship` renews the results that come with us."""
        progress(0.0, "reading the bundled corpus")
        (path, columns), *_ = demo.CORPORA
        added = self.add_corpus(path, columns)
        config = self.run_config("builtin", added.id, "senses", **demo.RUN)
        run, *_ = self.finetune_seeds(config, demo.SEEDS, part(progress, 0.02, 0.60))
        comparison = self.compare("builtin", f"run:{run.id}", added.id, progress=part(progress, 0.60, 0.97))
        self.export(comparison.id, out)
        if ship:
            copy_sealed(self._comparison_folder(comparison.id), demo.RESULTS)
            self.ship_overviews(comparison.id, demo.RESULTS.parent / "overviews")
        progress(1.0, "done")
        return Demo(comparison.id, run.id, Path(out) / "report.html")
