"""Inside one sentence: every step against another route: the weight file read by hand, plain loops, made arrays."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from embedlab import encoders
from embedlab.encoders.anatomy import MOST, inside, same_word
from embedlab.encoders.inside import Inside, Near, Piece, attention_change, cosine, path, shared_words, word_in_both
from embedlab.errors import ModelError
from embedlab.lineage import making
from embedlab.types import EncoderSpec, LayerInfo, Occurrence
from tests.encoders import tiny
from tests.encoders.conftest import Both
from tests.encoders.tuned import tuned

BANK = "He sat on the bank of the river."
MONEY = "She paid it into her bank."
CHASES = ("a mouse chases a cat", "a cat chases a mouse")
KINDS = sorted(tiny.KINDS)


def table_file(folder: Path) -> encoders.Encoder:
    words = {"a": (1, 0), "mouse": (0, 2), "cat": (3, 1), "chases": (0, -1), "bank": (1, 1)}
    file = folder / "words.txt"
    file.write_text("".join(f"{word} {x} {y}\n" for word, (x, y) in words.items()))
    return encoders.load(EncoderSpec(str(file)))


# ---------------------------------------------------------------- the real models


@pytest.mark.parametrize("kind", KINDS)
def test_the_vectors_are_those_that_encode_gives(both: Both, kind: str) -> None:
    encoder, _ = both(kind)
    seen = inside(encoder, BANK)
    assert [piece.name for piece in seen.pieces if piece.special] or kind in ("gpt2", "gpt_neox")
    own = [i for i in seen.own if BANK[seen.pieces[i].start : seen.pieces[i].end].strip()]
    asked = [Occurrence(BANK, seen.pieces[i].start, seen.pieces[i].end) for i in own]
    for rows, arrays in encoder.encode(asked):
        for layer, array in enumerate(arrays):
            there = [seen.touching(asked[row].start, asked[row].end) for row in rows]
            expected = np.stack([seen.states[layer][at].mean(axis=0) for at in there])
            np.testing.assert_allclose(array, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_a_share_and_looks_back_only_where_the_model_does(both: Both, kind: str) -> None:
    seen = inside(both(kind)[0], BANK)
    assert len(seen.attention) == 3
    for block in seen.attention:
        assert block.shape == (4, len(seen.pieces), len(seen.pieces))
        assert block.min() >= 0
        np.testing.assert_allclose(block.sum(axis=2), 1, atol=1e-5)
        ahead = np.triu(np.ones(block.shape[1:]), 1).astype(bool)
        assert (block[:, ahead].max() == 0) == (kind in ("gpt2", "gpt_neox"))
    rotary = kind in ("modernbert", "gpt_neox")
    assert (seen.positions is None) == rotary
    assert bool(seen.without_positions) == rotary


def test_the_steps_of_bert_by_hand_from_its_weight_file(both: Both, folder: Callable[[str], Path]) -> None:
    """Row + position + type, normalised = layer 0; softmax(q k / sqrt d) of layer 0 = the first attention."""
    seen = inside(both("bert")[0], BANK)
    weights = {
        name: array.astype(np.float64) for name, array in load_file(folder("bert") / "model.safetensors").items()
    }
    ids = [piece.id for piece in seen.pieces]
    rows = weights["embeddings.word_embeddings.weight"][ids]
    places = weights["embeddings.position_embeddings.weight"][: len(ids)]
    np.testing.assert_array_equal(seen.rows, rows)
    np.testing.assert_array_equal(seen.positions, places)
    total = rows + places + weights["embeddings.token_type_embeddings.weight"][0]
    centred = total - total.mean(axis=1, keepdims=True)
    start = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
    start = start * weights["embeddings.LayerNorm.weight"] + weights["embeddings.LayerNorm.bias"]
    np.testing.assert_allclose(seen.states[0], start, atol=1e-5)

    def heads(which: str) -> np.ndarray:
        name = f"encoder.layer.0.attention.self.{which}"
        flat = start @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return flat.reshape(len(ids), 4, 8).swapaxes(0, 1)

    scores = heads("query") @ heads("key").swapaxes(1, 2) / np.sqrt(8)
    shares = np.exp(scores - scores.max(axis=2, keepdims=True))
    np.testing.assert_allclose(seen.attention[0], shares / shares.sum(axis=2, keepdims=True), atol=1e-5)


def test_the_nearest_entries_are_those_of_a_plain_loop(both: Both, folder: Callable[[str], Path]) -> None:
    seen = inside(both("roberta")[0], BANK)
    table = load_file(folder("roberta") / "model.safetensors")["embeddings.word_embeddings.weight"].astype(np.float64)
    unit = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)  # the row of <pad> is zero
    for piece, near in zip(seen.pieces, seen.near, strict=True):
        cosines = unit @ unit[piece.id]
        cosines[piece.id] = -2
        best = np.argsort(-cosines)[: len(near)]
        np.testing.assert_allclose([one.cosine for one in near], cosines[best], atol=1e-6)
    by_id = {piece.id: piece.name for piece in seen.pieces}
    assert by_id[seen.pieces[0].id] == "<s>"
    assert "▁the" in by_id.values()


def test_names_are_what_a_person_reads_even_of_byte_level_pieces(both: Both) -> None:
    for kind in ("roberta", "xlm-roberta", "bert"):
        seen = inside(both(kind)[0], "the bank of the river, waiting")
        names = [seen.pieces[i].name for i in seen.own]
        joined = "".join(name.removeprefix("##") for name in names).replace("▁", "")
        assert joined == "thebankoftheriver,waiting"
        assert not any("\ufdd0" in one.name for near in seen.near for one in near)


def test_a_model_beside_itself_differs_nowhere(both: Both) -> None:
    encoder, _ = both("bert")
    one, two = inside(encoder, BANK), inside(encoder, BANK)
    change = attention_change(one, two)
    assert change is not None
    assert change.max() == 0
    for piece in range(len(one.pieces)):
        assert set(path(one, piece, two).to_other) == {1.0}


def test_another_state_of_another_model_has_another_attention(
    both: Both, folder: Callable[[str], Path], tmp_path: Path
) -> None:
    other = encoders.load(EncoderSpec(str(tuned(folder("bert"), tmp_path / "other"))), device="cpu")
    one, two = inside(both("bert")[0], BANK), inside(other, BANK)
    change = attention_change(one, two)
    assert change is not None
    assert 0 < change.min() <= change.max() <= 1
    expected = np.mean(
        [np.abs(one.attention[1][2][i] - two.attention[1][2][i]).sum() / 2 for i in range(len(one.pieces))]
    )
    assert change[1, 2] == pytest.approx(expected)
    assert attention_change(one, inside(both("roberta")[0], BANK)) is None


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_the_same_place_is_the_same_vector_until_a_layer_reads_around_it(both: Both, kind: str) -> None:
    found = same_word(both(kind)[0], "The bank of the river.", "The bank closed at noon.", "Bank")
    assert found.same_rows
    # GPT-2 never sees what comes after the word: the same beginning is the same vector all the way
    assert found.same == ((True,) * 4 if kind == "gpt2" else (True, False, False, False))
    assert found.first.surface == found.second.surface == "bank"


def test_another_place_is_another_vector_from_the_start_where_positions_are_added(both: Both) -> None:
    added, turned = (same_word(both(kind)[0], *CHASES, "mouse") for kind in ("bert", "gpt_neox"))
    assert (added.same_rows, added.same[0]) == (True, False)
    assert (turned.same_rows, turned.same[0]) == (True, kind_has_no_space_before(both))


def kind_has_no_space_before(both: Both) -> bool:
    """In both sentences " mouse" follows a space, so GPT-NeoX reads the same pieces, with no position at layer 0."""
    reads = [inside(both("gpt_neox")[0], text) for text in CHASES]
    ids = [[seen.pieces[i].id for i in seen.touching(at, at + 5)] for seen, at in zip(reads, (2, 15), strict=True)]
    return ids[0] == ids[1]


@pytest.mark.parametrize("text", ["", "   \n"])
def test_no_sentence_is_said(both: Both, text: str) -> None:
    with pytest.raises(ModelError, match="type one"):
        inside(both("bert")[0], text)


def test_nothing_is_cut_off_in_silence(both: Both, builtin: Any) -> None:
    with pytest.raises(ModelError, match=r"45 pieces .* at most 40"):
        inside(both("bert")[0], "the " * 43)
    assert len(inside(builtin, "the " * (MOST - 2)).pieces) == MOST
    with pytest.raises(ModelError, match=f"{MOST + 1} pieces .* at most {MOST}"):
        inside(builtin, "the " * (MOST - 1))


# ---------------------------------------------------------------- models without attention


def test_in_a_table_of_words_the_order_leaves_no_trace(tmp_path: Path) -> None:
    encoder = table_file(tmp_path)
    seen = inside(encoder, "A mouse unheard of chases a cat")
    assert [piece.name for piece in seen.pieces] == ["a", "mouse", "chases", "a", "cat"]
    assert seen.unread == ("unheard", "of")
    assert seen.states[0].tolist() == [[1, 0], [0, 2], [0, -1], [1, 0], [3, 1]]
    assert (seen.attention, seen.positions) == ((), None)
    assert "no word looks at another" in seen.without_attention
    assert [one.name for one in seen.near[1]] == ["bank", "cat", "a", "chases"]
    assert seen.near[1][0].cosine == pytest.approx(np.sqrt(0.5))
    found = same_word(encoder, *CHASES, "cat")
    assert (found.same, found.same_sentences, found.cosine, found.sentences) == ((True,), (True,), (1.0,), (1.0,))
    with pytest.raises(ModelError, match="knows nothing of the word 'unheard'"):
        same_word(encoder, "unheard a", "unheard cat", "unheard")
    with pytest.raises(ModelError, match="knows no word of this sentence"):
        inside(encoder, "nothing here is known")


@pytest.mark.parametrize("kind", ["table", "lstm", "cnn"])
def test_the_models_before_transformers_say_why_they_have_no_attention(kind: str, tmp_path: Path) -> None:
    making.make(kind, tmp_path / kind, [*tiny.LINES, *CHASES] * 2, seed=3)
    encoder = encoders.load(EncoderSpec(str(tmp_path / kind)), device="cpu")
    seen = inside(encoder, CHASES[0])
    assert [piece.name for piece in seen.pieces] == CHASES[0].split()
    assert seen.attention == ()
    assert "no attention" in seen.without_attention
    assert seen.without_positions
    assert seen.rows is not None
    np.testing.assert_array_equal(seen.rows, seen.states[0])
    found = same_word(encoder, *CHASES, "mouse")
    assert found.same == (True, *(False for _ in encoder.layers[1:]))
    assert found.same_sentences[0]
    assert all(found.same_sentences) == (kind == "table")


# ---------------------------------------------------------------- made arrays


def made(text: str, states: list[list[list[float]]], **more: Any) -> Inside:
    """Words as pieces, [CLS] before them, and the given vectors; no step but the layers unless said."""
    words = [(i, i + len(word)) for word in text.split() for i in [text.index(word)]]
    pieces = [Piece("[CLS]", 0, 0, 0), *(Piece(text[s:e], 1 + n, s, e) for n, (s, e) in enumerate(words))]
    arrays = tuple(np.array(state, dtype=np.float32) for state in states)
    layers = tuple(LayerInfo(f"layer {i}", array.shape[1]) for i, array in enumerate(arrays))
    said = {"without_table": "none", "without_positions": "none", "without_attention": "none"}
    return Inside("made", text, tuple(pieces), layers, arrays, **(said | more))


ONE = made("red fox", [[[9, 9], [1, 0], [0, 1]], [[9, 9], [0, 2], [2, 0]], [[9, 9, 9], [1, 1, 1], [1, 1, -2]]])


def test_a_path_by_hand() -> None:
    way = path(ONE, 1, ONE)
    assert way.norm == pytest.approx((1, 2, np.sqrt(3)))
    assert way.to_start == (1.0, 0.0, None)  # the last layer is wider
    assert way.to_previous == (None, 0.0, None)
    half = np.sqrt(0.5)
    last = 1.5 / (np.sqrt(3) * np.sqrt(1 + 1 + 0.25))
    assert way.to_sentence == pytest.approx((half, half, last))  # the special piece is no part of the sentence
    assert way.to_other == (1.0, 1.0, 1.0)
    assert path(ONE, 1).to_other == (None, None, None)


def test_a_path_beside_a_state_that_cuts_otherwise_goes_by_the_characters() -> None:
    pieces = (Piece("r", 5, 0, 1), Piece("ed", 6, 1, 3), Piece("fox", 7, 4, 7))
    states = (np.array([[2, 0], [0, 2], [1, 1]], dtype=np.float32),)
    why = {"without_table": "none", "without_positions": "none", "without_attention": "none"}
    other = Inside("other", "red fox", pieces, (LayerInfo("layer 0", 2),), states, **why)
    assert path(ONE, 1, other).to_other == (pytest.approx(np.sqrt(0.5)), None, None)  # the mean of r and ed
    assert path(ONE, 0, other).to_other == (None, None, None)  # nothing stands for [CLS]


def test_one_word_in_two_sentences_by_hand() -> None:
    first = made("red fox", [[[5, 5], [1, 0], [0, 1]], [[5, 5], [1, 0], [1, 1]]])
    second = made("fox red", [[[5, 5], [0, 1], [1, 0]], [[5, 5], [1, 0], [1, 0]]])
    found = word_in_both(first, second, "FOX")
    assert (found.first.start, found.second.start) == (4, 0)
    assert found.cosine == (1.0, pytest.approx(np.sqrt(0.5)))
    assert found.same == (True, False)
    assert found.others == (0.0, pytest.approx((np.sqrt(0.5) + 1) / 2))
    assert found.same_sentences == (True, False)
    assert found.same_rows is None  # there is no table
    with pytest.raises(ModelError, match="second sentence does not hold the word 'red'"):
        word_in_both(first, made("a fox", [[[5, 5], [0, 1], [1, 0]]] * 2), "red")


def test_words_in_both_in_the_order_of_the_first() -> None:
    assert shared_words("The bank of the river", "He went to THE Bank") == ["the", "bank"]
    assert shared_words("one", "two") == []


def test_a_cosine_at_its_ends() -> None:
    a = np.array([0.1, 0.7, -0.3])
    assert cosine(a, a) == 1.0
    assert cosine(a, -a) == pytest.approx(-1.0, abs=1e-15)
    assert cosine(a, np.zeros(3)) is None
    assert cosine(a, np.ones(2)) is None


def test_attention_changes_by_the_share_that_moved() -> None:
    text, states = "red fox", [[[1, 0], [1, 0], [1, 0]]] * 2
    eye = np.eye(3, dtype=np.float32)
    stays = np.stack([eye, eye])
    moved = np.stack([eye[[1, 2, 0]], (eye + eye[[0, 2, 1]]) / 2])
    before, after = (made(text, states, attention=(each,), without_attention="") for each in (stays, moved))
    change = attention_change(before, after)
    assert change is not None
    # of the second head two of three pieces read half of theirs elsewhere
    np.testing.assert_allclose(change, [[1.0, 1 / 3]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"attention": (np.full((1, 3, 3), 0.5, dtype=np.float32),) * 2, "without_attention": ""},
        {"attention": (np.full((1, 3, 3), 1 / 3, dtype=np.float32),), "without_attention": ""},
        {"without_attention": ""},
        {"rows": np.ones((2, 4), dtype=np.float32), "without_table": ""},
        {"rows": np.ones((3, 4), dtype=np.float32), "without_table": ""},
        {"rows": np.full((3, 4), np.nan, dtype=np.float32), "near": ((Near("a", 1.0),),) * 3, "without_table": ""},
        {"pieces": ()},
        {"layers": (LayerInfo("alone", 2),)},
    ],
)
def test_what_cannot_be_is_refused_at_birth(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        replace(ONE, **wrong)


def test_its_arrays_refuse_writes() -> None:
    with pytest.raises(ValueError, match="read-only"):
        ONE.states[0][0, 0] = 3
