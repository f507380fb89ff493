"""How well a tracker does on recordings whose true motion is known: errors of motion and strain."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import xarray as xr

from tas_lib.mesh import folds
from tas_lib.observers import Reading, carried
from tas_lib.strain import longitudinal_strain
from tas_lib.trackers.tracker import Tracker, track


def evaluate(recording: xr.Dataset, tracker: Tracker, reading: Reading | None = None) -> dict:
    """Errors of a tracker on a recording with its true `mesh`, started from it or from a reading.

    A reading's truth is where perfect tracking would have carried its mesh (`observers.carried`);
    its end-systole counts. mte [m]: mean distance of all points from where they truly are, over all
    frames (section IV-D.1). median [m]: median over time, mean over points. gls, gls_true: peak
    global longitudinal strain of the middle line in the image, since end-diastole; segments,
    segments_true (6,): end-systolic strain of the segments. folds: triangles turned over, in the
    worst frame. closure [m]: of a whole beat, mean distance of points at its end from its start;
    else NaN. seconds: for all of it.
    """
    truth = recording.mesh.values if reading is None else carried(recording, reading)
    es = int(recording.attrs["es_frame"]) if reading is None else reading.es_frame
    ed = int(recording.attrs.get("ed_frame", 0))
    frame = es if tracker.start == "es" else 0
    start = perf_counter()
    found = track(recording, truth[frame], tracker, frame).tracks.values
    seconds = perf_counter() - start
    whole = recording.attrs.get("cycle") == "ED to ED"
    distance = np.linalg.norm(found - truth, axis=-1)
    (gls, segments), (gls_true, segments_true) = (
        longitudinal_strain(m, ed) for m in (found, truth)
    )
    return {
        "mte": float(distance.mean()),
        "median": float(np.median(distance, axis=0).mean()),
        "gls": float(gls.min()),
        "gls_true": float(gls_true.min()),
        "segments": segments[es],
        "segments_true": segments_true[es],
        "folds": int(folds(found).max()),
        "closure": float(np.linalg.norm(found[-1] - found[ed], axis=-1).mean())
        if whole
        else np.nan,
        "seconds": seconds,
    }
