"""Noise floors: by hand, at the extremes, by plain loops, and on simulated seeds that differ by nothing but noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlab.errors import MeasureError
from embedlab.measure import neighbours, noise
from embedlab.measure.uncertainty import benjamini_hochberg

K = 10
STEP = 2 / (K + 1)

# ---------------------------------------------------------------- readings


def test_seed_noise_by_hand():
    # two seeds differ by x: sd = x / sqrt(2), noise = t(.975, 1) x
    assert noise.seed_noise([0.3, 0.4]) == pytest.approx(12.7062 * 0.1, rel=1e-4)
    assert noise.seed_noise([0.1, 0.1, 0.1]) == 0.0
    assert noise.seed_noise([]) is None


def test_pair_noise_by_hand():
    assert noise.pair_noise([0.9, 0.8, 0.7], 1.0, None, 1.0) == pytest.approx(
        1 - (0.2 + 4.302653 * 0.1 * np.sqrt(4 / 2))
    )
    assert noise.pair_noise([0.9, 0.8, 0.7], 1.0, 0.6, 1.0) == 0.6
    assert noise.pair_noise([0.0, 0.0, 0.0], 0.0, 0.0, 2.0) == 0.0
    assert noise.pair_noise([1.0], 1.0, 0.0, 1.0) == 1.0
    assert noise.pair_noise([0.1], 0.0, 0.0, None) == pytest.approx(0.2)
    assert noise.pair_noise([], 0.0, 0.0, None) is None


def test_two_seeds_in_both_roles_exceed_the_noise_of_a_pair_at_most_about_one_time_in_twenty():
    """Seeds that lie further out are further from all others: d_ij = m + u_i + u_j."""
    rng = np.random.default_rng(1)
    for seeds in (3, 5):
        beyond = []
        for _ in range(2000):
            out = rng.normal(size=seeds + 1)
            of_pairs = [1.0 + 0.05 * (out[i] + out[j]) for i, j in noise.seed_pairs(seeds)]
            beyond.append(1.0 + 0.05 * (out[0] + out[seeds]) > noise.pair_noise(of_pairs, 0.0, 0.0, None))
        assert np.mean(beyond) <= 0.06


def test_two_seeds_in_both_roles_exceed_the_noise_of_a_reading_at_most_one_time_in_twenty():
    rng = np.random.default_rng(0)
    for seeds in (2, 3, 5):
        values = rng.normal(size=(4000, seeds + 1))
        beyond = [abs(row[1] - row[0]) > noise.seed_noise(row[1:].tolist()) for row in values]
        assert np.mean(beyond) <= 0.055  # .05 and three standard errors of 4000 draws


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(-5, 5), st.floats(0.1, 10))
def test_seed_noise_follows_scale_and_not_place(values, shift, scale):
    moved = [shift + scale * value for value in values]
    assert noise.seed_noise(moved) == pytest.approx(scale * noise.seed_noise(values), abs=1e-9)


# ---------------------------------------------------------------- items, by hand and by loops


def test_without_any_noise_no_change_is_no_noise_and_any_change_is_more():
    for seeds, draws in ((2, 1), (3, 3), (5, 10), (0, 2)):
        observed = np.zeros(300)
        observed[7] = 1.0
        found = noise.item_noise(observed, np.zeros((draws, 300)), np.arange(300, 0, -1), seeds, STEP)
        assert not found.limit.any()
        assert (observed > found.limit).tolist() == [i == 7 for i in range(300)]
        assert (np.delete(found.p, 7) == 1).all()
        q = benjamini_hochberg(found.p)
        assert 0 < found.p[7] < 1e-4
        assert (q <= 0.05).tolist() == [i == 7 for i in range(300)]


def test_one_draw_expects_the_mean_of_the_bin():
    null = np.array([[0.0, 0.2, 0.4]])
    found = noise.item_noise(np.array([0.0, 0.2, 1.0]), null, np.array([5, 5, 5]), seeds=2, step=0.2)
    np.testing.assert_allclose(found.limit, 0.4)  # mean .2 and the largest miss .2
    # misses -.2 0 .2 share one spread, so the p below the tail counts them: (1 + 3) / 4, (1 + 2) / 4
    np.testing.assert_allclose(found.p[:2], [1.0, 0.75])
    assert found.p[2] < 0.25


def by_loops(observed, null, counts, seeds, step):
    """The same written out item by item."""
    order = sorted(range(len(counts)), key=lambda i: -counts[i])
    groups = [list(part) for part in np.array_split(order, max(1, len(counts) // 100))]
    pairs = [(i, j) for i in range(seeds) for j in range(i + 1, seeds)]
    plays = [
        ([d for d, p in enumerate(pairs) if s in p], [d for d, p in enumerate(pairs) if s not in p])
        for s in range(seeds)
    ]
    left = len(plays[0][1])

    def expect(rows, group, i, between, within):
        own = {j: sum(null[d][j] for d in rows) / len(rows) for j in group}
        common = sum(own.values()) / len(group)
        shrink = between / (between + within / left) if between else 0.0
        return common + shrink * (own[i] - common)

    limit, scores, all_scores, spreads = {}, {}, [], {}
    for group in groups:
        columns = [[null[d][i] for d in range(len(null))] for i in group]
        within = float(np.mean([np.var(column, ddof=1) for column in columns]))
        between = max(0.0, float(np.var([np.mean(column) for column in columns], ddof=1)) - within / len(null))
        misses = []
        for i in group:
            for tested, rest in plays:
                e = expect(rest, group, i, between, within)
                for d in tested:
                    misses.append(null[d][i] - e)
                    all_scores.append(
                        (null[d][i] - e) / np.sqrt(min(max(e, 0), 1) * (1 - min(max(e, 0), 1)) + (1.5 * step) ** 2)
                    )
        beyond = sorted(misses)[int(np.ceil(0.95 * (len(misses) - 1)))]
        for i in group:
            e = expect(range(len(null)), group, i, between, within)
            spreads[i] = np.sqrt(min(max(e, 0), 1) * (1 - min(max(e, 0), 1)) + (1.5 * step) ** 2)
            limit[i] = min(max(e + beyond, 0), 1)
            scores[i] = (observed[i] - e) / spreads[i]
    all_scores.sort()
    n, p = len(all_scores), {}
    top = int(np.ceil(0.05 * n))
    tail = all_scores[-top:]
    for i, score in scores.items():
        if score > tail[0] + 1e-9:
            excess = max(sum(x - tail[0] for x in tail) / (top - 1), 0.35 * step / spreads[i])
            p[i] = (1 + top) / (1 + n) * np.exp(-(score - tail[0]) / excess)
        else:
            p[i] = (1 + sum(x >= score - 1e-9 for x in all_scores)) / (1 + n)
    return [limit[i] for i in range(len(observed))], [p[i] for i in range(len(observed))]


def test_items_agree_with_plain_loops():
    rng = np.random.default_rng(3)
    own = rng.beta(1, 4, size=230)
    null = np.clip(own + 0.1 * rng.normal(size=(6, 230)), 0, 1)
    observed = np.clip(own + 0.2 * rng.normal(size=230), 0, 1)
    counts = rng.integers(2, 500, size=230)
    found = noise.item_noise(observed, null, counts, 4, STEP)
    limit, p = by_loops(observed.tolist(), null.tolist(), counts.tolist(), 4, STEP)
    np.testing.assert_allclose(found.limit, limit, atol=1e-12)
    np.testing.assert_allclose(found.p, p, rtol=1e-9)


def test_an_item_is_held_against_its_own_past_and_a_borrowed_one_less():
    rng = np.random.default_rng(1)
    own = np.repeat([0.1, 0.6], 70)
    null = np.clip(own + 0.03 * rng.normal(size=(3, 140)), 0, 1)
    counts = np.full(140, 9)
    found = noise.item_noise(np.full(140, 0.4), null, counts, 3, STEP)
    assert (found.limit[:70] < 0.4).all()  # quiet items: .4 is more than they ever do
    assert (found.limit[70:] > 0.4).all()
    one_draw = noise.item_noise(np.full(140, 0.4), null[:1], counts, 2, STEP)
    assert np.ptp(one_draw.limit) == pytest.approx(0)  # one draw cannot tell a noisy item from an unlucky one


def test_refusals_are_sentences():
    good = np.zeros(4)
    with pytest.raises(MeasureError, match="3 seeds have 3 pairs, and there are 2 changes"):
        noise.item_noise(good, np.zeros((2, 4)), np.ones(4, dtype=int), seeds=3)
    with pytest.raises(MeasureError, match="not a finite number"):
        noise.item_noise(np.array([0, np.nan, 0, 0]), np.zeros((1, 4)), np.ones(4, dtype=int))
    with pytest.raises(MeasureError, match="at least one change of every item"):
        noise.item_noise(good, np.zeros((0, 4)), np.ones(4, dtype=int))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0, 2, 3, 4]), st.integers(1, 130))
def test_bounds_hold_p_falls_with_change_and_order_does_not_matter(seed, seeds, items):
    rng = np.random.default_rng(seed)
    draws = seeds * (seeds - 1) // 2 if seeds else 2
    null, observed = rng.random((draws, items)).round(1), rng.random(items).round(1)
    counts = rng.permutation(items) + 1  # all different: equal counts are binned in the order given
    found = noise.item_noise(observed, null, counts, seeds, 0.1)
    assert ((found.limit >= 0) & (found.limit <= 1)).all()
    assert ((found.p > 0) & (found.p <= 1)).all()
    more = noise.item_noise(observed + 0.1, null, counts, seeds, 0.1)
    assert (more.p <= found.p + 1e-12).all()
    order = rng.permutation(items)
    turned = noise.item_noise(observed[order], null[:, order], counts[order], seeds, 0.1)
    np.testing.assert_allclose(turned.limit, found.limit[order], atol=1e-9)
    np.testing.assert_allclose(turned.p, found.p[order], rtol=1e-6)


# ---------------------------------------------------------------- simulated seeds: real neighbours of noisy vectors


class Seeds:
    """Vectors of 300 words in clusters; a seed moves every word by noise of its own size, less for frequent words."""

    def __init__(self, seed, level=0.15, words=300, dim=16):
        self.rng = np.random.default_rng(seed)
        centres = self.rng.normal(size=(words // 15, dim))
        self.base = centres[self.rng.integers(len(centres), size=words)] + 0.6 * self.rng.normal(size=(words, dim))
        self.counts = np.maximum(2, (3000 / np.arange(1, words + 1) ** 0.9).astype(int))
        self.sd = level * np.exp(0.5 * self.rng.normal(size=words)) * np.sqrt(np.clip(10 / self.counts, 0.01, 1))

    def draw(self, moved=()):
        vectors = self.base + self.rng.normal(size=self.base.shape) * self.sd[:, None]
        for word in moved:  # to where another word is
            vectors[word] = self.base[(word + len(vectors) // 2) % len(vectors)] + 0.1 * self.rng.normal(
                size=vectors.shape[1]
            )
        return nearest(vectors)


def nearest(vectors):
    """As neighbours.nearest gives them, in the time that hundreds of spaces allow (a test holds the two together)."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    return np.argpartition(-cosine, K, axis=1)[:, :K]


