import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from embedlab.errors import TrainingError
from embedlab.store import Store
from embedlab.training import freezing, losses
from embedlab.training.engine import Engine, chunks
from embedlab.training.objectives import OBJECTIVES
from embedlab.training.pieces import Pieces
from embedlab.training.pool import Pool
from embedlab.training.setup import Bench, lay_out
from embedlab.types import Lora, Stage
from tests.training import tiny
from tests.training.together import GOALS, GPU_IS_FULL, ROWS, Goal, Small, Tiny, config, material

KEY = (3, 0, 7)
POOL = Pool(torch.device("cpu"))
Gradients = dict[str, Tensor | None]


def engine_gradients(
    goal: Goal, batches: list[Any], model: Tiny | None = None, key: tuple[int, ...] = KEY, **other: Any
) -> tuple[float, Gradients]:
    model = Tiny() if model is None else model
    loss, _ = Engine(model, config(**other), POOL).gradients(goal, material(goal), batches, key)
    return loss, {name: p.grad for name, p in model.named_parameters()}


def whole(goal: Goal, rows: Any) -> tuple[float, Gradients]:
    """One forward and one backward pass, nothing cut, nothing sorted."""
    model, made = Tiny(), material(goal)
    if goal.reads == "tokens":
        masked = goal.hide(made, rows, config(), np.random.default_rng([*KEY, 1]))
        loss = goal.token_loss(model, masked) / len(masked.target)
    else:
        loss = goal.loss(model, tuple(model.vectors(side[rows]) for side in made.sides), made, rows, config())
    loss.backward()
    return float(loss.detach()), {name: p.grad for name, p in model.named_parameters()}


def assert_same(a: tuple[float, Gradients], b: tuple[float, Gradients], tolerance: float = 1e-6) -> None:
    assert a[0] == pytest.approx(b[0], abs=tolerance)
    for name, gradient in a[1].items():
        other = b[1][name]
        assert (gradient is None) == (other is None), name
        if gradient is not None and other is not None:
            torch.testing.assert_close(gradient, other, rtol=1e-5, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}")


# ---- the same gradient, however it is cut ----------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_tokens", [0, 1, 20, 45, 10_000])
@pytest.mark.parametrize("name", list(GOALS))
def test_chunks_give_the_gradient_of_the_whole(name: str, chunk_tokens: int) -> None:
    rows = np.random.default_rng(1).permutation(ROWS)
    found = engine_gradients(GOALS[name], [rows], chunk_tokens=chunk_tokens)
    assert_same(found, whole(GOALS[name], rows))
    assert found[1]["unused.weight"] is None


@pytest.mark.parametrize("chunk_tokens", [0, 20])
@pytest.mark.parametrize("name", ["labels", "triplets", "mlm"])
def test_batches_of_apart_rows_add_up_to_one_batch(name: str, chunk_tokens: int) -> None:
    """Unequal batches, and for mlm rows that hide unlike numbers of pieces: a mean of means would be another number."""
    rows = np.random.default_rng(1).permutation(ROWS)
    found = engine_gradients(GOALS[name], [rows[:2], rows[2:3], rows[3:]], chunk_tokens=chunk_tokens)
    assert_same(found, whole(GOALS[name], rows))


def test_batches_of_a_joint_loss_compare_within_themselves() -> None:
    rows = np.arange(ROWS)
    loss, gradients = engine_gradients(GOALS["pairs"], [rows[:4], rows[4:]], chunk_tokens=20)
    first, second = whole(GOALS["pairs"], rows[:4]), whole(GOALS["pairs"], rows[4:])
    share = 4 / ROWS
    assert loss == pytest.approx(share * first[0] + (1 - share) * second[0], abs=1e-6)
    for name in ("inner.weight", "outer.bias", "embedding.weight"):
        torch.testing.assert_close(gradients[name], share * first[1][name] + (1 - share) * second[1][name])
    assert abs(loss - whole(GOALS["pairs"], rows)[0]) > 0.1  # fewer negatives, another loss


