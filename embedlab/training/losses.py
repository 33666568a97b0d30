"""The three losses, in nats, each the mean over the rows of a batch that have something to learn from."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from embedlab.errors import TrainingError
from embedlab.training.batches import Batch
from embedlab.training.objectives import Material
from embedlab.training.trainable import Trainable

Loss = Callable[[Trainable, Material, Batch, float], Tensor]


def cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """[n, c], [n] -> mean cross-entropy. At the start, with a head of zeros, ln c."""
    return F.cross_entropy(logits.float(), classes)


def in_batch_negatives(a: Tensor, b: Tensor, code_a: Tensor, code_b: Tensor, temperature: float) -> Tensor:
    """[n, d], [n, d] -> each a must find its own b among all b of the batch, and each b its a (InfoNCE, both ways).

    Cosines / temperature; 0.05 is sentence-transformers' MultipleNegativesRankingLoss with scale 20. Both directions,
    since a column of related texts has none. `code_*` number the texts: where another row holds the same text on
    either side, it is not a negative but the same thing again, and is masked out.
    """
    scores = F.normalize(a.float(), dim=-1) @ F.normalize(b.float(), dim=-1).T / temperature
    same = (code_a[:, None] == code_a[None]) | (code_b[:, None] == code_b[None]) | (code_a[:, None] == code_b[None])
    same.fill_diagonal_(False)
    right = torch.arange(len(a), device=a.device)
    forward = F.cross_entropy(scores.masked_fill(same, -torch.inf), right)
    backward = F.cross_entropy(scores.T.masked_fill(same.T, -torch.inf), right)
    return (forward + backward) / 2


def supervised_contrastive(x: Tensor, classes: Tensor, temperature: float) -> Tensor:
    """[n, d], [n] -> each row must find the rows of its class among all others (SupCon, Khosla et al. 2020, L_out).

    The mean over its positives of -log softmax(cosine / temperature), itself left out; rows without a positive are
    not averaged. Where all vectors are alike it is ln(n - 1).
    """
    x = F.normalize(x.float(), dim=-1)
    itself = torch.eye(len(x), dtype=torch.bool, device=x.device)
    logits = (x @ x.T / temperature).masked_fill(itself, -torch.inf)
    log_share = F.log_softmax(logits, dim=-1).masked_fill(itself, 0.0)
    positive = (classes[:, None] == classes[None]) & ~itself
    count = positive.sum(-1)
    rows = count > 0
    return -((log_share * positive).sum(-1)[rows] / count[rows]).mean()


def _labels(model: Trainable, material: Material, rows: Batch, temperature: float) -> Tensor:
    if model.head is None:
        raise TrainingError("This plan has no head for the labels.")
    return cross_entropy(model.head(model.vectors(material.pieces[rows])), model.tensor(material.codes[rows, 0]))


def _pairs(model: Trainable, material: Material, rows: Batch, temperature: float) -> Tensor:
    if material.partner_pieces is None:
        raise TrainingError("There are no partners to learn from.")
    a, b = model.vectors(material.pieces[rows]), model.vectors(material.partner_pieces[rows])
    codes = model.tensor(material.codes[rows])
    return in_batch_negatives(a, b, codes[:, 0], codes[:, 1], temperature)


def _senses(model: Trainable, material: Material, rows: Batch, temperature: float) -> Tensor:
    x = model.vectors(material.pieces[rows])
    return supervised_contrastive(x, model.tensor(material.codes[rows, 0]), temperature)


LOSSES: dict[str, Loss] = {"labels": _labels, "pairs": _pairs, "senses": _senses}
