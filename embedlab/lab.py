"""Lab(root): all that the pages and the command line can do.

One method an action, named as on the command line. Nothing here knows a screen; only what needs torch imports it.
"""

import hashlib
import json
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from embedlab import compare as comparing
from embedlab import corpus as corpora
from embedlab import demo, encoders, jobs, occurrences, report, survey, verdict
from embedlab.corpus import Columns, Imported, Preview, Refusal
from embedlab.encoders import ModelInfo
from embedlab.encoders.protocol import Encoder, Precision
from embedlab.errors import CorpusError, JobError, StoreError
from embedlab.occurrences import Line
from embedlab.store import (
    Entry,
    Store,
    atomic_write,
    is_sealed,
    manifest,
    open_verified,
    read_json,
    sealed_folder,
)
from embedlab.training import recipes
from embedlab.training.recipes import Choice
from embedlab.types import Comparison, Corpus, EncoderSpec, LinkedMap, Occurrence, Run, RunConfig, Snapshot

Progress = Callable[[float, str], None]
EmbedWhat = Literal["targets", "texts", "all-words"]
ReportFormat = Literal["html", "json", "parquet"]

POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Added:
    """What became of an uploaded file: rows_in = kept + len(refused)."""

    id: str
    name: str
    kept: int
    rows_in: int
    refused: tuple[Refusal, ...]
    encoding: str


