"""Speckle correlation: how much of the end-systolic speckle is left around every mesh point.

Section III-A.2: a window centred at the mesh point in the ES frame is compared by normalised
correlation with windows around the point's position in every other frame; the largest value found
in a small search is kept, "to account for possible mesh misalignments".
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr

from tas_lib.errors import InputError


@dataclasses.dataclass(frozen=True)
class Window:
    """Size of the comparison in millimetres, so that it means the same on every pixel grid.

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
    source = recording.attrs.get("source", "recording")
    if "mesh" not in recording:
        raise InputError(source, "mesh", "is missing", "add one, from contours or masks")
    if "es_frame" not in recording.attrs:
        raise InputError(source, "es_frame", "is missing", "name the end-systolic frame")
    dx, dz = (float(recording[a][1] - recording[a][0]) for a in ("x", "z"))
    (half_x, search_x), (half_z, search_z) = window.pixels(dx), window.pixels(dz)
    mesh = recording.mesh.values
    column = np.rint((mesh[..., 0] - float(recording.x[0])) / dx).astype(int)
    row = np.rint((mesh[..., 1] - float(recording.z[0])) / dz).astype(int)
    frames = recording.bmode.values
    es = int(recording.attrs["es_frame"])

    def cut(t, reach_z, reach_x):
        """Squares around all points of frame t (point, row, column); black beyond the image."""
        image = np.pad(frames[t], ((reach_z, reach_z), (reach_x, reach_x)))
        squares = np.lib.stride_tricks.sliding_window_view(
            image, (2 * reach_z + 1, 2 * reach_x + 1)
        )
        r = np.clip(row[t].ravel(), 0, frames.shape[1] - 1)
        c = np.clip(column[t].ravel(), 0, frames.shape[2] - 1)
        return torch.as_tensor(squares[r, c])

    template = cut(es, half_z, half_x)
    values = [
        normalised_correlation(template, cut(t, half_z + search_z, half_x + search_x))
        .amax((1, 2))
        .numpy()
        for t in range(len(frames))
    ]
    curves = recording.mesh.isel(axis=0, drop=True).rename("correlation")
    curves = curves.copy(data=np.stack(values).reshape(curves.shape))
    return curves.assign_attrs(units="1", long_name="speckle correlation with end-systole")


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
    others = np.delete(np.arange(real.sizes["time"]), es)
    return abs(simulated - real).isel(time=others).mean("time")
