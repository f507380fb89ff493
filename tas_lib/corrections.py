"""Corrections: where points of the wall really are in some frames, and tracks that keep to them.

A point is named by where it lies along the middle of the wall: 0 at the image-left base, 0.5 at the
apex, 1 at the image-right base (see `drawings` for the file). In a corrected frame the tracked mesh
is moved so that its points lie where they are said to; what lies around follows, the less the
farther away, and nothing farther than they. Tracking then starts anew from there, both ways, and
between two frames whose mesh is known the two runs are blended, each with a weight that falls to 0
where the other starts.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from tas_lib import drawings
from tas_lib.drawings import Drawing, frame_index, to_metres
from tas_lib.errors import InputError
from tas_lib.mesh import centreline
from tas_lib.trackers.tracker import Tracker, track

FORMAT = "tas-corrections-1"
REACH = 1 / 6  # of the wall, a segment: at this distance a correction has fallen to exp(-1): ours
APART = 0.01  # of the wall: least distance of two corrected points of one frame


@dataclass(frozen=True)
class Correction:
    """One point in one frame of the file."""

    frame: int
    along: float  # 0 to 1, from the image-left base over the apex to the image-right base
    column: float  # [pixels]
    row: float


@dataclass(frozen=True)
class Corrections(Drawing):
    """Those of one clip."""

    corrections: tuple[Correction, ...]
    notes: str = ""
    source: str = "corrections"

    @property
    def span(self) -> tuple[int, int]:
        frames = [correction.frame for correction in self.corrections]
        return min(frames), max(frames)


def load(path: str | Path) -> Corrections:
    """Read and check a file of format ``tas-corrections-1``. Raises InputError."""
    data = drawings.read(path, FORMAT)[1]
    listed = data.get("corrections")
    if not isinstance(listed, list) or not listed:
        raise InputError(path, "corrections", "are no list, or none", "state one point or more")
    points = tuple(
        drawings.build(Correction, c, path, f"corrections[{k}]") for k, c in enumerate(listed)
    )
    ready = {"corrections": points, "source": str(path)}
    found = drawings.build(Corrections, data | ready, path)
    for k, c in enumerate(points):
        field = f"corrections[{k}]"
        if not 0 <= c.frame < found.clip.frames:
            problem = f"{c.frame} is not one of the {found.clip.frames} frames of the file"
            raise InputError(path, f"{field}.frame", problem, "count them from 0")
        if not 0 <= c.along <= 1:
            remedy = "give 0 (image-left base) to 0.5 (apex) to 1 (image-right base)"
            raise InputError(path, f"{field}.along", f"is {c.along}", remedy)
        drawings.check_points(np.array([c.column, c.row]), found.clip, str(path), field)
        near = [o for o in points[:k] if o.frame == c.frame and abs(o.along - c.along) < APART]
        if near:
            problem = f"{c.along} is within {APART} of {near[0].along} in the same frame"
            raise InputError(path, f"{field}.along", problem, "keep one of the two")
    return found


def keyframes(
    corrections: Corrections, beat: xr.Dataset, tracks: np.ndarray, start: int
) -> dict[int, np.ndarray]:
    """Corrected meshes (l, r, 2) [m] by frame of the beat, of tracks (time, l, r, 2) [m].

    Those of a frame that was dropped as a repetition join those of the frame before it. Raises
    InputError: corrections outside the beat, or in the frame `start` of the drawn walls, or of one
    point by two frames that are one.
    """
    first, last = (int(beat.frame[k]) for k in (0, -1))
    groups: dict[int, list[Correction]] = {}
    for c in sorted(corrections.corrections, key=lambda c: c.frame):
        if not first <= c.frame <= last:
            problem = f"{c.frame} lies outside the beat, frames {first} to {last}"
            raise InputError(corrections.source, "frame", problem, "correct frames of the beat")
        groups.setdefault(frame_index(beat, c.frame), []).append(c)
    meshes = {}
    for t, points in groups.items():
        frame = points[0].frame
        if t == start:
            problem = f"{frame} is the one in which the walls were given"
            raise InputError(corrections.source, "frame", problem, "correct these walls instead")
        along = np.array([c.along for c in points])
        if (np.diff(np.sort(along)) < APART).any():
            problem = f"{frame} and a repetition of it both correct one point"
            raise InputError(corrections.source, "frame", problem, "keep one of the two")
        true = to_metres(np.array([[c.column, c.row] for c in points]), beat)
        node = np.linspace(0, 1, tracks.shape[1])
        shown = np.stack([np.interp(along, node, x) for x in centreline(tracks[t]).T], axis=-1)
        shift = _near(node, along) @ np.linalg.solve(_near(along, along), true - shown)
        meshes[t] = tracks[t] + shift[:, None]
    return meshes


def _near(places: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How much of a point's shift places (n,) take part in, (n, points)."""
    return np.exp(-np.abs(places[:, None] - points) / REACH)


def follow(
    beat: xr.Dataset, tracker: Tracker, meshes: dict[int, np.ndarray], *, progress: bool = False
) -> xr.Dataset:
    """`tracker.track` from all frames whose mesh (l, r, 2) [m] is known, in one.

    The tracks pass through these meshes.
    """
    frames, time = sorted(meshes), beat.time.values
    runs = [track(beat, meshes[f], tracker, f, progress=progress) for f in frames]
    weights = [np.interp(time, time[frames], only) for only in np.eye(len(frames))]
    with xr.set_options(keep_attrs=True):
        parts = [
            run * xr.DataArray(weight, dims="time")
            for run, weight in zip(runs, weights, strict=True)
        ]
        return sum(parts[1:], parts[0])