def quiet(_share: float, _what: str) -> None:
    """The progress of nobody watching."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """The progress of one part of a longer job."""
    return lambda share, what: progress(start + (end - start) * share, what)


class Lab:
    """One workspace and all that can be done in it."""

    def __init__(self, root: Path | str = "workspace") -> None:
        self.root = Path(root)
        self.store = Store(self.root)
        self._bundled: set[str] = set()

    # ---- corpora ---------------------------------------------------------------------------------------------------

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

    # ---- models ----------------------------------------------------------------------------------------------------

    def models(self) -> list[ModelInfo]:
        """The bundled model and what the finished runs made."""
        ended = (run.id for run in self.runs() if run.state not in jobs.LIVE)
        finished = [f"run:{id}" for id in ended if is_sealed(self.run_folder(id))]
        return [self.model(source) for source in ("builtin", *finished)]

    def model(self, source: str) -> ModelInfo:
        """Layers, width, size of a model, without loading it. Raises ModelError."""
        return encoders.describe(EncoderSpec(source), self._model_folder(source))

    def encoder(self, source: str) -> Encoder:
        """Load a model state (imports torch). Raises ModelError."""
        return encoders.load(EncoderSpec(source), self._model_folder(source))

    def _model_folder(self, source: str) -> Path | None:
        """Where a model lies, for the sources that only the workspace knows."""
        if source.startswith("run:"):
            return jobs.model_folder(self.store, self._run_id(source.removeprefix("run:")))
        return None

    # ---- embedding -------------------------------------------------------------------------------------------------

    def embed(
        self,
        model: str,
        corpus_id: str,
        what: EmbedWhat = "texts",
        *,
        word: str | None = None,
        layers: Sequence[int] | None = None,
        out: Path | None = None,
        precision: Precision = "fp32",
        cache: bool = True,
        progress: Progress = quiet,
    ) -> Snapshot:
        """Vectors of the asked occurrences at every layer, in `out` or in the workspace. Raises UserError."""
        corpus = self.corpus(corpus_id)
        items = self._items(corpus, what, word)
        encoder = self.encoder(model)
        key = [encoder.fingerprint, encoder.spec.pooling, corpus.id, word or what, list(layers or ()), precision]
        id = _digest(key)
        folder = self.store.folder("snapshots", id)
        if not cache or not is_sealed(folder):
            self.store.remove("snapshots", id)
            name = f"{model} on {corpus.name}"
            fill = _filler(encoder, items, layers, precision, progress)
            self.store.put("snapshots", id, name, {"kind": "embed", "items": len(items)}, fill)
        if out is not None:
            _copy_sealed(folder, Path(out))
            folder = Path(out)
        return encoders.open_snapshot(folder)

    def _items(self, corpus: Corpus, what: EmbedWhat, word: str | None) -> list[Occurrence]:
        if word is not None:
            return occurrences.uses_of(corpus, word)
        if what == "targets":
            items = occurrences.targets(corpus)
            if not items:
                raise CorpusError(
                    f"{corpus.name} has no target spans: import it with --start and --end, or give --word."
                )
            return items
        if what == "texts":
            return occurrences.whole_texts(corpus)
        return occurrences.all_words(corpus)

    # ---- fine-tuning -----------------------------------------------------------------------------------------------

    def objectives(self, corpus_id: str) -> list[Choice]:
        """What this corpus allows, in words, with the reason for what it does not."""
        return recipes.choices(self.corpus(corpus_id))

    def run_config(
        self,
        model: str,
        corpus_id: str,
        objective: str,
        *,
        plan: str = "full",
        recipe: Path | None = None,
        steps: int | None = None,
        rate: float | None = None,
        seed: int = 0,
        batch_tokens: int | None = None,
        eval_every: int | None = None,
        precision: Precision = "fp32",
    ) -> RunConfig:
        """A run from few words: the recipe's file if given, else the named plan with the defaults of the objective."""
        entry = self.find_corpus(corpus_id)
        given = {"batch_tokens": batch_tokens, "eval_every": eval_every}
        return recipes.config(
            entry.id, EncoderSpec(model), objective, plan=plan, recipe=recipe, steps=steps, rate=rate, seed=seed,
            precision=precision, **{key: value for key, value in given.items() if value is not None},
        )  # fmt: skip

    def finetune(self, config: RunConfig) -> str:
        """Start a run in a process of its own; returns its id at once. Raises UserError."""
        corpus = self.corpus(config.corpus_id)
        recipes.require(corpus, config)
        folder = self._model_folder(config.encoder.source) or encoders.local_folder(config.encoder)
        return jobs.start(self.store, config, model_folder=folder)

    def runs(self) -> list[Run]:
        """Newest first."""
        return jobs.runs(self.store)

    def run(self, id: str) -> Run:
        return jobs.look(self.store, self._run_id(id))

    def run_events(self, id: str, after: int = 0) -> list[dict[str, Any]]:
        return jobs.events(self.store, self._run_id(id), after)

    def run_folder(self, id: str) -> Path:
        """Where the finished model of a run is (or would be)."""
        return self.store.folder("runs", id) / "model"

    def config_of(self, id: str) -> dict[str, Any]:
        """What was asked of a run, as plain values."""
        return recipes.to_plain(self.run(id).config)

    def cancel(self, id: str) -> None:
        jobs.cancel(self.store, self._run_id(id))

    def resume(self, id: str) -> None:
        jobs.resume(self.store, self._run_id(id))

    def wait(self, id: str, progress: Progress = quiet) -> Run:
        """Look at a run until it ends. Interrupting the wait leaves the run going."""
        while True:
            run = self.run(id)
            score = f", held-out {run.score_name} {run.score:.3f}" if run.score is not None else ""
            loss = f", loss {run.loss:.3f}" if run.loss is not None else ""
            left = f", {run.eta_s:.0f} s left" if run.eta_s else ""
            progress(run.step / run.config.max_steps, f"step {run.step}/{run.config.max_steps}{loss}{score}{left}")
            if run.state in ("done", "failed", "cancelled"):
                return run
            time.sleep(POLL_SECONDS)

    def _run_id(self, prefix: str) -> str:
        return self.store.find("runs", prefix).id

    # ---- comparing -------------------------------------------------------------------------------------------------

    def compare(
        self,
        before: str,
        after: str,
        corpus_id: str,
        *,
        words: Sequence[str] | None = None,
        layers: Sequence[int] | None = None,
        k: int = 10,
        min_count: int = 2,
        seed: int = 0,
        precision: Precision = "fp32",
        cache: bool = True,
        progress: Progress = quiet,
    ) -> Comparison:
        """Both model states on the same occurrences, every layer; kept in the workspace. Raises UserError."""
        progress(0.0, "loading the models")
        corpus = self.corpus(corpus_id)
        first = self.encoder(before)
        plan = survey.plan_survey(corpus, first, words, min_count, seed)
        second = self.encoder(after)
        options = {"layers": list(layers or ()), "k": k}
        ids = [survey.survey_id(encoder, plan, precision) for encoder in (first, second)]
        id = _digest([*ids, options, comparing.VERSION])
        if cache and is_sealed(self.store.folder("comparisons", id)):
            progress(1.0, "already compared")
            return self.comparison(id)
        same = ids[0] == ids[1]  # a model with itself is read once
        old = self._survey(first, plan, precision, cache, part(progress, 0.02, 0.40))
        new = self._survey(second, plan, precision, cache or same, part(progress, 0.40, 0.78))
        command = _command(
            "compare", before=before, after=after, corpus=corpus.id, word=words, layers=layers, k=k,
            min_count=min_count, seed=seed, precision=precision,
        )  # fmt: skip
        made = comparing.compare(
            old, new, corpus, before=first.spec, after=second.spec, k=k, layers=layers, seed=seed, id=id,
            command=command, progress=part(progress, 0.78, 0.92),
        )  # fmt: skip
        made = verdict.judged(made, old, new, corpus)
        maps = comparing.make_maps(old, new, made, seed=seed, progress=part(progress, 0.92, 1.0))
        self.store.remove("comparisons", id)
        summary = comparison_summary(made) | {"surveys": ids}
        self.store.put("comparisons", id, summary["name"], summary, lambda folder: comparing.save(made, folder, maps))
        progress(1.0, "compared")
        return made

    def _survey(
        self, encoder: Encoder, plan: survey.SurveyPlan, precision: Precision, cache: bool, progress: Progress
    ) -> survey.Survey:
        id = survey.survey_id(encoder, plan, precision)
        folder = self.store.folder("snapshots", id)
        if not cache:
            self.store.remove("snapshots", id)
        if not is_sealed(folder):
            summary = {"kind": "survey", "model": encoder.spec.source, "corpus_id": plan.corpus_id}
            fill = lambda target: survey.write_survey(encoder, plan, target, precision, progress)  # noqa: E731
            self.store.put("snapshots", id, encoder.spec.source, summary, fill, survey.bytes_needed(encoder, plan))
        return survey.open_survey(folder)

    def start_compare(self, before: str, after: str, corpus_id: str, *, words: Sequence[str] = (), k: int = 10) -> str:
        """The same in the background; returns a task id. The task's result holds the comparison's id."""
        given = ["--before", before, "--after", after, "--corpus", self.find_corpus(corpus_id).id, "--k", str(k)]
        for word in words:
            given += ["--word", word]
        return self._start_task(["compare", *given], "Compare before and after")

    def comparisons(self) -> list[Entry]:
        """Newest first."""
        return self.store.entries("comparisons")

    def comparison(self, id: str) -> Comparison:
        """By id, the beginning of an id, or name."""
        return comparing.open_comparison(self._comparison_folder(id))

    def linked_map(self, id: str, word: str, layer: int) -> LinkedMap | None:
        """The map of a target word at a layer: kept with the comparison, or drawn now from the kept vectors.

        None where the word has too few uses, or where the vectors are gone (as with results that were shipped).
        """
        entry = self.store.find("comparisons", id)
        folder = self.store.folder("comparisons", entry.id)
        kept = comparing.open_maps(folder)
        if (word, layer) in kept:
            return kept[word, layer]
        comparison = comparing.open_comparison(folder)
        surveys = [self.store.folder("snapshots", survey_id) for survey_id in entry.summary.get("surveys", ())]
        if len(comparison.uses.of(word)) < comparing.LEAST_USES or not surveys or not all(map(is_sealed, surveys)):
            return None
        drawn_id = _digest(["map", entry.id, word, layer])
        drawn_folder = self.store.folder("snapshots", drawn_id)
        if not is_sealed(drawn_folder):
            old, new = (survey.open_survey(place) for place in surveys)
            drawn = comparing.make_map(old, new, comparison, word, layer)
            self.store.put(
                "snapshots", drawn_id, word, {"kind": "map"}, lambda target: comparing.save_maps([drawn], target)
            )
        return comparing.open_maps(drawn_folder)[word, layer]

    def report(self, id: str, format: ReportFormat = "html") -> bytes:
        """A comparison as the bytes of one file."""
        folder = self._comparison_folder(id)
        if format == "parquet":
            return open_verified(folder, "items.parquet").read_bytes()
        comparison = comparing.open_comparison(folder)
        if format == "json":
            return report.as_json(comparison)
        texts = self._texts_of(comparison)
        return report.html(comparison, comparing.open_maps(folder).values(), texts=texts)

    def _texts_of(self, comparison: Comparison) -> tuple[str, ...]:
        """The texts behind a comparison, for contexts; its target uses alone where the corpus was deleted."""
        try:
            return self.corpus(comparison.provenance.corpus_id).texts
        except StoreError:
            return tuple(dict.fromkeys(use.text for use in comparison.uses.occurrences))

    def write_report(self, id: str, format: ReportFormat, out: Path) -> None:
        atomic_write(Path(out), self.report(id, format))

    def export(self, id: str, out: Path) -> None:
        """comparison.json, items.parquet and report.html in a folder of the person's."""
        atomic_write(Path(out) / "comparison.json", self.report(id, "json"))
        atomic_write(Path(out) / "items.parquet", self.report(id, "parquet"))
        atomic_write(Path(out) / "report.html", self.report(id, "html"))

    def _comparison_folder(self, id: str) -> Path:
        return self.store.folder("comparisons", self.store.find("comparisons", id).id)

    # ---- background tasks ------------------------------------------------------------------------------------------

    def tasks(self) -> list[jobs.Task]:
        return jobs.tasks(self.store)

    def task(self, id: str) -> jobs.Task:
        return jobs.task(self.store, id)

    def _start_task(self, arguments: list[str], name: str) -> str:
        return jobs.start_task(self.store, [*arguments, "--workspace", str(self.root.resolve())], name)

    # ---- the demo --------------------------------------------------------------------------------------------------

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
            _copy_sealed(folder, self.store.folder("comparisons", id))
            self.store.list_entry("comparisons", id)
        return id

    def start_demo(self) -> str:
        """Train and compare on the bundled corpus in the background; returns a task id."""
        return self._start_task(["demo", "--out", str((self.root / "demo").resolve())], "The demo: train and compare")

    def make_demo(self, out: Path, *, ship: bool = False, progress: Progress = quiet) -> "Demo":
        """The whole job on the bundled corpus: train, compare, report. `ship` renews the results that come with us."""
        progress(0.0, "reading the bundled corpus")
        (path, columns), *_ = demo.CORPORA
        added = self.add_corpus(path, columns)
        config = self.run_config("builtin", added.id, "senses", **demo.RUN)
        run = self.wait(self.finetune(config), part(progress, 0.02, 0.55))
        if run.state != "done":
            raise JobError(f"The demo's training {run.state}: {run.message}")
        comparison = self.compare("builtin", f"run:{run.id}", added.id, progress=part(progress, 0.55, 0.97))
        self.export(comparison.id, out)
        if ship:
            _copy_sealed(self._comparison_folder(comparison.id), demo.RESULTS)
        progress(1.0, "done")
        return Demo(comparison.id, run.id, Path(out) / "report.html")


