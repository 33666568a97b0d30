"""READINGS: every number a comparison shows, what it says and where it is defined (metrics.md).

One table for the screen, the report and the command line, so that no two of them explain a number differently.
"""

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class ReadingInfo:
    """One reading: `low` and `high` bound it (None: no bound), `of_pair` says it compares the two spaces."""

    name: str
    title: str
    low: float | None
    high: float | None
    better: Better
    meaning: str
    source: str
    of_pair: bool = False


_TABLE = (
    ReadingInfo(
        "mean_cosine",
        "Mean cosine",
        -1,
        1,
        "neither",
        "How alike two random pieces of different sentences are; high means that all vectors share a direction.",
        "A1",
    ),
    ReadingInfo(
        "mean_cosine_centred",
        "Mean cosine, centred",
        -1,
        1,
        "neither",
        "Mean cosine once the mean vector is taken away: what is left of the common direction.",
        "A1",
    ),
    ReadingInfo(
        "top_dimension_share",
        "Top dimension",
        0,
        1,
        "neither",
        "How much of the common direction lies in one dimension; near 1 a rogue dimension makes the mean cosine.",
        "A1",
    ),
    ReadingInfo(
        "self_similarity",
        "Self-similarity",
        -1,
        1,
        "neither",
        "How alike the uses of one word are, mean over the words used five times or more; lower means more context.",
        "A2",
    ),
    ReadingInfo(
        "self_similarity_adjusted",
        "Self-similarity above chance",
        -2,
        2,
        "neither",
        "Self-similarity minus the mean cosine of random pieces.",
        "A2",
    ),
    ReadingInfo(
        "intra_sentence_similarity",
        "Within a sentence",
        -1,
        1,
        "neither",
        "How alike the pieces of a sentence are to their own mean.",
        "A3",
    ),
    ReadingInfo(
        "intra_sentence_null",
        "Within a sentence, by chance",
        -1,
        1,
        "neither",
        "As many random pieces of other sentences in place of its own: what length alone would give.",
        "A3",
    ),
    ReadingInfo(
        "isoscore",
        "IsoScore",
        0,
        1,
        "neither",
        "How evenly the variance fills the dimensions, 1 = all alike; it does not see the mean vector.",
        "A5",
    ),
    ReadingInfo(
        "participation_ratio",
        "Participation ratio",
        1,
        None,
        "neither",
        "How many dimensions carry the variance; the same as IsoScore on another scale.",
        "A5",
    ),
    ReadingInfo(
        "isotropic_isoscore",
        "IsoScore if isotropic",
        0,
        1,
        "neither",
        "The IsoScore that perfectly even vectors would have with so few rows: n / (n + d).",
        "A5",
    ),
    ReadingInfo(
        "effective_rank",
        "Effective rank",
        1,
        None,
        "neither",
        "How many directions are in use, from the entropy of the centred singular values.",
        "A7",
    ),
    ReadingInfo(
        "cka_debiased",
        "CKA, debiased",
        None,
        1,
        "neither",
        "How alike the two spaces are up to rotation and scale, 1 = the same; a few strong directions decide it.",
        "A11",
        of_pair=True,
    ),
    ReadingInfo(
        "cka_linear",
        "CKA, plain",
        0,
        1,
        "neither",
        "CKA without the correction for few rows: too high when there are few.",
        "A11",
        of_pair=True,
    ),
    ReadingInfo(
        "procrustes_distance",
        "Procrustes distance",
        0,
        2**0.5,
        "neither",
        "What is left between the two spaces after the best rotation, 0 = a rotation explains everything.",
        "A12",
        of_pair=True,
    ),
    ReadingInfo(
        "knn_jaccard",
        "Neighbours kept (Jaccard)",
        0,
        1,
        "neither",
        "Nearest words shared by before and after, divided by those of either; mean over the words, 1 = unchanged.",
        "A14",
        of_pair=True,
    ),
    ReadingInfo(
        "second_order_cosine",
        "Second-order cosine",
        -1,
        1,
        "neither",
        "How alike a word's similarities to its neighbours are before and after, averaged over the words.",
        "A14",
        of_pair=True,
    ),
    ReadingInfo(
        "drift_cosine",
        "Drift",
        0,
        2,
        "neither",
        "1 - cosine of a word's mean vector before and after, averaged over the words; 0 = nothing moved.",
        "A15",
        of_pair=True,
    ),
    ReadingInfo(
        "wsd_centroid_accuracy",
        "Sense accuracy",
        0,
        1,
        "higher",
        "Share of held-out uses whose nearest sense centroid is the right one.",
        "A16",
    ),
    ReadingInfo(
        "wsd_centroid_macro_f1",
        "Sense macro-F1",
        0,
        1,
        "higher",
        "F1 by nearest sense centroid, every sense counting equally: always guessing the frequent sense scores low.",
        "A16",
    ),
    ReadingInfo(
        "wsd_knn_accuracy",
        "Sense accuracy, 5 neighbours",
        0,
        1,
        "higher",
        "Share of held-out uses whose five nearest training uses vote for the right sense.",
        "A16",
    ),
    ReadingInfo(
        "wsd_knn_macro_f1",
        "Sense macro-F1, 5 neighbours",
        0,
        1,
        "higher",
        "F1 by the vote of five neighbours, every sense counting equally.",
        "A16",
    ),
    ReadingInfo(
        "silhouette_cosine_macro",
        "Sense silhouette",
        -1,
        1,
        "higher",
        "How much nearer held-out uses are to their own sense than to the next one, every sense counting equally.",
        "A16",
    ),
)

READINGS: dict[str, ReadingInfo] = {info.name: info for info in _TABLE}
SENSE_READINGS = tuple(name for name, info in READINGS.items() if info.source == "A16")
PAIR_READINGS = tuple(name for name, info in READINGS.items() if info.of_pair)
SPACE_READINGS = tuple(name for name in READINGS if name not in SENSE_READINGS and name not in PAIR_READINGS)