@pytest.mark.parametrize("name", list(GOALS))
def test_the_step_against_finite_differences(name: str) -> None:
    """In float64, at several weights of every map: (f(w + h) - f(w - h)) / 2h."""
    model = Tiny().double()
    goal, rows = GOALS[name], [np.arange(4), np.arange(4, 11)]
    engine = Engine(model, config(chunk_tokens=25), POOL)
    engine.gradients(goal, material(goal), rows, KEY)
    analytic = {key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None}
    assert {"embedding.weight", "inner.weight", "outer.weight"} <= set(analytic)
    h = 1e-5
    for key, parameter in model.named_parameters():
        if key not in analytic:
            continue
        flat = parameter.data.view(-1)
        for i in [*torch.topk(analytic[key].abs().view(-1), 2).indices.tolist(), len(flat) // 2]:
            at = float(flat[i])
            losses = []
            for moved in (at + h, at - h):
                flat[i] = moved
                losses.append(engine.gradients(goal, material(goal), rows, KEY)[0])
            flat[i] = at
            assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(float(analytic[key].view(-1)[i]), abs=1e-8)


# ---- chance ----------------------------------------------------------------------------------------------------------


class Watched(Tiny):
    """Remembers what went through it, with the random state before it and whether a graph was kept."""

    def __init__(self, dropout: float) -> None:
        super().__init__(dropout)
        self.passes: list[tuple[Pieces, Tensor, bool]] = []

    def vectors(self, pieces: Pieces) -> Tensor:
        self.passes.append((pieces, torch.get_rng_state(), torch.is_grad_enabled()))
        return super().vectors(pieces)


def test_dropout_is_the_same_in_both_passes() -> None:
    """Against one graph over all chunks, made with the masks of the first pass: the reference that cannot be wrong."""
    goal, rows = GOALS["pairs"], np.arange(13)
    model = Watched(0.3)
    found = engine_gradients(goal, [rows], model, chunk_tokens=40)
    first = [entry for entry in model.passes if not entry[2]]
    kept, *again = [entry for entry in model.passes if entry[2]]
    assert len(first) >= 4
    assert len(again) == len(first)  # the last chunk kept its graph
    for (a, state, _), (b, same, _) in zip(first, again, strict=True):
        assert a is b
        assert torch.equal(state, same)

    reference, made = Tiny(0.3), material(goal)
    of_text = {pieces.ids[i].tobytes(): (side, i) for side, pieces in enumerate(made.sides) for i in rows}
    assert len(of_text) == 26
    vectors: list[list[Any]] = [[None] * 13 for _ in made.sides]
    for pieces, state, _ in [*first, kept]:
        torch.set_rng_state(state)
        for ids, vector in zip(pieces.ids, reference.vectors(pieces), strict=True):
            side, i = of_text[ids.tobytes()]
            vectors[side][i] = vector
    loss = goal.loss(reference, tuple(torch.stack(side) for side in vectors), made, rows, config())
    loss.backward()
    assert_same(found, (float(loss.detach()), {name: p.grad for name, p in reference.named_parameters()}))


@pytest.mark.parametrize("name", list(GOALS))
def test_chance_follows_from_the_key_alone(name: str) -> None:
    rows = [np.arange(ROWS)]
    torch.manual_seed(1)
    one = engine_gradients(GOALS[name], rows, Tiny(0.3), chunk_tokens=30)
    torch.manual_seed(2)
    same = engine_gradients(GOALS[name], rows, Tiny(0.3), chunk_tokens=30)
    other = engine_gradients(GOALS[name], rows, Tiny(0.3), key=(3, 0, 8), chunk_tokens=30)
    assert_same(one, same, tolerance=0)
    assert one[0] != other[0]


def test_bfloat16_reaches_the_weights_through_every_chunk() -> None:
    """Autocast keeps copies of weights: one made in a pass without a graph must not serve the pass with one."""
    rows, goal = np.arange(ROWS), GOALS["pairs"]
    loss, gradients = engine_gradients(goal, [rows], chunk_tokens=20, precision="bf16")
    exact_loss, exact = whole(goal, rows)
    assert loss == pytest.approx(exact_loss, rel=0.02)
    for name in ("inner.weight", "outer.weight", "embedding.weight"):
        a, b = gradients[name], exact[name]
        assert a is not None
        assert b is not None
        assert float(F.cosine_similarity(a.flatten(), b.flatten(), dim=0)) > 0.99
        assert float(a.norm() / b.norm()) == pytest.approx(1, abs=0.05)
    assert loss != exact_loss


# ---- what is frozen --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["labels", "mlm"])
def test_a_frozen_encoder_has_no_gradient(name: str) -> None:
    model = Tiny()
    for part in (model.embedding, model.inner, model.outer):
        part.requires_grad_(False)
    _, gradients = engine_gradients(GOALS[name], [np.arange(ROWS)], model, chunk_tokens=20)
    reached = {key for key, gradient in gradients.items() if gradient is not None}
    assert reached == ({"head.weight", "head.bias"} if name == "labels" else {"mlm.weight", "mlm.bias"})


def test_a_head_in_a_joint_loss_learns_with_the_encoder_frozen() -> None:
    """As labels with an isotropy term: the loss itself holds weights, and the vectors lead to none."""
    joint = dataclasses.replace(GOALS["labels"], apart=False)
    model = Tiny()
    for part in (model.embedding, model.inner, model.outer):
        part.requires_grad_(False)
    _, gradients = engine_gradients(joint, [np.arange(ROWS)], model, chunk_tokens=20)
    torch.testing.assert_close(gradients["head.weight"], whole(GOALS["labels"], np.arange(ROWS))[1]["head.weight"])
    assert gradients["inner.weight"] is None


# ---- memory ----------------------------------------------------------------------------------------------------------


ERRORS = {
    "gpu": GPU_IS_FULL,
    "cpu": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
    "numpy": MemoryError("Unable to allocate 99 bytes"),
}


@pytest.mark.parametrize("error", list(ERRORS))
@pytest.mark.parametrize("name", list(GOALS))
def test_memory_that_runs_out_halves_the_chunks(name: str, error: str) -> None:
    goal, rows = GOALS[name], np.arange(ROWS)
    model = Small(120, ERRORS[error])
    engine = Engine(model, config(), POOL)
    loss, tokens = engine.gradients(goal, material(goal), [rows], KEY)
    assert_same((loss, {key: p.grad for key, p in model.named_parameters()}), whole(goal, rows))
    assert tokens == material(goal).lengths.sum()
    held = goal.sides * ROWS * 11  # the longest text has eleven pieces
    assert engine.chunk_tokens == held // 2**model.refused
    assert engine.chunk_tokens <= 120
    refused = model.refused
    assert refused >= 1
    engine.gradients(goal, material(goal), [rows], KEY)
    assert model.refused == refused  # learnt once


def test_too_little_memory_names_what_to_change() -> None:
    engine = Engine(Small(5, ERRORS["gpu"]), config(chunk_tokens=300, longest=77, batch_tokens=999), POOL)
    with pytest.raises(TrainingError, match=r"longest \(now 77\) or batch_tokens \(now 999\)"):
        engine.gradients(GOALS["labels"], material(GOALS["labels"]), [np.arange(ROWS)], KEY)
    assert engine.chunk_tokens == 75  # 37 is too little to try


def test_other_errors_are_not_taken_for_memory() -> None:
    engine = Engine(Small(5, RuntimeError("mat1 and mat2 shapes cannot be multiplied")), config(), POOL)
    with pytest.raises(RuntimeError, match="shapes"):
        engine.gradients(GOALS["labels"], material(GOALS["labels"]), [np.arange(ROWS)], KEY)
    assert engine.chunk_tokens == 0


# ---- chunks ----------------------------------------------------------------------------------------------------------


def test_chunks_by_hand() -> None:
    lengths = np.array([9, 5, 4, 4, 2, 1, 1])
    assert chunks(lengths, 10) == [slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 7)]
    assert chunks(lengths, 3) == [slice(i, i + 1) for i in range(5)] + [slice(5, 7)]
    assert chunks(lengths, 0) == [slice(0, 7)]
    assert chunks(lengths, 63) == [slice(0, 7)]
    assert chunks(lengths[:0], 10) == []


