"""Calibrate the fast operator: point-spread functions of the exact model, compressed zone by zone.

The image of a point depends on where the point is, but slowly once the carrier is taken out. So the
exact point-spread function h is computed for output points on a coarse grid of depths and angles,
as a patch of source offsets around each; a singular value decomposition inside every zone of range
then gives the few patches phi_k that span them all:

    h(p; p - offset) = sum_k b_k(p) phi_k(offset),         k = 1 .. K(zone)

The rank is local, tens in the near field and 11 to 16 beyond 45 mm, hence the zones. What changes
with depth is the curvature of wavefronts over the aperture D, D^2 / (lambda r): the grid of depths
is uniform in 1 / r. A sector is its own mirror image, so patches are even or odd in angle.
"""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import platformdirs
import torch
from scipy.interpolate import RectBivariateSpline
from tqdm import tqdm

from tas_lib.errors import InputError
from tas_lib.recording import replacing
from tas_lib.simulator.acquisition import CLINICAL, WIDE, Acquisition, Focused
from tas_lib.simulator.exact import band, element_factor, propagate, pulse_echo_spectrum

SHIPPED = Path(__file__).parents[1] / "data" / "calibration"
COMMON = Acquisition(), WIDE, CLINICAL  # those whose calibrations ship
VERSION = 3  # part of the cache's key; raise it when the calibration's meaning changes


@dataclasses.dataclass(frozen=True)
class Zone:
    """A zone of range: up to `end` apertures, offsets of +- `half_angle`, cut at `tolerance`."""

    end: float  # [aperture widths]
    half_angle: float  # [degrees]
    tolerance: float  # relative error (Frobenius) at which the zone's series is cut


@dataclasses.dataclass(frozen=True)
class Settings:
    """How fine the calibration is; "Where the simulator can't be trusted" varies them."""

    zones: tuple[Zone, ...] = (
        Zone(0.7, 46, 0.015),
        Zone(0.9, 44, 0.015),
        Zone(1.2, 36, 0.006),
        Zone(1.6, 32, 0.006),
        Zone(2.3, 28, 0.005),
        Zone(3.5, 24, 0.005),
        Zone(np.inf, 22, 0.005),
    )
    half_range: float = 4.5e-3  # offsets kept on both sides in range [m]
    depth_step: float = 1.0  # of the calibration, in 1 / r [lambda / D^2]
    angle_step: float = 2.0  # of the calibration [degrees]


def settings_for(acq: Acquisition) -> Settings:
    """The settings in use. A shot that isn't focused leaves side lobes over the whole sector."""
    if isinstance(acq.transmit, Focused):
        return Settings()
    zones = tuple(dataclasses.replace(z, half_angle=60, tolerance=0.007) for z in Settings().zones)
    return Settings(zones, half_range=7e-3, angle_step=0.7)


@dataclasses.dataclass(frozen=True)
class Band:
    """One zone of range: rows [start, stop) of the output and their low-rank kernel."""

    start: int
    stop: int
    patches: np.ndarray  # phi (K, range offset, angle offset >= 0, re and im), float16
    parity: np.ndarray  # of phi in the angle offset (K,), 1 or -1
    weights: np.ndarray  # b (K, range, column), complex64
    ranges: np.ndarray  # where b is known: (range,) [m]
    columns: np.ndarray  # and (column,), in lines from the axis, all >= 0

    @property
    def reach(self) -> tuple[int, int]:
        """Largest offsets, in samples of range and in lines."""
        return self.patches.shape[1] // 2, self.patches.shape[2] - 1

    def kernel(self) -> np.ndarray:
        """phi (K, range offset, angle offset), complex64."""
        half = self.patches.astype(np.float32).view(np.complex64)[..., 0]
        return np.concatenate([self.parity[:, None, None] * half[:, :, :0:-1], half], 2)

    def maps(self, acq: Acquisition) -> np.ndarray:
        """b (K, stop - start, line), complex64, by splines in 1 / r and angle."""
        known = 1 / self.ranges[::-1], np.concatenate([-self.columns[:0:-1], self.columns])
        rows, lines = 1 / acq.depth[self.start : self.stop][::-1], acq.angle / acq.angle_step
        b = self.weights[:, ::-1]
        b = np.concatenate([self.parity[:, None, None] * b[:, :, :0:-1], b], 2)
        real, imag = (
            np.stack([RectBivariateSpline(*known, values)(rows, lines) for values in part])
            for part in (b.real, b.imag)
        )
        return (real + 1j * imag)[:, ::-1].astype(np.complex64)


