"""Calibrate the fast operator: point-spread functions of the exact model, compressed band by band.

The image of a point depends on where the point is, but slowly once the carrier is taken out. So the
exact point-spread function h is computed for output points on a coarse grid of depths and angles,
as a patch of source offsets around each; a singular value decomposition inside every band of range
then gives the few patches phi_k that span them all:

    h(p; p - offset) = sum_k b_k(p) phi_k(offset),         k = 1 .. K(band)

The rank is local, tens in the near field and a handful beyond 45 mm, hence the bands.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import platformdirs
import torch
from scipy.interpolate import RectBivariateSpline
from tqdm import tqdm

from tas_lib.simulator.acquisition import Acquisition
from tas_lib.simulator.exact import band, element_factor, pulse_echo_spectrum

VERSION = 2  # part of the cache's key; raise it when the calibration's meaning changes


@dataclasses.dataclass(frozen=True)
class Settings:
    """How fine the calibration is; with these, below 1 % off the exact model from 20 mm on."""

    half_range: float = 6e-3  # offsets kept on both sides in range [m]
    half_angle: float = np.deg2rad(26.0)  # and in angle [rad]
    edges: tuple[float, ...] = (0.0, 15e-3, 20e-3, 27e-3, 35e-3, 45e-3, 60e-3, np.inf)  # bands [m]
    steps: tuple[float, ...] = (0.5e-3, 0.7e-3, 1e-3, 1.3e-3, 2e-3, 3e-3, 10e-3)  # in depth [m]
    n_angles: int = 12  # from the axis to the sector's edge
    tolerance: float = 0.005  # relative error (Frobenius) at which a band's series is cut


@dataclasses.dataclass(frozen=True)
class Band:
    """One band of range: rows [start, stop) of the output and their low-rank kernel."""

    start: int
    stop: int
    patches: np.ndarray  # phi (K, range offset, angle offset), complex64
    weights: np.ndarray  # b (K, stop - start, line), complex64


def offsets(acq: Acquisition, settings: Settings) -> tuple[int, int]:
    """Half sizes of a patch, in samples of range and in lines."""
    return (
        round(settings.half_range / acq.range_step),
        round(settings.half_angle / acq.angle_step),
    )


def _taper(n: int) -> np.ndarray:
    """1 over the middle of 2 n + 1 offsets, falling to 0 over the outer tenth."""
    t = np.clip((n - np.abs(np.arange(-n, n + 1))) / max(0.1 * n, 1), 0, 1)
    return np.sin(np.pi / 2 * t) ** 2


def point_spread(acq: Acquisition, r: float, columns: np.ndarray, settings: Settings) -> np.ndarray:
    """Exact h at the output points (r, columns * angle_step), carrier removed at both ends.

    Returns (column, range offset, angle offset), complex64: the response at the output point to a
    unit source at (r - offset in range, angle - offset in angle).
    """
    n_r, n_a = offsets(acq, settings)
    source_r = np.maximum(r - acq.range_step * np.arange(-n_r, n_r + 1), acq.wavelength / 2)
    source_column = np.arange(columns.min() - n_a, columns.max() + n_a + 1)
    rr, aa = np.meshgrid(source_r, acq.angle_step * source_column, indexing="ij")
    x, z = rr * np.sin(aa), rr * np.cos(aa)

    angle = acq.angle_step * columns
    fire = torch.as_tensor(acq.transmit_delays(angle))
    listen = torch.as_tensor(acq.receive_delays(np.full(len(columns), r), angle))
    lo, hi = band(acq)
    g, path = element_factor(acq, x.ravel(), z.ravel(), lo)
    spread = float(path.max() - path.min()) / acq.c
    df = 1 / (2 * spread + 6 / (acq.probe.bandwidth * acq.probe.centre_frequency))
    f = np.arange(lo, hi, df)
    weight = 2 * df * pulse_echo_spectrum(acq, f)
    step = torch.exp(-2j * np.pi * df / acq.c * path).to(g.dtype)
    h = torch.zeros(len(columns), g.shape[0], dtype=torch.complex64)
    for i in range(len(f)):
        send = torch.exp(-2j * np.pi * f[i] * fire).to(g.dtype) @ g.T
        receive = torch.exp(2j * np.pi * f[i] * listen).to(g.dtype) @ g.T
        h += complex(weight[i]) * send * receive
        g *= step

    h = h.numpy().reshape(len(columns), *rr.shape)
    h *= np.exp(-2j * acq.wavenumber * (r - source_r))[:, None]
    taper = _taper(n_r)[:, None] * _taper(n_a)
    first = columns - n_a - source_column[0]
    # sources run against the offsets in angle: offset = output - source
    return np.stack([h[i, :, k : k + 2 * n_a + 1][:, ::-1] * taper for i, k in enumerate(first)])


def calibrate(acq: Acquisition, settings: Settings, progress: bool = True) -> list[Band]:
    """Bands that cover the acquisition's range; a minute or two on two cores."""
    columns = np.unique(
        np.round(np.linspace(0, acq.sector / 2 / acq.angle_step + 0.5, settings.n_angles))
    ).astype(int)
    both = np.concatenate([-columns[:0:-1], columns])
    plan = []
    for lo, hi, step in zip(settings.edges[:-1], settings.edges[1:], settings.steps, strict=True):
        rows = np.flatnonzero((acq.depth >= lo) & (acq.depth < hi))
        if len(rows):
            a, b = acq.depth[rows[0]], acq.depth[rows[-1]] + acq.range_step
            plan.append((rows, np.linspace(a, b, max(4, 1 + int(np.ceil((b - a) / step))))))

    bands = []
    torch.set_flush_denormal(True)  # many times faster where the tapered tails are tiny
    try:
        with tqdm(
            total=sum(len(ranges) for _, ranges in plan), desc="calibration", disable=not progress
        ) as bar:
            for rows, ranges in plan:
                kernels = []
                for r in ranges:
                    h = point_spread(acq, r, columns, settings)
                    kernels.append(np.concatenate([h[:0:-1, :, ::-1], h]))
                    bar.update()
                kernels = np.stack(kernels)
                bands.append(_compress(acq, rows, ranges, both, kernels, settings.tolerance))
    finally:
        torch.set_flush_denormal(False)
    return bands


