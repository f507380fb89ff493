"""What may befall a file of some kind, and `mutate`, which picks from this and from `damage`."""

import gzip
import io
import json
import os
import pickle
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pydicom
import torch
from damage import (
    ANY,
    elsewhere,
    flip,
    foreign_pixels,
    huge,
    lying,
    lying_json,
    lying_lines,
    renamed_entry,
    root,
    zero,
)
from pydicom.uid import DeflatedExplicitVRLittleEndian

ZEROS = gzip.compress(bytes(1 << 26), mtime=0)  # 64 MiB in 64 KiB


def lying_dicom(path, rng):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
        ds = pydicom.dcmread(path)
        region = ds.SequenceOfUltrasoundRegions[0]
        holder = rng.choice((ds, ds, region, ds.file_meta))
        element = holder[rng.choice([e.tag for e in holder if e.VR not in ("OB", "OW")])]
        values = {
            "US": (0, 1, 7, 1000, 65535, [1, 2]),
            "UL": (0, 1, 2**31, 2**32 - 1),
            "FD": (0.0, -1.0, 1e300, 1e-300, float("nan"), [0.1, 0.2]),
            "UI": ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", "1", ""),
        }
        words = ("0", "1", "-5", "2147483647", "1e300", "nan", "x", "", "1\\2")
        if rng.random() < 0.2:
            del holder[element.tag]
        else:
            value = rng.choice(values.get(element.VR, words))
            object.__setattr__(element, "_value", value)
        with path.open("wb") as file:
            try:
                ds.save_as(file, enforce_file_format=False)
            except Exception:  # what pydicom can't write, no file holds
                pass


def packed(mutation):
    """A mutation of what a gzip file unpacks to."""

    def mutate(path, rng):
        path.write_bytes(gzip.decompress(path.read_bytes()))
        mutation(path, rng)
        path.write_bytes(gzip.compress(path.read_bytes(), 1, mtime=0))

    return mutate


def deflated(path, rng):
    """A DICOM of 4 GiB whose data are packed into 4 MiB."""
    ds = pydicom.dcmread(path)
    with path.open("wb") as file:
        file.write(bytes(128) + b"DICM")
        ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        pydicom.filewriter.write_file_meta_info(file, ds.file_meta)
        packer = zlib.compressobj(wbits=-15)
        block = packer.compress(bytes(1 << 26)) + packer.flush(zlib.Z_FULL_FLUSH)
        file.write(block * 64 + packer.flush())


def bomb(path, rng):
    """A gzip file that unpacks to 4 GiB more than it did; some of its header says so."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    if rng.random() < 0.5:
        struct.pack_into("<h", content, 46, 32767)  # NIfTI's count of frames
    path.write_bytes(gzip.compress(bytes(content), 1, mtime=0) + ZEROS * 64)


def playlist(path, rng):
    """A list of films in place of one: players follow such lists to any file and address."""
    film = elsewhere(path, path.name, rng)
    path.write_text(
        rng.choice(
            (
                f"ffconcat version 1.0\nfile {film}\n",
                f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{film}\n#EXT-X-ENDLIST\n",
                f"#EXTM3U\n#EXTINF:9,\nfile://{root(path)}/outside/{path.name}\n",
            )
        )
    )
    return True


def lying_hdf5(path, rng):
    with h5py.File(path, "r+") as file:
        name = rng.choice(sorted(file))
        old, length = file[name], rng.choice((1, 3, 400, 2**33))
        holder = rng.choice((file, old))
        match rng.randrange(4):
            case 0 if len(holder.attrs):
                holder.attrs[rng.choice(sorted(holder.attrs))] = rng.choice(
                    (0, -1, 1e300, np.nan, 2**60, "", "x", [1, 2], "days since 2000-01-01")
                )
            case 1:
                del file[name]
            case 2:
                del file[name]
                file.create_dataset(name, (length,) * rng.choice((1, 3)), "f8", chunks=True)
            case _:
                file.attrs[rng.choice(("es_frame", "sector_r_max", "coordinates", "dtype"))] = (
                    rng.choice(("x", [0, 1], -1, np.nan, "bool"))
                )


def foreign_hdf5(path, rng):
    """A variable whose numbers lie in another folder's file."""
    other = elsewhere(path, path.name, rng)
    with h5py.File(path, "r+") as file:
        shape, kind = file["bmode"].shape, file["bmode"].dtype
        del file["bmode"]
        match rng.randrange(3):
            case 0:
                file["bmode"] = h5py.ExternalLink(other, "/bmode")
            case 1:
                file.create_dataset("bmode", shape, kind, external=[(other, 0, h5py.h5f.UNLIMITED)])
            case _:
                layout = h5py.VirtualLayout(shape, kind)
                layout[:] = h5py.VirtualSource(other, "bmode", shape)
                file.create_virtual_dataset("bmode", layout)
        for name, dim in zip(("time", "z", "x"), range(3), strict=True):
            if "bmode" in file and isinstance(file.get("bmode", getlink=True), h5py.HardLink):
                file["bmode"].dims[dim].attach_scale(file[name])
    return True


