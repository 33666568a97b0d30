"""The process that opens a foreign file of weights: with little memory, little time, and nothing else it may do.

    python -m embedlab.lineage.converter_child pth|hdf5 FILE OUT

writes the tensors to OUT as safetensors, or a word of `converting.REASONS` to its output, and ends with 1. Started by
`converting` alone, which says there what is allowed.
"""

import json
import os
import resource
import struct
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

MEGA = 2**20
ROOM = 300 * MEGA  # of memory besides three times the file
SECONDS, BYTES_A_SECOND = 20, 20 * MEGA
EXPANSION = 4  # numbers a file may hold, over its size: weights hardly compress, and half a float may become a whole
MOST_TENSORS = 20_000
MOST_PICKLE = 16 * MEGA  # names, shapes and places; the numbers lie beside it
ZIP = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how torch.save began before its version 1.6
HDF5 = b"\x89HDF\r\n\x1a\n"
USUAL_FILTERS = {1, 2, 3}  # deflate, shuffle, checksum; another one would be a library to be loaded
# what code run by a file would need; see sys.audit
FORBIDDEN = (
    "ctypes.", "ftplib.", "http.", "os.chmod", "os.chown", "os.exec", "os.fork", "os.kill", "os.link", "os.mkdir",
    "os.posix_spawn", "os.putenv", "os.remove", "os.rename", "os.rmdir", "os.spawn", "os.startfile", "os.symlink",
    "os.system", "os.truncate", "pty.", "shutil.", "smtplib.", "socket.", "subprocess.", "urllib.", "webbrowser.",
)  # fmt: skip


class Refused(Exception):
    """`args[0]`: a word of converting.REASONS."""


def main(kind: str, source: Path, out: Path) -> None:
    size = source.stat().st_size
    try:
        _look(kind, source, size)
        _load(kind)
        from safetensors.numpy import save_file

        _limit(size)
        found = _pth(source, size) if kind == "pth" else _hdf5(source, size)
        if not found:
            raise Refused("empty")
        arrays, aliases = _once(found)
        save_file(arrays, out, {"aliases": json.dumps(aliases)})
    except Refused as refusal:
        _say(str(refusal))
    except MemoryError:
        _say("memory")
    except Exception as error:  # whatever the two libraries raise: the person needs one sentence
        _say("memory" if "alloc" in str(error) else "damaged")


def _say(word: str) -> NoReturn:
    sys.stdout.write(word)
    sys.stdout.flush()
    os._exit(1)  # what the file has left behind in memory is not taken apart


def _look(kind: str, source: Path, size: int) -> None:
    """What can be told without the large libraries, at once, in as little memory. Raises Refused."""
    _limit_memory(size, soft=True)
    try:
        with source.open("rb") as file:
            head = file.read(len(LEGACY))
        if kind == "hdf5" and not head.startswith(HDF5):
            raise Refused("not-hdf5")
        if kind == "pth" and head.startswith(ZIP):
            _require_stored(source, size)
        elif kind == "pth" and head != LEGACY:
            raise Refused("pickle" if head[:1] == b"\x80" else "not-pth")
    finally:
        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _load(kind: str) -> None:
    """The libraries, before the limits: what it costs to have them is no part of these."""
    if kind == "pth":
        import torch  # noqa: F401
    else:
        import h5py  # noqa: F401


def _limit(size: int) -> None:
    """Memory, time and files in proportion to the file; no other process, no network, no writing to other places."""
    _limit_memory(size)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + SECONDS + size // BYTES_A_SECOND)
    _lower(resource.RLIMIT_FSIZE, EXPANSION * size + MEGA)
    _lower(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_refuse)


def _limit_memory(size: int, *, soft: bool = False) -> None:
    statm = Path("/proc/self/statm")
    if statm.is_file():  # elsewhere the memory that is already taken is not known, nor is the limit kept
        taken = int(statm.read_text().split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, taken + 3 * size + ROOM, soft=soft)


def _lower(what: int, value: int, *, soft: bool = False) -> None:
    """`soft`: may be raised again."""
    most = resource.getrlimit(what)[1]
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(what, (value, most if soft else value))


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    # the tensors themselves are written by a library below Python, which tells nobody
    if event.startswith(FORBIDDEN) or (event == "open" and _writes(args[1], args[2])):
        raise Refused("objects")


