"""Two observers, one recording: how far apart a tracker ends from what either of them drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from tas_lib import recording
from tas_lib.collection import manifest_of
from tas_lib.errors import InputError
from tas_lib.evaluation import evaluate
from tas_lib.observers import observer
from tas_lib.trackers.tracker import Tracker


def agreement(folder: str | Path, tracker: Tracker, progress: bool = True) -> pd.DataFrame:
    """Peak GLS (fractions) of a cohort's recordings from either observer's drawing, by file.

    Columns: tracked_1, tracked_2, by the tracker; carried_1, carried_2, as perfect tracking of the
    drawings would have it; true. Both start where the observer sees end-systole. Raises InputError
    where the folder holds no cohort with two observers.
    """
    entries = manifest_of(folder, "make one: `tas cohort hunt-a`")["recordings"]
    seeds = {entry["file"]: entry.get("observers", ()) for entry in entries}
    if not seeds or any(len(pair) != 2 for pair in seeds.values()):
        raise InputError(folder, "observers", "are not two", "take the cohort hunt-a")
    rows = {}
    for file, pair in tqdm(seeds.items(), "agreement", unit="recording", disable=not progress):
        ds, row = recording.open(Path(folder) / file), {}
        for k, seed in enumerate(pair, start=1):
            reading = observer(ds, np.random.default_rng(seed))
            found = evaluate(ds, tracker, reading)
            row |= {f"tracked_{k}": found["gls"], f"carried_{k}": found["gls_true"]}
        rows[file] = row | {"true": float(ds.gls_in_plane.min())}
    return pd.DataFrame(rows).T
