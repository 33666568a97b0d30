"""Whole runs on tiny models, in this process: what is learned, what is kept, and how a run ends."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from embedlab import jobs
from embedlab.corpus import selection
from embedlab.jobfolder import JobFolder
from embedlab.store import Store, is_sealed
from embedlab.training import checkpoint, evaluate, losses, objectives, plans, runfolder, setup
from embedlab.training.engine import Engine
from embedlab.training.objectives import Material, Score
from embedlab.training.runfolder import Launch
from embedlab.training.tracking import Tracker
from embedlab.training.trainable import Trainable
from embedlab.types import Corpus, Lora, Stage
from tests.training import tiny
from tests.training.tiny import train

NewRun = Callable[..., Path]


OBJECTIVES: dict[
    str, tuple[int, dict[str, float], float, float]
] = {  # steps, rates, least gain of the score, loss left
    "labels": (40, {"head": 1e-2, "*": 3e-3}, 0.1, 0.8),
    "pairs": (40, {"*": 3e-3}, 0.1, 0.8),
    "triplets": (40, {"*": 3e-3}, 0.1, 0.8),
    "scored": (40, {"*": 3e-3}, 0.1, 0.8),
    "simcse": (40, {"*": 1e-3}, 0.0, 0.8),
    "mlm": (160, {"mlm_head": 1e-3, "*": 1e-3}, 0.0, 0.95),
    "senses": (60, {"*": 3e-3}, 0.1, 0.8),
}


RAW = ("simcse", "mlm")  # objectives without labels score few or coarse things in a text: they need more of them


def corpus_for(objective: str, store: Store, each: int = 12) -> Corpus:
    table = {"triplets": tiny.triplets, "scored": tiny.scored}.get(objective, tiny.rows)
    return tiny.add_corpus(store, table(each))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns_and_the_score_sees_it(objective: str, new_run: NewRun, store: Store) -> None:
    steps, rates, gain, left = OBJECTIVES[objective]
    corpus = corpus_for(objective, store, each=40 if objective in RAW else 12)
    run = train(new_run(objective, tiny.config(corpus, Stage(steps, rates, "linear", objective), eval_every=20)), store)
    assert run.state == "done", run.message
    assert run.score is not None
    assert run.score_before is not None
    assert run.score > run.score_before + gain
    events = jobs.events(store, run.id)
    losses = [event["loss"] for event in events if event["type"] == "step"]
    assert len(losses) == steps
    assert np.mean(losses[-5:]) < left * np.mean(losses[:5])
    assert [event["step"] for event in events if event["type"] == "eval"] == list(range(0, steps + 1, 20))
    last = [event for event in events if event["type"] == "step"][-1]
    assert {"loss", "tokens_per_s", "eta_s", "elapsed_s", "memory_mb", "rate", "grad_norm"} <= set(last)
    assert [frame.step for frame in runfolder.frames(store.folder("runs", run.id))] == list(range(0, steps + 1, 20))


def test_the_objectives_tried_are_all_there_are() -> None:
    """Of those that a transformer learns; test_tablework, test_lm and test_translation try the others."""
    assert set(OBJECTIVES) == {name for name, one in objectives.OBJECTIVES.items() if one.fits(None)}


PLANS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "full": ({}, {}),
    "frozen_embeddings": ({}, {}),
    "frozen_then_unfrozen": ({}, {}),
    "top_layers": ({"layers": 1}, {}),
    "gradual_unfreezing": ({}, {}),
    "discriminative": ({}, {}),
    "lora": ({}, {"lora": Lora(2, 4.0)}),
}


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("plan", PLANS)
def test_every_plan_trains_what_it_names_and_nothing_else(
    plan: str, objective: str, new_run: NewRun, store: Store, tiny_models: Callable[[str], Path]
) -> None:
    """Held against the start model, weight by weight, to the bit: model/ and the frame of step 0."""
    more, settings = PLANS[plan]
    corpus = corpus_for(objective, store, each=8)
    stages = plans.plan(plan, objective, 4, 1e-2, depth=2, **more)
    config = tiny.config(corpus, *stages, eval_every=2, **settings)
    folder = new_run(plan.replace("_", "-"), config)
    run = train(folder, store)
    assert run.state == "done", run.message
    start = load_file(tiny_models("bert") / "model.safetensors")
    zero = load_file(runfolder.frame(folder, 0) / "model.safetensors")
    after = load_file(folder / "model" / "model.safetensors")
    assert all(torch.equal(zero[name], start[name]) for name in start)
    assert set(after) == set(start)
    named = {group for stage in stages for group in plans.rates(stage.train, plans.groups(2, config))}
    moved = {group_of(name) for name in start if not torch.equal(after[name], start[name])}
    adapted = {group.replace("lora", "layer") for group in named}
    assert moved == {group for group in adapted if group.startswith(("layer", "embeddings"))}


def group_of(name: str) -> str:
    parts = name.split(".")
    return f"layer.{parts[2]}" if parts[0] == "encoder" else parts[0]


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_every_kind_of_model_trains(kind: str, new_run: NewRun, corpus: Corpus, store: Store) -> None:
    id = "kind-" + kind.replace("_", "-")
    stage = Stage(2, {"*": 1e-3}, "linear", "senses")
    run = train(new_run(id, tiny.config(corpus, stage, eval_every=2), kind), store)
    assert run.state == "done", run.message
    assert is_sealed(jobs.model_folder(store, run.id))


def test_the_selection_rows_choose_and_the_held_out_rows_report(
    new_run: NewRun, large_corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The selection score peaks at step 8, the held-out score at step 16: step 8 is kept, with its held-out score."""
    real, calls = evaluate.SCORES["senses"], iter(range(100))

    def planted(*arguments: Any) -> list[Score]:
        held_out, chooses = real(*arguments)
        step = 4 * next(calls)
        return [Score(0.9 if step == 16 else held_out.value / 2), Score(0.9 if step == 8 else chooses.value / 2)]

    monkeypatch.setitem(evaluate.SCORES, "senses", planted)
    folder = new_run("best", tiny.config(large_corpus, Stage(20, {"*": 3e-3}, "linear", "senses")))
    run = train(folder, store)
    end = JobFolder(folder).end()
    assert end is not None
    events = [event for event in jobs.events(store, run.id) if event["type"] == "eval"]
    assert [event["best_step"] for event in events][3:] == [8, 8, 8]
    scores = {event["step"]: event["score"] for event in events}
    assert scores[16] == 0.9
    result = end["result"]
    assert (result["best_step"], result["selection"]) == (8, 0.9)
    assert run.score == result["score"] == scores[8]
    assert result["last_score"] == scores[20]
    best = result["best_step"]
    kept = checkpoint.place(folder / "checkpoints", best)
    assert checkpoint.verify(kept) is None
    model, weights = load_file(folder / "model" / "model.safetensors"), load_file(kept / "weights.safetensors")
    assert all(torch.equal(model[name.removeprefix("encoder.")], weights[name]) for name in weights)
    left = {name for name in model if f"encoder.{name}" not in weights}
    assert left == {"pooler.dense.bias", "pooler.dense.weight"}, "no objective trains them"
    steps = sorted(int(path.name[5:]) for path in (folder / "checkpoints").glob("step_*"))
    assert set(steps) == {16, 20, best}


