"""What is calibrated on: many seeds of one recipe on the bundled corpus, and what a comparison of them claims."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from embedlab import compare as comparing
from embedlab import demo, survey, verdict
from embedlab.comparing import swaps
from embedlab.comparing.readings import READINGS, changed
from embedlab.lab import Lab
from embedlab.survey import Survey
from embedlab.training.division import trained_rows
from embedlab.types import Comparison, Corpus

RECIPE = {"steps": 30, "rate": 5e-5, "eval_every": 30}  # shorter than the demo's: many seeds are wanted
REPLICATES = 2
Claims = dict[str, float]


class World:
    """The corpus and one survey a seed: made once, opened by every process."""

    def __init__(self, folder: Path, seeds: int, progress: Callable[[float, str], None]) -> None:
        lab = Lab(folder / "workspace")
        path, columns = demo.CORPORA[0]
        added = lab.add_corpus(path, columns)
        self.corpus: Corpus = lab.corpus(added.id)
        config = lab.run_config("builtin", added.id, "senses", **RECIPE)
        runs = lab.finetune_seeds(config, seeds, progress)
        first = lab.encoder("builtin")
        plan = survey.plan_survey(self.corpus, first, off_domain=demo.canary_texts())
        self.surveys: list[Survey] = []
        for run in runs:
            encoder = lab.encoder(f"run:{run.id}")
            place = folder / "surveys" / survey.survey_id(encoder, plan)
            if not place.is_dir():
                survey.take_survey(encoder, plan, place)
            self.surveys.append(survey.open_survey(place))
        self.trained = trained_rows(self.corpus, config)
        self.last = len(self.surveys[0].layers) - 1


@cache
def world(folder: str, seeds: int) -> World:
    return World(Path(folder), seeds, lambda share, what: print(f"{share:4.0%} {what}", flush=True))


def claims(made: Comparison, paired: bool = True) -> Claims:
    """family:name -> 1.0 where it was called changed, else 0.0; of "each word" the share of words called so.

    `paired`: row i of both sides is the same thing, without which readings of the pair and regions say nothing.
    """
    layer = made.layers[-1].readings
    found: Claims = {}
    for name, reading in layer.items():
        said = changed(reading)
        if said is not None and (paired or not READINGS[name].of_pair):
            family = "readings of the pair" if READINGS[name].of_pair else "readings of one space"
            if READINGS[name].source == "A16":
                family = "senses"
            found[f"{family}:{name}"] = float(said)
    called = made.words.changed(-1)
    found["words:any word of the layer"] = float(called.any())
    found["words:each word"] = float(called.mean())
    found["verdict on the task:HELPED or HARMED"] = float(made.verdict.task in ("HELPED", "HARMED"))
    for finding in ("COLLAPSE", "FORGETTING", "COLLATERAL") if paired else ("COLLAPSE",):
        found[f"verdict on the space:{finding}"] = float(finding in made.verdict.findings)
    return found


swaps.PERMUTATIONS = 1  # p of spectra, which no claim rests on, takes half of the time


def compared(world: World, before: Survey, after: Survey, others: Sequence[Survey], seed: int) -> Comparison:
    made = comparing.compare(before, after, world.corpus, replicates=others, layers=[world.last], seed=seed)
    return verdict.judged(made, before, after, world.corpus, replicates=others, trained=world.trained)


def drawn(world: World, rng: np.random.Generator) -> tuple[Survey, Survey, list[Survey]]:
    """(before, after, replicates): different seeds, in random roles."""
    order = rng.permutation(len(world.surveys))[: 2 + REPLICATES]
    before, after, *others = (world.surveys[i] for i in order)
    return before, after, others
