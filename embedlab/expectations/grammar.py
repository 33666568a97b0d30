"""From lines of text to statements. The forms are in the docstring of the package."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, get_args

from embedlab.comparing.readings import READINGS
from embedlab.corpus.limits import quoted, shown
from embedlab.errors import UserError
from embedlab.types import SpaceFinding, TaskVerdict

MAX_FILE = 2**20  # bytes
MAX_STATEMENTS = 1000
MAX_LINE = 1000  # characters
FORMS = (
    "bank+river nearer shore than loan; bank keeps loan, credit; bank never near keyboard; "
    "mean_cosine at most 0.4 at layer 3; change of mrr at least -0.02; task not HARMED; space without COLLAPSE"
)
QUOTED = r'"[^"]+"'
WORD = rf'(?:{QUOTED}|[^\s+:,"]+)'
ITEM = rf"{WORD}(?:[+:]{WORD})?"
WORDS = rf"{WORD}(?:\s*,\s*{WORD})*"
NUMBER = r"[-+−]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
LAYER = re.compile(r"\s+at\s+layer\s+(\d{1,4})$", re.IGNORECASE)
COMMENT = re.compile(r"(?:^|\s)#.*$")


def _form(text: str) -> re.Pattern[str]:
    return re.compile(text.replace(" ", r"\s+"), re.IGNORECASE)


NEARER = _form(f"({ITEM}) nearer ({ITEM}) than ({ITEM})")
KEEPS = _form(f"({WORD}) keeps ({WORDS})")
NEVER = _form(f"({WORD}) never near ({WORDS})")
FLOOR = _form(rf"(change of )?(\w+)(?: of ({WORD}))? at (least|most) ({NUMBER})")
TASK = _form("task (not )?(.+)")
SPACE = _form("space without (.+)")


@dataclass(frozen=True, slots=True)
class Item:
    """The uses of a word whose mean is meant: all, those in texts with `context`, or those in `sense`."""

    word: str
    context: str | None = None
    sense: str | None = None

    @property
    def of_word(self) -> bool:
        """Whether the mean over all uses of one counted word is meant; a phrase is no counted word."""
        return self.context is None and self.sense is None and " " not in self.word

    def __str__(self) -> str:
        return self.word + (f"+{self.context}" if self.context else "") + (f":{self.sense}" if self.sense else "")


@dataclass(frozen=True, slots=True)
class Nearer:
    item: Item
    near: Item
    far: Item
    layer: int | None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """`kept`: all of `others` are among the k nearest of `word`; else none of them is."""

    word: str
    others: tuple[str, ...]
    kept: bool
    layer: int | None


@dataclass(frozen=True, slots=True)
class Bound:
    """A reading, or its change, against a number; `word`: of one word of the Senses page."""

    name: str
    way: Literal["least", "most"]
    number: float
    change: bool
    word: str | None
    layer: int | None


@dataclass(frozen=True, slots=True)
class Task:
    verdict: TaskVerdict
    wanted: bool


@dataclass(frozen=True, slots=True)
class Space:
    without: tuple[SpaceFinding, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its line number in the file, as it was written, and what it asks."""

    line: int
    text: str
    asks: Nearer | Neighbours | Bound | Task | Space


def read(path: Path) -> tuple[Statement, ...]:
    """The statements of a file. Raises UserError naming the line that is wrong, what is wrong, and the forms."""
    name = shown(path.name)
    if not path.is_file():
        raise UserError(f"There is no file {name} of expectations: check the path.")
    if path.stat().st_size > MAX_FILE:
        raise UserError(f"{name} is over {MAX_FILE // 2**20} MB, more than anyone's expectations: give a small text.")
    try:
        return parse(path.read_text(encoding="utf-8-sig"), name)
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not text in UTF-8: save it as such.") from error


