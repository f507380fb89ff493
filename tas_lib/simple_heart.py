"""Motion in the manner of Burman et al.: every wall alike, and nearly the same in every patient.

Their 1,296 sequences come from 50 patients of CAMUS, a model of the circulation (CircAdapt) and the
COLE simulator; speckle in them stays coherent (section II of the paper). This stands in for them,
with a motion that a few numbers tell. Distances a along the long axis from the epicardial apex and
b across it, of the endocardium at end-diastole, become

    (1 + eps g(t)) a,  (1 + kappa g(t)) b,   wall thickness / ((1 + eps g)(1 + SHARE kappa g)),

with g the contraction of `cycle.Cycle`, stretched to the template's end-systole and beat: all of
the wall shortens by as much, at once, and keeps its volume. What differs are eps and kappa.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from tas_lib.cycle import Cycle
from tas_lib.errors import InputError
from tas_lib.recording import MESH_DIMS, validate, whole_beat

SHORTENING = -0.17, 0.015  # eps: mean and SD between sequences; all three our choice
NARROWING = -0.22, 0.02  # kappa
SHARE = 0.6  # of the endocardium's narrowing, in the middle of the wall


def simple_motion(template: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """The template with the mesh that its first frame's, end-diastole, moves to.

    The template ends at end-systole or is a whole beat. Raises InputError.
    """
    rng = np.random.default_rng([seed, *b"simple"])
    shortening, narrowing = rng.normal(*SHORTENING), rng.normal(*NARROWING)
    first = template.mesh.values[0]
    endo, wall = first[:, 0], first[:, -1] - first[:, 0]
    apex = first[len(first) // 2, -1]
    axis = (first[0, 0] + first[-1, 0]) / 2 - apex
    axis /= np.linalg.norm(axis)
    across = axis[::-1] * [1, -1]
    g = contraction(template)[:, None]
    along, aside = 1 + shortening * g, 1 + narrowing * g
    endo = (
        apex
        + (along * ((endo - apex) @ axis))[..., None] * axis
        + (aside * ((endo - apex) @ across))[..., None] * across
    )
    thicker = 1 / (along * (1 + SHARE * narrowing * g))
    depth = np.linspace(0, 1, first.shape[1])[:, None]
    mesh = endo[:, :, None] + thicker[..., None, None] * depth * wall[:, None]
    return validate(template.assign(mesh=(MESH_DIMS, mesh)))


def contraction(template: xr.Dataset) -> np.ndarray:
    """g (time,): 0 at the first frame, 1 at end-systole, 0 again after a whole beat."""
    cycle, time = Cycle(), template.time.values
    whole = whole_beat(template)
    frame = int(template.attrs["es_frame"])
    if (
        template.attrs.get("ed_frame", 0) != 0
        or not 0 < frame
        or not (whole or frame == len(time) - 1)
    ):
        source = template.attrs.get("source", "template")
        problem = "is neither a beat from end-diastole on nor one that ends at end-systole"
        raise InputError(source, "cycle", problem, "cut it so")
    es = time[frame]
    knots, beat = [0.0, es], [0.0, cycle.es]
    if whole:
        knots, beat = [*knots, time[-1]], [*beat, cycle.rr[0] - 1e-6]
    return np.array([cycle.contraction(t) for t in np.interp(time, knots, beat)])
