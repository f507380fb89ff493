"""What the scanner does: probe, transmit sequence, receive grid; nothing is simulated here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import numbers
from functools import cached_property

import numpy as np

from tas_lib.errors import InputError


def _positive(where: str, field: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise InputError(where, field, f"is {value}", "give a positive number in SI units")


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

    def __post_init__(self):
        for field in ("centre_frequency", "n_elements", "pitch", "width", "bandwidth"):
            _positive("probe", field, getattr(self, field))
        if not (isinstance(self.n_elements, numbers.Integral) and self.n_elements > 1):
            raise InputError("probe", "n_elements", f"is {self.n_elements}", "describe an array")
        if self.bandwidth >= 2:
            raise InputError(
                "probe", "bandwidth", f"is {self.bandwidth}", "give a fraction below 2"
            )

    @cached_property
    def x(self) -> np.ndarray:
        """Element centres (element,) [m], symmetric about 0."""
        return (np.arange(self.n_elements) - (self.n_elements - 1) / 2) * self.pitch


@dataclasses.dataclass(frozen=True)
class Acquisition:
    """Focused scan lines of a phased array and the polar grid on which they are beamformed.

    Every line is one transmit, focused at `focus` along the line; receive is delay-and-sum focused
    at every sample, the whole aperture open on both ways. The paper names the simulator but not its
    sequence: this one (a clinical sector scan) is our choice.

    The origin is the centre of the array; z points down, x to the right, angles turn from z to x.
    """

    probe: Probe = Probe()
    n_lines: int = 128
    sector: float = np.deg2rad(75.0)  # full opening [rad]
    focus: float = 90e-3  # [m]
    r_min: float = 10e-3  # [m]
    r_max: float = 150e-3  # [m]
    range_step: float = 0.2e-3  # [m] between I/Q samples
    c: float = 1540.0  # speed of sound [m/s]

    def __post_init__(self):
        where = "acquisition"
        for field in ("n_lines", "sector", "focus", "r_min", "r_max", "range_step", "c"):
            _positive(where, field, getattr(self, field))
        if self.sector > np.deg2rad(120):
            raise InputError(where, "sector", f"is {self.sector} rad", "open it up to 120 degrees")
        if not (isinstance(self.n_lines, numbers.Integral) and self.n_lines >= 8):
            raise InputError(where, "n_lines", f"is {self.n_lines}", "use 8 lines or more")
        if self.r_max < self.r_min + 10e-3:
            raise InputError(where, "r_max", f"is {self.r_max} m", "end 10 mm or more below r_min")
        if self.r_max > 0.5:
            raise InputError(where, "r_max", f"is {self.r_max} m", "give metres, up to 0.5")

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

    @property
    def angle_step(self) -> float:
        return self.sector / (self.n_lines - 1)

    @property
    def wavelength(self) -> float:
        """At the centre frequency [m]."""
        return self.c / self.probe.centre_frequency

    @property
    def wavenumber(self) -> float:
        """At the centre frequency, one way [rad/m]; I/Q data are demodulated by twice this."""
        return 2 * np.pi / self.wavelength

    def transmit_delays(self, angle: np.ndarray) -> np.ndarray:
        """Firing times (line, element) [s]; the wavefront is at range r at time r / c."""
        focus = self.focus * np.stack([np.sin(angle), np.cos(angle)], -1)
        path = np.hypot(focus[..., :1] - self.probe.x, focus[..., 1:])
        return (self.focus - path) / self.c

    def receive_delays(self, r: np.ndarray, angle: np.ndarray) -> np.ndarray:
        """Arrival times (..., element) [s] of the echo of a point at (r, angle)."""
        r, angle = np.broadcast_arrays(r, angle)
        x, z = r * np.sin(angle), r * np.cos(angle)
        return (r[..., None] + np.hypot(x[..., None] - self.probe.x, z[..., None])) / self.c

    @property
    def key(self) -> str:
        """Hash of everything that decides the point-spread function."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True, default=float)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def checked_scatterers(x, z, rc) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, z [m] and rc as flat arrays (scatterer,). InputError: unequal lengths, NaN."""
    x, z = (np.array(a, float).ravel() for a in (x, z))
    rc = np.array(rc, complex if np.iscomplexobj(rc) else float).ravel()
    if not len(x) == len(z) == len(rc):
        problem = f"have {len(x)}, {len(z)} and {len(rc)} entries"
        raise InputError("scatterers", "x, z, rc", problem, "give each scatterer all three")
    if not all(np.isfinite(a).all() for a in (x, z, rc)):
        raise InputError("scatterers", "x, z, rc", "hold NaN or infinity", "drop those points")
    return x, z, rc
