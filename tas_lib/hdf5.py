"""Checks of an HDF5 file before its library, which trusts files too much, reads it."""

from __future__ import annotations

import struct
from mmap import ACCESS_READ, mmap
from pathlib import Path

import h5py

from tas_lib.errors import InputError, check_size

REMEDY = "write it again with recording.save"


def check(path: str | Path) -> None:
    """Raise an InputError where reading would never end, or take numbers from another file.

    Other damage raises whatever h5py raises.
    """
    _check_heaps(path)
    with h5py.File(path) as file:
        for name in file:
            here = isinstance(file.get(name, getlink=True), h5py.HardLink)
            item = file[name] if here else None
            if isinstance(item, h5py.Dataset):
                here = not (item.external or item.is_virtual)
                check_size(path, item.shape or ())
            if not here:
                raise InputError(path, name, "lies in another file", REMEDY)


def _check_heaps(path: str | Path) -> None:
    """The library walks a heap for ever if a block of it has no length (HDF5's issue 1707)."""
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        heap = content.find(b"GCOL\1\0\0\0")
        while heap >= 0:
            (size,) = struct.unpack_from("<Q", content, heap + 8)
            at, end = heap + 16, min(heap + size, len(content)) - 16
            while at <= end:
                kind, _, length = struct.unpack_from("<HH4xQ", content, at)
                if not kind and not length:
                    raise InputError(path, "file", f"has an empty block at byte {at}", REMEDY)
                at += 16 + -(-length // 8) * 8 if kind else length
            heap = content.find(b"GCOL\1\0\0\0", heap + 8)
