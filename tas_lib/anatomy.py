"""The shape of a virtual left ventricle at end-diastole, and what stays with its material points.

Heart coordinates, right-handed, metres: Z along the long axis from the epicardial apex (0) to the
base plane (length); Theta = atan2(Y, X) grows clockwise as seen from the apex and is 0 in the
middle of the anteroseptal wall. A material point is named by its position at end-diastole.

Numbers: [A] published (see tas_lib/heart.py), [C] our choice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from tas_lib.errors import InputError, check_choice, check_positive
from tas_lib.tables import ANGLES, Table, check_tables, dot, harmonics_of, knots, slopes_of

LEVELS = ("basal", "mid", "apical")
WALLS = (
    "anteroseptal",
    "anterior",
    "anterolateral",
    "inferolateral",
    "inferior",
    "inferoseptal",
)  # at Theta = 0, 60, ... 300 degrees
VIEWS = {  # walls on the image's left and right
    "A4C": ("inferoseptal", "anterolateral"),
    "A2C": ("inferior", "anterior"),
    "A3C": ("inferolateral", "anteroseptal"),
}
OUTSIDE, ATRIUM = 25e-3, 50e-3  # the motion fades over this distance outside wall and base [m] [C]
CELLS = 160  # along Z
OUTLINE = 200  # points of each wall where a plane cuts it
TURN = 0.06  # of the length: over this the apical wall turns towards the long axis [C]


def _smooth(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


class Material(NamedTuple):
    """Material points and all about them that does not change with time; 224 bytes a point."""

    radius: np.ndarray  # (n,) R [m]
    height: np.ndarray  # (n,) Z [m]
    cos: np.ndarray  # (n,) of Theta
    sin: np.ndarray
    nearest_radius: np.ndarray  # (n,) R and Z of the point of the heart whose motion it shares [m]
    nearest_height: np.ndarray
    share: np.ndarray  # (n,) of that motion: 1 in the heart, 0 far away
    inner: np.ndarray  # (n,) R_i there [m]
    values: np.ndarray  # (4, n) weights of cap and levels along Z
    integrals: np.ndarray  # (4, n) of the weights, from 0 [m]
    harmonics: np.ndarray  # (6, n) in Theta; fading towards the axis in the cavity
    slopes: np.ndarray  # (6, n) their derivatives


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The shape at end-diastole: truncated ellipsoids about one centre; thickness varies [A]."""

    diameter: float = 48.9e-3  # of the cavity, LVIDd [m]
    length: float = 90e-3  # epicardial apex to base plane; 1.41 of the external diameter [m]
    thickness: Table = 7.45e-3  # of the wall where widest [m]
    apex: float = 4e-3  # thickness of the wall at the apex [m] [C]
    equator: float = 0.7  # height of the widest place, fraction of the length [C]

    def __post_init__(self) -> None:
        check_positive("anatomy", self, "diameter", "length", "apex", "equator")
        check_tables("anatomy", self, "thickness")
        if (self.thickness <= 0).any() or self.thickness.max() > 0.6 * self.diameter:
            problem = f"spans {self.thickness.min()} to {self.thickness.max()} m"
            raise InputError("anatomy", "thickness", problem, "give walls of 4 to 25 mm, in metres")
        if not 0.5 < self.equator <= 1 or self.apex > 0.3 * self.length:
            problem = f"are {self.equator}, {self.apex} m"
            remedy = "choose 0.5 to 1 and less than 0.3 of the length"
            raise InputError("anatomy", "equator, apex", problem, remedy)

    @property
    def centre(self) -> float:
        """Z of the ellipsoids' centre [m]; also the epicardium's semi-axis along Z."""
        return self.equator * self.length

    def inner(self, height: np.ndarray | float) -> np.ndarray:
        """R_i(Z) [m]; 0 in the cap."""
        along = (height - self.centre) / (self.centre - self.apex)
        return self.diameter / 2 * np.sqrt(np.maximum(1 - along * along, 0))

    @cached_property
    def levels(self) -> np.ndarray:
        """Z (3,) [m] of the middles of the apical, mid and basal thirds of the middle of the wall.

        The apical level lies a little higher, clear of the cap.
        """
        u = np.linspace(0, np.arccos(1 - 1 / self.equator), 400)
        z = self.centre - (self.centre - self.apex / 2) * np.cos(u)
        r = (self.diameter + self.thickness.mean()) / 2 * np.sin(u)
        arc = np.append(0, np.cumsum(np.hypot(np.diff(z), np.diff(r))))
        return np.interp(np.array([1.4, 3, 5]) / 6 * arc[-1], arc, z)

    @cached_property
    def _basis(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights along Z of cap, apical, mid and basal level (4) and their integrals, as cubics.

        (power, 4, cell), highest power first, of the share of a cell that is passed. The cap's
        weight is 1 in the solid apex and falls as the wall turns towards the long axis.
        """
        height = np.linspace(self.apex, self.length, CELLS + 1)
        turned = 1 / (1 + ((height - self.apex) / (TURN * self.length)) ** 2)
        levels = CubicSpline(self.levels, np.eye(3), bc_type="clamped")
        along = levels(np.clip(height, self.levels[0], self.levels[2])).T
        weights = np.vstack((turned, (1 - turned) * along))
        spline = CubicSpline(height, weights.T, bc_type="clamped")
        cubics = []
        for poly in (spline.c, spline.antiderivative().c):
            scale = (height[1] - height[0]) ** np.arange(len(poly) - 1.0, -1, -1)
            cubics.append(np.ascontiguousarray((poly.T * scale).T.swapaxes(1, 2)))
        return cubics[0], cubics[1]

    def _weights(self, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(4, n) weights of cap and levels at heights (n,) [m] and their integrals from 0 [m]."""
        at = np.clip((height - self.apex) * (CELLS / (self.length - self.apex)), 0, CELLS)
        cell = np.minimum(at.astype(np.intp), CELLS - 1)
        at -= cell
        results = []
        for powers in self._basis:
            result = powers[0].take(cell, axis=1)
            for power in powers[1:]:
                result *= at
                result += power.take(cell, axis=1)
            results.append(result)
        results[1][0] += np.minimum(height, self.apex)
        return results[0], results[1]

    def _breadth(self, values: np.ndarray, harmonics: np.ndarray) -> np.ndarray:
        """The epicardium's semi-axis across [m], where Z and Theta have this basis."""
        coefficients = knots(self.thickness, self.thickness[2].mean())
        return self.diameter / 2 + dot(coefficients @ values, harmonics)

    def outer(self, height: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """R_o(Z, Theta) [m] of the epicardium."""
        values, _ = self._weights(np.asarray(height, np.float64))
        breadth = self._breadth(values, harmonics_of(np.cos(theta), np.sin(theta)))
        return breadth * np.sqrt(np.maximum(1 - (1 - height / self.centre) ** 2, 0))

    def at(self, points: np.ndarray) -> Material:
        """Points (n, 3) [m], where they are at end-diastole, ready to be moved many times."""
        points = np.asarray(points, np.float64)
        if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
            problem = f"has shape {points.shape} or holds NaN"
            raise InputError("heart", "points", problem, "give finite points (n, 3) in metres")
        x, y, z = points.T.copy()
        radius = np.sqrt(x * x + y * y)
        scale = 1 / np.maximum(radius, 1e-12)
        c, s = x * scale, y * scale
        harmonics = harmonics_of(c, s)
        nearest = np.minimum(z, self.length)
        along = nearest - self.centre
        values, integrals = self._weights(nearest)
        breadth = self._breadth(values, harmonics)
        beyond = np.maximum(np.sqrt((radius / breadth) ** 2 + (along / self.centre) ** 2), 1)
        distance = np.sqrt(radius**2 + along**2) * (1 - 1 / beyond)
        share = (1 - _smooth(distance / OUTSIDE)) * (1 - _smooth((z - nearest) / ATRIUM))
        nearest, nearest_radius = self.centre + along / beyond, radius / beyond
        inner = self.inner(nearest)
        slopes = slopes_of(harmonics)
        towards_axis = np.minimum(nearest_radius / np.maximum(inner, 1e-12), 1)
        harmonics[1:] *= towards_axis**2
        outside = np.flatnonzero(beyond > 1)
        values[:, outside], integrals[:, outside] = self._weights(nearest[outside])
        moves_with = nearest_radius, nearest, share, inner
        return Material(radius, z, c, s, *moves_with, values, integrals, harmonics, slopes)

    def wall_line(self, theta: float, layer: float, count: int) -> np.ndarray:
        """(count, 3) [m] from apex to base in the wall at `theta`, equally spaced along the line.

        layer: 0 endocardium, 0.5 mid-wall, 1 epicardium.
        """
        share = np.linspace(0, 1, 500)
        line = np.zeros(3)
        for weight, semi_axis in ((1 - layer, self.centre - self.apex), (layer, self.centre)):
            u = share * np.arccos(-(self.length - self.centre) / semi_axis)
            z = self.centre - semi_axis * np.cos(u)
            z[-1] = self.length
            outer = semi_axis == self.centre
            r = self.outer(z, np.full(z.shape, theta)) if outer else self.inner(z)
            line = line + weight * np.stack((r * np.cos(theta), r * np.sin(theta), z), axis=-1)
        arc = np.append(0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)))
        at = np.linspace(0, arc[-1], count)
        return np.stack([np.interp(at, arc, line[:, k]) for k in range(3)], axis=-1)

    def view_line(self, view: str) -> np.ndarray:
        """(145, 3) [m], mid-wall, image-left base to image-right; equal steps in a half."""
        check_choice("heart", "view", view, VIEWS)
        left, right = (self.wall_line(ANGLES[WALLS.index(wall)], 0.5, 73) for wall in VIEWS[view])
        return np.concatenate((left[:0:-1], right))

    @cached_property
    def view_lines(self) -> dict[str, Material]:
        return {view: self.at(self.view_line(view)) for view in VIEWS}

    def ring(self, height: float, layer: float, count: int) -> np.ndarray:
        """(count, 3) [m] around the wall at one height; the first in the anteroseptal wall."""
        theta = np.arange(count) * 2 * np.pi / count
        inner, outer = self.inner(height), self.outer(np.full(count, height), theta)
        r = (1 - layer) * inner + layer * outer
        return np.stack((r * np.cos(theta), r * np.sin(theta), np.full(count, height)), axis=-1)

    def _rings(self, layer: float, count: int) -> Material:
        """Rings at the three levels, base first."""
        return self.at(np.concatenate([self.ring(z, layer, count) for z in self.levels[::-1]]))

    @cached_property
    def mid_rings(self) -> Material:
        """72 points in the middle of the wall at each of the three levels."""
        return self._rings(0.5, 72)

    @cached_property
    def walls(self) -> tuple[Material, Material]:
        """Endo- and epicardial points of the 18 segments, six at each of the three levels."""
        return self._rings(0.0, 6), self._rings(1.0, 6)

    @cached_property
    def endocardium(self) -> tuple[Material, float]:
        """Points all over the endocardium; dTheta dZ of each."""
        step = (self.length - self.apex) / 80
        height = np.repeat(self.apex + (np.arange(80) + 0.5) * step, 12)
        theta = np.tile(np.arange(12) * np.pi / 6, 80)
        r = self.inner(height)
        points = np.stack((r * np.cos(theta), r * np.sin(theta), height), axis=-1)
        return self.at(points), step * np.pi / 6

    def outline(
        self, origin: np.ndarray, right: np.ndarray, down: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Endo- and epicardium (OUTLINE, 2) [m] cut by the plane origin + x right + z down.

        x, z in the plane, along its unit vectors `right` and `down`, from image-left base over the
        apex to image-right base: ready for `mesh.mesh_from_walls`. Raises InputError where the
        vectors are no orthonormal pair or the plane misses the cavity at centre or base.
        """
        origin, right, down = (np.asarray(v, np.float64) for v in (origin, right, down))
        frame = np.stack((right, down))
        if frame.shape != (2, 3) or not np.allclose(frame @ frame.T, np.eye(2), atol=1e-6):
            raise InputError("plane", "right, down", "are no orthonormal pair", "normalise them")
        rise = frame[:, 2]  # of Z along x and z
        if np.hypot(*rise) < 0.5:
            raise InputError("plane", "right, down", "lie across the long axis", "tilt the plane")
        away = -rise / np.hypot(*rise)  # in the plane, towards the apex
        side = np.array([-away[1], away[0]])
        side *= np.sign(side[0]) or 1
        middle = frame @ (np.array([0, 0, self.centre]) - origin)
        to_base = (self.length - origin[2] - middle @ rise) / np.hypot(*rise)
        base = middle - to_base * away
        curves = []
        for layer in ("endo", "epi"):

            def outside(flat: np.ndarray, layer: str = layer) -> np.ndarray:
                x, y, z = (origin + flat @ frame).T
                wall = self.inner(z) if layer == "endo" else self.outer(z, np.arctan2(y, x))
                return np.hypot(x, y) >= wall

            if outside(np.stack((middle, base))).any():
                problem = "is in a plane that misses the cavity at the ventricle's centre or base"
                raise InputError("plane", "origin", problem, "move it nearer to the long axis")
            corners = _last_inside(base, np.stack((-side, side)), outside) - middle
            first, last = np.arctan2(corners @ side, corners @ away)
            angle = np.linspace(first, last, OUTLINE)[:, None]
            rays = np.cos(angle) * away + np.sin(angle) * side
            curves.append(_last_inside(middle, rays, outside))
        return curves[0], curves[1]

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Distance (n,) [m] of points (n, 3) outside the epicardium, about; 0 inside."""
        x, y, z = points.T
        radius, along = np.hypot(x, y), z - self.centre
        harmonics = harmonics_of(*np.stack((x, y)) / np.maximum(radius, 1e-12))
        level = np.hypot(
            radius / self._breadth(self._weights(z)[0], harmonics), along / self.centre
        )
        return np.hypot(radius, along) * (1 - 1 / np.maximum(level, 1))


def _last_inside(start: np.ndarray, rays: np.ndarray, outside: Callable) -> np.ndarray:
    """Where unit rays (n, 2) from `start` go outside (n, 2) [m], by bisection, up to 1 m away."""
    low, high = np.zeros((len(rays), 1)), np.ones((len(rays), 1))
    for _ in range(50):
        half = (low + high) / 2
        out = outside(start + half * rays)[:, None]
        low, high = np.where(out, low, half), np.where(out, half, high)
    return start + low * rays
