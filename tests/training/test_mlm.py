"""Hiding pieces, and the head that finds them: shares by count, the loss against transformers' own models."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from embedlab.encoders import files, loading
from embedlab.encoders.alignment import PieceReader
from embedlab.errors import TrainingError
from embedlab.training import losses, material, mlm
from embedlab.training.objectives import Examples, Masked, Material, Vocabulary, hide, objective
from embedlab.training.objectives.base import whole
from embedlab.training.pieces import Pieces
from embedlab.training.trainable import Trainable
from embedlab.types import Corpus
from tests.training import tiny

VOCABULARY = Vocabulary(mask=4, size=60, special=(0, 1, 2, 3, 4), before=1, after=1)
KINDS = ("bert", "roberta", "distilbert", "mpnet", "electra", "modernbert", "ernie", "albert")


def pieces(*lengths: int, seed: int = 0) -> Pieces:
    """Texts of so many ordinary pieces between [CLS] and [SEP]."""
    rng = np.random.default_rng(seed)
    ids = tuple(np.array([2, *rng.integers(5, 60, n), 3], dtype=np.int32) for n in lengths)
    return Pieces(ids, np.zeros(len(ids), np.int64), np.array([len(one) for one in ids]), 0)


# ---- hiding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "hidden"), [(1, 1), (3, 1), (10, 2), (20, 3), (100, 15)])
def test_so_many_pieces_of_a_row_are_hidden_and_special_ones_never(length: int, hidden: int) -> None:
    shown = pieces(length, 50, length)
    masked = hide(shown, VOCABULARY, 0.15, np.random.default_rng(0))
    assert np.bincount(masked.row).tolist() == [hidden, 8, hidden]
    assert len({*zip(masked.row, masked.place, strict=True)}) == len(masked), "each once"
    for row, place, target in zip(masked.row, masked.place, masked.target, strict=True):
        assert 1 <= place <= len(shown.ids[row]) - 2
        assert shown.ids[row][place] == target
    kept = [np.ones(len(ids), dtype=bool) for ids in shown.ids]
    for row, place in zip(masked.row, masked.place, strict=True):
        kept[row][place] = False
    for before, after, same in zip(shown.ids, masked.pieces.ids, kept, strict=True):
        assert np.array_equal(before[same], after[same]), "what is not hidden stays"


def test_eight_of_ten_show_the_mask_one_another_piece_and_one_itself() -> None:
    shown = pieces(*[40] * 2000)
    masked = hide(shown, VOCABULARY, 0.15, np.random.default_rng(0))
    n = len(masked)
    at = np.array([masked.pieces.ids[i][j] for i, j in zip(masked.row, masked.place, strict=True)])
    behind, itself = at == VOCABULARY.mask, at == masked.target
    assert n == 12_000
    assert behind.mean() == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / n))
    assert itself.mean() == pytest.approx(0.1 + 0.1 / 55, abs=4 * np.sqrt(0.09 / n))
    others = at[~behind]
    assert not np.isin(others, VOCABULARY.special).any(), "no special piece is shown instead"
    assert set(others.tolist()) == set(range(5, 60))
    # every place is as likely as any other
    counts = np.bincount(masked.place - 1, minlength=40)
    assert ((counts - n / 40) ** 2 / (n / 40)).sum() < 39 + 4 * np.sqrt(2 * 39)


def test_hiding_follows_from_its_seed_and_leaves_the_texts_alone() -> None:
    shown = pieces(12, 30, 7)
    before = [ids.copy() for ids in shown.ids]
    one, again, other = (hide(shown, VOCABULARY, 0.3, np.random.default_rng(s)) for s in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(before, shown.ids, strict=True))
    assert np.array_equal(one.place, again.place)
    assert all(np.array_equal(a, b) for a, b in zip(one.pieces.ids, again.pieces.ids, strict=True))
    assert not np.array_equal(one.place, other.place)


def test_some_rows_of_what_is_hidden() -> None:
    masked = hide(pieces(12, 30, 7, 20), VOCABULARY, 0.3, np.random.default_rng(1))
    some = masked.take(np.array([3, 1]))
    assert np.bincount(some.row).tolist() == [6, 9]
    for new, old in ((0, 3), (1, 1)):
        assert np.array_equal(some.pieces.ids[new], masked.pieces.ids[old])
        assert some.place[some.row == new].tolist() == masked.place[masked.row == old].tolist()
        assert some.target[some.row == new].tolist() == masked.target[masked.row == old].tolist()
    assert len(masked.take(np.array([], dtype=np.int64))) == 0


def test_a_row_with_nothing_to_hide_is_a_slip_of_ours() -> None:
    with pytest.raises(ValueError, match="nothing to hide"):
        hide(pieces(5, 0), VOCABULARY, 0.15, np.random.default_rng(0))


# ---- the head ------------------------------------------------------------------------------------------------------


def open_all(folder: Path) -> tuple[Trainable, bool, Material]:
    """A model with its head, and the tiny corpus cut for it."""
    source = files.check_folder(folder)
    reader: PieceReader = loading.open_tokenizer(source, folder.name)
    encoder = loading.open_model(source, folder.name, "cpu")
    head, brought = mlm.open_head(source, encoder)
    vocabulary = material.vocabulary(source, folder.name, reader)
    cutter = material.Cutter(reader, "mean", 64, (), vocabulary)
    texts = [row["text"] for row in tiny.rows(each=3)]
    examples = Examples(tuple(whole(text, i) for i, text in enumerate(texts)))
    return Trainable(encoder, "mean", mlm=head), brought, cutter.learned("mlm", examples)


def masked_batch(made: Material, seed: int = 0) -> Masked:
    config = tiny.config(Corpus("0", "made", ("a",)), mask_share=0.3)
    return objective("mlm").hide(made, np.array([4, 0, 7, 2]), config, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_that_of_transformers(kind: str, tmp_path: Path) -> None:
    """The head a folder brings, the whole matrix of logits, labels -100 where nothing is hidden."""
    folder = tiny.model(tmp_path / kind, kind, mlm=True)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    torch.manual_seed(1)
    for name, parameter in theirs.named_parameters():  # biases and norms of a new model are all zero or one
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 1.0 if "norm" in name.lower() and "weight" in name else 0.0, 0.3)
    theirs.save_pretrained(folder)
    model, brought, made = open_all(folder)
    model.eval()
    assert brought
    masked = masked_batch(made)
    ids = torch.zeros(len(masked.pieces), int(masked.pieces.lengths.max()), dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for i, row in enumerate(masked.pieces.ids):
        ids[i, : len(row)] = torch.from_numpy(row.astype(np.int64))
    labels[masked.row, masked.place] = torch.from_numpy(masked.target)
    seen = (torch.arange(ids.shape[1])[None] < torch.from_numpy(masked.pieces.lengths)[:, None]).long()
    wanted = theirs(input_ids=ids, attention_mask=seen, labels=labels).loss
    found = objective("mlm").token_loss(model, masked) / len(masked)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    wanted.backward()
    model.requires_grad_(True)
    (objective("mlm").token_loss(model, masked) / len(masked)).backward()
    slope = theirs.get_input_embeddings().weight.grad
    torch.testing.assert_close(model.table.grad, slope, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_goes_back_into_a_folder(kind: str, tmp_path: Path) -> None:
    folder = tiny.model(tmp_path / kind, kind, mlm=True)
    model, _, _ = open_all(folder)
    assert model.mlm is not None
    torch.nn.init.normal_(model.mlm.bias)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(folder)
    missing = theirs.load_state_dict(model.mlm.folder_weights(kind), strict=False)
    assert not missing.unexpected_keys
    found = dict(theirs.named_parameters())
    for name, tensor in model.mlm.folder_weights(kind).items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("kind", ["bert", "albert"])
def test_a_fresh_head_keeps_what_the_hidden_states_say(kind: str, tiny_models: Callable[[str], Path]) -> None:
    """As wide as the table, it gives LayerNorm of the hidden state to the table; narrower, a fixed random map of it."""
    model, brought, made = open_all(tiny_models(kind))
    again, _, _ = open_all(tiny_models(kind))
    assert not brought
    assert model.mlm is not None
    assert again.mlm is not None
    assert all(torch.equal(a, b) for a, b in zip(model.mlm.parameters(), again.mlm.parameters(), strict=True))
    masked = masked_batch(made)
    model.eval()
    hidden = model.hidden_at(masked.pieces, masked.row, masked.place)
    logits = losses.piece_logits(model, masked)
    if kind == "bert":
        unit = torch.nn.functional.layer_norm(hidden, hidden.shape[1:])
        assert torch.cosine_similarity(logits, unit @ model.table.T, dim=-1).min() > 0.99
    assert logits.shape == (len(masked), len(model.table))


def test_a_fresh_head_starts_from_how_often_each_piece_occurs(tiny_models: Callable[[str], Path]) -> None:
    model, _, made = open_all(tiny_models("bert"))
    assert model.mlm is not None
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    (fresh,) = objective("mlm").scores(model, made, [made])
    mlm.fit(model, made)
    (fitted,) = objective("mlm").scores(model, made, [made])
    assert fitted.parts["perplexity"] < fresh.parts["perplexity"]
    assert [name for name, tensor in model.state_dict().items() if not torch.equal(before[name], tensor)] == [
        "mlm.bias"
    ]
    pieces = [piece for ids in made.sides[0].ids for piece in ids[1:-1].tolist()]
    seen = torch.softmax(model.mlm.bias.detach(), 0)
    total = len(pieces) + 0.1 * len(seen)
    for piece in (0, 5, *pieces[:20]):
        assert float(seen[piece]) == pytest.approx((pieces.count(piece) + 0.1) / total, rel=1e-4)


def test_the_losses_of_chunks_add_up_to_that_of_the_batch(tiny_models: Callable[[str], Path]) -> None:
    model, _, made = open_all(tiny_models("bert"))
    model.eval()
    masked, goal = masked_batch(made), objective("mlm")
    parts = [goal.token_loss(model, masked.take(np.array(rows))) for rows in ([2, 0], [1], [3])]
    torch.testing.assert_close(torch.stack(parts).sum(), goal.token_loss(model, masked), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("bf16", [False, True])
def test_the_loss_is_summed_in_fp32(bf16: bool, tiny_models: Callable[[str], Path]) -> None:
    model, _, made = open_all(tiny_models("bert"))
    model.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        assert objective("mlm").token_loss(model, masked_batch(made)).dtype == torch.float32


def test_models_that_hide_nothing_are_refused(tiny_models: Callable[[str], Path]) -> None:
    source = files.check_folder(tiny_models("gpt2"))
    with pytest.raises(TrainingError, match="gpt2 do not learn from hidden pieces"):
        mlm.open_head(source, loading.open_model(source, "x", "cpu"))
    model, _, made = open_all(tiny_models("bert"))
    model.mlm = None
    with pytest.raises(TrainingError, match="no head"):
        objective("mlm").token_loss(model, masked_batch(made))
