"""A small comparison that behaves like a real one: made vectors, true neighbours, true readings.

Forty words in five topics, four layers, two target words with senses. "After" pulls the topics "river" and "money"
apart and leaves the rest nearly alone, so some words change and most do not. Values of readings, neighbours, change,
drift, predictions and places on the maps are computed from the vectors, and so are the noise and the q of every word
and use: two further "seeds" differ from "after" at random alone. Invented, of a usual size: intervals, noise
and p of the readings (SPREAD, PAIRS), the clustering, trust, continuity and placebo of the maps, the p of a word, the
scores, answers, regions and words of the verdict, and the expectations.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np

from embedlab.types import (
    Answer,
    Collateral,
    Comparison,
    EncoderSpec,
    Expectation,
    LayerReadings,
    LinkedMap,
    NoiseFloor,
    Occurrence,
    Provenance,
    Reading,
    Uses,
    Verdict,
    WordTable,
)

LAYERS = ("embeddings", "layer 1", "layer 2", "layer 3")
TOPICS = {
    "river": ["bank", "shore", "stream", "water", "mud", "reeds", "flood", "boat"],
    "money": ["loan", "cash", "teller", "account", "interest", "deposit", "branch", "credit"],
    "animal": ["mouse", "cat", "tail", "cheese", "trap", "fur", "hole", "owl"],
    "computer": ["click", "screen", "keyboard", "cursor", "cable", "desk", "button", "scroll"],
    "plain": ["the", "of", "went", "small", "house", "again", "under", "morning"],
}
SENTENCES = {
    ("bank", "riverside"): (
        "We pulled the canoe up on the muddy bank and rested.",
        "Willows lean over the bank where the stream turns.",
        "The flood took half of the left bank last spring.",
        "An otter slid from the bank into the dark water.",
        "They fished from the bank until the light was gone.",
    ),
    ("bank", "money"): (
        "The bank raised the interest on our loan again.",
        "She opened an account at the bank by the station.",
        "A teller at the bank counted the notes twice.",
        "The bank closes its branch in the village in June.",
        "He asked the bank for credit and was refused.",
    ),
    ("mouse", "animal"): (
        "A mouse had eaten through the corner of the sack.",
        "The cat watched the mouse under the stove all night.",
        "We heard a mouse behind the wall of the pantry.",
        "The owl carried a mouse back to the barn.",
        "Cheese is not what a mouse likes best, it seems.",
    ),
    ("mouse", "device"): (
        "Move the mouse until the cursor sits on the button.",
        "My mouse stopped working after the cable was bent.",
        "A wireless mouse lay beside the keyboard.",
        "She clicks the mouse twice where once would do.",
        "The wheel of the mouse scrolls the page.",
    ),
}
# name -> (noise of two seeds, half-width of the 95 % interval), of a size that real runs show
SPREAD = {
    "mean_cosine": (0.012, 0.008),
    "mean_cosine_centred": (0.001, 0.0008),
    "top_dimension_share": (0.01, 0.006),
    "isoscore": (0.02, 0.015),
    "participation_ratio": (0.8, 0.5),
    "hubness_skew": (0.3, 0.25),
    "self_similarity": (0.02, 0.014),
    "wsd_centroid_macro_f1": (0.03, 0.03),
    "wsd_centroid_accuracy": (0.025, 0.03),
    "silhouette_cosine_macro": (0.02, 0.015),
    "mev_uncentred": (0.015, 0.02),
    "clustering_ari": (0.2, 0.15),
}
# name -> (value that two seeds show at worst, half-width of the interval)
PAIRS = {"knn_jaccard": (0.82, 0.04), "drift_cosine": (0.03, 0.012), "cka_debiased": (0.97, 0.015)}
REPLICATES = (EncoderSpec("run:p8w2-demo"), EncoderSpec("run:t5c7-demo"))
SEEDS_LINE = (
    "Held against three seeds of the same recipe: a change counts where it exceeds what two of these seeds differ by."
)
CONTROL_LINE = (
    "No other seed of this recipe was trained. A word is held against what two halves of its own uses differ by; how "
    "much of the change another seed would show is unknown."
)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def mean_cosine(x: np.ndarray) -> float:
    n = len(x)
    return float((np.square(unit(x).sum(axis=0)).sum() - n) / (n * (n - 1)))


def nearest(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    cosines = unit(x) @ unit(x).T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return order.astype(np.int32), np.take_along_axis(cosines, order, axis=1).astype(np.float32)


def jaccard_change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    shared = np.array([len(set(a) & set(b)) for a, b in zip(before.tolist(), after.tolist(), strict=True)])
    return (1 - shared / (2 * before.shape[1] - shared)).astype(np.float32)


def _word_vectors(rng: np.random.Generator, dim: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """[layer, word, dim] before and after: topics grow clearer with depth; training moves river and money apart."""
    topics = rng.normal(size=(len(TOPICS), dim))
    topics[1] = topics[0] * 0.8 + topics[1] * 0.6  # before: river and money are mixed
    own = rng.normal(size=(40, dim))
    topic_of = np.repeat(np.arange(len(TOPICS)), 8)
    common = rng.normal(size=dim) * 0.4
    push = rng.normal(size=dim)
    before, after = [], []
    for layer in range(len(LAYERS)):
        x = common + own + topics[topic_of] * (0.3 + 0.25 * layer)
        direction = np.where(topic_of == 0, 1.0, np.where(topic_of == 1, -1.0, 0.0))[:, None]
        moved = x + direction * push * 0.45 * layer + rng.normal(size=x.shape) * 0.06 * layer
        before.append(x)
        after.append(moved)
    return np.stack(before), np.stack(after)


def _other_seeds(after: np.ndarray, spread: float, seed: int) -> list[np.ndarray]:
    """[layer, item, dim] of two further seeds of the recipe: "after" with a random part of `spread` a layer more."""
    rng = np.random.default_rng([seed, 1])
    depth = np.arange(len(after))[:, None, None]
    return [after + rng.normal(size=after.shape) * spread * depth for _ in REPLICATES]


def _null(states: list[np.ndarray], k: int) -> np.ndarray:
    """[pair of seeds, layer, item]: how much two seeds of the same recipe differ in the neighbours of every item."""
    near = [[nearest(layer, k)[0] for layer in state] for state in states]
    return np.stack([jaccard_change_table(np.stack(a), np.stack(b)) for a, b in combinations(near, 2)])


def _floor(change: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(noise, q) [layer, item]: an item's own null mean plus the 95th percentile of all residuals; BH over items."""
    noise, q = np.empty_like(change), np.empty_like(change)
    for layer in range(len(change)):
        own = null[:, layer].mean(axis=0)
        residuals = (null[:, layer] - own).ravel()
        noise[layer] = np.clip(own + np.quantile(residuals, 0.95), 0, 1)
        larger = (residuals[None, :] >= (change[layer] - own)[:, None] - 1e-9).sum(axis=1)
        p = (1 + larger) / (1 + len(residuals))
        order = np.argsort(p)
        scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
        q[layer, order] = np.minimum(1, np.minimum.accumulate(scaled[::-1])[::-1])
    return noise.astype(np.float32), q.astype(np.float32)


