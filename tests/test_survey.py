"""A survey holds what reading the corpus word by word would give, however the texts are cut in chunks."""

from pathlib import Path

import numpy as np
import pytest

from embedlab import survey
from embedlab.corpus import held_out
from embedlab.errors import CorpusError, ModelError, StoreError, UserError
from embedlab.surveying import stream
from embedlab.surveying.plan import words_of
from embedlab.types import Corpus, Occurrence, Target
from tests.fakes import FakeEncoder, sense_corpus


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def mean_cosine(x: np.ndarray) -> float:
    cosines = unit(x.astype(np.float64)) @ unit(x.astype(np.float64)).T
    return float(cosines[~np.eye(len(x), dtype=bool)].mean())


def every(encoder: FakeEncoder, items: list[Occurrence]) -> list[np.ndarray]:
    """The vectors of all items, in their order, one array a layer."""
    out = [np.zeros((len(items), layer.dim), dtype=np.float32) for layer in encoder.layers]
    for rows, arrays in encoder.encode(items):
        for array, block in zip(out, arrays, strict=True):
            array[rows] = block
    return out


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return sense_corpus(10)


def take(tmp_path: Path, corpus: Corpus, encoder: FakeEncoder, **options: object) -> survey.Survey:
    plan = survey.plan_survey(corpus, encoder, **options)  # type: ignore[arg-type]
    return survey.take_survey(encoder, plan, tmp_path / "survey")


def test_word_means_and_self_similarity_are_those_of_the_uses(tmp_path: Path, corpus: Corpus) -> None:
    encoder = FakeEncoder()
    taken = take(tmp_path, corpus, encoder)
    for word in ("bank", "the", taken.words[-1]):
        uses = [Occurrence(t, s, e) for t in dict.fromkeys(corpus.texts) for w, s, e in words_of(t) if w == word]
        row = taken.words.index(word)
        assert taken.counts[row] == taken.seen_words[row] == len(uses)
        for layer, vectors in enumerate(every(encoder, uses)):
            np.testing.assert_allclose(taken.word_means[layer][row], vectors.mean(axis=0), atol=1e-6)
            if len(uses) >= 5:
                assert taken.self_similarity[layer, row] == pytest.approx(mean_cosine(vectors), abs=1e-6)
            else:
                assert np.isnan(taken.self_similarity[layer, row])


def test_half_means_are_over_every_other_use_in_text_order_alike_in_every_model(tmp_path: Path, corpus: Corpus) -> None:
    encoder, blind = FakeEncoder(), FakeEncoder(blind=["the"])
    plan = survey.plan_survey(corpus, encoder)
    one = survey.take_survey(encoder, plan, tmp_path / "one")
    two = survey.take_survey(blind, plan, tmp_path / "two")
    for word in ("bank", "the", "water"):
        uses = [Occurrence(t, s, e) for t in dict.fromkeys(corpus.texts) for w, s, e in words_of(t) if w == word]
        row = one.words.index(word)
        assert one.half_uses[row] == (len(uses) + 1) // 2
        for layer, vectors in enumerate(every(encoder, uses)):
            np.testing.assert_allclose(one.half_means[layer][row], vectors[::2].mean(axis=0), atol=1e-6)
    row = one.words.index("the")
    assert two.half_uses[row] == two.seen_words[row] == 0
    still = [i for i in range(len(one.words)) if i != row]
    np.testing.assert_array_equal(one.half_uses[still], two.half_uses[still])


def test_a_use_one_model_cannot_read_does_not_shift_the_halves(tmp_path: Path) -> None:
    texts = ("odd", "cat one", "cat two", "cat odd", "cat three")
    corpus = Corpus("a" * 64, "halves", texts)
    plan = survey.plan_survey(corpus, FakeEncoder(), min_count=1)
    encoders = {"all": FakeEncoder(), "some": FakeEncoder(blind=["odd", "one"])}
    taken = {name: survey.take_survey(e, plan, tmp_path / name) for name, e in encoders.items()}
    row = plan.words.index("cat")
    first = [Occurrence(text, 0, 3) for text in (texts[1], texts[3])]
    for name, encoder in encoders.items():
        np.testing.assert_allclose(
            taken[name].half_means[2][row], every(encoder, first)[2].mean(axis=0), atol=1e-6, err_msg=name
        )


