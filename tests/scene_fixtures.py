"""A wall that beats below the probe, for the tests of scenes and of strategies."""

import numpy as np
import pytest
import xarray as xr

from tas_lib.scene import Scene

MOVES = np.array([-7e-3, -4e-3, 0.0, 4e-3])  # m, down, beyond the search; ES is frame 2


@pytest.fixture(scope="module")
def beating(wall_clip):
    return wall_clip(10e-3, MOVES)


@pytest.fixture(scope="module")
def scene(beating, operator):
    return Scene(beating, 0, operator=operator, progress=False)


def constant(template, value):
    """Curves of one value, and 1 at ES."""
    curves = xr.zeros_like(template.mesh.isel(axis=0, drop=True)) + value
    curves[template.attrs["es_frame"]] = 1
    return curves
