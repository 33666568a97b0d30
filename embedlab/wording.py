"""How numbers are written, everywhere: as many digits as their interval supports, and no more.

Numbers below one lose their leading zero (.09), a difference carries its sign (+.09, −.04) and its interval in
brackets. The minus is the typographic one (U+2212): these strings are for reading; exports hold the numbers themselves.
"""

import math

MINUS = "−"
MISSING = "–"
MOST = 6  # decimals, however narrow an interval
JOINERS = "\u200c\u200d"

Interval = tuple[float, float]


def decimals(value: float, interval: Interval | None = None) -> int:
    """How many decimals a number deserves: the first digit of its interval's width, or three significant digits.

    A width beginning with 1 earns one digit more (.012 -> 3), else rounding would eat half of it.
    """
    if interval is not None and interval[1] > interval[0]:
        width = interval[1] - interval[0]
        first = math.floor(math.log10(width))
        leading = width / 10**first
        return min(MOST, max(0, -first + (1 if leading < 2 else 0)))
    size = abs(value)
    if size == 0:
        return 0
    if size >= 1:
        return max(0, 2 - math.floor(math.log10(size)))
    return 3 if size >= 0.001 else min(MOST, 1 - math.floor(math.log10(size)))


def number(value: float | None, interval: Interval | None = None, *, places: int | None = None) -> str:
    """`.823`, `43.1`, `−.07`, `1,234`; `–` for a value that is not there (None, NaN). `places` overrides decimals."""
    if value is None or not math.isfinite(value):
        return MISSING
    digits = decimals(value, interval) if places is None else places
    text = f"{abs(value):,.{digits}f}"
    if digits == MOST and value != 0 and not any(c in "123456789" for c in text):
        return "≈0"
    negative = value < 0 and any(c in "123456789" for c in text)
    text = text[1:] if text.startswith("0.") else text
    return (MINUS if negative else "") + text


def signed(value: float, *, places: int) -> str:
    """A number that always shows its sign, except zero."""
    text = number(value, places=places)
    shows_digits = any(c in "123456789" for c in text)
    return f"+{text}" if value > 0 and shows_digits else text


def bracket(interval: Interval, *, places: int | None = None) -> str:
    """`[.06, .12]`: a 95 % interval."""
    digits = decimals(interval[1], interval) if places is None else places
    return f"[{number(interval[0], places=digits)}, {number(interval[1], places=digits)}]"


def difference(value: float | None, interval: Interval | None = None) -> str:
    """`+.09 [.06, .12]`: a difference with its 95 % interval, both to the digit the interval supports.

    Exactly no change, with an interval of no width, is `0`: nothing is hidden behind rounding there.
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0 and (interval is None or interval == (0.0, 0.0)):
        return "0"
    digits = decimals(value, interval)
    text = signed(value, places=digits)
    return text if interval is None else f"{text} {bracket(interval, places=digits)}"


def percent(share: float | None, *, places: int = 0) -> str:
    """`57 %` of a share in 0..1."""
    return MISSING if share is None else f"{number(100 * share, places=places)} %"


def count(how_many: int, thing: str | None = None, things: str | None = None) -> str:
    """`1,234`; with a noun `1 use`, `1,234 uses` (`things` for an irregular plural)."""
    if thing is None:
        return f"{how_many:,}"
    return f"{how_many:,} {thing if how_many == 1 else things or thing + 's'}"


def trim(text: str, length: int) -> str:
    """At most `length` characters, the end cut with an ellipsis; line breaks and controls become spaces."""
    flat = one_line(text)
    return flat if len(flat) <= length else flat[: length - 1].rstrip() + "…"


def one_line(text: str) -> str:
    """The text on one line: breaks, controls and direction overrides become spaces; joiners stay (Persian, Hindi)."""
    return " ".join("".join(c if c.isprintable() or c in JOINERS else " " for c in text).split())


def in_context(text: str, start: int, end: int, width: int = 40) -> tuple[str, str, str]:
    """Keyword in context: (left, keyword, right), the sides at most `width` characters, cut ends marked with `…`."""
    left, surface, right = text[:start], text[start:end], text[end:]
    left = one_line(left) + (" " if left[-1:].isspace() else "")
    right = (" " if right[:1].isspace() else "") + one_line(right)
    if len(left) > width:
        cut = left[-width:]
        left = "…" + (cut.split(" ", 1)[1] if " " in cut.strip() else cut)
    if len(right) > width:
        cut = right[:width]
        right = (cut.rsplit(" ", 1)[0] if " " in cut.strip() else cut) + "…"
    return left, trim(surface, 60), right
