"""Finding a partner: ranks and what follows from them, against sklearn and written-out orders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score, top_k_accuracy_score
from sklearn.metrics.pairwise import cosine_similarity

from embedlab.errors import MeasureError
from embedlab.measure import retrieval
from tests.measure.clouds import QUICK, normal, rotation, seeds


def pairs(seed, n=40, d=6, noise=0.8):
    """n texts and n noisy partners: rows i and n + i belong together."""
    X = normal(seed, n, d)
    return np.vstack([X, X + noise * normal(seed + 1, n, d)]), np.arange(n), np.arange(n, 2 * n)


class TestRanks:
    def test_by_hand(self):
        # cosines of row 0 with 1, 2, 3: 0.6, 0.8, 0
        X = np.array([[1.0, 0.0], [3.0, 4.0], [0.8, 0.6], [0.0, 2.0]])
        for partner, rank in ((1, 2), (2, 1), (3, 3)):
            found = retrieval.ranks(X, np.array([0]), np.array([partner]), np.array([1, 2, 3]))
            assert found.tolist() == [rank]

    def test_ties_count_against(self):
        X = np.ones((5, 3))
        assert retrieval.ranks(X, np.array([0]), np.array([1]), np.arange(5)).tolist() == [4]

    def test_the_query_is_no_competitor_and_repeats_count_once(self):
        X, queries, partners = pairs(0)
        alone = retrieval.ranks(X, queries, partners, partners)
        repeated = retrieval.ranks(X, queries, partners, np.concatenate([partners, partners]))
        np.testing.assert_array_equal(alone, repeated)
        np.testing.assert_array_equal(retrieval.ranks(X, queries, partners, np.r_[partners, 3])[3], alone[3])

    @given(seed=seeds)
    @QUICK
    def test_another_route_bounds_rotation_and_order(self, seed):
        X, queries, partners = pairs(seed, 20)
        candidates = np.arange(40)
        found = retrieval.ranks(X, queries, partners, candidates)
        cosine = cosine_similarity(X)
        np.fill_diagonal(cosine, -np.inf)
        expected = [1 + np.flatnonzero(np.argsort(-cosine[q]) == p)[0] for q, p in zip(queries, partners, strict=True)]
        assert found.tolist() == expected
        assert ((found >= 1) & (found <= 39)).all()
        turned = retrieval.ranks(3 * X @ rotation(seed, 6), queries, partners, candidates[::-1])
        np.testing.assert_array_equal(turned, found)

    def test_blocks_are_the_whole(self, monkeypatch):
        X, queries, partners = pairs(1, 60)
        whole = retrieval.ranks(X, queries, partners, np.arange(120))
        monkeypatch.setattr(retrieval, "QUERY_BLOCK", 7)
        monkeypatch.setattr(retrieval, "CANDIDATE_BLOCK", 11)
        np.testing.assert_array_equal(retrieval.ranks(X, queries, partners, np.arange(120)), whole)

    def test_refusals(self):
        X, queries, partners = pairs(2, 5)
        with pytest.raises(MeasureError, match="not among the candidates"):
            retrieval.ranks(X, queries, partners, partners[1:])
        with pytest.raises(MeasureError, match="its own partner"):
            retrieval.ranks(X, queries, queries, np.arange(10))
        with pytest.raises(MeasureError, match="counts from 1"):
            retrieval.reciprocal_rank(np.array([0]))
        with pytest.raises(MeasureError, match="1 or more places"):
            retrieval.recall_at(np.array([1]), 0)


class TestScores:
    def test_by_sklearn(self):
        X, queries, partners = pairs(3, noise=2.0)
        similarity = cosine_similarity(X[queries], X[partners])
        truth = np.eye(len(queries))
        found = retrieval.ranks(X, queries, partners, partners)
        for k in (1, 3, 10, 40):
            assert retrieval.ndcg_at(found, k).mean() == pytest.approx(ndcg_score(truth, similarity, k=k))
            top = top_k_accuracy_score(np.arange(40), similarity, k=k) if k < 40 else 1.0
            assert retrieval.recall_at(found, k).mean() == pytest.approx(top)
        mrr = label_ranking_average_precision_score(truth, similarity)  # one relevant item: 1 / rank
        assert retrieval.reciprocal_rank(found).mean() == pytest.approx(mrr)

    @given(found=st.lists(st.integers(1, 10_000), min_size=1), k=st.integers(1, 100))
    @QUICK
    def test_bounds_and_order(self, found, k):
        places = np.array(found)
        gain, reciprocal = retrieval.ndcg_at(places, k), retrieval.reciprocal_rank(places)
        recall = retrieval.recall_at(places, k)
        assert ((gain >= 0) & (gain <= 1)).all()
        assert ((reciprocal > 0) & (reciprocal <= 1)).all()
        assert (gain <= recall).all()
        assert (gain[places <= k] >= reciprocal[places <= k]).all()
        better = retrieval.ndcg_at(np.maximum(places - 1, 1), k)
        assert (better >= gain).all()
