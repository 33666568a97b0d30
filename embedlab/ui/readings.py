"""Which readings the pages show, in which order, and what each one means: from the READINGS table of the comparison."""

from collections.abc import Iterable, Mapping

from embedlab.compare import READINGS
from embedlab.types import Comparison, Reading

STRIP = (
    "wsd_centroid_macro_f1",
    "mean_cosine",
    "knn_jaccard",
    "isoscore",
    "self_similarity",
    "cka_debiased",
    "intra_sentence_similarity",
    "silhouette_cosine_macro",
    "drift_cosine",
)  # the first three open the Compare page: the task, the space, the change


def title(name: str) -> str:
    """How a reading is called on the screen."""
    return READINGS[name].title if name in READINGS else name.replace("_", " ")


def meaning(name: str) -> str:
    """What a reading says, in one line."""
    return READINGS[name].meaning if name in READINGS else ""


def shown(comparison: Comparison) -> list[str]:
    """The readings of the layer strip that this comparison has."""
    return [name for name in STRIP if any(name in layer.readings for layer in comparison.layers)]


def meant(readings: Mapping[str, Reading], names: Iterable[str] | None = None) -> list[tuple[str, str, Reading]]:
    """(title, one-line meaning, reading) of the named readings, or of all in the order of READINGS."""
    order = list(READINGS) if names is None else list(names)
    known = [name for name in order if name in readings]
    return [(title(name), meaning(name), readings[name]) for name in known]


def definitions(comparison: Comparison) -> list[tuple[str, str]]:
    """(title, one-line meaning) of the readings this comparison holds."""
    held = {name for layer in comparison.layers for name in layer.readings}
    return [(info.title, info.meaning) for name, info in READINGS.items() if name in held]
