"""Find the sector that the scanner fills in a clip, and keep nothing else of the picture.

Grey levels flicker inside the sector and stand still outside (text, icons, black), so the temporal
standard deviation shows the sector even where the image is almost black. Its two straight edges
cross at the apex; its bottom and top arcs give the radii.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy import ndimage

from tas_lib import recording
from tas_lib.errors import InputError

log = logging.getLogger(__name__)

FLICKER = 0.25  # grey levels: a temporal standard deviation that still black pixels do not reach
COLOURED = 32  # grey levels between the largest and smallest of red, green and blue, which are
SATURATED = 0.4  # as much of the largest: a tint of the whole picture is less
FRAMES_USED = 60  # enough to see every part of the sector flicker
DEPTH_MM = 30, 400  # plausible
MIN_ANGLE = np.radians(10)  # between a side and the vertical
LINES_TRIED = 5000  # through pairs of edge points
_BOTH_WAYS = slice(None), slice(None, None, -1)


@dataclass(frozen=True)
class Sector:
    """A sector symmetric about the vertical through its apex.

    Rows and columns count pixel centres from 0; radii are in pixel heights, from the apex.
    """

    apex_row: float  # pixel, may be negative (above the picture)
    apex_column: float  # pixel
    half_angle: float  # rad
    r_min: float  # pixel heights
    r_max: float  # pixel heights
    aspect: float = 1.0  # width of a pixel over its height

    def mask(self, shape: tuple[int, int]) -> np.ndarray:
        """Boolean image (rows, columns), true inside the sector."""
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        down, right = rows - self.apex_row, (columns - self.apex_column) * self.aspect
        r, angle = np.hypot(down, right), np.abs(np.arctan2(right, down))
        return (angle <= self.half_angle) & (r >= self.r_min) & (r <= self.r_max)


def find_sector(frames: np.ndarray, aspect: float = 1.0, where: object = "clip") -> Sector:
    """Fit the sector to grey frames (time, row, column), 0 to 255, of pixels of known aspect.

    Raises InputError when the moving part of the clip is no upright symmetric sector. Warns in the
    log when the bottom arc is not centred on the apex, as happens when the aspect is wrong.
    """
    frames = frames[:: -(-len(frames) // FRAMES_USED)].astype(np.float32)
    moving = _largest_part(frames.std(axis=0) > FLICKER)
    if moving.sum() < 0.02 * moving.size:
        raise _no_sector(where, "nothing moves in the clip")
    mean = np.where(ndimage.binary_dilation(moving, iterations=2), frames.mean(axis=0), 0)

    left, right = (_straight_edge(mean[:, s], moving[:, s], where) for s in _BOTH_WAYS)
    last = moving.shape[1] - 1
    apex_row = (last - left[1] - right[1]) / (left[0] + right[0])
    apex_column = left[0] * apex_row + left[1]
    angles = -np.arctan(np.multiply([left[0], right[0]], aspect))
    if angles.min() < MIN_ANGLE or np.ptp(angles) > np.radians(5):
        degrees = " and ".join(f"{angle:.1f}" for angle in np.degrees(angles))
        raise _no_sector(where, f"its sides stand at {degrees} degrees from the vertical")

    theta = np.linspace(-0.8, 0.8, 81)[:, None] * angles.mean()
    r = np.arange(np.hypot(*moving.shape))
    at = apex_row + r * np.cos(theta), apex_column + r * np.sin(theta) / aspect
    polar_mean = ndimage.map_coordinates(mean, at, order=1)
    polar_moving = ndimage.map_coordinates(moving.astype(np.float32), at, order=1) > 0.5
    r_min = np.nanmedian(_first_edges(polar_mean, polar_moving))
    bottom = r[-1] - _first_edges(polar_mean[:, ::-1], polar_moving[:, ::-1])
    r_max = np.nanmedian(bottom)
    middle, sides = np.nanmedian(bottom[30:51]), np.nanmedian(np.r_[bottom[:8], bottom[-8:]])
    angle = 0.9 * theta[-1, 0]
    wider = np.sqrt(max((middle / sides) ** 2 - np.cos(angle) ** 2, 0)) / np.sin(angle)
    if abs(sides / middle - 1) > 0.015 and 0.5 < wider < 2:
        message = "%s: the sector is no part of a circle: pixels seem %.3f times as wide as high, "
        message += "where %.3f is stated: check the scale, and whether the clip was shrunk"
        log.warning(message, where, aspect * wider, aspect)

    values = apex_row, apex_column, angles.mean(), max(r_min, 0), r_max, aspect
    sector = Sector(*map(float, values))
    mask = sector.mask(moving.shape)
    overlap = (mask & moving).sum() / (mask | moving).sum()
    if overlap < 0.8:
        raise _no_sector(where, f"the best one overlaps only {overlap:.0%} of the moving part")
    return sector


def to_recording(
    pixels: np.ndarray,
    time: np.ndarray,
    spacing_mm: tuple[float, float],
    path: Path,
    corner: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
    **attrs: Any,
) -> xr.Dataset:
    """Make a recording of the sector: grey, metres from the apex, repeated frames dropped.

    pixels: (time, row, column, 3) RGB or (time, row, column) grey, uint8; time: (time,) [s];
    spacing_mm: height and width of a pixel; corner: row and column of pixels[0, 0] in the file's
    frames, of `size` (rows, columns), where the pixels are a part of them. The coordinate `frame`
    keeps each frame's index in the file; origin_row and origin_column are the apex in the file's
    frames, file_rows, file_columns and file_frames their size. Raises InputError.
    """
    if len(pixels) < 2:
        raise InputError(path, "frames", "there is only one", "give a clip of two or more")
    grey = pixels if pixels.ndim == 3 else _without_colour(pixels, path)
    height, width = spacing_mm
    file_rows, file_columns = size or grey.shape[1:]
    sector = find_sector(grey, width / height, path)
    depth = sector.r_max * height
    if not DEPTH_MM[0] <= depth <= DEPTH_MM[1]:
        problem = f"of {height:.3g} mm makes a sector {depth:.3g} mm deep"
        remedy = "state a pixel's size with which it is {} to {} mm deep".format(*DEPTH_MM)
        raise InputError(path, "pixel spacing", problem, remedy)
    mask = sector.mask(grey.shape[1:])
    rows, columns = (slice(*(np.flatnonzero(mask.any(axis=k))[[0, -1]] + (0, 1))) for k in (1, 0))
    shown = np.where(mask, grey, 0)[:, rows, columns]
    kept = np.flatnonzero(np.append(True, (shown[1:] != shown[:-1]).any((1, 2))))
    ds = recording.new(
        shown[kept] / np.float32(255),
        time[kept] - time[0],
        (np.arange(len(mask))[rows] - sector.apex_row) * height * 1e-3,
        (np.arange(mask.shape[1])[columns] - sector.apex_column) * width * 1e-3,
        sector=mask[rows, columns],
        source=path.name,
        duplicates_dropped=len(shown) - len(kept),
        pixel_mm=width if np.isclose(width, height, rtol=1e-4) else None,
        origin_row=sector.apex_row + corner[0],
        origin_column=sector.apex_column + corner[1],
        file_rows=file_rows,
        file_columns=file_columns,
        file_frames=len(pixels),
        sector_half_angle=sector.half_angle,
        sector_r_min=sector.r_min * height * 1e-3,
        sector_r_max=sector.r_max * height * 1e-3,
        **attrs,
    )
    return ds.assign_coords(frame=("time", kept, {"units": "1"}))


def _without_colour(rgb: np.ndarray, path: Path) -> np.ndarray:
    """Luminance (ITU-R BT.601, as in JPEG and DICOM's YBR_FULL) with coloured pixels set to 0."""
    grey = np.empty(rgb.shape[:3], np.uint8)
    coloured = lit = 0
    for level, frame in zip(grey, rgb, strict=True):
        level[:] = np.rint(frame @ np.array([0.299, 0.587, 0.114], np.float32))
        most = frame.max(axis=-1)
        spread = most - frame.min(axis=-1)
        colour = (spread > COLOURED) & (spread > SATURATED * most)
        lit += (level > COLOURED).sum()
        coloured += colour.sum()
        level[colour] = 0
    if coloured > 0.2 * lit:
        problem = f"{coloured} pixels are coloured, {lit} are bright"
        remedy = "export the grey B-mode without colour Doppler or colour map"
        remedy += ", and not as a GIF, whose palette may colour it" * (path.suffix == ".gif")
        raise InputError(path, "colour", problem, remedy)
    return grey


def _no_sector(where: object, reason: str) -> InputError:
    problem = f"no scanned sector was found ({reason})"
    return InputError(where, "sector", problem, "crop the clip to one upright sector image")


def _largest_part(flickers: np.ndarray) -> np.ndarray:
    """The largest connected part, without speckle-sized holes and hairs (bool image)."""
    part = ndimage.binary_opening(ndimage.binary_closing(flickers, iterations=2), iterations=2)
    labels, count = ndimage.label(part)
    if not count:
        return part
    return ndimage.binary_fill_holes(labels == 1 + np.argmax(np.bincount(labels.flat)[1:]))


def _first_edges(profiles: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """Where each profile (a row) first rises to half the level inside; NaN where nothing is lit."""
    edges = np.full(len(profiles), np.nan)
    for i in np.flatnonzero(lit.any(axis=1)):
        start = int(np.argmax(lit[i]))
        profile = profiles[i, max(start - 4, 0) :]
        half = np.median(profile[10:24]) / 2 if profile.size > 10 else np.inf
        k = int(np.argmax(profile >= half))
        if profile[k] >= half:
            step = (half - profile[k - 1]) / (profile[k] - profile[k - 1]) - 1 if k else 0
            edges[i] = max(start - 4, 0) + k + step
    return edges


def _straight_edge(mean: np.ndarray, lit: np.ndarray, where: object) -> tuple[float, float]:
    """Slope and intercept of the left edge: column = slope * row + intercept.

    The line through two edge points on which most others agree to one pixel, then least squares:
    where the sector is black, the edges found lie inside it, often for a third of the rows.
    """
    edges = _first_edges(mean, lit)
    rows = np.flatnonzero(np.isfinite(edges))
    if rows.size < 20:
        raise _no_sector(where, "too few rows move")
    corner = rows[np.argmax(edges[rows] <= np.min(edges[rows]) + 1)]
    straight = rows[
        (rows > rows[0] + 0.15 * (corner - rows[0])) & (rows < corner - 0.05 * rows.size)
    ]
    if straight.size < 20:
        raise _no_sector(where, "its sides do not widen downwards")
    i, j = np.triu_indices(straight.size, 1)
    slopes = (edges[straight][j] - edges[straight][i]) / (straight[j] - straight[i])
    intercepts = edges[straight][i] - slopes * straight[i]
    lines = np.stack([slopes, intercepts], axis=1)[slopes < -np.tan(MIN_ANGLE)]
    if not lines.size:
        raise _no_sector(where, "its sides do not widen downwards")
    lines = lines[:: -(-len(lines) // LINES_TRIED)]
    misses = np.abs(lines[:, :1] * straight + lines[:, 1:] - edges[straight])
    agree = straight[misses[np.argmax((misses < 1).sum(axis=1))] < 1]
    slope, intercept = np.polyfit(agree, edges[agree], 1)
    return float(slope), float(intercept)
