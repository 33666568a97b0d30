"""The method page: complete, plain, true to READINGS and to the constants it speaks of; docs/method.md made from it."""

import dataclasses
import re

import numpy as np
import pytest

from embedlab.comparing import directions, groups, halves, intervals, maps, quick, spaces, swaps, wordsenses
from embedlab.comparing import words as compared_words
from embedlab.comparing.method import BETTER, METHOD_OF, METHODS, NOTATION, Method, bounds
from embedlab.comparing.readings import READINGS
from embedlab.measure import noise, significance, words
from embedlab.training import canary
from embedlab.types import FALSE_SHARE
from embedlab.verdict.rules import RULES
from embedlab.wording import number
from scripts import method as script

KEYS = [*(f"A{number}" for number in range(1, 19)), "Groups", "Noise", "Task", "Verdict", "Canary", "Expectations"]
WITHOUT_READINGS = {"A18", "Groups", "Noise", "Verdict", "Canary", "Expectations"}
ENTRIES = {method.key: method for method in METHODS}


def plain(text: str) -> str:
    """One space between words."""
    return " ".join(text.split())


def test_every_entry_is_there_once_and_in_order() -> None:
    assert [method.key for method in METHODS] == KEYS


def test_every_reading_has_exactly_one_entry_and_the_table_names_it() -> None:
    named = [name for method in METHODS for name in method.readings]
    assert sorted(named) == sorted(READINGS)
    for name, info in READINGS.items():
        assert METHOD_OF[name].key == info.source, name


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.key)
def test_no_field_is_empty(method: Method) -> None:
    assert bool(method.readings) is (method.key not in WITHOUT_READINGS)
    for field in dataclasses.fields(method):
        said = getattr(method, field.name)
        for text in (said,) if isinstance(said, str) else said:
            assert text.strip(), field.name
            assert text == text.rstrip(), f"{field.name}: {text}"
        if field.name != "readings":
            assert said, field.name


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.key)
def test_the_prose_is_plain(method: Method) -> None:
    """Sentences with an end, no marketing, no markup, British spelling; formulas fit a page; a source has its year."""
    for said in (method.question, method.rows, method.null, method.interval, method.checked, *method.limits):
        assert said[0] not in " ,;", said
        assert said[-1] in ".?”" or said.endswith("docs/calibration.md"), said
        assert not re.search(r"[`<>]\w|\*\*|!|\b(easily|simply|powerful|robust|state-of-the-art)\b", said), said
        assert not re.search(r"\b\w+(ize|ized|izing|ization|izes|olor|ior)\b", said.replace("size", "")), said
    assert all(len(line) <= 116 for line in method.formula), max(method.formula, key=len)
    assert any(re.search(r"\b(19|20)\d\d\b", paper) for paper in method.source)


def test_less_isotropic_is_not_worse_stands_where_it_belongs() -> None:
    for key in ("A1", "A5"):
        assert "Less isotropic is not worse by itself" in " ".join(ENTRIES[key].limits)


def share(value: float) -> str:
    return {2 / 3: "2/3", 0.5: "1/2"}[value]