def _use_vectors(rng: np.random.Generator, copies: int) -> tuple[list[Occurrence], np.ndarray, np.ndarray]:
    """Uses of bank and mouse: `copies` of every sentence (numbered, so that texts differ), [layer, use, dim] twice."""
    uses, centres = [], []
    axes = {key: rng.normal(size=24) for key in SENTENCES}
    for (word, sense), sentences in SENTENCES.items():
        for copy in range(copies):
            for text in sentences:
                numbered = text if copy == 0 else f"{text} ({copy + 1})"
                start = numbered.index(word)
                uses.append(Occurrence(numbered, start, start + len(word), sense, word, len(uses)))
                centres.append(axes[word, sense])
    own = rng.normal(size=(len(uses), 24))
    pull = np.array(centres)
    before = np.stack([own + pull * 0.25 * layer for layer in range(len(LAYERS))])
    after = np.stack(
        [own + rng.normal(size=own.shape) * 0.05 * layer + pull * 0.45 * layer for layer in range(len(LAYERS))]
    )
    return uses, before, after


def _reading(name: str, before: float, after: float) -> Reading:
    noise, half = SPREAD[name]
    change = after - before
    if change == 0:
        return Reading(name, before=before, after=after, interval=(0.0, 0.0), noise=noise, p=1.0)
    p = min(1.0, max(0.0005, float(np.exp(-3 * abs(change) / half))))
    return Reading(name, before=before, after=after, interval=(change - half, change + half), noise=noise, p=p)


