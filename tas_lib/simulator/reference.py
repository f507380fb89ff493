"""The slow reference: PyMUST's SIMUS makes the echoes, our delay-and-sum makes the image."""

from __future__ import annotations

import numpy as np
import pymust
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from tas_lib.simulator.acquisition import Acquisition, checked_scatterers
from tas_lib.simulator.exact import band, beamform


def parameters(acq: Acquisition) -> pymust.utils.Param:
    """The acquisition as `pymust.simus` wants it; it samples at four times the centre frequency."""
    probe = acq.probe
    param = pymust.utils.Param()
    param.fc, param.pitch, param.width = probe.centre_frequency, probe.pitch, probe.width
    param.kerf, param.Nelements = probe.pitch - probe.width, probe.n_elements
    param.radius = np.inf
    param.bandwidth, param.c, param.fs = 100 * probe.bandwidth, acq.c, 4 * probe.centre_frequency
    param.TXapodization, param.attenuation = acq.weights, acq.attenuation
    return param


def simulate_reference(acq: Acquisition, x: ArrayLike, z: ArrayLike, rc: ArrayLike) -> np.ndarray:
    """I/Q (depth, line), complex64, of scatterers at x, z (scatterer,) [m] with backscatter rc.

    One `pymust.simus` run a shot: about 0.3 s each for 1,000 scatterers, so small scenes only.
    PyMUST scales an echo by the number of samples that it happens to simulate; that is undone, so
    that carrier and scale are those of `SectorOperator`.
    """
    x, z, rc, _ = checked_scatterers(x, z, rc)
    param, width = parameters(acq), acq.probe.width
    lo, hi = band(acq, -80.0)
    spectra, f = [], np.empty(0)
    for delays in acq.shots:
        start = delays.min()
        with threadpool_limits(1):  # those of BLAS would only spin
            rf = pymust.simus(x, z, rc, (delays - start)[None], param)[0]
        if not f.size:
            n = 2 * len(rf)
            f = np.fft.rfftfreq(n, 1 / param.fs)
            keep = (f >= lo) & (f <= hi)
            f = f[keep]
        scale = len(rf) / (param.fs * width / 2)
        spectrum = np.fft.rfft(rf, n, axis=0)[keep] * np.exp(-2j * np.pi * f * start)[:, None]
        spectra.append(scale * spectrum.T)
    return beamform(acq, np.stack(spectra), f)
