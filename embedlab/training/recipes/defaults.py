"""What a run takes when a person names nothing: the field's usual, by objective. The rest is RunConfig's default."""

from collections.abc import Mapping
from typing import Any

SCRATCH_RATE = 2e-3  # of a model of the lineage: it learns from nothing, where a tuned one must not forget
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    # BERT's own recipe (Devlin et al. 2019): batches of 32, 2e-5 to 5e-5
    "labels": {"steps": 200, "rate": 5e-5, "batch_items": 32, "batch_tokens": 2048},
    # MultipleNegativesRankingLoss of sentence-transformers: scale 20, and the more rows the more negatives
    "pairs": {"steps": 200, "rate": 2e-5, "batch_items": 64, "batch_tokens": 4096, "temperature": 0.05},
    # Sentence-BERT's triplets (Reimers & Gurevych 2019): batches of 16; a margin has no temperature
    "triplets": {"steps": 200, "rate": 2e-5, "batch_items": 16, "batch_tokens": 2048},
    # CoSENT (Su 2022): scale 20
    "scored": {"steps": 200, "rate": 2e-5, "batch_items": 32, "batch_tokens": 4096, "temperature": 0.05},
    # unsupervised SimCSE (Gao et al. 2021): BERT-base with batches of 64 at 3e-5, temperature .05
    "simcse": {"steps": 200, "rate": 3e-5, "batch_items": 64, "batch_tokens": 4096, "temperature": 0.05},
    # going on with pretraining (Gururangan et al. 2020), 15 of 100 pieces hidden as in BERT
    "mlm": {"steps": 300, "rate": 5e-5, "batch_items": 64, "batch_tokens": 4096, "mask_share": 0.15},
    # a language model of words: ULMFiT's rate for Adam is 4e-3 (Howard & Ruder 2018), for batches of 64 texts
    "lm": {"steps": 500, "rate": 4e-3, "batch_items": 64, "batch_tokens": 2048},
    # CoVe's translation (McCann et al. 2017)
    "translation": {"steps": 300, "rate": 1e-3, "batch_items": 32, "batch_tokens": 4096},
    # epochs, at the rate of the original programs (word2vec.c; Pennington et al. 2014)
    "skipgram": {"steps": 20, "rate": 0.025},
    "cbow": {"steps": 20, "rate": 0.025},
    "glove": {"steps": 25, "rate": 0.05},
    "senses": {"steps": 200, "rate": 5e-5, "batch_items": 32, "batch_tokens": 2048},
}
