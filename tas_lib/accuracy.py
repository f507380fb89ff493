"""How far the fast operator is from the exact model that it imitates."""

from __future__ import annotations

from typing import Any

import numpy as np

from tas_lib.simulator import Acquisition, uniform
from tas_lib.simulator.exact import band, beamform, echo_spectra

FAR = 20e-3  # range [m] from which on the second goal holds
GOALS = {"near": 3.0, "far": 1.0}  # of a random field's relative error [%]


def place(r: np.ndarray | float, angle: np.ndarray | float) -> tuple[Any, Any]:
    """x, z of points at range r, `angle` [rad] from the axis."""
    return r * np.sin(angle), r * np.cos(angle)


def scatterers(
    acq: Acquisition, count: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, z [m] and normal coefficients (count,) of points, uniform over the sector."""
    rng = np.random.default_rng(seed)
    area = acq.sector / 2 * (acq.r_max**2 - acq.r_min**2)
    return *uniform(acq, acq.r_max, count / area, rng), rng.standard_normal(count)


def exact_image(
    acq: Acquisition,
    x: np.ndarray,
    z: np.ndarray,
    rc: np.ndarray,
    floor_db: float = -60.0,
    progress: bool = False,
) -> np.ndarray:
    """I/Q (depth, line) of the exact model, frequency by frequency; a minute for 20,000 points.

    x, z (count,) [m] and coefficients rc (count,), as `SectorOperator` takes them in the plane;
    with all frequencies above `floor_db` of the pulse's spectrum.
    """
    farthest = max(acq.r_max, *np.hypot(x, z)) + acq.probe.aperture
    f = np.arange(*band(acq, floor_db), 0.8 * acq.c / (2 * farthest))
    return beamform(acq, echo_spectra(acq, x, z, rc, f, progress), f)


def relative_error(image: np.ndarray, exact: np.ndarray) -> float:
    """Relative L2 difference of I/Q data of any one shape."""
    return float(np.linalg.norm(image - exact) / np.linalg.norm(exact))


def percent(image: np.ndarray, exact: np.ndarray, rows: np.ndarray) -> float:
    """`relative_error` of I/Q (depth, line) at some depths, `rows` (depth,) bool [%]."""
    return 100 * relative_error(image[rows], exact[rows])
