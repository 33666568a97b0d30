"""Two ranked lists side by side with lines from rank to rank, and the same as a table whose rows can be asked for."""

from math import atan2, degrees, hypot

import pandas as pd
import streamlit as st
from markupsafe import Markup

from embedlab import wording
from embedlab.comparing.finding import Filters, Found, Match
from embedlab.ui import safe, search

ROW = {"texts": 66, "uses": 66, "words": 31}  # px of one rank
SHOWN = 260  # characters of a text; all of it where the pointer rests
MIDDLE, STUB = 86, 0.24  # px between the lists; how much of it a line takes that leads nowhere


def look() -> None:
    """The style of the two lists."""
    safe.html(
        "<style>.el-found {{ display: grid; grid-template-columns: minmax(0, 1fr) 86px minmax(0, 1fr); }}"
        ".el-found > .el-side {{ padding: 0 0 .3rem; font-size: .9rem; }}"
        ".el-found ol {{ list-style: none; margin: 0; padding: 0; }}"
        ".el-found li {{ display: grid; gap: .55rem; align-items: center; margin: 0; padding: 0 .45rem;"
        " overflow: hidden; border-top: 1px solid var(--line); box-sizing: border-box; color: var(--ink); }}"
        ".el-found ol.before li {{ grid-template-columns: 1.5rem minmax(0, 1fr) 1.5rem; }}"
        ".el-found ol.after li {{ grid-template-columns: 1.5rem 1.5rem minmax(0, 1fr); }}"
        ".el-found .no {{ text-align: right; color: var(--quiet); font-size: .8rem;"
        " font-variant-numeric: tabular-nums; }}"
        ".el-found .st {{ white-space: nowrap; font-weight: 700; text-align: center; font-size: .85rem; }}"
        ".el-found .tx {{ font-size: .86rem; line-height: 1.3; display: -webkit-box; -webkit-line-clamp: 2;"
        " -webkit-box-orient: vertical; overflow: hidden; }}"
        ".el-found .me {{ color: var(--quiet); font-size: .76rem; white-space: nowrap; overflow: hidden; text-overflow:"
        " ellipsis; font-variant-numeric: tabular-nums; }}"
        ".el-found .w {{ display: flex; gap: .7rem; align-items: baseline; }}"
        ".el-found .w .tx {{ -webkit-line-clamp: 1; }}"
        ".el-found .kept .st {{ color: var(--kept); }} .el-found .lost .st {{ color: var(--lost-ink); }}"
        ".el-found .gained .st {{ color: var(--gained-ink); }}"
        ".el-found ol.before .st {{ text-align: right; }} .el-found ol.after .st {{ text-align: left; }}"
        ".el-found ol.before li {{ padding-right: .3rem; }} .el-found ol.after li {{ padding-left: .3rem; }}"
        ".el-found .el-lines {{ position: relative; }}"
        ".el-lines i {{ position: absolute; left: 0; height: 0; border-top: 2px solid; transform-origin: 0 0; }}"
        ".el-lines i.kept {{ color: var(--kept); }} .el-lines i.same {{ opacity: .55; }}"
        ".el-lines i.lost {{ color: var(--lost); border-top-style: dotted; }}"
        ".el-lines i.gained {{ color: var(--gained); border-top-style: dotted; }}"
        ".el-said {{ font-size: 1.05rem; font-weight: 600; }} .el-quote {{ color: var(--ink); }}</style>"
    )


def said(found: Found) -> None:
    """The answer in one line, then what was asked of what."""
    left = found.of - found.candidates
    safe.html(
        '<div class="el-said">{answer}</div>'
        '<div class="el-quiet">Nearest to <span class="el-quote">{asked}</span>{quote}, by cosine at {layer}, in the '
        "original space{half}. {searched}{left}{unseen}</div>",
        answer=answer(found),
        asked=found.asked.said,
        quote="" if found.what == "words" and found.asked.key else safe.fragment(": {q}", q=_quote(found)),
        layer=found.layer_name,
        half=", in half precision" if found.half else "",
        searched=f"{wording.count(found.candidates)} {found.what} were searched",
        left="" if not left else f" of {wording.count(found.of)}: the filters leave out the others",
        unseen="." if not found.unseen else f"; {wording.count(found.unseen)} more hold no piece that a model reads.",
    )


