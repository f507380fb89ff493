"""Segmentation masks become walls: sub-pixel lines, open at the base, in metres.

A slight blur gives each label's share of every pixel. The endocardium is where cavity and
myocardium have equal shares of more than half together, so it ends where both meet the outside.
The epicardium is where both together have half, cut at the outer corners of the wall's two ends.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
import xarray as xr
from contourpy import contour_generator
from scipy import ndimage
from scipy.signal import savgol_filter

from tas_lib.errors import InputError
from tas_lib.mesh import mesh_from_walls
from tas_lib.recording import validate, with_nodes

BLUR = 1.5  # SD of the blur, in longer sides of a pixel
PAD = 16  # pixels around the image, so that outlines close
SIDES = 0.5, 0.95  # of the cavity's edge touch myocardium; the rest is its base
ONE = 0.9  # of that, at least, is in one piece; the rest are slips of the pen
END = 0.1  # of the endocardium: these ends give the direction of the wall at the base
REACH = 2.0  # of the mean thickness: how far an epicardial corner may lie from its endocardial
WINDOW = 5  # frames of the smoothing over time


def mesh_from_masks(
    labels: np.ndarray,
    z: np.ndarray,
    x: np.ndarray,
    n_longitudinal: int = 36,
    n_radial: int = 5,
    *,
    where: object = "masks",
    frames: Iterable[int] | None = None,
) -> np.ndarray:
    """Meshes (time, n_longitudinal, n_radial, 2) [m] of label images (time, z, x); z, x [m].

    This is the coarse, regularised motion of stage 0 (sections III-A.1 and III-B): masks tell where
    the wall is, not which tissue is where along it, so nodes keep equal arc lengths. Against pixel
    noise each node follows a local quadratic over WINDOW evenly spaced frames (Savitzky-Golay); the
    first and last mesh and shorter clips are left alone. `frames` are their numbers in messages, if
    not from 0 on. Labels, errors: see `walls_from_mask`.
    """
    labels = np.asarray(labels)
    if labels.ndim != 3 or not len(labels):
        raise InputError(where, "labels", f"{labels.shape} is not (time, z, x)", "stack frames")
    mesh = np.empty((len(labels), n_longitudinal, n_radial, 2))
    for k, number in enumerate(range(len(labels)) if frames is None else frames):
        frame = f"{where}: frame {number}"
        walls = walls_from_mask(labels[k], z, x, where=frame)
        mesh[k] = mesh_from_walls(*walls, n_longitudinal, n_radial, where=frame)
    if len(mesh) >= WINDOW:
        mesh[1:-1] = savgol_filter(mesh, WINDOW, 2, axis=0)[1:-1]
    return mesh


def with_mesh(
    recording: xr.Dataset,
    n_longitudinal: int = 36,
    n_radial: int = 5,
    *,
    where: object = "recording",
) -> xr.Dataset:
    """A recording with `labels`, with the mesh that `mesh_from_masks` makes of them.

    Frames in messages are those of the file. Raises InputError, also for a mesh beyond the sector.
    """
    labels, z, x = (recording[name].values for name in ("labels", "z", "x"))
    frames = recording["frame"].values if "frame" in recording.coords else None
    mesh = mesh_from_masks(labels, z, x, n_longitudinal, n_radial, where=where, frames=frames)
    return validate(with_nodes(recording, mesh), where)


def walls_from_mask(
    labels: np.ndarray, z: np.ndarray, x: np.ndarray, *, where: str = "mask"
) -> tuple[np.ndarray, np.ndarray]:
    """Endo- and epicardium, (points, 2) [x, z] m each, of one label image (z, x); z, x [m] uniform.

    Points run a pixel apart from the image-left base over the apex (on top) to the image-right one.
    Labels but cavity, 1, and myocardium, 2, are outside (CAMUS: 3 left atrium). Only the largest
    piece of cavity and the wall joined to it count, holes filled; the wall may touch the border.
    Raises InputError: shape unlike z, x; no integers; a label missing; cavity at the border; no two
    base corners.
    """
    labels = np.asarray(labels)
    if labels.shape != (len(z), len(x)):
        problem = f"shape {labels.shape} does not match z, x of lengths {len(z)}, {len(x)}"
        raise InputError(where, "labels", problem, "give one label per pixel, depth first")
    if not np.isfinite(labels).all() or (labels != np.rint(labels)).any():
        raise InputError(where, "labels", "are NaN or no integers", "resample by nearest pixel")
    for name, label in (("cavity", 1), ("myocardium", 2)):
        if not (labels == label).any():
            remedy = "correct the label, or leave the frame out"
            raise InputError(where, name, f"no pixel has the label {label}", remedy)
    pieces = ndimage.label(labels == 1)[0]
    blood = pieces == np.argmax(np.bincount(pieces.flat)[1:]) + 1
    pieces = ndimage.label((labels == 1) | (labels == 2))[0]
    heart = ndimage.binary_fill_holes(pieces == pieces[blood].max())
    blood = ndimage.binary_fill_holes(blood)
    if blood[[0, -1]].any() or blood[:, [0, -1]].any():
        raise InputError(where, "cavity", "touches the image's border", "leave the frame out")
    step = np.array([x[1] - x[0], z[1] - z[0]])
    width = BLUR * step.max()
    sharp = [np.pad(part.astype(np.float64), PAD) for part in (blood, heart)]
    blood, heart = (ndimage.gaussian_filter(share, width / step[::-1]) for share in sharp)

    def outline(share: np.ndarray, level: float) -> np.ndarray:
        lines: Any = contour_generator(z=share).lines(level)
        return (x[0], z[0]) + step * (max(lines, key=len) - PAD)

    edge, hull = (shapely.LineString(outline(*o)) for o in ((2 * blood - heart, 0), (heart, 0.5)))
    touching = edge.intersection(shapely.Polygon(hull.coords))
    line = _longest(touching)
    share = line.length / edge.length
    if not SIDES[0] < share < SIDES[1] or line.length < ONE * touching.length:
        problem = f"{share:.0%} of its edge touches myocardium in one piece, not all but the base"
        raise InputError(where, "cavity", problem, "label both its walls up to two base corners")
    endo = _points(line, step.min())
    if endo[[0, -1], 1].mean() < endo[:, 1].mean():
        raise InputError(where, "cavity", "opens towards the top", "turn the apex to the top")
    thickness = (heart - blood).sum() * step.prod() / line.length
    rough, n, corners = outline(sharp[1], 0.5), int(END * len(endo)), []
    for end, inner, side in ((endo[0], endo[n], 1), (endo[-1], endo[-1 - n], -1)):
        along = end - inner
        far = (rough - end) @ (along + side * np.array([-along[1], along[0]]))
        near = np.hypot(*(rough - end).T) < REACH * thickness
        corners.append(rough[np.argmax(np.where(near, far, -np.inf))])
    middle = _longest(hull.difference(shapely.MultiPoint(corners).buffer(2 * width)))
    epi = [corners[0], *_points(middle, step.min()), corners[1]]
    return endo, _points(shapely.LineString(epi), step.min())


def _longest(lines: shapely.Geometry) -> shapely.LineString:
    parts = shapely.get_parts(shapely.line_merge(lines))
    return max(parts, key=shapely.length, default=shapely.LineString())


def _points(line: shapely.LineString, step: float) -> np.ndarray:
    """Points (points, 2) along the line, about `step` apart, from left to right."""
    at = np.linspace(0, line.length, 1 + round(line.length / step))
    points = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
    return points if points[0, 0] < points[-1, 0] else points[::-1]
