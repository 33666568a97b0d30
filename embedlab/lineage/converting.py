"""Foreign files of weights (.pth, .hdf5), opened in a limited process of their own and nowhere else.

A .pth holds a pickle, which may ask for any program to be run; a .hdf5 may point at other files, and is read by a
large library in C. So neither is ever opened here: `converter_child` does it, under limits of memory (three times the
file and 300 MB, where the system keeps such limits), time, size of what it writes, and without network, and hands the
numbers over as safetensors in a temporary folder.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError, safe_open

import embedlab
from embedlab.errors import ModelError

WAIT = 300  # seconds that may pass besides those for the file's size, however busy the machine is
BYTES_A_SECOND = 5_000_000

AGAIN = "Get the file again."
REASONS = {
    "bomb": "says it holds far more numbers than it has room for: it was not read.",
    "damaged": f"is cut short or damaged. {AGAIN}",
    "empty": "holds no tensors by name: give a file of weights (a state dict).",
    "links": "points at other files or at itself instead of holding its numbers: it was not read.",
    "memory": "asks for far more memory than its size warrants: it was not read.",
    "nan": f"holds numbers that are infinite or none at all (NaN): it is damaged. {AGAIN}",
    "not-hdf5": "is no HDF5 file, whatever its name says.",
    "not-pth": "is no file of PyTorch's (torch.save), whatever its name says.",
    "objects": "holds more than tensors, which could run any program when opened: save its state_dict alone.",
    "pickle": "is a bare pickle, which can run any program when opened, and not one of PyTorch's: it was not read.",
    "time": "takes far longer to read than its size warrants: it was not read.",
}


def pth(path: Path) -> dict[str, np.ndarray]:
    """Name -> array of what torch.save wrote: a state dict, by itself or under "model" or "state_dict".

    Tensors alone are taken, bfloat16 as float32; tied ones are one array under several names. Raises ModelError for
    anything that is not there, no such file, damaged, not finite, or larger than it can be.
    """
    return _convert("pth", path)


def hdf5(path: Path) -> dict[str, np.ndarray]:
    """Path within the file ("CNN/W_cnn_0") -> array, of every dataset. Raises ModelError as `pth` does, and for links
    out of the file.
    """
    return _convert("hdf5", path)


def _convert(kind: Literal["pth", "hdf5"], path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise ModelError(f"There is no file {path.name}: give the file of weights.")
    with tempfile.TemporaryDirectory(prefix="embedlab-") as name:
        folder = Path(name)
        word = _run(kind, path, folder)
        if word is None:
            try:
                return _read(folder / "out.safetensors")
            except (SafetensorError, ValueError, KeyError, OSError):
                word = "damaged"
    raise ModelError(f"{path.name} {REASONS[word]}")


def _run(kind: str, path: Path, folder: Path) -> str | None:
    """What speaks against the file, a key of REASONS; None where its numbers lie in the folder."""
    module = "embedlab.lineage.converter_child"
    command = [sys.executable, "-m", module, kind, str(path.resolve()), str(folder / "out.safetensors")]
    alone = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "HDF5_PLUGIN_PRELOAD": "::"}
    alone |= {"PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "said").open("w+b") as said, (folder / "log").open("wb") as log:
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
                cwd=Path(embedlab.__file__).parents[1],
                env={**os.environ, **alone},
                timeout=WAIT + path.stat().st_size / BYTES_A_SECOND,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return "time"
        if code == 0:
            return None
        said.seek(0)
        word = said.read(20).decode("ascii", "replace")
    if word in REASONS:
        return word
    from signal import SIGKILL, SIGXCPU

    return {-SIGXCPU: "time", -SIGKILL: "memory"}.get(code, "damaged")


def _read(path: Path) -> dict[str, np.ndarray]:
    with safe_open(path, framework="np") as file:
        found = {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118  # no mapping
        aliases = json.loads((file.metadata() or {})["aliases"])
    return {**found, **{name: found[same] for name, same in aliases.items()}}