def test_off_domain_texts_are_whole_texts_and_nothing_else(tmp_path: Path, corpus: Corpus) -> None:
    encoder = FakeEncoder()
    far = ["Tariffs rose again.", corpus.texts[0], "Tariffs rose again.", "A comet."]
    plain, plan = survey.plan_survey(corpus, encoder), survey.plan_survey(corpus, encoder, off_domain=far)
    assert plan.texts[-2:] == ("Tariffs rose again.", "A comet.")
    assert plan.words == plain.words
    assert plan.id != plain.id
    taken = survey.take_survey(encoder, plan, tmp_path / "far")
    assert taken.off_domain.tolist() == [len(plan.texts) - 2, len(plan.texts) - 1]
    whole = every(encoder, [Occurrence(t, 0, len(t)) for t in ("Tariffs rose again.", "A comet.")])
    np.testing.assert_array_equal(taken.texts[1][taken.off_domain], whole[1])
    near = take(tmp_path, corpus, encoder)
    assert len(near.off_domain) == 0
    np.testing.assert_array_equal(near.word_means[2], taken.word_means[2])
    assert len(near.background[0]) == len(taken.background[0])


def test_vocabulary_leaves_out_rare_words_and_counts_them(tmp_path: Path, corpus: Corpus) -> None:
    plan = survey.plan_survey(corpus, FakeEncoder(), min_count=15)
    assert plan.words
    assert min(plan.counts) >= 15
    everything = survey.plan_survey(corpus, FakeEncoder(), min_count=1)
    assert plan.words_below_min_count == len(everything.words) - len(plan.words)
    assert plan.tokens == everything.counts.sum()
    with pytest.raises(UserError, match="--min-count is 0"):
        survey.plan_survey(corpus, FakeEncoder(), min_count=0)


def test_intra_sentence_similarity_is_over_all_pieces(tmp_path: Path, corpus: Corpus) -> None:
    encoder = FakeEncoder()
    taken = take(tmp_path, corpus, encoder)
    text = corpus.texts[3]
    spans = encoder.units([text])[0]
    assert taken.pieces[3] == len(spans)
    for layer, x in enumerate(every(encoder, [Occurrence(text, *span) for span in spans])):
        x = x.astype(np.float64)
        expected = float((unit(x) @ unit(x.mean(axis=0))).mean())
        assert taken.intra[layer, 3] == pytest.approx(expected, abs=1e-6)


def test_null_of_intra_sentence_similarity_falls_with_length_as_noise_does() -> None:
    from embedlab.surveying.reduce import intra_null

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4000, 300)).astype(np.float32)
    for n, expected in ((3, 0.57), (5, 0.44), (10, 0.32), (20, 0.22), (40, 0.16)):  # A3 [m]
        pieces = np.full(400, n)
        null = intra_null(noise[:400], np.ones(400, dtype=bool), pieces, seed=1)
        assert float(null.mean()) == pytest.approx(expected, abs=0.01)


def test_null_never_draws_the_text_itself_and_refuses_more_pieces_than_texts() -> None:
    from embedlab.surveying.reduce import intra_null

    # every text but number 2 points along e1: only a draw of itself would leave a trace
    rows = np.tile(np.array([1.0, 0.0], dtype=np.float32), (6, 1))
    rows[2] = [0.0, 1.0]
    null = intra_null(rows, np.ones(6, dtype=bool), np.array([9, 1, 5, 5, 2, 3]), seed=0)
    assert np.isnan(null[[0, 1]]).all()
    assert null[2] == pytest.approx(1.0)
    assert null[3] < 1.0


def test_background_is_one_piece_a_text_and_the_same_characters_for_both(tmp_path: Path, corpus: Corpus) -> None:
    before, after = FakeEncoder(), FakeEncoder(0.2)
    plan = survey.plan_survey(corpus, before)
    one = survey.take_survey(before, plan, tmp_path / "one")
    two = survey.take_survey(after, plan, tmp_path / "two")
    texts = list(dict.fromkeys(corpus.texts))
    items = [Occurrence(text, int(s), int(e)) for text, (s, e) in zip(texts, plan.background, strict=True)]
    for taken, encoder in ((one, before), (two, after)):
        np.testing.assert_array_equal(taken.background[1], every(encoder, items)[1])


def test_uses_are_targets_in_row_order_then_the_words_asked(tmp_path: Path, corpus: Corpus) -> None:
    encoder = FakeEncoder()
    taken = take(tmp_path, corpus, encoder, words=["Water", "bank"])
    targets = [(u.row, u.word, u.sense) for u in taken.use_items if u.sense is not None]
    assert targets == [(row, t.word, t.sense) for row, t in enumerate(corpus.targets or ()) if t is not None]
    rest = [u for u in taken.use_items if u.sense is None]
    assert {u.word for u in rest} == {"water"}  # every "bank" is a target already
    for vectors, layer in zip(every(encoder, list(taken.use_items)), taken.uses, strict=True):
        np.testing.assert_array_equal(layer, vectors)
    whole = every(encoder, [Occurrence(t, 0, len(t)) for t in dict.fromkeys(corpus.texts)])
    np.testing.assert_array_equal(taken.texts[2], whole[2])
    with pytest.raises(CorpusError):
        survey.plan_survey(corpus, encoder, words=["watter"])


