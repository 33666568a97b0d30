"""The lessons of teaching mode: a null, a broken and a good example, really made, from what comes with EmbedLab."""

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from embedlab import demo
from embedlab.corpus import Columns
from embedlab.errors import UserError
from embedlab.lab.base import Progress, part, quiet
from embedlab.lab.comparisons import Comparisons
from embedlab.store import atomic_write, is_sealed, read_json, sealed_folder, write_json

LessonKind = Literal["null", "broken", "good"]
WORDS = ("bank", "bat", "crane", "mouse")  # two senses each: 200 of the 750 rows, a lesson of a minute and not of five
BROKEN: dict[str, Any] = {  # a hundred times the rate of the demo: every text ends up with the same vector
    "plan": "full", "steps": 12, "rate": 5e-3, "eval_every": 4,
}  # fmt: skip
SPOILT = 5  # every fifth row of the broken file
UNTRAINED = 0  # the seed of the table that has learnt nothing


@dataclass(frozen=True)
class Lesson:
    """One example. None: this kind has no such thing, or it is not in the workspace (any more).

    `comparison` and `run` are ids; `corpus` the id of what the Corpus page shows; `model` a source for Anatomy.
    """

    kind: LessonKind
    comparison: str | None = None
    corpus: str | None = None
    run: str | None = None
    model: str | None = None


class Lessons(Comparisons):
    """The three examples of teaching mode."""

    def lessons(self) -> tuple[Lesson, ...]:
        """null, broken, good, in this order: what of them is in the workspace. Nothing is made here."""
        made = self._made_lessons()
        null, broken = (made.get(kind) or Lesson(kind) for kind in ("null", "broken"))
        return null, broken, self._good_lesson()

    def make_lessons(self, progress: Progress = quiet) -> tuple[Lesson, ...]:
        """Make the null and the broken example; what was made before is not made again. Raises UserError.

        null: the bundled model against itself. broken: against itself after twelve steps at a rate of 5e-3, which ends
        in a collapse. good: the demo, which comes with EmbedLab.
        """
        if all(self._made_lessons().values()):
            progress(1.0, "the lessons are there")
            return self.lessons()
        progress(0.0, "writing the lesson's sentences")
        corpus, plain, spoilt = self._lesson_corpora()
        null = self.compare("builtin", "builtin", corpus, progress=part(progress, 0.05, 0.30))
        config = self.run_config("builtin", corpus, "senses", **BROKEN)
        (run,) = self.finetune_seeds(config, 1, part(progress, 0.30, 0.65))
        broken = self.compare("builtin", f"run:{run.id}", corpus, progress=part(progress, 0.65, 0.95))
        untrained = self.new_model("table", corpus, seed=UNTRAINED, embedding_size=50)
        made = (
            Lesson("null", null.id, plain, model=untrained),
            Lesson("broken", broken.id, spoilt, run.id, f"run:{run.id}"),
        )
        with sealed_folder(self._lessons_folder() / "made") as folder:
            write_json(folder / "lessons.json", {lesson.kind: asdict(lesson) for lesson in made})
        progress(1.0, "the lessons are made")
        return self.lessons()

    def start_lessons(self) -> str:
        """The same in the background; returns a task id."""
        return self._start_task(["lessons", "--make"], "Teaching mode: make the examples")

    def _lessons_folder(self) -> Path:
        return self.root / "lessons"

    def _made_lessons(self) -> dict[LessonKind, Lesson | None]:
        """null and broken as they were made; None for one whose comparison is gone."""
        found: dict[LessonKind, Lesson | None] = {"null": None, "broken": None}
        if is_sealed(self._lessons_folder() / "made"):
            for kind, said in read_json(self._lessons_folder() / "made", "lessons.json").items():
                if is_sealed(self.store.folder("comparisons", said["comparison"])):
                    found[kind] = Lesson(**said)
        return found

    def _good_lesson(self) -> Lesson:
        folder = demo.results_folder()
        if folder is None:
            return Lesson("good", model="builtin")
        said = read_json(folder, "comparison.json")
        id, corpus = str(said["id"]), str(said["provenance"]["corpus_id"])
        there = is_sealed(self.store.folder("comparisons", id))
        known = any(entry.id == corpus for entry in self.store.entries("corpora"))
        return Lesson("good", id if there else None, corpus if known else None, model="builtin")

    def _lesson_corpora(self) -> tuple[str, str, str]:
        """(what the lessons train on, sentences with nothing beside them, a file with rows that cannot be read)."""
        with demo.senses_path().open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["target"] in WORDS]
        columns = Columns(text="text", label="topic", target="target", start="start", end="end", sense="sense")
        spoilt = [row | {"end": "9999"} if number % SPOILT == 0 else row for number, row in enumerate(rows)]
        plain = [{"text": row["text"]} for row in rows]
        return (
            self._lesson_corpus("lesson", rows, columns),
            self._lesson_corpus("lesson, sentences only", plain, Columns(text="text")),
            self._lesson_corpus("lesson, rows spoilt", spoilt, columns),
        )

    def _lesson_corpus(self, name: str, rows: list[dict[str, str]], columns: Columns) -> str:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        path = self._lessons_folder() / f"{name}.csv"
        atomic_write(path, buffer.getvalue().encode())
        return self.add_corpus(path, columns).id


def lesson_of(lessons: tuple[Lesson, ...], kind: LessonKind) -> Lesson:
    """The lesson of a kind. Raises UserError for a kind there is none of."""
    for lesson in lessons:
        if lesson.kind == kind:
            return lesson
    raise UserError(f"There is no lesson {kind!r}: choose null, broken or good.")
