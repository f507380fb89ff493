"""Two experts before one recording: each draws other walls, another end-systole, drops segments.

An observer sees the true walls with errors: hinge points and apex lie elsewhere, the wall is
shifted across itself in waves, and is thicker or thinner all along. All errors are normal and
independent from drawing to drawing; no observer has a bias of his own, though such errors bias
strain (the notebook 06_bland_altman tells by how much). Their sizes are our choice, set so that
peak GLS by open speckle tracking from both drawings spreads about as much as between the paper's
experts on the same loops: SD 2.15 points (`tas agreement` measures it).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline, RBFInterpolator

from tas_lib.errors import InputError
from tas_lib.mesh import centreline, mesh_from_walls
from tas_lib.recording import check_mesh, need
from tas_lib.speckle import correlation
from tas_lib.strain import segment_nodes
from tas_lib.tissue import random_field

HINGE = 4.5e-3  # SD of either end of the wall, along it; what hides the annulus is depth [m]
APEX = 4.5e-3  # SD of the apex, along the long axis; the near field hides it [m]
ACROSS = 2.2e-3  # SD of the wall's shifts across itself [m]
WAVE = 15e-3  # their size: that of `tissue.random_field` [m]
THICKNESS = 0.18  # SD of the logarithm of the drawn wall's thickness; the epicardium is faint
ES_TIME = 15e-3  # SD of end-systole: a frame or so [s]
APEX_SHARE = 0.3  # of the wall moves with the apex
DRAWINGS = 50  # at most, until one neither folds nor leaves the sector
BEYOND = 15e-3  # largest error of a hinge, to which the walls are continued straight [m]

NEAR = 0.07  # from end-systole: speckle is compared within it [s]
# Together they shall keep about as many segments as the paper's experts did, 82 to 92 %.
LOST = 0.7  # least correlation of a point that can be followed; new noise finds 0.5 or so
SHARE = 0.5  # of a segment's points that may be lost


class Reading(NamedTuple):
    """What an observer enters before tracking starts."""

    mesh: np.ndarray  # (longitudinal, radial, [x, z]) drawn at `frame` [m]
    frame: int
    es_frame: int


def observer(recording: xr.Dataset, rng: np.random.Generator, frame: int | None = None) -> Reading:
    """One observer's reading of a recording with true mesh, ed_frame and es_frame.

    frame: on which the walls are drawn; by default the observer's own ES, where the paper starts
    (section III-C.3). Raises InputError where no drawing fits into the sector.
    """
    need(recording, ("mesh", "es_frame"), "observe a recording with its truth")
    late = rng.normal(0, ES_TIME)
    time, es = recording.time.values, int(recording.attrs["es_frame"])
    es = int(np.abs(time - time[es] - late).argmin())
    frame = es if frame is None else frame
    true = recording.mesh.values[frame]
    for _ in range(DRAWINGS):
        try:
            mesh = mesh_from_walls(*_drawn(true, rng), *true.shape[:2])
            check_mesh(recording, mesh[None])
        except InputError as error:
            problem = error
            continue
        return Reading(mesh, frame, es)
    raise problem


def _drawn(mesh: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Endo- and epicardium (points, 2) [m] as drawn, of a true mesh (l, r, 2)."""
    middle, half = centreline(mesh), (mesh[:, -1] - mesh[:, 0]) / 2
    steps = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    arc = np.append(0, np.cumsum(steps))
    low, high = rng.normal(0, HINGE, 2).clip(-BEYOND, BEYOND)
    at = np.linspace(low, arc[-1] + high, 4 * len(middle))
    inside = at.clip(0, arc[-1])
    line = CubicSpline(arc, middle)
    slope = line(inside, 1)
    middle = line(inside) + slope * (at - inside)[:, None]
    across = np.stack([slope[:, 1], -slope[:, 0]], -1)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    waves = random_field(np.insert(middle, 1, 0.0, axis=1), WAVE, rng)
    middle = middle + ACROSS * waves[:, None] * across
    up = middle[len(middle) // 2] - (middle[0] + middle[-1]) / 2
    near = np.abs(np.linspace(-1, 1, len(middle))) / APEX_SHARE
    bump = np.where(near < 1, np.cos(np.pi / 2 * near) ** 2, 0)[:, None]
    middle = middle + rng.normal(0, APEX) * bump * up / np.linalg.norm(up)
    half = CubicSpline(arc, half)(inside) * np.exp(rng.normal(0, THICKNESS))
    return middle - half, middle + half


def carried(recording: xr.Dataset, reading: Reading) -> np.ndarray:
    """A reading's mesh in all frames (time, l, r, 2) [m], moved by the true motion.

    The true mesh's displacement, continued smoothly (thin plates) to where the observer drew: what
    a tracker without any error of its own would make of the drawing.
    """
    true = recording.mesh.values
    start = true[reading.frame].reshape(-1, 2)
    motion = np.moveaxis(true.reshape(len(true), -1, 2) - start, 0, 1).reshape(len(start), -1)
    scale = np.ptp(start, axis=0).max()
    points = reading.mesh.reshape(-1, 2)
    moved = RBFInterpolator(start / scale, motion)(points / scale)
    moved = np.moveaxis(moved.reshape(len(points), len(true), 2), 1, 0)
    return (points + moved).reshape(len(true), *reading.mesh.shape)


def accepted(recording: xr.Dataset) -> np.ndarray:
    """Which of the six segments (6,) bool of a recording with a tracked mesh may be used.

    Not those of which more than SHARE is `lost` by the correlation measured round end-systole:
    noise, haze, shadow, or black outside the sector.
    """
    return lost(measured(recording, int(recording.attrs["es_frame"]))) <= SHARE


def near(recording: xr.Dataset, frame: int) -> np.ndarray:
    """The other frames within NEAR of `frame`; at least the nearest, in a slow or gappy clip."""
    time = recording.time.values
    apart = np.abs(time - time[frame])
    close = max(NEAR, 1.5 * np.sort(apart)[1])
    return np.flatnonzero((apart > 0) & (apart < close))


def measured(recording: xr.Dataset, frame: int) -> np.ndarray:
    """Speckle correlation (frames `near`, l, r) with `frame` along a tracked mesh."""
    few = recording.isel(time=[frame, *near(recording, frame)]).assign_attrs(es_frame=0)
    return correlation(few).values[1:]


def lost(curves: np.ndarray) -> np.ndarray:
    """Share (6,) of each segment's points that are lost, by correlation (frames `near`, l, r).

    A point is lost whose speckle correlates by less than LOST on average.
    """
    gone = ~(curves.mean(axis=0) >= LOST)
    return np.array([gone[nodes].mean() for nodes in segment_nodes(len(gone))])
