"""`measure` on files: every number beside an independent implementation, one sentence for what cannot be read."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import pandas as pd
import pytest

from embedlab.errors import UserError
from embedlab.vectorfiles import read_labels, read_vectors
from embedlab.vectors import ONE_SPACE, PAIR_NAMES, measure_vectors, stratified
from tests import kit

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
            assert reading["interval"] == [0.0, 0.0], name


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
        assert set(reading) <= {"before", "after", "value", "interval", "note"}
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


# ---------------------------------------------------------------- files


def test_the_same_matrix_from_every_kind_of_file(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", rows)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(rows))
    np.savez_compressed(tmp_path / "a.npz", rows)
    np.savez(tmp_path / "two.npz", X=rows, ids=np.arange(7))
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "a.csv", index=False, header=False)
    frame.to_csv(tmp_path / "headed.tsv", index=False, header=["x", "y", "z"], sep="\t")
    frame.set_axis(["x", "y", "z"], axis=1).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"id": list("abcdefg"), "vector": list(rows)}).to_parquet(tmp_path / "list.parquet")
    for path in sorted(tmp_path.iterdir()):
        found = read_vectors(path)
        assert found.shape == (7, 3), path.name
        assert np.allclose(found, rows), path.name


def bad(name: str, data: Any, text: str) -> Any:
    return pytest.param(name, data, text, id=f"{name}: {text}")


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        bad("x.npy", np.array([[1, "a"], [2, "b"]], dtype=object), "Python objects"),
        bad("x.npy", np.array([["a", "b"]]), "not plain numbers"),
        bad("x.npy", np.array([[1j, 2]]), "not plain numbers"),
        bad("x.npy", np.arange(6.0), "1 dimensions, not 2"),
        bad("x.npy", np.zeros((0, 4)), "nothing to measure"),
        bad("x.npy", np.zeros((4, 0)), "nothing to measure"),
        bad("x.npy", np.array([[1.0, 2], [3, np.nan], [np.inf, 0]]), "row 2 holds"),
        bad("x.npy", b"\x93NUMPY\x01\x00", "not a readable npy"),
        bad("x.npy", b"\x89PNG\r\n\x1a\n", "not a readable npy"),
        bad("x.npy", b"", "is empty"),
        bad("x.npz", b"PK\x03\x04 nothing", "not a readable npz"),
        bad("x.csv", b"1,2\n3\n", "equally many a row"),
        bad("x.csv", b"1,2\n3,four\n", "not a table of numbers"),
        bad("x.csv", b"1,2\n\xff\xfe", "UTF-8"),
        bad("x.parquet", b"PAR1 and no more", "not a readable parquet"),
        bad("x.pt", b"weights", "not of a kind read here"),
    ],
)
def test_what_is_no_matrix_is_refused_in_one_sentence(tmp_path: Path, name: str, data: Any, text: str) -> None:
    path = tmp_path / name
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        np.save(path, data, allow_pickle=True)
    with pytest.raises(UserError, match=text) as caught:
        read_vectors(path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_header_that_promises_more_than_the_file_holds_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.npy"
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**4)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"\0" * 64)
    with pytest.raises(UserError, match="not a readable npy"):
        read_vectors(path)


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", b"\0" * 40_000_000)
    with pytest.raises(UserError, match="would unpack to"):
        read_vectors(path)


def test_no_pickle_inside_an_archive_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, X=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="never loaded"):
        read_vectors(path)


def test_labels_may_have_a_header_and_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("sense\nriver\nmoney\n\nriver\n", encoding="utf-8-sig")
    labels, held_out = read_labels(path, 3)
    assert labels.tolist() == ["river", "money", "river"]
    assert held_out is None
    path.write_text("river,train\nmoney,test\n")
    assert read_labels(path, 2)[1].tolist() == [False, True]  # type: ignore[union-attr]
    with pytest.raises(UserError, match="2 labels and there are 5 vectors"):
        read_labels(path, 5)
    path.write_text("river\n \nmoney\n")
    with pytest.raises(UserError, match="no label for vector 2"):
        read_labels(path, 3)
    path.write_text("river,train\nmoney,dev\n")
    with pytest.raises(UserError, match="vector 2"):
        read_labels(path, 2)
    with pytest.raises(UserError, match="no file nowhere"):
        read_labels(tmp_path / "nowhere.csv", 2)


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
