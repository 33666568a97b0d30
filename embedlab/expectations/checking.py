"""Statements against a comparison and the surveys it was made from."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from embedlab.expectations.grammar import Bound, Nearer, Neighbours, Space, Statement, Task
from embedlab.expectations.lookup import Made, unknown_word, vector_of
from embedlab.survey import Survey
from embedlab.types import Comparison, Corpus, Expectation, LayerReadings, Reading
from embedlab.wording import number

OFF_DOMAIN = ("FORGETTING", "COLLATERAL")  # findings that need off-domain texts to be asked at all


def check(
    statements: Sequence[Statement], comparison: Comparison, before: Survey, after: Survey, corpus: Corpus
) -> tuple[Expectation, ...]:
    """One Expectation a statement, in order. `before` and `after` are the surveys the comparison was made from.

    Raises UserError, naming the line, for a word, a context, a sense or a layer that they do not hold.
    """
    made = Made(comparison, before, after, corpus)
    return tuple(_check(statement, made) for statement in statements)


def _check(statement: Statement, made: Made) -> Expectation:
    asks = statement.asks
    if isinstance(asks, Nearer):
        return _nearer(statement, asks, made)
    if isinstance(asks, Neighbours):
        return _neighbours(statement, asks, made)
    if isinstance(asks, Bound):
        return _bound(statement, asks, made)
    return _task(statement, asks, made) if isinstance(asks, Task) else _space(statement, asks, made)


# ---------------------------------------------------------------- nearer


def _nearer(statement: Statement, asks: Nearer, made: Made) -> Expectation:
    _, layer = made.layer(statement, asks.layer)
    holds: list[bool | None] = []
    parts = []
    for survey, number_, what in ((made.before, layer.before, "before"), (made.after, layer.after, "after")):
        vectors = [vector_of(statement, item, survey, number_, made) for item in (asks.item, asks.near, asks.far)]
        if any(vector is None for vector in vectors):
            missing = [str(i) for i, v in zip((asks.item, asks.near, asks.far), vectors, strict=True) if v is None]
            holds.append(None)
            parts.append(f"{what} the model has no vector for {', '.join(missing)}")
            continue
        near, far = _cosine(vectors[0], vectors[1]), _cosine(vectors[0], vectors[2])
        holds.append(near > far)
        parts.append(f"{what} {number(near, places=3)} to {asks.near}, {number(far, places=3)} to {asks.far}")
    return Expectation(statement.text, holds[0], bool(holds[1]), f"{layer.name}: {'; '.join(parts)}")


def _cosine(a: Float64[np.ndarray, "d"] | None, b: Float64[np.ndarray, "d"] | None) -> float:
    if a is None or b is None:
        raise ValueError("a vector is missing")
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length > 0 else 0.0


# ---------------------------------------------------------------- neighbours


def _neighbours(statement: Statement, asks: Neighbours, made: Made) -> Expectation:
    """Ranks are those of the word table: cosine of mean vectors, the word itself left out."""
    place, layer = made.layer(statement, asks.layer)
    table = made.comparison.words
    rows = {word: made.table_row(word) for word in (asks.word, *asks.others)}
    if None in rows.values():
        absent = next(word for word, row in rows.items() if row is None)
        row = made.words.get(absent)
        if row is None:
            unknown_word(statement, absent, made)
        blind = "the model after" if not made.after.seen_words[row] else "the model before"
        detail = f"{layer.name}: {blind} has no vector for {absent}"
        return Expectation(statement.text, None, False, detail)
    lists = (
        table.neighbours_before if table.ranked_before is None else table.ranked_before,
        table.neighbours_after if table.ranked_after is None else table.ranked_after,
    )
    holds = []
    said: dict[str, list[str]] = {word: [] for word in asks.others}
    for ids in lists:
        ranks = {int(row): rank for rank, row in enumerate(ids[place, rows[asks.word]], 1) if row >= 0}
        near = []
        for word in asks.others:
            rank = ranks.get(rows[word] if rows[word] is not None else -1)  # type: ignore[arg-type]
            near.append(rank is not None and rank <= table.k)
            said[word].append(f"rank {rank}" if rank is not None else f"beyond {ids.shape[2]}")
        holds.append(all(near) if asks.kept else not any(near))
    ranked = "; ".join(f"{word} {' → '.join(both)}" for word, both in said.items())
    return Expectation(statement.text, holds[0], holds[1], f"{layer.name}: {ranked}; k = {table.k}")


# ---------------------------------------------------------------- readings


def _bound(statement: Statement, asks: Bound, made: Made) -> Expectation:
    reading, where = _reading(statement, asks, made)
    if asks.change:
        change = None if reading.after is None or reading.before is None else reading.after - reading.before
        if change is None:
            return Expectation(statement.text, None, False, _undefined(where, reading))
        detail = f"{where}: {_number(reading.before)} → {_number(reading.after)}, change {_number(change)}"
        return Expectation(statement.text, None, _within(asks, change), detail + _uncertain(reading))
    if reading.value is not None:
        return Expectation(
            statement.text,
            None,
            _within(asks, reading.value),
            f"{where}: {_number(reading.value)}{_uncertain(reading)}",
        )
    if reading.after is None:
        return Expectation(statement.text, None, False, _undefined(where, reading))
    before = None if reading.before is None else _within(asks, reading.before)
    detail = f"{where}: {_number(reading.before)} → {_number(reading.after)}"
    return Expectation(statement.text, before, _within(asks, reading.after), detail)


def _reading(statement: Statement, asks: Bound, made: Made) -> tuple[Reading, str]:
    """The reading meant, and what to call it: of the layer, of a word, or of the task where only that has it."""
    place, layer = made.layer(statement, asks.layer)
    of_layer: LayerReadings = made.comparison.layers[place]
    where = f"{layer.name}, {asks.name}"
    if asks.word is not None:
        of_word = made.comparison.sense_readings.get(asks.word)
        if of_word is None:
            unknown_word(statement, asks.word, made)
        of_layer, where = of_word[place], f"{where} of {asks.word}"
    found = of_layer.readings.get(asks.name)
    if found is None and asks.word is None and asks.layer is None:
        scores = {score.name: score for score in made.comparison.verdict.scores}
        found, where = scores.get(asks.name), f"task, {asks.name}"
    return found or Reading(asks.name, note="this comparison does not have it"), where


def _within(asks: Bound, value: float) -> bool:
    return value >= asks.number if asks.way == "least" else value <= asks.number


def _number(value: float | None) -> str:
    return number(value, places=4) if value is not None and abs(value) < 1 else number(value)


def _uncertain(reading: Reading) -> str:
    said = ""
    if reading.interval is not None:
        said += f", 95 % interval {_number(reading.interval[0])} to {_number(reading.interval[1])}"
    return said + (f", seed noise {_number(reading.noise)}" if reading.noise is not None else "")


def _undefined(where: str, reading: Reading) -> str:
    return f"{where}: not known, so not met ({(reading.note or 'undefined for these data').rstrip('.')})"


# ---------------------------------------------------------------- verdict


def _task(statement: Statement, asks: Task, made: Made) -> Expectation:
    verdict = made.comparison.verdict
    detail = f"the task is {verdict.task}: {verdict.task_line}"
    if verdict.task == "NOT MEASURED" and asks.verdict != "NOT MEASURED":
        return Expectation(statement.text, None, False, f"not known, so not met; {detail}")
    return Expectation(statement.text, None, (verdict.task == asks.verdict) == asks.wanted, detail)


def _space(statement: Statement, asks: Space, made: Made) -> Expectation:
    verdict = made.comparison.verdict
    found = [finding for finding in asks.without if finding in verdict.findings]
    asked = any(collateral.region == "off domain" for collateral in verdict.collateral)
    blind = [finding for finding in asks.without if finding in OFF_DOMAIN] if not asked else []
    detail = f"found: {', '.join(verdict.findings) or 'nothing'}; {verdict.space_line}"
    if blind and not found:
        return Expectation(statement.text, None, False, f"not known, so not met: no off-domain texts; {detail}")
    return Expectation(statement.text, None, not found, detail)
