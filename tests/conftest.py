"""Small shared fixtures: a synthetic sector clip with speckle, and the recording made of it."""

import numpy as np
import pytest

from tas_lib import recording
from tas_lib.readers.sector import Sector

SECTOR = Sector(apex_row=-4.0, apex_column=80.0, half_angle=0.7, r_min=12.0, r_max=110.0)


@pytest.fixture
def sector_frames():
    """Grey frames (6, 120, 160) uint8: flickering speckle in SECTOR, black and still outside."""
    speckle = np.random.default_rng(0).rayleigh(25, (6, 120, 160))
    return np.where(SECTOR.mask((120, 160)), np.clip(speckle, 2, 255), 0).astype(np.uint8)


@pytest.fixture
def clip():
    """A recording of 4 frames, 50 mm wide and 50 mm deep, with a mesh of 8 x 3 cells in it."""
    z, x = 0.01 + 1e-3 * np.arange(50), 1e-3 * np.arange(-25, 26)
    bmode = np.random.default_rng(0).random((4, z.size, x.size))
    ds = recording.new(bmode, 0.02 * np.arange(4), z, x, source="synthetic", view="A4C")
    angle = np.linspace(-0.6, 0.6, 9)[:, None]
    radius = np.linspace(0.025, 0.034, 4)
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1)
    motion = 1 + 0.05 * np.arange(4)
    ds["mesh"] = (recording.MESH_DIMS, motion[:, None, None, None] * points)
    return ds
