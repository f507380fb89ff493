"""A virtual left ventricle: where each material point of it is at any time, incompressible.

Heart coordinates, right-handed, metres: Z along the long axis from the epicardial apex (0) to the
base plane (length); Theta = atan2(Y, X) grows clockwise as seen from the apex and is 0 in the
middle of the anteroseptal wall. A material point is named by its position at end-diastole, t = 0:

    z = f(Z, Theta, t) + g(r, t),   theta = Theta + phi(Z, t),   J = f_Z - phi_Z f_Theta,
    r^2 = r_i^2 + (R^2 - R_i^2) / J,   r_i = R_i (1 + eps_c(Z, Theta, t)),

f = Z + integral of eps_l: det F = 1 in the wall whatever the smooth functions eps_l (axial strain),
eps_c (circumferential strain of the endocardium), phi (twist) and g are; g lifts the axis a little
and lets the bowl of the apex shorten along its wall as it thickens. R_i is the endocardium's
radius at end-diastole, 0 in the solid cap of the apex. Blood scales with r_i, other tissue follows
the epicardium or the base and stands still some way off. Strain is Lagrangian; shortening < 0.

Numbers: [A] from abstracts of a GE study of 501 healthy subjects (PMC5234340), HUNT (Dalen 2010,
Stoylen 2019) and the Copenhagen City Heart Study (time intervals); [C] our choice.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from tas_lib.anatomy import VIEWS, WALLS, Anatomy, Material
from tas_lib.chambers import tissue
from tas_lib.cycle import Cycle
from tas_lib.errors import InputError, check_choice, check_positive
from tas_lib.tables import Table, check_tables, dot, knots

LIFT_WIDTH = 0.12  # of the length: radius within which the apex is lifted [C]
LIFT_SHARE = 0.7  # of the lift that is descent of all but the apex [C]
BLOCK = 1 << 14  # points at a time: what a processor's cache holds


@dataclass(frozen=True, eq=False)
class Motion:
    """How much each segment does: tables (3 levels from base to apex, 6 walls) or one number.

    One strain everywhere results from circumferential = -0.5, cap = -1, lift = 0 and no rotation.
    """

    amplitude: Table = -0.21  # axial strain eps_l of systole
    before: Table = 0.0  # added to it early in systole (dyssynchrony)
    after: Table = 0.0  # added to it after ejection (post-systolic shortening)
    delay: Table = 0.0  # of a segment's systole and early relaxation [s]
    circumferential: float = 1.6  # 1 + eps_c = (1 + eps_l) to this power
    cap: float = 1.5  # the cap's axial stretch is (1 + apical eps_l)^-cap [C]
    lift: float = 0.35  # of the apex against the wall, fraction of length * -eps_l [C]
    rotation_base: float = -8.0  # at end-systole, seen from the apex [degrees, counter-clockwise]
    rotation_apex: float = 9.5  # both [A]
    sway: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of everything at end-systole [m]
    breathing: tuple[float, float, float] = (0.0, 0.0, 0.0)  # largest drift of everything [m]
    breathing_period: float = 4.0  # [s]

    def __post_init__(self) -> None:
        check_tables("motion", self, "amplitude", "before", "after", "delay")
        check_positive("motion", self, "breathing_period")
        single = "circumferential", "cap", "lift", "rotation_base", "rotation_apex"
        for name in (*single, "sway", "breathing"):
            if not np.isfinite(getattr(self, name)).all():
                raise InputError("motion", name, "is not finite", "give finite numbers")
        if np.abs(self.delay).max() > 0.2 or self.delay.min() < 0:
            problem = f"spans {self.delay.min()} to {self.delay.max()} s"
            raise InputError("motion", "delay", problem, "give 0 to 0.2 s")


@dataclass(frozen=True, eq=False)
class Heart:
    """A left ventricle with all its motion: `move` carries points, the rest measures it."""

    anatomy: Anatomy = field(default_factory=Anatomy)
    cycle: Cycle = field(default_factory=Cycle)
    motion: Motion = field(default_factory=Motion)
    pathology: str = "healthy"
    drawn: dict = field(default_factory=dict)  # what `random_heart` aimed at

    def __post_init__(self) -> None:
        late = self.cycle.es + self.cycle.ivrt + self.motion.delay.max() + 0.05
        if min(self.cycle.rr) < late:
            problem = f"up to {self.motion.delay.max()} s leaves no time to relax"
            raise InputError("heart", "delay", problem, f"give beats longer than {late:.3f} s")
        if self.motion.amplitude.min() < -0.5 or self.motion.amplitude.max() > 0.3:
            problem = f"spans {self.motion.amplitude.min()} to {self.motion.amplitude.max()}"
            raise InputError("motion", "amplitude", problem, "give strains of -0.5 to 0.3")
        inner, _ = self.anatomy.endocardium
        _, _, _, volume, radius = self._deform(inner, self.es)
        if volume.min() < 0.3 or (radius / inner.inner).min() < 0.05:
            remedy = "give less amplitude or circumferential"
            raise InputError("motion", "amplitude", "folds the wall or closes the cavity", remedy)

    @property
    def es(self) -> float:
        """Time of end-systole, the end of ejection [s]."""
        return self.cycle.es

    def at(self, points: np.ndarray) -> Material:
        """`Anatomy.at`: prepared points, which `move` takes as well; saves half its time."""
        return self.anatomy.at(points)

    def tissue(self, points: np.ndarray) -> np.ndarray:
        """`chambers.tissue`: labels (n,) uint8 of points (n, 3) [m] at end-diastole."""
        return tissue(self.anatomy, points)

    def _tables(self, t: float) -> tuple[np.ndarray, np.ndarray, float, float, float]:
        """Coefficients of eps_l, eps_c; rotation at Z = 0 [rad] and its slope [rad/m]; lift [m]."""
        m, cycle = self.motion, self.cycle
        strain = m.amplitude * cycle.contraction(t, m.delay)
        strain = strain + m.before * cycle.before(t) + m.after * cycle.after(t)
        apical = strain[2].mean()
        cap = (1 + apical) ** -m.cap - 1
        twist = -np.radians([m.rotation_apex, m.rotation_base]) * cycle.twisting(t)
        slope = (twist[1] - twist[0]) / self.anatomy.length
        around = knots((1 + strain) ** m.circumferential - 1, (1 + cap) ** -0.5 - 1)
        lift = -m.lift * apical * self.anatomy.length
        return knots(strain, cap), around, twist[0], slope, lift

    def _deform(self, k: Material, t: float) -> tuple[np.ndarray, ...]:
        """z, r, phi and J, r_i of the points whose motion they share: each (n,)."""
        axial, around, turn, slope, lift = self._tables(t)
        shift = axial @ k.integrals
        z = k.nearest_height + dot(shift, k.harmonics)
        volume = 1 + dot(axial @ k.values, k.harmonics) - slope * dot(shift, k.slopes)
        stretch = 1 + dot(around @ k.values, k.harmonics)
        inner = k.inner * stretch
        wall = np.maximum(k.nearest_radius**2 - k.inner**2, 0) / volume
        in_cavity = k.nearest_radius < k.inner
        r = np.where(in_cavity, k.nearest_radius * stretch, np.sqrt(inner**2 + wall))
        z += lift * (np.exp(-((r / (LIFT_WIDTH * self.anatomy.length)) ** 2)) - LIFT_SHARE)
        return z, r, turn + slope * k.nearest_height, volume, inner

    def offset(self, t: float) -> np.ndarray:
        """(3,) [m]: sway and breathing, which move everything alike."""
        m = self.motion
        breath = (1 - np.cos(2 * np.pi * t / m.breathing_period)) / 2
        sway = self.cycle.contraction(t)
        return np.asarray(m.sway) * sway + np.asarray(m.breathing) * breath

    def move(self, points: np.ndarray | Material, t: float) -> np.ndarray:
        """Where points (n, 3) [m], named at end-diastole (or `at`), are at time t [s]: (n, 3)."""
        if not np.isfinite(t):
            raise InputError("heart", "t", f"is {t}", "give a finite time in seconds")
        moved = np.empty((len(points.radius if isinstance(points, Material) else points), 3))
        for start in range(0, len(moved), BLOCK):
            part = slice(start, start + BLOCK)
            if isinstance(points, Material):
                k = Material(*(a[..., part] for a in points))
            else:
                k = self.at(points[part])
            z, r, phi, _, _ = self._deform(k, t)
            r = k.radius + k.share * (r - k.nearest_radius)
            c, s = np.cos(k.share * phi), np.sin(k.share * phi)
            moved[part, 0] = r * (k.cos * c - k.sin * s)
            moved[part, 1] = r * (k.sin * c + k.cos * s)
            moved[part, 2] = k.height + k.share * (z - k.nearest_height)
        moved += self.offset(t)
        return moved

    def _lengths(self, view: str, t: ArrayLike) -> np.ndarray:
        """Of the six segments [m] along the mid-wall line of a view: t.shape + (6,)."""
        check_choice("heart", "view", view, VIEWS)
        line, times = self.anatomy.view_lines[view], np.asarray(t, np.float64)
        steps = [np.diff(self.move(line, at), axis=0) for at in times.ravel()]
        return np.linalg.norm(steps, axis=-1).reshape(*times.shape, 6, -1).sum(axis=-1)

    def segmental(self, view: str, t: ArrayLike) -> np.ndarray:
        """Strain of the six mid-wall segments, image-left base to image-right base: t.shape + (6,).

        Of the material line in three dimensions, cut into equal thirds of either wall at
        end-diastole.
        """
        return self._lengths(view, t) / self._lengths(view, 0.0) - 1

    def gls(self, view: str, t: ArrayLike) -> np.ndarray:
        """Global longitudinal strain t.shape of the whole mid-wall line of a view, in 3-D."""
        return self._lengths(view, t).sum(-1) / self._lengths(view, 0.0).sum() - 1

    def segments(self, t: float) -> np.ndarray:
        """Strain of all segments (3 levels from the base, 6 walls), as `segmental` gives it."""
        table = np.empty((3, 6))
        for view, (left, right) in VIEWS.items():
            strain = self.segmental(view, t)
            table[:, WALLS.index(left)] = strain[:3]
            table[:, WALLS.index(right)] = strain[:2:-1]
        return table

    def volume(self, t: float) -> float:
        """Volume [m3] of the cavity below the carried base."""
        k, weight = self.anatomy.endocardium
        _, _, _, volume, inner = self._deform(k, t)
        return float(weight * (inner**2 * volume).sum() / 2)

    def ejection_fraction(self) -> float:
        return 1 - self.volume(self.es) / self.volume(0.0)

    def thickening(self, t: float) -> np.ndarray:
        """Growth of the wall's thickness across the axis (3 levels, 6 walls), relative to t = 0."""
        inner, outer = (self._deform(k, t)[1] for k in self.anatomy.walls)
        thick = self.anatomy.walls[1].radius - self.anatomy.walls[0].radius
        return ((outer - inner) / thick - 1).reshape(3, 6)

    def circumferential(self, t: float) -> np.ndarray:
        """Strain of the mid-wall rings (3 levels from the base)."""
        rings = [self.move(self.anatomy.mid_rings, at).reshape(3, -1, 3) for at in (0.0, t)]
        rest, now = (np.linalg.norm(np.roll(r, 1, axis=1) - r, axis=2).sum(axis=1) for r in rings)
        return now / rest - 1
