"""What is where in a chest at end-diastole: the ventricle's wall, its blood, and its neighbours.

Neighbours are ellipsoids, placed and sized by the ventricle's anatomy: our choice, for pictures
that look right around the wall. Coordinates are the heart's, see tas_lib/anatomy.py.
"""

from enum import IntEnum

import numpy as np

from tas_lib.anatomy import Anatomy


class Tissue(IntEnum):
    """Labels that `tissue` gives."""

    SURROUNDING = 0
    LV_BLOOD = 1
    MYOCARDIUM = 2
    LEFT_ATRIUM = 3  # blood
    RIGHT_VENTRICLE = 4  # blood
    RIGHT_ATRIUM = 5  # blood
    THIN_WALL = 6  # of the atria and the right ventricle
    PERICARDIUM = 7
    PAPILLARY = 8  # muscles, in the left ventricle's cavity


def tissue(anatomy: Anatomy, points: np.ndarray) -> np.ndarray:
    """Labels (n,) uint8 (`Tissue`) of points (n, 3) [m]."""
    points = np.asarray(points, np.float64)
    radius, z, length = np.hypot(points[:, 0], points[:, 1]), points[:, 2], anatomy.length
    wide = anatomy.diameter / 2 + anatomy.thickness.mean()
    lv = anatomy.distance(points)
    rv = _distance(points, 0.95 * wide, -40, 0.85 * length, wide, 0.65 * length)
    ra = _distance(points, 1.5 * wide, -60, length + 14e-3, 0.65 * wide, 28e-3)
    la = _distance(points, 0.05 * wide, 120, length + 14e-3, 0.7 * wide, 28e-3)
    above = z > length
    heart = np.where(above, np.minimum(ra, la), np.minimum(lv, rv))
    label = np.zeros(radius.shape, np.uint8)
    label[heart < 5e-3] = Tissue.PERICARDIUM
    label[heart < 3e-3] = Tissue.THIN_WALL
    label[~above & (heart == lv) & (heart < 2e-3)] = Tissue.PERICARDIUM
    label[~above & (rv <= 0)] = Tissue.RIGHT_VENTRICLE
    label[above & (ra <= 0)] = Tissue.RIGHT_ATRIUM
    label[above & (la <= 0)] = Tissue.LEFT_ATRIUM
    label[~above & (lv <= 0)] = Tissue.MYOCARDIUM
    cavity = ~above & (radius < anatomy.inner(z))
    label[cavity] = Tissue.LV_BLOOD
    for angle in (140, 235):  # between the views' walls
        muscle = _distance(
            points, 0.3 * anatomy.diameter, angle, 0.45 * length, 4e-3, 0.12 * length
        )
        label[cavity & (muscle <= 0)] = Tissue.PAPILLARY
    return label


def _distance(
    points: np.ndarray, radius: float, degrees: float, height: float, across: float, along: float
) -> np.ndarray:
    """Distance (n,) [m] outside an ellipsoid of revolution centred at (radius, degrees, height)."""
    angle = np.radians(degrees)
    x, y, z = (points - [radius * np.cos(angle), radius * np.sin(angle), height]).T
    level = np.sqrt((x**2 + y**2) / across**2 + (z / along) ** 2)
    return np.sqrt(x**2 + y**2 + z**2) * (1 - 1 / np.maximum(level, 1))
