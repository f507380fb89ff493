"""Shared fixtures: a synthetic sector clip and the recording made of it; a small acquisition and
its fast operator."""

from functools import cache

import hypothesis
import numpy as np
import pytest
import shapely
import torch
from scipy.ndimage import gaussian_filter, map_coordinates
from typer.testing import CliRunner

from tas_lib import cli, comparison, mesh, recording
from tas_lib.accuracy import place
from tas_lib.anatomy import VIEWS
from tas_lib.errors import InputError
from tas_lib.readers.sector import Sector
from tas_lib.simulator import Acquisition, Focused, Probe, SectorOperator, calibration

hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")

pytest_plugins = ["clinic_fixtures", "scene_fixtures", "browser_fixtures"]

SECTOR = Sector(apex_row=-4.0, apex_column=80.0, half_angle=0.7, r_min=12.0, r_max=110.0)
SHIFTS = 1e-3 * np.stack([2 * np.sin(np.arange(9) / 3), np.cos(np.arange(9) / 3) - 1], -1)


def tas(*words):
    """What comes of a command line, without its first word."""
    return CliRunner().invoke(cli.app, [str(word) for word in words])


class CutShort:
    """A function of a file that, the `at`th time it is called, finds it gone. `seen`: its files."""

    def __init__(self, function, at):
        self.function, self.at, self.seen = function, at, []

    def __call__(self, path):
        self.seen.append(path.name)
        if len(self.seen) == self.at:
            raise InputError(path, "file", "went away", "put it back")
        return self.function(path)


def field(acq, count, seed=0, beside=0.0, below=0.0):
    """x, z [m] and normal coefficients of points, uniform over the sector and what is around."""
    rng = np.random.default_rng(seed)
    r = np.sqrt(rng.uniform(acq.r_min**2, (acq.r_max + below) ** 2, count))
    half = acq.sector / 2 + beside
    return *place(r, rng.uniform(-half, half, count)), rng.standard_normal(count)


def wall_distance(nodes, points):
    """Distance [m] of points (points, 2) from the myocardium of one frame; 0 inside."""
    return shapely.distance(mesh.outline(nodes), shapely.points(points))


def mean_gls(heart):
    """End-systolic GLS, the mean of the three views."""
    return float(np.mean([heart.gls(view, heart.es) for view in VIEWS]))


@pytest.fixture(autouse=True)
def no_tracker_is_kept():
    """Of another test, under the name of one of this."""
    comparison.cached_tracker.cache_clear()
    yield
    comparison.cached_tracker.cache_clear()


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
def moving_clip():
    """A function: a recording (60 x 50 mm, 0.5 mm pixels) of texture with a mesh of 8 x 2 cells.

    Both move alike: frame t shows the texture shifted by shifts[t] (frame, [x, z]) [m]. ED is the
    first frame, ES the middle one. The mesh alone may be squeezed (frame, [x, z]) before.
    """

    def make(shifts, seed=0, pixel=0.5e-3, grain=1.5, squeeze=1.0):
        z, x = 0.01 + pixel * np.arange(round(50e-3 / pixel)), pixel * np.arange(-60, 61)
        texture = gaussian_filter(np.random.default_rng(seed).standard_normal((160, 181)), grain)
        grey = np.clip(0.5 + 0.25 * texture / texture.std(), 0, 1)
        rows, columns = np.meshgrid(np.arange(len(z)), np.arange(len(x)), indexing="ij")
        bmode = [
            map_coordinates(grey, [rows + 30 - dz / pixel, columns + 30 - dx / pixel], order=3)
            for dx, dz in shifts
        ]
        time, es = 0.02 * np.arange(len(shifts)), len(shifts) // 2
        known = {"source": "texture", "view": "A4C", "ed_frame": 0, "es_frame": es}
        ds = recording.new(np.clip(bmode, 0, 1), time, z, x, **known)
        angle = np.linspace(-0.6, 0.6, 9)[:, None]
        radius = np.linspace(0.028, 0.036, 3)
        nodes = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1)
        squeeze = np.broadcast_to(squeeze, np.shape(shifts))[:, None, None]
        ds["mesh"] = (recording.MESH_DIMS, nodes * squeeze + np.asarray(shifts)[:, None, None])
        ds["correlation"] = (recording.MESH_DIMS[:3], np.ones(ds.mesh.shape[:3]))
        return recording.validate(ds)

    return make


@pytest.fixture(scope="session")
def acquisition():
    """Half a P4-2v: 46 lines over 60 degrees, 15 to 65 mm; its wide beams need few lines."""
    probe, sequence = Probe("half P4-2v", n_elements=32), Focused(40e-3)
    return Acquisition(probe, sequence, n_lines=46, sector=np.radians(60), r_min=15e-3, r_max=65e-3)


@pytest.fixture(scope="session")
def coarse():
    """A calibration of half a second, good enough for the beams of `acquisition`."""
    return calibration.Settings(depth_step=2.0, angle_step=4.0)


@pytest.fixture(scope="session")
def operator_of(tmp_path_factory):
    """A function: the operator of an acquisition, made once; the user's cache stays as it is."""
    folder = tmp_path_factory.mktemp("cache")

    @cache
    def make(acq, settings=None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(calibration, "cache_folder", lambda: folder)
            return SectorOperator(acq, settings, progress=False)

    return make


@pytest.fixture(scope="session")
def operator(acquisition, coarse, operator_of):
    return operator_of(acquisition, coarse)


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


@pytest.fixture(scope="session")
def oval():
    """A function: the mesh (nodes, 5, 2) [m] of a ventricle like an egg, open at its base.

    span: half its angle over pi; down: of its middle from the probe [m].
    """

    def make(nodes, span, down):
        angle = np.linspace(-span, span, 200)[:, None] * np.pi
        endo, epi = (
            np.array([0, down]) + np.array(size) * np.hstack((np.sin(angle), -np.cos(angle)))
            for size in ((18e-3, 32e-3), (26e-3, 40e-3))
        )
        return mesh.mesh_from_walls(endo, epi, nodes, 5)

    return make


@pytest.fixture
def double_precision():
    """Instance norms amplify rounding: what is equal in theory is compared in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
