"""A table of vectors as a survey: what a comparison can read where there is no text."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from embedlab.survey import Survey
from embedlab.types import EncoderSpec, LayerInfo

LAYER = "vectors"


def table_survey(
    source: str, rows: Float[np.ndarray, "n d"], *, names: Sequence[str] = (), plan: str = "", seed: int = 0
) -> Survey:
    """Every row is a piece of the background and, where there are `names`, a word used once and in no known text.

    Rows with names are float32, as in every survey. `plan`: equal for tables of the same rows in the same order.
    """
    n, dim = rows.shape
    none = np.zeros((0, dim), dtype=np.float32)
    words = rows if names else none
    fingerprint = hashlib.sha256(words.tobytes()).hexdigest()
    unknown = np.full((1, n), np.nan)
    return Survey(
        id=hashlib.sha256(json.dumps([plan, fingerprint]).encode()).hexdigest(),
        plan_id=plan,
        encoder=EncoderSpec(source, "static"),
        fingerprint=fingerprint,
        precision="fp32",
        layers=(LayerInfo(LAYER, dim, "static"),),
        words=tuple(names),
        counts=np.ones(len(words), dtype=np.int64),
        use_items=(),
        word_means=(words,),
        half_means=(np.zeros_like(words),),
        half_uses=np.zeros(len(words), dtype=np.int64),
        off_domain=np.zeros(0, dtype=np.int64),
        self_similarity=unknown[:, : len(words)],
        background=(rows,),
        intra=unknown,
        intra_null=unknown,
        pieces=np.zeros(n, dtype=np.int64),
        uses=(none,),
        texts=(none,),
        seen_words=np.ones(len(words), dtype=np.int64),
        seen_background=np.ones(n, dtype=bool),
        seen_uses=np.zeros(0, dtype=bool),
        seen_texts=np.zeros(0, dtype=bool),
        unseen={"texts": 0, "words": 0, "background": 0, "uses": 0},
        plan_facts={
            "corpus_id": plan, "surveyed": 0, "whole_texts": 0, "tokens": 0, "seed": seed, "min_count": 1,
            "words_below_min_count": 0, "off_domain": 0,
        },
    )  # fmt: skip