@dataclass(frozen=True)
class Demo:
    """What the demo made."""

    comparison_id: str
    run_id: str
    report: Path


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
        "targets": len(targets),
        "senses": len({(target.word, target.sense) for target in targets if target.sense is not None}),
        "words": sorted({target.word for target in targets}),
        "held_out": int(corpora.held_out(corpus).sum()),
    }


def comparison_summary(made: Comparison) -> dict[str, Any]:
    """What a list of comparisons shows without opening one."""
    return {
        "name": f"{made.before.source} → {made.after.source} on {made.provenance.corpus_name}",
        "before": made.before.source,
        "after": made.after.source,
        "corpus_id": made.provenance.corpus_id,
        "corpus_name": made.provenance.corpus_name,
        "verdict": made.verdict.task,
        "words": len(made.words.words),
        "targets": sorted({use.word for use in made.uses.occurrences if use.word}),
        "layers": list(made.layer_names),
    }


def _filler(
    encoder: Encoder, items: list[Occurrence], layers: Sequence[int] | None, precision: Precision, progress: Progress
) -> Callable[[Path], None]:
    return lambda folder: encoders.write_snapshot(
        encoder, items, folder, layers=layers, precision=precision, progress=progress
    )


def _digest(key: object) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _copy_sealed(source: Path, destination: Path) -> None:
    """A sealed folder once more, every file verified on the way."""
    names = manifest(source)["files"]
    with sealed_folder(destination, needed=sum(entry["size"] for entry in names.values())) as temporary:
        for name in names:
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(open_verified(source, name), target)


def _command(action: str, **options: Any) -> str:
    """The command line that does the same."""
    words = ["python", "-m", "embedlab", action]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None:
            continue
        if name == "word":
            words += [part for word in value for part in (flag, word)]
        elif name == "layers":
            words += [flag, ",".join(map(str, value))]
        else:
            words += [flag, str(value)]
    return shlex.join(words)
