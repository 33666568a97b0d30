"""What a report holds: its sections, its words, its layers; and for each figure its link and its command."""

import shlex
from dataclasses import dataclass, replace
from typing import Literal, get_args
from urllib.parse import urlencode, urlsplit

from embedlab.errors import UserError
from embedlab.types import Comparison

Section = Literal["changed", "layers", "neighbours", "senses", "map", "measured"]
SECTIONS: tuple[Section, ...] = get_args(Section)
TITLES: dict[Section, str] = {
    "changed": "What changed most",
    "layers": "Layer by layer",
    "neighbours": "Neighbours",
    "senses": "Senses",
    "map": "The map of all words",
    "measured": "How it is measured",
}
FigureName = Literal["histogram", "ranking", "strip", "moves", "senses", "map"]
FIGURES: tuple[FigureName, ...] = get_args(FigureName)
HOME = "http://localhost:8501"  # where EmbedLab answers unless it was started elsewhere
SHORT = 12  # letters of an id in a command


@dataclass(frozen=True, slots=True)
class Plan:
    """The choices of a report. The answer, and where it came from, are in every one of them.

    `words`: whose neighbours and senses are shown; None: the most changed, and every sense map. `layers`: whose
    readings are tabled; None: all, and on paper `layer` alone. `layer`: what ranking, words and maps are about; None:
    the last. `home`: where links lead.
    """

    sections: tuple[Section, ...] = SECTIONS
    words: tuple[str, ...] | None = None
    layers: tuple[int, ...] | None = None
    layer: int | None = None
    home: str = HOME

    def has(self, section: Section) -> bool:
        return section in self.sections


EVERYTHING = Plan()


def checked(plan: Plan, comparison: Comparison) -> Plan:
    """The plan with its defaults filled in, in the order of the document. Raises UserError."""
    last = len(comparison.layers) - 1
    unknown = [name for name in plan.sections if name not in SECTIONS]
    if unknown:
        raise UserError(f"A report has no section {unknown[0]}: choose among {', '.join(SECTIONS)}.")
    for layer in (*(plan.layers or ()), *(() if plan.layer is None else (plan.layer,))):
        if not 0 <= layer <= last:
            raise UserError(f"There is no layer {layer}: the comparison has layers 0 to {last}.")
    targets = {use.word for use in comparison.uses.occurrences}
    for word in plan.words or ():
        if comparison.words.row(word) is None and word not in targets:
            raise UserError(f"The word {word} was not counted in this comparison: choose one of its words.")
    if urlsplit(plan.home).scheme not in ("http", "https"):
        raise UserError("Links lead to an address of the web: give one such as http://localhost:8501.")
    return replace(
        plan,
        sections=tuple(name for name in SECTIONS if name in plan.sections),
        words=None if plan.words is None else tuple(dict.fromkeys(plan.words)),
        layers=tuple(range(last + 1)) if plan.layers is None else tuple(sorted(set(plan.layers))),
        layer=last if plan.layer is None else plan.layer,
        home=plan.home.rstrip("/"),
    )


def link(plan: Plan, comparison: Comparison, name: FigureName, layer: int, word: str | None = None) -> str:
    """The address that shows the same in EmbedLab: comparison, layer and word."""
    page = {"senses": "senses", "map": "map"}.get(name, "")
    asked = {"c": comparison.id, "layer": str(layer)} | ({} if word is None else {"word": word})
    return f"{plan.home}/{page}?{urlencode(asked)}"


def figure_command(comparison: Comparison, name: FigureName, layer: int, word: str | None = None) -> str:
    """The command line that makes one figure again."""
    about = [] if word is None else ["--word", word]
    return shlex.join(
        [
            "python",
            "-m",
            "embedlab",
            "figure",
            comparison.id[:SHORT],
            name,
            *about,
            "--layer",
            str(layer),
            "--out",
            f"{name}.svg",
        ]
    )


def report_command(comparison: Comparison, plan: Plan, format: str, out: str) -> str:
    """The command line that makes the report again; what is as usual is not said."""
    words = ["python", "-m", "embedlab", "report", comparison.id[:SHORT], "--format", format]
    everything = plan.layers is None or plan.layers == tuple(range(len(comparison.layers)))
    if plan.sections != SECTIONS:
        words += ["--sections", ",".join(plan.sections) or "none"]
    for word in plan.words or ():
        words += ["--word", word]
    if not everything and plan.layers is not None:
        words += ["--layers", ",".join(str(layer) for layer in plan.layers)]
    if plan.layer is not None and plan.layer != len(comparison.layers) - 1:
        words += ["--layer", str(plan.layer)]
    return shlex.join([*words, "--out", out])
