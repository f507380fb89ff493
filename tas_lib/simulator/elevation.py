"""The third dimension of a two-dimensional image: how the lens weighs scatterers out of plane.

The elements are `height` tall and focused in elevation by a lens. One way, at wavenumber k and in
the Fresnel approximation, a point at range r and elevation y receives

    E_k(r, y) = integral over |y'| < height / 2 of exp(-i k ((y - y')^2 / 2 r - y'^2 / 2 F)) dy'

with F the `elevation_focus` and the carrier exp(-i k r) taken out. Its wavefront reaches y later
than the plane by a path p(r, y), so a pulse of pulse-echo spectrum W brings the mean echo

    w(r, y) = exp(-2 i k0 p) sum_k b_k E_k(r, y)^2 exp(2 i k p) / sum_k b_k E_k(r, 0)^2

with b = |W|^2 / k, as the beam in the plane is wider at low k. A scatterer at (x, y, z) is imaged
as one at (x, z), its backscatter coefficient multiplied by w(r, y), r = hypot(x, z); better still,
as one at range r + p with w exp(2 i k0 p).

The phase is no decoration. Where the wavefront is curved, tissue that moves across the plane also
moves along the beam, so speckle is half decorrelated (rho = 0.5) after 1 mm at all depths from 50
to 150 mm, however thick the slice there. |w| alone would take 4 mm at 130 mm, and so do tables
made of magnitude profiles. PyMUST's matrix arrays, phased as the lens, agree with w to 14 %;
`pymust.simus` (0.1.9) counts the path y^2 / 2 r twice in three dimensions, so that its speckle
changes too late before the focus and too soon behind it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike

from tas_lib.simulator.acquisition import Acquisition
from tas_lib.simulator.exact import band, pulse_echo_spectrum

Array = TypeVar("Array", np.ndarray, torch.Tensor)
MARGIN = 10e-3  # [m] of table behind `r_max`: scatterers there still reach into the image
LOG_STEP, SLOPE_STEP = 6e-3, 0.02  # of the table, in log(r) and in y / r (of lambda / height)


def one_way(acq: Acquisition, r: ArrayLike, slope: ArrayLike, k: float) -> np.ndarray:
    """E_k exp(i k y^2 / 2 r) (range, slope), complex [m], at y = slope r, wavenumber k [rad/m].

    r: (range,) [m]; slope: (slope,). Gauss-Legendre over half of the (symmetric) element.
    """
    r, slope = np.atleast_1d(r), np.atleast_1d(slope)
    half = acq.probe.height / 2
    lens = (1 / r - 1 / acq.probe.elevation_focus) / 2
    turns = k * half * (np.abs(slope).max() + half * np.abs(lens).max())
    node, weight = np.polynomial.legendre.leggauss(24 + int(turns / 2))
    s = half * (node + 1) / 2
    aperture = half * weight * np.exp(-1j * k * lens[:, None] * s**2)
    cosine = np.cos(k * np.outer(s, slope))
    return aperture.real @ cosine + 1j * (aperture.imag @ cosine)


def path(acq: Acquisition, r: Array | float, y: Array) -> Array:
    """p(r, y) [m], r and y [m] alike in shape: how much later than the plane the wave reaches y.

    That of the Gaussian beam of the same lens, exp(-(y' / 0.4 height)^2) wide at the probe. Any
    near value serves: p only says what is a delay of the pulse, and what is left to the weight.
    """
    k, a = acq.wavenumber, 0.4 * acq.probe.height
    start = -1 / (1 / acq.probe.elevation_focus + 2j / (k * a**2))
    distance = r + start.real
    return y * y * distance / (2 * (distance * distance + start.imag**2))


def _spectrum(acq: Acquisition, r: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Wavenumbers k (frequency,) [rad/m] of the pulse, evenly spaced, and b (frequency, *r.shape).

    r: ranges [m], for what attenuation leaves of each frequency.
    """
    f = np.linspace(*band(acq, -50.0), 64)
    decibels = 1e-4 * acq.attenuation * np.multiply.outer(f, r)  # one way; dB/cm/MHz = 1e-4 dB/m/Hz
    loss = 10 ** (-2 * decibels / 10)
    spectrum = np.abs(pulse_echo_spectrum(acq, f)) ** 2 / f
    return 2 * np.pi * f / acq.c, (spectrum * loss.T).T


def _mean_echo(acq: Acquisition, r: ArrayLike, slope: ArrayLike) -> np.ndarray:
    """w exp(2 i k0 p) (range, slope), complex, at y = slope r: smooth, and 1 at slope 0."""
    r, slope = np.atleast_1d(r), np.atleast_1d(slope)
    y = r[:, None] * slope
    late = path(acq, r[:, None], y) - y * slope / 2  # `one_way` leaves y^2 / 2 r out
    wavenumber, power = _spectrum(acq, r)
    turn, step = (np.exp(2j * k * late) for k in (wavenumber[0], wavenumber[1] - wavenumber[0]))
    total = centre = np.zeros(())
    for k, p in zip(wavenumber, power[..., None], strict=True):
        echo = one_way(acq, r, np.append(slope, 0.0), k) ** 2
        total = total + p * echo[:, :-1] * turn
        centre = centre + p * echo[:, -1:]
        turn *= step
    return total / centre


def two_way(acq: Acquisition, r: ArrayLike, y: ArrayLike) -> np.ndarray:
    """w(r, y), complex, of scatterers at range r and elevation y [m], broadcast; slow and exact."""
    r, y = np.broadcast_arrays(np.asarray(r, float), np.asarray(y, float))
    out = np.exp(-2j * acq.wavenumber * path(acq, r, y))
    for depth in np.unique(r):
        here = r == depth
        out[here] *= _mean_echo(acq, depth, y[here] / depth)[0]
    return out


def extent(acq: Acquisition, r: float, lobes: float) -> float:
    """y [m] at which, at range r [m], the beam and so many side lobes beside it end."""
    edge = acq.probe.height / 2 * abs(r / acq.probe.elevation_focus - 1)
    return edge + lobes * acq.wavelength * r / acq.probe.height


def _profile(acq: Acquisition, r: float) -> tuple[np.ndarray, np.ndarray]:
    """y (elevation,) [m], fine, from 0 to where nothing is seen, and w there."""
    y = np.linspace(0, extent(acq, r, 8), 1500)
    return y, two_way(acq, r, y)


def width(acq: Acquisition, r: float) -> float:
    """Full width [m] of |w| at range r [m], where it first falls to -6 dB."""
    y, w = _profile(acq, r)
    fallen = np.abs(w) - 10 ** (-6 / 20)
    i = np.argmax(fallen < 0)
    return 2 * np.interp(0, -fallen[i - 1 : i + 1], y[i - 1 : i + 1])


def correlation(acq: Acquisition, r: float, shift: ArrayLike) -> np.ndarray:
    """rho after shifts d in elevation [m] of the speckle at range r [m].

    The squared correlation of the I/Q, nearly that of the envelope. With the smooth part v of the
    weight, and every frequency of the pulse turned by its own wavenumber over the path:

        rho(d) = |sum_k b_k int v(y) conj v(y + d) exp(2 i k (p(y + d) - p(y))) dy|^2 / norm
    """
    y, w = _profile(acq, r)
    late = path(acq, r, y)
    v = w * np.exp(2j * acq.wavenumber * late)
    wavenumber, power = _spectrum(acq, r)
    turned = v * np.exp(-2j * wavenumber[:, None] * late)
    turned = np.concatenate([turned[:, :0:-1], turned], 1)
    spectra = np.abs(np.fft.fft(turned, 2 * turned.shape[1])) ** 2
    lag = np.abs(np.fft.ifft(power @ spectra))[: turned.shape[1]]
    return np.interp(np.abs(shift), (y[1] - y[0]) * np.arange(len(lag)), (lag / lag[0]) ** 2)


class ElevationTable:
    """`ElevationTable(acq)(r, y)` is `two_way` to 1e-3, fast enough for every frame.

    The table is made on first use and spans `r_min` to `r_max` + `MARGIN`, y from 0 to ten side
    lobes beyond the edge of the beam; the weight of a scatterer outside is 0.
    """

    def __init__(self, acq: Acquisition):
        self.acq = acq
        self._step = SLOPE_STEP * acq.wavelength / acq.probe.height

    @cached_property
    def table(self) -> torch.Tensor:
        """Real and imaginary part of w exp(2 i k0 p) (1, 2, log range, slope), float32."""
        acq, focus = self.acq, self.acq.probe.elevation_focus
        n = 2 + int(np.log((acq.r_max + MARGIN) / acq.r_min) / LOG_STEP)
        r = acq.r_min * np.exp(LOG_STEP * np.arange(n))
        edge = acq.probe.height / 2 * max(abs(1 / acq.r_min - 1 / focus), 1 / focus)
        slope = self._step * np.arange(int(edge / self._step + 10 / SLOPE_STEP))
        v = _mean_echo(acq, r, slope)
        return torch.as_tensor(np.stack([v.real, v.imag])[None], dtype=torch.float32)

    def __call__(self, r: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """w (scatterer,), complex64, at ranges r and elevations y (scatterer,) [m]."""
        r, y = (torch.as_tensor(a, dtype=torch.float32) for a in (r, y))
        table = self.table.to(r.device)
        *_, rows, columns = table.shape
        row = torch.log(r / self.acq.r_min) / LOG_STEP * (2 / (rows - 1)) - 1
        column = torch.abs(y / r) / self._step * (2 / (columns - 1)) - 1
        real, imaginary = torch.nn.functional.grid_sample(
            table, torch.stack([column, row], -1)[None, None], align_corners=True
        )[0, :, 0]
        turn = torch.polar(torch.ones_like(r), -2 * self.acq.wavenumber * path(self.acq, r, y))
        return torch.complex(real, imaginary) * turn
