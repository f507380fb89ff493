"""The fast simulator: SIMUS-accurate I/Q frames of any number of scatterers in milliseconds.

The image is linear in the scatterers, and its kernel has a low rank in every zone of range:

    iq(p) = sum_k b_k(p) (phi_k * sigma)(p),     sigma = sum_s BSC_s exp(-2 i k0 r_s) delta(p - p_s)

so a frame is one type-1 non-uniform FFT of the scatterers onto the polar grid, then K small
convolutions by FFT in each zone (`calibration` gives b and phi).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.fft import next_fast_len

from tas_lib.errors import InputError
from tas_lib.parallel import check_device, in_order, one_thread
from tas_lib.simulator import exact, nufft
from tas_lib.simulator.acquisition import Acquisition, checked_scatterers
from tas_lib.simulator.calibration import Band, Settings, load_bands, settings_for
from tas_lib.simulator.elevation import ElevationTable, path


class SectorOperator:
    """`SectorOperator(acq)(x, z, rc)` images point scatterers.

    The first use of an acquisition calibrates it (half a minute for focused lines, minutes for
    diverging waves; then cached; the default one is ready). `dropped` counts the scatterers left
    out so far: those nearer than `acq.r_min`, where nothing is modelled, and those further outside
    the sector than the operator reaches.

    device: where PyTorch computes, "cpu" or "cuda".
    """

    def __init__(
        self,
        acq: Acquisition,
        settings: Settings | None = None,
        *,
        device: str = "cpu",
        progress: bool = True,
    ):
        settings = settings or settings_for(acq)
        check_device(device)
        _check(acq, settings)
        self.acq, self.device, self.dropped = acq, torch.device(device), 0
        self._lock = threading.Lock()
        self._elevation = ElevationTable(acq)
        bands = load_bands(acq, settings, progress)
        self._pad = n_r, n_a = tuple(np.max([band.reach for band in bands], axis=0).tolist())
        size = len(acq.depth) + 2 * n_r, acq.n_lines + 2 * n_a
        self.grid = tuple(2 * next_fast_len(-(-n // 2)) for n in size)  # even
        with one_thread():
            self.zones = [Zone(acq, band, n_a, self.device) for band in bands]

    @property
    def rank(self) -> list[int]:
        """Number of terms in each zone of range, from near to far."""
        return [zone.rank for zone in self.zones]

    @cached_property
    def sensitivity(self) -> np.ndarray:
        """RMS of |I/Q| (depth, line) for one random scatterer of unit variance per square metre.

        Dividing by it, times the root of the density, is the time-gain compensation: a uniform
        medium then shows the same grey everywhere, whatever spreads or attenuates the beams.
        """
        acq = self.acq
        with one_thread():
            power = torch.cat([zone.power() for zone in self.zones]).cpu().numpy()
        return np.sqrt(power * acq.depth[:, None] * acq.range_step * acq.angle_step)

    def __call__(
        self, x: ArrayLike, z: ArrayLike, rc: ArrayLike, y: ArrayLike | None = None
    ) -> np.ndarray:
        """I/Q (depth, line), complex64, carrier exp(2 i k0 r) removed.

        x, z: positions (scatterer,) [m]; rc: backscatter coefficients (scatterer,);
        y: distances from the image plane (scatterer,) [m], none for scatterers in the plane; the
            first frame with it takes seconds more.
        """
        with one_thread():
            sigma = torch.fft.ifft2(nufft.type1(*self.points(x, z, rc, y), self.grid))
            return torch.cat([zone.image(sigma) for zone in self.zones]).cpu().numpy()

    def frames(
        self, scatterers: Iterable[tuple], workers: int | None = None
    ) -> Iterator[np.ndarray]:
        """I/Q of one frame after the other from (x, z, rc) or (x, z, rc, y), as `__call__`.

        On the CPU several frames are made side by side; a frame has the same bits whatever the
        number of `workers` (all cores unless told).
        """
        if self.device.type != "cpu":
            workers = 1
        return in_order(lambda frame: self(*frame), scatterers, workers)

    def points(
        self, x: ArrayLike, z: ArrayLike, rc: ArrayLike, y: ArrayLike | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Row and column on the padded polar grid, and strength, of the scatterers that count."""
        acq, (n_r, n_a) = self.acq, self._pad
        x, z, rc, y = checked_scatterers(x, z, rc, y)
        x, z, rc = (torch.as_tensor(a, device=self.device) for a in (x, z, rc))
        r, angle = torch.hypot(x, z), torch.atan2(x, z)
        seen = r
        if y is not None:
            y = torch.as_tensor(y, device=self.device)
            seen = r + path(acq, r, y)
            with self._lock:  # one thread makes the table
                self._elevation.table  # noqa: B018
            rc = rc * self._elevation(r, y)
        row = (seen - acq.r_min) / acq.range_step + n_r
        column = (angle + acq.sector / 2) / acq.angle_step + n_a
        keep = (r >= acq.r_min) & (z > 0) & (row >= 0) & (row <= len(acq.depth) - 1 + 2 * n_r)
        keep &= (column >= 0) & (column <= acq.n_lines - 1 + 2 * n_a)
        dropped = int(len(keep) - keep.sum())
        if dropped:
            with self._lock:
                self.dropped += dropped
            r, row, column, rc = (a[keep] for a in (r, row, column, rc))
        return row, column, rc * torch.polar(torch.ones_like(r), -2 * acq.wavenumber * r)


