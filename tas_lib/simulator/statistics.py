"""Speckle statistics: measured on I/Q frames, of the exact model, and from theory.

I/Q data of dense random scatterers are circular Gaussian, so their correlation says it all:

    rho = sum_s h(p; s) conj h(p'; s') / norm,     |rho| = 1 where nothing changed

between pixels p and p' of one frame (s' = s), or in one pixel (p' = p) before and after scatterers
move from s to s'. The envelope is Rayleigh, and its square has the correlation |rho|^2 (Wagner et
al. 1983, doi 10.1109/T-SU.1983.31404).

The theory takes the beam as constant over the length of a pulse. At range r and angle u from the
axis the point-spread function is then

    h = sum_f W(f) B_f(u) exp(2 i k (r_p - r)),     k = 2 pi f / c

with B_f the two-way beam of one frequency at the pixel's range. Frequencies add up incoherently,
each by its echoes' power P(f) = |W|^2 int |B_f|^2 du, nearly |W|^2 / f as beams narrow with f.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from tas_lib.simulator.acquisition import Acquisition
from tas_lib.simulator.calibration import point_spread
from tas_lib.simulator.exact import band, element_factor, propagate, pulse_echo_spectrum

RAYLEIGH_SNR = np.sqrt(np.pi / (4 - np.pi))  # mean over SD of a Rayleigh variable, 1.913
REACH = np.linspace(-0.3, 0.3, 201)  # angles from the axis [rad] at which beams are summed


def snr(envelope: np.ndarray) -> float:
    """Mean over standard deviation of an envelope (any shape) of the same level everywhere."""
    return float(envelope.mean() / envelope.std())


def correlation(a: np.ndarray, b: np.ndarray) -> complex:
    """rho of two pieces of I/Q alike in shape: sum(a conj b) over the root of both energies."""
    return np.vdot(b, a) / (np.linalg.norm(a) * np.linalg.norm(b))


def autocorrelation(iq: np.ndarray, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """rho (lag,) between pixels 0 .. `lags` samples apart in range, and as many lines apart.

    iq: (..., depth, line), averaged over all of it.
    """
    rows, lines = iq.shape[-2:]
    along = [correlation(iq[..., k:, :], iq[..., : rows - k, :]) for k in range(lags + 1)]
    across = [correlation(iq[..., k:], iq[..., : lines - k]) for k in range(lags + 1)]
    return np.array(along), np.array(across)


def exact_autocorrelation(
    acq: Acquisition, r: float, lags: int, column: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """`autocorrelation` of the exact model at range r [m], `column` lines from the axis.

    Nothing is drawn: one source a sample of the polar grid, up to 4 mm and 25 degrees away, stands
    for scatterers everywhere, as echoes have no finer detail. Sources up to 9 mm and 40 degrees
    change rho by 3e-5 at 30 mm, 3e-4 at 20 mm and 1e-3 at 16 mm.
    """
    n_r, n_a = round(4e-3 / acq.range_step), round(np.deg2rad(25) / acq.angle_step)
    root_area = np.sqrt((r - acq.range_step * np.arange(-n_r, n_r + 1)).clip(0))[:, None]
    beside = point_spread(acq, r, column + np.arange(lags + 1), n_r, n_a) * root_area
    first = beside[0]
    along, across = [], []
    for k in range(lags + 1):
        below = point_spread(acq, r + k * acq.range_step, np.array([column]), n_r, n_a)[0]
        n, m = len(first) - k, first.shape[1] - k  # offset k of the one is offset 0 of the other
        along.append(correlation(below[k:] * root_area[:n], first[:n]))
        across.append(correlation(beside[k][:, k:], first[:, :m]))
    return np.array(along), np.array(across)


def full_width(rho: np.ndarray) -> float:
    """Full width in samples at which |rho| (lag >= 0,) has fallen to one half.

    Between the lags rho, narrower in band than the sampling rate, is a sum of sincs.
    """
    n = len(rho) - 1
    t = np.arange(0, n, 1 / 64)
    both = np.concatenate([rho[:0:-1].conj(), rho])
    fine = np.abs(np.sinc(t[:, None] - np.arange(-n, n + 1)) @ both)
    i = np.argmax(fine < 0.5)
    return 2 * np.interp(-0.5, -fine[i - 1 : i + 1], t[i - 1 : i + 1])


def _spectrum(acq: Acquisition) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (frequency,) [Hz] over the band, and |W| there."""
    f = np.linspace(*band(acq), 64)
    return f, np.abs(pulse_echo_spectrum(acq, f))


