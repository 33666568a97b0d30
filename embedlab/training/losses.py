"""The losses, in nats, each the mean over the rows of a batch that have something to learn from.

They are summed in fp32 whatever the model computes in: a cosine divided by a temperature of 0.05 loses two digits.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from embedlab.errors import TrainingError
from embedlab.training.objectives import Masked, Material, Objective
from embedlab.training.trainable import Trainable
from embedlab.types import RunConfig

Vectors = tuple[Tensor, ...]
Loss = Callable[[Trainable, Vectors, Material, np.ndarray, RunConfig], Tensor]


def total(
    goal: Objective,
    model: Trainable,
    vectors: Vectors,
    material: Material,
    rows: Int64[np.ndarray, "k"],
    config: RunConfig,
) -> Tensor:
    """What a step lowers: the loss of the objective, and config.isotropy times the uniformity of the texts' vectors."""
    with torch.autocast(vectors[0].device.type, enabled=False):
        loss = goal.loss(model, vectors, material, rows, config)
        return loss + config.isotropy * uniformity(vectors[0]) if config.isotropy > 0 else loss


def joint(goal: Objective, config: RunConfig) -> bool:
    """Whether the rows of a batch must be seen together: they are compared, by the objective or by its uniformity.

    Masked language modelling has no vectors of texts, so uniformity has no say there.
    """
    return goal.reads == "vectors" and (not goal.apart or config.isotropy > 0)


def cross_entropy(logits: Float[Tensor, "n c"], classes: Int64[Tensor, "n"]) -> Float[Tensor, ""]:
    """Mean cross-entropy. At the start, with a head of zeros, ln c."""
    return F.cross_entropy(_exact(logits), classes)


def in_batch_negatives(
    a: Float[Tensor, "n d"],
    b: Float[Tensor, "n d"],
    code_a: Int64[Tensor, "n"],
    code_b: Int64[Tensor, "n"],
    temperature: float,
    negatives: Float[Tensor, "n d"] | None = None,
    code_negatives: Int64[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    """Each a must find its own b among all b of the batch, and each b its a (InfoNCE, both ways).

    Cosines / temperature; 0.05 is sentence-transformers' MultipleNegativesRankingLoss with scale 20. Both directions,
    since a column of related texts has none. Hard negatives, where given, are further candidates of every a (as there);
    a code of -1 is none. `code_*` number the texts: where another row holds the same text on either side, or a negative
    is one of the right answers, it is masked out. Where all vectors are alike: the mean of ln(candidates) each way.
    """
    a, b = _unit(a), _unit(b)
    scores = a @ b.T / temperature
    same_a = code_a[:, None] == code_a[None]
    same = same_a | (code_b[:, None] == code_b[None]) | (code_a[:, None] == code_b[None])
    same.fill_diagonal_(False)
    backward = scores.T.masked_fill(same.T, -torch.inf)
    forward = scores.masked_fill(same, -torch.inf)
    if negatives is not None and code_negatives is not None:
        right = (same_a.float() @ (code_b[:, None] == code_negatives[None]).float()) > 0
        masked = right | (code_a[:, None] == code_negatives[None]) | (code_negatives < 0)[None]
        hard = (a @ _unit(negatives).T / temperature).masked_fill(masked, -torch.inf)
        forward = torch.cat([forward, hard], dim=1)
    own = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(forward, own) + F.cross_entropy(backward, own)) / 2


def twice_seen(
    a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], code: Int64[Tensor, "n"], temperature: float
) -> Float[Tensor, ""]:
    """Each text must find its own second view among those of the batch (unsupervised SimCSE, Gao et al. 2021).

    One way, cosines / 0.05, as in their code; the same text in another row is masked out.
    """
    scores = _unit(a) @ _unit(b).T / temperature
    same = code[:, None] == code[None]
    same.fill_diagonal_(False)
    return F.cross_entropy(scores.masked_fill(same, -torch.inf), torch.arange(len(a), device=a.device))


def triplet(
    a: Float[Tensor, "n d"], partner: Float[Tensor, "n d"], negative: Float[Tensor, "n d"], temperature: float
) -> Float[Tensor, ""]:
    """softplus((cos(a, negative) - cos(a, partner)) / temperature), mean over rows.

    The soft margin of Hermans, Beyer & Leibe (2017, "In defense of the triplet loss") on cosine distance: no hard
    margin to choose, and a gradient that fades instead of stopping. It is also InfoNCE with two candidates. ln 2 where
    all vectors are alike; temperature times it tends to sentence-transformers' TripletLoss with margin 0.
    """
    a, partner, negative = _unit(a), _unit(partner), _unit(negative)
    return F.softplus(((a * negative).sum(-1) - (a * partner).sum(-1)) / temperature).mean()


