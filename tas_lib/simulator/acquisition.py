"""What the scanner does: probe, transmit sequence, receive grid; nothing is simulated here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import numbers
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import get_window

from tas_lib.errors import InputError, check_positive


@dataclasses.dataclass(frozen=True)
class Probe:
    """Linear phased array. Defaults: the P4-2v, as PyMUST's `getparam` lists it.

    Elements count as narrow: at most about a wavelength wide at the upper end of the band.
    """

    name: str = "P4-2v"
    centre_frequency: float = 2.72e6  # [Hz]
    n_elements: int = 64
    pitch: float = 0.30e-3  # [m]
    width: float = 0.25e-3  # [m]
    bandwidth: float = 0.74  # pulse-echo, at -6 dB, fraction of the centre frequency
    height: float = 14e-3  # of the elements, across the image [m]
    elevation_focus: float = 60e-3  # of the lens [m]

    def __post_init__(self) -> None:
        numbered = (f.name for f in dataclasses.fields(self) if f.name != "name")
        check_positive("probe", self, *numbered)
        if not (isinstance(self.n_elements, numbers.Integral) and self.n_elements > 1):
            raise InputError("probe", "n_elements", f"is {self.n_elements}", "describe an array")
        if self.width > self.pitch:
            problem, remedy = f"is {self.width} m", f"elements {self.pitch} m apart are narrower"
            raise InputError("probe", "width", problem, remedy)
        if self.bandwidth >= 2:
            raise InputError(
                "probe", "bandwidth", f"is {self.bandwidth}", "give a fraction below 2"
            )

    @cached_property
    def x(self) -> np.ndarray:
        """Element centres (element,) [m], symmetric about 0."""
        return (np.arange(self.n_elements) - (self.n_elements - 1) / 2) * self.pitch

    @property
    def aperture(self) -> float:
        """Width of the array [m]."""
        return self.n_elements * self.pitch


P4_2V = Probe()
PA4_2_20 = Probe("PA4-2/20", 2.5e6, bandwidth=0.60)  # PyMUST names no lens: the P4-2v's
PROBES = {probe.name: probe for probe in (P4_2V, PA4_2_20)}


@dataclasses.dataclass(frozen=True)
class Focused:
    """One shot a scan line, focused on it."""

    distance: float = 90e-3  # of the focus from the array's centre [m]

    def __post_init__(self) -> None:
        check_positive("focused transmit", self, "distance")

    def delays(self, acq: Acquisition, angle: np.ndarray) -> np.ndarray:
        """Firing times (1, line, element) [s]; the wavefront is at range r at time r / c."""
        focus = self.distance * np.stack([np.sin(angle), np.cos(angle)], -1)
        path = np.hypot(focus[..., :1] - acq.probe.x, focus[..., 1:])
        return (self.distance - path)[None] / acq.c

    def arrival(self, acq: Acquisition, r: np.ndarray, angle: np.ndarray) -> np.ndarray:
        """When the shot is taken to reach points (...) at (r, angle): (1, ...) [s]."""
        return np.broadcast_to(r, np.broadcast_shapes(np.shape(r), np.shape(angle)))[None] / acq.c

    @property
    def mirrored(self) -> bool:
        """Whether the sequence is its own mirror image, as calibration takes for granted."""
        return True

    def extent(self, acq: Acquisition) -> float:
        """Width of the transmitting aperture that the image resolves [m]."""
        return acq.probe.aperture


@dataclasses.dataclass(frozen=True)
class Diverging:
    """Shots of diverging waves, each from a virtual source behind the array; their images add up.

    Defaults: the seven of PyMUST's heart demonstration. Seen from its source, the array is `width`
    wide and centred on the direction `tilt`.
    """

    tilts: tuple[float, ...] = tuple(float(a) for a in np.deg2rad(np.linspace(-20, 20, 7)))  # [rad]
    width: float = np.deg2rad(60.0)  # [rad]

    def __post_init__(self) -> None:
        check_positive("diverging transmit", self, "width")
        object.__setattr__(self, "tilts", tuple(float(tilt) for tilt in self.tilts))
        if not self.tilts:
            raise InputError("diverging transmit", "tilts", "are none", "give one angle a shot")
        if not np.abs(self.tilts).max() + self.width / 2 < np.deg2rad(89):
            problem = "and width together look along the array"
            raise InputError("diverging transmit", "tilts", problem, "stay below 89 degrees")

    def sources(self, acq: Acquisition) -> np.ndarray:
        """Virtual sources (shot, 2) [m], x and z < 0."""
        left, right = (np.tan(np.array(self.tilts) + s * self.width / 2) for s in (-1, 1))
        span = acq.probe.x[-1] - acq.probe.x[0]
        depth = span / (right - left)
        return np.stack([span / 2 - depth * right, -depth], -1)

    def delays(self, acq: Acquisition, angle: np.ndarray) -> np.ndarray:
        """Firing times (shot, 1, element) [s], the same for all lines."""
        x, z = self.sources(acq)[..., None, None].swapaxes(0, 1)
        return (np.hypot(acq.probe.x - x, z) - np.hypot(x, z)) / acq.c

    def arrival(self, acq: Acquisition, r: np.ndarray, angle: np.ndarray) -> np.ndarray:
        """When each shot reaches points (...) at (r, angle): (shot, ...) [s]."""
        way = [
            np.hypot(r * np.sin(angle) - x, r * np.cos(angle) - z) - np.hypot(x, z)
            for x, z in self.sources(acq)
        ]
        return np.stack(way) / acq.c

    @property
    def mirrored(self) -> bool:
        return np.allclose(np.sort(self.tilts), -np.sort(self.tilts)[::-1])

    def extent(self, acq: Acquisition) -> float:
        """Width of the aperture made by the virtual sources, seen from the sector [m]."""
        x, z = self.sources(acq).T
        edge = acq.sector / 2
        return 2 * float(np.max(np.abs(x) * np.cos(edge) - z * np.sin(edge)))


@dataclasses.dataclass(frozen=True)
class Acquisition:
    """Transmit sequence of a phased array and the polar grid on which its echoes are beamformed.

    Receive is delay-and-sum focused at every sample, the whole aperture open. The paper names the
    simulator but not its sequence: focused lines (a clinical sector scan) are our choice.

    The origin is the centre of the array; z points down, x to the right, angles turn from z to x.
    """

    probe: Probe = P4_2V
    transmit: Focused | Diverging = Focused()
    apodisation: str = "boxcar"  # of the shots: a window's name in scipy.signal
    n_lines: int = 128
    sector: float = np.deg2rad(75.0)  # full opening [rad]
    r_min: float = 10e-3  # [m]
    r_max: float = 150e-3  # [m]
    range_step: float = 0.2e-3  # [m] between I/Q samples
    c: float = 1540.0  # speed of sound [m/s]
    attenuation: float = 0.0  # of tissue, one way [dB/cm/MHz]

    def __post_init__(self) -> None:
        where = "acquisition"
        check_positive(where, self, "n_lines", "sector", "r_min", "r_max", "range_step", "c")
        if self.sector > np.deg2rad(120):
            raise InputError(where, "sector", f"is {self.sector} rad", "open it up to 120 degrees")
        if not (isinstance(self.n_lines, numbers.Integral) and self.n_lines >= 8):
            raise InputError(where, "n_lines", f"is {self.n_lines}", "use 8 lines or more")
        if self.r_max < self.r_min + 10e-3:
            raise InputError(where, "r_max", f"is {self.r_max} m", "end 10 mm or more below r_min")
        if self.r_max > 0.5:
            raise InputError(where, "r_max", f"is {self.r_max} m", "give metres, up to 0.5")
        if not 0 <= self.attenuation <= 5:
            problem, remedy = f"is {self.attenuation}", "give dB/cm/MHz, 0 to 5; tissue has 0.5"
            raise InputError(where, "attenuation", problem, remedy)
        try:
            silent = not self.weights.any()
        except (ValueError, TypeError) as error:
            problem, remedy = f"{self.apodisation!r} is unknown", "name a window of scipy.signal"
            raise InputError(where, "apodisation", problem, remedy) from error
        if silent:
            problem = f"{self.apodisation!r} leaves no element sounding"
            raise InputError(where, "apodisation", problem, "use another window or more elements")

    @cached_property
    def depth(self) -> np.ndarray:
        """Range of the I/Q samples from the origin (depth,) [m]."""
        return self.r_min + self.range_step * np.arange(
            round((self.r_max - self.r_min) / self.range_step)
        )

    @cached_property
    def angle(self) -> np.ndarray:
        """Steering angle of the lines (line,) [rad]."""
        return np.linspace(-self.sector / 2, self.sector / 2, self.n_lines)

    @cached_property
    def weights(self) -> np.ndarray:
        """Transmit apodisation (element,)."""
        return get_window(str(self.apodisation), self.probe.n_elements, fftbins=False)

    @property
    def angle_step(self) -> float:
        """Between neighbouring lines [rad]."""
        return self.sector / (self.n_lines - 1)

    @property
    def wavelength(self) -> float:
        """At the centre frequency [m]."""
        return self.c / self.probe.centre_frequency

    @property
    def wavenumber(self) -> float:
        """At the centre frequency, one way [rad/m]; I/Q data are demodulated by twice this."""
        return 2 * np.pi / self.wavelength

    @property
    def shots(self) -> np.ndarray:
        """Firing times of the whole sequence (shot, element) [s]."""
        return self.transmit.delays(self, self.angle).reshape(-1, self.probe.n_elements)

    def receive_delays(self, r: np.ndarray, angle: np.ndarray) -> np.ndarray:
        """Time (..., element) [s] from a point at (r, angle) back to the elements."""
        x, z = r * np.sin(angle), r * np.cos(angle)
        return np.hypot(x[..., None] - self.probe.x, z[..., None]) / self.c

    @property
    def key(self) -> str:
        """Hash of what decides the point-spread function in the plane."""
        facts = dataclasses.asdict(self)
        for field in "name", "height", "elevation_focus":
            del facts["probe"][field]
        text = json.dumps([type(self.transmit).__name__, _plain(facts)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


# The default one, opened to the widest sector and depth that templates commonly have.
WIDE = Acquisition(n_lines=145, sector=np.deg2rad(85.0), r_max=160e-3)

# Another probe at another frequency than the training simulator's, in tissue that attenuates.
CLINICAL = Acquisition(
    PA4_2_20,
    Focused(70e-3),
    n_lines=120,
    sector=np.deg2rad(85.0),
    r_max=160e-3,
    range_step=0.25e-3,
    attenuation=0.5,
)


def _plain(value: Any) -> Any:
    """Numbers of any kind as floats, so that equal acquisitions have equal keys."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, str) else float(value)


