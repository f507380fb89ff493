"""A clip becomes a template with the contours that were drawn on it, and with no others."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pydicom.examples
import pytest
from refusals import refuses

import tas_lib
from tas_lib import contours, readers, recording
from tas_lib.errors import InputError
from tas_lib.mesh import folds
from tas_lib.scene import Scene
from tas_lib.templates import default_template, load_template, shipped_contours

SHIPPED = Path(tas_lib.__file__).parent / "data" / "a4c_contours.json"


@pytest.fixture(scope="module")
def default_recording():
    return readers.read(readers.default_clip())


@pytest.fixture
def saved(tmp_path, clip):
    """A recording with a mesh, as a strategy leaves it."""
    clip["sector"] = ~clip.bmode.isnull().any("time")
    clip.attrs |= {"es_frame": 2, "sector_half_angle": 0.8}
    clip.attrs |= {"sector_r_min": 0.005, "sector_r_max": 0.06}
    return recording.save(clip, tmp_path / "saved.nc")


def test_the_default_clip_needs_nothing_else(default_recording, monkeypatch):
    monkeypatch.setattr(readers, "read", lambda *args, **kwargs: default_recording)
    template = default_template()
    assert template.mesh.shape == (template.sizes["time"], 36, 5, 2)
    walls = shipped_contours(default_recording)
    assert template.frame.values[template.attrs["ed_frame"]] == walls.ed_frame
    assert template.frame.values[template.attrs["es_frame"]] == walls.es_frame
    area = [_cavity(mesh) for mesh in template.mesh.values[:, :, 0]]
    assert abs(int(np.argmin(area)) - template.attrs["es_frame"]) <= 2


def _cavity(wall):
    (x, z), (x1, z1) = wall.T, np.roll(wall, -1, axis=0).T
    return abs((x * z1 - x1 * z).sum()) / 2


def test_the_size_of_the_mesh_is_free(default_recording, monkeypatch):
    monkeypatch.setattr(readers, "read", lambda *args, **kwargs: default_recording)
    coarse = load_template("any.dcm", SHIPPED, n_longitudinal=12, n_radial=3)
    fine = load_template("any.dcm", SHIPPED, n_longitudinal=45, n_radial=3)
    assert coarse.mesh.shape[1:3] == (12, 3) and fine.mesh.shape[1:3] == (45, 3)
    assert not folds(fine.mesh.values).any()
    np.testing.assert_allclose(coarse.mesh[:, [0, -1]], fine.mesh[:, [0, -1]], atol=1e-9)


def test_a_clip_with_the_same_identity_but_fewer_frames_has_no_contours():
    # a shrunk excerpt of the default clip, which kept its SOP Instance UID
    path = pydicom.examples.get_path("ybr_color")
    with pytest.raises(InputError, match=r"ybr_color.*contours: none.*--contour FILE.*data page"):
        load_template(path)
    with pytest.raises(InputError, match=r"a4c_contours\.json.*another clip"):
        load_template(path, SHIPPED)


def test_a_recording_with_a_mesh_is_a_template(saved, clip):
    template = load_template(saved)
    assert template.attrs["es_frame"] == 2
    np.testing.assert_array_equal(template.mesh, clip.mesh)
    assert shipped_contours(template) is None


def test_given_contours_go_before_the_mesh_in_the_file(saved):
    with pytest.raises(InputError, match="another clip"):
        load_template(saved, SHIPPED)


@pytest.mark.parametrize("missing", ["ed_frame", "es_frame", "last_frame"])
def test_a_template_needs_the_walls_of_the_whole_beat(tmp_path, default_recording, missing):
    walls = contours.load(SHIPPED)
    some = tuple(c for c in walls.contours if c.frame != getattr(walls, missing))
    path = contours.save(replace(walls, contours=some), tmp_path / "walls.json")
    call = partial(load_template, readers.default_clip(), path)
    refuses(call, str(path), "contours", missing, "draw it")


@pytest.mark.parametrize("name", ["es_frame", "sector_half_angle", "sector"])
def test_a_mesh_alone_is_not_enough(saved, name):
    ds = recording.open(saved)
    gone = recording.SECTOR if name == "sector_half_angle" else [name]
    ds = ds.drop_vars(gone, errors="ignore")
    ds.attrs = {k: v for k, v in ds.attrs.items() if k not in gone}
    recording.save(ds, saved)
    with pytest.raises(InputError, match=rf"{name}: is missing; add it"):
        Scene(load_template(saved), progress=False)
