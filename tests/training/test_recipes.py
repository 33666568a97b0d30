"""Recipes: from few words or a YAML file to a run, and one sentence for each thing that is not right."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from embedlab.errors import TrainingError
from embedlab.training import recipes
from embedlab.types import Corpus, EncoderSpec, RunConfig

SPEC = EncoderSpec("builtin")
TWO_STAGES = """
stages:
  - {until_step: 10, train: {"layer.*": 5.0e-5}, schedule: constant}
  - {until_step: 30, train: {"*": 2.0e-5}, objective: pairs}
batch_tokens: 512
"""


def write(folder: Path, text: str) -> Path:
    (folder / "recipe.yaml").write_text(text)
    return folder / "recipe.yaml"


def test_a_run_from_few_words_has_the_defaults_of_its_objective() -> None:
    made = recipes.config("c", SPEC, "senses", seed=3)
    assert made.max_steps == recipes.DEFAULTS["senses"]["steps"]
    assert set(made.stages[0].train.values()) == {recipes.DEFAULTS["senses"]["rate"]}
    assert made.seed == 3


def test_a_recipe_file_says_the_stages_and_wins_over_the_options(tmp_path: Path) -> None:
    made = recipes.config("c", SPEC, "senses", recipe=write(tmp_path, TWO_STAGES), batch_tokens=2048)
    assert [(stage.until_step, stage.objective, stage.schedule) for stage in made.stages] == [
        (10, "senses", "constant"),
        (30, "pairs", "linear"),
    ]
    assert made.batch_tokens == 512


def test_a_run_written_as_plain_values_is_a_recipe_again(tmp_path: Path) -> None:
    made = recipes.config("c", SPEC, "senses", plan="frozen_embeddings", steps=40, rate=1e-4)
    plain = recipes.to_plain(made)
    kept = {key: plain[key] for key in ("stages", *recipes.FREE_FIELDS)}
    again = recipes.config("c", SPEC, "senses", recipe=write(tmp_path, yaml.safe_dump(kept)))
    assert again == made


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stages: [", "not valid YAML near line"),
        ("- 1", "no list of stages"),
        ("stages: []", "at least one stage"),
        ("stages: [{until_step: 0, train: {'*': 1e-5}}]", "after step 0"),
        ("stages: [{until_step: 5}]", "Stage 1"),
        ("stages: [{until_step: 5, train: {'*': 1.0e-5}, objective: magic}]", "no objective 'magic'"),
        ("stages: [{until_step: 5, train: {'*': 1.0e-5}}]\nspeed: high", "unknown setting 'speed'"),
        ("stages: [{until_step: 5, train: {'*': 1.0e-5}}]\nbatch_tokens: 1", "batch_tokens of 64"),
        ("stages: [{until_step: 5, train: {'*': 1.0e-5}}]\non_alarm: shout", "on_alarm is one of tell, stop"),
        ("stages: [{until_step: 5, train: {'*': 1.0e-5}}]\nprecision: fp8", "precision is one of fp32, bf16"),
    ],
)
def test_a_recipe_that_is_not_right_says_what(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        recipes.config("c", SPEC, "senses", recipe=write(tmp_path, text))


def test_a_missing_recipe_and_twice_told_steps(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"nothing\.yaml cannot be read"):
        recipes.config("c", SPEC, "senses", recipe=tmp_path / "nothing.yaml")
    with pytest.raises(TrainingError, match="leave out --steps"):
        recipes.config("c", SPEC, "senses", recipe=write(tmp_path, TWO_STAGES), steps=5)


def test_choices_say_why_not() -> None:
    corpus = Corpus("id", "mine", ("one text", "another text"))
    found = {choice.name: choice for choice in recipes.choices(corpus)}
    assert set(found) == {"labels", "pairs", "senses"}
    assert not any(choice.usable for choice in found.values())
    assert all(choice.why_not and choice.line for choice in found.values())
    with pytest.raises(TrainingError, match="mine cannot be used for labels"):
        recipes.require(corpus, recipes.config("id", SPEC, "labels"))


def test_replicates_differ_in_nothing_but_their_seed() -> None:
    one = recipes.config("c", SPEC, "labels", seed=0)
    assert recipes.same_recipe(one, replace(one, seed=7))
    assert recipes.same_recipe(one, one)
    others = [
        replace(one, corpus_id="d"), replace(one, encoder=EncoderSpec("builtin", pooling="cls")),
        replace(one, eval_every=7), replace(one, canary=""), replace(one, on_alarm="stop"),
        replace(one, stages=(replace(one.stages[0], schedule="constant"),)),
        replace(one, stages=(*one.stages, replace(one.stages[0], until_step=999))),
    ]  # fmt: skip
    assert not any(recipes.same_recipe(one, other) for other in others)
    backwards = dict(reversed(one.stages[0].train.items()))  # "*" first: the head no longer has a rate of its own
    assert one.stages[0].train == backwards
    assert not recipes.same_recipe(one, replace(one, stages=(replace(one.stages[0], train=backwards),)))


def test_a_config_is_a_config() -> None:
    assert isinstance(recipes.config("c", SPEC, "pairs"), RunConfig)
