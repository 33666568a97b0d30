"""The model card: what it says is what the run was, and no name a person typed can break it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlab.encoders.files import check_folder
from embedlab.errors import StoreError
from embedlab.jobfolder import JobFolder
from embedlab.store import Store
from embedlab.training import card, recipes
from embedlab.training.card import Facts
from embedlab.types import Corpus, EncoderSpec, Lora, RunConfig, Stage
from tests.training import tiny

CONFIG = RunConfig(
    "d" * 64,
    EncoderSpec("builtin"),
    (Stage(100, {"lora.*": 1e-4, "head": 1e-3}, "linear", "labels"), Stage(200, {"lora.*": 5e-5}, "cosine", "senses")),
    seed=3,
    lora=Lora(rank=4),
)
FACTS = Facts(
    run="abc",
    base=card.BUILTIN,
    base_sha256="e" * 64,
    config=CONFIG,
    corpus_name="reviews.csv",
    rows=1234,
    counts={"train": 900, "selection": 100, "held_out": 234},
    step=150,
    steps_done=200,
    parameters=22_000_000,
    trained=12_345,
    scores={"macro-F1": (0.8, 0.9), "accuracy": (0.75, 0.7), "accuracy of the head": (None, 0.6)},
    canary=({"mean_cosine": 0.05, "effective_rank": 40.0, "neighbours_kept": 1.0, "texts": 24},
            {"mean_cosine": 0.1, "effective_rank": 30.0, "neighbours_kept": 0.75, "texts": 24, "alarms": []}),
    unit=True,
    dim=384,
    longest=256,
    classes=("no", "yes"),
    versions={"embedlab": "0.1.0", "torch": "2.13.0"},
)  # fmt: skip


def front(text: str) -> dict[str, Any]:
    assert text.startswith("---\n")
    head, fence, _ = text[4:].partition("\n---\n")
    assert fence
    return dict(yaml.safe_load(head))


def block(text: str, language: str) -> str:
    found = re.search(rf"^(`{{3,}}){language}\n(.*?)\n\1$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[2]


def prose(text: str) -> str:
    """What Markdown reads as such: no front matter, no fenced code."""
    return re.sub(r"^(`{3,})\w*\n.*?\n\1$", "", text[text.index("\n---\n") + 5 :], flags=re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[str]:
    return [line for line in prose(text).split("\n") if re.match(r" {0,3}#{1,6} ", line)]


def borders(text: str) -> list[int]:
    """How many borders of cells each line of a table has."""
    return [len(re.findall(r"(?<!\\)\|", line)) for line in prose(text).split("\n") if line.startswith("|")]


def test_what_hubs_read() -> None:
    said = front(card.card(FACTS))
    assert said["library_name"] == "sentence-transformers"
    assert said["pipeline_tag"] == "sentence-similarity"
    assert said["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert said["license"] == "unknown"
    assert {"sentence-transformers", "transformers", "feature-extraction", "labels", "senses"} <= set(said["tags"])


def test_what_people_read() -> None:
    text = card.card(FACTS)
    for line in (
        "| macro-F1 | .800 | .900 | +.100 |",
        "| accuracy | .750 | .700 | −.050 |",
        "| accuracy of the head | – | .600 | – |",
        f"| sha256 of the rows | `{'d' * 64}` |",
        "| Rows | 1,234 |",
        "| held out | 234 |",
        "| Labels | 2: no, yes |",
        "Step 150 of 200 taken was kept, by its score on rows set aside to choose it.",
        "12,345 of 22,000,000 parameters were trained, low-rank adapters (rank 4)",
        "embedlab 0.1.0, torch 2.13.0",
    ):
        assert line in text, line
    assert card.MEANINGS["senses"] in text
    assert "without an interval" in text


def test_the_recipe_reads_back_to_the_same_run(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(block(card.card(FACTS), "yaml"))
    again = recipes.config(CONFIG.corpus_id, CONFIG.encoder, "senses", recipe=path, depth=6)
    assert again == CONFIG


def test_what_is_not_known_is_said() -> None:
    bare = replace(FACTS, canary=None, scores={}, classes=(), counts={"train": 9}, config=replace(CONFIG, lora=None))
    text = card.card(bare)
    assert "None were watched in this run" in text
    assert "None was taken at this step." in text
    assert "by its score" not in text
    assert "low-rank" not in text
    alarmed = card.card(replace(FACTS, canary=(FACTS.canary[0], {**FACTS.canary[1], "alarms": ["It fell."]})))  # type: ignore[index]
    assert "It fell." in alarmed
    assert "No alarm" not in alarmed


@pytest.mark.parametrize("objective", sorted(card.MEANINGS))
def test_every_objective_has_its_meaning(objective: str) -> None:
    from embedlab.training.objectives import OBJECTIVES

    assert set(card.MEANINGS) == set(OBJECTIVES)
    one = replace(FACTS, config=replace(CONFIG, stages=(Stage(9, {"*": 1e-4}, "linear", objective),), lora=None))
    assert card.MEANINGS[objective] in card.card(one)
    assert OBJECTIVES[objective].line in card.card(one)


HOSTILE = [
    "---\nlicense: mit\n---\n# Mine",
    "x\n\n## With transformers\nrun this",
    "``` \n<script>alert(1)</script>",
    "a|b|c\n|---|",
    "[click](javascript:alert(1)) ![](http://x/y.png)",
    "a: b # c \"d\" 'e' {f} [g] &h *i !!python/object:os.system",
    "\u202eevil\u2066 \x00\x07\u2028# no",
    "**bold** _it_ `code` ~~s~~ $x$ \\",
    "www.example.org http://example.org @somebody",
    "",
    "é" * 5000,
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("where", ["corpus_name", "base", "classes", "pattern"])
def test_hostile_names_break_nothing(name: str, where: str) -> None:
    plain = card.card(FACTS)
    if where == "classes":
        hostile = replace(FACTS, classes=(name, "yes"))
    elif where == "pattern":
        hostile = replace(FACTS, config=replace(CONFIG, stages=(Stage(200, {name or "*": 1e-4}, "linear", "senses"),)))
    else:
        hostile = replace(FACTS, **{where: name})
    text = card.card(hostile)
    said, before = front(text), front(plain)
    assert said["license"] == "unknown"
    assert set(said) == set(before)
    assert [h for h in headings(text) if h.startswith("##")] == [h for h in headings(plain) if h.startswith("##")]
    assert len(headings(text)) == len(headings(plain))
    assert borders(text) == borders(plain)
    assert yaml.safe_load(block(text, "yaml"))["seed"] == 3
    assert not re.search(r"(?<!\\)[<>\[\]]", prose(text))  # no markup, no link, no picture
    assert not re.search(r"(?<!\\)://|www\.", prose(text))  # and nothing that becomes a link by itself
    assert not re.search("[\x00-\x08\u202a-\u202e\u2066-\u2069]", prose(text))


@settings(max_examples=300)
@given(st.text(max_size=40))
def test_escaped_text_reads_as_it_was(name: str) -> None:
    """A backslash before a mark stands for the mark, by the letter of CommonMark 2.4."""
    from embedlab.wording import one_line

    shown = card.escaped(name)
    assert "\n" not in shown
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", shown) == (one_line(name) or "(no name)")
    assert not re.search(r"(?<!\\)(\\\\)*[<>|`*_\[\]#&]", shown)


@settings(max_examples=300)
@given(st.text("`~\n ab", max_size=40))
def test_a_fence_is_never_closed_from_within(code: str) -> None:
    lines = card.fenced(code, "yaml").split("\n")
    fence = lines[0].removesuffix("yaml")
    assert lines[-1] == fence
    assert not any(line.strip().startswith(fence) for line in lines[1:-1])


def test_the_card_of_a_plain_folder_says_nothing_of_sentence_transformers() -> None:
    known = replace(FACTS, base="a-model", config=replace(CONFIG, encoder=EncoderSpec("a-model")))
    text = card.for_transformers(card.card(replace(known, versions={})))
    assert front(text)["library_name"] == "transformers"
    assert front(text)["pipeline_tag"] == "feature-extraction"
    assert "sentence-transformers" not in text
    assert headings(text)[1] == "## With transformers"


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("unit", [False, True])
def test_the_code_on_the_card_gives_the_model_s_vectors(
    pooling: Any, unit: bool, tiny_models: Callable[[str], Path], tmp_path: Path
) -> None:
    import numpy as np

    from embedlab.training import export
    from tests.training.test_export import trained

    start = tiny_models("bert")
    if unit:
        import json
        import shutil

        start = Path(shutil.copytree(start, tmp_path / "unit"))
        (start / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Normalize"}]))
    known = replace(FACTS, unit=unit, config=replace(CONFIG, encoder=EncoderSpec("x", pooling=pooling)), longest=32)
    text = card.card(known)
    export.model_folder(trained(start, pooling), check_folder(start), start, tmp_path / "model", text)
    here = [code.replace("path/to/this/folder", str(tmp_path / "model")).replace("print(", "(")
            for code in re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)]  # fmt: skip
    found = []
    for code in here:
        scope: dict[str, Any] = {}
        exec(code, scope)  # noqa: S102
        found.append(np.asarray(scope["vectors"]))
    assert len(found) == 2
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


# ---------------------------------------------------------------- from a run's folder


def test_the_facts_are_those_of_the_run(
    new_run: Callable[..., Path], corpus: Corpus, store: Store, tiny_models: Callable[[str], Path]
) -> None:
    config = tiny.config(corpus, Stage(8, {"*": 1e-3}, "linear", "senses"))
    run = new_run("facts", config)
    job = JobFolder(run)
    job.emit(type="ready", train=30, selection=0, held_out=12, parameters=5000, trained=4000)
    scores = {0: 0.4, 4: 0.6}
    for step, score in scores.items():
        job.emit(type="eval", step=step, score=score, score_name="macro-F1", parts={"accuracy": score / 2})
        job.emit(type="canary", step=step, texts=24, mean_cosine=0.1 + step, effective_rank=9.0, neighbours_kept=1.0)
    job.emit(type="step", step=6, loss=1.0)
    job.emit(type="ready", train=30, selection=0, held_out=12, parameters=5000, trained=4000)
    job.emit(type="resumed", step=0)  # all of it is done again
    job.emit(type="eval", step=0, score=0.4, score_name="macro-F1", parts={"accuracy": 0.2})
    job.emit(type="canary", step=0, texts=24, mean_cosine=0.1, effective_rank=9.0, neighbours_kept=1.0)
    job.emit(type="eval", step=4, score=0.7, score_name="macro-F1", parts={"accuracy": 0.35})
    known = card.facts(run, 4, ("a", "b"))
    assert known.base == tiny_models("bert").name or known.base == "tiny"
    assert known.base_sha256 == check_folder(tiny_models("bert")).fingerprint()
    assert (known.corpus_name, known.rows) == (corpus.name, len(corpus))
    assert known.config.corpus_id == corpus.id
    assert known.scores == {"macro-F1": (0.4, 0.7), "accuracy": (0.2, 0.35)}
    assert known.canary is None  # not looked at again at step 4
    assert (known.parameters, known.trained, known.step, known.steps_done) == (5000, 4000, 4, 4)
    assert known.counts == {"train": 30, "selection": 0, "held_out": 12}
    assert (known.dim, known.longest, known.unit, known.classes) == (32, 80, False, ("a", "b"))
    assert corpus.id in card.card(known)


def test_a_corpus_that_is_gone_is_said(new_run: Callable[..., Path], corpus: Corpus, store: Store) -> None:
    run = new_run("gone", tiny.config(corpus))
    store.remove("corpora", corpus.id)
    with pytest.raises(StoreError):
        card.facts(run, 4)
