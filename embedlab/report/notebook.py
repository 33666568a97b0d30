"""The report as a Jupyter notebook that reads the numbers again from the files beside it, and the two as one zip."""

import io
import zipfile
from collections.abc import Mapping

from embedlab.report.plan import EVERYTHING, Plan, checked, report_command
from embedlab.report.tables import as_json, parquet_bytes, tables
from embedlab.types import Comparison

DATA = "data"  # the folder beside the notebook
NAME = "comparison.ipynb"
EPOCH = (1980, 1, 1, 0, 0, 0)  # every file of the zip: the same comparison gives the same bytes


def data_files(comparison: Comparison) -> dict[str, bytes]:
    """What the notebook reads: name -> bytes."""
    frames = {f"{name}.parquet": parquet_bytes(frame) for name, frame in tables(comparison).items()}
    return {"comparison.json": as_json(comparison), **frames}


def notebook(comparison: Comparison, plan: Plan = EVERYTHING, data: str = DATA) -> bytes:
    """A notebook of the sections of the plan; it needs pandas, pyarrow and plotly alone. Raises UserError."""
    import nbformat
    from nbformat import v4

    plan = checked(plan, comparison)
    cells = [
        (v4.new_markdown_cell if kind == "text" else v4.new_code_cell)(source.strip(), id=f"cell-{number}")
        for number, (kind, source) in enumerate(_cells(comparison, plan, data), start=1)
    ]
    made = v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.metadata["language_info"] = {"name": "python"}
    nbformat.validate(made)
    return str(nbformat.writes(made)).encode() + b"\n"


def bundle(comparison: Comparison, plan: Plan = EVERYTHING) -> bytes:
    """The notebook with its data in one zip."""
    files: Mapping[str, bytes] = {
        NAME: notebook(comparison, plan),
        **{f"{DATA}/{name}": content for name, content in data_files(comparison).items()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _cells(comparison: Comparison, plan: Plan, data: str) -> list[tuple[str, str]]:
    """(kind, source) of every cell. What a person wrote stands in no cell but as a Python literal."""
    words = list(plan.words or ())
    cells = [
        ("text", HEAD),
        (
            "code",
            OPEN.format(
                data=ascii(data), layer=plan.layer, words=ascii(words), command=ascii(_command(comparison, plan))
            ),
        ),
        ("text", "## The answer\nThe verdict follows from stated rules, in the order in which they were asked."),
        ("code", ANSWER),
    ]
    if plan.has("layers"):
        cells += [("text", LAYERS_TEXT), ("code", LAYERS), ("code", STRIP)]
    if plan.has("changed"):
        cells += [("text", CHANGED_TEXT), ("code", CHANGED), ("code", HISTOGRAM)]
    if plan.has("neighbours"):
        cells += [("text", NEIGHBOURS_TEXT), ("code", NEIGHBOURS)]
    if plan.has("senses") and comparison.uses.occurrences:
        cells += [("text", USES_TEXT), ("code", USES)]
    return [*cells, ("text", "## Where it came from"), ("code", ORIGIN)]


def _command(comparison: Comparison, plan: Plan) -> str:
    return report_command(comparison, plan, "ipynb", NAME)


HEAD = """
# What did fine-tuning do to this space?
Every number of the comparison, read again from the files beside this notebook: `comparison.json` and four tables as
parquet. Change is measured in the original space. It needs pandas, pyarrow and plotly.
"""
OPEN = """
import json
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

DATA = Path({data})
LAYER = {layer}
WORDS = {words}  # none: the three most changed
COMMAND = {command}  # made this notebook

about = json.loads((DATA / "comparison.json").read_text(encoding="utf-8"))
readings, items, neighbours, uses = (
    pd.read_parquet(DATA / f"{{name}}.parquet") for name in ("readings", "items", "neighbours", "uses")
)
here = items[items["layer"] == LAYER].sort_values(["changed", "change", "drift"], ascending=False)
"""
ANSWER = """
verdict = about["verdict"]
print(about["before"]["source"], "->", about["after"]["source"], "on", about["provenance"]["corpus_name"])
print(verdict["task"])
for line in (verdict["task_line"], verdict["space"], *verdict["why"]):
    print("-", line)
"""
LAYERS_TEXT = """
## Layer by layer
Every reading of the space with the 95 % interval of its change and the noise of the seeds; what a name means is in
`about["readings"]`.
"""
LAYERS = """
of_space = readings[readings["word"].isna()]
columns = ["before", "after", "value", "low", "high", "noise", "p", "note"]
of_space[of_space["layer"] == LAYER].set_index("reading")[columns]
"""
STRIP = """
name = "mean_cosine" if (of_space["reading"] == "mean_cosine").any() else of_space["reading"].iloc[0]
series = of_space[of_space["reading"] == name].sort_values("layer")
figure = go.Figure([
    go.Scatter(x=series["layer"], y=series["before"], name="before", mode="lines+markers", marker_symbol="circle"),
    go.Scatter(x=series["layer"], y=series["after"], name="after", mode="lines+markers", marker_symbol="diamond"),
])
figure.update_layout(title=about["readings"].get(name, {}).get("title", name), xaxis_title="layer")
"""
CHANGED_TEXT = """
## What changed most
The change of a word is 1 - Jaccard of its nearest words before and after. `changed`: by more than noise.
"""
CHANGED = """
print(int(here["changed"].sum()), "of", len(here), "words changed by more than noise")
here.head(20)[["word", "uses", "change", "noise", "q", "changed", "drift", "kept"]]
"""
HISTOGRAM = """
figure = go.Figure([
    go.Histogram(x=here.loc[here["changed"], "change"], name="more than noise", xbins={"size": 0.05}),
    go.Histogram(x=here.loc[~here["changed"], "change"], name="within noise, or noise unknown", xbins={"size": 0.05}),
])
figure.update_layout(barmode="stack", xaxis_title="change of the neighbourhood", yaxis_title="words")
"""
NEIGHBOURS_TEXT = """
## Neighbours
The nearest words before and after, rank by rank, with their cosines.
"""
NEIGHBOURS = """
for word in WORDS or here["word"].head(3).tolist():
    rows = neighbours[(neighbours["layer"] == LAYER) & (neighbours["word"] == word)]
    before, after = (rows[rows["side"] == side].set_index("rank") for side in ("before", "after"))
    print(word, "kept", len(set(before["neighbour"]) & set(after["neighbour"])), "of", len(before))
    print(before[["neighbour", "cosine"]].join(after[["neighbour", "cosine"]], lsuffix=" before", rsuffix=" after"))
"""
USES_TEXT = """
## Senses
How far the uses of the marked words moved, sense by sense: mean and number of uses.
"""
USES = """
marked = uses[(uses["layer"] == LAYER) & (uses["word"].isin(WORDS) if WORDS else True)]
marked.groupby(["word", "sense"])[["change", "drift"]].agg(["mean", "count"])
"""
ORIGIN = """
print(about["provenance"]["command"])
print(COMMAND)
pd.Series(about["provenance"]).drop("command")
"""
