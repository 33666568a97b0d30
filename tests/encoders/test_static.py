"""Word vectors as an encoder: what the protocol promises, by hand, and side by side with the bundled model."""

import hashlib
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from embedlab import compare, encoders, survey
from embedlab.encoders import Encoder
from embedlab.encoders.transformer import TransformerEncoder
from embedlab.errors import ModelError
from embedlab.types import EncoderSpec, Occurrence
from tests.encoders.gathered import vectors
from tests.fakes import FILLER, SENSE_WORDS, sense_corpus

TABLE = {"bank": [1, 2, 0], "Bank": [9, 9, 9], "river": [0.5, -1, 4], "don't": [2, 2, 2], "हिन्दी": [0, 0, 1]}


def write(path: Path, table: dict[str, list[float]]) -> Path:
    dim = len(next(iter(table.values())))
    if path.suffix == ".bin":
        rows = b"".join(word.encode() + b" " + struct.pack(f"<{dim}f", *row) for word, row in table.items())
        path.write_bytes(f"{len(table)} {dim}\n".encode() + rows)
    else:
        lines = [f"{word} {' '.join(map(repr, row))}" for word, row in table.items()]
        path.write_text("\n".join([f"{len(table)} {dim}", *lines, ""]))
    return path


@pytest.fixture(params=["a.vec", "a.txt", "a.bin"])
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> Encoder:
    return encoders.load(EncoderSpec(str(write(tmp_path / request.param, TABLE))))


def test_what_it_is(encoder: Encoder) -> None:
    path = Path(encoder.spec.source)
    assert encoder.spec.family == "static"
    assert encoder.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(layer.name, layer.dim, layer.kind) for layer in encoder.layers] == [("words", 3, "static")]
    info = encoders.describe(EncoderSpec(str(path)))
    assert (info.name, info.layers, info.dim, info.parameters) == (path.name, 0, 3, encoder.parameters)
    assert info.parameters == 15
    assert info.size_bytes == path.stat().st_size


def test_the_pieces_of_a_text_are_its_known_words(encoder: Encoder) -> None:
    text = "The RIVER and the Bank, don't say: BANKS! हिन्दी"
    found = [text[start:end] for start, end in encoder.units([text, ""])[0]]
    assert found == ["RIVER", "Bank", "don't", "हिन्दी"]
    assert encoder.units(["no word of it", ""]) == [[], []]


def test_a_word_as_it_is_written_else_in_lower_case_and_the_mean_of_several(encoder: Encoder) -> None:
    text = "A bank, the Bank, a BANK by the River."
    spans = [(2, 6), (12, 16), (20, 24), (32, 37), (0, 6), (12, 24), (0, len(text)), (3, 5)]
    wanted = [
        TABLE["bank"], TABLE["Bank"], TABLE["bank"], TABLE["river"],
        TABLE["bank"],  # "A" is not known
        np.mean([TABLE["Bank"], TABLE["bank"]], axis=0),
        np.mean([TABLE["bank"], TABLE["Bank"], TABLE["bank"], TABLE["river"]], axis=0),
        TABLE["bank"],  # a part of a word touches it
    ]  # fmt: skip
    found = vectors(encoder, [Occurrence(text, start, end) for start, end in spans])
    np.testing.assert_allclose(found[0], np.array(wanted, dtype=np.float32), rtol=1e-6)


def test_a_span_without_a_known_word_is_refused_with_its_row(encoder: Encoder) -> None:
    known, unknown = Occurrence("the bank", 4, 8), Occurrence("the bank", 0, 3)
    with pytest.raises(ModelError, match=r"^Row 2: a\.(vec|txt|bin) knows no word"):
        list(encoder.encode([known, unknown]))
    with pytest.raises(ModelError, match="has one layer, number 0"):
        list(encoder.encode([known], layers=[1]))


@given(data=st.data())
def test_a_vector_does_not_depend_on_what_else_is_asked(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.mktemp("words") / "a.vec", TABLE)
    encoder = encoders.load(EncoderSpec(str(path)))
    words = st.sampled_from(["bank", "river", "Bank", "other", "don't"])
    texts = data.draw(st.lists(st.lists(words, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=5))
    asked = [Occurrence(text, *span) for text in texts for span in encoder.units([text])[0]]
    asked += [Occurrence(text, 0, len(text)) for text in texts if encoder.units([text])[0]]
    assume(asked)
    asked = data.draw(st.permutations(asked))
    together = vectors(encoder, asked)
    for row, occurrence in enumerate(asked):
        assert np.array_equal(together[:, [row]], vectors(encoder, [occurrence]))


def test_what_cannot_be_read_is_one_sentence_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "torch.bin").write_bytes(b"PK\x03\x04")
    (tmp_path / "notes.txt").write_text("only words\n")
    (tmp_path / "cut.vec").write_text("3 2\nbank 1.25 2.5\nriver 3.75 4.5\n")
    for name, text in (("torch.bin", "never loaded"), ("notes.txt", "no table of word vectors")):
        with pytest.raises(ModelError, match=text):
            encoders.load(EncoderSpec(str(tmp_path / name)))
    cut = encoders.load(EncoderSpec(str(tmp_path / "cut.vec")))
    with pytest.raises(ModelError, match="holds 3 vectors and holds 2"):
        cut.units(["bank"])
    with pytest.raises(ModelError, match=r"no model folder 'nowhere\.vec'"):
        encoders.load(EncoderSpec(str(tmp_path / "nowhere.vec")))
    with pytest.raises(ModelError, match="not fine-tuned"):
        encoders.local_folder(EncoderSpec(str(tmp_path / "cut.vec")))


def test_no_torch_is_needed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.vec", TABLE)
    code = (
        "import sys; from embedlab import encoders; from embedlab.types import EncoderSpec, Occurrence\n"
        f"encoder = encoders.load(EncoderSpec({str(path)!r})); list(encoder.encode([Occurrence('bank', 0, 4)]))\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_compared_with_a_model_of_many_layers(tmp_path: Path, builtin: TransformerEncoder) -> None:
    """Its only layer beside the first and the last of the model; words that the table lacks are told."""
    rng = np.random.default_rng(0)
    known = [*(w for senses in SENSE_WORDS["bank"].values() for w in senses), *FILLER, "bank"]
    path = write(tmp_path / "a.vec", {word: rng.normal(size=12).tolist() for word in known if word != "teller"})
    static = encoders.load(EncoderSpec(str(path)))
    corpus = sense_corpus(8, words=("bank",))
    plan = survey.plan_survey(corpus, static)
    one, two = (survey.take_survey(e, plan, tmp_path / n) for e, n in ((static, "one"), (builtin, "two")))
    made = compare.compare(one, two, corpus, k=5)
    assert made.layer_names == ("words → embeddings", "words → layer 6")
    assert made.words.row("teller") is None
    assert made.words.row("water") is not None
    assert one.unseen["words"] == sum("teller" in text for text in corpus.texts)
    for layer in made.layers:
        assert layer.readings["knn_jaccard"].value is not None
        assert layer.readings["drift_cosine"].value is None  # 12 and 384 dimensions
    scores = made.layers[-1].readings["wsd_centroid_macro_f1"]
    assert scores.before is not None
    assert scores.after is not None
    assert scores.after > scores.before  # one vector a word cannot tell senses apart
