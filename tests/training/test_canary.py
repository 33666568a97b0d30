"""The canary: its numbers by hand, its alarms in words, and runs that it watches, stops, and does not touch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from embedlab import jobs
from embedlab.errors import JobError, MeasureError
from embedlab.jobfolder import JobFolder
from embedlab.store import Store, is_sealed
from embedlab.training import canary, checkpoint, losses, runfolder
from embedlab.training.canary import Canary, Look
from embedlab.training.pieces import Pieces
from embedlab.types import Corpus, Stage
from tests.training import tiny
from tests.training.tiny import train

NewRun = Callable[..., Path]
Fork = Callable[..., dict[str, int]]
NO_PIECES = Pieces((), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), 0)


def on_a_circle(places: list[int]) -> np.ndarray:
    angle = 2 * np.pi * np.array(places) / len(places)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def test_numbers_by_hand() -> None:
    """Ten texts on a circle, k = 4: the nearest of i are i±1 and i±2. Then 0 and 5 change places."""
    start = Canary.of(NO_PIECES, on_a_circle(list(range(10))))
    assert (start.start.texts, start.start.k) == (10, 4)
    assert start.start.mean_cosine == pytest.approx(-1 / 9)
    assert start.start.effective_rank == pytest.approx(2.0)
    look = start.look(on_a_circle([5, 1, 2, 3, 4, 0, 6, 7, 8, 9]))
    # eight rows swap one of four neighbours (3 shared of 5), two rows lose all
    assert look.neighbours_kept == pytest.approx(8 * (3 / 5) / 10)
    assert look.overlap == pytest.approx(8 * (3 / 4) / 10)
    assert look.mean_cosine == pytest.approx(-1 / 9)
    assert look.effective_rank == pytest.approx(2.0)
    assert look.alarms == ()


def test_every_neighbour_lost() -> None:
    """Each text three places further for every one before: the nearest of i are i±3 and i±4, none of i±1 and i±2."""
    look = Canary.of(NO_PIECES, on_a_circle(list(range(10)))).look(on_a_circle([3 * i % 10 for i in range(10)]))
    assert (look.neighbours_kept, look.overlap) == (0.0, 0.0)
    assert look.alarms == ("Everyday sentences have new neighbours: 0 % of the start's are kept.",)


def test_a_space_fallen_into_one_point() -> None:
    rng = np.random.default_rng(0)
    look = Canary.of(NO_PIECES, rng.standard_normal((30, 20), dtype=np.float32)).look(np.ones((30, 20), np.float32))
    assert look.mean_cosine == pytest.approx(1.0)
    assert look.effective_rank is None
    assert [alarm.split(":")[0] for alarm in look.alarms] == [
        "Unrelated sentences are becoming alike",
        "The space is losing directions",
        "Everyday sentences have new neighbours",
    ]


def look_at(**numbers: Any) -> Look:
    healthy: dict[str, Any] = {"mean_cosine": 0.05, "effective_rank": 61.0, "neighbours_kept": 1.0, "overlap": 1.0}
    return Look(80, 10, **{**healthy, **numbers})


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({}, ()),
        ({"mean_cosine": 0.36}, ()),  # .64 / .95 is just above two thirds
        ({"mean_cosine": 0.41}, ("Unrelated sentences are becoming alike: their mean cosine rose from .05 to .41.",)),
        ({"effective_rank": 31.0}, ()),
        ({"effective_rank": 22.0}, ("The space is losing directions: effective rank 61 → 22.",)),
        ({"effective_rank": 3.17}, ("The space is losing directions: effective rank 61.0 → 3.2.",)),
        ({"overlap": 0.5}, ()),
        ({"overlap": 0.31}, ("Everyday sentences have new neighbours: 31 % of the start's are kept.",)),
    ],
)
def test_alarms_in_words(numbers: dict[str, float], said: tuple[str, ...]) -> None:
    assert canary.alarms(look_at(), look_at(**numbers)) == said


def test_a_narrow_cone_is_held_against_itself() -> None:
    """From .992 to .996 the distance between texts halves; from .50 to .52 it hardly changes."""
    (said,) = canary.alarms(look_at(mean_cosine=0.992), look_at(mean_cosine=0.996))
    assert said.endswith("rose from .992 to .996.")
    (said,) = canary.alarms(look_at(mean_cosine=0.9962), look_at(mean_cosine=0.9981))
    assert said.endswith("rose from .996 to .998.")
    assert canary.alarms(look_at(mean_cosine=0.5), look_at(mean_cosine=0.52)) == ()


@given(st.integers(10, 60), st.integers(2, 12), st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_a_turned_and_scaled_space_raises_no_alarm(n: int, d: int, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)).astype(np.float32)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    look = Canary.of(NO_PIECES, x).look((scale * x @ turn).astype(np.float32))
    assert look.alarms == ()
    assert look.overlap > 0.9
    assert 0 <= look.neighbours_kept <= look.overlap <= 1


def test_by_another_route() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 40, 16)).astype(np.float32) + np.float32(0.4)
    look = Canary.of(NO_PIECES, x).look(y)

    def lists(v: np.ndarray) -> list[set[int]]:
        cosine = np.corrcoef(np.hstack([v, -v]))  # rows of mean zero: correlation is cosine
        np.fill_diagonal(cosine, -2)
        return [set(np.argsort(-row)[:10].tolist()) for row in cosine]

    pairs = list(zip(lists(x), lists(y), strict=True))
    assert look.k == 10
    assert look.overlap == pytest.approx(np.mean([len(a & b) / 10 for a, b in pairs]))
    assert look.neighbours_kept == pytest.approx(np.mean([len(a & b) / len(a | b) for a, b in pairs]))
    s = np.linalg.svd(y.astype(float) - y.mean(0), compute_uv=False)
    assert look.effective_rank == pytest.approx(np.exp(-np.sum(s / s.sum() * np.log(s / s.sum()))), rel=1e-5)
    u = y / np.linalg.norm(y, axis=1, keepdims=True)
    assert look.mean_cosine == pytest.approx((u @ u.T)[~np.eye(40, dtype=bool)].mean(), rel=1e-4)


def test_vectors_that_are_no_numbers_are_refused() -> None:
    x = on_a_circle(list(range(10)))
    watched = Canary.of(NO_PIECES, x)
    x[3, 0] = np.nan
    with pytest.raises(MeasureError, match="no longer numbers"):
        watched.look(x)


def test_which_texts_are_watched_is_said() -> None:
    far = [f"far {i}" for i in range(12)]
    assert canary.texts_to_watch(far, ["near"]) == (tuple(far), [])
    assert canary.texts_to_watch([*far, "far 1", " "], []) == (tuple(far), [])
    chosen, notes = canary.texts_to_watch(far, ["far 0", "far 1"])
    assert chosen == tuple(far[2:])
    assert "2 canary texts are texts of the corpus" in notes[0]
    chosen, notes = canary.texts_to_watch(far, far[:3])
    assert chosen == ()
    assert "There is no canary: it needs 10 texts outside the corpus, and 9 are left." in notes
    assert canary.texts_to_watch([], []) == ((), ["There is no canary: nothing watches the space outside the task."])
    many = [f"text {i}" for i in range(1000)]
    chosen, notes = canary.texts_to_watch(many, [])
    assert len(chosen) == canary.MOST
    assert canary.texts_to_watch(many, []) == (chosen, notes)
    assert list(chosen) == sorted(chosen, key=many.index)
    assert "200 of its 1,000 texts" in notes[0]


# ---- whole runs ----------------------------------------------------------------------------------------------------


def looks(store: Store, id: str) -> list[dict[str, Any]]:
    events = runfolder.unbroken(jobs.events(store, id))
    return [{k: v for k, v in event.items() if k != "n"} for event in events if event["type"] == "canary"]


def positives_only(model: Any, vectors: Any, material: Any, rows: Any, config: Any) -> torch.Tensor:
    """The loss that prints 0.000 while the space collapses: uses of a sense together, nothing apart."""
    x = torch.nn.functional.normalize(vectors[0], dim=-1)
    same = torch.from_numpy(material.codes[rows, 0][:, None] == material.codes[rows, 0][None])
    return 1 - (x @ x.T)[same].mean()


@pytest.fixture
def collapsing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(losses.LOSSES, "senses", positives_only)


# four evaluations, the first of them without an alarm
SLOW_FALL = Stage(16, {"*": 3e-4}, "constant", "senses")


def test_collapse_is_told_in_words_and_training_goes_on(
    collapsing: None, new_run: NewRun, large_corpus: Corpus, store: Store
) -> None:
    run = train(new_run("told", tiny.config(large_corpus, SLOW_FALL), canary=tiny.CANARY), store)
    assert (run.state, run.step, run.message) == ("done", 16, "")
    seen = looks(store, run.id)
    assert [event["step"] for event in seen] == [0, 4, 8, 12, 16]
    first, last = seen[0], seen[-1]
    assert set(first) == {
        "type", "step", "texts", "k", "mean_cosine", "effective_rank", "neighbours_kept", "overlap", "alarms"
    }  # fmt: skip
    assert (first["texts"], first["neighbours_kept"], first["alarms"]) == (len(tiny.CANARY), 1.0, [])
    assert last["mean_cosine"] > first["mean_cosine"] + 0.05
    assert any(alarm.startswith("Unrelated sentences are becoming alike: ") for alarm in last["alarms"])


def test_a_canary_that_stops_keeps_the_best_step_before_the_alarm(
    collapsing: None, new_run: NewRun, large_corpus: Corpus, store: Store
) -> None:
    folder = new_run("stopped", tiny.config(large_corpus, SLOW_FALL, on_alarm="stop"), canary=tiny.CANARY)
    run = train(folder, store)
    alarmed = [event["step"] for event in looks(store, run.id) if event["alarms"]]
    assert alarmed == [run.step], "the first alarm is the last look"
    assert 4 < run.step < 16
    end = JobFolder(folder).end()
    assert end is not None
    best = end["result"]["best_step"]
    assert run.state == "cancelled"
    assert run.message.startswith(f"Stopped by the canary at step {run.step}. Unrelated sentences are becoming alike: ")
    assert run.message.endswith(f" Step {best} is kept.")
    assert 0 < best < run.step
    scores = {e["step"]: e["score"] for e in jobs.events(store, run.id) if e["type"] == "eval"}
    assert run.score == scores[best]
    kept = load_file(checkpoint.place(folder / "checkpoints", best) / "weights.safetensors")
    model = load_file(jobs.model_folder(store, run.id) / "model.safetensors")
    assert all(torch.equal(model[name.removeprefix("encoder.")], kept[name]) for name in kept)
    with pytest.raises(JobError, match="canary stopped this run"):
        jobs.resume(store, run.id)
    (folder / "end.json").unlink()  # as if killed between its last checkpoint and its end
    again = train(folder, store)
    assert (again.state, again.step, again.message) == (run.state, run.step, run.message)


def test_an_alarm_at_the_first_evaluation_leaves_no_model(
    collapsing: None, new_run: NewRun, large_corpus: Corpus, store: Store
) -> None:
    stage = Stage(16, {"*": 3e-3}, "constant", "senses")
    folder = new_run("none", tiny.config(large_corpus, stage, on_alarm="stop"), canary=tiny.CANARY)
    run = train(folder, store)
    assert (run.state, run.step, run.score) == ("cancelled", 4, None)
    assert run.message.endswith("No step before it is there to keep.")
    assert not is_sealed(folder / "model")
    with pytest.raises(JobError, match="ended before a step was measured"):
        jobs.model_folder(store, run.id)


def test_a_resumed_run_tells_the_same_and_the_canary_touches_nothing(
    new_run: NewRun, large_corpus: Corpus, store: Store, fork: Fork
) -> None:
    """Cancelled and resumed three times; and once without a canary: the same events, the same bits."""
    config = tiny.config(large_corpus, Stage(9, {"*": 1e-3}, "linear", "senses"), eval_every=2)
    straight, stopped = new_run("straight", config, canary=tiny.CANARY), new_run("stopped", config, canary=tiny.CANARY)
    bare = new_run("bare", config)
    assert fork(straight)["code"] == 0
    assert fork(bare)["code"] == 0
    for after in (3, 2, 1):
        assert fork(stopped, stop="cancel", after=after)["code"] == 0
        assert JobFolder(stopped).state() == "cancelled"
    assert fork(stopped)["code"] == 0
    assert [event["step"] for event in looks(store, "straight")] == [0, 2, 4, 6, 8, 9]
    assert looks(store, "stopped") == looks(store, "straight")
    assert looks(store, "bare") == []
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (straight, stopped, bare)]
    assert weights[0] == weights[1] == weights[2]


@pytest.mark.parametrize(
    ("texts", "says"),
    [((), "nothing watches the space"), (tiny.CANARY[:9], "it needs 10 texts outside the corpus, and 9 are left")],
)
def test_without_a_canary_a_note_says_so(
    texts: tuple[str, ...], says: str, new_run: NewRun, corpus: Corpus, store: Store
) -> None:
    config = tiny.config(corpus, Stage(1, {"*": 1e-3}, "linear", "senses"), on_alarm="stop")
    run = train(new_run("none", config, canary=texts), store)
    assert run.state == "done", run.message
    assert looks(store, run.id) == []
    assert any(says in event["message"] for event in jobs.events(store, run.id) if event["type"] == "note")


def test_weights_that_are_no_numbers_are_found_by_the_canary(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    """Adam's step after a sound gradient can still overflow a weight; the loss would see it one step too late."""
    real, calls = torch.optim.AdamW.step, iter(range(100))

    def overflowing(self: Any, *arguments: Any) -> Any:
        result = real(self, *arguments)
        if next(calls) == 7:
            with torch.no_grad():
                self.param_groups[0]["params"][-1].fill_(float("inf"))
        return result

    folder = new_run("overflow", tiny.config(corpus), canary=tiny.CANARY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", overflowing)
        run = train(folder, store)
    assert (run.state, run.step) == ("failed", 8)
    assert "no longer numbers at step 8" in run.message
    assert "weights of step 4 are kept" in run.message
