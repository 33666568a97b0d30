"""Agreement of a map with its space, point by point, and clusters: by hand, at the extremes, against scikit-learn."""

import numpy as np
import pytest

from embedlab.errors import MeasureError
from embedlab.measure.agreement import clusters, neighbour_agreement
from embedlab.measure.projection import trustworthiness


def circle(n: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_a_map_that_is_the_space_agrees_with_it_everywhere() -> None:
    assert neighbour_agreement(circle(17), circle(17) * 40 + 3, k=4).tolist() == [1.0] * 17


def test_one_point_torn_away_is_the_one_that_disagrees() -> None:
    X = circle(24)
    E = X.copy()
    E[5] = -2 * X[5]  # shown on the other side
    found = neighbour_agreement(X, E, k=2)
    assert found[5] == 0.0
    assert found.argmin() == 5
    assert (found[[0, 1, 8, 9]] == 1.0).all()


def test_it_is_what_an_independent_search_finds() -> None:
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(0)
    X, E = rng.normal(size=(60, 12)), rng.normal(size=(60, 2))
    true = NearestNeighbors(n_neighbors=8, metric="cosine").fit(X).kneighbors(return_distance=False)
    seen = NearestNeighbors(n_neighbors=8).fit(E).kneighbors(return_distance=False)
    wanted = [len(set(a) & set(b)) / 8 for a, b in zip(true.tolist(), seen.tolist(), strict=True)]
    assert neighbour_agreement(X, E, k=8).tolist() == wanted


def test_by_chance_it_is_k_of_the_others_and_it_follows_trustworthiness() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 20))
    assert neighbour_agreement(X, rng.normal(size=(400, 2)), k=20).mean() == pytest.approx(20 / 399, abs=0.01)
    good = X[:, :2] * 5
    plane = np.hstack([good, rng.normal(size=(400, 3)) * 0.1])
    maps = [good + rng.normal(size=good.shape) * noise for noise in (0.1, 1.0, 4.0, 20.0)]
    agreed = [float(neighbour_agreement(plane, E, k=12).mean()) for E in maps]
    assert agreed == sorted(agreed, reverse=True)
    trusted = [trustworthiness(plane, E, k=12) for E in maps]
    assert trusted == sorted(trusted, reverse=True)
    with pytest.raises(MeasureError, match="every point has 399 others"):
        neighbour_agreement(X, X[:, :2], k=400)


def blobs(seed: int, sizes: tuple[int, ...] = (40, 25, 15)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(sizes), 30)) * 3
    of = np.repeat(np.arange(len(sizes)), sizes)
    return centres[of] + rng.normal(size=(len(of), 30)), of


@pytest.mark.parametrize("seed", range(3))
def test_clear_groups_are_found_counted_and_ordered_by_size(seed: int) -> None:
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    X, of = blobs(seed)
    order = np.random.default_rng(9).permutation(len(X))
    found = clusters(X[order])
    assert found.many == 3
    assert adjusted_rand_score(of[order], found.of) == 1.0
    assert np.bincount(found.of).tolist() == [40, 25, 15]
    assert found.silhouette == pytest.approx(silhouette_score(X[order], found.of, metric="cosine"), abs=1e-9)
    assert clusters(X[order]).of.tolist() == found.of.tolist(), "the same rows, the same clusters"
    assert clusters(X[order] * 7).of.tolist() == found.of.tolist(), "length does not count"


def test_one_cloud_stays_one_and_alike_rows_do_not_break_it() -> None:
    cloud = np.random.default_rng(0).normal(size=(80, 40)) + 4
    assert clusters(cloud) == (pytest.approx(np.zeros(80)), 1, None)
    alike = np.tile(np.array([[1.0, 2.0]]), (6, 1))
    assert clusters(alike).many == 1
    assert set(clusters(alike, 3).of.tolist()) == {0, 1, 2}
    assert clusters(np.zeros((4, 3)), 2).many == 2
    with pytest.raises(MeasureError, match="cannot be 7 clusters"):
        clusters(alike, 7)
