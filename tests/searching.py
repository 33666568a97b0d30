"""A workspace whose two model states are fakes with known geometry, and a comparison of them with its vectors kept."""

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from embedlab import compare, survey
from embedlab.corpus import Columns
from embedlab.encoders import ModelInfo
from embedlab.encoders.protocol import Encoder
from embedlab.errors import ModelError
from embedlab.lab import Lab, comparison_summary
from embedlab.store import copy_sealed
from embedlab.types import Corpus, EncoderSpec
from tests.fakes import FakeEncoder, sense_corpus

STATES = {
    "fake-before": FakeEncoder(0.2, blind=["zzz"]),
    "fake-after": FakeEncoder(1.0, moved={"otter": "vault"}, blind=["zzz"]),
}
RUN = "aa11"
ON_THE_WAY = {  # the states that its run kept, and its end: the senses part step by step
    f"run:{RUN}@0": FakeEncoder(0.2, blind=["zzz"]),
    f"run:{RUN}@50": FakeEncoder(0.6, blind=["zzz"]),
    f"run:{RUN}": FakeEncoder(1.0, moved={"otter": "vault"}, blind=["zzz"]),
}
KNOWN = STATES | ON_THE_WAY
HEAD = ("text", "label", "split", "word", "start", "end", "sense")


class FakeLab(Lab):
    """A lab that knows two model states, as fakes; `loaded` says which were loaded, `gone` which cannot be."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.loaded: list[str] = []
        self.gone: set[str] = set()

    def encoder(self, source: str) -> Encoder:
        self.model(source)
        self.loaded.append(source)
        made = KNOWN[source]
        made.spec = EncoderSpec(source, "fake")
        return made

    def model(self, source: str) -> ModelInfo:
        if source in self.gone:
            raise ModelError(f"There is no model {source}.")
        if source not in KNOWN:
            return super().model(source)
        fields = {"source": source, "name": source, "layers": 3, "dim": 16, "parameters": 0, "size_bytes": 450_000_000}
        return ModelInfo(**{name: fields.get(name) for name in ModelInfo.__dataclass_fields__})  # type: ignore[arg-type]


def rows() -> list[tuple[Any, ...]]:
    """Thirty-two sentences in four senses; the first comes again as the last but one with another label; one unread."""
    made = sense_corpus(8)
    assert made.targets is not None
    assert made.labels is not None
    found: list[tuple[Any, ...]] = []
    for number, (text, label, target) in enumerate(zip(made.texts, made.labels, made.targets, strict=True)):
        assert target is not None
        split = "test" if number % 4 == 0 else "train"
        found.append((text, label, split, target.word, target.start, target.end, target.sense))
    first = found[0]
    return [*found, (first[0], "again", *first[2:]), ("zzz", "unread", "train", "", "", "", "")]


def fill(root: Path) -> tuple[FakeLab, str]:
    """The lab, and the id of its comparison."""
    lab, corpus = stocked(root)
    return lab, keep(lab, corpus)


def fill_run(root: Path, locks: ExitStack) -> tuple[FakeLab, str]:
    """The same, of a run that kept its states at the steps 0 and 50 and ended at 100; `locks`: as long as it lives."""
    from tests.pages.bench import Bench

    bench = Bench(root, locks)
    job = bench.finished(RUN, {0: 0.7, 50: 0.8, 100: 0.9}, {0: 1.0})
    for step in (0, 50):
        bench.state(job, step)
    lab, corpus = stocked(root)
    return lab, keep(lab, corpus, ("fake-before", f"run:{RUN}"))


def stocked(root: Path) -> tuple[FakeLab, Corpus]:
    """A lab with the corpus of `rows`."""
    lab = FakeLab(root)
    source = root / "mine.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows(rows())
    columns = Columns(text="text", label="label", split="split", target="word", start="start", end="end", sense="sense")
    return lab, lab.corpus(lab.add_corpus(source, columns).id)


def keep(lab: FakeLab, corpus: Corpus, sources: tuple[str, ...] = tuple(STATES)) -> str:
    """A comparison of two states over a corpus, with the surveys it was made from; returns its id."""
    before, after = (lab.encoder(source) for source in sources)
    plan = survey.plan_survey(corpus, before)
    ids = [survey.survey_id(encoder, plan) for encoder in (before, after)]
    for id, encoder in zip(ids, (before, after), strict=True):
        lab.store.put(
            "snapshots", id, id, {}, lambda folder, encoder=encoder: survey.write_survey(encoder, plan, folder)
        )
    old, new = (survey.open_survey(lab.store.folder("snapshots", id)) for id in ids)
    made = compare.compare(old, new, corpus, before=before.spec, after=after.spec)
    made = replace(made, provenance=replace(made.provenance, command="python -m embedlab compare"))
    summary = comparison_summary(made) | {"surveys": ids}
    lab.store.put("comparisons", made.id, summary["name"], summary, lambda folder: compare.save(made, folder, []))
    lab.loaded.clear()
    return made.id


def first_visit(root: Path, layers: Sequence[int] = (2,)) -> tuple[FakeLab, str, Path]:
    """A workspace that found its comparison beside the program, with the vectors of some layers and all groups, but
    neither surveys nor the model after. Returns the lab, the id, and the folder to be named as demo.results_folder().
    """
    made, id = fill(root / "elsewhere")
    results, snapshots = root / "demo" / "results", root / "demo" / "snapshots"
    copy_sealed(made.store.folder("comparisons", id), results)
    made.ship_groups(id, snapshots)
    made.ship_vectors(id, layers, snapshots)
    lab, same = fill(root / "workspace")
    assert same == id
    for survey_id in lab.store.find("comparisons", id).summary["surveys"]:
        lab.store.remove("snapshots", survey_id)
    lab.gone.add("fake-after")
    lab.loaded.clear()
    return lab, id, results