def change(one, two):
    return 1 - neighbours.knn_jaccard(one, two)


def compared(world, seeds, moved=()):
    """(observed, noise) of one simulated comparison; seeds = 0: the control, two halves in each of two models."""
    if seeds:
        lists = [world.draw() for _ in range(seeds)]
        null = np.array([change(lists[i], lists[j]) for i, j in noise.seed_pairs(seeds)])
        after = lists[0]
    else:
        null = np.array([change(world.draw(), world.draw()) for _ in range(2)])
        after = world.draw()
    observed = change(world.draw(moved), after)
    return observed, noise.item_noise(observed, null, world.counts, seeds, STEP)


def called(observed, found):
    return (observed > found.limit) & (benjamini_hochberg(found.p) <= 0.05)


def test_the_quick_neighbours_are_the_neighbours():
    vectors = np.random.default_rng(0).normal(size=(80, 16))
    ours = neighbours.nearest(vectors, K)[0]
    np.testing.assert_array_equal(np.sort(nearest(vectors)), np.sort(ours))


@pytest.mark.parametrize("level", [0.07, 0.15, 0.3])  # a quarter of the words change ... up to a third of each list
@pytest.mark.parametrize("seeds", [0, 2, 3, 5])
def test_under_the_null_few_items_look_changed_and_hardly_a_comparison_calls_one(seeds, level):
    share, beyond, any_called = [], [], []
    for number in range(100):
        observed, found = compared(Seeds([number, seeds], level), seeds)
        share.append(np.mean(found.p <= 0.05))
        beyond.append(np.mean(observed > found.limit))
        any_called.append(called(observed, found).any())
    assert np.mean(share) <= 0.06
    assert np.mean(beyond) <= 0.06
    assert np.mean(any_called) <= 0.07


@pytest.mark.parametrize(("seeds", "least"), [(0, 0.9), (2, 0.6), (3, 0.9), (5, 0.9)])
def test_planted_words_are_found_among_noisy_ones(seeds, least):
    found_share, false_share = [], []
    for number in range(25):
        world = Seeds([number, seeds, 1])
        moved = world.rng.choice(300, 8, replace=False)
        observed, found = compared(world, seeds, moved)
        changed = called(observed, found)
        found_share.append(changed[moved].mean())
        false_share.append(np.delete(changed, moved).sum() / max(1, changed.sum()))
    assert np.mean(found_share) >= least
    # the words around a moved one lose or gain it as a neighbour: their change is real
    assert np.mean(false_share) <= 0.2