NUMBERS = {  # what an entry says, made from the constant that decides it
    "A2": [f"used {({5: 'five'})[words.MIN_USES]} times or more"],
    "A4": [f"over {wordsenses.BASELINE_DRAWS} seeded draws", f"more than {wordsenses.MEV_USES}, that many drawn"],
    "A16": [
        f"among the {wordsenses.KNN} training uses",
        f"{halves.HALVES} times half of every sense",
        f"at least {halves.LEAST_OF_A_SENSE} held-out uses of each, at most {halves.MOST_OF_A_SENSE} in a half",
    ],
    "A17": [f"layouts of {maps.SEEDS} seeds", f"at most {maps.MOST_USES:,}", f"k = {maps.TRUST_K}"],
    "A5": [f"ζ = {number(quick.ZETA, places=1)};"],
    "A10": [f"above {spaces.PAIRWISE_ROWS:,} rows"],
    "A13": [f"more than {spaces.RSA_ROWS:,} pieces", f"{spaces.MANTEL_ROWS} for the Mantel test"],
    "A15": [
        f"all ways for {significance.EXACT_UPTO} uses or fewer",
        f"than {({5: 'five'})[compared_words.ROWS_PER_DIMENSION]} times the dimensions",
    ],
    "A18": [
        f"{intervals.HALF_SAMPLES} draws of m of n rows",
        f"{intervals.HEAVY_TAILS} · t(.975, {intervals.HALF_SAMPLES - 1})",
        f"m = {({0.75: '3n/4'})[intervals.THREE_QUARTERS]} for spectra",
        f"at most {quick.ROWS:,} rows ({spaces.NEAR_ROWS:,} where every pair counts, {spaces.RSA_HALF_ROWS} for RSA)",
        f"{intervals.FEWEST_DRAWS} to {intervals.DRAWS:,} times",
        f"n ≤ {significance.EXACT_UPTO} that differ",
        f"{swaps.PERMUTATIONS} times, on at most {swaps.ROWS} pieces",
        f"Below {intervals.LEAST_ROWS} rows",
        f"at most {FALSE_SHARE:.0%} are so".replace("%", " %"),
    ],
    "Groups": [
        f"Fewer than {groups.LEAST_WORDS} are not divided; of more than {groups.MOST_WORDS:,}",
        f"from {compared_words.ROWS_PER_DIMENSION} rows a dimension on",
        f"2 to {groups.MOST_GROUPS}, by spherical k-means of δ̂ ({directions.STARTS} starts)",
        f"as alike across as {number(directions.ALIKE, places=2)} of the cohesion of the looser one",
        f"{groups.SMALLEST} words or more are a group",
        f"until there are {groups.NULLS} groups or more",
        f"q ≤ {number(FALSE_SHARE, places=2)}",
    ],
    "Noise": [
        f"q ≤ {number(FALSE_SHARE, places=2)}",
        f"at least {noise.BIN_ITEMS} a bin",
        f"({noise.FLOOR_STEPS} · 2/(k + 1))²",
        f"t({number((1 + noise.LEVEL) / 2, places=3)}, S − 1) · √2",
        f"t({number((1 + noise.LEVEL) / 2, places=3)}, S − 1) · sd(d)",
        f"{noise.LEVEL * 100:.0f}th percentile",
    ],
    "Task": [f"At least {RULES.least_items} held-out items", f"at most {RULES.most_training:,} texts"],
    "Verdict": [
        f"p ≤ {number(RULES.alpha, places=2)}",
        f"fewer than {RULES.least_items} held-out items",
        f"(1 − c) / (1 − c₀) < {share(RULES.collapse_spread)}",
        f"effective rank < {share(RULES.collapse_rank)}",
        f"keep less than {share(RULES.forgetting)} of their {RULES.k} nearest",
        f"keep less than {RULES.stirred:.0%} of their neighbours".replace("%", " %"),
        f"fewer than {RULES.least_texts} texts",
        f"at most {RULES.most_texts:,} a region",
        f"all ways for {significance.EXACT_UPTO} differing items",
    ],
    "Canary": [
        f"(1 − c) / (1 − c₀) < {share(canary.ALIKE)}",
        f"r / r₀ < {share(canary.DIRECTIONS)}",
        f"|A ∩ B| / k < {share(canary.NEIGHBOURS)}",
        f"k = {canary.K}",
        f"{canary.FEWEST} to {canary.MOST} of them",
    ],
}


@pytest.mark.parametrize(("key", "said"), [(key, said) for key, lines in NUMBERS.items() for said in lines])
def test_numbers_in_the_text_are_the_constants_of_the_code(key: str, said: str) -> None:
    assert said in plain(ENTRIES[key].text)


def test_the_formula_of_cohesion_is_the_cohesion_of_the_code() -> None:
    """Worked by hand: two words that moved one way and a third across: one pair of three has cosine 1, the rest 0."""
    moves = np.array([[3.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    total, m = np.array([2.0, 1.0]), 3  # the sum of the rows at length one
    assert groups.cohesion(moves) == pytest.approx((total @ total - m) / (m * (m - 1))) == pytest.approx(1 / 3)
    opposed = np.array([[1.0, 0.0], [np.cos(2.1), np.sin(2.1)], [np.cos(4.2), np.sin(4.2)]])
    assert -1 / (m - 1) <= groups.cohesion(opposed) < -0.49  # as far apart as three can be


def test_the_page_in_the_docs_is_what_the_script_writes() -> None:
    assert script.PAGE.read_text(encoding="utf-8") == script.the_page(), "old: python -m scripts.method"


def test_the_page_in_the_docs_links_to_what_it_holds() -> None:
    page = script.the_page()
    anchors = set(re.findall(r'<a id="([a-z0-9]+)">', page)) | {"notation", "all-readings"}
    linked = re.findall(r"\]\(#([^)]+)\)", page)
    assert set(linked) == anchors
    assert "](calibration.md)" in page
    for name in READINGS:
        assert f"| `{name}` |" in page
    assert all(meaning in page for sign, meaning in NOTATION if not re.search(r"[\[\]_*<>|]", meaning))


def test_markdown_shows_plain_text_unchanged() -> None:
    assert script.safe("IsoScore* of x_i <b> [1] `c` | d") == r"IsoScore\* of x\_i \<b\> \[1\] \`c\` \| d"


@pytest.mark.parametrize(
    ("name", "range_"),
    [
        ("mean_cosine", "[−1, 1]"),
        ("clustering_ari", "[−.5, 1]"),
        ("procrustes_distance", "[0, √2]"),
        ("effective_rank", "≥ 1"),
        ("cka_debiased", "≤ 1"),
        ("hubness_skew", "any"),
    ],
)
def test_ranges_in_words(name: str, range_: str) -> None:
    assert bounds(READINGS[name]) == range_


def test_every_end_has_its_words() -> None:
    assert {info.better for info in READINGS.values()} <= set(BETTER)
