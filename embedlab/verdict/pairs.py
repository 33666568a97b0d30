"""Rule 3: does a held-out text find its related text among those of all held-out rows?"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float32, Float64, Int64

from embedlab.comparing.intervals import draws_for
from embedlab.measure import retrieval, uncertainty
from embedlab.measure.noise import seed_noise
from embedlab.measure.rows import slices, unit
from embedlab.types import Answer, Reading
from embedlab.verdict.rules import RULES, Rules
from embedlab.verdict.states import States
from embedlab.verdict.task import TaskScore
from embedlab.wording import count

FLIPS = 9_999
FEWEST_FLIPS = 999
FLIP_CELLS = 50_000_000  # flips x queries
BLOCK = 1024  # questions whose first text is looked up at once
SCORES: dict[str, Callable[[Int64[np.ndarray, "pair"]], Float64[np.ndarray, "pair"]]] = {
    "mrr": retrieval.reciprocal_rank,
    "ndcg_10": partial(retrieval.ndcg_at, k=10),
    "recall_1": partial(retrieval.recall_at, k=1),
    "recall_10": partial(retrieval.recall_at, k=10),
}


@dataclass(frozen=True)
class Questions:
    """Held-out pairs: query[i] and partner[i] are rows among whole texts, each pair once, in the order of the corpus.

    candidates: every partner of a held-out row, each once. `of` is the number of queries there are, where not all ask.
    """

    texts: tuple[str, ...]
    query: Int64[np.ndarray, "pair"]
    partner: Int64[np.ndarray, "pair"]
    candidates: Int64[np.ndarray, "candidate"]
    of: int

    @property
    def queries(self) -> Int64[np.ndarray, "query"]:
        return np.unique(self.query)

    def other_partners(self) -> dict[int, list[int]]:
        """Every text a query has as a partner."""
        partners: dict[int, list[int]] = defaultdict(list)
        for query, partner in zip(self.query.tolist(), self.partner.tolist(), strict=True):
            partners[query].append(partner)
        return partners


def pair_score(states: States, rules: Rules = RULES) -> TaskScore | None:
    """Mean reciprocal rank; None where the corpus does not allow it. A query with several partners counts once."""
    asked = questions(states, rules)
    if asked is None or len(asked.queries) < rules.least_items:
        return None
    ranks = _ranks(states, asked)
    readings = tuple(_reading(name, asked, ranks, states.seed) for name in SCORES)
    first = [one == 1 for one in ranks[:2]]
    won, lost = np.flatnonzero(first[1] & ~first[0]), np.flatnonzero(first[0] & ~first[1])
    answers = _answers(states, asked, np.concatenate([won, lost]), (first[0], first[1]))
    return TaskScore(
        what=f"retrieval MRR (among {count(len(asked.candidates), 'text')})",
        items=len(asked.query),
        item="pair",
        scores=readings,
        won=answers[: len(won)],
        lost=answers[len(won) :],
        test="signs flipped by query",
        how=_how(asked),
        seeds=len(states.trained),
    )


def questions(states: States, rules: Rules = RULES) -> Questions | None:
    """The held-out pairs whose two texts all models have; a text paired with itself asks nothing.

    Of more than most_cosines / candidates queries those with the smallest sha256 of their text ask.
    """
    corpus = states.corpus
    if corpus.pairs is None:
        return None
    pairs: dict[tuple[int, int], None] = {}
    for text, related, held in zip(corpus.texts, corpus.pairs, states.held_out, strict=True):
        if held and related is not None and related != text:
            one, two = states.place[text], states.place[related]
            if states.seen[one] and states.seen[two]:
                pairs.setdefault((one, two))
    texts = tuple(states.place)
    query, partner = (np.array([pair[i] for pair in pairs], dtype=np.int64) for i in (0, 1))
    candidates, asking = np.unique(partner), np.unique(query)
    most = max(rules.least_items, rules.most_cosines // max(1, len(candidates)))
    if len(asking) > most:
        chosen = sorted(asking, key=lambda row: hashlib.sha256(texts[row].encode()).digest())[:most]
        some = np.isin(query, chosen)
        query, partner = query[some], partner[some]
    return Questions(texts, query, partner, candidates, len(asking))


def _ranks(states: States, asked: Questions) -> list[Int64[np.ndarray, "pair"]]:
    """The rank of each partner, 1 = first, in before, after and each replicate."""
    rows = np.unique(np.concatenate([asked.query, asked.candidates]))
    at = {row: i for i, row in enumerate(rows.tolist())}
    parts = (asked.query, asked.partner, asked.candidates)
    where = [np.array([at[row] for row in part.tolist()], dtype=np.int64) for part in parts]
    before, after, *others = states.each_text(rows)
    first = _ranks_in(before, *where)
    return [first, first if after is before else _ranks_in(after, *where), *(_ranks_in(x, *where) for x in others)]


def _ranks_in(
    vectors: Float32[np.ndarray, "n d"],
    query: Int64[np.ndarray, "pair"],
    partner: Int64[np.ndarray, "pair"],
    candidates: Int64[np.ndarray, "candidate"],
) -> Int64[np.ndarray, "pair"]:
    """The rank of each partner among the candidates in one space; a query's other partners are no rivals of it."""
    found = retrieval.ranks(vectors, query, partner, candidates)
    of = np.unique(query, return_inverse=True)[1]
    for several in np.flatnonzero(np.bincount(of) > 1):
        pairs = np.flatnonzero(of == several)
        asked, theirs = unit(vectors[query[pairs[:1]]]), unit(vectors[partner[pairs]])
        cosine = (theirs @ asked[0]).round(retrieval.DECIMALS)
        found[pairs] -= (cosine >= cosine[:, None]).sum(axis=1) - 1
    return found


