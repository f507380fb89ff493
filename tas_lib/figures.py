"""Pictures that several notebooks draw: frames with the mesh, maps of power, agreement, curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap
from matplotlib.image import AxesImage

from tas_lib.bland_altman import LIMIT
from tas_lib.mesh import centreline
from tas_lib.simulator import Acquisition
from tas_lib.simulator.display import ScanConverter

BRIGHTEN = 1.6  # factor on grey levels wherever a frame is shown: clips are dark on a page


def extent(recording: xr.Dataset) -> tuple[float, float, float, float]:
    """Edges of the image in mm, as imshow wants them: left, right, bottom, top."""
    x, z = 1e3 * recording.x.values, 1e3 * recording.z.values
    dx, dz = (x[1] - x[0]) / 2, (z[1] - z[0]) / 2
    return x[0] - dx, x[-1] + dx, z[-1] + dz, z[0] - dz


def show_frame(ax: Axes, recording: xr.Dataset, t: int, *, mesh: bool = False) -> None:
    """One B-mode frame in millimetres, brightened, its mesh on top if asked."""
    image = np.clip(BRIGHTEN * recording.bmode.values[t], 0, 1)
    image = np.where(recording.sector.values, image, np.nan)
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, extent=extent(recording))
    if mesh:
        draw_mesh(ax, recording.mesh.values[t])
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def draw_mesh(ax: Axes, mesh: np.ndarray) -> None:
    """Walls and centreline of one frame's mesh (l, r, 2) [m], over an image in millimetres."""
    lines = [mesh[:, 0], mesh[:, -1]]
    ax.add_collection(LineCollection([1e3 * line for line in lines], colors="#ffb000", lw=1.2))
    middle = 1e3 * centreline(mesh)
    ax.plot(*middle.T, ".", ms=2.5, color="#56b4e9")


def show_power(
    ax: Axes, acq: Acquisition, power: np.ndarray, pixel: float = 0.4e-3, **style: Any
) -> AxesImage:
    """A map of power (depth, line) over the sector, in dB and millimetres.

    pixel: of the picture [m]. style: as `Axes.imshow` takes it.
    """
    half = acq.r_max * np.sin(acq.sector / 2)
    x = np.arange(-half, half, pixel)
    z = np.arange(acq.r_min * np.cos(acq.sector / 2), acq.r_max, pixel)
    convert = ScanConverter(acq, z, x)
    seen = convert(np.ones_like(power)) > 0.99
    level = 10 * np.log10(np.where(seen, convert(power), np.nan) + 1e-30)
    ax.spines[:].set_visible(False)
    edges = 1e3 * x[0], 1e3 * x[-1], 1e3 * z[-1], 1e3 * z[0]
    return ax.imshow(level, extent=edges, **style)


def middle(values: xr.DataArray) -> xr.DataArray:
    """Values (..., longitudinal, radial) on the centreline, as (..., longitudinal)."""
    last = values.sizes["radial"] - 1
    return values.isel(radial=[last // 2, (last + 1) // 2]).mean("radial")


def draw_agreement(ax: Axes, first: np.ndarray, second: np.ndarray, **style: Any) -> None:
    """Bland and Altman's plot of pairs (n,): differences over means, bias and limits of agreement.

    style: of the dots, as `Axes.scatter` takes it; lines are of the same colour.
    """
    apart = np.asarray(first) - np.asarray(second)
    dots = ax.scatter(
        (np.asarray(first) + np.asarray(second)) / 2, apart, **{"s": 8, "clip_on": False, **style}
    )
    colour = dots.get_facecolor()[0]
    for times, line in ((0, "-"), (-LIMIT, "--"), (LIMIT, "--")):
        ax.axhline(apart.mean() + times * apart.std(ddof=1), color=colour, ls=line, lw=1)


def draw_curves(ax: Axes, correlation: xr.DataArray, es: int, cmap: Colormap) -> None:
    """Correlation with ES (time, longitudinal, radial) of the centreline points over time [ms].

    One thin line a point, coloured from the image-left base over the apex to the right base.
    """
    curves = middle(correlation)
    ms = 1e3 * curves.time.values
    colours = cmap(np.linspace(0, 1, curves.sizes["longitudinal"]))
    for curve, colour in zip(curves.values.T, colours, strict=True):
        ax.plot(ms, curve, color=colour, lw=0.8)
    ax.axvline(ms[es], color="gray", lw=0.8, ls=":")
    ax.set(xlabel="time after ED (ms)", ylim=(-0.25, 1.02))
