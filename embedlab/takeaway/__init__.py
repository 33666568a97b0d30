"""What other tools read: model folders, a LoRA adapter, static word vectors, files for the embedding projector.

Nothing is ever written over something that is there already.
"""

from pathlib import Path
from typing import Literal

from embedlab.takeaway.models import lora_adapter, sentence_transformers, transformers
from embedlab.takeaway.tables import Table, corpus_table, projector, word2vec

__all__ = [
    "Format",
    "Table",
    "corpus_table",
    "export_table",
    "lora_adapter",
    "projector",
    "sentence_transformers",
    "transformers",
    "word2vec",
]  # fmt: skip

Format = Literal["sentence-transformers", "transformers", "lora", "word2vec", "word2vec-bin", "projector"]


def export_table(table: Table, format: Format, out: Path) -> None:
    """A table of words in one of the formats for such. Raises UserError."""
    if format == "projector":
        projector(table.words, table.vectors, out, {"count": table.counts.tolist()})
    elif format in ("word2vec", "word2vec-bin"):
        word2vec(table.words, table.vectors, out, binary=format == "word2vec-bin")
    else:
        raise ValueError(f"{format} is no format of a table")