def answer(found: Found) -> str:
    """How many of the nearest stayed."""
    kept, lost, k = found.count("kept"), found.count("lost"), f"{found.k:,} nearest"
    if not lost:
        return f"The {k} before are the {k} after."
    if not kept:
        return f"None of the {k} before is among the {k} after."
    stayed = "1 is" if kept == 1 else f"{kept:,} are"
    return f"Of the {k} before, {stayed} still among the {k} after; {lost:,} left and {found.count('gained'):,} came."


def filters_line(filters: Filters) -> None:
    """Which filters are set, where they can be seen without opening anything."""
    given = (("label", filters.label), ("sense", filters.sense), ("split", filters.split), ("holds", filters.contains))
    pills = safe.join(safe.fragment("<span>{n}: {v}</span>", n=name, v=value) for name, value in given if value)
    safe.html('<div class="el-pills">{pills}</div>', pills=pills)


def _quote(found: Found) -> Markup:
    asked = found.asked
    if asked.start == 0 and asked.end == len(asked.text):
        return safe.fragment("“{t}”", t=wording.trim(asked.text, 160))
    left, word, right = wording.in_context(asked.text, asked.start, asked.end, 70)
    return safe.fragment("“{l}<b>{w}</b>{r}”", l=left, w=word, r=right)


def lists(found: Found) -> None:
    """Before at the left, after at the right, each match joined to itself; hovering one lights it up on both sides."""
    height = ROW[found.what]
    number = {match.key: i for i, match in enumerate(found.matches)}
    kept = [number[match.key] for match in found.matches if match.status == "kept"]
    sides = {
        side: safe.join(_hit(found, match, side, number[match.key], height) for match in listed)
        for side, listed in (("before", found.before), ("after", found.after))
    }
    safe.html(
        '<div class="el-found"><div class="el-side"><span class="el-before">○ before</span></div><div></div>'
        '<div class="el-side"><span class="el-after">◆ after</span></div>'
        '<ol class="before" aria-label="Nearest before">{before}</ol>'
        '<div class="el-lines" style="height:{all}px" aria-hidden="true">{lines}</div>'
        '<ol class="after" aria-label="Nearest after">{after}</ol><style>{lit}</style></div>'
        '<div class="el-quiet">● kept, joined by a line &nbsp; ○ − lost &nbsp; ◉ + gained &nbsp;·&nbsp; in each '
        "line the cosine, and the rank on the other side</div>",
        before=sides["before"],
        after=sides["after"],
        all=height * found.k,
        lines=safe.join(_line(match, number[match.key], height) for match in found.matches),
        lit=safe.join(
            safe.fragment(
                ".el-found:has(li.m{i}:hover) li.m{i} {{ background: var(--panel); }}"
                " .el-found:has(li.m{i}:hover) i.m{i} {{ border-top-width: 4px; opacity: 1; }}",
                i=i,
            )
            for i in kept
        ),
    )


def _hit(found: Found, match: Match, side: str, number: int, height: int) -> Markup:
    other = "after" if side == "before" else "before"
    rank, cosine, there = (getattr(match, name) for name in (f"rank_{other}", f"cosine_{side}", f"cosine_{other}"))
    where = f"{other}: rank {rank:,}" if rank is not None else f"{other}: beyond rank {found.depth:,}"
    rows = f"{len(match.rows)} rows" if len(match.rows) > 1 else ""
    about = (match.sense, match.label, f"row {match.rows[0]}" if match.rows else "", rows, match.split)
    meta = safe.fragment(
        '<div class="me">cosine {cosine} · {where}{there}{about}</div>',
        cosine=wording.number(cosine, places=3),
        where=where,
        there="" if there is None else f" ({wording.number(there, places=3)})",
        about="".join(f" · {one}" for one in about if one),
    )
    body = safe.fragment(
        '<div class="{kind}"><div class="tx" dir="auto">{text}</div>{meta}</div>',
        kind="w" if found.what == "words" else "",
        text=_text(found, match),
        meta=meta,
    )
    rank_here = safe.fragment('<span class="no">{rank}</span>', rank=getattr(match, f"rank_{side}"))
    sign, name = {"kept": ("●", "kept"), "lost": ("○ −", "lost"), "gained": ("◉ +", "gained")}[match.status]
    mark = safe.fragment('<span class="st" role="img" aria-label="{name}" title="{name}">{s}</span>', name=name, s=sign)
    return safe.fragment(
        '<li class="{status} m{number}" style="height:{height}px" title="{full}">{one}{two}{three}</li>',
        status=match.status,
        number=number,
        height=height,
        full=wording.trim(match.text, 2000),
        one=rank_here if side == "before" else mark,
        two=body if side == "before" else rank_here,
        three=mark if side == "before" else body,
    )


