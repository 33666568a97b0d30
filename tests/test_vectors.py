"""`measure` on files: every number beside an independent implementation, one sentence for what cannot be read."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import pytest

from embedlab.comparing.quick import ZETA
from embedlab.encoders import take_snapshot
from embedlab.errors import UserError
from embedlab.measure.geometry import isoscore_star, mean_cosine
from embedlab.occurrences import targets
from embedlab.vectors import ONE_SPACE, PAIR_NAMES, measure_vectors, stratified
from tests import kit
from tests.fakes import FakeEncoder, sense_corpus

ROOT = Path(__file__).parents[1]
Write = Callable[[str, Any], Path]

ONE_SPACE_KEYS = {
    "mean_cosine": "mean_pairwise_cosine",
    "mean_cosine_centred": "mean_pairwise_cosine_after_centering",
    "isoscore": "isoscore",
    "participation_ratio": "participation_ratio",
    "effective_rank": "effective_rank_roy_vetterli_centered",
    "hubness_skew": "hubness_skew_k10_cosine",
    "uniformity": "uniformity_t2_on_unit_rows",
}
PAIR_KEYS = {
    "cka_linear": "linear_cka",
    "cka_debiased": "linear_cka_debiased",
    "procrustes_distance": "procrustes_distance_centered_unit_frobenius",
    "rsa_spearman_cosine": "rsa_cosine_inner_spearman",
    "knn_jaccard": "knn_jaccard_k10_cosine",
    "second_order_cosine": "second_order_cosine_SIMILARITIES_k10",
    "alignment": "alignment_alpha2",
}
SINGLES = ("clustered", "cone_mean_offset", "duplicate_rows", "fewer_points_than_dims", "iso_gauss", "zero_row")
# where independent implementations disagree (zero rows, ties of duplicates): tests/measure says what ours gives, why
DISPUTED = {
    ("single__zero_row", "mean_cosine"),
    ("single__zero_row", "uniformity"),
    ("single__duplicate_rows", "hubness_skew"),
}
PAIRS = ("different_dims", "kornblith_demo", "positive_pairs_unit", "rotation", "tiny_n_wide", "unrelated")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(name: str, array: Any) -> Path:
        np.save(tmp_path / name, array)
        return tmp_path / name

    return to


@pytest.fixture
def cloud(write: Write) -> Path:
    return write("cloud.npy", np.random.default_rng(0).normal(size=(60, 8)))


def readings(before: Path, after: Path | None = None, labels: Path | None = None, **options: Any) -> dict[str, Any]:
    found = measure_vectors(before, after, labels, **options)
    json.dumps(found, allow_nan=False)  # plain values, and never NaN
    return found["readings"]


def reference(case: str, key: str) -> list[float]:
    """The values that mean this number: not what a perfect sample would give."""
    found = [value for impl, value in kit.entries(case, key) if not impl.startswith("theory")]
    return [value for value in found if isinstance(value, float | int)]


@kit.needs_kit
@pytest.mark.parametrize("case", SINGLES)
def test_one_file_gives_what_independent_implementations_give(case: str, write: Write) -> None:
    case = f"single__{case}"
    found = readings(write("x.npy", kit.case(case)["X"]))
    known = kit.values()["cases"][case]
    for name, key in ONE_SPACE_KEYS.items():
        for value in reference(case, key) if key in known else []:
            if (case, name) in DISPUTED:
                continue
            assert found[name]["before"] == pytest.approx(value, abs=2e-6), name
        assert "after" not in found[name]


@kit.needs_kit
@pytest.mark.parametrize("case", PAIRS)
def test_two_files_give_what_independent_implementations_give(case: str, write: Write) -> None:
    case = f"pair__{case}"
    arrays = kit.case(case)
    found = readings(write("x.npy", arrays["X"]), write("y.npy", arrays["Y"]))
    known = kit.values()["cases"][case]
    for name, key in PAIR_KEYS.items():
        values = reference(case, key) if key in known else []
        if found[name]["value"] is None:
            assert found[name]["note"]
            continue
        for value in values:
            assert found[name]["value"] == pytest.approx(value, abs=1e-5), name
            low, high = found[name].get("interval", (value, value))
            assert low - 1e-12 <= found[name]["value"] <= high + 1e-12


@kit.needs_kit
def test_partition_isotropy_takes_the_vectors_as_they_are_only_when_asked(write: Write) -> None:
    path = write("x.npy", kit.case("single__clustered")["X"])
    ratio = kit.entries("single__clustered", "partition_isotropy_mu_viswanath_both_signs")[0][1][0]
    raw = readings(path, raw_norm=True)["partition_isotropy_log10"]["before"]
    assert raw == pytest.approx(np.log10(ratio), abs=1e-6)
    assert readings(path)["partition_isotropy_log10"]["before"] > raw


@kit.needs_kit
def test_labels_with_a_split_of_their_own_give_the_reference_scores(write: Write, tmp_path: Path) -> None:
    arrays = kit.case("single__clustered")
    labels = tmp_path / "labels.csv"
    sides = np.where(arrays["is_train"], "train", "test")
    labels.write_text("\n".join(f"{y},{side}" for y, side in zip(arrays["y"], sides, strict=True)))
    found = readings(write("x.npy", arrays["X"]), labels=labels)
    for kind, key in (("centroid", "centroid_1nn_raw_mean_cosine"), ("knn", "knn5_cosine")):
        accuracy, macro_f1 = kit.entries("single__clustered", key)[0][1]
        assert found[f"wsd_{kind}_accuracy"]["before"] == pytest.approx(accuracy)
        assert found[f"wsd_{kind}_macro_f1"]["before"] == pytest.approx(macro_f1)
    per_class = kit.entries("single__clustered", "silhouette_cosine_per_class")[0][1]
    assert found["silhouette_cosine_macro"]["before"] == pytest.approx(np.mean(per_class))


def test_a_space_compared_with_itself_has_not_changed(cloud: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("label\n" + "a\nb\nc\n" * 20)
    found = readings(cloud, cloud, labels)
    for name, reading in found.items():
        if name in PAIR_NAMES:
            nothing = name in ("procrustes_distance", "drift_cosine", "drift_cosine_aligned", "alignment")
            assert name == "rsa_p" or reading["value"] == (0.0 if nothing else 1.0), name
        else:
            assert reading["before"] == reading["after"], name
            assert name == "isotropic_isoscore" or reading["interval"] == [0.0, 0.0], name  # it follows from n and d


def test_the_names_are_those_of_the_contract(cloud: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("a\nb\n" * 30)
    found = measure_vectors(cloud, cloud, labels, k=5, seed=3)
    assert (found["n"], found["dim"], found["k"]) == (60, 8, 5)
    assert set(found["readings"]) == set(ONE_SPACE) | (PAIR_NAMES - {"trustworthiness", "continuity"}) | {
        "wsd_centroid_accuracy", "wsd_centroid_macro_f1", "wsd_knn_accuracy", "wsd_knn_macro_f1",
        "silhouette_cosine_macro", "clustering_v", "clustering_ari",
    }  # fmt: skip
    for name, reading in found["readings"].items():
        assert set(reading) <= {"before", "after", "value", "interval", "p", "note"}
        assert ("value" in reading) == (name in PAIR_NAMES)


def test_an_interval_holds_the_difference_and_the_seed_decides_it(cloud: Path, write: Write) -> None:
    moved = write("moved.npy", np.load(cloud) + np.random.default_rng(1).normal(size=(60, 8)) * 0.3 + 0.5)
    first, again, other = (readings(cloud, moved, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    low, high = first["mean_cosine"]["interval"]
    assert 0 < low <= first["mean_cosine"]["after"] - first["mean_cosine"]["before"] <= high


def test_a_number_that_is_undefined_is_null_with_the_reason(write: Write) -> None:
    other = write("other.npy", np.random.default_rng(0).normal(size=(30, 4)))
    found = readings(write("same.npy", np.ones((30, 4))), other)
    assert found["isoscore"]["before"] is None
    assert found["isoscore"]["after"] > 0
    assert "alike" in found["isoscore"]["note"]
    assert found["cka_debiased"]["value"] is None
    narrower = readings(write("a.npy", np.eye(12)), write("b.npy", np.eye(12)[:, :9]))
    assert narrower["drift_cosine"]["value"] is None
    assert "no coordinates are shared" in narrower["drift_cosine"]["note"]
    assert narrower["procrustes_distance"]["value"] > 0


def test_a_map_is_scored_as_a_map(write: Write) -> None:
    rows = np.random.default_rng(0).normal(size=(80, 5)) * [3, 2, 0.1, 0.1, 0.1]
    found = readings(write("x.npy", rows), write("map.npy", rows[:, :2]))
    assert found["trustworthiness"]["value"] > 0.8
    assert found["continuity"]["value"] > 0.8


def test_the_split_leaves_something_of_every_label_on_both_sides() -> None:
    labels = np.array(["a"] * 40 + ["b"] * 3 + ["c"] * 2 + ["d"])
    held_out = stratified(labels, seed=0)
    assert held_out.tolist() == stratified(labels, seed=0).tolist()
    counts = {label: int(held_out[labels == label].sum()) for label in "abcd"}
    assert counts == {"a": 10, "b": 1, "c": 1, "d": 0}


def test_no_torch_is_needed() -> None:
    code = "import embedlab.vectors, sys; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_files_and_settings_that_do_not_fit_are_refused(cloud: Path, write: Write, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="60 and 59 vectors"):
        measure_vectors(cloud, write("short.npy", np.ones((59, 8))), None)
    for k in (0, 60):
        with pytest.raises(UserError, match="choose k between 1 and 59"):
            measure_vectors(cloud, None, None, k=k)
    with pytest.raises(UserError, match="no file"):
        measure_vectors(tmp_path / "missing.npy", None, None)
    one_kind = tmp_path / "labels.csv"
    one_kind.write_text("a\n" * 60)
    found = readings(cloud, labels=one_kind)
    assert found["wsd_centroid_macro_f1"]["before"] is None
    assert "two labels" in found["wsd_centroid_macro_f1"]["note"]


# ---------------------------------------------------------------- which rows go together


def test_named_files_are_compared_on_the_names_they_share(tmp_path: Path, write: Write) -> None:
    rng = np.random.default_rng(0)
    rows, names = rng.normal(size=(40, 6)), np.array([f"w{i}" for i in range(40)])
    kept = rng.permutation(30)
    np.savez(tmp_path / "a.npz", X=rows, words=names)
    wider = np.concatenate([rows[kept] @ np.linalg.qr(rng.normal(size=(9, 9)))[0][:6], rng.normal(size=(4, 9))])
    np.savez(tmp_path / "b.npz", X=wider, words=np.array([*names[kept], "x", "y", "z", "v"]))
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join("ab"[i % 2] for i in range(40)))
    found = measure_vectors(tmp_path / "a.npz", tmp_path / "b.npz", labels, k=5)
    assert (found["n"], found["dim"], found["dim_after"]) == (30, 6, 9)
    assert found["coverage"] == {"before": 40, "after": 34, "shared": 30, "order": "that of before"}
    assert "names from “words”" in found["notes"][0]
    assert found["readings"]["knn_jaccard"]["value"] == 1.0
    assert found["readings"]["cka_linear"]["value"] == pytest.approx(1)
    assert found["readings"]["drift_cosine"]["value"] is None
    # the labels went with their rows: the same rows by hand, without names
    by_hand = tmp_path / "hand.csv"
    by_hand.write_text("\n".join("ab"[i % 2] for i in sorted(kept)))
    alone = readings(write("x.npy", rows[sorted(kept)]), labels=by_hand)
    for name in ("wsd_knn_accuracy", "silhouette_cosine_macro", "isoscore_star"):
        assert alone[name]["before"] == found["readings"][name]["before"]


def test_only_one_file_with_names_is_refused(tmp_path: Path, cloud: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.load(cloud), words=np.array([f"w{i}" for i in range(60)]))
    with pytest.raises(UserError, match=r"a\.npz names its rows and cloud\.npy does not"):
        measure_vectors(tmp_path / "a.npz", cloud, None)
    np.savez(tmp_path / "b.npz", X=np.load(cloud), words=np.array([f"v{i}" for i in range(60)]))
    with pytest.raises(UserError, match="share 0 of 60 and 60 names"):
        measure_vectors(tmp_path / "a.npz", tmp_path / "b.npz", None)


def test_a_folder_of_embed_is_measured_at_a_layer(tmp_path: Path) -> None:
    corpus = sense_corpus(6)
    items = [*targets(corpus), targets(corpus)[0]]  # one of them twice
    before = take_snapshot(FakeEncoder(1.0), items, tmp_path / "before")
    take_snapshot(FakeEncoder(0.5, dims=(12, 20)), items[::-1][:-1], tmp_path / "after", layers=[1])
    found = measure_vectors(tmp_path / "before", tmp_path / "after", None, k=3)
    assert found["coverage"] == {"before": 25, "after": 24, "shared": 24, "order": "that of before"}
    assert (found["dim"], found["dim_after"]) == (16, 20)
    first = measure_vectors(tmp_path / "before", None, None, k=3, layer=0)
    assert first["dim"] == 12
    assert first["readings"]["mean_cosine"]["before"] == pytest.approx(mean_cosine(before.layers[0]))
    with pytest.raises(UserError, match="holds no layer 0: choose one of 1"):
        measure_vectors(tmp_path / "before", tmp_path / "after", None, k=3, layer=0)


def test_a_model_needs_texts_to_embed(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(UserError, match="model is a folder, of a model perhaps: give the texts"):
        measure_vectors(tmp_path / "model", None, None)
    rows = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    asked: list[str] = []

    def embed(source: str) -> np.ndarray:
        asked.append(source)
        return rows if source == "builtin" else rows * 2

    found = measure_vectors(Path("builtin"), tmp_path / "model", None, embed=embed)
    assert asked == ["builtin", str(tmp_path / "model")]
    assert found["n"] == 30
    assert found["readings"]["drift_cosine"]["value"] == pytest.approx(0, abs=1e-12)
    assert "coverage" not in found


def test_isoscore_star_is_isoscore_of_the_shrunk_covariance(cloud: Path) -> None:
    rows = np.load(cloud)
    even = np.eye(8) * np.cov(rows.T).trace() / 8
    wanted = isoscore_star(rows, ZETA, even)
    assert readings(cloud)["isoscore_star"]["before"] == pytest.approx(wanted, rel=1e-12)


def test_the_p_of_accuracy_is_that_of_mcnemar(tmp_path: Path, write: Write) -> None:
    rng = np.random.default_rng(0)
    kind = np.arange(80) % 2
    clear, mud = rng.normal(size=(80, 4)) + 6 * (2 * kind[:, None] - 1), rng.normal(size=(80, 4))
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(f"{'ab'[k]},{'test' if i >= 40 else 'train'}" for i, k in enumerate(kind)))
    found = readings(write("mud.npy", mud), write("clear.npy", clear), labels)["wsd_centroid_accuracy"]
    assert found["after"] == 1.0
    wrong = round(40 * (1 - found["before"]))
    assert found["p"] == pytest.approx(2 * 0.5**wrong)  # all discordant rows on one side
    same = readings(write("a.npy", mud), write("b.npy", mud), labels)["wsd_centroid_accuracy"]
    assert same["p"] == 1.0
