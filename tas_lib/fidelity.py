"""How near the speckle of simulations comes to their templates', by strategy (section V-A).

    MAE = mean over points and frames of |C_sim - C|

beside the difference between two simulations by Strategy 3 that differ in their seed alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tas_lib.coherence import WallMap
from tas_lib.collection import digest
from tas_lib.dataset import acquisition, open_template, seed_of
from tas_lib.errors import InputError
from tas_lib.figures import middle
from tas_lib.journal import Journal, gather
from tas_lib.scene import Choices, Scene
from tas_lib.segmentation import coarse
from tas_lib.simulator import operator_of
from tas_lib.speckle import correlation, mean_absolute_error
from tas_lib.strategies import s1, s3

P_VALUES = 0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0  # of S1; the paper gives none
TEMPLATE, FLOOR = "template", "S3, other seed"
ABOUT = "patient", "view", "pathology"


def fidelity(
    templates: Sequence[Path],
    seed: int = 0,
    workers: int | None = None,
    *,
    truth: bool = False,
    journal: Journal | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Speckle correlation of templates (recordings, .nc) and their simulations: a row each.

    Virtual patients count as real ones do: masks give their mesh, or, with `truth`, it is the one
    that nobody knows of a real patient. workers, journal: see `journal.gather`.
    Columns: file, ABOUT; strategy, TEMPLATE, "S1 p=0.5", S2, S3 or FLOOR; mae, from the template,
    of FLOOR from S3; mean, of the correlation without end-systole; spread, SD over the points of
    the centreline, mean over time. Raises InputError.
    """
    rows = gather(
        partial(_rows, seed=seed, truth=truth),
        [path.resolve() for path in templates],
        lambda path: f"{path} {digest(path)}",
        "strategies",
        "template",
        journal=journal,
        workers=workers,
        progress=progress,
    )
    return pd.DataFrame(rows)


def _rows(path: Path, seed: int, truth: bool) -> list[dict[str, Any]]:
    template = open_template(path)
    virtual = "elevation" in template
    if truth and not virtual:
        problem = "is not known: this is no virtual patient"
        raise InputError(path, "true motion", problem, "leave --truth out")
    if virtual and not truth:
        template = coarse(template)
    es, real = int(template.attrs["es_frame"]), correlation(template)
    operator = operator_of(acquisition(template))
    shared: Any = {"operator": operator, "wall": WallMap(template, Choices().ramp)}
    scene, other = (
        Scene(template, seed_of(path.stem, number), **shared, progress=False)
        for number in (seed, seed + 1)
    )
    curves = {TEMPLATE: real}
    curves |= {f"S1 p={p}": correlation(s1(scene, p)) for p in P_VALUES}
    curves |= {
        name: film.correlation for name, film in zip(("S2", "S3"), s3(scene, real), strict=True)
    }
    curves[FLOOR] = s3(other, real)[-1].correlation
    about = {"file": path.name} | {name: template.attrs.get(name) for name in ABOUT}
    rows = []
    for name, values in curves.items():
        mae = mean_absolute_error(values, curves["S3"] if name == FLOOR else real, es)
        rows.append(about | {"strategy": name, "mae": float(mae.mean())} | _told(values, es))
    return rows


def _told(curves: xr.DataArray, es: int) -> dict[str, float]:
    others = curves.isel(time=np.delete(np.arange(curves.sizes["time"]), es))
    return {
        "mean": float(others.mean()),
        "spread": float(middle(others).std("longitudinal").mean()),
    }