def _pair(name: str, value: float, still: float) -> Reading:
    noise, half = PAIRS[name]
    if value == still:
        return Reading(name, value=value, interval=(value, value), noise=noise)
    low, high = (max(0.0, value - half), min(1.0, value + half))
    return Reading(name, value=value, interval=(low, high), noise=noise)


def _space(x: np.ndarray, x_uses: np.ndarray) -> dict[str, float]:
    centred = x - x.mean(axis=0)
    mean_unit = unit(x).mean(axis=0)
    spectrum = np.linalg.eigvalsh(np.cov(x.T))
    ratio = float(spectrum.sum() ** 2 / np.square(spectrum).sum())
    return {
        "mean_cosine": mean_cosine(x),
        "mean_cosine_centred": mean_cosine(centred),
        "top_dimension_share": float(np.square(mean_unit).max() / np.square(mean_unit).sum()),
        "isoscore": (ratio - 1) / (x.shape[1] - 1),
        "participation_ratio": ratio,
        "hubness_skew": _skew(np.bincount(nearest(x, 10)[0].ravel(), minlength=len(x)).astype(float)),
        "self_similarity": mean_cosine(x_uses),
    }


def _skew(x: np.ndarray) -> float:
    centred = x - x.mean()
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


def _cka(x: np.ndarray, y: np.ndarray) -> float:
    """Linear CKA without debiasing: close enough to stand for the debiased one in a made comparison."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    cross, own_x, own_y = (float(np.square(a.T @ b).sum()) for a, b in ((x, y), (x, x), (y, y)))
    return cross / (own_x * own_y) ** 0.5


def _silhouette(x: np.ndarray, senses: np.ndarray) -> float:
    distance = 1 - unit(x) @ unit(x).T
    names = np.unique(senses)
    mean_to = np.stack([distance[:, senses == name].sum(axis=1) for name in names], axis=1)
    sizes = np.array([(senses == name).sum() for name in names])
    own = senses[:, None] == names[None, :]
    inside = (mean_to[own] / (sizes[None, :].repeat(len(x), 0)[own] - 1)).astype(float)
    outside = np.where(own, np.inf, mean_to / sizes).min(axis=1)
    scores = (outside - inside) / np.maximum(inside, outside)
    return float(np.mean([scores[senses == name].mean() for name in names]))


def _sense(x: np.ndarray, senses: np.ndarray, held_out: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    """Nearest-centroid senses of every use, and accuracy and macro-F1 on the held-out ones."""
    names = np.unique(senses)
    centroids = np.stack([x[(senses == name) & ~held_out].mean(axis=0) for name in names])
    predicted = names[np.argmax(unit(x) @ unit(centroids).T, axis=1)]
    truth, guess = senses[held_out], predicted[held_out]
    f1 = []
    for name in names:
        hit = float(((truth == name) & (guess == name)).sum())
        f1.append(2 * hit / max(1.0, float((truth == name).sum() + (guess == name).sum())))
    scores = {"wsd_centroid_macro_f1": float(np.mean(f1)), "wsd_centroid_accuracy": float((truth == guess).mean())}
    return predicted, scores


def _plane(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both states on the two main directions of their union: one frame, no fit of ours."""
    union = np.concatenate([before, after])
    centre = union.mean(axis=0)
    directions = np.linalg.svd(union - centre, full_matrices=False)[2][:2]
    return (((before - centre) @ directions.T).astype(np.float32), ((after - centre) @ directions.T).astype(np.float32))


