"""The uses of a word: read, laid out, named; every number against the comparison's own or by another route."""

import csv
import io
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedlab import occurrences
from embedlab.comparing import wordview
from embedlab.comparing.sides import Pair
from embedlab.errors import CorpusError, UserError
from embedlab.figures.pane import payload
from embedlab.figures.sensepane import READ, sense_pane
from embedlab.measure.senses import silhouette_cosine_macro
from embedlab.types import Target
from tests.searching import ON_THE_WAY, RUN, STATES, FakeLab, fill_run


def read(source: str, uses: tuple[occurrences.Occurrence, ...], layer: int) -> np.ndarray:
    """Their vectors straight from the model."""
    out = np.zeros((len(uses), STATES[source].layers[layer].dim), dtype=np.float32)
    for rows, arrays in STATES[source].encode(list(uses), layers=[layer]):
        out[rows] = arrays[0]
    return out


def a_word_beside(lab: FakeLab, id: str) -> str:
    """A word that was not marked and has enough uses for a map."""
    comparison = lab.comparison(id)
    marked = set(lab.marked_words(id))
    table = comparison.words
    return next(w for w, n in zip(table.words, table.counts, strict=True) if w not in marked and n >= 8)


def test_a_marked_word_is_what_the_comparison_says_of_it_with_its_vectors(lab: FakeLab, id: str) -> None:
    comparison, word = lab.comparison(id), lab.marked_words(id)[0]
    view = lab.word_view(id, word, 1)
    rows = comparison.uses.of(word)
    assert view.marked
    assert view.ids.tolist() == rows.tolist()
    assert np.array_equal(view.change, comparison.uses.change[1, rows])
    assert view.readings == comparison.sense_readings[word][1].readings
    assert view.predicted_after == tuple(comparison.uses.predicted_after[1][row] for row in rows)
    for source, found in zip(STATES, (view.before, view.after), strict=True):
        assert np.allclose(found, read(source, view.uses, 1), atol=1e-5)
    assert lab.loaded == [], "the vectors were at hand"
    assert lab.word_view(id, word.upper()).word == word


