"""A corpus on disk comes back equal, or not at all."""

from pathlib import Path

import pytest

from embedlab.corpus import Columns, Refusal, load, load_refusals, read, save, save_refusals
from embedlab.errors import StoreError
from embedlab.store import sealed_folder
from embedlab.types import Corpus


def corpus(folder: Path, columns: Columns | None = None) -> Corpus:
    path = folder / "u"
    path.write_text(
        "text,label,pair,start,end,target,sense,split,negative,score\n"
        "The bänk shut.,a,It closed for good.,4,8,bank,b.1,train,The bank opened.,0.1\nNo target.,,,,,,,,,\n"
        "A crane flew.,b,It was a bird.,2,7,,,test,,4\n"
    )
    return read(path, "my words.csv", columns).corpus


@pytest.mark.parametrize("columns", [None, Columns(text="text"), Columns(text="text", pair="pair", split="split")])
def test_round_trip(tmp_path: Path, columns: Columns | None) -> None:
    before = corpus(tmp_path, columns)
    assert (before.scores, before.negatives) == ((0.1, None, 4.0), ("The bank opened.", None, None)) or columns
    refused = (Refusal(3, "the text is empty"), Refusal(9, "the span 1 to 1 is empty"))
    with sealed_folder(tmp_path / "kept") as folder:
        save(before, folder)
        save_refusals(refused, folder)
    assert load(tmp_path / "kept") == before
    assert load_refusals(tmp_path / "kept") == refused


def test_damage_is_noticed(tmp_path: Path) -> None:
    with sealed_folder(tmp_path / "kept") as folder:
        save(corpus(tmp_path), folder)
    rows = tmp_path / "kept" / "rows.parquet"
    data = bytearray(rows.read_bytes())
    data[40] ^= 1
    rows.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        load(tmp_path / "kept")
    with pytest.raises(StoreError, match="missing"):
        load_refusals(tmp_path / "kept")
