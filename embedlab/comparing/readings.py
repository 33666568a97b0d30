"""READINGS: every number a comparison shows, what it says and where it is defined (docs/method.md).

One table for the screen, the report and the command line, so that no two of them explain a number differently.
"""

from dataclasses import dataclass
from typing import Literal

from embedlab.types import Reading

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class ReadingInfo:
    """One reading: `low` and `high` bound it (None: no bound), `of_pair` says it compares the two spaces.

    `still`: the value of a reading of the pair when nothing changed; None for the others. `source`: the entry of
    metrics.md, or "Task" for a score of the task on held-out data.
    """

    name: str
    title: str
    low: float | None
    high: float | None
    better: Better
    meaning: str
    source: str
    of_pair: bool = False
    still: float | None = None


# fmt: off
_TABLE = (
    ReadingInfo("mean_cosine", "Mean cosine", -1, 1, "neither",
        "How alike two random pieces of different sentences are; high means that all vectors share a direction, and "
        "less isotropic is not worse by itself.", "A1"),
    ReadingInfo("mean_cosine_centred", "Mean cosine, centred", -1, 1, "neither",
        "Mean cosine once the mean vector is taken away: what is left of the common direction.", "A1"),
    ReadingInfo("top_dimension_share", "Top dimension", 0, 1, "neither",
        "How much of the common direction lies in one dimension; near 1 a rogue dimension makes the mean cosine.",
        "A1"),
    ReadingInfo("self_similarity", "Self-similarity", -1, 1, "neither",
        "How alike the uses of one word are, mean over the words used five times or more; lower means more context.",
        "A2"),
    ReadingInfo("self_similarity_adjusted", "Self-similarity above chance", -2, 2, "neither",
        "Self-similarity minus the mean cosine of random pieces.", "A2"),
    ReadingInfo("intra_sentence_similarity", "Within a sentence", -1, 1, "neither",
        "How alike the pieces of a sentence are to their own mean.", "A3"),
    ReadingInfo("intra_sentence_null", "Within a sentence, by chance", -1, 1, "neither",
        "As many random pieces of other sentences in place of its own: what length alone would give.", "A3"),
    ReadingInfo("mev_uncentred", "Explained by one vector (MEV, uncentred)", 0, 1, "neither",
        "How much of the uses of a target word one fixed vector explains, mean over the words; 1 = context changes "
        "nothing.", "A4"),
    ReadingInfo("mev_centred", "Explained by one vector, centred", 0, 1, "neither",
        "How much of the differences between the uses of a target word lies along one direction, mean over the words.",
        "A4"),
    ReadingInfo("mev_baseline", "Explained by one vector, by chance", 0, 1, "neither",
        "The uncentred share for as many random pieces as the word has uses: what their number alone would give.",
        "A4"),
    ReadingInfo("isoscore", "IsoScore", 0, 1, "neither",
        "How evenly the variance fills the dimensions, 1 = all alike; it does not see the mean vector, and less "
        "isotropic is not worse by itself.", "A5"),
    ReadingInfo("isoscore_star", "IsoScore*", 0, 1, "neither",
        "IsoScore with the covariance shrunk towards even variances, steadier where rows are few; less isotropic is "
        "not worse by itself.", "A5"),
    ReadingInfo("participation_ratio", "Participation ratio", 1, None, "neither",
        "How many dimensions carry the variance; the same as IsoScore on another scale.", "A5"),
    ReadingInfo("isotropic_isoscore", "IsoScore if isotropic", 0, 1, "neither",
        "The IsoScore that perfectly even vectors would have with so few rows: n / (n + d).", "A5"),
    ReadingInfo("effective_rank", "Effective rank", 1, None, "neither",
        "How many directions are in use, from the entropy of the centred singular values.", "A7"),
    ReadingInfo("two_nn", "Intrinsic dimension (TwoNN)", 0, None, "neither",
        "How many dimensions the cloud seems to have close up, from the two nearest neighbours of each piece.", "A8"),
    ReadingInfo("two_nn_mle", "Intrinsic dimension, likelihood", 0, None, "neither",
        "The same by maximum likelihood: a second opinion.", "A8"),
    ReadingInfo("duplicates_removed", "Duplicates removed", 0, None, "neither",
        "Exact repeats of a vector, left out before the intrinsic dimension is measured.", "A8"),
    ReadingInfo("hubness_skew", "Hubness", None, None, "lower",
        "How unevenly pieces serve as neighbours of others; high means that a few are everybody's neighbour.", "A9"),
    ReadingInfo("antihub_share", "Antihubs", 0, 1, "lower",
        "Share of pieces that are nobody's neighbour, so that a search never finds them.", "A9"),
    ReadingInfo("max_k_occurrence", "Largest hub", 0, None, "lower",
        "How many pieces have the commonest neighbour in their list.", "A9"),
    ReadingInfo("uniformity", "Uniformity", -8, 0, "neither",
        "How evenly the directions fill the sphere: lower is more even, 0 is a single point; more even is not better "
        "by itself.", "A10"),
    ReadingInfo("alignment", "Alignment", 0, 4, "lower",
        "How far apart, as squared distance on the sphere, are uses or texts that mean the same.", "A10"),
    ReadingInfo("cka_debiased", "CKA, debiased", None, 1, "neither",
        "How alike the two spaces are up to rotation and scale, 1 = the same; a few strong directions decide it.",
        "A11", of_pair=True, still=1.0),
    ReadingInfo("cka_linear", "CKA, plain", 0, 1, "neither",
        "CKA without the correction for few rows: too high when there are few.", "A11", of_pair=True, still=1.0),
    ReadingInfo("procrustes_distance", "Procrustes distance", 0, 2**0.5, "neither",
        "What is left between the two spaces after the best rotation, 0 = a rotation explains everything.",
        "A12", of_pair=True, still=0.0),
    ReadingInfo("rsa_spearman_cosine", "RSA", -1, 1, "neither",
        "Whether the same pieces are near and far in both spaces: rank correlation of all cosines, 1 = the same order.",
        "A13", of_pair=True, still=1.0),
    ReadingInfo("rsa_p", "RSA, p by chance", 0, 1, "neither",
        "How often shuffled rows would agree as well (Mantel): small means the two spaces are related.",
        "A13", of_pair=True),
    ReadingInfo("knn_jaccard", "Neighbours kept (Jaccard)", 0, 1, "neither",
        "Nearest words shared by before and after, divided by those of either; mean over the words, 1 = unchanged.",
        "A14", of_pair=True, still=1.0),
    ReadingInfo("second_order_cosine", "Second-order cosine", -1, 1, "neither",
        "How alike a word's similarities to its neighbours are before and after, averaged over the words.",
        "A14", of_pair=True, still=1.0),
    ReadingInfo("drift_cosine", "Drift", 0, 2, "neither",
        "1 - cosine of a word's mean vector before and after, averaged over the words; 0 = nothing moved.",
        "A15", of_pair=True, still=0.0),
    ReadingInfo("drift_cosine_aligned", "Drift beyond a rotation", 0, 2, "neither",
        "The same after the best rotation, fitted on other words: what a turn of the whole space does not explain.",
        "A15", of_pair=True, still=0.0),
    ReadingInfo("wsd_centroid_accuracy", "Sense accuracy", 0, 1, "higher",
        "Share of held-out uses whose nearest sense centroid is the right one.", "A16"),
    ReadingInfo("wsd_centroid_macro_f1", "Sense macro-F1", 0, 1, "higher",
        "F1 by nearest sense centroid, every sense counting equally: always guessing the frequent sense scores low.",
        "A16"),
    ReadingInfo("wsd_knn_accuracy", "Sense accuracy, 5 neighbours", 0, 1, "higher",
        "Share of held-out uses whose five nearest training uses vote for the right sense.", "A16"),
    ReadingInfo("wsd_knn_macro_f1", "Sense macro-F1, 5 neighbours", 0, 1, "higher",
        "F1 by the vote of five neighbours, every sense counting equally.", "A16"),
    ReadingInfo("silhouette_cosine_macro", "Sense silhouette", -1, 1, "higher",
        "How much nearer held-out uses are to their own sense than to the next one, every sense counting equally.",
        "A16"),
    ReadingInfo("clustering_v", "Sense clustering, V", 0, 1, "higher",
        "How well clusters found without the senses agree with them, on as many uses of every sense; 1 = exactly.",
        "A16"),
    ReadingInfo("clustering_ari", "Sense clustering, ARI", -0.5, 1, "higher",
        "The same counted in pairs of uses and corrected for chance: 0 = no better than chance.", "A16"),
    ReadingInfo("trustworthiness", "Map: neighbours that are true", 0, 1, "higher",
        "How far points that are near on the map are near in the space; a random map has about 0.5.", "A17"),
    ReadingInfo("continuity", "Map: neighbours that are shown", 0, 1, "higher",
        "How far points that are near in the space are near on the map; a random map has about 0.5.", "A17"),
    ReadingInfo("probe_macro_f1", "Probe, macro-F1", 0, 1, "higher",
        "F1 of a simple classifier on the frozen vectors of held-out items, every class counting equally.", "Task"),
    ReadingInfo("probe_accuracy", "Probe, accuracy", 0, 1, "higher",
        "Share of held-out items that a simple classifier on the frozen vectors gets right.", "Task"),
    ReadingInfo("mrr", "Mean reciprocal rank", 0, 1, "higher",
        "One over the rank at which the related text is found among the candidates, mean over held-out texts.",
        "Task"),
    ReadingInfo("ndcg_10", "nDCG@10", 0, 1, "higher",
        "How high the related text stands among the first ten found, 0 where it is not there; mean over held-out "
        "texts.", "Task"),
    ReadingInfo("recall_1", "Recall@1", 0, 1, "higher",
        "Share of held-out texts whose nearest candidate is the related text.", "Task"),
    ReadingInfo("recall_10", "Recall@10", 0, 1, "higher",
        "Share of held-out texts whose related text is among the ten nearest candidates.", "Task"),
    ReadingInfo("partition_isotropy_log10", "Partition isotropy (log10)", None, 0, "neither",
        "How alike the partition function is in all main directions, 0 = isotropic; mean cosine and IsoScore say more.",
        "A6"),
)
# fmt: on

