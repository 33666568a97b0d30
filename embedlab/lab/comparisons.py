"""Comparisons: two model states on the same occurrences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from embedlab import compare as comparing
from embedlab import expectations, survey, verdict
from embedlab.comparing.sides import LayerChoice
from embedlab.encoders.protocol import Encoder, Precision
from embedlab.errors import StoreError
from embedlab.lab.base import Progress, command_line, digest, part, quiet
from embedlab.lab.models import MODEL, run_source
from embedlab.lab.tuning import Tuning
from embedlab.store import MANIFEST, Entry, is_sealed, sha256
from embedlab.training.division import trained_rows
from embedlab.types import Comparison, Corpus, LinkedMap
from embedlab.vectors.both import Both, open_both, read_both, save_both


class Comparisons(Tuning):
    """What can be done with comparisons."""

    def compare(
        self,
        before: str,
        after: str,
        corpus_id: str,
        *,
        words: Sequence[str] | None = None,
        layers: Sequence[LayerChoice] | None = None,
        k: int = 10,
        min_count: int = 2,
        seed: int = 0,
        precision: Precision = "fp32",
        replicates: Sequence[str] | None = None,
        expect: Path | None = None,
        cache: bool = True,
        progress: Progress = quiet,
    ) -> Comparison:
        """Both model states on the same occurrences, every layer; kept in the workspace. Raises UserError.

        `layers`: only these, or pairs such as (2, 6) for models that differ: layer 2 of before with layer 6 of after.
        `replicates`: the other seeds of the recipe of `after`; None: the finished runs that differ in the seed alone.
        `expect`: a file of statements to hold the comparison against (see embedlab.expectations).
        """
        progress(0.0, "loading the models")
        corpus = self.corpus(corpus_id)
        statements = () if expect is None else expectations.read(Path(expect))
        expectations.require_words(statements, corpus, min_count)
        asked = sorted({*(words or ()), *expectations.words_wanted(statements)})
        others = self._others(before, after, replicates)
        first = self.encoder(before)
        off_domain = self.canary_texts(self._canary_of(after))
        plan = survey.plan_survey(corpus, first, asked, min_count, seed, off_domain=off_domain)
        models = [first, *(self.encoder(source) for source in (after, *others))]
        ids = [survey.survey_id(encoder, plan, precision) for encoder in models]
        stated = [statement.text for statement in statements]
        id = digest([*ids, {"layers": list(layers or ()), "k": k, "expect": stated}, comparing.VERSION])
        kept = (self.store.folder("comparisons", id), *(self.store.folder("snapshots", one) for one in ids[:2]))
        if cache and all(map(is_sealed, kept)):  # results that were shipped, say, lack their surveys: then made anew
            progress(1.0, "already compared")
            return self.comparison(id)
        old, new, *rest = self._surveys(models, plan, precision, cache, part(progress, 0.02, 0.70))
        command = command_line(
            "compare", before=before, after=after, corpus=corpus.id, word=words, layers=layers, k=k,
            min_count=min_count, seed=seed, precision=precision, replicates=others or ["none"],
            expect=None if expect is None else Path(expect).name,
        )  # fmt: skip
        made = comparing.compare(
            old, new, corpus, replicates=rest, before=first.spec, after=models[1].spec, k=k, layers=layers, seed=seed,
            id=id, command=command, progress=part(progress, 0.70, 0.90),
        )  # fmt: skip
        made = verdict.judged(
            made, old, new, corpus, replicates=rest, trained=self._trained(after, corpus),
            untrained=self._untrained(before),
        )  # fmt: skip
        made = replace(made, expectations=expectations.check(statements, made, old, new, corpus))
        maps = comparing.make_maps(old, new, made, seed=seed, progress=part(progress, 0.90, 1.0))
        self._keep(made, maps, ids)
        progress(1.0, "compared")
        return made

    def _others(self, before: str, after: str, replicates: Sequence[str] | None) -> list[str]:
        """The model states the noise floor is taken from: neither of the two compared."""
        found = self.replicates(after) if replicates is None else replicates
        return [source for source in dict.fromkeys(found) if source not in (before, after)]

    def _canary_of(self, source: str) -> str:
        """The off-domain texts a run was watched with; those that come with EmbedLab for any other model."""
        named = run_source(source)
        return (self.run(named.run).config.canary if named else "") or "bundled"

    def _untrained(self, source: str) -> bool:
        """Whether a model state was drawn at random here and has learnt nothing; the start of a run is its model."""
        named = run_source(source)
        if named is not None:
            return named.step == 0 and self._untrained(self.run(named.run).config.encoder.source)
        if not source.startswith(MODEL):
            return False
        said = self.store.find("models", source.removeprefix(MODEL)).summary
        return "seed" in said and said["vectors"] is None

    def _trained(self, source: str, corpus: Corpus) -> Bool[np.ndarray, "row"] | None:
        """Which rows of the corpus a run was trained on; None for a model whose training is not known here."""
        named = run_source(source)
        if named is None:
            return None
        config = self.run(named.run).config
        if config.corpus_id != corpus.id:
            return None
        return np.zeros(len(corpus), dtype=bool) if named.step == 0 else trained_rows(corpus, config)

    def _surveys(
        self, models: Sequence[Encoder], plan: survey.SurveyPlan, precision: Precision, cache: bool, progress: Progress
    ) -> list[survey.Survey]:
        """Every model state over the plan; one that comes twice (a model with itself) is read once."""
        found: dict[str, survey.Survey] = {}
        ids = [survey.survey_id(encoder, plan, precision) for encoder in models]
        for number, (id, encoder) in enumerate(zip(ids, models, strict=True)):
            telling = part(progress, number / len(models), (number + 1) / len(models))
            if id not in found:
                found[id] = self._survey(encoder, plan, precision, cache, telling)
        return [found[id] for id in ids]

    def _keep(
        self, made: Comparison, maps: Iterable[LinkedMap], surveys: Sequence[str], also: Mapping[str, Any] | None = None
    ) -> None:
        self.store.remove("comparisons", made.id)
        summary = comparison_summary(made) | {"surveys": list(surveys[:2]), **(also or {})}
        self.store.put(
            "comparisons", made.id, summary["name"], summary, lambda folder: comparing.save(made, folder, maps)
        )

    def compare_files(
        self,
        before: Path,
        after: Path,
        *,
        k: int = 10,
        seed: int = 0,
        expect: Path | None = None,
        cache: bool = True,
        progress: Progress = quiet,
    ) -> Comparison:
        """Two files of vectors on the items they share: no model, no corpus. Kept like any other. Raises UserError."""
        from embedlab import wordvectors

        statements = () if expect is None else expectations.read(Path(expect))
        files, stated = [_content(Path(path)) for path in (before, after)], [one.text for one in statements]
        id = digest([files, k, seed, stated, comparing.VERSION, wordvectors.VERSION])
        if cache and is_sealed(self.store.folder("comparisons", id)):
            return self.comparison(id)
        kept, both = self._both_kept(Path(before), Path(after), digest(["both", *files]), part(progress, 0.0, 0.25))
        names = {"before": Path(before).name, "after": Path(after).name}
        command = command_line("compare", **names, k=k, seed=seed, expect=None if expect is None else Path(expect).name)
        made = wordvectors.compare_both(
            both, k=k, seed=seed, expect=statements, id=id, command=command, progress=part(progress, 0.25, 1.0)
        )
        self._keep(made, [], [], {"both": kept})
        return made

    def _both_kept(self, before: Path, after: Path, id: str, progress: Progress) -> tuple[str, Both]:
        """(its id, what two files share), read once and kept, so that all of it can be drawn later."""
        folder = self.store.folder("snapshots", id)
        if not is_sealed(folder):
            both = read_both(before, after, progress=part(progress, 0.0, 0.6))
            summary = {"kind": "two files", "rows": len(both), "width": both.before.shape[1]}
            keep = part(progress, 0.6, 1.0)
            self.store.put(
                "snapshots", id, f"{before.name}, {after.name}", summary,
                lambda target: save_both(both, target, keep), both.bytes_needed,
            )  # fmt: skip
        return id, replace(open_both(folder), sources=(str(before), str(after)))

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

    def start_compare(
        self, before: str, after: str, corpus_id: str, *, words: Sequence[str] = (), layers: str = "", k: int = 10
    ) -> str:
        """The same in the background; returns a task id. The task's result holds the comparison's id.

        `layers`: as the command line takes them, such as 2:6.
        """
        given = ["--before", before, "--after", after, "--corpus", self.find_corpus(corpus_id).id, "--k", str(k)]
        if layers:
            given += ["--layers", layers]
        for word in words:
            given += ["--word", word]
        return self._start_task(["compare", *given], "Compare before and after")

    def start_compare_each(self, before: str, sources: Sequence[str], corpus_id: str, *, k: int = 10) -> str:
        """Every source against `before`, one after another, in the background; the result holds the last one's id."""
        given = [word for source in sources for word in ("--after", source)]
        corpus = self.find_corpus(corpus_id).id
        return self._start_task(
            ["compare", "--before", before, *given, "--corpus", corpus, "--k", str(k)], f"Compare {len(sources)} states"
        )

    def comparisons(self) -> list[Entry]:
        """Newest first."""
        return self.store.entries("comparisons")

    def comparison(self, id: str) -> Comparison:
        """By id, the beginning of an id, or name."""
        return comparing.open_comparison(self._comparison_folder(id))

    def _comparison_folder(self, id: str) -> Path:
        return self.store.folder("comparisons", self.store.find("comparisons", id).id)


def comparison_summary(made: Comparison) -> dict[str, Any]:
    """What a list of comparisons shows without opening one."""
    return {
        "name": f"{made.before.source} → {made.after.source} on {made.provenance.corpus_name}",
        "before": made.before.source,
        "after": made.after.source,
        "corpus_id": made.provenance.corpus_id,
        "corpus_name": made.provenance.corpus_name,
        "verdict": made.verdict.task,
        "findings": list(made.verdict.findings),
        "noise": made.noise.kind,
        "words": len(made.words.words),
        "targets": sorted({use.word for use in made.uses.occurrences if use.word}),
        "layers": list(made.layer_names),
    }


def _content(path: Path) -> str:
    """The sha256 of a file, or of the manifest of a folder of `embed --out`. Raises StoreError."""
    try:
        return sha256(path / MANIFEST if path.is_dir() else path)
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read as vectors: is the path right?") from error