@lru_cache(4)
def operator_of(acq: Acquisition) -> SectorOperator:
    """An acquisition's operator, kept for the next film; made without a bar of progress."""
    return SectorOperator(acq, progress=False)


class Zone:
    """One zone of range, ready to be imaged: its rows see no more of the grid than they need."""

    def __init__(self, acq: Acquisition, band: Band, widest: int, device: torch.device):
        n_r, n_a = band.reach
        self.start, self.stop, self.rank = band.start, band.stop, len(band.patches)
        self.rows = slice(band.start, band.stop + 2 * n_r)
        self.columns = slice(widest - n_a, widest + n_a + acq.n_lines)
        self.inside = slice(2 * n_r, 2 * n_r + band.stop - band.start)
        self.lines = slice(2 * n_a, 2 * n_a + acq.n_lines)
        self.at_once = 4 if device.type == "cpu" else len(band.patches)  # fit in a core's cache
        kernel = torch.as_tensor(band.kernel(), device=device)
        self.maps = torch.as_tensor(band.maps(acq), device=device)
        self.overlap = kernel.flatten(1) @ kernel.flatten(1).mH
        size = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        self.spectra = torch.fft.fft2(kernel, s=[next_fast_len(n) for n in size])

    def image(self, sigma: torch.Tensor) -> torch.Tensor:
        """I/Q (row of the zone, line) of scatterers sigma on the padded grid."""
        spectrum = torch.fft.fft2(sigma[self.rows, self.columns], s=self.spectra.shape[1:])
        total = torch.zeros(())
        for maps, spectra in zip(
            self.maps.split(self.at_once), self.spectra.split(self.at_once), strict=True
        ):
            terms = torch.fft.ifft(spectra * spectrum, dim=1)[:, self.inside]
            terms = torch.fft.ifft(terms, dim=2)[..., self.lines]
            total = total + (maps * terms).sum(0)
        return total

    def power(self) -> torch.Tensor:
        """Mean |I/Q|^2 (row of the zone, line) of one unit scatterer a grid sample."""
        return torch.einsum("krl,kj,jrl->rl", self.maps, self.overlap, self.maps.conj()).real


def _check(acq: Acquisition, settings: Settings) -> None:
    """Refuse what the operator can't image, before anything is calibrated.

    The two-way aperture allows lines lambda / A apart in angle, A the width of the transmitting and
    the receiving aperture together; the pulse samples c / (2 B) apart in range, B the band at
    -60 dB. At 0.8 and 1.0 of that the error stays small.
    """
    probe = acq.probe
    if not acq.transmit.mirrored:
        problem, remedy = "are not the same to both sides", "give each tilt its negative, too"
        raise InputError("diverging transmit", "tilts", problem, remedy)
    edge = np.sin(acq.sector / 2)
    if acq.wavelength / probe.pitch < 1 + edge:
        problem = f"{1e3 * probe.pitch:.3f} mm sends grating lobes into the picture"
        most = np.floor(1e6 * acq.wavelength / (1 + edge)) / 1e3
        remedy = f"use {most:.3f} mm or less, or a narrower sector"
        raise InputError("probe", "pitch", problem, remedy)
    low, high = exact.band(acq)
    shortest = 3 * acq.c / settings.half_range
    if high - low < shortest:
        problem = f"{probe.bandwidth} leaves a band of {(high - low) / 1e6:.2f} MHz at -60 dB"
        remedy = f"widen it until {shortest / 1e6:.2f} MHz are left: the pulse is too long"
        raise InputError("probe", "bandwidth", problem, remedy)
    step = 0.8 * acq.wavelength / (probe.aperture + acq.transmit.extent(acq))
    if acq.angle_step > step:
        problem = f"{acq.n_lines} lie {acq.angle_step:.4f} rad apart, the beams allow {step:.4f}"
        remedy = f"use at least {2 + int(acq.sector / step)} lines"
        raise InputError("acquisition", "n_lines", problem, remedy)
    step = acq.c / (2 * (high - low))
    if acq.range_step > step:
        problem = f"is {1e3 * acq.range_step:.3f} mm, the pulse allows {1e3 * step:.3f} mm"
        raise InputError("acquisition", "range_step", problem, "make it smaller")
    if acq.r_min < probe.aperture / 4:
        problem = f"is {1e3 * acq.r_min:.3f} mm, in the nearest field of the array"
        remedy = f"begin at {1e3 * probe.aperture / 4:.1f} mm, a quarter of the aperture, or deeper"
        raise InputError("acquisition", "r_min", problem, remedy)
