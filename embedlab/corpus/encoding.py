"""Which encoding the bytes of a text file are in. Rules first, charset-normalizer for what no rule covers.

Order: byte order mark; UTF-16 or UTF-32 without one (NULs at regular places); UTF-8 if every byte fits, or all but
a few; cp1252, else cp1250, if what it reads as looks like a European language; else the detector; else a CorpusError.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from embedlab.errors import CorpusError

BLOCK = 2**20
SAMPLE = 2**18
MAX_CONTROL = 0.05  # share of control codes
MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
TYPOGRAPHY = frozenset("‘’“”‚„–—…•€£§©®™°«»‹›¿¡·\xa0\xadªº²½¼¾´×±")
ODD = re.compile("[^\\W\\d_][¹³¶¿¥£¢¤¦¬±¼¾¯¡]")  # signs that follow a letter only where the codec is the wrong one
# What people's files are in today. DOS and mainframe code pages give a character for any byte: they would fit all.
PLAUSIBLE = frozenset(
    "big5 big5hkscs cp1251 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp874 cp932 cp949 cp950 euc_jp euc_kr gb18030 "
    "gb2312 gbk koi8_r koi8_u shift_jis shift_jis_2004 tis_620".split()
)


@dataclass(frozen=True)
class Encoding:
    """A codec name and how to treat bytes outside it: kept as lone surrogates, so that their rows can be refused."""

    name: str
    errors: str = "surrogateescape"


def detect(path: Path, name: str) -> Encoding:
    """The encoding of a text file. Raises CorpusError when the bytes are not text in any encoding we can tell."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return Encoding(encoding, "surrogateescape" if encoding == "utf-8-sig" else "surrogatepass")
    wide = _wide(head)
    if wide is not None:
        return Encoding(wide, "surrogatepass")
    if _control_share(head) > MAX_CONTROL:
        raise CorpusError(f"{name} is not a text file: too many of its bytes are control codes.")
    broken = _first_broken(path)
    if broken is None:
        return Encoding("utf-8")
    with path.open("rb") as file:
        file.seek(max(0, broken - SAMPLE // 2))
        sample = head + file.read(SAMPLE) if broken > SAMPLE // 2 else head
    if _control_share(sample) > MAX_CONTROL:
        raise CorpusError(f"{name} is not a text file: too many of its bytes are control codes.")
    if _mostly_utf8(sample):
        return Encoding("utf-8")
    for codec in ("cp1252", "cp1250"):
        if _looks_european(sample, codec):
            return Encoding(codec)
    return _ask_detector(sample, name)


def _wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: in text with some ASCII, the high bytes of most characters are NUL."""
    part = head[: 4096 - 4096 % 4]
    if len(part) < 4:
        return None
    share = [part[i::4].count(0) / len(part[i::4]) for i in range(4)]
    if share[0] < 0.3 and min(share[1:]) > 0.6:
        return "utf-32-le"
    if share[3] < 0.3 and min(share[:3]) > 0.6:
        return "utf-32-be"
    low, high = (share[0] + share[2]) / 2, (share[1] + share[3]) / 2
    if high > 0.4 and low < 0.1:
        return "utf-16-le"
    if low > 0.4 and high < 0.1:
        return "utf-16-be"
    return None


def _control_share(sample: bytes) -> float:
    """Share of control codes other than NUL (a NUL is a fault of its row) and white space."""
    control = bytes(set(range(1, 32)) - set(b"\t\n\v\f\r\x1b\x1a") | {127})
    return (len(sample) - len(sample.translate(None, control))) / max(1, len(sample))


def _first_broken(path: Path) -> int | None:
    """Where the bytes stop being UTF-8, or None."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    place = 0
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return max(0, place + error.start)
            if not block:
                return None
            place += len(block)


def _mostly_utf8(sample: bytes) -> bool:
    """Whether far more characters are whole in UTF-8 than broken: then a few rows are at fault, not the encoding."""
    text = sample.decode("utf-8", "surrogateescape")
    broken = sum(1 for c in text if "\udc80" <= c <= "\udcff")
    whole = sum(1 for c in text if c > "\x7f") - broken
    return whole > 4 * broken


def _looks_european(sample: bytes, codec: str) -> bool:
    """Mostly ASCII letters; beyond ASCII nearly only Latin letters and typography, and no odd sign after a letter."""
    try:
        text = sample.decode(codec)
    except UnicodeDecodeError:
        return False
    high = [c for c in text if c > "\x7f"]
    letters = sum(1 for c in text if c.isalpha())
    usual = sum(1 for c in high if c in TYPOGRAPHY or unicodedata.name(c, "").startswith("LATIN"))
    return (
        usual >= 0.9 * len(high) and len(high) <= 0.4 * max(letters, 1) and len(ODD.findall(text)) <= 0.05 * len(high)
    )


def _ask_detector(sample: bytes, name: str) -> Encoding:
    from charset_normalizer import from_bytes  # 0.1 s to import, and rarely needed

    lines = [line for line in sample.split(b"\n")[:-1] or [sample] if not line.isascii()]
    found = from_bytes(b"\n".join(lines)[:65_536], threshold=0.15, cp_isolation=sorted(PLAUSIBLE))
    best = found.best()
    if best is None or best.encoding not in PLAUSIBLE:
        raise CorpusError(f"{name} is in no encoding that can be recognised: save it as UTF-8 and try again.")
    return Encoding(best.encoding.replace("_", "-"), "surrogateescape")
