"""The fast simulator: SIMUS-accurate I/Q frames of any number of scatterers in milliseconds.

The image is linear in the scatterers, and its kernel has a low rank in every band of range:

    iq(p) = sum_k b_k(p) (phi_k * sigma)(p),     sigma = sum_s BSC_s exp(-2 i k0 r_s) delta(p - p_s)

so a frame is one type-1 non-uniform FFT of the scatterers onto the polar grid, then K small
convolutions by FFT in each band (`calibration` gives b and phi).
"""

from __future__ import annotations

from functools import cached_property

import finufft
import numpy as np
import torch
from scipy.fft import next_fast_len

from tas_lib.errors import InputError
from tas_lib.simulator import exact
from tas_lib.simulator.acquisition import Acquisition, checked_scatterers
from tas_lib.simulator.calibration import Settings, load_bands, offsets


class SectorOperator:
    """`SectorOperator(acq)(x, z, rc)` images point scatterers.

    The first use of an acquisition calibrates it (a minute or two, then cached). `dropped` counts
    the scatterers of the last call that lay nearer than `acq.r_min` or further outside the sector
    than the operator reaches, and were left out: the near field is not modelled.
    """

    def __init__(self, acq: Acquisition, settings: Settings | None = None, progress: bool = True):
        settings = settings or Settings()
        _check_sampling(acq)
        self.acq, self.dropped = acq, 0
        self._pad = n_r, n_a = offsets(acq, settings)
        self._columns = next_fast_len(acq.n_lines + 2 * n_a)
        self._rows = next_fast_len(len(acq.depth) + 2 * n_r)
        self._bands = []
        for band in load_bands(acq, settings, progress):
            rows = next_fast_len(band.stop - band.start + 2 * n_r)
            kernel = torch.zeros(len(band.patches), rows, self._columns, dtype=torch.complex64)
            kernel[:, : 2 * n_r + 1, : 2 * n_a + 1] = torch.as_tensor(band.patches)
            self._bands.append((band, torch.fft.fft2(kernel), torch.as_tensor(band.weights)))

    @property
    def rank(self) -> list[int]:
        """Number of terms in each band of range, from near to far."""
        return [len(band.patches) for band, *_ in self._bands]

    @cached_property
    def sensitivity(self) -> np.ndarray:
        """RMS of |I/Q| (depth, line) for one random scatterer of unit variance per square metre.

        Dividing by it, times the root of the density, is the time-gain compensation: a uniform
        medium then shows the same grey everywhere.
        """
        acq = self.acq
        out = np.empty((len(acq.depth), acq.n_lines))
        for band, *_ in self._bands:
            patches = band.patches.reshape(len(band.patches), -1)
            b = band.weights.reshape(len(band.patches), -1)
            power = (((patches @ patches.conj().T).T @ b) * b.conj()).sum(0).real
            out[band.start : band.stop] = power.reshape(-1, acq.n_lines)
        return np.sqrt(out * acq.depth[:, None] * acq.range_step * acq.angle_step)

    def __call__(self, x, z, rc) -> np.ndarray:
        """I/Q (depth, line), complex64, carrier exp(2 i k0 r) removed.

        x, z: positions (scatterer,) [m]; rc: backscatter coefficients (scatterer,).
        """
        sigma = self._scatter(x, z, rc)
        out = torch.empty(len(self.acq.depth), self.acq.n_lines, dtype=torch.complex64)
        n_r, n_a = self._pad
        for band, kernel, weights in self._bands:
            n = band.stop - band.start
            rows = sigma[band.start : band.stop + 2 * n_r]
            spectrum = torch.fft.fft2(rows, s=kernel.shape[1:])
            terms = torch.fft.ifft(kernel * spectrum, dim=1)[:, 2 * n_r : 2 * n_r + n]
            terms = torch.fft.ifft(terms, dim=2)[..., 2 * n_a : 2 * n_a + self.acq.n_lines]
            out[band.start : band.stop] = (weights * terms).sum(0)
        return out.numpy()

    def _scatter(self, x, z, rc) -> torch.Tensor:
        """Band-limited strength of the scatterers on the padded polar grid (row, column)."""
        acq, (n_r, n_a) = self.acq, self._pad
        x, z, rc = (torch.as_tensor(a) for a in checked_scatterers(x, z, rc))
        r, angle = torch.hypot(x, z), torch.atan2(x, z)
        row = (r - acq.r_min) / acq.range_step + n_r
        column = (angle + acq.sector / 2) / acq.angle_step + n_a
        keep = (r >= acq.r_min) & (row <= len(acq.depth) - 1 + 2 * n_r)
        keep &= (column >= 0) & (column <= acq.n_lines - 1 + 2 * n_a)
        self.dropped = int(len(keep) - keep.sum())
        if not keep.any():
            return torch.zeros(self._rows, self._columns, dtype=torch.complex64)
        r, row, column, rc = (a[keep] for a in (r, row, column, rc))
        strength = rc * torch.polar(torch.ones_like(r), -2 * acq.wavenumber * r)
        modes = finufft.nufft2d1(
            (2 * np.pi / self._rows * row).float().numpy(),
            (2 * np.pi / self._columns * column).float().numpy(),
            strength.to(torch.complex64).numpy(),
            (self._rows, self._columns),
            eps=1e-4,
            isign=-1,
            modeord=1,
            nthreads=1,  # several add up in any order: other bits every time
        )
        return torch.fft.ifft2(torch.as_tensor(modes))


def _check_sampling(acq: Acquisition) -> None:
    """Refuse lines or samples too far apart for what the beams resolve: the image would alias.

    The two-way aperture allows lines lambda / (2 D) apart in angle and the pulse samples
    c / (2 B) apart in range, B the band at -60 dB; at 0.8 and 1.0 of that the error stays small.
    """
    aperture = acq.probe.n_elements * acq.probe.pitch
    step = 0.8 * acq.wavelength / (2 * aperture)
    if acq.angle_step > step:
        problem = f"{acq.n_lines} lie {acq.angle_step:.4f} rad apart, the beams allow {step:.4f}"
        remedy = f"use at least {2 + int(acq.sector / step)} lines"
        raise InputError("acquisition", "n_lines", problem, remedy)
    low, high = exact.band(acq)
    step = acq.c / (2 * (high - low))
    if acq.range_step > step:
        problem = f"is {1e3 * acq.range_step:.3f} mm, the pulse allows {1e3 * step:.3f} mm"
        raise InputError("acquisition", "range_step", problem, "make it smaller")
