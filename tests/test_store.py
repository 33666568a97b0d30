"""The workspace: whole or not at all, damage found, nothing lost."""

import errno
import json
import os
import random
from pathlib import Path

import pytest

from embedlab import store as storing
from embedlab.errors import StoreError
from embedlab.store import Store, atomic_write, is_sealed, manifest, open_verified, sealed_folder


def make(folder: Path, text: str = "hello") -> None:
    with sealed_folder(folder) as temporary:
        (temporary / "a.txt").write_text(text)
        (temporary / "sub").mkdir()
        (temporary / "sub" / "b.bin").write_bytes(bytes(range(256)))


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_sealed_folder_appears_whole_and_verifies(tmp_path: Path) -> None:
    make(tmp_path / "thing")
    assert open_verified(tmp_path / "thing", "a.txt").read_text() == "hello"
    assert set(manifest(tmp_path / "thing")["files"]) == {"a.txt", "sub/b.bin"}
    assert leftovers(tmp_path) == []


def test_replacing_a_folder_keeps_the_old_one_until_the_new_one_is_whole(tmp_path: Path) -> None:
    make(tmp_path / "thing", "old")

    def fail() -> None:
        with sealed_folder(tmp_path / "thing") as temporary:
            (temporary / "a.txt").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert open_verified(tmp_path / "thing", "a.txt").read_text() == "old"
    make(tmp_path / "thing", "new")
    assert open_verified(tmp_path / "thing", "a.txt").read_text() == "new"
    assert leftovers(tmp_path) == []


def test_a_kill_between_the_two_renames_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Store(tmp_path)
    folder = lab.folder("runs", "ab")
    make(folder, "old")
    trash = folder.parent / ".trash-ab~x1"
    trash.mkdir()
    folder.rename(trash / "old")  # where a kill would leave it
    Store(tmp_path)
    assert trash.exists(), "as fresh as this it may be another process at work"
    os.utime(trash, (0, 0))
    Store(tmp_path)
    assert open_verified(folder, "a.txt").read_text() == "old"
    assert leftovers(folder.parent) == []


OPERATIONS = ("rename", "replace", "fsync")


class Fault:
    """Fails the n-th file operation, as a full or broken disk would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, n: int) -> None:
        self.left = n
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, self.wrap(getattr(os, name)))

    def wrap(self, real):  # type: ignore[no-untyped-def]
        def operation(*values):  # type: ignore[no-untyped-def]
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*values)

        return operation


def test_a_fault_at_every_file_operation_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    for n in range(1, 40):
        home = tmp_path / str(n)
        make(home / "thing", "old")
        with pytest.MonkeyPatch.context() as patch:
            fault = Fault(patch, n)
            try:
                make(home / "thing", "new")
                failure = ""
            except StoreError as error:
                failure = str(error)
        assert not failure or "No space left" in failure
        if (home / "thing").exists():
            assert open_verified(home / "thing", "a.txt").read_text() in ("old", "new")
        else:
            pytest.fail(f"operation {n}: the folder is gone")
        if not failure and fault.left > 0:
            assert n > 5  # the whole of it was walked through
            return
    pytest.fail("the fault never ran out of operations")


def test_two_hundred_bit_flips_are_all_found(tmp_path: Path) -> None:
    make(tmp_path / "thing")
    path = tmp_path / "thing" / "sub" / "b.bin"
    good = path.read_bytes()
    rng = random.Random(0)
    for _ in range(200):
        bit = rng.randrange(8 * len(good))
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        with pytest.raises(StoreError, match="damaged"):
            open_verified(tmp_path / "thing", "sub/b.bin")
    path.write_bytes(good)
    assert open_verified(tmp_path / "thing", "sub/b.bin") == path


def test_a_missing_file_a_torn_manifest_and_a_newer_format_are_named(tmp_path: Path) -> None:
    make(tmp_path / "thing")
    (tmp_path / "thing" / "a.txt").unlink()
    with pytest.raises(StoreError, match=r"thing/a\.txt is missing"):
        open_verified(tmp_path / "thing", "a.txt")
    (tmp_path / "thing" / "manifest.json").write_text('{"format": 99, "files": {}}')
    with pytest.raises(StoreError, match="newer"):
        manifest(tmp_path / "thing")
    (tmp_path / "thing" / "manifest.json").write_text('{"format": ')
    with pytest.raises(StoreError, match="never finished"):
        manifest(tmp_path / "thing")


def test_atomic_write_keeps_the_old_file_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic_write(tmp_path / "x", b"old")
    Fault(monkeypatch, 1)
    with pytest.raises(StoreError, match="Could not write x"):
        atomic_write(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_a_full_disk_is_refused_before_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="disk is full"), sealed_folder(tmp_path / "thing", needed=10**18):
        pytest.fail("the block must not be entered")
    assert not (tmp_path / "thing").exists()


def test_the_index_is_rebuilt_from_the_folders(tmp_path: Path) -> None:
    lab = Store(tmp_path)
    lab.put("corpora", "ab12", "first", {"rows": 3}, lambda folder: atomic_write(folder / "x", b"1"))
    lab.put("corpora", "ab34", "second", {"rows": 4}, lambda folder: atomic_write(folder / "x", b"2"))
    (tmp_path / "index.sqlite").unlink()
    fresh = Store(tmp_path)
    assert fresh.entries("corpora") == []
    assert fresh.reindex() == 2
    assert {entry.name for entry in fresh.entries("corpora")} == {"first", "second"}
    assert fresh.find("corpora", "ab1").summary == {"rows": 3}
    assert fresh.find("corpora", "second").id == "ab34"


def test_find_says_what_is_wrong(tmp_path: Path) -> None:
    lab = Store(tmp_path)
    for id in ("ab12", "ab34"):
        lab.put("corpora", id, "same", {}, lambda folder: atomic_write(folder / "x", b"1"))
    with pytest.raises(StoreError, match="no corpus 'zz'"):
        lab.find("corpora", "zz")
    with pytest.raises(StoreError, match="give more of the id"):
        lab.find("corpora", "ab")


@pytest.mark.parametrize("id", ["../x", "a/b", "", "A", ".tmp-1"])
def test_an_id_never_leaves_the_workspace(tmp_path: Path, id: str) -> None:
    with pytest.raises(StoreError, match="not an id"):
        Store(tmp_path).folder("corpora", id)


def test_removed_things_are_gone_and_unlisted(tmp_path: Path) -> None:
    lab = Store(tmp_path)
    folder = lab.put("runs", "ab", "x", {}, lambda f: atomic_write(f / "x", b"1"))
    assert is_sealed(folder)
    lab.remove("runs", "ab")
    assert not folder.exists()
    assert lab.entries("runs") == []


def test_json_with_nan_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"NaN|JSON"):
        storing.write_json(tmp_path / "x.json", {"a": float("nan")})
    storing.write_json(tmp_path / "x.json", {"a": "é"})
    assert json.loads((tmp_path / "x.json").read_bytes()) == {"a": "é"}
