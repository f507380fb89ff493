"""How well a tracker does on recordings whose true motion is known: errors of motion and strain."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from tas_lib.error_parts import parts, smooth_tracks
from tas_lib.mesh import folds
from tas_lib.recording import spacing, whole_beat
from tas_lib.strain import longitudinal_strain, segment_nodes
from tas_lib.trackers.tracker import Tracker, track

PICTURE = 256  # pixels a side, to which both axes are scaled
WITHIN = 1, 2, 4, 8, 16  # of those
VISIBLE = 0.5  # least visibility of a point that counts as seen
BINS = 10  # of visibility


def tap(
    found: np.ndarray,
    truth: np.ndarray,
    frame: int,
    extent: Sequence[float],
    visible: np.ndarray | None = None,
) -> dict[str, float]:
    """Two metrics of TAP-Vid (Doersch et al. 2022, arXiv:2211.03726), where every point is seen.

    found, truth: (T, l, r, [x, z]) [m], given at `frame`, which does not count; extent: of the
    image, along x and z [m]; visible (T, l, r): which points the tracker calls so, by default all.
    delta_average: share of points within WITHIN pixels, mean over these; jaccard: share of points
    both within and called visible, of all and those called so wrongly, mean likewise.
    """
    scale = PICTURE / np.asarray(extent)
    distance = np.linalg.norm(np.delete(found - truth, frame, axis=0) * scale, axis=-1)
    called = np.ones(distance.shape, bool) if visible is None else np.delete(visible, frame, axis=0)
    near = [distance < limit for limit in WITHIN]
    return {
        "delta_average": float(np.mean(near)),
        "jaccard": float(
            np.mean([(n & called).sum() / (n.size + (called & ~n).sum()) for n in near])
        ),
    }


def evaluate(recording: xr.Dataset, tracker: Tracker) -> dict[str, Any]:
    """Errors of a tracker on a recording with its true `mesh`, from which it starts.

    mte [m]: mean distance of all points from where they truly are, over all frames (section
    IV-D.1). median [m]: median over time, mean over points. delta_average, jaccard: `tap`. gls,
    gls_true: peak global longitudinal strain of the middle line in the image, since end-diastole
    (fractions). folds: triangles turned over, in the worst frame. gls_smoothed, folds_smoothed: of
    `error_parts.smooth_tracks`. closure [m]: of a whole beat, mean distance of points at its end
    from its start; else NaN. seconds: for all of it. What explains the error: see
    `error_parts.parts`.

    Of the segments (6,): segments, segments_true, end-systolic strain (fractions); errors [m], mte;
    visibility and correlation, means over their points in all frames but the given one and
    end-systole, of what the tracker says and of the speckle, as far as the recording has it; else
    NaN. calibration (2, BINS): `tally` of these.
    """
    truth = recording.mesh.values
    es, ed = int(recording.attrs["es_frame"]), int(recording.attrs.get("ed_frame", 0))
    frame = es if tracker.start == "es" else 0
    start = perf_counter()
    tracked = track(recording, truth[frame], tracker, frame)
    found, seconds = tracked.tracks.values, perf_counter() - start
    visibility, correlation = (
        ds[name].values if name in ds else np.full(truth.shape[:3], np.nan)
        for ds, name in ((tracked, "visibility"), (recording, "correlation"))
    )
    visible = visibility > VISIBLE if "visibility" in tracked else None
    extent = (spacing(recording) * [recording.sizes[a] for a in ("x", "z")]).tolist()
    whole, smoothed = whole_beat(recording), smooth_tracks(found, frame)
    distance = np.linalg.norm(found - truth, axis=-1)
    (gls, segments), (gls_true, segments_true) = (
        longitudinal_strain(m, ed) for m in (found, truth)
    )
    seen, speckle = (np.delete(values, [frame, es], 0) for values in (visibility, correlation))
    return {
        "mte": float(distance.mean()),
        "median": float(np.median(distance, axis=0).mean()),
        **tap(found, truth, frame, extent, visible),
        "gls": float(gls.min()),
        "gls_true": float(gls_true.min()),
        "segments": segments[es],
        "segments_true": segments_true[es],
        "errors": _by_segment(distance),
        "visibility": _by_segment(seen),
        "correlation": _by_segment(speckle),
        "calibration": tally(seen, speckle),
        **parts(found, truth, frame, es, whole),
        "folds": int(folds(found).max()),
        "gls_smoothed": float(longitudinal_strain(smoothed, ed)[0].min()),
        "folds_smoothed": int(folds(smoothed).max()),
        "closure": float(np.linalg.norm(found[-1] - found[ed], axis=-1).mean())
        if whole
        else np.nan,
        "seconds": seconds,
    }


def _by_segment(values: np.ndarray) -> np.ndarray:
    """Means (6,) of values (T, l, r)."""
    return np.array([values[:, nodes].mean() for nodes in segment_nodes(values.shape[1])])


def tally(visibility: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Points by visibility, in BINS equal parts of 0 to 1: their number, and the sum of their
    correlation (2, BINS). NaN counts nowhere.
    """
    known = np.isfinite(visibility) & np.isfinite(correlation)
    weights = None, correlation[known]
    return np.stack([np.histogram(visibility[known], BINS, (0, 1), weights=w)[0] for w in weights])
