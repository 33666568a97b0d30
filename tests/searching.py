"""A workspace whose two model states are fakes with known geometry, and a comparison of them with its vectors kept."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

from embedlab import compare, survey
from embedlab.corpus import Columns
from embedlab.encoders import ModelInfo
from embedlab.encoders.protocol import Encoder
from embedlab.errors import ModelError
from embedlab.lab import Lab, comparison_summary
from embedlab.lab.base import Progress, quiet
from embedlab.types import Corpus, EncoderSpec
from tests.fakes import FakeEncoder, sense_corpus

STATES = {
    "fake-before": FakeEncoder(0.2, blind=["zzz"]),
    "fake-after": FakeEncoder(1.0, moved={"otter": "vault"}, blind=["zzz"]),
}
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
        made = STATES[source]
        made.spec = EncoderSpec(source, "fake")
        return made

    def model(self, source: str) -> ModelInfo:
        if source in self.gone:
            raise ModelError(f"There is no model {source}.")
        if source not in STATES:
            return super().model(source)
        fields = {"source": source, "name": source, "layers": 3, "dim": 16, "parameters": 0}
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


def fill(root: Path, progress: Progress = quiet) -> tuple[FakeLab, str]:
    """The lab, and the id of its comparison."""
    lab = FakeLab(root)
    source = root / "mine.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows(rows())
    columns = Columns(text="text", label="label", split="split", target="word", start="start", end="end", sense="sense")
    corpus = lab.corpus(lab.add_corpus(source, columns).id)
    return lab, keep(lab, corpus)


def keep(lab: FakeLab, corpus: Corpus) -> str:
    """A comparison of both states over a corpus, with the surveys it was made from; returns its id."""
    before, after = (lab.encoder(source) for source in STATES)
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
