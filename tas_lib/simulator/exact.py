"""The exact linear model behind SIMUS, in two dimensions: one monochromatic sum a frequency.

Every element is a narrow strip. It sends and receives through the same factor

    G_n(s) = D(theta) exp(-i k r) / sqrt(r),     D = cos(theta) sinc(k_c w / 2 sin(theta))

with r and theta seen from the element, so the echo spectrum on element m after one shot is

    S_m(f) = W(f) sum_s BSC_s G_m(s) sum_n a_n exp(-i 2 pi f tau_n) G_n(s)

where W is the spectrum of pulse and probe, both ways, and a the apodisation. In attenuating tissue
k is complex: its loss grows in proportion to f. Garcia 2022, doi 10.1016/j.cmpb.2022.106726, with
its default of a directivity taken at the centre frequency and a soft baffle.
"""

from __future__ import annotations

import finufft
import numpy as np
import torch
from numpy.typing import ArrayLike
from tqdm import tqdm

from tas_lib.simulator.acquisition import Acquisition


def pulse_echo_spectrum(acq: Acquisition, f: np.ndarray) -> np.ndarray:
    """W(f) (frequency,): one wavelength of a sine, through the probe on both ways.

    The probe's response is a generalised normal window: -6 dB at the edges of the band and 1/126
    at zero frequency.
    """
    fc, bandwidth = acq.probe.centre_frequency, acq.probe.bandwidth
    pulse = -1j * (np.sinc((f - fc) / fc) - np.sinc((f + fc) / fc))
    power = np.log(126) / np.log(2 / bandwidth)
    half = bandwidth * fc / 2 / np.log(2) ** (1 / power)
    return pulse * np.exp(-((np.abs(f - fc) / half) ** power))


def band(acq: Acquisition, floor_db: float = -60.0) -> tuple[float, float]:
    """Lowest and highest frequency [Hz] at which |W| stays above `floor_db` of its peak."""
    f = np.linspace(0, 3 * acq.probe.centre_frequency, 4001)
    w = np.abs(pulse_echo_spectrum(acq, f))
    inside = f[w > w.max() * 10 ** (floor_db / 20)]
    return inside[0], inside[-1]


def propagate(acq: Acquisition, r: torch.Tensor, f: float) -> torch.Tensor:
    """exp(-i k r), complex64, over paths r [m] at frequency f [Hz]: phase and attenuation."""
    loss = acq.attenuation * np.log(10) / 20 * 1e-4  # dB/cm/MHz to nepers per metre and Hz
    phase = torch.exp(-2j * np.pi * torch.remainder(f / acq.c * r, 1.0))
    return (phase * torch.exp(-loss * f * r)).to(torch.complex64)


def element_factor(
    acq: Acquisition, x: ArrayLike, z: ArrayLike, f: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """G (point, element), complex64, at frequency f [Hz], and the paths r (point, element) [m].

    x, z: points (point,) [m]. D is the same at all f, so G(f + df) = G(f) propagate(r, df).
    """
    x, z = torch.as_tensor(x)[:, None], torch.as_tensor(z)[:, None]
    dx = x - torch.as_tensor(acq.probe.x)
    r = torch.hypot(dx, z).clamp(min=acq.wavelength / 2)
    sine = dx / r
    directivity = (1 - sine**2).clamp(min=0).sqrt() * torch.sinc(
        acq.probe.width / acq.wavelength * sine
    )
    directivity *= z > 0  # nothing is sent backwards
    return (directivity / r.sqrt()).to(torch.float32) * propagate(acq, r, f), r


def echo_spectra(
    acq: Acquisition,
    x: ArrayLike,
    z: ArrayLike,
    rc: ArrayLike,
    f: np.ndarray,
    progress: bool = False,
) -> np.ndarray:
    """Spectra S (shot, element, frequency), complex64, at evenly spaced frequencies f [Hz].

    x, z: scatterers (scatterer,) [m], of backscatter coefficients rc.
    """
    tau, weights = torch.as_tensor(acq.shots), torch.as_tensor(acq.weights)
    rc = torch.as_tensor(np.asarray(rc)).to(torch.complex64)
    g, r = element_factor(acq, x, z, f[0])
    step = propagate(acq, r, f[1] - f[0])
    out = torch.empty(len(f), *tau.shape, dtype=torch.complex64)
    for i in tqdm(range(len(f)), "exact model", disable=not progress, leave=False):
        fire = (weights * torch.exp(-2j * np.pi * f[i] * tau)).to(g.dtype)
        out[i] = ((fire @ g.T) * rc) @ g
        g *= step
    spectrum = torch.as_tensor(pulse_echo_spectrum(acq, f)).to(torch.complex64)
    return (out * spectrum[:, None, None]).permute(1, 2, 0).numpy()


def beamform(acq: Acquisition, spectra: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Delay-and-sum of echo spectra (shot, element, frequency) at evenly spaced f [Hz].

    Exact at any delay (a type-2 non-uniform FFT). Returns I/Q (depth, line), carrier removed.
    """
    df = f[1] - f[0]
    middle = f[len(f) // 2]
    out = np.empty((len(acq.depth), acq.n_lines), np.complex64)
    carrier = np.exp(-2j * acq.wavenumber * acq.depth)
    per_line = acq.transmit.delays(acq, acq.angle).shape[:2]
    shot = np.broadcast_to(np.arange(len(spectra)).reshape(per_line), (per_line[0], acq.n_lines))
    for line, angle in enumerate(acq.angle):
        back = acq.receive_delays(acq.depth, np.full(len(acq.depth), angle))  # depth, element
        total = np.zeros(len(acq.depth), complex)
        arrivals = acq.transmit.arrival(acq, acq.depth, angle)
        for i, arrival in zip(shot[:, line], arrivals, strict=True):
            delay = arrival[:, None] + back
            for m in range(acq.probe.n_elements):
                turn = 2 * np.pi * df * delay[:, m]
                sums = finufft.nufft1d2(
                    turn, spectra[i, m].astype(complex), isign=1, eps=1e-7, nthreads=1
                )
                total += sums * np.exp(2j * np.pi * middle * delay[:, m])
        out[:, line] = 2 * df * total * carrier
    return out
