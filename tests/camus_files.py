"""A small patient, written as the releases of CAMUS and TED lay them out."""

import numpy as np
import shapely
import SimpleITK as sitk

from tas_lib.readers.sector import Sector

COUNT, MM = 7, 0.75
DEPTH = 140.0  # mm
CFG = {
    "ED": "1",
    "ES": "7",
    "NbFrame": "7",
    "Sex": "F",
    "Age": "61",
    "ImageQuality": "Good",
    "EF": "57.5",
    "FrameRate": "47.5",
}


def scene(spacing, count=COUNT):
    """Speckle and labels (time, row, column) uint8 of a ventricle that contracts to the end.

    Pixels have the height and width `spacing` [mm]; the sector's apex is 6 mm below row 0.
    """
    height, width = spacing
    shape = round(150 / height), round(190 / width)
    z, x = height * np.arange(shape[0]) - 6, width * np.arange(shape[1]) - 94
    sector = Sector(
        6 / height, 94 / width, 0.7, 4 / height, DEPTH / height, aspect=width / height
    ).mask(shape)
    rng, angle = np.random.default_rng(0), np.linspace(0, np.pi, 301)
    labels = np.zeros((count, *shape), np.uint8)
    for t in range(count):
        s = t / (count - 1)
        for label, w, h in ((2, 32, 93 - 10 * s), (1, 24 - 7 * s, 85 - 13 * s)):
            edge = np.stack((3 - w * np.cos(angle), 110 - h * np.sin(angle)), -1)
            labels[t][shapely.contains_xy(shapely.Polygon(edge), *np.meshgrid(x, z))] = label
        labels[t][shapely.contains_xy(shapely.Point(3, 124).buffer(13), *np.meshgrid(x, z))] = 3
    level = np.array([25, 8, 45, 8])[labels]
    grey = np.clip(level * rng.rayleigh(1, labels.shape), 2, 255)
    return np.where(sector, grey, 0).astype(np.uint8), labels


def write_cfg(path, changes=None):
    """A cfg; changes replace lines, None leaves one out."""
    lines = CFG | (changes or {})
    path.write_text("".join(f"{k}: {v}\n" for k, v in lines.items() if v is not None))
    return path


def write_image(path, values, spacing=(MM, MM)):
    """Stack frames (time, row, column) of pixels of that height and width [mm]."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((*spacing[::-1], 1.0))
    sitk.WriteImage(image, str(path))


def write_camus(folder, grey, labels, cfg=None, *, spacing=(MM, MM), view="4CH"):
    """A patient of the NIfTI release; returns the path of the cfg."""
    patient = folder / "patient0001"
    patient.mkdir(exist_ok=True)
    stem = f"patient0001_{view}_half_sequence"
    write_image(patient / f"{stem}.nii.gz", grey, spacing)
    if labels is not None:
        write_image(patient / f"{stem}_gt.nii.gz", labels, spacing)
    return write_cfg(patient / f"Info_{view}.cfg", cfg)
