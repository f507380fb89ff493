"""Is it real enough? The same few numbers of any recording with a mesh, real or virtual.

Grey levels of wall and blood, the size of speckle, and how fast speckle decorrelates while the wall
moves: windows at the mesh points of one frame are found again in later ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from tas_lib.mesh import cavity, mask
from tas_lib.recording import need
from tas_lib.speckle import correlation, speckle_size

PERCENTILES = 5, 25, 50, 75, 95
LAGS = 0.033, 0.133, 0.4  # one and four frames at 30 Hz, end-diastole to mid-cycle [s]
STARTS = 6  # frames from which speckle is followed


def realism(recording: xr.Dataset) -> dict[str, float]:
    """Numbers by name: wall_p5 .. blood_p95 (grey levels, 0 to 255, of all frames together),
    contrast (of the two medians), speckle_axial and speckle_lateral [mm], correlation_33 ..
    (after so many ms, all of the wall) and left_33 .. (of the image-left wall without its apical
    third: the septum of an A4C, the wall that is seen best). Needs a mesh. Raises InputError.
    """
    need(recording, ["mesh"], "add one, from contours or masks")
    grey: dict[str, list[np.ndarray]] = {"wall": [], "blood": []}
    z, x = recording.z.values, recording.x.values
    for frame, nodes in zip(recording.bmode.values, recording.mesh.values, strict=True):
        grey["wall"].append(frame[mask(nodes, z, x)])
        grey["blood"].append(frame[cavity(nodes, z, x)])
    result = {
        f"{name}_p{p}": float(255 * np.percentile(np.concatenate(values), p))
        for name, values in grey.items()
        for p in PERCENTILES
    }
    result["contrast"] = result["wall_p50"] - result["blood_p50"]
    frames = np.linspace(0, recording.sizes["time"] - 1, STARTS).astype(int)
    sizes = np.mean([speckle_size(recording, t) for t in frames], axis=0)
    result |= {
        f"speckle_{name}": 1e3 * float(size)
        for name, size in zip(("axial", "lateral"), sizes, strict=True)
    }
    left = recording.isel(longitudinal=slice(0, recording.sizes["longitudinal"] // 3))
    for name, part in (("correlation", recording), ("left", left)):
        curve = correlation_curve(part, LAGS)
        names = [f"{name}_{1e3 * lag:.0f}" for lag in LAGS]
        result |= dict(zip(names, curve.tolist(), strict=True))
    return result


def correlation_curve(recording: xr.Dataset, lags: Sequence[float] | np.ndarray) -> np.ndarray:
    """Speckle correlation (lag,) after times `lags` [s]: the mean over some starts and all points.

    Starts after which the clip is too short for a lag are left out; NaN where none is left.
    """
    time = recording.time.values
    few = recording.isel(longitudinal=slice(None, None, 3), radial=slice(1, None, 2))
    curves = []
    for start in np.linspace(0, 0.9 * (len(time) - 1), STARTS).astype(int):
        end = np.searchsorted(time, time[start] + np.max(lags)) + 1
        rho = correlation(few.isel(time=slice(start, end)).assign_attrs(es_frame=0))
        mean = rho.mean(("longitudinal", "radial")).values
        after = time[start:end] - time[start]
        curves.append(np.interp(lags, after, mean, right=np.nan))
    return pd.DataFrame(curves).mean().to_numpy()  # which leaves NaN out
