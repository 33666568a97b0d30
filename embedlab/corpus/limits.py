"""What is too much (rule 8 of the safety rules), and how the parts of this package say no.

Every limit is checked before the thing it bounds is parsed. All figures are generous for text a person wrote.
"""

import unicodedata
from pathlib import PurePath

from embedlab.errors import CorpusError

MAX_BYTES = 2 * 2**30  # of the file, and of what an archive unpacks to
MAX_CHARACTERS = 20_000  # of one text: a 50 MB line costs a tokenizer 53 s and 7.5 GB
MAX_RECORD = 100_000  # characters of one whole row of a table, below the csv module's own limit for a field
MAX_ROWS = 5_000_000
MAX_REFUSED = 1_000_000
MAX_COLUMNS = 1000
MAX_SCORE = 1e6  # of a pair: training holds scores in single precision, where larger ones lose their decimals
MAX_NESTING = 32  # brackets within brackets in a row of JSON
MAX_ENTRIES = 100  # of a zip
MAX_RATIO = 100  # unpacked to packed; English text is near 3, a bomb near 1000
RATIO_GRACE = 10 * 2**20  # small files may compress as well as they like
MAX_JSON_ARRAY = 64 * 2**20  # bytes; a JSON array is parsed whole, JSON lines are not
MAX_FOOTER = 16 * 2**20  # bytes of a parquet footer
PREVIEW_ROWS = 20


class Refused(Exception):
    """One row cannot be kept; the message is the reason a person reads."""


def shown(name: str) -> str:
    """A file name as it may appear in a sentence: no folder, no control characters, not endless."""
    base = PurePath(name.replace("\\", "/")).name or "the file"
    clean = "".join("?" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else c for c in base)
    return clean if len(clean) <= 80 else f"{clean[:60]}…{clean[-15:]}"


def quoted(value: str, limit: int = 40) -> str:
    """A column name or setting as it may appear in a sentence."""
    clean = "".join(c if c.isprintable() else "?" for c in value[:limit])
    return f"“{clean}{'…' if len(value) > limit else ''}”"


def check_column_count(count: int, name: str) -> None:
    """Raises CorpusError when a table is wider than any table of texts."""
    if count > MAX_COLUMNS:
        raise CorpusError(f"{name} has {count:,} columns; at most {MAX_COLUMNS:,} can be read. Keep those you need.")


def check_text(value: str, what: str = "the text") -> str:
    """The value itself. Raises Refused when it is too long, holds a NUL or cannot be written as UTF-8."""
    if len(value) > MAX_CHARACTERS:
        raise Refused(f"{what} is longer than {MAX_CHARACTERS:,} characters")
    if "\0" in value:
        raise Refused(f"{what} holds a NUL byte")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused(f"{what} holds bytes that are not in the file's encoding") from None
    return value
