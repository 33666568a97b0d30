"""Two surveys -> a Comparison: what changed, where, with intervals. No model, no torch.

`compare` leaves the verdict open ("NOT MEASURED"); `embedlab.verdict.judged` fills it in.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from threadpoolctl import threadpool_limits

from embedlab import __version__
from embedlab.comparing.files import items_table, open_comparison, open_maps, save, save_maps
from embedlab.comparing.maps import LEAST_USES, make_map, make_maps
from embedlab.comparing.moves import Move, moves
from embedlab.comparing.noise import ControlFloor, SeedFloor, noise_floor
from embedlab.comparing.positives import related_texts
from embedlab.comparing.readings import READINGS, ReadingInfo
from embedlab.comparing.records import to_json
from embedlab.comparing.senses import SenseSurvey
from embedlab.comparing.sides import LayerChoice, Sides, side_by_side
from embedlab.comparing.spaces import space_readings
from embedlab.comparing.words import WordLayer, check_k, near_both, word_layer, word_table
from embedlab.corpus import held_out
from embedlab.store import now
from embedlab.survey import Survey
from embedlab.types import Comparison, Corpus, EncoderSpec, LayerReadings, Provenance, Reading, Verdict

__all__ = [
    "LEAST_USES", "READINGS", "VERSION", "Move", "ReadingInfo", "compare", "items_table", "make_map", "make_maps",
    "moves", "open_comparison", "open_maps", "save", "save_maps", "to_json",
]  # fmt: skip

VERSION = 3  # of what a comparison holds; raise it when the same surveys would give other numbers
SHOWN = 30  # neighbours kept of each word, for the ranks of those that left the k nearest
PACKAGES = ("numpy", "scipy", "scikit-learn", "faiss-cpu", "umap-learn", "torch", "transformers")

Progress = Callable[[float, str], None]


def compare(
    survey_before: Survey,
    survey_after: Survey,
    corpus: Corpus,
    *,
    replicates: Sequence[Survey] = (),
    before: EncoderSpec | None = None,
    after: EncoderSpec | None = None,
    layers: Sequence[LayerChoice] | None = None,
    k: int = 10,
    shown: int = SHOWN,
    seed: int = 0,
    id: str | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Comparison:
    """Every reading, every word and every target use at every layer (`layers`: only these, or pairs: see pair_layers).

    `replicates`: other seeds of the recipe of `after`: what they differ by is the noise floor; without them it is what
    two halves of a word's uses differ by.
    `before`, `after`: how the person named the models, where a cached survey was taken under another name.
    Raises UserError for a k larger than the words allow, an unknown layer, surveys of different plans, or replicates
    that cannot be of one recipe.
    """
    report = progress or (lambda _share, _what: None)
    sides = side_by_side(survey_before, survey_after, replicates, layers)
    check_k(sides, k)
    shown = min(max(k, shown), len(sides.words) - 1)
    held = held_out(corpus)
    related = related_texts(corpus, held)
    senses = SenseSurvey(sides, held, seed, related=related)
    word_layers: list[WordLayer] = []
    readings: list[LayerReadings] = []
    with threadpool_limits(1, user_api="blas"):  # thousands of small products: more threads only wait for each other
        seeds = SeedFloor(sides, held, related, k, seed) if replicates else None
        control = ControlFloor(sides, k)
        for number, layer in enumerate(sides.layers):
            report(number / len(sides.layers), f"comparing {layer.name}")
            found: dict[str, Reading] = space_readings(sides, layer, seed, k)
            near = near_both(sides, layer, shown)
            words = word_layer(sides, layer, k, seed, near)
            found |= words.readings | senses.layer(number, k)
            if seeds is not None:
                found, words = seeds.layer(number, near[1], found, words)
            else:
                words = control.layer(number, words)
            word_layers.append(words)
            readings.append(LayerReadings(layer.name, {name: found[name] for name in READINGS if name in found}))
    report(1.0, "compared")
    return Comparison(
        id=id or _id((survey_before, survey_after, *replicates), k, shown, seed, layers),
        before=before or survey_before.encoder,
        after=after or survey_after.encoder,
        layers=tuple(readings),
        words=word_table(sides, word_layers, k),
        uses=senses.uses() if seeds is None else seeds.uses(senses.uses()),
        sense_readings={word: tuple(of_word) for word, of_word in senses.readings.items()}
        if seeds is None
        else seeds.sense_readings(senses.readings),
        verdict=Verdict("NOT MEASURED", "Not judged yet.", "Not judged yet.", ()),
        provenance=Provenance(
            corpus_id=corpus.id,
            corpus_name=corpus.name,
            before_fingerprint=survey_before.fingerprint,
            after_fingerprint=survey_after.fingerprint,
            seed=seed,
            k=k,
            min_count=int(survey_before.plan_facts["min_count"]),
            versions=_versions(),
            command=command,
            created=now(),
            coverage=_coverage(sides),
        ),
        noise=noise_floor(sides),
        word_p=senses.word_p(),
    )


def _id(surveys: Sequence[Survey], k: int, shown: int, seed: int, layers: Sequence[LayerChoice] | None) -> str:
    key = [VERSION, [survey.id for survey in surveys], k, shown, seed, sorted(set(layers or ()), key=str)]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def _versions() -> dict[str, str]:
    found = {"embedlab": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # faiss-gpu in the place of faiss-cpu, for one
    return found


def _coverage(sides: Sides) -> dict[str, int | float | str]:
    """What was read and what was left out, in words a person reads."""
    before, after = sides.before, sides.after
    facts = before.plan_facts
    counted = before.counts[sides.words]
    coverage: dict[str, int | float | str] = {
        "texts": int(facts["surveyed"]),
        "texts left out (no piece in one of the models)": int(facts["whole_texts"] - sides.whole.sum()),
        "words counted": len(sides.words),
        f"words left out (fewer than {facts['min_count']} uses)": int(facts["words_below_min_count"]),
        "words left out (no piece in one of the models)": len(before.words) - len(sides.words),
        "word uses in the texts": int(facts["tokens"]),
        "word uses counted": int(counted.sum()),
        "words with self-similarity (5 uses or more)": int(
            (np.isfinite(before.self_similarity[0]) & np.isfinite(after.self_similarity[0])).sum()
        ),
        "pieces before": int(before.pieces.sum()),
        "pieces after": int(after.pieces.sum()),
        "random pieces compared": len(sides.background),
        "target uses": len(sides.uses),
        "target uses left out (no piece in one of the models)": len(before.use_items) - len(sides.uses),
        "off-domain texts": len(before.off_domain),
        "other seeds of the recipe": len(sides.replicates),
        "precision": before.precision
        if before.precision == after.precision
        else f"{before.precision} / {after.precision}",
    }
    count, other = len(before.layers), len(after.layers)
    if count != other or any(pair.before != pair.after for pair in sides.layers):
        pairs = ", ".join(f"{pair.before} with {pair.after}" for pair in sides.layers)
        coverage["layers (before with after)"] = f"{pairs}; the models have {count} and {other}"
    return coverage
