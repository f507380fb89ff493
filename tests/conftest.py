"""Small shared fixtures: a synthetic sector clip with speckle, and the recording made of it."""

import numpy as np
import pytest

from tas_lib import mesh, recording
from tas_lib.readers.sector import Sector
from tas_lib.simulator import Acquisition, Probe, SectorOperator, calibration

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


@pytest.fixture(scope="session")
def acquisition():
    """Half a P4-2v: 46 lines over 60 degrees, 15 to 65 mm; its wide beams need few lines."""
    probe = Probe("half P4-2v", n_elements=32)
    return Acquisition(probe, 46, np.radians(60), focus=40e-3, r_min=15e-3, r_max=65e-3)


@pytest.fixture(scope="session")
def coarse():
    """A calibration of two seconds, good enough for the beams of `acquisition`."""
    steps = (0.5e-3, 0.7e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 10e-3)
    return calibration.Settings(4.5e-3, np.radians(20), steps=steps, n_angles=6)


@pytest.fixture(scope="session")
def operator(acquisition, coarse, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "cache_folder", lambda: tmp_path_factory.mktemp("cache"))
        return SectorOperator(acquisition, coarse, progress=False)


@pytest.fixture(scope="session")
def wall_clip(acquisition):
    """A function: clips of a wall (an arc 40 mm from the apex, grey 0.6) in tissue (grey 0.4).

    thickness [m] is that at ES, frame 2; `shift` (frame,) [m] says how far down the wall has moved.
    """
    x, z = 0.4e-3 * np.arange(-80, 81), 13e-3 + 0.4e-3 * np.arange(132)
    xx, zz = np.meshgrid(x, z)
    limits = acquisition.sector / 2, acquisition.r_min, acquisition.r_max
    r = np.hypot(xx, zz)
    seen = (np.abs(np.arctan2(xx, zz)) <= limits[0]) & (r >= limits[1]) & (r <= limits[2])
    names = ("sector_half_angle", "sector_r_min", "sector_r_max")

    def make(thickness, shift):
        angle = np.linspace(-0.33, 0.33, 9)[:, None]
        radius = 40e-3 + thickness * np.linspace(-0.5, 0.5, 3)
        arc = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1)
        nodes = arc + np.stack([np.zeros(len(shift)), shift], -1)[:, None, None]
        grey = seen * np.stack([np.where(mesh.mask(n, z, x), 0.6, 0.4) for n in nodes])
        time, attrs = 0.02 * np.arange(len(shift)), dict(zip(names, limits, strict=True))
        ds = recording.new(grey, time, z, x, sector=seen, source="wall", es_frame=2, **attrs)
        return ds.assign(mesh=(recording.MESH_DIMS, nodes))

    return make