def _writes(mode: Any, flags: Any) -> bool:
    named = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    return named or bool(int(flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _once(found: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Every array once, and name -> name of those that are the same: tied tables are saved under several names."""
    first: dict[tuple[Any, ...], str] = {}
    arrays, aliases = {}, {}
    for name, array in found.items():
        key = (array.__array_interface__["data"], array.shape, array.strides, array.dtype.str)
        if array.size and key in first:
            aliases[name] = first[key]
        else:
            first[key] = name
            arrays[name] = np.ascontiguousarray(array).reshape(array.shape)
    return arrays, aliases


def _require_numbers(array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Refused("nan")


# ---- .pth ------------------------------------------------------------------------------------------------------------


def _pth(source: Path, size: int) -> dict[str, np.ndarray]:
    """What torch.save wrote: a mapping of names to tensors, or one such under "model" or "state_dict"."""
    import torch

    try:
        value = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:
        raise Refused("objects" if "Weights only load failed" in str(error) else "damaged") from error
    for key in ("model", "state_dict"):
        if isinstance(value, Mapping) and isinstance(value.get(key), Mapping):
            value = value[key]
    if not isinstance(value, Mapping):
        raise Refused("empty")
    tensors = {str(name): tensor for name, tensor in value.items() if isinstance(tensor, torch.Tensor)}
    return dict(_arrays(tensors, size))


def _require_stored(source: Path, size: int) -> None:
    """The listing of the archive against the file, before anything in it is read."""
    try:
        entries = zipfile.ZipFile(source).infolist()
    except (zipfile.BadZipFile, struct.error, OSError, ValueError, NotImplementedError) as error:
        raise Refused("damaged") from error
    if not any(entry.filename.endswith("/data.pkl") for entry in entries):
        raise Refused("not-pth")
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    large = any(entry.filename.endswith(".pkl") and entry.file_size > MOST_PICKLE for entry in entries)
    if packed or large or len(entries) > MOST_TENSORS or sum(entry.file_size for entry in entries) > size:
        raise Refused("bomb")


def _arrays(tensors: Mapping[str, Any], size: int) -> Iterator[tuple[str, np.ndarray]]:
    import torch

    places = {(t.data_ptr(), tuple(t.shape), t.stride()): t.numel() * t.element_size() for t in tensors.values()}
    # a tensor of steps of nothing is as large as it likes in a file of any size
    if len(tensors) > MOST_TENSORS or sum(places.values()) > EXPANSION // 2 * size:
        raise Refused("bomb")
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
            raise Refused("objects")
        array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy()
        _require_numbers(array)
        yield name, array


# ---- .hdf5 -----------------------------------------------------------------------------------------------------------


def _hdf5(source: Path, size: int) -> dict[str, np.ndarray]:
    """Every dataset of numbers by its path: "CNN/W_cnn_0"."""
    import h5py

    found: dict[str, np.ndarray] = {}
    with h5py.File(source, "r") as whole:
        datasets = dict(_datasets(whole, "", set()))
        if sum(dataset.size * dataset.dtype.itemsize for dataset in datasets.values()) > EXPANSION * size:
            raise Refused("bomb")
        for name, dataset in datasets.items():
            array = np.asarray(dataset[()]).astype(dataset.dtype.newbyteorder("="), copy=False)
            _require_numbers(array)
            found[name] = array
    return found


def _datasets(group: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """The datasets below a group, none of which leads out of the file, nor a group into itself."""
    import h5py

    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise Refused("links")
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen or len(seen) >= MOST_TENSORS:
            raise Refused("links")
        seen.add(address)
        if isinstance(item, h5py.Group):
            yield from _datasets(item, f"{path}{name}/", seen)
            continue
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiu" or item.shape is None:
            raise Refused("objects")
        settings = item.id.get_create_plist()
        if item.is_virtual or item.external:
            raise Refused("links")
        if not {settings.get_filter(i)[0] for i in range(settings.get_nfilters())} <= USUAL_FILTERS:
            raise Refused("objects")
        yield path + name, item


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
