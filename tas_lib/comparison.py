"""Several trackers on one cohort: the errors of each in each recording, and intervals of means.

Recordings of one patient are not independent, so intervals come from patients drawn again, with
replacement (Efron and Tibshirani 1993, DOI 10.1007/978-1-4899-4541-9).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tas_lib import checkpoints, recording
from tas_lib.cohorts import files
from tas_lib.collection import MANIFEST, digest, whole_manifest_of
from tas_lib.errors import InputError
from tas_lib.evaluation import evaluate
from tas_lib.journal import Journal, gather
from tas_lib.parallel import one_thread
from tas_lib.readers.ted import may_be_same
from tas_lib.speckle import correlation, speckle_size
from tas_lib.trackers import registry, weights
from tas_lib.trackers.tracker import Tracker

KNOWN = "patient", "view", "pathology"  # of a recording, beside its file
MAKE = "make a cohort: `tas cohort`"


def cohort_in(folder: str | Path) -> dict[str, Any]:
    """The manifest of a cohort's folder. Raises InputError where another collection is there, or
    recordings of a patient are missing.
    """
    manifest = whole_manifest_of(folder, MAKE)
    if not {"cohort", "seed"} <= manifest.keys():
        raise InputError(folder, "cohort", "is not stated: these are no virtual patients", MAKE)
    name, recordings = manifest["cohort"], manifest["recordings"]
    patients = len({entry["patient"] for entry in recordings})
    wanted = {file for k in range(patients) for file in files(name, k + 1)}
    if missing := sorted(wanted - {entry["file"] for entry in recordings}):
        remedy = f"run the `tas cohort {name}` again that was cut short"
        raise InputError(folder, "recordings", f"lack {', '.join(missing[:3])}", remedy)
    return manifest


def made_by(folder: str | Path) -> dict[str, Any]:
    """Of a cohort's folder: cohort, seed, recordings_by (the command that makes them) and
    recordings_commit (of what made them); nothing of recordings without a manifest. Raises
    InputError.
    """
    if not (Path(folder) / MANIFEST).exists():
        return {}
    manifest = cohort_in(folder)
    name, seed = manifest["cohort"], manifest["seed"]
    patients = len({entry["patient"] for entry in manifest["recordings"]})
    profile = "smoke" if manifest["half_beats"] else "paper"
    command = f"tas cohort {name} --n {patients} --seed {seed} --profile {profile} --out DIR"
    commits = ", ".join(sorted({made["commit"] for made in manifest["made_with"]}))
    return {"cohort": name, "seed": seed, "recordings_by": command, "recordings_commit": commits}


def networks(folder: str | Path) -> dict[str, Path]:
    """Weights below a folder of runs (best.safetensors), by the folders they are in, "s1-s2/seed0".

    Raises InputError where there are none, or one is of a run that has not come to its end.
    """
    folder = Path(folder)
    found = sorted(folder.rglob("best.safetensors"))
    if not found:
        remedy = "run `tas train` or `tas refine`"
        raise InputError(folder, "weights", "are not there", remedy)
    for path in found:
        if steps := checkpoints.left(path.parent):
            remedy = "run the same command again, or name these weights by --tracker"
            raise InputError(path.parent, "steps", f"of its training are left, {steps}", remedy)
    where = folder.resolve()
    return {
        (path.parent.relative_to(folder).as_posix() if path.parent != folder else where.name): path
        for path in found
    }


def compare(
    folder: str | Path,
    trackers: Mapping[str, str | Path],
    workers: int | None = None,
    *,
    journal: Journal | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """`evaluate` every tracker on every recording of a cohort's folder: a row each.

    trackers: title -> what `registry.get` takes; workers, journal: see `gather`. Columns: file,
    patient, view, pathology, speckle (its size at end-systole, axial and lateral [m]), tracker (its
    title) and those of `evaluate`, arrays as lists.
    Raises InputError, also where weights have seen one of the patients.
    """
    return over(_rows, folder, trackers, workers, journal=journal, progress=progress)


def _rows(
    entry: dict[str, Any], folder: Path, trackers: dict[str, str | Path]
) -> list[dict[str, Any]]:
    ds, rows = recording.open(folder / entry["file"]), []
    ds["correlation"] = correlation(ds)
    about = {"file": entry["file"]} | {name: ds.attrs[name] for name in KNOWN}
    about["speckle"] = list(speckle_size(ds, int(ds.attrs["es_frame"])))
    for title, name in trackers.items():
        with one_thread():
            found = evaluate(ds, ready(name))
        lists = {key: value.tolist() for key, value in found.items() if np.ndim(value)}
        rows.append(about | {"tracker": title} | found | lists)
    return rows


def over(
    rows_of: Callable[..., list[dict[str, Any]]],
    folder: str | Path,
    trackers: Mapping[str, str | Path],
    workers: int | None = None,
    *,
    journal: Journal | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Rows of `rows_of(entry, folder, trackers)` of all entries in a cohort's manifest, by file.

    Raises InputError, also where weights have seen one of the patients.
    """
    manifest, folder = cohort_in(folder), Path(folder).resolve()
    check_unseen(trackers, manifest)

    def key_of(entry: dict[str, Any]) -> str:
        return json.dumps([entry["file"], digest(folder / entry["file"]), entry.get("observers")])

    rows = gather(
        partial(rows_of, folder=folder, trackers=dict(trackers)),
        manifest["recordings"],
        key_of,
        manifest["cohort"],
        "recording",
        journal=journal,
        workers=workers,
        progress=progress,
    )
    return pd.DataFrame(rows)


def ready(name: str | Path) -> Tracker:
    """`registry.get`, kept for the next recording as long as its weights are the same."""
    path = registry.weights_of(name)
    return cached_tracker(name, digest(path) if path and path.is_file() else None)


@lru_cache(32)
def cached_tracker(name: str | Path, found: str | None) -> Tracker:
    return registry.get(name)


def check_unseen(trackers: Mapping[str, str | Path], cohort: dict[str, Any]) -> None:
    """Raises InputError where weights have seen a patient of a cohort with this manifest."""
    judged = {str(entry["patient"]) for entry in cohort["recordings"]}
    for path in filter(None, map(registry.weights_of, trackers.values())):
        card = weights.card(path)
        if "data" in card and "patients" not in card:
            problem = "are not named: nobody knows whether some are evaluated here"
            raise InputError(path, "patients", problem, "train anew with this version")
        learnt = weights.learnt_from(card)
        seen = sorted(one for one in judged if any(may_be_same(one, other) for other in learnt))
        if seen:
            problem = f"learnt from {len(seen)} of those who are evaluated, {seen[0]} among them"
            raise InputError(path, "patients", problem, "evaluate on others")


def people(rows: pd.DataFrame, column: str, columns: str = "tracker") -> pd.DataFrame:
    """A column's mean over each patient's recordings: patients x trackers, as they come."""
    means = rows.pivot_table(column, "patient", columns, "mean")
    return means.reindex(columns=rows[columns].unique())
