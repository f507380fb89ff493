"""Speckle correlation: how much of the end-systolic speckle is left around every mesh point.

Section III-A.2: a window centred at the mesh point in the ES frame is compared by normalised
correlation with windows around the point's position in every other frame; the largest value found
in a small search is kept, "to account for possible mesh misalignments".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr

from tas_lib.mesh import mask
from tas_lib.parallel import one_thread
from tas_lib.recording import need, spacing


@dataclasses.dataclass(frozen=True)
class Window:
    """Size of the comparison in metres, so that it means the same on every pixel grid.

    The paper's window is 25 x 25 pixels; at CAMUS's 0.308 mm a pixel that is 7.7 mm. It does not
    give the search range: 2 mm is our choice.
    """

    size: float = 7.7e-3  # full width [m]
    search: float = 2.0e-3  # to each side [m]

    def pixels(self, spacing: float) -> tuple[int, int]:
        """Half window and search in whole pixels of `spacing` [m]."""
        return max(1, round((self.size / spacing - 1) / 2)), round(self.search / spacing)


def correlation(recording: xr.Dataset, window: Window = Window()) -> xr.DataArray:
    """C (time, longitudinal, radial) in [-1, 1] of a recording with `bmode` and `mesh`.

    Needs the attribute `es_frame`. C is 1 at ES; where a window holds a single grey level it is 0.
    """
    values = [area.amax((1, 2)).numpy() for area in _compared(recording, window)]
    curves = recording.mesh.isel(axis=0, drop=True).rename("correlation")
    curves = curves.copy(data=np.stack(values).reshape(curves.shape))
    return curves.assign_attrs(units="1", long_name="speckle correlation with end-systole")


def best_shift(recording: xr.Dataset, window: Window = Window()) -> np.ndarray:
    """Pixels (time, point, [x, z]) from each point to where `correlation` finds the best match."""
    best = []
    for values in _compared(recording, window):
        n, height, width = values.shape
        row, column = np.divmod(values.reshape(n, -1).argmax(1).numpy(), width)
        best.append(np.stack([column - width // 2, row - height // 2], -1))
    return np.stack(best)


def _compared(recording: xr.Dataset, window: Window) -> Iterator[torch.Tensor]:
    """Of every frame, the correlation of each point's window all over its search (point, z, x)."""
    need(recording, ["mesh"], "add one, from contours or masks")
    need(recording, ["es_frame"], "name the end-systolic frame")
    dx, dz = spacing(recording)
    (half_x, search_x), (half_z, search_z) = window.pixels(dx), window.pixels(dz)
    images, es = recording.bmode.values, int(recording.attrs["es_frame"])
    template = _squares(images[es], recording, es, half_z, half_x)
    for t in range(recording.sizes["time"]):
        area = _squares(images[t], recording, t, half_z + search_z, half_x + search_x)
        with one_thread():
            yield normalised_correlation(template, area)


def _squares(
    image: np.ndarray, recording: xr.Dataset, t: int, reach_z: int, reach_x: int
) -> torch.Tensor:
    """Pixels of an image (z, x) around mesh points of frame t (point, row, column); 0 beyond it."""
    x, z = recording.x.values, recording.z.values
    points = recording.mesh.values[t].reshape(-1, 2)
    column = np.rint((points[:, 0] - x[0]) / (x[1] - x[0])).astype(int).clip(0, len(x) - 1)
    row = np.rint((points[:, 1] - z[0]) / (z[1] - z[0])).astype(int).clip(0, len(z) - 1)
    image = np.pad(image, ((reach_z, reach_z), (reach_x, reach_x)))
    size = (2 * reach_z + 1, 2 * reach_x + 1)
    return torch.as_tensor(np.lib.stride_tricks.sliding_window_view(image, size)[row, column])


def normalised_correlation(template: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
    """Zero-mean normalised correlation of templates (n, h, w) all over areas (n, H, W).

    Returns (n, H - h + 1, W - w + 1); 0 where either side has no contrast.
    """
    n, h, w = template.shape
    template = template - template.mean((1, 2), keepdim=True)
    area = area - area.mean((1, 2), keepdim=True)
    product = F.conv2d(area[None], template[:, None], groups=n)[0]
    mean, square = (F.avg_pool2d(a[:, None], (h, w), stride=1)[:, 0] for a in (area, area**2))
    energy = h * w * (square - mean**2) * (template**2).sum((1, 2))[:, None, None]
    return torch.where(energy > 1e-9, product / energy.clamp(min=1e-9).sqrt(), 0.0).clamp(-1, 1)


def mean_absolute_error(simulated: xr.DataArray, real: xr.DataArray, es: int) -> xr.DataArray:
    """Mean over all frames but ES of |C_sim - C| at every mesh point (longitudinal, radial).

    ES itself is left out: both curves are 1 there by construction.
    """
    simulated, real = xr.align(simulated, real, join="exact")
    others = np.delete(np.arange(real.sizes["time"]), es)
    return abs(simulated - real).isel(time=others).mean("time")


def speckle_size(recording: xr.Dataset, t: int, window: Window = Window()) -> tuple[float, float]:
    """Full widths (axial, lateral) at half maximum [m] of the speckle's autocorrelation in frame t.

    Along z and along x, of the wall's pixels in the windows around all mesh points, at each lag
    over the pairs that it has. Windows of one grey, in a shadow, say nothing; NaN where all are.
    Subtracting each window's mean makes widths too small: by up to 4 % where a window holds 60
    grains, by 4 to 20 % where it holds 14.
    """
    dx, dz = spacing(recording)
    (half_x, _), (half_z, _) = window.pixels(dx), window.pixels(dz)
    wall = mask(recording.mesh.values[t], recording.z.values, recording.x.values)
    images = recording.bmode.values[t], wall.astype(np.float32)
    grey, inside = (_squares(image, recording, t, half_z, half_x) for image in images)
    count = inside.sum((1, 2), keepdim=True).clamp(min=1)
    grey = inside * (grey - (inside * grey).sum((1, 2), keepdim=True) / count)
    energy = (grey**2).sum((1, 2), keepdim=True) / count
    seen = energy[:, 0, 0] > 1e-9  # an SD far below a grey level, but above what rounding leaves
    if not seen.any():
        return np.nan, np.nan
    products = _autocorrelation(grey[seen] / energy[seen].sqrt())
    pairs = _autocorrelation(inside[seen])
    axial, lateral = (
        step * _full_width((products[line] / pairs[line].clamp(min=0.5))[: half + 1].numpy())
        for line, step, half in (((slice(None), 0), dz, half_z), ((0, slice(None)), dx, half_x))
    )
    return axial, lateral


def _autocorrelation(squares: torch.Tensor) -> torch.Tensor:
    """Sum of products over all squares (n, h, w) at lags along both axes (2 h, 2 w), from 0 on."""
    h, w = squares.shape[1:]
    return torch.fft.irfft2((torch.fft.rfft2(squares, s=(2 * h, 2 * w)).abs() ** 2).sum(0))


def _full_width(line: np.ndarray) -> float:
    """At half maximum, of a symmetric curve from its middle on, which falls; in steps."""
    below = int(np.argmax(line < line[0] / 2)) or len(line) - 1
    return 2 * float(np.interp(-line[0] / 2, -line[below - 1 : below + 1], [below - 1, below]))
