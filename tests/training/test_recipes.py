"""Recipes: from few words or a YAML file to a run, back to a file, and one sentence for what is not right."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedlab import jobs
from embedlab.encoders.files import check_folder
from embedlab.errors import TrainingError
from embedlab.lineage import making
from embedlab.store import Store, seal
from embedlab.training import plans, recipes, runfolder, worker
from embedlab.training.anatomy import groups_of_layers
from embedlab.training.objectives import OBJECTIVES
from embedlab.types import Corpus, EncoderSpec, Lora, RunConfig, Stage
from tests.training import tiny

SPEC = EncoderSpec("builtin")
TWO_STAGES = """
stages:
  - {until_step: 10, train: {"layer.*": 5.0e-5}, schedule: constant}
  - {until_step: 30, train: {"*": 2.0e-5}, objective: pairs}
batch_tokens: 512
"""
SHORT = "plan: gradual_unfreezing\nobjective: labels\nsteps: 300\nrate: 5e-5\nschedule: cosine\n"


def write(folder: Path, text: str) -> Path:
    (folder / "recipe.yaml").write_text(text)
    return folder / "recipe.yaml"


def config(objective: str | None = None, **given: Any) -> RunConfig:
    return recipes.config("c", SPEC, objective, **{"depth": 2, **given})


# ---- from few words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_run_from_few_words_has_the_defaults_of_its_objective(objective: str) -> None:
    made = config(objective, seed=3)
    usual = dict(recipes.DEFAULTS[objective])
    assert made.stages == plans.plan("full", objective, usual.pop("steps"), usual.pop("rate"), depth=2)
    assert made.seed == 3
    plain = recipes.to_plain(made)
    assert {key: plain[key] for key in usual} == usual


def test_every_objective_has_defaults_and_no_other_has() -> None:
    assert set(recipes.DEFAULTS) == set(OBJECTIVES)
    known = {"steps", "rate", *recipes.FREE_FIELDS}
    assert all({"steps", "rate"} <= settings.keys() <= known for settings in recipes.DEFAULTS.values())


def test_what_is_named_wins_over_the_recipe_and_the_recipe_over_the_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, TWO_STAGES)
    made = config("senses", recipe=path)
    assert [(stage.until_step, stage.objective, stage.schedule) for stage in made.stages] == [
        (10, "senses", "constant"),
        (30, "pairs", "linear"),
    ]
    assert made.batch_tokens == 512
    assert made.batch_items == recipes.DEFAULTS["pairs"]["batch_items"]
    assert config("senses", recipe=path, batch_tokens=2048, batch_items=None).batch_tokens == 2048


def test_the_short_form_is_the_plan_on_this_model(tmp_path: Path) -> None:
    path = write(tmp_path, SHORT)
    for depth in (2, 6):
        made = config(recipe=path, depth=depth)
        assert made.stages == plans.plan("gradual_unfreezing", "labels", 300, 5e-5, depth=depth, schedule="cosine")
    shorter = config(recipe=path, steps=50, schedule="stlr", plan="discriminative")
    assert shorter.stages == plans.plan("discriminative", "labels", 50, 5e-5, depth=2, schedule="stlr")


def test_plans_and_stages_follow_each_other_in_one_recipe(tmp_path: Path) -> None:
    text = """
objective: labels
stages:
  - {plan: discriminative, objective: mlm, steps: 40, rate: 1e-5, schedule: stlr, decay: 2}
  - {plan: frozen_then_unfrozen, steps: 30}
  - {until_step: 100, train: {"head": 1e-3}}