def test_the_latest_step_within_one_standard_error_of_the_best_is_kept(
    new_run: NewRun, large_corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Selection .90 at step 8, .88 at 16, .50 at 20: of some ten rows .88 is as good, and later."""
    real, calls = evaluate.SCORES["senses"], iter(range(100))

    def planted(*arguments: Any) -> list[Score]:
        held_out, _ = real(*arguments)
        return [held_out, Score({8: 0.9, 16: 0.88}.get(4 * next(calls), 0.5))]

    monkeypatch.setitem(evaluate.SCORES, "senses", planted)
    run = train(new_run("error", tiny.config(large_corpus, Stage(20, {"*": 3e-3}, "linear", "senses"))), store)
    events = [event for event in jobs.events(store, run.id) if event["type"] == "eval"]
    assert [event["best_step"] for event in events] == [0, 4, 8, 8, 16, 16]


def test_without_rows_to_choose_by_the_last_step_is_kept(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    run = train(new_run("last", tiny.config(corpus, Stage(10, {"*": 3e-3}, "linear", "senses"))), store)
    end = JobFolder(store.folder("runs", run.id)).end()
    assert end is not None
    events = [event for event in jobs.events(store, run.id) if event["type"] == "eval"]
    assert [event["best_step"] for event in events] == [0, 4, 8, 10]
    assert {event["selection"] for event in events} == {None}
    assert end["result"]["best_step"] == 10
    assert run.score == end["result"]["last_score"]
    notes = [event["message"] for event in jobs.events(store, run.id) if event["type"] == "note"]
    assert any("the last step is kept" in note for note in notes)


def test_no_batch_and_no_centroid_holds_a_row_that_chooses(
    new_run: NewRun, large_corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: set[int | None] = set()

    def remember(material: Material, rows: Any) -> None:
        shown.update(material.examples.uses[i].row for i in rows)

    real = Engine.gradients

    def watched(engine: Engine, goal: Any, material: Material, rows: Any, key: Any) -> tuple[float, int]:
        for batch in rows:
            remember(material, batch)
        return real(engine, goal, material, rows, key)

    monkeypatch.setattr(Engine, "gradients", watched)
    stages = (Stage(30, {"*": 1e-3}, "linear", "labels"), Stage(60, {"layer.*": 1e-3}, "linear", "senses"))
    folder = new_run("apart", tiny.config(large_corpus, *stages, eval_every=30))
    config, start = runfolder.read(folder)
    bench = setup.lay_out(config, start, store.folder("corpora", large_corpus.id))
    assert bench.selection is not None
    assert train(folder, store).state == "done"
    remember(bench.centroids, range(len(bench.centroids)))
    apart = {use.row for side in (bench.selection, bench.held_out) for use in side.examples.uses}
    assert shown == set(range(len(large_corpus))) - apart
    assert bench.counts["selection"] == selection(large_corpus).sum()


def test_frozen_embeddings_come_out_to_the_bit(
    new_run: NewRun, corpus: Corpus, store: Store, tiny_models: Callable[[str], Path]
) -> None:
    folder = new_run("frozen", tiny.config(corpus, *plans.plan("frozen_embeddings", "senses", 8, 1e-3, depth=2)))
    assert train(folder, store).state == "done"
    before = load_file(tiny_models("bert") / "model.safetensors")
    after = load_file(folder / "model" / "model.safetensors")
    assert {n for n in before if n.startswith("embeddings")} <= {n for n in after if torch.equal(before[n], after[n])}
    assert not torch.equal(before["encoder.layer.1.output.dense.weight"], after["encoder.layer.1.output.dense.weight"])


def test_a_run_is_the_same_twice_and_another_with_another_seed(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    stage = Stage(4, {"*": 1e-3}, "linear", "senses")
    weights = []
    for id, seed in (("one", 0), ("two", 0), ("three", 1)):
        folder = new_run(id, tiny.config(corpus, stage, seed=seed))
        train(folder, store)
        weights.append((folder / "model" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


@pytest.mark.filterwarnings("ignore")
def test_a_loss_that_is_no_number_stops_at_once_and_keeps_the_weights(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = losses.LOSSES["senses"], iter(range(100))

    def broken(*arguments: Any) -> torch.Tensor:
        loss = real(*arguments)
        return loss * float("nan") if next(calls) == 6 else loss

    monkeypatch.setitem(losses.LOSSES, "senses", broken)
    folder = new_run("nan", tiny.config(corpus))
    run = train(folder, store)
    assert run.state == "failed"
    assert "no longer a number at step 7" in run.message
    assert "weights of step 4 are kept" in run.message
    assert checkpoint.verify(folder / "checkpoints" / "step_000004") is None
    assert all(bool(torch.isfinite(w).all()) for w in load_file(folder / "model" / "model.safetensors").values())
    assert run.step == 6


def test_a_gradient_without_bounds_is_clipped_and_an_infinite_one_stops(
    new_run: NewRun, corpus: Corpus, store: Store
) -> None:
    run = train(new_run("wild", tiny.config(corpus, Stage(12, {"*": 0.9}, "constant", "senses"))), store)
    assert run.state in ("done", "failed")
    if run.state == "failed":
        assert "no longer a number" in run.message


def test_cancel_keeps_what_was_learned_and_resume_goes_on(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    folder = new_run("cancelled", tiny.config(corpus, Stage(10, {"*": 1e-3}, "linear", "senses")))
    job, emit = JobFolder(folder), JobFolder.emit

    def emit_and_cancel(self: JobFolder, **event: Any) -> None:
        emit(self, **event)
        if event.get("type") == "step" and event["step"] == 5:
            (self.path / "cancel").touch()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobFolder, "emit", emit_and_cancel)
        run = train(folder, store)
    assert (run.state, run.step) == ("cancelled", 5)
    assert is_sealed(folder / "model")
    assert checkpoint.verify(folder / "checkpoints" / "step_000005") is None
    run = train(folder, store)
    assert (run.state, run.step) == ("done", 10)
    assert [event["step"] for event in job.events() if event["type"] == "resumed"] == [5]


def out_of_memory(above: int) -> Callable[..., Any]:
    """A model that has memory for so many padded tokens at a time."""
    real = Trainable.vectors

    def vectors(model: Trainable, pieces: Any) -> torch.Tensor:
        if model.training and len(pieces) * int(pieces.lengths.max()) > above:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory")
        return real(model, pieces)

    return vectors


def test_where_memory_runs_out_chunks_are_halved_and_the_run_goes_on(
    new_run: NewRun, corpus: Corpus, store: Store, still_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without dropout it learns what a run learns that had memory enough, but for rounding."""
    config = tiny.config(corpus, Stage(4, {"*": 1e-3}, "linear", "senses"), eval_every=2)
    whole = train(new_run("whole", config, start=still_model), store)
    monkeypatch.setattr(Trainable, "vectors", out_of_memory(above=130))
    folder = new_run("halved", config, start=still_model)
    run = train(folder, store)
    assert run.state == "done", run.message
    notes = [event for event in jobs.events(store, run.id) if event["type"] == "note" and "chunk_tokens" in event]
    assert len(notes) == 1
    tokens, said = notes[0]["chunk_tokens"], notes[0]["message"]
    assert notes[0]["step"] == 1
    assert 64 <= tokens <= 130
    assert f"set chunk_tokens to {tokens}" in said
    assert checkpoint.read_progress(folder / "checkpoints" / "step_000004").chunk_tokens == tokens
    assert run.loss == pytest.approx(whole.loss, rel=1e-4)
    before = jobs.events(store, run.id)[-1]["n"]
    (folder / "end.json").unlink()
    shutil.rmtree(folder / "checkpoints" / "step_000004")
    assert train(folder, store).state == "done"
    again = [event for event in jobs.events(store, run.id, before) if "chunk_tokens" in event]
    assert again == [], "a resumed run goes on with the chunks it had"


def test_out_of_memory_in_the_smallest_chunk_names_the_settings(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainable, "vectors", out_of_memory(above=0))
    run = train(new_run("memory", tiny.config(corpus)), store)
    assert run.state == "failed"
    assert "batch_tokens (now 256)" in run.message
    assert "longest" in run.message


def test_out_of_memory_outside_a_step_names_the_setting(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("embedlab.training.setup.evaluate.sample", full)
    run = train(new_run("memory", tiny.config(corpus)), store)
    assert run.state == "failed"
    assert "lower batch_tokens (now 256)" in run.message


def test_a_full_disk_is_said_before_anything_is_trained(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_run("disk", tiny.config(corpus))
    monkeypatch.setattr("embedlab.training.runfolder.SPARE_BYTES", 2**60)
    run = train(folder, store)
    assert run.state == "failed"
    assert "The disk is full" in run.message
    assert run.step == 0


def test_what_nobody_foresaw_leaves_one_sentence(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Panic(BaseException):
        """As a tokenizer's panic: no Exception."""

    def panic(*_: Any) -> None:
        raise Panic

    monkeypatch.setattr("embedlab.training.setup.lay_out", panic)
    run = train(new_run("panic", tiny.config(corpus)), store)
    assert run.state == "failed"
    assert run.message == "Something we did not foresee (Panic)."


def test_a_plan_that_does_not_fit_is_refused_before_the_first_step(
    new_run: NewRun, corpus: Corpus, store: Store
) -> None:
    stages = (Stage(2, {"*": 1e-3}, "linear", "senses"), Stage(4, {"layer.9": 1e-3}, "linear", "senses"))
    run = train(new_run("plan", tiny.config(corpus, *stages)), store)
    assert run.state == "failed"
    assert "no group 'layer.9'" in run.message
    assert run.step == 0


def test_pause_keeps_all_and_hands_nothing_over(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    folder = new_run("paused", tiny.config(corpus, Stage(10, {"*": 1e-3}, "linear", "senses")))
    job, emit = JobFolder(folder), JobFolder.emit

    def emit_and_pause(self: JobFolder, **event: Any) -> None:
        emit(self, **event)
        if event.get("type") == "step" and event["step"] == 5:
            self.ask_pause()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobFolder, "emit", emit_and_pause)
        run = train(folder, store)
    assert (run.state, run.step, run.message) == ("paused", 5, "Paused after step 5.")
    assert not job.alive()
    assert not (folder / "model").exists()
    assert checkpoint.verify(folder / "checkpoints" / "step_000005") is None
    assert [(frame.step, frame.kept) for frame in runfolder.frames(folder)] == [(0, False), (4, False)]
    run = train(folder, store)
    assert (run.state, run.step) == ("done", 10)


def test_patience_ends_a_run_that_gets_no_better(
    new_run: NewRun, large_corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Selection .5, .7, .7, .6: the best at step 4 is equalled at 6, which is no better; two in a row are enough."""
    real, calls = evaluate.SCORES["senses"], iter(range(100))
    planted = [0.9, 0.5, 0.7, 0.7, 0.6, 0.95]

    def scores(*arguments: Any) -> list[Score]:
        held_out, _ = real(*arguments)
        return [held_out, Score(planted[next(calls)])]

    monkeypatch.setitem(evaluate.SCORES, "senses", scores)
    config = tiny.config(large_corpus, Stage(20, {"*": 1e-3}, "linear", "senses"), eval_every=2, patience=2)
    folder = new_run("patience", config)
    run = train(folder, store)
    assert (run.state, run.step) == ("done", 8)
    assert run.message.startswith("Stopped early at step 8: 2 evaluations in a row brought no better selection score. ")
    end = JobFolder(folder).end()
    assert end is not None
    assert run.message.endswith(f" Step {end['result']['best_step']} is kept.")
    assert is_sealed(folder / "model")


def test_patience_without_rows_to_choose_by_says_so(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    run = train(new_run("nothing", tiny.config(corpus, eval_every=1, patience=1)), store)
    assert (run.state, run.step) == ("done", 12)
    notes = [event["message"] for event in jobs.events(store, run.id) if event["type"] == "note"]
    assert "Patience has no score to go by: the run goes on to the end of its plan." in notes


def test_two_objectives_in_one_plan_share_one_score(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    stages = (
        Stage(4, {"head": 1e-3, "*": 1e-3}, "linear", "labels"),
        Stage(8, {"embeddings": 1e-3, "layer.*": 1e-3}, "stlr", "senses"),
    )
    run = train(new_run("both", tiny.config(corpus, *stages)), store)
    assert run.state == "done", run.message
    names = {event["score_name"] for event in jobs.events(store, run.id) if event["type"] == "eval"}
    assert len(names) == 1
    assert "sense" in names.pop()
    assert [e["frozen"] for e in jobs.events(store, run.id) if e["type"] == "stage"] == [[], ["head"]]


def test_bf16_trains_where_asked(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    stage = Stage(4, {"*": 1e-3}, "linear", "senses")
    run = train(new_run("bf16", tiny.config(corpus, stage, precision="bf16")), store)
    assert run.state == "done", run.message
    weights = load_file(store.folder("runs", "bf16") / "model" / "model.safetensors")
    assert {w.dtype for w in weights.values()} == {torch.float32}


@pytest.mark.slow
def test_two_processes_train_as_one_and_resume_to_the_bit(
    new_run: NewRun, large_corpus: Corpus, store: Store, still_model: Path
) -> None:
    """The first process starts the second. Straight, and killed on the way: the second goes with the first."""
    config = tiny.config(large_corpus, Stage(6, {"*": 1e-3}, "linear", "senses"), eval_every=2, frames=1)
    one = train(new_run("one", config, start=still_model), store)
    two, killed = (new_run(id, config, start=still_model, launch=Launch(2)) for id in ("two", "killed"))
    assert start_worker(two).wait() == 0
    first = start_worker(killed)
    while first.poll() is None and not any(event["type"] == "checkpoint" for event in JobFolder(killed).events()):
        time.sleep(0.01)
    first.kill()
    first.wait()
    assert JobFolder(killed).state() == "failed", "it was to be killed on the way"
    assert start_worker(killed).wait() == 0
    ends = [jobs.look(store, id) for id in ("one", "two", "killed")]
    assert [end.state for end in ends] == ["done"] * 3, [end.message for end in ends]
    assert ends[1].loss == ends[2].loss == pytest.approx(one.loss, abs=1e-4)
    assert ends[1].score == ends[2].score == pytest.approx(one.score, abs=0.05)
    weights = [load_file(store.folder("runs", end.id) / "model" / "model.safetensors") for end in ends]
    for name, alone in weights[0].items():
        torch.testing.assert_close(weights[1][name], alone, atol=1e-4, rtol=1e-3)
        assert torch.equal(weights[1][name], weights[2][name])
    ready = [event for event in jobs.events(store, "two") if event["type"] == "ready"]
    assert [event["processes"] for event in ready] == [2], "the first alone tells"


def start_worker(run: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "embedlab.training.worker", str(run)]
    with (run / "log.txt").open("ab") as log:
        return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=log, stderr=log)


class Listening(Tracker):
    """Writes down what it is told."""

    name = "listening"

    def __init__(self, deaf_from: int = 1_000) -> None:
        self.told: list[tuple[int, str]] = []
        self.closed = False
        self.deaf_from = deaf_from

    def _write(self, step: int, found: Mapping[str, float]) -> None:
        if step >= self.deaf_from:
            raise OSError("disk full")
        self.told += [(step, tag.split("/")[0]) for tag in found]

    def _end(self) -> None:
        self.closed = True


def test_trackers_hear_of_steps_scores_and_the_canary(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = Listening()
    monkeypatch.setattr("embedlab.training.tracking.open_trackers", lambda names, *_: [listening] * len(names))
    folder = new_run("told", tiny.config(corpus), canary=tiny.CANARY, launch=Launch(report_to=("listening",)))
    assert train(folder, store).state == "done"
    for kind, steps in {"train": range(1, 13), "held-out": range(0, 13, 4), "canary": range(0, 13, 4)}.items():
        assert sorted({step for step, tag in listening.told if tag == kind}) == list(steps)
    assert listening.closed


def test_a_tracker_that_fails_is_noted_once_and_the_run_ends_well(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Listening(deaf_from=3)
    monkeypatch.setattr("embedlab.training.tracking.open_trackers", lambda names, *_: [failing] * len(names))
    run = train(new_run("untold", tiny.config(corpus), launch=Launch(report_to=("listening",))), store)
    assert run.state == "done"
    assert max(step for step, _ in failing.told) == 2
    notes = [
        event for event in jobs.events(store, run.id) if event["type"] == "note" and "listening" in event["message"]
    ]
    assert [(note["step"], note["message"]) for note in notes] == [(3, failing.problem)]


def test_an_unknown_tracker_is_refused_before_the_first_step(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    run = train(new_run("unknown", tiny.config(corpus), launch=Launch(report_to=("paper",))), store)
    assert (run.state, run.step) == ("failed", 0)
    assert "'paper' is no tracker" in run.message


def test_the_model_comes_with_its_card(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    run = train(new_run("card", tiny.config(corpus), canary=tiny.CANARY), store)
    readme = (jobs.model_folder(store, run.id) / "README.md").read_text()
    assert readme.startswith("---\n")
    assert corpus.id in readme


def test_no_file_of_a_run_is_a_pickle(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    folder = new_run("files", tiny.config(corpus, Stage(2, {"*": 1e-3}, "linear", "labels")))
    train(folder, store)
    suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".jsonl", ".md", ".safetensors", ".txt", ""}
    assert json.loads((folder / "head" / "labels.json").read_text()) == ["bird", "machine", "money", "river"]
