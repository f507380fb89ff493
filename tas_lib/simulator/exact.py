"""The exact linear model behind SIMUS, in two dimensions: one monochromatic sum a frequency.

Every element is a narrow strip. It sends and receives through the same factor

    G_n(s) = D(theta) exp(-i k r) / sqrt(r),     D = cos(theta) sinc(k_c w / 2 sin(theta))

with r and theta seen from the element, so the echo spectrum on element m after one transmit is

    S_m(f) = W(f) sum_s BSC_s G_m(s) sum_n exp(-i 2 pi f tau_n) G_n(s)

and W is the spectrum of pulse and probe, both ways. Garcia 2022, doi 10.1016/j.cmpb.2022.106726,
with its default of a directivity taken at the centre frequency and a soft baffle.
"""

from __future__ import annotations

import finufft
import numpy as np
import torch
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


def element_factor(acq: Acquisition, x, z, f: float) -> tuple[torch.Tensor, torch.Tensor]:
    """G (point, element), complex64, at frequency f [Hz], and the paths r (point, element) [m].

    x, z: points (point,) [m]. D is the same at all f, so G(f + df) = G(f) exp(-i 2 pi df r / c).
    """
    x, z = torch.as_tensor(x)[:, None], torch.as_tensor(z)[:, None]
    dx = x - torch.as_tensor(acq.probe.x)
    r = torch.hypot(dx, z).clamp(min=acq.wavelength / 2)
    sine = dx / r
    directivity = (1 - sine**2).clamp(min=0).sqrt() * torch.sinc(
        acq.probe.width / acq.wavelength * sine
    )
    phase = torch.exp(-2j * np.pi * torch.remainder(f / acq.c * r, 1.0))
    return (directivity / r.sqrt() * phase).to(torch.complex64), r


def echo_spectra(acq: Acquisition, x, z, rc, f: np.ndarray, progress: bool = False):
    """Spectra S (line, element, frequency), complex64, at evenly spaced frequencies f [Hz].

    x, z: scatterers (scatterer,) [m], of backscatter coefficients rc; one transmit a line.
    """
    tau = torch.as_tensor(acq.transmit_delays(acq.angle))
    rc = torch.as_tensor(np.asarray(rc)).to(torch.complex64)
    g, r = element_factor(acq, x, z, f[0])
    step = torch.exp(-2j * np.pi * torch.remainder((f[1] - f[0]) / acq.c * r, 1.0)).to(g.dtype)
    out = torch.empty(len(f), acq.n_lines, acq.probe.n_elements, dtype=torch.complex64)
    for i in tqdm(range(len(f)), "exact model", disable=not progress, leave=False):
        fire = torch.exp(-2j * np.pi * f[i] * tau).to(g.dtype)
        out[i] = ((fire @ g.T) * rc) @ g
        g *= step
    weight = torch.as_tensor(pulse_echo_spectrum(acq, f)).to(torch.complex64)
    return (out * weight[:, None, None]).permute(1, 2, 0).numpy()


def beamform(acq: Acquisition, spectra: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Delay-and-sum of echo spectra (line, element, frequency) at evenly spaced f [Hz].

    Exact at any delay (a type-2 non-uniform FFT). Returns I/Q (depth, line), carrier removed.
    """
    df = f[1] - f[0]
    middle = f[len(f) // 2]
    out = np.empty((len(acq.depth), acq.n_lines), np.complex64)
    carrier = np.exp(-2j * acq.wavenumber * acq.depth)
    for i, angle in enumerate(acq.angle):
        delay = acq.receive_delays(acq.depth, angle)  # depth, element
        total = np.zeros(len(acq.depth), complex)
        for m in range(acq.probe.n_elements):
            turn = 2 * np.pi * df * delay[:, m]
            sums = finufft.nufft1d2(
                turn, spectra[i, m].astype(complex), isign=1, eps=1e-7, nthreads=1
            )
            total += sums * np.exp(2j * np.pi * middle * delay[:, m])
        out[:, i] = 2 * df * total * carrier
    return out