def made(*, seed: int = 7, k: int = 10, copies: int = 4) -> tuple[Comparison, dict[tuple[str, int], LinkedMap]]:
    """A comparison and its linked maps {(word, layer): map}. The same seed gives the same arrays, bit by bit."""
    rng = np.random.default_rng(seed)
    before, after = _word_vectors(rng)
    occurrences, uses_before, uses_after = _use_vectors(rng, copies)
    words = tuple(word for topic in TOPICS.values() for word in topic)
    counts = rng.integers(5, 240, size=len(words)).astype(np.int64)
    count = len(LAYERS)
    long_before, far_before = map(np.stack, zip(*(nearest(before[i], 2 * k) for i in range(count)), strict=True))
    long_after, far_after = map(np.stack, zip(*(nearest(after[i], 2 * k) for i in range(count)), strict=True))
    ids_before, ids_after = long_before[:, :, :k], long_after[:, :, :k]
    cos_before, cos_after = far_before[:, :, :k], far_after[:, :, :k]
    drift = (1 - (unit(before) * unit(after)).sum(axis=-1)).clip(0).astype(np.float32)
    own_before = np.full((count, len(words)), np.nan, dtype=np.float32)
    own_after = own_before.copy()
    senses = np.array([use.sense for use in occurrences])
    about = np.array([use.word for use in occurrences])
    held_out = np.arange(len(occurrences)) % 4 == 3
    use_change = np.zeros((count, len(occurrences)), dtype=np.float32)
    predicted = {side: np.full((count, len(occurrences)), "", dtype=object) for side in ("before", "after")}
    sense_readings: dict[str, list[LayerReadings]] = {"bank": [], "mouse": []}
    maps = {}
    for layer in range(count):
        for word in ("bank", "mouse"):
            rows = np.flatnonzero(about == word)
            x, y = uses_before[layer, rows], uses_after[layer, rows]
            use_change[layer, rows] = jaccard_change(nearest(x, k)[0], nearest(y, k)[0])
            guess_x, score_x = _sense(x, senses[rows], held_out[rows])
            guess_y, score_y = _sense(y, senses[rows], held_out[rows])
            predicted["before"][layer, rows], predicted["after"][layer, rows] = guess_x, guess_y
            for score, z, pace in ((score_x, x, 0.09), (score_y, y, 0.24)):
                spectrum = np.square(np.linalg.svd(z, compute_uv=False))
                score["self_similarity"] = mean_cosine(z)
                score["silhouette_cosine_macro"] = _silhouette(z, senses[rows])
                score["mev_uncentred"] = float(spectrum[0] / spectrum.sum())
                score["clustering_ari"] = pace * layer
            own_before[layer, words.index(word)], own_after[layer, words.index(word)] = mean_cosine(x), mean_cosine(y)
            readings = {name: _reading(name, score_x[name], score_y[name]) for name in score_x}
            sense_readings[word].append(LayerReadings(LAYERS[layer], readings))
            flat_x, flat_y = _plane(x, y)
            placebo = (flat_x, flat_x + np.float32(0.01))  # a step of the same length for every use
            maps[word, layer] = LinkedMap(
                word, layer, rows, flat_x, flat_y, *placebo, 0.977, 0.988, 0.94, 0.95, 0.006, 0.071, seed, 5,
                (0.969, 0.989),
            )  # fmt: skip
    layers = []
    for layer in range(count):
        one, two = _space(before[layer], uses_before[layer]), _space(after[layer], uses_after[layer])
        readings = {name: _reading(name, one[name], two[name]) for name in one}
        overlap = 1 - float(jaccard_change(ids_before[layer], ids_after[layer]).mean())
        readings["knn_jaccard"] = _pair("knn_jaccard", overlap, 1.0)
        readings["drift_cosine"] = _pair("drift_cosine", float(drift[layer].mean()), 0.0)
        readings["cka_debiased"] = _pair("cka_debiased", _cka(before[layer], after[layer]), 1.0)
        readings["effective_rank"] = Reading("effective_rank", note="Needs more rows than dimensions.")
        layers.append(LayerReadings(LAYERS[layer], readings))
    change = jaccard_change_table(ids_before, ids_after)
    noise, q = _floor(change, _null([after, *_other_seeds(after, 0.2, seed)], k))
    use_noise = np.zeros_like(use_change)
    use_seeds = [uses_after, *_other_seeds(uses_after, 0.12, seed)]
    for word in ("bank", "mouse"):
        rows = np.flatnonzero(about == word)
        use_noise[:, rows] = _floor(use_change[:, rows], _null([state[:, rows] for state in use_seeds], k))[0]
    held = [use for use, out in zip(occurrences, held_out, strict=True) if out]
    comparison = Comparison(
        id="5f1c0a9e2b7d4c63",
        before=EncoderSpec("builtin"),
        after=EncoderSpec("run:k3v9-demo"),
        layers=tuple(layers),
        words=WordTable(
            words,
            counts,
            change,
            drift,
            ids_before,
            ids_after,
            cos_before,
            cos_after,
            own_before,
            own_after,
            long_before,
            long_after,
            far_before,
            far_after,
            noise,
            q,
        ),
        uses=Uses(
            tuple(occurrences),
            held_out,
            use_change,
            (1 - (unit(uses_before) * unit(uses_after)).sum(axis=-1)).clip(0).astype(np.float32),
            tuple(tuple(row) for row in predicted["before"].tolist()),
            tuple(tuple(row) for row in predicted["after"].tolist()),
            use_noise,
        ),
        sense_readings={word: tuple(rows) for word, rows in sense_readings.items()},
        verdict=_verdict(held),
        provenance=Provenance(
            corpus_id="9b2f" + "c41d8e07" * 7 + "a3d5",
            corpus_name="Senses, made for tests",
            before_fingerprint="53aa5117" * 8,
            after_fingerprint="c0ffee21" * 8,
            seed=0,
            k=k,
            min_count=2,
            versions={"embedlab": "0.1.0", "numpy": "2.4.0", "python": "3.11.9", "torch": "2.13.0"},
            command="python -m embedlab compare --before builtin --after run:k3v9-demo --corpus 9b2fc41d --out out",
            created="2026-05-04T09:30:00Z",
            coverage={"texts": 20 * copies, "words counted": 40, "words left out (fewer than 2 uses)": 113},
        ),
        noise=NoiseFloor("seeds", SEEDS_LINE, REPLICATES),
        word_p={"bank": (1.0, 0.004, 0.001, 0.001), "mouse": (1.0, None, 0.21, 0.018)},
        expectations=(
            Expectation("bank, river nearer shore than loan", False, True, "cosine .41 to shore, .33 to loan"),
            Expectation("stream keeps water among its 10 nearest", True, False, "water is 14th after, 3rd before"),
        ),
    )
    return comparison, maps


