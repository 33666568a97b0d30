"""Rows kept ready answer one question as `nearest` answers it: ties, zero rows, exclusion and all."""

import numpy as np
import pytest

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import Ready, nearest


def test_each_question_is_answered_as_by_the_search_without_an_index() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 12)).astype(np.float32)
    X[50:60] = X[3]  # ties
    X[7] = 0.0
    ready, ids, cosine = Ready(X), *nearest(X, 20)
    for row in range(0, 400, 7):
        found, near = ready.nearest(X[row], 20, exclude=row)
        assert found.tolist() == ids[row].tolist()
        np.testing.assert_allclose(near, cosine[row], atol=1e-6)


def test_cosines_are_those_of_the_rows_named() -> None:
    X = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [-3.0, 0.0]])
    assert Ready(X).cosines(np.array([5.0, 0.0]), np.array([3, 0, 2, 1])).tolist() == [-1.0, 1.0, 0.0, 0.0]


def test_more_than_there_is_and_what_is_not_finite_are_refused() -> None:
    X = np.eye(3)
    assert len(Ready(X).nearest(X[0], 3)[0]) == len(Ready(X)) == 3
    with pytest.raises(MeasureError, match="2 candidates"):
        Ready(X).nearest(X[0], 3, exclude=0)
    with pytest.raises(MeasureError, match="finite"):
        Ready(X).nearest(np.array([np.nan, 0.0, 0.0]), 1)
