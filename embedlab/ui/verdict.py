"""The answer at the head of Compare: the task, the space, and what a person expected, each with its evidence."""

from collections.abc import Sequence

import streamlit as st

from embedlab import wording
from embedlab.figures import readings as said
from embedlab.types import Answer, Collateral, Comparison, Expectation, Reading, Verdict
from embedlab.ui import errors, readings, safe, state

BADGE = {"HELPED": "el-helped", "HARMED": "el-harmed"}
LISTED = 500  # answers a dialog shows; comparison.json holds all


def answer(comparison: Comparison) -> None:
    """The two answers side by side and equally high, then what was expected."""
    verdict = comparison.verdict
    with st.container(key="answer"):
        left, right = st.columns([6, 5], gap="small")
        with left, st.container(border=True, height="stretch", key="answer-task"):
            _task(verdict)
        with right, st.container(border=True, height="stretch", key="answer-space"):
            _space(verdict)
    if comparison.expectations:
        expected(comparison.expectations)


def _task(verdict: Verdict) -> None:
    """Did it help: the word largest, then the number, then every score; the items and the rules one click away."""
    safe.html(
        '<div class="el-eyebrow">The task, on held-out data</div>'
        '<div class="el-line"><span class="el-badge {kind}">{word}</span>{line}</div>{scores}',
        kind=BADGE.get(verdict.task, ""),
        word=verdict.task,
        line=verdict.task_line[:1].upper() + verdict.task_line[1:],
        scores=_scores(verdict.scores),
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if verdict.scores:
            won, lost = len(verdict.won), len(verdict.lost)
            if st.button(f"+ {won:,} newly right", disabled=not won, key="won"):
                _won(verdict.won)
            if st.button(f"− {lost:,} newly wrong", disabled=not lost, key="lost"):
                _lost(verdict.lost)
        with st.popover("By which rules?", width="content"):
            safe.html(
                '<div class="el-{theme}"><div class="el-eyebrow">The rules, in the order in which they were asked</div>'
                '<ol class="el-why">{why}</ol></div>',
                theme=state.theme(),
                why=safe.join(safe.fragment("<li>{reason}</li>", reason=reason) for reason in verdict.why),
            )


def _scores(scores: Sequence[Reading]) -> safe.Markup:
    """Every held-out score in a line each, the deciding one first."""
    if not scores:
        return safe.Markup()
    rows = safe.join(
        safe.fragment(
            '<tr><td>{title}{mark}</td><td class="r"><span class="el-before">{b}</span></td><td class="r">'
            '<span class="el-after">{a}</span></td><td class="r{grey}">{change}</td><td class="r">{noise}</td>'
            '<td class="r">{p}</td><td class="w{grey}">{word}</td></tr>',
            title=readings.link(score.name),
            mark=safe.fragment(" <small>decides</small>") if place == 0 else "",
            b=wording.number(score.before, score.interval),
            a=wording.number(score.after, score.interval),
            change=said.said_change(score),
            noise=said.said_noise(score),
            p=said.said_p(score.p),
            grey=" el-within" if said.is_still(score) else "",
            word=said.said_standing(score),
        )
        for place, score in enumerate(scores)
    )
    return safe.fragment(
        '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
        '><table class="el-table el-scores"><tr><th>score</th><th class="r">before</th>'
        '<th class="r">after</th><th class="r">change [95 %]</th><th class="r">noise</th><th class="r">p</th>'
        "<td></td></tr>{rows}</table></div>",
        rows=rows,
    )


def _space(verdict: Verdict) -> None:
    """What became of the space: what is wrong with it, or that nothing is; and how far each region moved."""
    found = safe.join(safe.fragment('<span class="el-badge el-harmed">{f}</span>', f=f) for f in verdict.findings)
    said_first = ", ".join(verdict.findings)
    line = verdict.space_line
    if said_first and line.startswith(said_first):  # the badges say it
        line = line.removeprefix(said_first).lstrip(" ·")
    safe.html(
        '<div class="el-eyebrow">The space</div><div class="el-line el-second">{found}{line}</div>{regions}',
        found=found,
        line=line[:1].upper() + line[1:],
        regions=_regions(verdict.collateral),
    )


def _regions(collateral: Sequence[Collateral]) -> safe.Markup:
    if not collateral:
        return safe.Markup()
    rows = safe.join(
        safe.fragment(
            '<tr><td>{region}</td><td class="r">{texts}</td>{drift}{kept}</tr>',
            region=part.region,
            texts=wording.count(part.texts),
            drift=_of_region(part.drift),
            kept=_of_region(part.kept),
        )
        for part in collateral
    )
    return safe.fragment(
        '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
        '><table class="el-table el-scores"><tr><th>whole texts</th><th class="r">texts</th>'
        '<th class="r">drift [95 %]</th><th class="r">neighbours kept [95 %]</th></tr>{rows}</table></div>',
        rows=rows,
    )


def _of_region(reading: Reading) -> safe.Markup:
    if reading.value is None:
        return safe.fragment('<td class="r" title="{note}">–</td>', note=reading.note or "Not defined here.")
    noise = "noise unknown" if reading.noise is None else f"noise {said.said_noise(reading)}"
    return safe.fragment(
        '<td class="r{grey}">{value}<small>{noise}{word}</small></td>',
        grey=" el-within" if said.is_still(reading) else "",
        value=said.said_change(reading),
        noise=noise,
        word=f", {said.standing(reading)}" if said.is_still(reading) and reading.noise is not None else "",
    )


# -- what it is about ------------------------------------------------------------------------------------------------


@st.dialog("Newly right", width="large")
@errors.guarded
def _won(answers: Sequence[Answer]) -> None:
    _answers(answers, "Held-out items that the model before gets wrong and the model after gets right.")


@st.dialog("Newly wrong", width="large")
@errors.guarded
def _lost(answers: Sequence[Answer]) -> None:
    _answers(answers, "Held-out items that the model before gets right and the model after gets wrong.")


def _answers(answers: Sequence[Answer], what: str) -> None:
    """The texts of the items, with what is true and what each model said."""
    more = "" if len(answers) <= LISTED else f" The first {LISTED} of {len(answers):,}; comparison.json holds all."
    rows = safe.join(
        safe.fragment(
            '<tr><td class="q">{text}</td><td>{truth}</td><td>{b}</td><td>{a}</td></tr>',
            text=_asked(one),
            truth=wording.trim(one.truth, 120),
            b=_said(one.before, one.truth),
            a=_said(one.after, one.truth),
        )
        for one in answers[:LISTED]
    )
    safe.html(
        '<div class="el-{theme}"><div class="el-quiet">{what}{more}</div><div class="el-scroll el-answers">'
        '<table class="el-table"><tr>'
        '<th>asked</th><th>truth</th><th><span class="el-before">● said before</span></th>'
        '<th><span class="el-after">◆ said after</span></th></tr>{rows}</table></div></div>',
        theme=state.theme(),
        what=what,
        more=more,
        rows=rows,
    )


def _asked(one: Answer) -> safe.Markup:
    if one.start is None or one.end is None:
        return safe.fragment("{text}", text=wording.trim(one.text, 300))
    left, word, right = wording.in_context(one.text, one.start, one.end, 120)
    return safe.fragment("{left}<b>{word}</b>{right}", left=left, word=word, right=right)


def _said(what: str, truth: str) -> str:
    return f"{'✓' if what == truth else '✗'} {wording.trim(what, 120)}"


def expected(expectations: Sequence[Expectation]) -> None:
    """The statements a person wrote down: which hold after, which held before, and the numbers behind them."""
    failed = sum(not one.after for one in expectations)
    rows = safe.join(
        safe.fragment(
            '<tr><td>{statement}</td><td class="{kind_b}">{b}</td><td class="{kind_a}">{a}</td><td>{detail}</td></tr>',
            statement=one.statement,
            b=_held(one.before),
            a=_held(one.after),
            kind_b="" if one.before is None else "el-held" if one.before else "el-failed",
            kind_a="el-held" if one.after else "el-failed",
            detail=one.detail,
        )
        for one in sorted(expectations, key=lambda one: one.after)
    )
    safe.html(
        '<div class="el-card"><div class="el-eyebrow">What you expected</div>'
        '<div class="el-line el-second">{line}</div>'
        '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
        ' style="max-height:16rem"><table class="el-table el-scores"><tr><th>statement</th>'
        "<th>before</th><th>after</th><th>because</th></tr>{rows}</table></div></div>",
        line=f"{failed:,} of {wording.count(len(expectations), 'expectation')} failed after training"
        if failed
        else f"All of {wording.count(len(expectations), 'expectation')} held after training",
        rows=rows,
    )


def _held(held: bool | None) -> str:
    return "– not asked" if held is None else "✓ held" if held else "✗ failed"
