"""What two comparisons differ by: their verdicts, readings and words. Reads comparisons, or the files made of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from embedlab.compare import to_json
from embedlab.comparing.readings import READINGS
from embedlab.errors import UserError
from embedlab.report.tables import tables
from embedlab.types import Comparison

if TYPE_CHECKING:
    import pandas as pd

Interval = tuple[float, float]
Apart = Literal[
    "the same", "intervals apart", "intervals meet", "no interval", "only in the first", "only in the second"
]
Which = Literal["in both", "only in the first", "only in the second", "in neither"]
FIRST_OF_ALL: tuple[Apart, ...] = (
    "intervals apart", "only in the first", "only in the second", "no interval", "intervals meet", "the same",
)  # fmt: skip
LARGEST = 50_000_000  # bytes of a comparison.json; the largest we write hold the texts of the answers


@dataclass(frozen=True)
class Told:
    """A comparison as its files tell it: `comparison.json`, and `items.parquet` where that is at hand."""

    about: Mapping[str, Any]
    items: "pd.DataFrame | None"

    @property
    def name(self) -> str:
        """Before → after on the corpus."""
        about = self.about
        return f"{about['before']['source']} → {about['after']['source']} on {about['provenance']['corpus_name']}"

    @property
    def layers(self) -> list[str]:
        return [str(layer["name"]) for layer in self.about["layers"]]


@dataclass(frozen=True, slots=True)
class ReadingPair:
    """One reading of one layer in both comparisons: its change there (after - before, or the value of the pair)."""

    layer: int
    layer_name: str
    name: str
    first: float | None
    first_interval: Interval | None
    second: float | None
    second_interval: Interval | None
    apart: Apart

    @property
    def difference(self) -> float | None:
        return None if self.first is None or self.second is None else self.second - self.first


@dataclass(frozen=True, slots=True)
class WordPair:
    """One word in both comparisons: its change, and in which it changed by more than noise."""

    word: str
    first: float
    second: float
    noise_first: float | None
    noise_second: float | None
    changed: Which

    @property
    def difference(self) -> float:
        return self.second - self.first


@dataclass(frozen=True, slots=True)
class Promise:
    """One expectation that both comparisons were held against: whether it holds after."""

    statement: str
    first: bool
    second: bool


@dataclass(frozen=True)
class Difference:
    """Two comparisons side by side. `cautions`: in what they are not of the same kind.

    `words` None: a file without its items.parquet was given. `only_*`: words counted in one alone.
    """

    first: str
    second: str
    tasks: tuple[str, str]
    task_lines: tuple[str, str]
    space_lines: tuple[str, str]
    findings_gone: tuple[str, ...]
    findings_new: tuple[str, ...]
    promises: tuple[Promise, ...]
    cautions: tuple[str, ...]
    readings: tuple[ReadingPair, ...]
    layer: str
    words: tuple[WordPair, ...] | None
    only_first: int
    only_second: int

    @property
    def turned(self) -> tuple[WordPair, ...]:
        """The words that changed by more than noise in one of the two alone."""
        return tuple(pair for pair in self.words or () if pair.changed.startswith("only"))


def of_comparison(comparison: Comparison) -> Told:
    """A comparison as its own files would tell it."""
    return Told(to_json(comparison), tables(comparison)["items"])


def of_files(path: Path) -> Told:
    """A `comparison.json`, or a folder that holds one; `items.parquet` beside it is read too. Raises UserError."""
    import pandas as pd

    file = path / "comparison.json" if path.is_dir() else path
    try:
        if file.stat().st_size > LARGEST:
            raise UserError(f"{file.name} has more than {LARGEST:,} bytes: is it a comparison?")
        about = json.loads(file.read_text(encoding="utf-8"))
        _check(about)
        beside = file.parent / "items.parquet"
        items = pd.read_parquet(beside) if beside.is_file() else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file.name} cannot be read as a comparison: give what `report --format json` wrote."
        ) from error
    needed = {"layer", "word", "change", "noise", "changed"}
    if items is not None and not needed <= set(items.columns):
        raise UserError("items.parquet beside it is not of a comparison: give the folder that `compare --out` wrote.")
    return Told(about, items)


def _check(about: Any) -> None:
    """Whether a file tells all that is asked of it here. Raises KeyError or TypeError."""
    for side in ("before", "after"):
        _ = about[side]["source"]
    for name in ("corpus_id", "corpus_name", "k", "min_count"):
        _ = about["provenance"][name]
    for name in ("task", "task_line", "space", "findings"):
        _ = about["verdict"][name]
    for one in about["expectations"]:
        _ = one["statement"], one["after"]
    for layer in about["layers"]:
        for reading in layer["readings"].values():
            _change(reading)
            _interval(reading)


def difference(first: Told, second: Told, layer: int | None = None) -> Difference:
    """Both side by side; the words at `layer`, the last that both have unless given. Raises UserError."""
    most = min(len(first.layers), len(second.layers)) - 1
    at = most if layer is None else layer
    if not 0 <= at <= most:
        raise UserError(f"There is no layer {at} in both: they share layers 0 to {most}.")
    words, alone = _words(first, second, at)
    verdicts = (first.about["verdict"], second.about["verdict"])
    found = [list(map(str, verdict["findings"])) for verdict in verdicts]
    return Difference(
        first=first.name,
        second=second.name,
        tasks=(str(verdicts[0]["task"]), str(verdicts[1]["task"])),
        task_lines=(str(verdicts[0]["task_line"]), str(verdicts[1]["task_line"])),
        space_lines=(str(verdicts[0]["space"]), str(verdicts[1]["space"])),
        findings_gone=tuple(one for one in found[0] if one not in found[1]),
        findings_new=tuple(one for one in found[1] if one not in found[0]),
        promises=_promises(first, second),
        cautions=_cautions(first, second),
        readings=_readings(first, second),
        layer=second.layers[at],
        words=words,
        only_first=alone[0],
        only_second=alone[1],
    )


def _promises(first: Told, second: Told) -> tuple[Promise, ...]:
    """What both were held against; those that turned first."""
    held = {str(one["statement"]): bool(one["after"]) for one in first.about["expectations"]}
    both = [
        Promise(str(one["statement"]), held[str(one["statement"])], bool(one["after"]))
        for one in second.about["expectations"]
        if str(one["statement"]) in held
    ]
    return tuple(sorted(both, key=lambda one: (one.first == one.second, one.second, one.statement)))


def _cautions(first: Told, second: Told) -> tuple[str, ...]:
    one, two = first.about["provenance"], second.about["provenance"]
    said = []
    if one["corpus_id"] != two["corpus_id"]:
        said.append("The corpora differ: the numbers are not of the same texts.")
    if first.about["before"]["source"] != second.about["before"]["source"]:
        said.append("The models before differ: the changes do not start from the same space.")
    if one["k"] != two["k"]:
        said.append(f"Neighbours are the {one['k']} nearest in the first and the {two['k']} nearest in the second.")
    if one["min_count"] != two["min_count"]:
        said.append(
            f"Words are counted from {one['min_count']} uses in the first and from {two['min_count']} in the second."
        )
    if first.layers != second.layers:
        said.append("The layers differ in name or number: they are set beside each other by their number.")
    return tuple(said)


def _change(reading: Mapping[str, Any]) -> float | None:
    """After - before of a reading of a space, the value of one of the pair; None where undefined."""
    if "value" in reading:
        return None if reading["value"] is None else float(reading["value"])
    before, after = reading["before"], reading["after"]
    return None if before is None or after is None else float(after) - float(before)


def _interval(reading: Mapping[str, Any]) -> Interval | None:
    given = reading["interval"]
    return None if given is None else (float(given[0]), float(given[1]))


def _readings(first: Told, second: Told) -> tuple[ReadingPair, ...]:
    """Every reading of every layer that one of them has; intervals apart first, then the last layers."""
    pairs = []
    for at in range(max(len(first.layers), len(second.layers))):
        sides = [told.about["layers"][at] if at < len(told.layers) else None for told in (first, second)]
        held = [{} if side is None else side["readings"] for side in sides]
        name = next(str(side["name"]) for side in reversed(sides) if side is not None)
        for reading in dict.fromkeys([*held[0], *held[1]]):
            one, two = (side.get(reading) for side in held)
            values = [None if each is None else _change(each) for each in (one, two)]
            spans = [None if each is None else _interval(each) for each in (one, two)]
            if values[0] is None and values[1] is None:
                continue
            apart = _apart(values[0], spans[0], values[1], spans[1])
            pairs.append(ReadingPair(at, name, reading, values[0], spans[0], values[1], spans[1], apart))
    order = {name: i for i, name in enumerate(READINGS)}

    def place(one: ReadingPair) -> tuple[int, int, int, str]:
        return FIRST_OF_ALL.index(one.apart), -one.layer, order.get(one.name, len(order)), one.name

    return tuple(sorted(pairs, key=place))


def _apart(one: float | None, span: Interval | None, two: float | None, other: Interval | None) -> Apart:
    """Whether two 95 % intervals have nothing in common: stricter than a test of the difference at 5 %."""
    if one is None:
        return "only in the second"
    if two is None:
        return "only in the first"
    if one == two and span == other:
        return "the same"
    if span is None or other is None:
        return "no interval"
    return "intervals apart" if span[1] < other[0] or other[1] < span[0] else "intervals meet"


def _words(first: Told, second: Told, layer: int) -> tuple[tuple[WordPair, ...] | None, tuple[int, int]]:
    """(the words both counted, the largest difference first; how many only one counted)."""
    if first.items is None or second.items is None:
        return None, (0, 0)
    one, two = (items[items["layer"] == layer].set_index("word") for items in (first.items, second.items))
    both = one.join(two, how="inner", lsuffix="_first", rsuffix="_second")
    numbers = [both[f"{name}_{side}"].to_numpy(float) for name in ("change", "noise") for side in ("first", "second")]
    standing = [both[f"changed_{side}"].to_numpy(bool) for side in ("first", "second")]
    pairs = [
        WordPair(str(word), float(a), float(b), _known(c), _known(d), _which(bool(e), bool(f)))
        for word, a, b, c, d, e, f in zip(both.index, *numbers, *standing, strict=True)
    ]
    pairs.sort(key=lambda pair: (-abs(pair.difference), pair.word))
    return tuple(pairs), (len(one) - len(both), len(two) - len(both))


def _known(value: float) -> float | None:
    return float(value) if value == value else None


def _which(first: bool, second: bool) -> Which:
    if first and second:
        return "in both"
    return "only in the first" if first else "only in the second" if second else "in neither"