def test_chunks_hold_texts_of_like_length() -> None:
    model = Watched(0.0)
    engine_gradients(GOALS["labels"], [np.arange(ROWS)], model, chunk_tokens=20)
    lengths = [pieces.lengths for pieces, _, _ in model.passes]
    assert [int(x) for part in lengths for x in part] == sorted(
        (int(x) for part in lengths for x in part), reverse=True
    )
    assert all(len(part) * part.max() <= 20 for part in lengths)


# ---- with the objectives and models there are ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with its head for hidden pieces."""
    return tiny.model(tmp_path_factory.mktemp("bert"), "bert", mlm=True)


def laid_out(store: Store, folder: Path, name: str, **other: Any) -> Bench:
    """An objective on its corpus, everything trained, the head of the labels no longer blank."""
    corpus = tiny.add_corpus(store, {"triplets": tiny.triplets, "scored": tiny.scored}.get(name, tiny.rows)())
    wanted = tiny.config(corpus, Stage(5, {"*": 1e-3}, objective=name), canary="", **other)
    bench = lay_out(wanted, folder, store.folder("corpora", corpus.id))
    freezing.apply(bench.model, wanted.stages[0])
    if bench.model.head is not None:
        torch.nn.init.normal_(bench.model.head.weight, generator=torch.Generator().manual_seed(1))
    return bench