def _compress(acq, rows, ranges, columns, kernels, tolerance) -> Band:
    """Singular vectors of the kernels (range, column, offset, offset), interpolated to all rows."""
    shape = kernels.shape[2:]
    flat = kernels.reshape(-1, kernels[0, 0].size)
    size = np.linalg.norm(flat, axis=1, keepdims=True)
    u, s, v = np.linalg.svd(flat / size, full_matrices=False)
    left = np.sqrt(1 - np.minimum(np.cumsum(s**2) / np.sum(s**2), 1))
    k = min(int((left > tolerance).sum()) + 1, len(s))
    b = (u[:, :k] * s[:k] * size).T.reshape(k, len(ranges), len(columns))
    at = acq.depth[rows], acq.angle / acq.angle_step

    def spline(values):
        return RectBivariateSpline(ranges, columns, values)(*at)

    weights = np.stack([spline(w.real) + 1j * spline(w.imag) for w in b])
    return Band(
        int(rows[0]),
        int(rows[-1]) + 1,
        v[:k].reshape(k, *shape).astype(np.complex64),
        weights.astype(np.complex64),
    )


def cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("tas_lib")) / "calibration"


def load_bands(acq: Acquisition, settings: Settings, progress: bool = True) -> list[Band]:
    """Calibration of an acquisition, from the user's cache or made now and kept there.

    The file is written under another name and moved into place, so two processes may calibrate at
    once; one that does not read back whole is made anew. An unwritable cache is only warned of.
    """
    text = f"{VERSION} {acq.key} {dataclasses.astuple(settings)}"
    path = cache_folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        warnings.warn(f"calibration {path} is unreadable ({error}): made anew", stacklevel=2)
    bands = calibrate(acq, settings, progress)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            _write(Path(folder) / "bands.npz", bands)
            os.replace(Path(folder) / "bands.npz", path)
    except OSError as error:
        warnings.warn(f"calibration is not kept ({error})", stacklevel=2)
    return bands


def _write(path: Path, bands: list[Band]) -> None:
    arrays = {
        f"{i}_{name}": value
        for i, b in enumerate(bands)
        for name, value in dataclasses.asdict(b).items()
    }
    np.savez(path, count=len(bands), **arrays)


def _read(path: Path) -> list[Band]:
    names = [field.name for field in dataclasses.fields(Band)]
    with np.load(path, allow_pickle=False) as file:
        bands = [{n: file[f"{i}_{n}"] for n in names} for i in range(int(file["count"]))]
    return [Band(**{n: v if v.ndim else int(v) for n, v in b.items()}) for b in bands]