OTHER_SENSE = {"riverside": "money", "money": "riverside", "animal": "device", "device": "animal"}


def _verdict(held: list[Occurrence]) -> Verdict:
    """Of the held-out uses nearly half newly right and one newly wrong, and the space stirred off its domain."""
    right = max(2, 9 * len(held) // 20)

    def answer(use: Occurrence, won: bool) -> Answer:
        truth, wrong = str(use.sense), OTHER_SENSE[str(use.sense)]
        said = (wrong, truth) if won else (truth, wrong)
        return Answer(use.text, truth, *said, use.start, use.end)

    def region(name: str, texts: int, moved: float, stayed: float) -> Collateral:
        drift = Reading("drift_cosine", value=moved, interval=(moved * 0.9, moved * 1.1), noise=0.03)
        kept = Reading("knn_jaccard", value=stayed, interval=(stayed - 0.03, stayed + 0.03), noise=0.9)
        return Collateral(name, texts, drift, kept)  # type: ignore[arg-type]  # a Region, written as a literal below

    return Verdict(
        "HELPED",
        "Sense macro-F1 .50 → .90, +.4 [.2, .6], on 20 held-out uses",
        "COLLATERAL · off-domain texts moved 4.0× seed noise · neighbours kept .71",
        (
            "HELPED: the paired 95 % interval of the change in held-out macro-F1 lies above 0, and the change exceeds "
            "the noise of the seeds, ± .12.",
            "9 uses newly right, 1 newly wrong: McNemar exact p = .021.",
            "COLLAPSE: less than half of 1 − mean cosine is left, of random pieces. It does not hold: .19 → .16.",
            "FORGETTING: off-domain texts keep less than half of their neighbours. It does not hold: .71 [.68, .74].",
            "COLLATERAL: off-domain texts moved further than texts seen in training. It holds: .12 [.11, .13].",
        ),
        (
            Reading("probe_macro_f1", before=0.5, after=0.9, interval=(0.18, 0.62), noise=0.12, p=0.0015),
            Reading("probe_accuracy", before=0.5, after=0.9, interval=(0.15, 0.6), noise=0.11, p=0.021),
            Reading("wsd_knn_macro_f1", before=0.7, after=0.76, interval=(-0.08, 0.2), noise=0.1, p=0.37),
        ),
        tuple(answer(use, won=True) for use in held[:right]),
        tuple(answer(use, won=False) for use in held[right : right + 1]),
        ("COLLATERAL",),
        (
            region("seen in training", 48, 0.05, 0.86),
            region("unseen in domain", 32, 0.029, 0.91),
            region("off domain", 60, 0.12, 0.71),
        ),
    )


def _quiet(reading: Reading) -> Reading:
    return replace(reading, noise=None)


def without_replicates(comparison: Comparison) -> Comparison:
    """The same, had no other seed been trained: readings without noise, words against two halves of their own uses."""
    verdict = comparison.verdict

    def readings(row: LayerReadings) -> LayerReadings:
        return replace(row, readings={name: _quiet(reading) for name, reading in row.readings.items()})

    return replace(
        comparison,
        layers=tuple(readings(row) for row in comparison.layers),
        sense_readings={word: tuple(map(readings, rows)) for word, rows in comparison.sense_readings.items()},
        noise=NoiseFloor("control", CONTROL_LINE),
        verdict=replace(
            verdict,
            scores=tuple(map(_quiet, verdict.scores)),
            collateral=tuple(replace(c, drift=_quiet(c.drift), kept=_quiet(c.kept)) for c in verdict.collateral),
            space_line="No collapse, no forgetting, no collateral · off-domain texts moved .12 [.11, .13] · neighbours "
            "kept .71 · seed noise unknown",
            findings=(),
        ),
    )


def jaccard_change_table(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.stack([jaccard_change(b, a) for b, a in zip(before, after, strict=True)])


def with_text(comparison: Comparison, payload: str) -> Comparison:
    """The same comparison with `payload` wherever a person's text can stand: texts, words, senses, names."""
    uses = [
        replace(use, text=f"{use.text} {payload}", sense=f"{use.sense} {payload}")
        for use in comparison.uses.occurrences
    ]
    words = tuple(f"{word}{payload}" if word not in ("bank", "mouse") else word for word in comparison.words.words)
    return replace(
        comparison,
        words=replace(comparison.words, words=words),
        uses=replace(comparison.uses, occurrences=tuple(uses)),
        verdict=replace(
            comparison.verdict,
            won=tuple(
                replace(a, text=f"{a.text} {payload}", truth=f"{a.truth} {payload}", after=f"{a.after} {payload}")
                for a in comparison.verdict.won
            ),
        ),
        expectations=tuple(
            replace(e, statement=f"{e.statement} {payload}", detail=f"{e.detail} {payload}")
            for e in comparison.expectations
        ),
        provenance=replace(
            comparison.provenance, corpus_name=f"corpus {payload}", command=f"{comparison.provenance.command} {payload}"
        ),
        before=EncoderSpec(f"./model {payload}"),
    )