def _taper(n: int) -> np.ndarray:
    """1 over the middle of 2 n + 1 offsets, falling to 0 over the outer tenth."""
    t = np.clip((n + 1 - np.abs(np.arange(-n, n + 1))) / (0.1 * n + 1), 0, 1)
    return np.sin(np.pi / 2 * t) ** 2


def point_spread(acq: Acquisition, r: float, columns: np.ndarray, n_r: int, n_a: int) -> np.ndarray:
    """Exact h at the output points (r, columns * angle_step), carrier removed at both ends.

    Returns (column, range offset, angle offset), complex64: the response at the output point to a
    unit source at (r - offset in range, angle - offset in angle), offsets up to n_r samples and n_a
    lines.
    """
    source_r = np.maximum(r - acq.range_step * np.arange(-n_r, n_r + 1), acq.wavelength / 2)
    source_column = np.arange(columns.min() - n_a, columns.max() + n_a + 1)
    rr, aa = np.meshgrid(source_r, acq.angle_step * source_column, indexing="ij")
    x, z = rr * np.sin(aa), rr * np.cos(aa)

    angle = acq.angle_step * columns
    ranges = np.full(len(columns), r)
    arrival = acq.transmit.arrival(acq, ranges, angle)[..., None]
    send_delays = torch.as_tensor(arrival - acq.transmit.delays(acq, angle))
    receive_delays = torch.as_tensor(acq.receive_delays(ranges, angle))
    apodisation = torch.as_tensor(acq.weights)
    lo, hi = band(acq)
    g, path = element_factor(acq, x.ravel(), z.ravel(), lo)
    spread = float(path.max() - path.min()) / acq.c
    df = 1 / (2 * spread + 6 / (acq.probe.bandwidth * acq.probe.centre_frequency))
    f = np.arange(lo, hi, df)
    weight = 2 * df * pulse_echo_spectrum(acq, f)
    step = propagate(acq, path, df)
    sums = torch.zeros(len(columns), g.shape[0], dtype=torch.complex64)
    for i in range(len(f)):
        fire = (apodisation * torch.exp(2j * np.pi * f[i] * send_delays)).sum(0)
        send = fire.to(g.dtype) @ g.T
        receive = torch.exp(2j * np.pi * f[i] * receive_delays).to(g.dtype) @ g.T
        sums += complex(weight[i]) * send * receive
        g *= step

    h = sums.numpy().reshape(len(columns), *rr.shape)
    h *= np.exp(-2j * acq.wavenumber * (r - source_r))[:, None]
    taper = _taper(n_r)[:, None] * _taper(n_a)
    first = columns - n_a - source_column[0]
    # sources run against the offsets in angle: offset = output - source
    return np.stack([h[i, :, k : k + 2 * n_a + 1][:, ::-1] * taper for i, k in enumerate(first)])


def calibrate(
    acq: Acquisition, settings: Settings, progress: bool = True, part: Path | None = None
) -> list[Band]:
    """Bands that cover the acquisition's range.

    On two cores half a minute for focused lines, some minutes for diverging waves. part: a file of
    the bands that are done, from which a calibration that was cut short goes on.
    """
    n = max(6, 1 + int(np.ceil(acq.sector / 2 / np.deg2rad(settings.angle_step))))
    last = acq.sector / 2 / acq.angle_step + 0.5
    columns = np.unique(np.round(np.linspace(0, last, n))).astype(int)
    n_r = round(settings.half_range / acq.range_step)
    plan = list(_plan(acq, settings))
    bands = (part and _kept(part)) or []
    counts = [len(ranges) for *_, ranges in plan]
    torch.set_flush_denormal(True)  # many times faster where the tapered tails are tiny
    try:
        with tqdm(
            total=sum(counts),
            initial=sum(counts[: len(bands)]),
            desc="calibration",
            disable=not progress,
        ) as bar:
            for zone, start, stop, ranges in plan[len(bands) :]:
                n_a = round(np.deg2rad(zone.half_angle) / acq.angle_step)
                kernels = []
                for r in ranges:
                    kernels.append(point_spread(acq, r, columns, n_r, n_a))
                    bar.update()
                parts = _compress(np.stack(kernels), zone.tolerance)
                bands.append(Band(start, stop, *parts, ranges, columns))
                if part and len(bands) < len(plan):
                    _keep(part, bands)
    finally:
        torch.set_flush_denormal(False)
    return bands


