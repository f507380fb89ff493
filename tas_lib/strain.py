"""Longitudinal strain of the middle of the wall, from the motion of a mesh.

Lagrangian, since end-diastole (Voigt et al. 2015, DOI 10.1093/ehjci/jeu184); shortening is
negative. Segments are equal thirds of either half of the line at end-diastole, base to apex; their
ends then ride between nodes, with the tissue.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from tas_lib.anatomy import LEVELS, VIEWS
from tas_lib.mesh import centreline


def segment_names(view: str | None) -> list[str]:
    """Six names from the image-left base to the image-right base; sides, where no view is known."""
    left, right = VIEWS.get(view or "", ("left", "right"))
    return [f"{level} {left}" for level in LEVELS] + [f"{level} {right}" for level in LEVELS[::-1]]


def segment_nodes(nodes: int) -> list[np.ndarray]:
    """Indices of the nodes of each of the six segments, of so many along the wall."""
    segment = np.minimum(np.arange(nodes) * 6 // (nodes - 1), 5)
    return [np.flatnonzero(segment == k) for k in range(6)]


def segment_lengths(line: np.ndarray, ed_frame: int = 0) -> np.ndarray:
    """Lengths (time, 6) [m] of the segments of a line (time, l, 2 or 3) [m], apex in its middle."""
    steps = np.linalg.norm(np.diff(line, axis=1), axis=-1)
    arc = np.insert(np.cumsum(steps, axis=1), 0, 0.0, axis=1)
    node = np.arange(line.shape[1])
    apex = np.interp(node[-1] / 2, node, arc[ed_frame])
    thirds = np.interp(np.arange(7), (0, 3, 6), (0, apex, arc[ed_frame, -1]))
    ends = np.interp(thirds, arc[ed_frame], node)
    return np.diff([np.interp(ends, node, a) for a in arc], axis=-1)


def longitudinal_strain(mesh: np.ndarray, ed_frame: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """GLS (time,) and strain of the six segments (time, 6) of a mesh (time, l, r, 2 or 3) [m].

    Lagrangian: fractions of the length in `ed_frame`, negative where the wall has shortened.
    """
    length = segment_lengths(centreline(mesh), ed_frame)
    whole = length.sum(-1)
    return whole / whole[ed_frame] - 1, length / length[ed_frame] - 1


def strain_curves(film: xr.Dataset) -> pd.DataFrame:
    """Strain [%] of a film's `tracks` over time [s]: GLS and the six segments."""
    whole, segments = longitudinal_strain(film.tracks.values, int(film.attrs["ed_frame"]))
    time = pd.Index(film.time.values, name="time_s")
    names = ["GLS", *segment_names(film.attrs.get("view"))]
    return pd.DataFrame(100 * np.column_stack([whole, segments]), time, names)


class Peaks(NamedTuple):
    """Of strain curves, in their unit: negative where the wall has shortened."""

    end_systolic: np.ndarray  # at end-systole
    peak_systolic: np.ndarray  # most shortened from end-diastole to end-systole
    peak: np.ndarray  # most shortened in the whole beat
    post_systolic_index: np.ndarray  # share of what is reached after ES; NaN if no shortening


def peaks(strain: np.ndarray, es_frame: int, ed_frame: int = 0) -> Peaks:
    """What is reported of strain curves (time, ...), timed as by Voigt et al. (2015)."""
    end, later = strain[es_frame], strain[es_frame:].min(0)
    index = np.where(later < 0, (later - end) / np.where(later < 0, later, 1), np.nan)
    systole = strain[ed_frame : es_frame + 1].min(0)
    return Peaks(end, systole, np.minimum(systole, later), index)