def checked_scatterers(
    x: ArrayLike, z: ArrayLike, rc: ArrayLike, y: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """x, z [m], rc and y [m], if given, as flat arrays (scatterer,).

    InputError: unequal lengths, NaN.
    """
    given = {"x": x, "z": z, "rc": rc} | ({} if y is None else {"y": y})
    names = ", ".join(given)
    complex_rc = np.iscomplexobj(rc)
    arrays = [
        np.array(a, complex if name == "rc" and complex_rc else float).ravel()
        for name, a in given.items()
    ]
    if len({len(a) for a in arrays}) > 1:
        problem = f"have {', '.join(str(len(a)) for a in arrays)} entries"
        raise InputError("scatterers", names, problem, "give each scatterer all of them")
    if not all(np.isfinite(a).all() for a in arrays):
        raise InputError("scatterers", names, "hold NaN or infinity", "drop those points")
    return arrays[0], arrays[1], arrays[2], None if y is None else arrays[3]


def uniform(
    acq: Acquisition, r_max: float, per_area: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """x, z (n,) [m] of points, uniform over the sector from r_min to r_max [m].

    per_area: their density [1/m2].
    """
    n = round(per_area * acq.sector / 2 * (r_max**2 - acq.r_min**2))
    r = np.sqrt(rng.uniform(acq.r_min**2, r_max**2, n))
    angle = rng.uniform(-acq.sector / 2, acq.sector / 2, n)
    return r * np.sin(angle), r * np.cos(angle)
