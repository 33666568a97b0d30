"""The glossary: the words of the screen in a sentence each, for a dialog of the app and for docs/glossary.md."""

import streamlit as st

from embedlab.comparing.method import BETTER, bounds
from embedlab.comparing.readings import READINGS
from embedlab.ui import errors, safe

TERMS: dict[str, str] = {
    "Anisotropy": "Vectors that share a common direction, so that even unrelated texts have a high cosine. Less of "
    "it is not better by itself.",
    "Before, after": "The two states of a model that are compared: before is violet, a dot, at the left; after is "
    "amber, a diamond, at the right.",
    "Canary": "Everyday sentences far from the task, read again at every evaluation of a training: when they move, "
    "the training changes more than its task.",
    "Change (of a word)": "1 − Jaccard of its k nearest words before and after, in the original space: 0 = the same "
    "neighbours, 1 = none kept.",
    "Checkpoint, frame": "A state of a model on the way of its training that was kept; its source is run:ID@STEP.",
    "Cohesion": "Mean cosine between the displacements of the words of a group: 1 = all moved the same way, 0 = each "
    "its own.",
    "Collapse": "Unrelated texts became alike, or far fewer directions are in use. A rule with a size and an interval.",
    "Collateral": "Texts that were not trained on moved further than those that were.",
    "Corpus": "What was uploaded: rows of one text each, with labels, pairs, marked words and senses where there "
    "are any. Its id is the hash of its content.",
    "Cosine": "Of two vectors, from −1 to 1: 1 = the same direction.",
    "Drift": "1 − cosine of the same item's vector before and after; beyond a rotation: after the best turn of the "
    "whole space was taken away.",
    "Expectation": "A statement that must hold after training (bank keeps loan), checked by compare --expect.",
    "Forgetting": "Texts far from the task lost most of their nearest neighbours among themselves.",
    "Group (that changed together)": "Words whose displacements point the same way, more than groups found in dealt "
    "displacements do.",
    "Held out": "Rows that no training sees, nor the choice of the best step: every score is on them.",
    "HELPED, HARMED, NO EVIDENCE, NOT MEASURED": "The verdict on the task. Helped: the paired interval lies above "
    "zero, its test agrees, and the change is beyond what seeds differ by; harmed: the same below; no evidence: "
    "so few rows or seeds cannot tell; not measured: the corpus has nothing to score.",
    "Interval [a, b]": "95 % interval by resampling sentences or words: what another choice of them would give.",
    "Kept, lost, gained": "A neighbour in both lists (solid dot); only before (hollow dot, −); only after (ringed "
    "dot, +).",
    "Layer": "A step of the model, from 0, the embeddings, to the last; every layer has its own vectors.",
    "Linked map": "Before and after laid out as one picture, so that places can be compared. The axes mean nothing.",
    "Neighbours": "The k nearest words or texts by cosine, in the original space and never on the map.",
    "Noise floor": "What two seeds of the same recipe differ by. A change below it is grey: it may be the seed.",
    "Null": "What a number is where nothing is going on: a model against itself, or shuffled rows.",
    "Occurrence, use": "One place in one text where a word stands; its vector is the mean over its pieces.",
    "Original space": "The vectors as the model gives them, with all their dimensions.",
    "p": "How often chance alone would give at least as much; corrected for many comparisons where there are many.",
    "Piece": "What a tokenizer cuts a text into; a word may be several.",
    "Placebo map": "A state against itself, laid out like the real one: how far points move when nothing changed.",
    "Recipe": "A file with objective, plan, rate and steps: everything that decides a training but the seed.",
    "Run": "One training, in a process of its own; it goes on when the browser is closed.",
    "Seed": "Where the random choices of a training begin. Runs that differ in it alone tell what is noise.",
    "Sense": "The meaning of a word in one use: bank as finance, bank as a river's edge.",
    "Separation of senses": "How well held-out uses are told apart by the nearest centroid of their senses' other "
    "uses.",
    "Trust (of a point)": "The share of its true neighbours that are also its neighbours on the map.",
    "Verdict": "The answer of a comparison by printed rules: the task first, then the space.",
}


def button() -> None:
    """The way to the glossary, in the sidebar of every page."""
    if st.button("Glossary", key="glossary", width="stretch", type="tertiary"):
        show()


@st.dialog("Glossary", width="large")
@errors.guarded
def show() -> None:
    """Terms, then readings; what is typed keeps those that hold it."""
    wanted = st.text_input("Find", placeholder="noise floor, cosine …", key="glossary_find").strip().lower()
    terms = [(name, said, "") for name, said in TERMS.items()]
    readings = [
        (info.title, info.meaning, f"{info.name} · {bounds(info)} · {BETTER[info.better]}")
        for info in READINGS.values()
    ]
    found = [row for row in (*terms, *readings) if wanted in " ".join(row).lower()]
    if not found:
        safe.html('<div class="el-empty"><b>Nothing by that name</b>Clear the field to see every term.</div>')
        return
    rows = (
        safe.fragment("<dt><b>{name}</b></dt><dd>{said} <small>{more}</small></dd>", name=name, said=said, more=more)
        for name, said, more in found
    )
    safe.html('<dl class="el-quiet el-terms" tabindex="0" aria-label="Terms">{rows}</dl>', rows=safe.join(rows))
