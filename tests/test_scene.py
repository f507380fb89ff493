"""Scenes: what their scatterers and films take from a template, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from conftest import wall_distance
from scene_fixtures import MOVES, constant

from tas_lib import recording
from tas_lib.errors import InputError
from tas_lib.mesh import locate
from tas_lib.scene import OF_THE_CLIP, Choices, Scene, acquisition_for
from tas_lib.simulator import Acquisition
from tas_lib.strategies import s1, s2


def test_backscatter_follows_the_grey_level_to_the_power_gamma(beating, operator):
    """Eq. (1): V^gamma eps, with eps standard normal; the wall's level 1.5 times its surroundings'.

    Points on the edge between both are left out.
    """
    for gamma in 1.0, 2.0:
        choices = Choices(gamma=gamma)
        scene = Scene(beating, 0, choices, operator=operator, progress=False)
        bsc = scene.background_bsc(2)
        distance = wall_distance(beating.mesh.values[2], scene.background)
        margin = 2e-3
        deep = scene.background[:, 1] < 60e-3
        r, angle = np.hypot(*scene.background.T), np.arctan2(*scene.background.T)
        seen = deep & (r > 17e-3) & (np.abs(angle) < operator.acq.sector / 2 - 0.1)
        outside = seen & (distance > margin)
        inside = wall_distance(beating.mesh.values[2], scene.background + [0, margin]) == 0
        inside &= wall_distance(beating.mesh.values[2], scene.background - [0, margin]) == 0
        assert bsc[outside].std() / bsc[inside].std() == pytest.approx(
            (0.4 / 0.6) ** gamma, rel=0.06
        )
        assert bsc[inside].std() == pytest.approx(1, rel=0.05)
        assert scene.wall_bsc.std() <= 1.05


@pytest.mark.parametrize("redraw", [False, True])
def test_background_speckle_is_held_unless_it_is_redrawn(beating, operator, redraw):
    scene, other = (
        Scene(beating, seed, Choices(redraw=redraw), operator=operator, progress=False)
        for seed in (0, 1)
    )
    below = scene.background[:, 1] > 57e-3  # as grey in all frames
    first, last = scene.background_bsc(0)[below], scene.background_bsc(3)[below]
    assert np.corrcoef(first, last)[0, 1] == pytest.approx(0 if redraw else 1, abs=0.05)
    assert np.corrcoef(first, other.background_bsc(0)[below])[0, 1] == pytest.approx(0, abs=0.05)
    np.testing.assert_array_equal(scene.background_bsc(3)[below], last)


def test_a_film_keeps_nothing_that_is_true_of_the_clip_alone(scene, beating, monkeypatch):
    told = beating.assign_attrs(dict.fromkeys(OF_THE_CLIP, "of the clip"), sex="F")
    drawn = ("time", np.zeros(told.sizes["time"], bool))
    monkeypatch.setattr(scene, "template", told.assign_coords(mask_interpolated=drawn))
    film = s1(scene, 0.5)
    assert not set(OF_THE_CLIP) & film.attrs.keys() and film.attrs["sex"] == "F"
    assert "mask_interpolated" not in film.coords
    known = {"mesh_is_truth", "manufacturer", "ejection_fraction", "scanner", "image_quality"}
    assert known < set(OF_THE_CLIP)


def test_a_film_is_a_recording_of_the_same_motion(scene, beating, tmp_path):
    film = s1(scene, 0.5)
    xr.testing.assert_equal(film.mesh, beating.mesh)
    xr.testing.assert_equal(film.sector, beating.sector)
    for name in ("es_frame", "sector_half_angle", "sector_r_min", "sector_r_max"):
        assert film.attrs[name] == beating.attrs[name]
    assert film.attrs["template"] == "wall" and film.attrs["source"] == "simulated"
    assert film.attrs["strategy"] == "S1" and film.attrs["p"] == 0.5
    assert not film.bmode.where(~film.sector, 0).any()  # black outside the sector
    back = recording.open(recording.save(film, tmp_path / "film.nc"))
    np.testing.assert_allclose(back.bmode, film.bmode, atol=1 / 500)
    assert back.attrs["strategy"] == "S1"


def test_the_simulated_end_systole_is_as_bright_as_the_real_one_all_over(scene, beating):
    """The mean by construction; wall against surroundings and near against far by Eq. (1)."""
    film = s2(scene, constant(beating, 1.0))
    real, simulated = beating.bmode[2], film.bmode[2]
    assert float(simulated.mean()) == pytest.approx(float(real.mean()), rel=0.05)
    wall = real > 0.5
    assert float(simulated.where(wall).mean()) == pytest.approx(0.6, abs=0.06)
    far, near = (
        (real == 0.4) & (abs(beating.x) < 8e-3) & part
        for part in (beating.z > 52e-3, beating.z < 28e-3)
    )
    assert float(simulated.where(far).mean()) == pytest.approx(0.4, abs=0.05)
    assert float(simulated.where(near).mean()) == pytest.approx(0.4, abs=0.05)


def test_wall_scatterers_keep_their_material_coordinates(scene, beating):
    for t, nodes in enumerate(scene.wall.meshes):
        np.testing.assert_allclose(locate(nodes, scene.wall_points(t)), scene.wall_uv, atol=1e-6)


def test_the_acquisition_covers_the_template_at_the_default_line_density(beating):
    acq = acquisition_for(beating)
    assert acq.sector == pytest.approx(2 * beating.attrs["sector_half_angle"])
    assert 0 <= acq.r_max - beating.attrs["sector_r_max"] < 1.001e-3
    assert acq.angle_step == pytest.approx(Acquisition().angle_step, rel=0.01)
    assert acq.probe == Acquisition().probe


@pytest.mark.parametrize("field", ["mesh", "sector", "es_frame", "sector_r_max"])
def test_a_template_that_lacks_something_is_refused(beating, operator, field):
    template = beating.drop_vars(field, errors="ignore")
    template.attrs.pop(field, None)
    with pytest.raises(InputError, match=f"wall: {field}: is missing; add it"):
        Scene(template, operator=operator, progress=False)


def test_a_black_template_is_refused(beating, operator):
    with pytest.raises(InputError, match="wall: bmode"):
        Scene(beating.assign(bmode=0 * beating.bmode), operator=operator, progress=False)


@pytest.mark.parametrize("es, others", [(0, 1), (1e-4, 1), (1e-6, 1e-6)])
def test_a_template_too_dark_at_end_systole_is_refused(beating, operator, es, others):
    grey = beating.bmode * np.where(np.arange(len(MOVES)) == 2, es, others)[:, None, None]
    with pytest.raises(InputError, match="wall: bmode: has a mean of .* which no gain gives; give"):
        Scene(beating.assign(bmode=grey), operator=operator, progress=False)


@pytest.mark.parametrize("name", ["gamma", "ramp", "density", "dynamic_range"])
@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan])
def test_impossible_choices_are_refused(name, value):
    with pytest.raises(InputError, match=name):
        replace(Choices(), **{name: value})
