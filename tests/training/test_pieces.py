from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embedlab.encoders import files, load, loading
from embedlab.encoders.alignment import PieceReader
from embedlab.errors import TrainingError
from embedlab.training import evaluate
from embedlab.training.pieces import read_pieces
from embedlab.training.trainable import Trainable
from embedlab.types import EncoderSpec, Occurrence, Pooling
from tests.training import tiny

Models = Callable[[str], Path]


def reader(folder: Path) -> PieceReader:
    return loading.open_tokenizer(files.check_folder(folder), folder.name)


def use(text: str, word: str) -> Occurrence:
    start = text.index(word)
    return Occurrence(text, start, start + len(word), row=4)


def test_a_use_is_read_with_what_surrounds_it(tiny_models: Models) -> None:
    read = reader(tiny_models("bert"))
    long = " ".join(["water"] * 50 + ["crane"] + ["steel"] * 50)
    pieces = read_pieces(
        read, [use(long, "crane"), use("a crane", "crane"), Occurrence(long, 0, len(long))], "mean", 12
    )
    assert pieces.lengths.tolist() == [12, 4, 12]
    assert pieces.cut == 2
    crane = int(pieces.ids[1][2])
    for i in (0, 1):
        assert pieces.ids[i][pieces.first[i] : pieces.last[i]].tolist() == [crane]
    assert pieces.ids[0].tolist().index(crane) in (5, 6), "in the middle"
    assert (pieces.first[2], pieces.last[2]) == (0, 12)


@pytest.mark.parametrize("place", [0, 1, 50, 99, 100])
def test_the_target_is_never_cut_off(place: int, tiny_models: Models) -> None:
    words = ["water"] * 101
    words[place] = "crane"
    text = " ".join(words)
    pieces = read_pieces(reader(tiny_models("bert")), [use(text, "crane"), use("crane", "crane")], "mean", 10)
    (crane,) = set(pieces.ids[1][1:-1].tolist())
    assert pieces.ids[0][pieces.first[0] : pieces.last[0]].tolist() == [crane]


@pytest.mark.parametrize(("pooling", "range_"), [("mean", (0, 4)), ("cls", (0, 1)), ("last", (3, 4))])
def test_a_whole_text_is_pooled_as_the_spec_says(
    pooling: Pooling, range_: tuple[int, int], tiny_models: Models
) -> None:
    pieces = read_pieces(reader(tiny_models("bert")), [Occurrence("the bank", 0, 8)], pooling, 64)
    assert (pieces.first[0], pieces.last[0]) == range_


def test_a_typed_special_token_stays_text(tiny_models: Models) -> None:
    pieces = read_pieces(reader(tiny_models("bert")), [Occurrence("[MASK] bank", 0, 11)], "mean", 64)
    assert tiny.SPECIAL.index("[MASK]") not in pieces.ids[0].tolist()


def test_a_span_of_nothing_is_refused_with_its_row(tiny_models: Models) -> None:
    with pytest.raises(TrainingError, match="row 5"):
        read_pieces(reader(tiny_models("bert")), [use("a   bank", "   ")], "mean", 64)


@pytest.mark.parametrize("kind", ["bert", "roberta", "mpnet", "modernbert", "gpt2"])
def test_training_sees_the_vectors_that_are_compared(kind: str, tiny_models: Models) -> None:
    """The last layer as the encoders extract it, whatever shares a batch with a text."""
    folder = tiny_models(kind)
    texts = [row["text"] for row in tiny.rows(each=6)]
    words = [row["target"] for row in tiny.rows(each=6)]
    uses = [use(t, w) for t, w in zip(texts, words, strict=True)] + [Occurrence(t, 0, len(t)) for t in texts]
    checked = files.check_folder(folder)
    model = Trainable(loading.open_model(checked, kind, "cpu"), "mean")
    ours = evaluate.vectors(model, read_pieces(reader(folder), uses, "mean", 64))
    encoder = load(EncoderSpec(str(folder)), folder, device="cpu")
    theirs = np.empty_like(ours)
    for rows, (last,) in encoder.encode(uses, layers=[len(encoder.layers) - 1]):
        theirs[rows] = last
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_packing_by_length_changes_no_vector(tiny_models: Models) -> None:
    folder = tiny_models("bert")
    model = Trainable(loading.open_model(files.check_folder(folder), "bert", "cpu"), "mean").eval()
    texts = [" ".join(["bank", *["water"] * n]) for n in (1, 30, 2, 28, 3, 5, 40, 1, 2, 33, 31, 7, 8, 30, 41, 39, 3, 2)]
    pieces = read_pieces(reader(folder), [use(text, "bank") for text in texts], "mean", 64)
    with torch.inference_mode():
        together = model.vectors(pieces)
        alone = torch.cat([model.vectors(pieces[np.array([i])]) for i in range(len(texts))])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
