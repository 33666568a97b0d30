"""A mean over words of macro-F1, and the test that it is all the same which model gave which answer.

`measure.answers` has the test for the answers about one word; here all words are swapped together.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from embedlab.measure.significance import EXACT_UPTO, permutation_p

SWAPS = 9_999
FEWEST_SWAPS = 999
CELLS = 8_000_000  # swaps x answers held at once


@dataclass(frozen=True)
class Graded:
    """Answers as class numbers, and how much the F1 of each class weighs in the score (weights sum to one).

    With several words the classes of each are numbers of their own, so that a mean over words of the macro-F1 of each
    is one weighted sum.
    """

    truth: Int64[np.ndarray, "item"]
    before: Int64[np.ndarray, "item"]
    after: Int64[np.ndarray, "item"]
    weight: Float64[np.ndarray, "class"]

    def score(self, said: Int64[np.ndarray, "item"]) -> float:
        """sum_c weight_c 2 tp_c / (true_c + said_c); a class never true nor said has F1 0. Range [0, 1]."""
        n = len(self.weight)
        hits = np.bincount(said[said == self.truth], minlength=n)
        named = np.bincount(said, minlength=n) + np.bincount(self.truth, minlength=n)
        return float(self.weight @ (2 * hits / np.maximum(named, 1)))

    def swap_p(self, seed: int) -> float:
        """Two-sided p of score(after) - score(before): before and after of each item swapped by a coin.

        Only items that the two answer differently matter; up to 13 of them all swaps are counted out, above that
        9,999 are drawn (fewer for very many items, never below 999). Range (0, 1]; 1 where no answer differs.
        Source: A18 (sign flip by sentence, for a score that is no mean over sentences).
        """
        differ = np.flatnonzero(self.before != self.after)
        if not len(differ):
            return 1.0
        observed = abs(self.score(self.after) - self.score(self.before))
        if len(differ) <= EXACT_UPTO:
            every = (np.arange(2 ** len(differ))[:, None] >> np.arange(len(differ))) & 1
            null = self._swapped(differ, every.astype(np.float64))
            return float((null >= observed - 1e-12).mean())
        rng = np.random.default_rng([seed, 7])
        swaps = min(SWAPS, max(FEWEST_SWAPS, 50 * CELLS // len(differ)))
        at_once = max(1, CELLS // len(differ))
        sizes = [min(at_once, swaps - first) for first in range(0, swaps, at_once)]
        null = np.concatenate([self._swapped(differ, rng.integers(0, 2, (n, len(differ))) * 1.0) for n in sizes])
        return permutation_p(observed, null)

    def _swapped(
        self, differ: Int64[np.ndarray, "some"], swap: Float64[np.ndarray, "draw some"]
    ) -> Float64[np.ndarray, "draw"]:
        """|score(after) - score(before)| after each pattern of swaps."""
        from scipy.sparse import csr_matrix

        n, at = len(self.weight), np.arange(len(differ))
        was, now, truth = self.before[differ], self.after[differ], self.truth[differ]

        def indicator(classes: np.ndarray, value: np.ndarray) -> csr_matrix:
            return csr_matrix((value.astype(np.float64), (at, classes)), shape=(len(differ), n))

        ones = np.ones(len(differ))
        moved_said = swap @ (indicator(now, ones) - indicator(was, ones))
        moved_hits = swap @ (indicator(now, now == truth) - indicator(was, was == truth))
        true = np.bincount(self.truth, minlength=n)
        scores = []
        for said, sign in ((self.before, 1.0), (self.after, -1.0)):
            hits = np.bincount(said[said == self.truth], minlength=n) + sign * moved_hits
            named = true + np.bincount(said, minlength=n) + sign * moved_said
            scores.append((2 * hits / np.maximum(named, 1)) @ self.weight)
        return np.asarray(np.abs(scores[1] - scores[0]))
