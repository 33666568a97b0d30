"""Foreign weights: what they hold arrives bit by bit; what is no such file, or worse, is refused in a sentence."""

import gzip
import io
import json
import os
import pickle
import resource
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from embedlab.errors import ModelError
from embedlab.lineage import converter_child, converting
from tests.kit import KIT, needs_kit

ROOT = Path(__file__).parents[2]


class Runs:
    """Unpickled, it makes a file: the sign that code has run."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.sign),)


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    table = torch.randn(7, 3)
    return OrderedDict(
        {"a.weight": table, "b.weight": table, "half": torch.randn(4).half(), "wide": torch.randn(2, 2).bfloat16(),
         "turned": torch.randn(2, 5).T, "count": torch.tensor(3), "none": torch.zeros(0, 4)}
    )  # fmt: skip


def refused(kind: str, path: Path) -> str:
    with pytest.raises(ModelError) as error:
        (converting.pth if kind == "pth" else converting.hdf5)(path)
    said = str(error.value)
    assert said.startswith(path.name)
    assert said.count(". ") <= 1
    assert str(path.parent) not in said
    return said


# ---- .pth ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("legacy", "key"), [(False, "model"), (True, "")])
def test_tensors_of_a_pth_arrive_bit_by_bit(legacy: bool, key: str, tmp_path: Path) -> None:
    held = state()
    torch.save({key: held, "epoch": 3} if key else held, tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy)
    found = converting.pth(tmp_path / "w.pth")
    assert set(found) == set(held)
    for name, tensor in held.items():
        wanted = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        assert found[name].dtype == wanted.numpy().dtype
        assert np.array_equal(found[name], wanted.numpy())
        assert found[name].shape == tuple(tensor.shape)
    assert found["a.weight"] is found["b.weight"], "tied tables are one array"


def test_no_code_of_a_pth_runs(tmp_path: Path) -> None:
    sign = tmp_path / "it-ran"
    torch.save({"a": torch.ones(2), "evil": Runs(sign)}, tmp_path / "zip.pth")
    torch.save({"evil": Runs(sign)}, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Runs(sign)))
    assert "more than tensors" in refused("pth", tmp_path / "zip.pth")
    assert "more than tensors" in refused("pth", tmp_path / "legacy.pth")
    assert "bare pickle" in refused("pth", tmp_path / "bare.pth")
    assert not sign.exists()


def test_damaged_pth_files(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    assert "cut short or damaged" in refused("pth", tmp_path / "cut.pth")
    torch.save(state(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "old.pth").write_bytes((tmp_path / "old.pth").read_bytes()[:-9])
    assert "cut short or damaged" in refused("pth", tmp_path / "old.pth")
    (tmp_path / "text.pth").write_text("weights\n" * 9)
    assert "no file of PyTorch's" in refused("pth", tmp_path / "text.pth")
    (tmp_path / "empty.pth").write_bytes(b"")
    assert "no file of PyTorch's" in refused("pth", tmp_path / "empty.pth")
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as other:
        other.writestr("a.txt", "hello")
    assert "no file of PyTorch's" in refused("pth", tmp_path / "other.pth")
    torch.save([torch.ones(2)], tmp_path / "list.pth")
    assert "no tensors by name" in refused("pth", tmp_path / "list.pth")
    torch.save({"a": torch.tensor([1.0, float("nan")])}, tmp_path / "nan.pth")
    assert "NaN" in refused("pth", tmp_path / "nan.pth")
    torch.save({"a": torch.tensor([1.0, float("inf")]).half()}, tmp_path / "inf.pth")
    assert "NaN" in refused("pth", tmp_path / "inf.pth")
    with pytest.raises(ModelError, match=r"no file gone\.pth"):
        converting.pth(tmp_path / "gone.pth")


def test_bombs_in_a_pth(tmp_path: Path) -> None:
    """One number that says it is ten thousand million; a packed archive of zeros; a storage that is not there."""
    torch.save({"a": torch.ones(1).expand(100_000, 100_000)}, tmp_path / "steps.pth")
    assert "far more numbers" in refused("pth", tmp_path / "steps.pth")
    with zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("w/data.pkl", b"\0" * 50_000_000)
    assert "far more numbers" in refused("pth", tmp_path / "packed.pth")
    torch.save({"a": torch.ones(1234567)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    raw = (tmp_path / "old.pth").read_bytes()
    number = b"J" + (1234567).to_bytes(4, "little")
    assert raw.count(number) >= 2, "how many the storage holds, and how many the tensor"
    (tmp_path / "old.pth").write_bytes(raw.replace(number, b"J" + (2_000_000_000).to_bytes(4, "little"))[:5000])
    said = refused("pth", tmp_path / "old.pth")
    assert "memory" in said or "cut short" in said


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="this system does not say how much is taken")
def test_the_child_has_memory_and_time_in_proportion_to_the_file(tmp_path: Path) -> None:
    """The limits themselves, asked for in a child: what goes beyond them fails there."""
    code = (
        "import resource, sys; from embedlab.lineage import converter_child as c; c._limit(10_000_000);"
        "print(*(resource.getrlimit(x)[0] for x in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)));"
        "\ntry: bytearray(400_000_000)\nexcept MemoryError: print('kept')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    memory, seconds, written, kept = ran.stdout.split()
    assert int(memory) < 30_000_000 + converter_child.ROOM + 1_000_000_000
    assert int(seconds) <= converter_child.SECONDS + 5
    assert int(written) == 40_000_000 + 2**20
    assert kept == "kept"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY, "the limits are the child's alone"


@pytest.mark.parametrize(
    "act",
    [
        "import socket; socket.socket()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "open('made', 'w')",
        "import os; os.open('made', os.O_WRONLY | os.O_CREAT)",
        "import os; os.mkdir('made')",
    ],
)
def test_the_child_cannot_do_other_things(act: str, tmp_path: Path) -> None:
    code = f"from embedlab.lineage import converter_child as c; c._limit(1000)\ntry:\n    {act}\nexcept c.Refused as r:"
    code += " print(r)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert ran.stdout.strip() == "objects", ran.stderr
    assert not (tmp_path / "made").exists()


# ---- .hdf5 ---------------------------------------------------------------------------------------------------------


def test_datasets_arrive_by_their_paths(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    held = {"CNN/W": rng.normal(size=(2, 3)).astype(np.float32), "b": rng.normal(size=4), "RNN/0/n": np.arange(3)}
    with h5py.File(tmp_path / "w.hdf5", "w") as file:
        for name, array in held.items():
            file[name] = array
        file.create_dataset("packed", data=np.tile(np.float32([1.5, 2]), 8), compression="gzip", shuffle=True)
        file["big"] = np.array([1.0, 2.0], dtype=">f4")
        file.attrs["said"] = "nobody reads this"
    found = converting.hdf5(tmp_path / "w.hdf5")
    assert set(found) == {*held, "packed", "big"}
    for name, array in held.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
    assert found["packed"].tolist() == [1.5, 2.0] * 8
    assert found["big"].tolist() == [1.0, 2.0]


@needs_kit
def test_the_weights_of_elmo_are_those_that_h5py_reads() -> None:
    path = KIT / "elmo" / "lm_weights.hdf5"
    found, wanted = converting.hdf5(path), {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: wanted.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    assert set(found) == set(wanted)
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def hostile_hdf5(path: Path, what: str) -> None:
    with h5py.File(path.with_name("secret.hdf5"), "w") as secret:
        secret["key"] = np.ones(4)
    with h5py.File(path, "w") as file:
        file["fine"] = np.ones(3)
        match what:
            case "external link":
                file["out"] = h5py.ExternalLink("secret.hdf5", "key")
            case "soft link":
                file["again"] = h5py.SoftLink("/fine")
            case "circle":
                file["g/back"] = file["/"]
            case "external storage":
                file.create_dataset("out", (4,), "f8", external=[(str(path.with_name("secret.hdf5")), 0, 32)])
            case "virtual":
                layout = h5py.VirtualLayout((4,), "f8")
                layout[:] = h5py.VirtualSource(str(path.with_name("secret.hdf5")), "key", (4,))
                file.create_virtual_dataset("out", layout)
            case "reference":
                file.create_dataset("out", data=file["fine"].ref, dtype=h5py.ref_dtype)
            case "text":
                file["out"] = "hello"
            case "nan":
                file["out"] = np.array([1.0, np.nan])
            case "never written":
                file.create_dataset("out", (2**20, 2**20), "f4")
            case "packed zeros":
                file.create_dataset("out", data=np.zeros(10_000_000), compression="gzip", chunks=(1_000_000,))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("external link", "points at"), ("soft link", "points at"), ("circle", "points at"),
        ("external storage", "points at"), ("virtual", "points at"), ("reference", "more than tensors"),
        ("text", "more than tensors"), ("nan", "NaN"), ("never written", "far more numbers"),
        ("packed zeros", "far more numbers"),
    ],
)  # fmt: skip
def test_hostile_hdf5_files(what: str, said: str, tmp_path: Path) -> None:
    hostile_hdf5(tmp_path / "w.hdf5", what)
    assert said in refused("hdf5", tmp_path / "w.hdf5")


def test_damaged_hdf5_files(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "whole.hdf5", "w") as file:
        file["a"] = np.ones(1000)
    whole = (tmp_path / "whole.hdf5").read_bytes()
    (tmp_path / "cut.hdf5").write_bytes(whole[: len(whole) // 2])
    assert "cut short or damaged" in refused("hdf5", tmp_path / "cut.hdf5")
    (tmp_path / "torn.hdf5").write_bytes(whole[:90] + b"\xff" * 600 + whole[690:])
    assert "damaged" in refused("hdf5", tmp_path / "torn.hdf5")
    (tmp_path / "pickle.hdf5").write_bytes(pickle.dumps({"a": 1}))
    assert "no HDF5 file" in refused("hdf5", tmp_path / "pickle.hdf5")
    (tmp_path / "none.hdf5").write_bytes(b"")
    assert "no HDF5 file" in refused("hdf5", tmp_path / "none.hdf5")
    buffer = io.BytesIO()
    with gzip.open(buffer, "w") as packed:
        packed.write(whole)
    (tmp_path / "packed.hdf5").write_bytes(buffer.getvalue())
    assert "no HDF5 file" in refused("hdf5", tmp_path / "packed.hdf5")
    with h5py.File(tmp_path / "empty.hdf5", "w"):
        pass
    assert "no tensors" in refused("hdf5", tmp_path / "empty.hdf5")


def test_what_the_child_says_is_looked_up_and_nothing_else_of_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that is killed, that says what nobody knows, or that hands over what is no file of tensors."""
    (tmp_path / "w.pth").write_bytes(b"x")
    script = tmp_path / "child"
    monkeypatch.setattr(sys, "executable", str(script))
    for body, said in (
        ("echo '<b>secret</b>'; exit 1", "damaged"),
        ("kill -KILL $$", "memory"),
        ("kill -XCPU $$", "longer"),
        ("echo nonsense > \"$5\"", "damaged"),
        ("exit 0", "damaged"),
    ):  # fmt: skip
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        assert said in refused("pth", tmp_path / "w.pth")
    script.write_text("#!/bin/sh\nsleep 9\n")
    monkeypatch.setattr(converting, "WAIT", 0.2)
    began = time.monotonic()
    assert "longer" in refused("pth", tmp_path / "w.pth")
    assert time.monotonic() - began < 5


def test_every_word_the_child_may_say_has_its_sentence() -> None:
    source = Path(converter_child.__file__).read_text()
    assert all(f'"{word}"' in source for word in converting.REASONS if word != "time")
    assert json.dumps(sorted(converting.REASONS)) == json.dumps(list(converting.REASONS)), "in order"
