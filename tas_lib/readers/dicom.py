"""Read an ultrasound cine DICOM: the scale from its regions, the times from its frames.

Ultrasound files have no PixelSpacing. The spacing stands in SequenceOfUltrasoundRegions
(0018,6011), as PhysicalDeltaX/Y of the 2-D tissue region, in centimetres. Some files were shrunk
after the scanner wrote their regions: see `_scale`.
"""

import logging
import warnings
from pathlib import Path

import numpy as np
import pydicom
import xarray as xr
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tas_lib.errors import InputError, check_size
from tas_lib.readers.sector import to_recording

log = logging.getLogger(__name__)

LICENCES = {  # by SOP Instance UID
    "1.2.840.114340.3.8251017118051.3.20160503.121539.16117.4": "MIT (pydicom-data)"
}
USED: tuple[str, ...] = (
    *("NumberOfFrames", "Rows", "Columns", "PhotometricInterpretation", "SOPInstanceUID"),
    *("Manufacturer", "FrameTimeVector", "FrameIncrementPointer", "FrameTime", "CineRate"),
    "RecommendedDisplayFrameRate",
)
_CORNERS = [f"RegionLocation{name}" for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
SCALES = 1, 2, 4  # by which frames may have been shrunk after the regions were written


def default_clip() -> Path:
    """Path of the real apical four-chamber clip in the installed package pydicom-data."""
    return Path(str(get_testdata_file("color3d_jpeg_baseline.dcm", download=False)))


def read(path: str | Path) -> xr.Dataset:
    """Read a multi-frame ultrasound DICOM as a recording.

    The picture is cut to the 2-D region and masked outside the sector; coloured pixels are set to
    0; repeated frames are dropped. Of the header the SOP Instance UID and the manufacturer are
    kept, no data of the patient; the UID leads whoever has the archive to the study. Raises
    InputError.
    """
    path = Path(path)
    header = _header(path)
    pixels = _pixels(header, path)
    time = _frame_times(header, len(pixels), path)
    region = _region(header, path)
    scale = _scale(region, pixels.shape[1:3], path)
    left, top = (round(region[k].value / scale) for k in _CORNERS[:2])
    right, bottom = (round((region[k].value + 1) / scale) for k in _CORNERS[2:])
    down, across = (
        10 * scale * _positive(region, name, path) for name in ("PhysicalDeltaY", "PhysicalDeltaX")
    )
    ds = to_recording(
        pixels[:, top:bottom, left:right],
        time,
        (down, across),
        path,
        corner=(top, left),
        size=pixels.shape[1:3],
        frame_rate=1 / np.median(np.diff(time)),
        licence=LICENCES.get(_text(header, "SOPInstanceUID") or "", "not stated"),
        sop_instance_uid=_text(header, "SOPInstanceUID"),
        manufacturer=_text(header, "Manufacturer"),
        region_scale=scale,
    )
    width = 2 * ds.attrs["sector_r_max"] * np.sin(ds.attrs["sector_half_angle"])
    wide = 1e3 * width / (across * (right - left))
    high = 1e3 * ds.attrs["sector_r_max"] / (down * (bottom - top))
    if wide > 1.1 or (wide < 0.5 and high < 0.6):  # a narrow sector may stand in a wide region
        problem = f"the sector in the pixels is {wide:.2f} times as wide as the region"
        raise _bad_region(path, problem)
    if scale > 1:
        message = "%s: the region is stated for frames %d times as large as the file's %d x %d: "
        message += "spacing corrected from %.4f to %.4f mm"
        size = pixels.shape[1:3]
        log.warning(message, path.name, scale, *size, across / scale, across)
    return ds


def _header(path: Path) -> Dataset:
    try:
        with warnings.catch_warnings(action="ignore"):
            meta = read_file_meta_info(path)
            if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
                raise ValueError("its data are deflated, into any number of bytes")
            header = pydicom.dcmread(path)
            for name in USED:  # pydicom reads an element, and stumbles, when it is asked for
                header.get(name)
            for region in _regions(header):
                list(region)
            return header
    except InvalidDicomError as error:
        problem = "is not a DICOM file (no DICM mark)"
        raise InputError(path, "file", problem, "give a DICOM, MP4, AVI or GIF clip") from error
    except Exception as error:
        problem = f"cannot be parsed as DICOM ({error})"
        raise InputError(path, "file", problem, "export or copy it again, it may be cut") from error


def _pixels(header: Dataset, path: Path) -> np.ndarray:
    """Grey (time, row, column) or RGB (time, row, column, 3) uint8 frames of the file."""
    if "PixelData" not in header:
        remedy = "copy the file again, or export the cine instead of a report"
        raise InputError(path, "PixelData", "is missing or cut off", remedy)
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise InputError(path, "TransferSyntaxUID", "is missing", "export the cine again")
    try:
        usable = get_decoder(syntax).is_available
    except NotImplementedError:
        usable = False
    if not usable:
        remedy = "convert it to JPEG baseline or uncompressed, or pip install 'pylibjpeg[all]'"
        raise InputError(path, "TransferSyntaxUID", f"no decoder for {syntax.name}", remedy)
    count = 1 if "NumberOfFrames" not in header else _positive(header, "NumberOfFrames", path)
    if count < 2:
        raise InputError(path, "NumberOfFrames", "is 1, a still image", "give a cine clip")
    check_size(path, (int(count), *(int(_positive(header, k, path)) for k in ("Rows", "Columns"))))
    try:
        with warnings.catch_warnings(action="ignore"):
            pixels = pixel_array(header)
            if header.PhotometricInterpretation == "PALETTE COLOR":
                pixels = apply_color_lut(pixels, header)
                if pixels.dtype == np.uint16:  # whose upper bytes are what 8 bits would be
                    pixels = (pixels >> 8).astype(np.uint8)
    except Exception as error:
        remedy = "export or copy it again, it may be cut"
        raise InputError(path, "PixelData", f"cannot be decoded ({error})", remedy) from error
    if len(pixels) != count or pixels.dtype != np.uint8:
        problem = f"holds {len(pixels)} frames of {pixels.dtype}, expected {count:.0f} of uint8"
        raise InputError(path, "PixelData", problem, "export the cine again, with 8 bits")
    return 255 - pixels if header.PhotometricInterpretation == "MONOCHROME1" else pixels


def _frame_times(header: Dataset, count: int, path: Path) -> np.ndarray:
    """Time of every frame [s] from FrameTimeVector, FrameTime or a stated rate, in this order."""
    vector = header.get("FrameTimeVector")
    pointer = header.get("FrameIncrementPointer")
    if vector is not None and pointer != pydicom.tag.Tag("FrameTime"):
        try:
            times = 1e-3 * np.cumsum(np.atleast_1d(np.asarray(vector, float)))
        except (TypeError, ValueError):
            times = np.empty(0)
        if len(times) != count or not (np.diff(times) > 0).all():
            problem = f"has {len(times)} steps for {count} frames, or some are not positive"
            raise InputError(path, "FrameTimeVector", problem, "export the cine again")
        return times - times[0]
    if header.get("FrameTime") is not None:
        return 1e-3 * _positive(header, "FrameTime", path) * np.arange(count)
    for name in ("CineRate", "RecommendedDisplayFrameRate"):
        if header.get(name) is not None:
            return np.arange(count) / _positive(header, name, path)
    remedy = "export the cine with its frame times, or as a video with a stated frame rate"
    raise InputError(path, "FrameTime", "is missing, and no other frame timing is given", remedy)


def _region(header: Dataset, path: Path) -> Dataset:
    """The largest region that is a 2-D (format 1) tissue (type 1) image in centimetres (unit 3).

    Of equally large ones, as in a biplane clip, the first. Warns in the log if there are several.
    """
    regions = [
        region
        for region in _regions(header)
        if (region.get("RegionSpatialFormat"), region.get("RegionDataType")) == (1, 1)
        and all(isinstance(region.get(name), int) for name in _CORNERS)
    ]
    if not regions:
        problem = "holds no 2-D tissue region, so the pixel size is unknown"
        remedy = "export it with calibration, or as a video with --spacing-mm"
        raise InputError(path, "SequenceOfUltrasoundRegions", problem, remedy)
    x0, y0, x1, y1 = _CORNERS
    region = max(regions, key=lambda r: (r[x1].value - r[x0].value) * (r[y1].value - r[y0].value))
    units = region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")
    if len(regions) > 1:
        message = "%s: has %d pictures; the largest is read, columns %d to %d, rows %d to %d"
        log.warning(message, path.name, len(regions), *(region[k].value for k in (x0, x1, y0, y1)))
    if units != (3, 3):
        problem = f"have the codes {units} instead of 3 (cm)"
        raise InputError(path, "PhysicalUnits", problem, "export it with calibration in cm")
    return region


def _regions(header: Dataset) -> list[Dataset]:
    return header.get("SequenceOfUltrasoundRegions") or []


def _scale(region: Dataset, shape: tuple[int, int], path: Path) -> int:
    """How many times larger than the array the frames were for which the region was written.

    Rows and Columns agree with the array even in a shrunk file, so the evidence is region against
    array: 1 if the region fits, else the smaller of 2 and 4 by which it fits. The reader confirms
    it in the pixels: cut to the region, they must hold one whole sector that fills its width.
    """
    left, top, right, bottom = (region[name].value for name in _CORNERS)
    if not (0 <= left < right and 0 <= top < bottom):
        raise _bad_region(path, "it is empty or turned")
    for scale in SCALES:
        if right <= scale * shape[1] and bottom <= scale * shape[0]:
            return scale
    raise _bad_region(path, f"({left}..{right}, {top}..{bottom}) exceeds {shape[1]} x {shape[0]}")


def _bad_region(path: Path, problem: str) -> InputError:
    return InputError(
        path,
        "SequenceOfUltrasoundRegions",
        f"the region does not fit the frames: {problem}",
        "export the clip at its original size, or as a video with --spacing-mm",
    )


def _text(header: Dataset, name: str) -> str | None:
    return str(header.get(name)) if header.get(name) is not None else None


def _positive(dataset: Dataset, name: str, path: Path) -> float:
    try:
        with warnings.catch_warnings(action="ignore"):
            value = float(dataset.get(name))
    except (TypeError, ValueError):
        value = np.nan
    if not (np.isfinite(value) and value > 0):
        problem = "is not a positive number" if name in dataset else "is missing"
        raise InputError(path, name, problem, "export it again")
    return value