def test_any_other_word_is_read_once_and_measured_the_same_way(lab: FakeLab, id: str) -> None:
    comparison, word = lab.comparison(id), a_word_beside(lab, id)
    assert not lab.has_uses(id, word)
    told: list[str] = []
    view = lab.word_view(id, word, 2, progress=lambda _share, what: told.append(what))
    corpus = lab.corpus(comparison.provenance.corpus_id)
    assert view.uses == tuple(occurrences.uses_of(corpus, word))
    assert (view.marked, view.of) == (False, len(view.uses))
    assert any("loading fake-before" in what for what in told)
    assert lab.has_uses(id, word)
    before, after = (read(source, view.uses, 2) for source in STATES)
    assert np.allclose(view.before, before, atol=1e-6)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (before, after)]
    assert view.drift == pytest.approx(1 - (unit[0] * unit[1]).sum(axis=1), abs=1e-5)
    k = min(comparison.provenance.k, (len(view.uses) - 1) // 2)
    near = []
    for x in unit:
        cosines = (x.astype(float) @ x.T.astype(float)).round(9)
        np.fill_diagonal(cosines, -2)
        near.append([set(np.argsort(-row, kind="stable")[:k].tolist()) for row in cosines])
    jaccard = [len(a & b) / len(a | b) for a, b in zip(*near, strict=True)]
    assert view.change == pytest.approx(1 - np.array(jaccard), abs=1e-6)
    assert np.isnan(view.noise).all()
    assert not view.within.any()
    assert view.readings["self_similarity"].interval is not None
    lab.loaded.clear()
    lab.word_view(id, word, 0)
    assert lab.loaded == [], "all layers were kept"


def test_without_the_models_only_what_was_read_can_be_shown(lab: FakeLab, id: str) -> None:
    assert lab.can_read(id)
    lab.gone.add("fake-after")
    assert not lab.can_read(id)
    assert lab.word_view(id, lab.marked_words(id)[0]).before is not None
    with pytest.raises(UserError, match=r"fake-after of this comparison is not here \(There is no model fake-after\)"):
        lab.word_view(id, "with")
    with pytest.raises(CorpusError, match="never occurs"):
        lab.word_view(id, "zebra")
    with pytest.raises(UserError, match="layers 0 to 2"):
        lab.word_view(id, "bank", 3)


def test_the_map_is_laid_out_once_with_its_placebo_and_its_truth(lab: FakeLab, id: str) -> None:
    view = lab.word_view(id, lab.marked_words(id)[0])
    map_ = lab.word_map(id, view)
    assert map_ is not None
    assert map_.drawn.tolist() == list(range(len(view.uses)))
    assert map_.scores.rows.tolist() == view.ids.tolist()
    assert map_.placebo is not None
    moved = np.linalg.norm(map_.placebo[1] - map_.placebo[0], axis=1)
    assert 0 < moved.mean() < np.linalg.norm(map_.frames[1] - map_.frames[0], axis=1).mean()
    assert map_.agreement is not None
    assert all(((side >= 0) & (side <= 1)).all() for side in map_.agreement)
    again = lab.word_map(id, view)
    assert again is not None
    assert all(np.array_equal(one, two) for one, two in zip(map_.frames, again.frames, strict=True))
    assert again.scores.placebo_move == map_.scores.placebo_move
    assert again.scores.trust_before == map_.scores.trust_before
    assert again.placebo is not None
    assert np.array_equal(again.placebo[1], map_.placebo[1])


def test_the_pane_says_of_every_point_what_the_view_says(lab: FakeLab, id: str) -> None:
    view = lab.word_view(id, lab.marked_words(id)[0])
    map_ = lab.word_map(id, view)
    assert map_ is not None
    pane = sense_pane(view, map_)
    names = [colouring.name for colouring in pane.colourings]
    assert names == ["sense", "change", "sense found", "cluster before", "cluster after"]
    sense = pane.colourings[0]
    assert sense.codes is not None
    assert [sense.categories[code] for code in sense.codes] == [use.sense for use in view.uses]
    found = pane.colourings[2]
    assert found.codes is not None
    for at, code in enumerate(found.codes):
        right = [side[at] == view.uses[at].sense for side in (view.predicted_before, view.predicted_after)]
        assert READ[code] == {
            (True, True): "right before and after", (False, True): "right only after",
            (True, False): "right only before", (False, False): "right neither time",
        }[right[0], right[1]]  # fmt: skip
    assert pane.cosines is not None
    x = view.after
    assert x is not None
    y = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert np.abs(pane.cosines[1] / 127.5 - 1 - y @ y.T).max() < 0.005
    assert pane.opacity is not None
    assert map_.agreement is not None
    order = np.argsort(np.mean(map_.agreement, axis=0), kind="stable")
    assert (np.diff(pane.opacity[order]) >= 0).all()
    assert sense_pane(view, map_, trust=False).opacity is None
    assert payload(pane) == payload(sense_pane(view, map_))


def test_too_few_uses_have_no_map(lab: FakeLab, id: str) -> None:
    comparison = lab.comparison(id)
    table = comparison.words
    rare = next(w for w, n in zip(table.words, table.counts, strict=True) if 1 <= n < 8)
    view = lab.word_view(id, rare)
    assert 1 <= len(view.uses) < 8
    assert lab.word_map(id, view) is None


def test_uses_get_names_that_stay_move_and_go(lab: FakeLab, id: str) -> None:
    corpus = lab.comparison(id).provenance.corpus_id
    view = lab.word_view(id, lab.marked_words(id)[0])
    word = view.word
    lab.name_sense(corpus, word, "  by the\nwater ", view.uses[:6])
    lab.name_sense(corpus, word, "=money", view.uses[4:10])
    fresh = FakeLab(lab.root)
    assert [(one.name, len(one.uses)) for one in fresh.named_senses(corpus, word.upper())] == [
        ("by the water", 4), ("=money", 6),
    ]  # fmt: skip
    given = lab.given_names(corpus, view)
    assert given == ("by the water",) * 4 + ("=money",) * 6 + (None,) * (len(view.uses) - 10)

    rows = list(csv.reader(io.StringIO(lab.named_csv(corpus, word).decode("utf-8-sig"))))
    assert rows[0] == ["word", "sense", "text", "start", "end", "row"]
    assert [row[1] for row in rows[1:]] == ["by the water"] * 4 + ["'=money"] * 6
    assert all(row[2][int(row[3]) : int(row[4])].lower().startswith(word[:3]) for row in rows[1:])

    entry = lab.corpus_of_senses(corpus, word, "mine")
    made = lab.corpus(entry.id)
    wanted = sorted((use.row, use.start, use.end, name) for use, name in zip(view.uses, given, strict=True) if name)
    assert made.targets == tuple(Target(start, end, word, name) for _, start, end, name in wanted)
    assert made.texts == tuple(lab.corpus(corpus).texts[row or 0] for row, *_ in wanted)

    lab.forget_sense(corpus, word, "by the water")
    assert [one.name for one in lab.named_senses(corpus, word)] == ["=money"]
    lab.name_sense(corpus, word, "all", view.uses)
    assert [one.name for one in lab.named_senses(corpus, word)] == ["all"], "a name without uses is gone"
    lab.forget_sense(corpus, word, "all")
    assert lab.named_senses(corpus, word) == ()
    with pytest.raises(CorpusError, match="No sense of"):
        lab.corpus_of_senses(corpus, word, "mine")


@pytest.mark.parametrize(
    ("name", "uses", "said"),
    [("", 3, "no name"), ("x" * 61, 3, "61 characters"), ("good", 0, "Nothing is selected")],
)
def test_what_cannot_be_named_is_refused(lab: FakeLab, id: str, name: str, uses: int, said: str) -> None:
    corpus = lab.comparison(id).provenance.corpus_id
    view = lab.word_view(id, lab.marked_words(id)[0])
    with pytest.raises(UserError, match=said):
        lab.name_sense(corpus, view.word, name, view.uses[:uses])
    with pytest.raises(UserError, match="is named 'unheard'"):
        lab.forget_sense(corpus, view.word, "unheard")


def test_the_true_senses_named_by_hand_separate_as_the_corpus_says(lab: FakeLab, id: str) -> None:
    """Two routes to one number: the comparison's readings, and those of names that say the same."""
    comparison = lab.comparison(id)
    corpus, word = comparison.provenance.corpus_id, lab.marked_words(id)[0]
    view = lab.word_view(id, word)
    for sense in dict.fromkeys(view.senses):
        lab.name_sense(corpus, word, f"my {sense}", [use for use in view.uses if use.sense == sense])
    named = lab.word_view(id, word, named=True)
    for name in ("wsd_centroid_macro_f1", "silhouette_cosine_macro", "clustering_ari"):
        mine, theirs = named.readings[name], view.readings[name]
        assert (mine.before, mine.after, mine.interval) == (theirs.before, theirs.after, theirs.interval)
    assert [f"my {sense}" for sense in view.predicted_after] == list(named.predicted_after)
    for one in lab.named_senses(corpus, word):
        lab.forget_sense(corpus, word, one.name)
    bare = lab.word_view(id, word, named=True)
    assert bare.predicted_after == ()
    assert "have no senses" in str(bare.readings["wsd_centroid_macro_f1"].note)


def test_the_states_between_are_one_chain_with_the_ends_where_they_are(lab: FakeLab, id: str) -> None:
    view = lab.word_view(id, lab.marked_words(id)[0])
    assert view.before is not None
    assert view.after is not None
    half = ((view.before + view.after) / 2).astype(np.float32)
    made = wordview.drawn_map(view, [(40, half), (80, view.after)])
    assert (made.steps, len(made.frames)) == ((40, 80), 4)
    assert np.array_equal(made.frames[2], made.frames[3]), "equal states share their places"
    pane = sense_pane(view, wordview.with_truth(view, made))
    assert pane.frame_names == ("before", "step 40", "step 80", "after")
    assert lab.steps_between(id) == (), "after is no run"
    with pytest.raises(UserError, match="steps between before and after are none"):
        lab.word_map(id, view, steps=(40,))


def test_the_separation_at_every_step_is_that_of_the_state_read_alone(tmp_path: Path) -> None:
    """By another route: what the comparison of before with that state would say of the word."""
    with ExitStack() as locks:
        lab, id = fill_run(tmp_path, locks)
        view = lab.word_view(id, lab.marked_words(id)[0])
        read = lab.word_steps(id, view)
        assert [step for step, _ in read] == [0, 50]
        start, half = (found["silhouette_cosine_macro"] for _, found in read)
        end = view.readings["silhouette_cosine_macro"]
        assert start.before == start.after == end.before, "step 0 is the state it began from"
        assert end.before < half.after < end.after
        state = ON_THE_WAY[f"run:{RUN}@50"]
        vectors = np.zeros_like(view.after)
        for rows, arrays in state.encode(list(view.uses), layers=[2]):
            vectors[rows] = arrays[0]
        senses, held = np.array(view.senses), view.held_out
        assert half.after == pytest.approx(silhouette_cosine_macro(vectors[held], list(senses[held])), abs=1e-6)
        with pytest.raises(UserError, match="steps between before and after are 0, 50"):
            lab.word_steps(id, view, (40,))
        bare = replace(view, before=None, after=None)
        with pytest.raises(UserError, match="not in this workspace: make the comparison again"):
            lab.word_steps(id, bare)


def test_steps_are_thinned_evenly_and_only_where_they_must_be() -> None:
    assert wordview.evenly(range(0, 50, 10), 8) == (0, 10, 20, 30, 40)
    assert wordview.evenly(range(100), 5) == (0, 25, 50, 74, 99)
    assert wordview.evenly(range(100), 0) == ()
    assert wordview.most_steps(50) == wordview.MOST_STEPS
    assert wordview.most_steps(2000) == 4
    assert wordview.most_steps(12_000) == 0


def test_a_flood_of_uses_is_sampled_by_seed_and_in_order(lab: FakeLab) -> None:
    uses = occurrences.uses_of(lab.corpus(lab.corpora()[0].id), "the") * 900
    some = wordview.sampled(uses, 3)
    assert len(some) == wordview.MOST_USES < len(uses)
    assert some == wordview.sampled(uses, 3)
    assert wordview.sampled(uses[:50], 3) == uses[:50]


def test_with_equal_states_nothing_moves(lab: FakeLab, id: str) -> None:
    comparison = lab.comparison(id)
    view = lab.word_view(id, lab.marked_words(id)[0])
    assert view.before is not None
    same = wordview.found_now(
        comparison, view.word, 2, view.uses, view.held_out, Pair(view.before, view.before.copy()), len(view.uses)
    )
    assert same.change.tolist() == [0.0] * len(same.uses)
    assert same.drift.tolist() == [0.0] * len(same.uses)
    map_ = wordview.drawn_map(same)
    assert np.array_equal(map_.frames[0], map_.frames[1])
    assert map_.scores.real_move == 0.0


def test_maps_survive_their_files(lab: FakeLab, id: str, tmp_path: Path) -> None:
    from embedlab.comparing import mapfiles
    from embedlab.store import sealed_folder

    view = lab.word_view(id, lab.marked_words(id)[0])
    assert view.before is not None
    made = wordview.drawn_map(view, [(5, view.before)])
    with sealed_folder(tmp_path / "map") as folder:
        mapfiles.save_map(made, folder)
    back = mapfiles.open_map(tmp_path / "map")
    assert (back.steps, back.drawn.tolist()) == (made.steps, made.drawn.tolist())
    assert all(np.array_equal(a, b) for a, b in zip(back.frames, made.frames, strict=True))
    assert back.placebo is not None
    assert made.placebo is not None
    assert np.array_equal(back.placebo[0], made.placebo[0])
    for name in ("word", "layer", "trust_before", "continuity_after", "placebo_move", "real_move", "seeds"):
        assert getattr(back.scores, name) == getattr(made.scores, name)