def _reading(name: str, asked: Questions, ranks: list[Int64[np.ndarray, "pair"]], seed: int) -> Reading:
    """A mean over queries, resampled by query; p by flipping signs of queries."""
    by_query = [_by_query(asked, SCORES[name](one)) for one in ranks]
    before, after = by_query[:2]
    means = [float(one.mean()) for one in by_query]
    n = len(before)
    interval = uncertainty.paired_bootstrap(before, after, draws=draws_for(n), seed=seed)
    flips = min(FLIPS, max(FEWEST_FLIPS, FLIP_CELLS // n))
    p = uncertainty.sign_flip_p(before, after, permutations=flips, seed=seed)
    return Reading(name, means[0], means[1], interval=interval, p=p, noise=seed_noise(means[1:]))


def _by_query(asked: Questions, values: Float64[np.ndarray, "pair"]) -> Float64[np.ndarray, "query"]:
    """The mean over the partners of each query."""
    of = np.unique(asked.query, return_inverse=True)[1]
    return np.bincount(of, weights=values) / np.bincount(of)


def _answers(
    states: States, asked: Questions, pairs: Int64[np.ndarray, "some"], right: tuple[np.ndarray, np.ndarray]
) -> tuple[Answer, ...]:
    """What each model ranked first for some pairs: the partner where it is right, else the first of the others."""
    said = [
        np.where(hit[pairs], asked.partner[pairs], _first_rival(states.whole(state), asked, pairs))
        for state, hit in zip((states.before, states.after), right, strict=True)
    ]
    return tuple(
        Answer(*(asked.texts[row] for row in (asked.query[pair], asked.partner[pair], before, after)))
        for pair, before, after in zip(pairs, said[0], said[1], strict=True)
    )


def _first_rival(
    texts: Float32[np.ndarray, "whole d"], asked: Questions, pairs: Int64[np.ndarray, "some"]
) -> Int64[np.ndarray, "some"]:
    """The candidate nearest to each query that is neither the query itself nor one of its partners."""
    partners = asked.other_partners()
    rivals = unit(np.asarray(texts[asked.candidates]))
    found = np.empty(len(pairs), dtype=np.int64)
    for part in slices(len(pairs), BLOCK):
        queries = asked.query[pairs[part]]
        cosine = unit(np.asarray(texts[queries])) @ rivals.T
        for line, query in zip(cosine, queries.tolist(), strict=True):
            line[np.isin(asked.candidates, [query, *partners[query]])] = -np.inf
        found[part] = asked.candidates[cosine.argmax(axis=1)]
    return found


def _how(asked: Questions) -> tuple[str, ...]:
    some = len(asked.queries)
    who = "Each held-out text asks"
    if some < asked.of:
        who = f"{some:,} of the {asked.of:,} held-out texts, chosen by their sha256, ask"
    return (
        f"{who} for its partner among {count(len(asked.candidates), 'related text')} of held-out rows, by cosine at "
        "the last layer; a tie counts against the partner, the text itself and its other partners are no rivals.",
    )
