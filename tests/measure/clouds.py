"""Clouds of points for the tests of measure: what is true of them is known in advance."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

seeds = st.integers(0, 2**32 - 1)


def normal(seed: int, n: int = 30, d: int = 5, offset: float = 0.0) -> np.ndarray:
    """n seeded Gaussian points, shifted by `offset` along every axis."""
    return np.random.default_rng(seed).normal(size=(n, d)) + offset


def rotation(seed: int, d: int) -> np.ndarray:
    """A seeded orthogonal matrix."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


@st.composite
def clouds(draw: st.DrawFn, least: int = 12, most: int = 40) -> np.ndarray:
    """Distinct Gaussian points with a random offset and stretch: no ties, no zero rows."""
    n, d = draw(st.integers(least, most)), draw(st.integers(2, 6))
    offset, stretch = draw(st.sampled_from([0.0, 1.0, 10.0])), draw(st.sampled_from([1.0, 5.0]))
    points = normal(draw(seeds), n, d, offset)
    points[:, 0] *= stretch
    return points
