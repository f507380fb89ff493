"""Strain of one view, measured: curves, what is reported of them, how sure, how well tracked.

Uncertainty: other observers (`observers.observer`) would have drawn the walls, and seen
end-systole, elsewhere; tracking is repeated from such drawings. Their errors are set so that two of
them differ in peak GLS as much as the paper's experts did on the same loops. Other trackers, or
other weights, repeat all that. What scanner, beat and patient's position change is not in it.

Quality: a segment is doubtful where more than half of its points are lost (`observers.lost`), by
the speckle correlation that is measured along its tracks or, where walls are given at end-systole
and the tracker expects one, by what it expects: the worse counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import t as student
from tqdm import tqdm

from tas_lib import corrections, starts
from tas_lib.clicks import Clicks
from tas_lib.corrections import Corrections
from tas_lib.errors import InputError
from tas_lib.observers import SHARE, Reading, lost, measured, near, observer
from tas_lib.recording import MESH_DIMS, whole_beat
from tas_lib.starts import Start
from tas_lib.strain import longitudinal_strain, peaks, segment_names, segment_nodes, strain_curves
from tas_lib.trackers.tracker import Tracker

QUANTITIES = "end_systolic", "peak_systolic", "peak", "post_systolic_index"
CONFIDENCE = 0.95
FEW_FRAMES = 40  # a second: clinical studies have 50 to 80
DOUBTFUL = 2  # segments of a view, at most, in a GLS to rely on: our choice
THICKER = 2.0  # by which the assumed thickness of a clicked wall is varied [mm]


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured of one view; strain and index in percent, shortening negative."""

    film: xr.Dataset  # the beat, with `tracks` [m] and the tracker's visibility, if it has one
    walls: str  # where they are from
    trackers: tuple[str, ...]  # the first is reported
    runs: np.ndarray  # (trackers, 1 + drawings, time, 7): GLS and segments; first the walls given
    es_frames: np.ndarray  # (1 + drawings,)
    quality: pd.DataFrame  # by segment: correlations expected and measured, lost, doubtful
    notes: tuple[str, ...]

    def noting(self, note: str) -> Measurement:
        return replace(self, notes=(*self.notes, note))

    @property
    def view(self) -> str:
        return self.film.attrs.get("view", "clip")

    @property
    def curves(self) -> pd.DataFrame:
        """Strain over time [s], reported: GLS and the six segments."""
        return strain_curves(self.film)

    @property
    def samples(self) -> np.ndarray:
        """`QUANTITIES` of all runs: (trackers, 1 + drawings, 7, 4); NaN where none can be had."""
        return np.array(
            [
                [self._reported(*run) for run in zip(of, self.es_frames, strict=True)]
                for of in self.runs
            ]
        )

    def _reported(self, curves: np.ndarray, es: int) -> np.ndarray:
        found = peaks(curves, es, int(self.film.attrs["ed_frame"]))
        late = [found.peak, 100 * found.post_systolic_index + 0.0]  # no -0
        if not whole_beat(self.film):
            late = 2 * [np.full(curves.shape[1], np.nan)]
        return np.stack([found.end_systolic, found.peak_systolic, *late], axis=-1)


