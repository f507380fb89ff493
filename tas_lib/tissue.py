"""The tissue that an image slice sees: three-dimensional scatterers that a heart moves.

Scatterers of tissue are named by their position at end-diastole. Their number in a volume gives the
same number in the slice at every depth; the fewer there are, the louder each is, so that only
`Echogenicity` says how loud tissue is. Blood flows: its scatterers are drawn anew in every frame,
within the plane, as loud together as a whole slice of them.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from scipy.integrate import cumulative_trapezoid
from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from tas_lib.anatomy import Material
from tas_lib.chambers import Tissue
from tas_lib.errors import InputError
from tas_lib.heart import Heart
from tas_lib.simulator import Acquisition, uniform
from tas_lib.simulator.elevation import extent, two_way

if TYPE_CHECKING:
    from tas_lib.clinic import Pose

BLOOD = Tissue.LV_BLOOD, Tissue.LEFT_ATRIUM, Tissue.RIGHT_VENTRICLE, Tissue.RIGHT_ATRIUM
LEAST = 30e-3  # out of the plane, up to which the slice's energy is summed [m]
SEEN = 0.97  # share of the slice's energy; what never comes so near the plane is left out
BELOW, BESIDE = 12e-3, np.deg2rad(4.0)  # of the picture: what moves into it [m], [rad]
ABOVE = 4e-3  # and from the probe [m]
NODE = 8e-3  # of the grid on which the heart's motion across the plane is looked up [m]
SLACK = 0.3e-3  # of what is looked up between them [m]
BLOOD_NODE = 2.5e-3  # of the grid on which that motion is undone [m]


@dataclasses.dataclass(frozen=True)
class Echogenicity:
    """How loud tissues are [dB], relative to myocardium across the beam. Our choice."""

    blood: float = -32.0
    surroundings: float = -10.0
    thin_wall: float = -4.0  # of the atria and the right ventricle
    pericardium: float = 6.0
    papillary: float = -4.0  # muscles
    along: float = -5.0  # of the wall where it runs along the beam
    variation: float = 3.5  # standard deviation of slow changes; twice that in the surroundings
    patch: float = 8e-3  # their size [m]
    seed: int = 0  # and pattern, which belongs to the heart: the same in all views of it

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if name == "seed":
                continue
            good = 1e-3 <= value <= 1 if name == "patch" else -np.inf <= value <= 60
            if not good or (name == "variation" and value < 0):
                remedy = "give metres" if name == "patch" else "give decibels"
                raise InputError("echogenicity", name, f"is {value}", remedy)


@cache
def slice_profile(acq: Acquisition) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depths, the slice's thickness there (integral of its weight squared), and how far out of the
    plane SEEN of its energy reaches: all (depth,) [m].
    """
    r = np.linspace(acq.r_min, acq.r_max, 24)
    thickness, half = np.empty((2, len(r)))
    for k, a in enumerate(r):
        y = np.linspace(0, max(LEAST, extent(acq, a, 2.5)), 601)
        energy = cumulative_trapezoid(np.abs(two_way(acq, a, y)) ** 2, y, initial=0)
        thickness[k], half[k] = 2 * energy[-1], np.interp(SEEN * energy[-1], energy, y)
    return r, thickness, half


