"""CoarseWSD-20 as a user would bring it: a csv with a token index, its senses and its own split."""

import csv
import json
from pathlib import Path

import pytest

from embedlab import occurrences
from embedlab.corpus import Columns, held_out, preview, read
from tests.kit import KIT, needs_kit

WORDS = ("apple", "bank", "club", "crane", "java", "mole", "pitcher", "seal", "spring", "square")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


@needs_kit
@pytest.mark.parametrize("word", WORDS)
def test_every_row_with_its_token(tmp_path: Path, word: str) -> None:
    senses = json.loads((KIT / "coarsewsd20" / word / "classes_map.txt").read_text())
    rows = []
    for split in ("train", "test"):
        data = _lines(KIT / "coarsewsd20" / word / f"{split}.data.txt")
        gold = _lines(KIT / "coarsewsd20" / word / f"{split}.gold.txt")
        assert len(data) == len(gold)
        rows += [(*line.split("\t"), senses[number.strip()], split) for line, number in zip(data, gold, strict=True)]
    path = tmp_path / "upload"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("index", "text", "sense", "split"), *rows])

    columns = Columns(text="text", token_index="index", sense="sense", split="split")
    assert preview(path, f"{word}.csv").guess == columns
    imported = read(path, f"{word}.csv")
    assert imported.columns == columns
    assert (imported.rows_in, imported.refused) == (len(rows), ())
    uses = occurrences.targets(imported.corpus)
    assert [use.surface for use in uses] == [text.split()[int(index)] for index, text, _, _ in rows]
    assert [use.sense for use in uses] == [sense for _, _, sense, _ in rows]
    assert {use.word for use in uses} == {word}
    assert held_out(imported.corpus).tolist() == [split == "test" for *_, split in rows]
