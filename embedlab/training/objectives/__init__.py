"""What a run can learn, one file each. Torch-free, so that the screen can ask what applies to a corpus."""

from embedlab.errors import TrainingError
from embedlab.training.objectives.base import Division, Examples, Material, Objective, Score
from embedlab.training.objectives.labels import LABELS
from embedlab.training.objectives.lm import LM
from embedlab.training.objectives.masking import Masked, Vocabulary, hide
from embedlab.training.objectives.mlm import MLM
from embedlab.training.objectives.pairs import PAIRS
from embedlab.training.objectives.scored import SCORED
from embedlab.training.objectives.senses import SENSES
from embedlab.training.objectives.simcse import SIMCSE
from embedlab.training.objectives.translation import TRANSLATION
from embedlab.training.objectives.triplets import TRIPLETS
from embedlab.training.objectives.wordvectors import CBOW, GLOVE, SKIPGRAM

OBJECTIVES: dict[str, Objective] = {
    one.name: one
    for one in (
        LABELS,
        PAIRS,
        TRIPLETS,
        SCORED,
        SIMCSE,
        MLM,
        LM,
        TRANSLATION,
        SENSES,
        SKIPGRAM,
        CBOW,
        GLOVE,
    )
}  # in the order in which they are offered


def objective(name: str) -> Objective:
    """An objective by name. Raises TrainingError naming those there are."""
    if name not in OBJECTIVES:
        raise TrainingError(f"There is no objective {name!r}: choose one of {', '.join(OBJECTIVES)}.")
    return OBJECTIVES[name]


__all__ = [
    "OBJECTIVES", "Division", "Examples", "Masked", "Material", "Objective", "Score", "Vocabulary", "hide", "objective",
]  # fmt: skip
