"""Whole runs on tiny models, in this process: what is learned, what is kept, and how a run ends."""

import json
from collections.abc import Callable
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
from embedlab.training import checkpoint, evaluate, losses, plans, runfolder, setup, worker
from embedlab.training.objectives import Material, Score
from embedlab.types import Corpus, Run, Stage
from tests.training import tiny

NewRun = Callable[..., Path]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def train(run: Path, store: Store) -> Run:
    worker.main([str(run)])
    return jobs.look(store, run.name)


@pytest.mark.parametrize(("objective", "steps"), [("senses", 60), ("labels", 40), ("pairs", 40)])
def test_every_objective_learns_and_the_score_sees_it(
    objective: str, steps: int, new_run: NewRun, corpus: Corpus, store: Store
) -> None:
    stage = Stage(steps, {"head": 1e-2, "*": 3e-3} if objective == "labels" else {"*": 3e-3}, "linear", objective)
    run = train(new_run(objective, tiny.config(corpus, stage, eval_every=20)), store)
    assert run.state == "done", run.message
    assert run.score is not None
    assert run.score_before is not None
    assert run.score > run.score_before + 0.1
    events = jobs.events(store, run.id)
    losses = [event["loss"] for event in events if event["type"] == "step"]
    assert len(losses) == steps
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert [event["step"] for event in events if event["type"] == "eval"] == list(range(0, steps + 1, 20))
    last = [event for event in events if event["type"] == "step"][-1]
    assert {"loss", "tokens_per_s", "eta_s", "elapsed_s", "memory_mb", "rate", "grad_norm"} <= set(last)


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
    assert all(torch.equal(model[name], weights[f"encoder.{name}"]) for name in model)
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

    for name, real in list(losses.LOSSES.items()):

        def watched(model: Any, material: Material, rows: Any, temperature: float, real: Any = real) -> torch.Tensor:
            remember(material, rows)
            return real(model, material, rows, temperature)

        monkeypatch.setitem(losses.LOSSES, name, watched)
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
    folder = new_run("frozen", tiny.config(corpus, *plans.frozen_embeddings("senses", 8, 1e-3)))
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


def test_out_of_memory_names_the_setting(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("embedlab.training.losses.supervised_contrastive", full)
    run = train(new_run("memory", tiny.config(corpus)), store)
    assert run.state == "failed"
    assert "lower batch_tokens (now 256)" in run.message


def test_a_full_disk_is_said_before_anything_is_trained(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_run("disk", tiny.config(corpus))
    monkeypatch.setattr("embedlab.store.SPARE_BYTES", 2**60)
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


def test_no_file_of_a_run_is_a_pickle(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    folder = new_run("files", tiny.config(corpus, Stage(2, {"*": 1e-3}, "linear", "labels")))
    train(folder, store)
    suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".jsonl", ".safetensors", ".txt", ""}
    assert json.loads((folder / "head" / "labels.json").read_text()) == ["bird", "machine", "money", "river"]