def parse(text: str, name: str = "the expectations") -> tuple[Statement, ...]:
    """The statements of a text, as `read` has them. Raises UserError."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        said = COMMENT.sub("", line.rstrip("\r")).strip()
        if said:
            where = f"{name}, line {number}"
            if len(said) > MAX_LINE:
                raise UserError(f"{where} is longer than {MAX_LINE:,} characters: a statement is a short line.")
            found.append(Statement(number, said, _parse(said, where)))
    if not found:
        raise UserError(f"{name} holds no statement. The forms are: {FORMS}.")
    if len(found) > MAX_STATEMENTS:
        raise UserError(f"{name} holds {len(found):,} statements: at most {MAX_STATEMENTS:,} are checked.")
    return tuple(found)


def words_wanted(statements: Sequence[Statement]) -> tuple[str, ...]:
    """The words whose uses, one by one, must be in the survey (`plan_survey(words=...)`), each once, in order.

    Plain words are not among them: their mean and their neighbours are in every survey that counts them
    (`require_words` says beforehand which are not counted).
    """
    wanted: dict[str, None] = {}
    for statement in statements:
        asks = statement.asks
        if isinstance(asks, Nearer):
            wanted |= {i.word: None for i in (asks.item, asks.near, asks.far) if not i.of_word}
        elif isinstance(asks, Bound) and asks.word is not None:
            wanted[asks.word] = None
    return tuple(wanted)


# ---------------------------------------------------------------- one line


def _parse(said: str, where: str) -> Nearer | Neighbours | Bound | Task | Space:
    if match := TASK.fullmatch(said):
        return _task(match, where)
    if match := SPACE.fullmatch(said):
        return _space(match[1], where)
    at = LAYER.search(said)
    layer = int(at[1]) if at else None
    body = said[: at.start()] if at else said
    if match := NEARER.fullmatch(body):
        return Nearer(_item(match[1]), _item(match[2]), _item(match[3]), layer)
    if match := NEVER.fullmatch(body):
        return _neighbours(match, layer, kept=False, where=where)
    if match := KEEPS.fullmatch(body):
        return _neighbours(match, layer, kept=True, where=where)
    if match := FLOOR.fullmatch(body):
        return _bound(match, layer, where)
    _refuse(where, f"{quoted(said)} is none of the forms")


def _refuse(where: str, what: str) -> NoReturn:
    raise UserError(f"{where}: {what}. The forms are: {FORMS}.")


def _word(text: str) -> str:
    return " ".join(text.strip('"').split()).lower()


def _item(text: str) -> Item:
    word, sign, rest = _split(text)
    if sign == "+":
        return Item(_word(word), context=_word(rest))
    return Item(_word(word), sense=rest.strip('"')) if sign else Item(_word(word))


def _split(text: str) -> tuple[str, str, str]:
    match = re.fullmatch(rf"({WORD})(?:([+:])({WORD}))?", text)
    if match is None:
        raise ValueError("an item that the grammar let through cannot be read")
    return match[1], match[2] or "", match[3] or ""


def _neighbours(match: re.Match[str], layer: int | None, *, kept: bool, where: str) -> Neighbours:
    word = _word(match[1])
    others = tuple(dict.fromkeys(_word(found) for found in re.findall(WORD, match[2])))
    if word in others:
        _refuse(where, f"{quoted(word)} is no neighbour of its own")
    return Neighbours(word, others, kept, layer)


def _bound(match: re.Match[str], layer: int | None, where: str) -> Bound:
    name = match[2].lower()
    info = READINGS.get(name)
    if info is None:
        near = difflib.get_close_matches(name, READINGS, n=3, cutoff=0.6)
        told = f"did you mean {' or '.join(near)}" if near else "its names are those of the table of readings"
        raise UserError(f"{where}: there is no reading {quoted(name)}; {told}? The forms are: {FORMS}.")
    if match[1] and info.of_pair:
        _refuse(where, f"{name} compares the two models, so there is no change of it: give it a bound itself")
    number = float(match[5].replace("−", "-"))
    way: Literal["least", "most"] = "least" if match[4].lower() == "least" else "most"
    return Bound(name, way, number, bool(match[1]), None if match[3] is None else _word(match[3]), layer)


def _task(match: re.Match[str], where: str) -> Task:
    said = " ".join(match[2].split()).upper()
    for verdict in get_args(TaskVerdict):
        if said == verdict:
            return Task(verdict, wanted=match[1] is None)
    _refuse(where, f"{quoted(match[2])} is no verdict ({', '.join(get_args(TaskVerdict))})")


def _space(text: str, where: str) -> Space:
    found: list[SpaceFinding] = []
    for said in text.split(","):
        known = [finding for finding in get_args(SpaceFinding) if finding == said.strip().upper()]
        if not known:
            _refuse(where, f"{quoted(said.strip())} is no finding ({', '.join(get_args(SpaceFinding))})")
        found += known
    return Space(tuple(dict.fromkeys(found)))