"""
    made = config(recipe=write(tmp_path, text))
    assert [(stage.until_step, stage.objective) for stage in made.stages] == [
        (40, "mlm"), (50, "labels"), (70, "labels"), (100, "labels"),
    ]  # fmt: skip
    assert made.stages[0].train == {"mlm_head": 1e-4, "layer.1": 1e-5, "layer.0": 5e-6, "embeddings": 2.5e-6}


def test_adapters_come_with_a_plan_that_trains_them() -> None:
    assert config("senses", plan="lora").lora == Lora()
    assert config("senses").lora is None
    assert config("senses", lora={"rank": 4}) == config("senses", plan="lora", lora=Lora(rank=4))
    assert config("senses", plan="lora").stages[0].train == {
        "lora.*": plans.ADAPTER_FACTOR * recipes.DEFAULTS["senses"]["rate"]
    }
    changed = config(recipe="classifier-light", lora={"rank": 2, "targets": ["attention"]})
    assert changed.lora == Lora(rank=2, alpha=16.0, targets=("attention",))
    with pytest.raises(TrainingError, match="belong to the plan lora"):
        config("senses", plan="full", lora={"rank": 4})


# ---- to a file and back ----------------------------------------------------------------------------------------------

SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "seed": st.integers(0, 2**32 - 1),
    "batch_tokens": st.integers(64, 10**8),
    "batch_items": st.integers(2, 10**6),
    "eval_every": st.integers(1, 10**6),
    "precision": st.sampled_from(["fp32", "bf16"]),
    "weight_decay": st.floats(0, 1),
    "max_grad_norm": st.floats(1e-9, 1e6),
    "warmup": st.floats(0, 0.999),
    "temperature": st.floats(1e-9, 100),
    "canary": st.text(max_size=40),
    "on_alarm": st.sampled_from(["tell", "stop"]),
    "lora": st.none()
    | st.builds(
        Lora,
        st.integers(1, 4096),
        st.floats(1e-6, 1e6),
        st.floats(0, 0.999),
        st.sampled_from([("attention",), ("feed_forward",), ("feed_forward", "attention")]),
    ),
    "accumulate": st.integers(1, 10**5),
    "chunk_tokens": st.just(0) | st.integers(64, 10**8),
    "longest": st.integers(4, 10**6),
    "patience": st.integers(0, 10**6),
    "isotropy": st.floats(0, 100),
    "mask_share": st.floats(1e-6, 0.999),
    "frames": st.integers(0, 10**5),
}
RATES = st.floats(1e-12, 0.999)


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    """Any run there can be on a model of two layers; it ends in an objective that has vectors."""
    drawn = {name: draw(strategy) for name, strategy in SETTINGS.items()}
    ends = sorted(draw(st.sets(st.integers(1, 10**7), min_size=1, max_size=4)))
    stages = []
    for end in ends:
        goal = (
            draw(st.sampled_from([name for name, one in OBJECTIVES.items() if one.fits(None)]))
            if end != ends[-1]
            else "senses"
        )
        heads = {"labels": ["head"], "mlm": ["mlm_head"]}.get(goal, [])
        names = ["*", "layer.*", "layer.[01]", "embeddings", "layer.0", "layer.1", *heads]
        train = draw(st.dictionaries(st.sampled_from(names), RATES, min_size=1))
        if drawn["lora"] is not None:
            train["lora.*"] = draw(RATES)
        stages.append(Stage(end, train, draw(st.sampled_from(["constant", "linear", "cosine", "stlr"])), goal))
    return RunConfig("c", SPEC, tuple(stages), **drawn)


@given(made=configs())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_run_written_down_is_the_same_run_again(made: RunConfig, tmp_path: Path) -> None:
    again = config(recipe=write_text(tmp_path, recipes.write(made)))
    assert again == made
    assert recipes.same_recipe(again, made), "the order of the groups counts"
    assert recipes.write(again) == recipes.write(made)


@pytest.mark.parametrize(
    "canary", ["5e-5", "-1E+5", "no", "1_000", "~", "2001-01-01", "<<", "&a", "# a", "0x1F", "\x85"]
)
def test_a_word_that_looks_like_something_else_stays_a_word(canary: str, tmp_path: Path) -> None:
    made = config("senses", canary=canary)
    assert config(recipe=write_text(tmp_path, recipes.write(made))).canary == canary


def write_text(folder: Path, text: str) -> Path:
    (folder / "written.yaml").write_bytes(text.encode())
    return folder / "written.yaml"


def test_the_property_speaks_of_every_field() -> None:
    assert set(SETTINGS) == set(recipes.FREE_FIELDS)
    assert set(recipes.FREE_FIELDS) == {f.name for f in fields(RunConfig)} - {"corpus_id", "encoder", "stages"}


# ---- what comes with EmbedLab ----------------------------------------------------------------------------------------


def test_the_bundled_recipes_say_what_they_are() -> None:
    every = recipes.bundled()
    assert [one.name for one in every] == list(recipes.names())
    assert {one.objective for one in every} == set(OBJECTIVES), "there is one for everything a run can learn"
    assert len({one.title for one in every}) == len(every)
    for one in every:
        assert one.line.endswith(".")
        assert one.plan in ("", *plans.PLANS)
        for depth in (1, 6, 24) if "table" not in one.kinds else (0,):
            made = config(recipe=one.name, depth=depth)
            assert made.stages[-1].objective == one.objective
            assert plans.timeline(made, depth)


SMALL: dict[str, dict[str, int]] = {
    "table": {"embedding_size": 8}, "lstm": {"embedding_size": 8, "lstm_size": 4},
    "cnn": {"embedding_size": 8, "filters": 4}, "awd-lstm": {"embedding_size": 8, "lstm_size": 9},
    "elmo": {"embedding_size": 4, "projection_size": 4, "cell_size": 6},
    "cove": {"embedding_size": 8, "lstm_size": 4},
}  # fmt: skip


def shortened(made: RunConfig) -> RunConfig:
    """The same recipe with one step a stage, and two for the last."""
    count = len(made.stages)
    ends = [*range(1, count), count + 1]
    stages = tuple(replace(stage, until_step=end) for stage, end in zip(made.stages, ends, strict=True))
    return replace(made, stages=stages, eval_every=count + 1, frames=1)


@pytest.mark.parametrize(
    ("name", "kind"), [(one.name, kind) for one in recipes.bundled() for kind in one.kinds or ("",)]
)
def test_every_bundled_recipe_trains(
    name: str, kind: str, new_run: Callable[..., Path], store: Store, tmp_path: Path
) -> None:
    table = {"scored": tiny.scored, "triplets": tiny.triplets}.get(config(recipe=name).stages[-1].objective, tiny.rows)
    corpus = tiny.add_corpus(store, table())
    start = None
    if kind:
        making.make(kind, tmp_path / "start", corpus.texts, **SMALL[kind])
        seal(tmp_path / "start")
        start = tmp_path / "start"
    depth = 2 if start is None else groups_of_layers(check_folder(start).config)
    made = recipes.config(corpus.id, EncoderSpec("tiny"), depth=depth, recipe=name, canary="")
    recipes.require(corpus, made)
    of_words = OBJECTIVES[made.stages[0].objective].reads == "words"  # a step is an epoch, and that is short
    folder = new_run(f"bundled-{name}", made if of_words else shortened(made), start=start)
    worker.main([str(folder)])
    run = jobs.look(store, folder.name)
    assert (run.state, run.step) == ("done", runfolder.read(folder)[0].max_steps), run.message


# ---- what is not right -----------------------------------------------------------------------------------------------

STAGE = "stages: [{until_step: 5, train: {'*': 1.0e-5}}]\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stages: [", r"not valid YAML near line"),
        ("a: &x [1]\nb: *x", "not valid YAML"),
        ("[" * 2000, "not valid YAML"),
        ("- 1", "neither a list of stages nor a plan"),
        ("batch_tokens: 64", "neither a list of stages nor a plan"),
        ("stages: []", "no list of stages"),
        ("stages: [5]", "Stage 1 .* is a mapping of its settings, not 5"),
        ("stages: [{until_step: 0, train: {'*': 1e-5}}]", "Stage 1 .* until_step is a whole number from 1"),
        ("stages: [{until_step: 5}]", "Stage 1 .* has no train"),
        ("stages: [{train: {'*': 1e-5}}]", "Stage 1 .* has no until_step"),
        ("stages: [{until_step: 5, train: {}}]", "train is a mapping of groups"),
        ("stages: [{until_step: 5, train: {'*': fast}}]", "learning rate of '.' is a number above 0 .*, not 'fast'"),
        ("stages: [{until_step: 5, train: {'*': 3}}]", "learning rate of '.' is a number above 0 and below 1, not 3"),
        ("stages: [{until_step: 5, train: {'*': 1.0e-5}, objective: magic}]", "objective is one of .* not 'magic'"),
        ("stages: [{until_step: 5, train: {'*': 1.0e-5}, schedule: wavy}]", "schedule is one of constant"),
        ("stages: [{until_step: 5, train: {'layer.7': 1.0e-5}}]", "no group 'layer.7'"),
        ("stages: [{until_step: 5, train: {'head': 1.0e-5}}]", "no group 'head'"),
        ("stages: [{until_step: 5, train: {'*': 1.0e-5}, speed: 1}]", "Stage 1 .* unknown setting 'speed'"),
        ("stages: [{plan: full, until_step: 5}]", "Stage 1 .* unknown setting 'until_step'"),
        (STAGE.replace("}}]", "}}, {until_step: 5, train: {'*': 1e-5}}]"), "Stage 2 .* ends at step 5, but"),
        (STAGE + "speed: high", "unknown setting 'speed'"),
        (STAGE + "plan: full", "unknown setting 'plan'"),
        (STAGE.replace("*", "layer.*") + "lora: {rank: 4}", "trains no adapters"),
        ("plan: swift\nobjective: senses", "plan is one of full"),
        ("plan: full\nobjective: magic", "no objective 'magic'"),
        ("plan: full\nobjective: [a]", "objective is a name, not a list"),
        ("plan: full\nsteps: many", "steps is a whole number from 1 to 10,000,000, not 'many'"),
        ("plan: top_layers", "needs the number of layers"),
        ("plan: lora\nlora: 8", "lora is a mapping"),
        ("plan: lora\nlora: {rank: 0}", "rank of lora is a whole number from 1"),
        ("plan: lora\nlora: {targets: [everything]}", "targets of lora are some of attention, feed_forward"),
        ("plan: lora\nlora: {speed: 1}", "lora has no setting 'speed'"),
        ("plan: full\nobjective: mlm\nisotropy: 1", "isotropy is about the vectors"),
    ],
)  # fmt: skip
def test_a_recipe_that_is_not_right_says_what(tmp_path: Path, text: str, says: str) -> None:
    objective = None if "objective: mlm" in text else "senses"
    with pytest.raises(TrainingError, match=says) as caught:
        config(objective, recipe=write(tmp_path, text))
    assert str(caught.value).count("\n") == 0
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("seed", (-1, 1.5, True)), ("batch_tokens", (63, "many")), ("batch_items", (1, "2")), ("eval_every", (0, 0.5)),
        ("precision", ("fp8", 32)), ("weight_decay", (-0.1, 2, "no")), ("max_grad_norm", (0, float("nan"))),
        ("warmup", (1, -0.1)), ("temperature", (0, float("inf"))), ("canary", (7, "x" * 300)), ("on_alarm", ("shout",)),
        ("accumulate", (0,)), ("chunk_tokens", (-1, 63)), ("longest", (0,)), ("patience", (-1,)),
        ("isotropy", (-1, "much")), ("mask_share", (0, 1)), ("frames", (-1, True)), ("lora", (8, {"alpha": 0})),
    ],
)  # fmt: skip
def test_every_setting_has_its_bounds(name: str, values: tuple[object, ...]) -> None:
    for value in values:
        with pytest.raises(TrainingError, match=name):
            config("senses", **{name: value})


def test_a_recipe_that_is_not_there_or_does_not_fit_what_is_asked(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"nothing\.yaml cannot be read: .*classifier"):
        config("senses", recipe=tmp_path / "nothing.yaml")
    with pytest.raises(TrainingError, match="says its stages itself: leave out steps"):
        config("senses", recipe=write(tmp_path, TWO_STAGES), steps=5)
    with pytest.raises(TrainingError, match=r"classifier\.yaml is for labels, not pairs"):
        config("pairs", recipe="classifier")
    with pytest.raises(TrainingError, match="names no objective"):
        config(recipe=write(tmp_path, STAGE))
    with pytest.raises(TrainingError, match="Which objective"):
        config()
    with pytest.raises(TrainingError, match="no setting 'speed'"):
        config("senses", speed=1)
    (tmp_path / "large.yaml").write_text("#" * (recipes.MAX_RECIPE_BYTES + 1))
    with pytest.raises(TrainingError, match="over 100 kB"):
        config(recipe=tmp_path / "large.yaml")


# ---- what a corpus allows, and what is the same ----------------------------------------------------------------------


def test_choices_say_why_not() -> None:
    corpus = Corpus("id", "mine", ("one text", "another text"))
    found = {choice.name: choice for choice in recipes.choices(corpus)}
    assert list(found) == list(OBJECTIVES)
    assert not any(found[name].usable for name in ("labels", "pairs", "triplets", "scored", "senses"))
    assert all(bool(choice.why_not) != choice.usable and choice.line for choice in found.values())
    assert found["pairs"].settings["batch_items"] == recipes.DEFAULTS["pairs"]["batch_items"]
    with pytest.raises(TrainingError, match="mine cannot be used for labels"):
        recipes.require(corpus, config("labels"))


def test_replicates_differ_in_nothing_that_changes_a_result_but_their_seed() -> None:
    one = config("labels", seed=0)
    assert recipes.same_recipe(one, replace(one, seed=7))
    assert recipes.same_recipe(one, replace(one, chunk_tokens=512, frames=1))
    others = [
        replace(one, corpus_id="d"), replace(one, encoder=EncoderSpec("builtin", pooling="cls")),
        replace(one, eval_every=7), replace(one, canary=""), replace(one, on_alarm="stop"),
        replace(one, accumulate=2), replace(one, isotropy=0.1), replace(one, lora=Lora()), replace(one, longest=64),
        replace(one, patience=3), replace(one, precision="bf16"), replace(one, batch_items=8),
        replace(one, stages=(replace(one.stages[0], schedule="constant"),)),
        replace(one, stages=(*one.stages, replace(one.stages[0], until_step=999))),
    ]  # fmt: skip
    assert not any(recipes.same_recipe(one, other) for other in others)
    backwards = dict(reversed(one.stages[0].train.items()))  # "*" first: the head no longer has a rate of its own
    assert one.stages[0].train == backwards
    assert not recipes.same_recipe(one, replace(one, stages=(replace(one.stages[0], train=backwards),)))


def test_a_description_tells_recipes_apart() -> None:
    assert recipes.describe(config("senses", rate=2e-5)) == "senses, everything at 2e-5, 200 steps, linear"
    assert recipes.describe(config("labels", plan="lora", lora={"rank": 4}, temperature=0.2)) == (
        "labels, LoRA of rank 4 at 5e-4, 200 steps, linear; temperature 0.2"
    )
    said = [recipes.describe(config(recipe=name, depth=6)) for name in recipes.names()]
    assert len(set(said)) == len(said)
    assert max(map(len, said)) < 180


def test_recipes_and_plans_never_load_torch() -> None:
    code = "import sys, embedlab.training.recipes as r; r.bundled(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
