"""Several trackers on one cohort: the errors of each in each recording, and intervals of means.

Recordings of one patient are not independent, so intervals come from patients drawn again, with
replacement (Efron and Tibshirani 1993, DOI 10.1007/978-1-4899-4541-9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap
from tqdm import tqdm

from tas_lib import recording
from tas_lib.collection import manifest_of
from tas_lib.errors import InputError
from tas_lib.evaluation import evaluate
from tas_lib.farm import each
from tas_lib.parallel import one_thread
from tas_lib.readers.ted import may_be_same
from tas_lib.trackers import registry, weights
from tas_lib.trackers.tracker import Tracker

KNOWN = "patient", "view", "pathology"  # of a recording, beside its file
DRAWS = 4_000
MAKE = "make a cohort: `tas cohort`"


def cohort_in(folder: str | Path) -> dict[str, Any]:
    """The manifest of a cohort's folder. Raises InputError where another collection is there."""
    manifest = manifest_of(folder, MAKE)
    if not {"cohort", "seed"} <= manifest.keys():
        raise InputError(folder, "cohort", "is not stated: these are no virtual patients", MAKE)
    return manifest


def networks(folder: str | Path) -> dict[str, Path]:
    """Weights below a folder of runs (best.safetensors), by the folders they are in, "s1-s2/seed0".

    Raises InputError where there are none.
    """
    folder = Path(folder)
    found = sorted(folder.rglob("best.safetensors"))
    if not found:
        remedy = "run `tas train` or `tas refine`, or wait for their first validation"
        raise InputError(folder, "weights", "are not there", remedy)
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
    progress: bool = True,
) -> pd.DataFrame:
    """`evaluate` every tracker on every recording of a cohort's folder: a row each.

    trackers: title -> what `registry.get` takes; workers: see `farm.each`. Columns: file, patient,
    view, pathology, tracker (its title) and those of `evaluate`, segment strains as lists of six.
    Trackers start from the true mesh. Raises InputError, also where weights have seen one of the
    patients.
    """
    manifest = cohort_in(folder)
    for name in trackers.values():
        if path := registry.weights_of(name):
            check_unseen(path, manifest)
    files = [entry["file"] for entry in manifest["recordings"]]
    measure = partial(_rows, folder=Path(folder).resolve(), trackers=dict(trackers))
    pairs = each(measure, files, workers)
    rows = dict(tqdm(pairs, "evaluate", len(files), unit="recording", disable=not progress))
    for error in rows.values():
        if isinstance(error, InputError):
            raise error
    return pd.DataFrame([row for file in files for row in rows[file]])


def _rows(file: str, folder: Path, trackers: dict[str, str | Path]) -> list[dict[str, Any]]:
    ds, rows = recording.open(folder / file), []
    about = {"file": file} | {name: ds.attrs[name] for name in KNOWN}
    for title, name in trackers.items():
        with one_thread():
            found = evaluate(ds, _ready(name))
        found |= {key: list(found[key]) for key in ("segments", "segments_true")}
        rows.append(about | {"tracker": title} | found)
    return rows


@lru_cache(32)
def _ready(name: str | Path) -> Tracker:
    return registry.get(name)


def check_unseen(path: Path, cohort: dict[str, Any]) -> None:
    """Raises InputError where weights have seen a patient of a cohort with this manifest."""
    judged = {str(entry["patient"]) for entry in cohort["recordings"]}
    card = weights.card(path)
    if "data" in card and "patients" not in card:
        problem = "are not named: nobody knows whether some are evaluated here"
        raise InputError(path, "patients", problem, "train anew with this version")
    learnt = weights.learnt_from(card)
    seen = sorted(one for one in judged if any(may_be_same(one, other) for other in learnt))
    if seen:
        problem = f"learnt from {len(seen)} of those who are evaluated, {seen[0]} among them"
        raise InputError(path, "patients", problem, "evaluate on others")


def by_patient(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """A column's mean over each patient's recordings: patients x trackers, as they come."""
    means = table.pivot_table(column, "patient", "tracker", "mean")
    return means[table.tracker.unique()]


def interval(
    values: np.ndarray, statistic: Callable[[np.ndarray], float] = np.mean, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval (percentiles) of a statistic of patients' values (P, ...).

    NaN where there is one patient.
    """
    if len(values) < 2:
        return np.nan, np.nan
    found = bootstrap(
        (np.arange(len(values)),),
        lambda drawn: statistic(values[drawn]),
        n_resamples=DRAWS,
        vectorized=False,
        method="percentile",
        rng=seed,
    )
    return tuple(map(float, found.confidence_interval))
