"""Teaching mode: on every page a null, a broken and a good example, each with what a class should see on it."""

from typing import get_args

import streamlit as st

from embedlab.lab.lessons import Lesson, LessonKind, lesson_of
from embedlab.ui import errors, jobs, safe, state
from embedlab.ui.lessontexts import SEEN, SHOWS

SWITCH, CHOSEN = "teaching", "lesson"
NAMES: dict[LessonKind, str] = {
    "null": "Null: nothing changed",
    "broken": "Broken: collapsed",
    "good": "Good: the demo",
}


def switch() -> None:
    """The switch in the sidebar. A link with teaching=1 opens with it on."""
    if SWITCH not in st.session_state and st.query_params.get(SWITCH) == "1":
        st.session_state[SWITCH] = True
    on = st.toggle(
        "Teaching mode",
        key=SWITCH,
        persist_state="session",
        help="Every page gets three examples, null, broken and good, and says what should be seen on it.",
    )
    if on:
        st.query_params[SWITCH] = "1"
    else:
        st.query_params.pop(SWITCH, None)


def panel(page: str) -> None:
    """Above a page, where the switch is on: which example, and what should be seen. Sets what the page then shows."""
    if not st.session_state.get(SWITCH) or page not in SEEN:
        return
    with st.container(border=True, key="teaching-panel"), errors.guard():
        safe.html('<div class="el-eyebrow">Teaching mode: what should you see?</div>')
        lessons = state.lab().lessons()
        kind = st.segmented_control(
            "Example", list(get_args(LessonKind)), format_func=NAMES.__getitem__, key=CHOSEN, persist_state="session",
            label_visibility="collapsed",
        )  # fmt: skip
        if kind is None:
            safe.html('<div class="el-quiet">Choose an example: the page below shows it, and here stands what a class '
                      "should see on it.</div>")  # fmt: skip
        else:
            lesson = lesson_of(lessons, kind)
            safe.html('<div class="el-quiet" role="status"><p>{said}</p></div>', said=SEEN[page][kind])
            _open(page, lesson)
            if _shown(page, lesson) is None and page in SHOWS:
                safe.html('<div class="el-quiet"><p>{why}</p></div>', why=_why_not(kind))
        if any(lesson.comparison is None for lesson in lessons if lesson.kind != "good"):
            _offer()


def _shown(page: str, lesson: Lesson) -> str | None:
    """The id of what a page shows of an example."""
    return {
        "comparison": lesson.comparison,
        "corpus_shown": lesson.corpus,
        "run": lesson.run,
        "anatomy_after": lesson.model,
    }.get(SHOWS.get(page, ""))


def _open(page: str, lesson: Lesson) -> None:
    """Make the page show the example: once for each choice and page, so that a person can then look elsewhere."""
    wanted, asked = _shown(page, lesson), (page, lesson.kind)
    if wanted is None or st.session_state.get("_taught") == asked:
        return
    st.session_state["_taught"] = asked
    if page == "runs":
        st.query_params["runs"] = wanted
    else:
        st.session_state[SHOWS[page]] = wanted


def _why_not(kind: LessonKind) -> str:
    if kind == "good":
        return "This page has nothing of the demo: it came without its runs. python -m embedlab demo makes them here."
    if kind == "null":
        return "Nothing is opened here for this example; the text above says where to look."
    return "It has not been made yet."


def _offer() -> None:
    """One button that makes the examples in the background; while it is at work the sidebar shows how far it is."""
    asked = st.session_state.get("lessons_task")
    if asked is not None:
        task = state.lab().task(asked)
        if task.state in jobs.LIVE:
            safe.html('<div class="el-quiet">The examples are being made: the sidebar shows how far it is.</div>')
            return
        if task.state != "done":
            errors.show(task.message, task.name)
    if st.button("Make the examples (a few minutes)", type="primary", key="make_lessons", disabled=jobs.busy()):
        st.session_state["lessons_task"] = state.lab().start_lessons()
        st.rerun()