def _plan(acq: Acquisition, settings: Settings) -> Iterator[tuple[Zone, int, int, np.ndarray]]:
    """Zones with their rows [start, stop) and ranges [m] to calibrate at, half a step beyond."""
    step = settings.depth_step * acq.wavelength / acq.probe.aperture**2
    start = 0
    for zone in settings.zones:
        stop = int(np.searchsorted(acq.depth, zone.end * acq.probe.aperture))
        if stop > start:
            near, far = 1 / acq.depth[[start, stop - 1]]
            n = max(4, 2 + int(np.ceil((near - far) / step)))
            margin = max(near - far, step) / (n - 1) / 2
            last = max(far - margin, far / 2)  # of a small aperture the margin is beyond infinity
            yield zone, start, stop, 1 / np.linspace(near + margin, last, n)
            start = stop


def _compress(kernels: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patches, parities and weights of kernels (range, column, offset, offset).

    Singular vectors of the even and of the odd parts, the largest of both.
    """
    grid, middle = kernels.shape[:2], kernels.shape[3] // 2
    size = np.linalg.norm(kernels, axis=(2, 3), keepdims=True)
    parts = []
    for sign in 1, -1:
        half = (kernels + sign * kernels[..., ::-1])[..., middle:] / (2 * size)
        u, s, v = np.linalg.svd(half.reshape(np.prod(grid), -1), full_matrices=False)
        parts.append((s, np.full(len(s), sign, np.int8), (u * s).T, v))
    s, parity, b, v = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(-s)
    left = np.sqrt(1 - np.minimum(np.cumsum(s[order] ** 2) / np.sum(s**2), 1))
    keep = order[: int((left > tolerance).sum()) + 1]
    patches = v[keep].reshape(len(keep), -1, middle + 1).astype(np.complex64)
    patches = patches[..., None].view(np.float32).astype(np.float16)
    return patches, parity[keep], b[keep].reshape(-1, *grid) * size[..., 0, 0]


def load_bands(acq: Acquisition, settings: Settings, progress: bool = True) -> list[Band]:
    """Calibration of an acquisition: as shipped, from the user's cache, or made now and kept there.

    The file is written under another name and moved into place, so two processes may calibrate at
    once; one that does not read back whole is made anew. An unwritable cache is only warned of.
    """
    name = _name(acq, settings)
    cached = cache_folder() / name
    for path in SHIPPED / name, cached:
        if bands := _kept(path):
            return bands
    part = cached.with_suffix(".part.npz")
    bands = calibrate(acq, settings, progress, part)
    if _keep(cached, bands):
        part.unlink(missing_ok=True)
    return bands


def cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("tas_lib")) / "calibration"


def _name(acq: Acquisition, settings: Settings) -> str:
    text = f"{VERSION} {acq.key} {dataclasses.astuple(settings)}"
    return f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"


def _kept(path: Path) -> list[Band] | None:
    try:
        return _read(path)
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged archive raises whatever it stumbles over
        warnings.warn(f"calibration {path} is unreadable ({error}): made anew", stacklevel=3)
        return None


def _keep(path: Path, bands: list[Band]) -> bool:
    """Whether that could be done."""
    try:
        _write(path, bands)
    except InputError as error:
        warnings.warn(f"calibration is not kept ({error})", stacklevel=3)
        return False
    return True


def _write(path: Path, bands: list[Band]) -> None:
    arrays = {
        f"{i}_{field.name}": getattr(band, field.name)
        for i, band in enumerate(bands)
        for field in dataclasses.fields(Band)
    }
    with replacing(path) as temporary:
        np.savez_compressed(temporary, count=len(bands), **arrays)


def _read(path: Path) -> list[Band]:
    names = [field.name for field in dataclasses.fields(Band)]
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        bands = [{n: file[f"{i}_{n}"] for n in names} for i in range(int(file["count"]))]
    return [Band(**{n: v if v.ndim else v.item() for n, v in b.items()}) for b in bands]


def ship() -> None:
    """Make the calibrations that come with the package anew, in the place of the old ones."""
    made = {_name(acq, Settings()): calibrate(acq, Settings()) for acq in COMMON}
    for old in SHIPPED.glob("*.npz"):
        old.unlink()
    for name, bands in made.items():
        _write(SHIPPED / name, bands)