def _beams(acq: Acquisition, r: float, angle: np.ndarray, f: np.ndarray) -> np.ndarray:
    """B_f (frequency, angle) in the pixel at range r on the axis, of sources at (r, angle)."""
    axis = np.zeros(1)
    arrival = acq.transmit.arrival(acq, np.full(1, r), axis)[..., None]
    lead = torch.as_tensor(arrival - acq.transmit.delays(acq, axis))[:, 0]
    back = torch.as_tensor(acq.receive_delays(np.full(1, r), axis))
    weights = torch.as_tensor(acq.weights)
    g, path = element_factor(acq, r * np.sin(angle), r * np.cos(angle), f[0])
    step = propagate(acq, path, f[1] - f[0])
    beams = []
    for frequency in f:
        fire = (weights * torch.exp(2j * np.pi * frequency * lead)).sum(0)
        listen = torch.exp(2j * np.pi * frequency * back)[0]
        beams.append((g @ fire.to(g.dtype)) * (g @ listen.to(g.dtype)))
        g *= step
    return torch.stack(beams).numpy()


def rigid_theory(acq: Acquisition, r: float, move: Callable) -> complex:
    """rho at range r [m] on the axis after tissue has moved: x, z = move(x, z) [m].

        rho = sum_f |W|^2 int B_f(u) conj B_f(u') exp(2 i k (r' - r)) du

    Along the beam this is the transform of the echoes' power spectrum. A turn about the array's
    centre gives the autocorrelation of the beam, the transform of the squared two-way aperture
    (van Cittert and Zernike; Mallart and Fink 1991, doi 10.1121/1.401867). A step to the side is
    such a turn and one about the pixel, which tilts the speckle.

    For motions that change little over a pulse's length, not for strain.
    """
    f, w = _spectrum(acq)
    x, z = move(r * np.sin(REACH), r * np.cos(REACH))
    turn = np.exp(4j * np.pi / acq.c * np.outer(f, np.hypot(x, z) - r))
    before = w[:, None] * _beams(acq, r, REACH, f)
    after = w[:, None] * _beams(acq, r, np.arctan2(x, z), f)
    return np.vdot(after, before * turn) / np.linalg.norm(before) ** 2


def strain_theory(acq: Acquisition, r: float, strain: float, offset: np.ndarray) -> np.ndarray:
    """rho (offset,) when tissue is strained along the beam about a point at range r [m].

        rho(y) = sum_f g(f) g((1 + e) f) exp(2 i k e y) / norm,     g = sqrt(P)

    at the pixels y = offset [m] below that point: the strain e scales the scatterers' spectrum, so
    the pulse hears them at other frequencies, and moves them by e y. The mean of rho over a window
    is the correlation of its I/Q after the shift of its centre is undone; the mean of |rho|^2 that
    of its squared envelope. In the manner of Meunier and Bertrand 1995 (IEEE Trans. Med. Imaging
    14, 293), who have Gaussian pulses.
    """
    f, w = _spectrum(acq)
    g = w * np.linalg.norm(_beams(acq, r, REACH, f), axis=1)
    heard = np.interp((1 + strain) * f, f, g, left=0, right=0)
    turn = np.exp(4j * np.pi / acq.c * strain * np.outer(offset, f))
    return turn @ (g * heard) / (np.linalg.norm(g) * np.linalg.norm(heard))