def lying_safetensors(path, rng):
    """Another header, or another text within it: a card, or the state of a run."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header, rest = content[8 : 8 + size].decode(), content[8 + size :]
    if rng.random() < 0.5:
        header = lying(header, rng)
    else:
        data = json.loads(header)
        about = data["__metadata__"]
        name = rng.choice(sorted(about))
        about[name] = lying(about[name], rng)
        header = json.dumps(data)
    path.write_bytes(struct.pack("<Q", len(header.encode())) + header.encode() + rest)


class Code:
    """What, unpickled, leaves a file where the fuzzer looks for it."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{root(self.path)}/outside/ran'",)


def lying_npz(path, rng):
    def edit(arrays):
        name = rng.choice(sorted(arrays))
        match rng.randrange(5):
            case 0:
                del arrays[name]
            case 1:
                arrays[name] = _npy((2**40,), "<f4", b"")
            case 2:
                arrays[name] = _npy((2**28, 4), "<f4", bytes(1 << 20))
            case 3:
                arrays[f"../../outside/{name}"] = arrays.pop(name)
            case _:
                text = str(np.load(io.BytesIO(arrays["meta_json.npy"])))
                arrays["meta_json.npy"] = _saved(np.array(lying(text, rng)))

    _edit_zip(path, edit)


def code_npz(path, rng):
    def edit(arrays):
        name = rng.choice(sorted(arrays))
        arrays[name] = _saved(np.array([Code(path)], dtype=object), allow_pickle=True)

    if rng.random() < 0.3:
        path.write_bytes(pickle.dumps(Code(path)))
    else:
        _edit_zip(path, edit)
    return True


def _edit_zip(path, edit):
    with zipfile.ZipFile(path) as file:
        arrays = {name: file.read(name) for name in file.namelist()}
    edit(arrays)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in arrays.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _saved(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def _npy(shape, kind, content):
    """An array's file whose header says what its content doesn't."""
    buffer = io.BytesIO()
    header = {"shape": shape, "descr": kind, "fortran_order": False}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + content


def code_pth(path, rng):
    held = torch.load(path, weights_only=True)
    held[rng.choice(sorted(held))] = Code(path)
    if rng.random() < 0.3:
        path.write_bytes(pickle.dumps(Code(path)))
    else:
        torch.save(held, path)
    return True


def lying_pth(path, rng):
    held = torch.load(path, weights_only=True)
    name = rng.choice(sorted(held))
    odd = (None, 3, torch.zeros(1), torch.tensor(0.5).expand(2**20, 2**20), torch.zeros(2).int())
    held[name] = rng.choice((held[name] * torch.nan, *odd))
    torch.save(rng.choice((held, [held], {"model": held})), path)


OWN = {  # by suffix
    ".json": (lying_json,),
    ".dcm": (*[lying_dicom] * 9, deflated),
    ".gz": (packed(flip), packed(huge), packed(zero), bomb),
    ".mhd": (lying_lines, lying_lines, foreign_pixels),
    ".cfg": (lying_lines,),
    ".csv": (lying_lines,),
    ".mp4": (huge, huge, playlist),
    ".avi": (huge, huge, playlist),
    ".gif": (huge, huge, playlist),
    ".nc": (lying_hdf5, foreign_hdf5),
    ".safetensors": (lying_safetensors,),
    ".npz": (lying_npz, code_npz),
    ".pth": (lying_pth, code_pth),
}


def mutate(path, rng):
    """One or two mutations of a file, half of them of its own kind -> their names, and whether no
    reader may accept it."""
    own = OWN.get(path.suffix, ANY)
    own = (*own, renamed_entry) if path.name == "manifest.json" else own
    if rng.random() < 0.6:
        chosen = [rng.choice(own)]
    else:
        chosen = [rng.choice(ANY) for _ in range(rng.randint(1, 2)) if path.stat().st_size]
    leads_outside = False
    for mutation in chosen:
        if path.stat().st_size:
            leads_outside |= bool(mutation(path, rng))
    return "+".join(m.__name__ for m in chosen), leads_outside
