"""Snapshots on disk: what is written is what the encoder gave, and damage is seen."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from embedlab import encoders
from embedlab.errors import ModelError, StoreError
from embedlab.types import Occurrence
from tests.encoders import tiny
from tests.encoders.conftest import Both
from tests.encoders.gathered import vectors
from tests.fakes import FakeEncoder

USES = [
    Occurrence(text, *span, sense="one" if i % 2 else None, word="w", row=i if i % 3 else None)
    for i, text in enumerate(tiny.LINES)
    for span in ((0, 3), (0, len(text)), (4, 9))
]


def test_a_snapshot_holds_what_the_encoder_gives(both: Both, tmp_path: Path) -> None:
    encoder, _ = both("bert")
    shares: list[float] = []
    taken = encoders.take_snapshot(encoder, USES, tmp_path / "s", progress=lambda share, what: shares.append(share))
    np.testing.assert_array_equal(np.stack(taken.layers), vectors(encoder, USES))
    assert taken.layer_names == ("embeddings", "layer 1", "layer 2", "layer 3")
    assert list(taken.occurrences) == USES
    assert (taken.encoder, taken.fingerprint) == (encoder.spec, encoder.fingerprint)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    again = encoders.open_snapshot(tmp_path / "s")
    assert all(isinstance(layer, np.memmap) and not layer.flags.writeable for layer in again.layers)


def test_the_files_are_those_of_the_design(both: Both, tmp_path: Path) -> None:
    encoder, _ = both("bert")
    encoders.take_snapshot(encoder, USES, tmp_path / "s", layers=[0, 3])
    names = sorted(path.name for path in (tmp_path / "s").iterdir())
    assert names == ["items.parquet", "layer_00.npy", "layer_03.npy", "manifest.json", "snapshot.json"]
    table = parquet.read_table(tmp_path / "s" / "items.parquet")
    assert table.column_names == ["text", "start", "end", "surface", "word", "sense", "row"]
    assert table["surface"].to_pylist() == [use.surface for use in USES]
    assert table["row"].to_pylist() == [use.row for use in USES]
    assert encoders.open_snapshot(tmp_path / "s").layer_names == ("embeddings", "layer 3")


def test_layers_of_different_widths(tmp_path: Path) -> None:
    encoder = FakeEncoder(dims=(4, 6, 8))
    taken = encoders.take_snapshot(encoder, USES, tmp_path / "s")
    assert [layer.shape for layer in taken.layers] == [(len(USES), width) for width in (4, 6, 8)]


@pytest.mark.parametrize("name", ["layer_02.npy", "items.parquet", "snapshot.json"])
def test_a_flipped_bit_is_seen(tmp_path: Path, name: str) -> None:
    encoders.take_snapshot(FakeEncoder(), USES, tmp_path / "s")
    path = tmp_path / "s" / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)
    with pytest.raises(StoreError, match=name):
        encoders.open_snapshot(tmp_path / "s")


@pytest.mark.parametrize("layers", [[3], [-1], [0, 0], []])
def test_layers_that_are_not_there(tmp_path: Path, layers: list[int]) -> None:
    with pytest.raises(ModelError, match="name layers from 0 to 2"):
        encoders.take_snapshot(FakeEncoder(), USES, tmp_path / "s", layers=layers)
    assert not list(tmp_path.iterdir())


def test_nothing_to_embed(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to embed"):
        encoders.take_snapshot(FakeEncoder(), [], tmp_path / "s")


class Broken(FakeEncoder):
    """Damaged weights: one vector is not a number."""

    def _pool(self, *given: object) -> np.ndarray:
        return super()._pool(*given) * np.nan  # type: ignore[arg-type]


def test_vectors_that_are_not_finite_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not finite"):
        encoders.take_snapshot(Broken(), USES, tmp_path / "s")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_before_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free: Callable[..., tuple[int, int, int]] = lambda path: (10**9, 10**9, 10**5)  # noqa: E731
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": free(path)[2]})())
    with pytest.raises(StoreError, match="disk is full"):
        encoders.take_snapshot(FakeEncoder(), USES, tmp_path / "s")
    assert not list(tmp_path.iterdir())