READINGS: dict[str, ReadingInfo] = {info.name: info for info in _TABLE}


def _where(*sources: str) -> tuple[str, ...]:
    return tuple(name for name, info in READINGS.items() if info.source in sources)


SENSE_READINGS = _where("A16")
MEV_READINGS = _where("A4")
MAP_READINGS = _where("A17")
TASK_READINGS = _where("Task")
PAIR_READINGS = tuple(name for name, info in READINGS.items() if info.of_pair)
SPACE_READINGS = tuple(n for n in READINGS if n not in (*SENSE_READINGS, *PAIR_READINGS, *MAP_READINGS, *TASK_READINGS))
LAYER_READINGS = tuple(name for name in READINGS if name not in (*MAP_READINGS, *TASK_READINGS))


def changed(reading: Reading) -> bool | None:
    """Has this number changed by more than noise? None where it is undefined, or nobody can know.

    Before and after: the 95 % interval of the difference leaves out 0 and, where the noise of the seeds is known, the
    difference exceeds it. Of the pair: the interval lies beyond the noise, as seen from `still`; without replicates
    only an exact `still` is an answer, since another seed of the same recipe would not give `still` either.
    """
    if reading.value is not None:
        return _pair_changed(reading)
    if reading.before is None or reading.after is None:
        return None
    difference = abs(reading.after - reading.before)
    if difference == 0 or (reading.noise is not None and difference <= reading.noise):
        return False
    if reading.interval is None:
        return None
    return not reading.interval[0] <= 0 <= reading.interval[1]


def _pair_changed(reading: Reading) -> bool | None:
    info = READINGS.get(reading.name)
    if info is None or info.still is None or reading.value is None:
        return None
    if reading.value == info.still:
        return False
    if reading.noise is None:
        return None
    ends = (reading.value,) if reading.interval is None else reading.interval
    return min(abs(end - info.still) for end in ends) > abs(reading.noise - info.still)