def test_each_text_is_encoded_once_and_chunks_change_nothing(
    tmp_path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = FakeEncoder()
    plan = survey.plan_survey(corpus, encoder)
    whole = survey.take_survey(encoder, plan, tmp_path / "whole")
    assert encoder.texts_encoded == len(plan.texts)
    monkeypatch.setattr(stream, "CHUNK_TEXTS", 7)
    cut = survey.take_survey(encoder, plan, tmp_path / "cut")
    for name in ("word_means", "half_means", "background", "uses", "texts"):
        for one, two in zip(getattr(whole, name), getattr(cut, name), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-6)
    np.testing.assert_allclose(whole.self_similarity, cut.self_similarity, atol=1e-9)
    np.testing.assert_allclose(whole.intra, cut.intra, atol=1e-9)
    assert whole.id == cut.id


def test_spans_without_a_piece_are_left_out_and_counted(tmp_path: Path, corpus: Corpus) -> None:
    blind = FakeEncoder(blind=["water", "bank"])
    taken = take(tmp_path, corpus, blind)
    assert taken.seen_words[taken.words.index("bank")] == 0
    assert not taken.seen_uses[[i for i, u in enumerate(taken.use_items) if u.word == "bank"]].any()
    assert taken.seen_uses[[i for i, u in enumerate(taken.use_items) if u.word == "crane"]].all()
    count = sum(word in ("water", "bank") for t in dict.fromkeys(corpus.texts) for word, _, _ in words_of(t))
    assert taken.unseen == {"texts": 0, "words": count, "background": 0, "uses": 20}


def test_text_without_any_piece_is_left_out(tmp_path: Path) -> None:
    corpus = Corpus("c" * 64, "odd", ("¤", "a cat sat", "a dog sat"), targets=(Target(0, 1, "x", "s"), None, None))
    taken = take(tmp_path, corpus, FakeEncoder(blind=["¤"]))
    assert taken.seen_texts.tolist() == [False, True, True]
    assert taken.seen_background.tolist() == [False, True, True]
    assert taken.unseen["texts"] == 1
    assert taken.unseen["uses"] == 1


def test_repeated_rows_count_once_and_partners_of_pairs_give_whole_texts_only(tmp_path: Path) -> None:
    texts = ("a cat sat", "a dog sat", "a cat sat")
    corpus = Corpus("d" * 64, "pairs", texts, pairs=("the cat was sitting", "a cat sat", None))
    taken = take(tmp_path, corpus, FakeEncoder())
    assert taken.counts[taken.words.index("sat")] == 2
    assert "cat" not in taken.words  # twice in rows, once in distinct texts
    assert len(taken.texts[0]) == 3
    assert len(taken.background[0]) == 2
    assert taken.seen_texts.all()


def test_identity_says_weights_plan_and_precision(corpus: Corpus) -> None:
    encoder = FakeEncoder()
    plan = survey.plan_survey(corpus, encoder)
    other = survey.plan_survey(corpus, encoder, seed=1)
    ids = {
        survey.survey_id(encoder, plan),
        survey.survey_id(FakeEncoder(0.5), plan),
        survey.survey_id(encoder, other),
        survey.survey_id(encoder, plan, "bf16"),
    }
    assert len(ids) == 4
    assert survey.survey_id(encoder, survey.plan_survey(corpus, FakeEncoder())) == survey.survey_id(encoder, plan)


def test_vectors_that_are_not_numbers_are_refused(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(ModelError, match="not finite"):
        take(tmp_path, corpus, FakeEncoder(float("inf")))
    assert not (tmp_path / "survey").exists()


def test_damaged_survey_is_refused(tmp_path: Path, corpus: Corpus) -> None:
    take(tmp_path, corpus, FakeEncoder())
    path = tmp_path / "survey" / "intra.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match=r"intra\.npy is damaged"):
        survey.open_survey(tmp_path / "survey")


def test_sums_do_not_stay_on_disk_and_space_is_foretold(tmp_path: Path, corpus: Corpus) -> None:
    encoder = FakeEncoder()
    plan = survey.plan_survey(corpus, encoder)
    survey.take_survey(encoder, plan, tmp_path / "survey")
    names = {path.name for path in (tmp_path / "survey").iterdir()}
    assert not {name for name in names if name.startswith(("sum_", "half_0", "unit_"))}
    vectors = sum(p.stat().st_size for p in (tmp_path / "survey").glob("*_0?.npy"))
    assert vectors <= survey.bytes_needed(encoder, plan) + 128 * len(names)


def test_the_fake_corpus_has_both_sides_of_every_sense(corpus: Corpus) -> None:
    held = held_out(corpus)
    senses = [t.sense for t in corpus.targets or () if t is not None]
    for sense in set(senses):
        sides = {bool(h) for h, s in zip(held, senses, strict=True) if s == sense}
        assert sides == {True, False}
