"""Method: how one family of readings is measured, in words that the docs, the app and the tests share."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Method:
    """One entry of the method page. Prose is plain text: no markup, so that every place can show it as it is.

    `readings` are names of READINGS; `rows` says on what they are measured in a comparison; `formula` is a list of
    lines in plain Unicode; `limits` and `source` are lists, one point or one paper each.
    """

    key: str
    title: str
    readings: tuple[str, ...]
    question: str
    rows: str
    formula: tuple[str, ...]
    null: str
    interval: str
    limits: tuple[str, ...]
    checked: str
    source: tuple[str, ...]

    @property
    def heading(self) -> str:
        """`A5 · Evenness of the spectrum`, `The noise floor`."""
        return f"{self.key} · {self.title}" if self.key[1:].isdigit() else self.title

    @property
    def text(self) -> str:
        """All that the entry says, as one string."""
        said = [getattr(self, field.name) for field in fields(self)]
        return "\n".join(part if isinstance(part, str) else "\n".join(part) for part in said)


NOTATION = (
    (
        "X, Y",
        "the vectors before and after at one layer: n rows (points) by d columns; row i of both is the same thing",
    ),
    ("x̂", "x / ‖x‖, the row at length one; a row of zeros has no direction and is left out of every cosine"),
    ("Xc", "X with the mean of every column taken away"),
    ("λ", "the eigenvalues of the sample covariance (divided by n − 1)"),
    ("s", "singular values, largest first: of X itself where the entry says uncentred, else of Xc"),
    ("k", "how many nearest neighbours count; 10 unless the command says otherwise, by cosine, a row never its own"),
    ("piece", "one sub-word token of the model; special tokens ([CLS], [SEP], padding) are never among them"),
    ("layer 0", "the embedding layer, before the first block; the last layer is what most people call the embedding"),
)
