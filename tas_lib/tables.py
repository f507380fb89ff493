"""Numbers of the heart's segments, a table of 3 levels and 6 walls, made smooth round the heart."""

from typing import Any

import numpy as np

from tas_lib.errors import InputError

ANGLES = np.arange(6) * np.pi / 3  # of the walls [rad]
Table = Any  # given as one number or (3 levels, 6 walls), kept as the latter


def check_tables(where: str, thing: object, *fields: str) -> None:
    """Make each of these fields of a frozen dataclass a whole table. Raises InputError."""
    for field in fields:
        value = np.broadcast_to(np.asarray(getattr(thing, field), np.float64), (3, 6))
        if not np.isfinite(value).all():
            raise InputError(where, field, "holds NaN or infinity", "give finite numbers")
        object.__setattr__(thing, field, value)


def harmonics_of(c: np.ndarray, s: np.ndarray) -> np.ndarray:
    """(6, n): 1, cos, sin, cos 2, sin 2, cos 3 of an angle with cosine c and sine s."""
    c2, s2 = c * c - s * s, 2 * c * s
    return np.stack((np.ones_like(c), c, s, c2, s2, c * c2 - s * s2))


def slopes_of(h: np.ndarray) -> np.ndarray:
    """(6, n): derivatives of `harmonics_of` h with respect to the angle."""
    s3 = h[2] * h[3] + h[1] * h[4]
    return np.stack((np.zeros_like(s3), -h[2], h[1], -2 * h[4], 2 * h[3], -3 * s3))


_FOURIER = np.linalg.inv(harmonics_of(np.cos(ANGLES), np.sin(ANGLES)))


def knots(table: np.ndarray, cap: float) -> np.ndarray:
    """Coefficients (6 harmonics, 4 weights from cap to base) of a table (3 levels from base, 6)."""
    rows = np.asarray(table)[::-1] @ _FOURIER
    return np.concatenate(([[cap, 0, 0, 0, 0, 0]], rows)).T


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("kn,kn->n", a, b)
