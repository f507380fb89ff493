"""Designs of agreement (sections IV-A.2, V-D and V-E): the same strain, measured twice.

Every observer draws the walls where he sees end-systole, a tracker does the rest; beside trackers
stand PERFECT tracking of the same drawing, and the TRUTH. Two measurements that differ in one thing
alone are a pair: in the tracker (against a reference), the observer (agreement, HUNT-A) or the
visit (test-retest, SSHF and HUNT).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tas_lib import recording
from tas_lib.bland_altman import of_patients
from tas_lib.comparison import over, ready
from tas_lib.error_parts import smooth_tracks
from tas_lib.errors import InputError
from tas_lib.journal import Journal
from tas_lib.observers import accepted, carried, observer
from tas_lib.parallel import one_thread
from tas_lib.recording import MESH_DIMS
from tas_lib.strain import longitudinal_strain, segment_names
from tas_lib.trackers.tracker import track

PERFECT, TRUTH = "perfect tracking", "truth"
GLOBAL = "global"  # among segments: the whole line
APART = "tracker", "observer", "visit"
KEYS = *APART, "patient", "pathology", "view", "segment"


def readings(
    folder: str | Path,
    trackers: Mapping[str, str | Path],
    workers: int | None = None,
    *,
    journal: Journal | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Strain of a cohort's recordings from every observer's drawing by every tracker: a row each.

    trackers: title -> what `registry.get` takes; PERFECT and TRUTH come on top. Observers draw at
    end-systole; a tracker that starts in the first frame is given the drawing as the true motion
    carries it there, in its favour. workers,
    journal: see `journal.gather`. Columns: file, patient, pathology, view, visit, observer (from
    1), tracker, gls (peak), gls_smoothed (of `error_parts.smooth_tracks` since the frame that the
    tracker is given; of PERFECT and TRUTH, since end-systole), segments (six, at the end-systole
    that the observer sees), fractions; accepted (six bool, `observers.accepted` of the drawing).
    Raises InputError, also where weights have seen one of the patients.
    """
    return over(_read, folder, trackers, workers, journal=journal, progress=progress)


def _read(
    entry: dict[str, Any], folder: Path, trackers: dict[str, str | Path]
) -> list[dict[str, Any]]:
    ds, rows = recording.open(folder / entry["file"]), []
    ed, true_es = int(ds.attrs.get("ed_frame", 0)), int(ds.attrs["es_frame"])
    about = {"file": entry["file"]}
    about |= {name: ds.attrs[name] for name in ("patient", "pathology", "view", "visit")}
    for k, seed in enumerate(entry["observers"], start=1):
        drawn = observer(ds, np.random.default_rng(seed))
        meshes = {PERFECT: carried(ds, drawn), TRUTH: ds.mesh.values}
        given = {PERFECT: drawn.es_frame, TRUTH: true_es}
        seen = ds.assign(mesh=(MESH_DIMS, meshes[PERFECT])).assign_attrs(es_frame=drawn.es_frame)
        for title, name in trackers.items():
            follow = ready(name)
            given[title] = frame = drawn.es_frame if follow.start == "es" else 0
            with one_thread():
                tracked = track(ds, meshes[PERFECT][frame], follow, frame)
            meshes[title] = tracked.tracks.values
        kept = accepted(seen).tolist()
        for title, mesh in meshes.items():
            gls, segments = longitudinal_strain(mesh, ed)
            smoothed, _ = longitudinal_strain(smooth_tracks(mesh, given[title]), ed)
            found = {"gls": float(gls.min()), "gls_smoothed": float(smoothed.min())}
            es = true_es if title == TRUTH else drawn.es_frame
            found |= {"segments": segments[es].tolist(), "accepted": kept}
            rows.append(about | {"observer": k, "tracker": title} | found)
    return rows


def strains(rows: pd.DataFrame) -> pd.DataFrame:
    """`readings` with a row for each segment and one for GLOBAL: KEYS, strain [%], accepted."""
    whole = rows.assign(segment=GLOBAL, strain=rows.gls, accepted=True)
    parts = rows.assign(segment=rows.view.map(segment_names), strain=rows.segments)
    parts = parts.explode(["segment", "strain", "accepted"])
    table = pd.concat([whole, parts], ignore_index=True)[[*KEYS, "strain", "accepted"]]
    return table.assign(
        strain=100 * table.strain.astype(float), accepted=table.accepted.astype(bool)
    )


def pairs(table: pd.DataFrame, apart: str, first: object, second: object) -> pd.DataFrame:
    """Of `strains`, those that differ in `apart` alone, which is tracker, observer or visit.

    Columns: the other KEYS; the strains first and second [%]. Segments that not both accept are
    left out. Raises InputError where there is no pair.
    """
    keys = [key for key in KEYS if key != apart]
    one, two = (
        table[(table[apart] == which) & table.accepted].set_index(keys).strain
        for which in (first, second)
    )
    joined = pd.concat({"first": one, "second": two}, axis=1, join="inner").reset_index()
    if joined.empty:
        problem = f"none are {first} and {second}"
        raise InputError("agreement", apart, problem, f"choose of {list(table[apart].unique())}")
    return joined


def spread(paired: pd.DataFrame) -> pd.DataFrame:
    """`bland_altman.of_patients` of `pairs`, first - second [% strain], for each segment.

    Rows in the order in which they come; columns n and (bias, sd, absolute) x (value, low, high).
    Raises InputError where a segment has fewer than three pairs.
    """
    found = {}
    for segment, some in paired.groupby("segment", sort=False):
        numbers = of_patients(some["first"], some["second"], some.patient)
        found[segment] = {("n", ""): len(some)} | {
            (name, end): getattr(number, end)
            for name, number in numbers.items()
            for end in number._fields
        }
    return pd.DataFrame(found).T