def _text(found: Found, match: Match) -> Markup:
    if found.what == "words":
        return safe.fragment("{t}", t=wording.trim(match.key, 60))
    if found.what == "texts":
        return safe.fragment("{t}", t=wording.trim(match.text, SHOWN))
    left, word, right = wording.in_context(match.text, match.start, match.end, 60)
    return safe.fragment("{l}<b>{w}</b>{r}", l=left, w=word, r=right)


def _line(match: Match, number: int, height: int) -> Markup:
    """From rank to rank, turned about its left end; a level stub where there is only one."""
    left, right = (((rank or 0) - 0.5) * height for rank in (match.rank_before, match.rank_after))
    if match.status == "kept":
        start, top, width, turn = 0.0, left, hypot(MIDDLE, right - left), degrees(atan2(right - left, MIDDLE))
    else:
        start, top = (0.0, left) if match.status == "lost" else (MIDDLE * (1 - STUB), right)
        width, turn = MIDDLE * STUB, 0.0
    return safe.fragment(
        '<i class="{status}{same} m{n}" style="left:{start:.1f}px;top:{top:.1f}px;width:{width:.2f}px;'
        'transform:rotate({turn:.3f}deg)"></i>',
        status=match.status,
        same=" same" if match.rank_before == match.rank_after else "",
        n=number,
        start=start,
        top=top - 1,
        width=width,
        turn=turn,
    )


def table(found: Found) -> None:
    """Every match a row; choosing one asks for what is like it."""
    frame = as_frame(found)
    key = f"found-{abs(hash((found.comparison_id, found.what, found.layer, found.k, found.asked, found.filters)))}"

    def choose() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            chosen = found.matches[rows[0]].key
            if found.what == "words":
                st.session_state["word"] = chosen
                search.take(None)
            else:
                search.take(chosen)

    st.dataframe(
        frame,
        key=key,
        on_select=choose,
        selection_mode="single-row",
        hide_index=True,
        height=min(320, 40 + 30 * len(found.matches)),
        row_height=30,
        column_config={
            "status": st.column_config.TextColumn("status", width=84, help="in both lists, only before, or only after"),
            "before": st.column_config.NumberColumn("rank before", width=84),
            "after": st.column_config.NumberColumn("rank after", width=84),
            "cosine_before": st.column_config.NumberColumn("cosine before", format="%.3f", width=96),
            "cosine_after": st.column_config.NumberColumn("cosine after", format="%.3f", width=96),
            "text": st.column_config.TextColumn(found.what[:-1], width="large"),
        },
        alt=f"The {len(found.matches)} {found.what} of both lists with their ranks and cosines before and after",
    )


def as_frame(found: Found) -> pd.DataFrame:
    """The matches as a table; columns that hold nothing are left out."""
    made = pd.DataFrame(
        {
            "status": [match.status for match in found.matches],
            "before": pd.array([match.rank_before for match in found.matches], dtype="Int64"),
            "after": pd.array([match.rank_after for match in found.matches], dtype="Int64"),
            "cosine_before": [match.cosine_before for match in found.matches],
            "cosine_after": [match.cosine_after for match in found.matches],
            "text": [match.key if found.what == "words" else match.text for match in found.matches],
            "sense": [match.sense for match in found.matches],
            "label": [match.label for match in found.matches],
            "split": [match.split for match in found.matches],
            "row": [match.key if found.what != "words" else "" for match in found.matches],
        }
    )
    empty = [name for name in ("sense", "label", "split", "row") if not any(made[name])]
    return made.drop(columns=empty)