def spread(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SD of one reading by any tracker from any drawing, and half the interval's width.

    Of samples (trackers, 1 + drawings, ...). The first drawing is the one from which the others
    err, so that it counts only where there are no others. All trackers follow the same drawings: a
    reading's variance is that of trackers, of drawings and of what is left, from the mean squares
    of a table of k trackers and n drawings. The interval is the value +- SD times Student's t, 95
    %, at what degrees of freedom they have together (Satterthwaite 1946, DOI 10.2307/3002019). NaN
    where there are fewer than three runs, or one gave no number.
    """
    samples = samples[:, 1:] if samples.shape[1] > 1 else samples
    k, n = samples.shape[:2]
    if k * n < 3:
        return tuple(np.full((2, *samples.shape[2:]), np.nan))
    by_tracker, by_drawing = (samples.mean(axis, keepdims=True) for axis in (1, 0))
    rest = samples - by_tracker - by_drawing + samples.mean((0, 1), keepdims=True)
    shares = (  # of the variance, times degrees of freedom
        (by_tracker.var(0).sum(0) * k, k - 1),
        (by_drawing.var(1).sum(0) * n, n - 1),
        ((1 - 1 / k - 1 / n) * (rest**2).sum((0, 1)), (k - 1) * (n - 1)),
    )
    parts, freedom = zip(*[(part / of, of) for part, of in shares if of], strict=True)
    variance = np.sum(parts, axis=0)
    lost = sum(part**2 / of for part, of in zip(parts, freedom, strict=True))
    degrees = np.divide(variance**2, lost, out=np.ones_like(variance), where=lost > 0)
    return np.sqrt(variance), student.ppf((1 + CONFIDENCE) / 2, degrees) * np.sqrt(variance)


def measure(
    start: Start,
    trackers: dict[str, Tracker],
    *,
    drawings: int = 20,
    seed: int | tuple[int, ...] = 0,
    corrected: Corrections | None = None,
    progress: bool = False,
) -> Measurement:
    """Follow the walls of a start by every tracker, from them and from `drawings` others.

    trackers: by name; the first is reported. The other drawings follow from the seed, another for
    each view of a patient, and are the same for all trackers; in corrected frames they are moved as
    the given walls are. Raises InputError.
    """
    beat, mesh, frame, walls = start
    first = next(iter(trackers.values()))
    found, meshes = _followed(start, first, corrected)
    known = beat.assign(mesh=(MESH_DIMS, found.tracks.values))
    others, notes = _readings(known, frame, drawings, seed)
    ways = [meshes] + [
        {at: _inside(beat, other.mesh + there - mesh) for at, there in meshes.items()}
        for other in others
    ]
    _, *rest = product(trackers.values(), ways)  # the first run is `found`
    runs = [_curves(found, beat)] + [
        _curves(corrections.follow(beat, tracker, way), beat)
        for tracker, way in tqdm(rest, "strain", unit="run", disable=not progress)
    ]
    film = beat.merge(found, combine_attrs="override")
    film.attrs |= {"tracker": next(iter(trackers)), "start_frame": frame}
    quality = _quality(film, known, frame, first)
    return Measurement(
        film,
        walls,
        tuple(trackers),
        np.reshape(runs, (len(trackers), len(ways), *runs[0].shape)),
        np.array([beat.attrs["es_frame"], *(other.es_frame for other in others)]),
        quality,
        (*_notes(film, quality, runs[0][-1, 0]), *notes),
    )


def number(value: float, digits: int = 1) -> str:
    """-17.25 as "\u221217.2"; what could not be computed as a dash."""
    return f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}") if np.isfinite(value) else "–"


def _curves(tracked: xr.Dataset, beat: xr.Dataset) -> np.ndarray:
    whole, segments = longitudinal_strain(tracked.tracks.values, int(beat.attrs["ed_frame"]))
    return 100 * np.column_stack([whole, segments])


def _readings(
    known: xr.Dataset, frame: int, count: int, seed: int | tuple[int, ...]
) -> tuple[list[Reading], list[str]]:
    """Other observers' drawings, or why there are none."""
    rng = np.random.default_rng(seed)
    try:
        return [observer(known, rng, frame) for _ in range(count)], []
    except InputError as error:
        return [], [f"No uncertainty: other drawings do not fit in ({error.problem})."]


def _inside(beat: xr.Dataset, mesh: np.ndarray) -> np.ndarray:
    """A mesh, whatever of it lies beyond the image moved to its edge."""
    low, high = ([beat[axis].values[k] for axis in "xz"] for k in (0, -1))
    return mesh.clip(low, high)


def _quality(film: xr.Dataset, known: xr.Dataset, frame: int, tracker: Tracker) -> pd.DataFrame:
    curves = {"measured": measured(known, frame)}
    if tracker.expects_correlation and frame == film.attrs["es_frame"]:
        curves["expected"] = film.visibility.values[near(film, frame)]
    names = segment_names(film.attrs.get("view"))
    table = pd.DataFrame(np.nan, names, ["expected", "measured"])
    for name, values in curves.items():
        mean = values.mean(axis=0)
        table[name] = [mean[nodes].mean() for nodes in segment_nodes(len(mean))]
    table["lost"] = np.max([lost(values) for values in curves.values()], axis=0)
    table["doubtful"] = ~(table["lost"] <= SHARE)
    return table


def _notes(film: xr.Dataset, quality: pd.DataFrame, last: float) -> list[str]:
    """What readers must know of this clip; `last`: GLS in its last frame [%]."""
    notes = []
    if whole_beat(film):
        notes.append(f"GLS at the beat's end is {number(last)} %; without drift it would be 0.")
    else:
        ends = film.attrs.get("cycle") == "ED to ES"
        why = "ends with end-systole" if ends else "does not say that it holds a whole beat"
        notes.append(
            f"The clip {why}: overall peak and post-systolic index are not computed, since what "
            "follows end-systole decides them."
        )
    if film.attrs.get("reversed"):
        notes.append("The clip shows filling, played backwards: its timing is not systole's.")
    rate = 1 / float(np.median(np.diff(film.time)))
    if rate < FEW_FRAMES:
        notes.append(
            f"{rate:.0f} frames a second; clinical studies have 50 to 80. Peaks may be missed."
        )
    doubtful = int(quality.doubtful.sum())
    if doubtful > DOUBTFUL:
        notes.append(f"{doubtful} of 6 segments are doubtful: do not rely on GLS of this view.")
    return notes


def _followed(
    start: Start, tracker: Tracker, corrected: Corrections | None
) -> tuple[xr.Dataset, dict[int, np.ndarray]]:
    """A start's walls, followed and corrected, and the meshes that were known, by frame."""
    meshes = {start.frame: start.mesh}
    found = corrections.follow(start.beat, tracker, meshes)
    if corrected is None:
        return found, meshes
    tracks = found.tracks.values
    moved = corrections.keyframes(corrected, start.beat, tracks, start.frame)
    meshes |= {at: _inside(start.beat, mesh) for at, mesh in moved.items()}
    return corrections.follow(start.beat, tracker, meshes), meshes


def thickness_note(
    recording: xr.Dataset, clicked: Clicks, tracker: Tracker, corrected: Corrections | None = None
) -> str:
    """What GLS would be if the assumed thickness of a clicked wall were less or more."""
    words = []
    for thickness in (clicked.thickness_mm - THICKER, clicked.thickness_mm + THICKER):
        other = replace(clicked, thickness_mm=thickness)
        try:
            start = starts.start(recording, other, tracker.start)
        except InputError as error:
            words.append(f"unknown at {thickness:g} mm ({error.problem})")
            continue
        found, _ = _followed(start, tracker, corrected)
        gls = _curves(found, start.beat)[int(start.beat.attrs["es_frame"]), 0]
        words.append(f"{number(gls)} % at {thickness:g} mm")
    return (
        f"The wall's thickness, {clicked.thickness_mm:g} mm, is assumed: end-systolic GLS would be "
        f"{' and '.join(words)}."
    )
