"""Frames stacked in a NIfTI or MHD file, whose header is checked before pixels are read."""

import gzip
import math
import re
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from tas_lib.errors import InputError, check_size

sitk.ProcessObject.SetGlobalWarningDisplay(False)  # headers are checked here

AGAIN = "copy it from the data set again"
MARGIN = 1 << 20  # bytes that may follow the pixels


def read_volume(path: Path) -> tuple[np.ndarray, tuple[float, float]]:
    """Array (time, row, column) of a NIfTI or MHD file; height and width of its pixels [mm].

    Stored axes are width, height, time; nothing is turned by the file's orientation. Raises
    InputError: cut or damaged file, other than three axes.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        if path.suffix == ".mhd":
            _check_mhd(path)
        reader.ReadImageInformation()
        shape = *reader.GetSize(), reader.GetNumberOfComponents()
        check_size(path, shape)
        if path.suffix != ".mhd":  # of which ITK checks that nothing is missing
            start, bits = (float(reader.GetMetaData(key)) for key in ("vox_offset", "bitpix"))
            size = start + math.prod(shape) * bits / 8
            found = _content_size(path, size + MARGIN)
            if not size <= found <= size + MARGIN:
                raise EOFError(f"it holds {found} bytes or more in place of {size:.0f}")
        image = reader.Execute()
    except (RuntimeError, OSError, EOFError, zlib.error) as error:
        reason = str(error).strip().splitlines()[-1]
        problem = f"is damaged, cut off or without its data ({reason})"
        raise InputError(path, "file", problem, AGAIN) from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        problem = f"are {image.GetSize()}, of {image.GetNumberOfComponentsPerPixel()} values each"
        raise InputError(path, "axes", problem, "give grey frames stacked as width, height, time")
    width, height = image.GetSpacing()[:2]
    return sitk.GetArrayFromImage(image), (height, width)


def _content_size(path: Path, most: float) -> int:
    """Bytes in a file, unpacked, counted up to `most`; raises where gzip's own checksum fails."""
    size = 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while size <= most and (block := file.read(1 << 20)):
            size += len(block)
    return size


def _check_mhd(path: Path) -> None:
    """Raises InputError unless the header names one file of pixels, beside it."""
    names = re.findall(
        r"ElementDataFile\s*[=:]?(.*)", path.read_text(errors="replace"), re.IGNORECASE
    )
    if len(names) != 1 or not re.fullmatch(r"\s*[\w.-]+\.z?raw\s*", names[0]):
        problem = f"is {', '.join(name.strip() for name in names) or 'missing'}"
        raise InputError(path, "ElementDataFile", problem, "name the .raw file beside it")