class Slice:
    """The scatterers that a heart in a pose shows to an acquisition from t = 0 to `end` [s]."""

    def __init__(
        self,
        heart: Heart,
        pose: Pose,
        acq: Acquisition,
        walls: tuple[np.ndarray, np.ndarray],
        rng: Generator,
        *,
        density: float,
        depth: float,
        end: float,
        echoes: Echogenicity,
    ):
        """walls: endo- and epicardium (n, 2) [m] in the plane at ED; density: scatterers per square
        wavelength; depth: of the picture [m]; echoes: an `Echogenicity`."""
        self.heart, self.pose, self.acq, self.echoes = heart, pose, acq, echoes
        self.per_area, self.depth = density / acq.wavelength**2, depth
        self.r, self.thickness, self.half = slice_profile(acq)
        points = self._candidates(end, rng)
        label = heart.tissue(pose.to_heart(points))
        points, label = (a[~np.isin(label, BLOOD)] for a in (points, label))
        self.named = pose.to_heart(points)  # (n, 3) at ED
        self._material = heart.at(self.named)
        loud = from_decibels(self._level(points, label, walls))
        few = self._at(self.thickness, points) / self.per_area  # volume of each [m^3]
        self.rc = loud * np.sqrt(few) * rng.standard_normal(len(points))

    def _at(self, values: np.ndarray, points: np.ndarray) -> np.ndarray:
        """A function of depth, known at self.r, at points (n, 2 or 3) [m]."""
        return np.interp(np.hypot(points[:, 0], points[:, -1]), self.r, values)

    def _candidates(self, end: float, rng: Generator) -> np.ndarray:
        """Points (n, 3), image coordinates at ED, that the slice sees at one time or another."""
        acq = self.acq
        deepest, edge = min(self.depth + BELOW, acq.r_max), acq.sector / 2 + BESIDE
        wide = deepest * np.sin(edge)
        y = self.half.max() + 10e-3  # room for motion across the plane
        corner = np.array([-wide, -y, 0.0])
        shape = 2 + (np.array([2 * wide, 2 * y, deepest]) // NODE).astype(int)
        grid = corner + NODE * np.moveaxis(np.indices(shape.tolist()), 0, -1).reshape(-1, 3)
        material = self.heart.at(self.pose.to_heart(grid))
        path = [self._move(material, t)[:, 1] - grid[:, 1] for t in np.linspace(0, end, 16)]
        low, high = (f(path, axis=0).reshape(shape) for f in (np.min, np.max))
        margin = max(-low.min(), high.max())

        r = np.linspace(max(acq.r_min - ABOVE, 1e-3), deepest, 200)
        half, thick = (np.interp(r, self.r, a) for a in (self.half, self.thickness))
        weight = r * 2 * (half + margin) / thick
        total = cumulative_trapezoid(weight, r, initial=0)
        n = round(2 * edge * self.per_area * total[-1])
        drawn = np.interp(rng.uniform(0, total[-1], n), total, r)
        angle = rng.uniform(-edge, edge, n)
        y = (np.interp(drawn, r, half) + margin) * rng.uniform(-1, 1, n)
        points = np.stack([drawn * np.sin(angle), y, drawn * np.cos(angle)], -1)
        at = ((points - corner) / NODE).T
        low, high = (map_coordinates(f, at, order=1, mode="nearest") for f in (low, high))
        slack = np.interp(drawn, r, half) + SLACK
        return points[(y + low < slack) & (y + high > -slack)]

    def _level(
        self, points: np.ndarray, label: np.ndarray, walls: tuple[np.ndarray, np.ndarray]
    ) -> np.ndarray:
        """Loudness of tissue (n,) [dB] at points (n, 3), image coordinates at ED."""
        echoes = self.echoes
        level = np.zeros(len(points))
        level[label == Tissue.SURROUNDING] = echoes.surroundings
        level[label == Tissue.THIN_WALL] = echoes.thin_wall
        level[label == Tissue.PERICARDIUM] = echoes.pericardium
        level[label == Tissue.PAPILLARY] = echoes.papillary
        field = random_field(self.named, echoes.patch, np.random.default_rng(echoes.seed))
        slow = echoes.variation * field
        level += np.where(label == Tissue.SURROUNDING, 2, 1) * slow
        in_wall = label == Tissue.MYOCARDIUM
        beam = points[in_wall][:, [0, 2]]
        middles = np.concatenate([(wall[1:] + wall[:-1]) / 2 for wall in walls])
        tangent = np.concatenate([np.diff(wall, axis=0) for wall in walls])
        tangent = tangent[cKDTree(middles).query(beam)[1]]
        cosine = (tangent * beam).sum(-1) / np.hypot(*tangent.T) / np.hypot(*beam.T)
        level[in_wall] += echoes.along * cosine**2
        return level

    def _move(self, named: np.ndarray | Material, t: float) -> np.ndarray:
        return self.pose.to_image(self.heart.move(named, t))

    def scatterers(self, t: float, rng: Generator) -> tuple[np.ndarray, ...]:
        """x, z, rc, y (n,) at time t [s], for the operator; blood from `rng`."""
        x, y, z = self._move(self._material, t).T
        blood, rc = self._blood(t, rng)
        return (
            np.append(x, blood[:, 0]),
            np.append(z, blood[:, 1]),
            np.append(self.rc, rc),
            np.append(y, np.zeros(len(rc))),
        )

    def _blood(self, t: float, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
        """Blood in the plane at time t: points (n, 2), image coordinates, and coefficients (n,)."""
        points = np.stack(uniform(self.acq, self.depth, self.per_area, rng), -1)
        points = points[np.isin(self.label_at(points, t, near=BLOOD), BLOOD)]
        loud = from_decibels(self.echoes.blood) * np.sqrt(self._at(self.thickness, points))
        return points, loud * rng.standard_normal(len(points)) / np.sqrt(self.per_area)

    def label_at(
        self, points: np.ndarray, t: float, near: tuple[Tissue, ...] = tuple(Tissue)
    ) -> np.ndarray:
        """Labels (n,) of what is at points (n, 2) of the image plane [x, z] at time t [s].

        The motion is undone by damped fixed-point iteration on a grid, to 0.1 mm or so. Points far
        from the labels `near` are left at 0.
        """
        corner = points.min(axis=0)
        cells = (points - corner) / BLOOD_NODE
        shape = 2 + cells.max(axis=0).astype(int)
        grid = corner + BLOOD_NODE * np.moveaxis(np.indices(shape), 0, -1)
        there = self.pose.in_plane(grid).reshape(-1, 3)
        named = there
        for _ in range(8):  # fixed point, damped
            named = named + 0.7 * (there - self.heart.move(named, t))
        wanted = np.isin(self.heart.tissue(named), near).reshape(shape)
        wanted = binary_dilation(wanted, np.ones((3, 3)))
        close = wanted[tuple(np.rint(cells).astype(int).T)]
        back = (named - there).reshape(*shape, 3)
        at = cells[close].T
        shift = [map_coordinates(back[..., k], at, order=1) for k in range(3)]
        named = self.pose.in_plane(points[close]) + np.stack(shift, -1)
        label = np.zeros(len(points), np.uint8)
        label[close] = self.heart.tissue(named)
        return label


def from_decibels(db: ArrayLike) -> np.ndarray:
    """Factor of an amplitude [1] from decibels."""
    return 10 ** (np.asarray(db) / 20)


def random_field(points: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth normal numbers (n,) of unit variance at points (n, 3) [m], in patches of `size` [m].

    Gaussian, with an autocorrelation of exp(-(d / size)^2 / 2); the field of a generator does not
    depend on the points at which it is asked for, and repeats after 32 sizes.
    """
    field = gaussian_filter(rng.standard_normal((64, 64, 64), np.float32), np.sqrt(2), mode="wrap")
    at = np.asarray(points).T * (2 / size)
    return map_coordinates(field / field.std(), at, order=3, mode="grid-wrap")
