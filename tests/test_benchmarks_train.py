"""The benchmarks of training: what is compared is the same, and the arithmetic of the comparison is right."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.train import summary, work
from benchmarks.train.clock import Clock

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from benchmarks.gpu_train import TINY, random_model

    return random_model(TINY, tmp_path_factory.mktemp("start"))


def measured(start: Path, system: str, task: str) -> dict[str, Any]:
    job = {"system": system, "task": task, "start": str(start), "steps": 3, "items": 6, "warm": 1, "threads": 1}
    command = [sys.executable, "-m", "benchmarks.train.child", json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().split("\n")[-1])
    return found


class TestWhatIsTrainedOn:
    @pytest.mark.parametrize("task", work.TASKS)
    def test_the_same_rows_every_time_and_none_twice(self, task: work.Task) -> None:
        corpus = work.corpus(task)
        assert corpus == work.corpus(task)
        assert len(set(corpus.texts)) == len(corpus) == work.ROWS[task]
        words = np.array([len(text.split()) for text in corpus.texts])
        assert np.percentile(words, 95) > 1.8 * words.mean()  # about as spread as real text: 89 pieces to 40

    def test_a_question_of_several_has_the_answers_to_all(self) -> None:
        corpus = work.corpus("pairs")
        pairs = dict(zip(corpus.texts, corpus.pairs or (), strict=True))
        single = [text for text in pairs if sum(other in text for other in pairs) == 1]
        longer = next(text for text in pairs if sum(text.startswith(one) or text.endswith(one) for one in single) == 2)
        assert all(str(pairs[one]) in str(pairs[longer]) for one in single if one in longer)

    def test_every_epoch_shows_every_row_once(self) -> None:
        batches = work.order(50, 12, 8, seed=3)
        assert [len(batch) for batch in batches] == [8] * 12
        for first in (0, 6):
            rows = np.concatenate(batches[first : first + 6])
            assert len(set(rows.tolist())) == 48
        assert not np.array_equal(batches[0], work.order(50, 1, 8, seed=4)[0])


class TestArithmetic:
    def test_rates_are_of_the_steps_after_the_warm_ones(self) -> None:
        clock = Clock(loss=[3, 2, 1], tokens=[1000, 10, 30], wall=[50.0, 51.0, 52.0], cpu=[90.0, 94.0, 98.0])
        found = clock.result(warm=1, items=4)
        assert [found[key] for key in ("tokens_per_s", "tokens_per_cpu_s", "step_s")] == [20, 5, 1]
        assert found["samples"] == [4, 8, 12]

    def test_sameness(self) -> None:
        def side(*last: float) -> list[dict[str, Any]]:
            return [{"loss": [9.0, 9.0, 9.0, value]} for value in last]

        same = summary.sameness(side(1.0, 2.0, 3.0), side(1.1, 1.9, 3.0))
        assert same["same"]
        assert same["difference"] == pytest.approx(0.0, abs=1e-12)
        assert same["spread"] == pytest.approx(np.std([1.1, 1.9, 3.0], ddof=1))
        other = summary.sameness(side(1.0, 2.0, 3.0), side(2.0, 3.01, 4.0))
        assert not other["same"]
        assert other["difference"] == pytest.approx(-1.0033, abs=1e-4)

    def test_the_better_peer_is_a_trainer_on_the_same_rows(self) -> None:
        speed = {
            "sentence-transformers": 5.0,
            "transformers": 7.0,
            "transformers, grouped by length": 9.0,
            "EmbedLab": 99.0,
        }
        rates = {name: {"tokens_per_cpu_s": value} for name, value in speed.items()}
        assert summary.better_peer(rates) == "transformers"
        assert summary.better_peer({"EmbedLab": rates["EmbedLab"]}) is None


class TestBothSides:
    @pytest.mark.parametrize("task", ["labels", "pairs"])
    def test_the_same_loss_at_the_start_on_the_same_tokens(self, start: Path, task: str) -> None:
        ours, theirs = measured(start, "EmbedLab", task), measured(start, "transformers", task)
        assert ours["tokens"] == theirs["tokens"]
        assert ours["loss"][0] == pytest.approx(theirs["loss"][0], rel=0.1)  # dropout differs
        assert ours["peak_mb"] >= ours["before_mb"] > 0

    def test_a_rung_is_the_same_as_the_trainer(self, start: Path) -> None:
        loop, trainer = measured(start, "plain loop", "labels"), measured(start, "transformers", "labels")
        assert loop["loss"] == pytest.approx(trainer["loss"], rel=1e-3)  # the same seed, so the same dropout


class TestFlop:
    def test_by_hand(self, start: Path) -> None:
        from benchmarks.gpu_train import step_flop
        from benchmarks.train.own import open_start

        job = work.Job("EmbedLab", "labels", str(start), steps=2, warm=1)
        model, material = open_start(job, work.corpus("labels"))
        n = material.sides[0].lengths[[0, 5]].tolist()
        linear = 2 * (4 * 32 * 32 + 2 * 32 * 64)  # two layers: query, key, value, output; up and down
        expected = sum(6 * linear * k + 12 * 2 * 32 * k * k for k in n)
        assert step_flop(model, material, [0, 5], 100.0) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("name", "peak"), [("NVIDIA H200", 989.5), ("NVIDIA A100-SXM4-80GB", 312.0), ("CPU", None)]
    )
    def test_peaks(self, name: str, peak: float | None) -> None:
        from benchmarks.gpu_train import peak_of

        assert peak_of(name) == peak