def cosent(
    a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], scores: Float[Tensor, "n"], temperature: float
) -> Float[Tensor, ""]:
    """ln(1 + sum over rows i, j with score_i > score_j of exp((cos_j - cos_i) / temperature)) (CoSENT, Huang et al.
    2024; sentence-transformers' CoSENTLoss with scale 20). Zero where no two scores differ.
    """
    cosines = (_unit(a) * _unit(b)).sum(-1) / temperature
    wrong = (cosines[None] - cosines[:, None])[scores[:, None] > scores[None]]
    return torch.logsumexp(torch.cat([cosines.new_zeros(1), wrong]), dim=0)


def supervised_contrastive(
    x: Float[Tensor, "n d"], classes: Int64[Tensor, "n"], temperature: float
) -> Float[Tensor, ""]:
    """Each row must find the rows of its class among all others (SupCon, Khosla et al. 2020, L_out).

    The mean over its positives of -log softmax(cosine / temperature), itself left out; rows without a positive are
    not averaged. Where all vectors are alike it is ln(n - 1); without any positive it is 0.
    """
    x = _unit(x)
    itself = torch.eye(len(x), dtype=torch.bool, device=x.device)
    logits = (x @ x.T / temperature).masked_fill(itself, -torch.inf)
    log_share = F.log_softmax(logits, dim=-1).masked_fill(itself, 0.0)
    positive = (classes[:, None] == classes[None]) & ~itself
    count = positive.sum(-1)
    terms = (log_share * positive).sum(-1) / count.clamp(min=1)
    return -terms.sum() / (count > 0).sum().clamp(min=1)


def uniformity(x: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """ln of the mean over pairs of rows of exp(-2 |x_i - x_j|^2), unit vectors (Wang & Isola 2020, t = 2).

    In [-8, 0]; lower is more evenly spread, 0 where all vectors are alike. 0 for a single row, which has no pair.
    """
    n = len(x)
    if n < 2:
        return x.sum() * 0.0
    x = _unit(x)
    i, j = torch.triu_indices(n, n, offset=1, device=x.device)
    return torch.logsumexp(-4.0 * (1.0 - (x @ x.T)[i, j]), dim=0) - float(np.log(len(i)))


def hidden_pieces(model: Trainable, masked: Masked) -> Float[Tensor, ""]:
    """The sum over hidden pieces of -ln of the share that the model gives to the right one."""
    logits = piece_logits(model, masked)
    with torch.autocast(logits.device.type, enabled=False):
        return F.cross_entropy(_exact(logits), model.tensor(masked.target), reduction="sum")


def piece_logits(model: Trainable, masked: Masked) -> Float[Tensor, "m vocabulary"]:
    """Logits at the hidden places alone: the full matrix would be most of the work."""
    if model.mlm is None:
        raise TrainingError("This plan has no head for masked language modelling.")
    return model.mlm(model.hidden_at(masked.pieces, masked.row, masked.place), model.table)


def _exact(x: Tensor) -> Tensor:
    """At least fp32."""
    return x if x.dtype == torch.float64 else x.float()


def _unit(x: Tensor) -> Tensor:
    return F.normalize(_exact(x), dim=-1)


# ---- by objective ----------------------------------------------------------------------------------------------------


def _labels(model: Trainable, x: Vectors, material: Material, rows: np.ndarray, config: RunConfig) -> Tensor:
    if model.head is None:
        raise TrainingError("This plan has no head for the labels.")
    return cross_entropy(model.head(x[0]), model.tensor(material.codes[rows, 0]))


def _pairs(model: Trainable, x: Vectors, material: Material, rows: np.ndarray, config: RunConfig) -> Tensor:
    codes = model.tensor(material.codes[rows]).unbind(1)
    hard = (x[2], codes[2]) if len(x) > 2 else (None, None)
    return in_batch_negatives(x[0], x[1], codes[0], codes[1], config.temperature, *hard)


def _triplets(model: Trainable, x: Vectors, material: Material, rows: np.ndarray, config: RunConfig) -> Tensor:
    return triplet(x[0], x[1], x[2], config.temperature)


def _scored(model: Trainable, x: Vectors, material: Material, rows: np.ndarray, config: RunConfig) -> Tensor:
    assert material.scores is not None, "scored material has scores"
    return cosent(x[0], x[1], model.tensor(material.scores[rows]), config.temperature)


def _simcse(model: Trainable, x: Vectors, material: Material, rows: np.ndarray, config: RunConfig) -> Tensor:
    return twice_seen(x[0], x[1], model.tensor(material.codes[rows, 0]), config.temperature)


def _senses(model: Trainable, x: Vectors, material: Material, rows: np.ndarray, config: RunConfig) -> Tensor:
    return supervised_contrastive(x[0], model.tensor(material.codes[rows, 0]), config.temperature)


LOSSES: dict[str, Loss] = {
    "labels": _labels,
    "pairs": _pairs,
    "triplets": _triplets,
    "scored": _scored,
    "simcse": _simcse,
    "senses": _senses,
}