def by_name(model: torch.nn.Module) -> Gradients:
    return {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("isotropy", [0.0, 0.3])
@pytest.mark.parametrize("name", [name for name, one in OBJECTIVES.items() if one.fits(None)])
def test_every_objective_in_chunks(name: str, isotropy: float, store: Store, bert: Path) -> None:
    """Against the loss of the whole batch, side by side, through transformers' BERT and back."""
    bench = laid_out(store, bert, name, isotropy=isotropy)
    model, goal, made, wanted = bench.model.eval(), OBJECTIVES[name], bench.train[name], bench.config
    rows = goal.epoch(made, wanted, np.random.default_rng(0))[0]
    if goal.reads == "tokens":
        masked = goal.hide(made, rows, wanted, np.random.default_rng([*KEY, 1]))
        loss = goal.token_loss(model, masked) / len(masked)
    else:
        loss = losses.total(goal, model, tuple(model.vectors(side[rows]) for side in made.sides), made, rows, wanted)
    loss.backward()
    expected = (float(loss.detach()), by_name(model))
    assert sum(gradient is not None for gradient in expected[1].values()) > 20

    for chunk_tokens in (0, 40):
        engine = Engine(model, dataclasses.replace(wanted, chunk_tokens=chunk_tokens), POOL)
        value, tokens = engine.gradients(goal, made, [rows], KEY)
        assert tokens == made.lengths[rows].sum()
        assert_same((value, by_name(model)), expected, tolerance=1e-5)


def test_lora_in_chunks_with_dropout(store: Store, bert: Path) -> None:
    """Only adapters learn, and the same step twice is the same to the bit."""
    bench = laid_out(store, bert, "pairs", lora=Lora(rank=2, dropout=0.2), chunk_tokens=40)
    bench.model.train()
    freezing.apply(bench.model, Stage(5, {"lora.*": 1e-3}, objective="pairs"))
    engine, made = Engine(bench.model, bench.config, POOL), bench.train["pairs"]
    rows = [np.arange(8), np.arange(8, 20)]
    found = []
    for _ in range(2):
        loss, _ = engine.gradients(OBJECTIVES["pairs"], made, rows, KEY)
        found.append((loss, by_name(bench.model)))
    assert_same(found[0], found[1], tolerance=0)
    reached = {name for name, gradient in found[0][1].items() if gradient is not None}
    assert reached
    assert all("lora" in name for name in reached)
