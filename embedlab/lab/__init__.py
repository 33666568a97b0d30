"""Lab(root): all that the pages and the command line can do.

One method an action, named as on the command line. Nothing here knows a screen; only what needs torch imports it.
Each floor builds on the one below: workspace, corpora, models, runs, comparisons, the walk through the lineage, and on
top the demo.
"""

import shutil
from dataclasses import dataclass
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
from embedlab.store import copy_sealed, is_sealed

__all__ = ["Added", "Demo", "EmbedWhat", "Lab", "ReportFormat", "comparison_summary", "corpus_summary"]


@dataclass(frozen=True)
class Demo:
    """What the demo made."""

    comparison_id: str
    run_id: str
    report: Path


class Lab(Reports, Overviews, Explaining, Senses, Selections, Walks, Searches, Lessons):
    """One workspace and all that can be done in it."""

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
            self._ship(comparison.id, part(progress, 0.97, 1.0))
        progress(1.0, "done")
        return Demo(comparison.id, run.id, Path(out) / "report.html")

    def _ship(self, id: str, progress: Progress) -> None:
        """Renew what comes with EmbedLab: the comparison, its maps and groups, and the vectors of its last layer."""
        snapshots = demo.RESULTS.parent / "snapshots"
        if snapshots.exists():
            shutil.rmtree(snapshots)
        copy_sealed(self._comparison_folder(id), demo.RESULTS)
        progress(0.1, "drawing all words and texts of every layer")
        self.ship_overviews(id, snapshots)
        progress(0.7, "dividing the words of every layer into groups")
        self.ship_groups(id, snapshots)
        self.ship_vectors(id, [len(self.comparison(id).layers) - 1], snapshots)
