"""Each artefact by itself: what one setting does to the same echoes."""

import dataclasses

import numpy as np
import pytest

from tas_lib import effects
from tas_lib.anatomy import Anatomy
from tas_lib.artefacts import Scanner, Shadow
from tas_lib.clinic import Pose, image
from tas_lib.heart import Heart, Motion
from tas_lib.realism import realism

RATE = 25.0
SMALL = Anatomy(diameter=15e-3, length=30e-3, thickness=4e-3, apex=3e-3)


@pytest.fixture(scope="module")
def heart():
    return Heart(SMALL, motion=Motion(amplitude=-0.15, rotation_base=0, rotation_apex=0))


@pytest.fixture(scope="module")
def scanner(acquisition):
    return Scanner(
        acquisition,
        frame_rate=RATE,
        density=1.0,
        depth=60e-3,
        shadows=(Shadow(0.3),),
        reverberation_path=10e-3,
    )


@pytest.fixture(scope="module")
def films(heart, scanner, operator):
    time = np.arange(round(heart.es * RATE) + 1) / RATE
    return effects.films(heart, Pose(), effects.each_artefact(scanner), 3, time, operator)


def test_each_setting_differs_from_all_off_in_one_field(scanner):
    settings = effects.each_artefact(scanner)
    off = dataclasses.asdict(settings["all off"])
    for name in effects.OFF:
        now = dataclasses.asdict(settings[name])
        assert [field for field in off if off[field] != now[field]] == [name]
    assert settings["all on"] == scanner


def test_all_on_is_what_the_clinic_films(films, heart, scanner, operator):
    ds = image(heart, Pose(), scanner, 3, half=True, operator=operator, progress=False)
    for name in ("bmode", "mesh", "strain", "z", "x"):
        np.testing.assert_array_equal(films["all on"][name], ds[name])


def test_artefacts_do_what_they_are_named_for(films):
    shown = "all off", "haze", "noise", "smoothing", "contrast"
    found = {name: realism(films[name].isel(time=slice(4))) for name in shown}
    off = found["all off"]
    for name in ("haze", "noise"):
        assert found[name]["blood_p50"] > off["blood_p50"] + 5
        assert found[name]["contrast"] < off["contrast"]
    assert found["noise"]["correlation_33"] < off["correlation_33"]
    assert found["smoothing"]["speckle_axial"] > off["speckle_axial"]
    assert found["contrast"]["wall_p50"] < off["wall_p50"]
    x, z = np.meshgrid(films["all off"].x, films["all off"].z)
    rib = films["all off"].sector.values & (abs(np.arctan2(x, z) - 0.3) < 0.03)
    assert (
        films["shadows"].bmode.values[:, rib].mean()
        < films["all off"].bmode.values[:, rib].mean() / 2
    )


def test_settings_share_echoes_blood_and_noise(heart, scanner, operator):
    noisy = effects.each_artefact(scanner)["noise"]
    settings = {"noise": noisy, "rib": dataclasses.replace(noisy, shadows=scanner.shadows)}
    time = np.arange(2) / RATE
    one, other = (
        ds.bmode.values for ds in effects.films(heart, Pose(), settings, 3, time, operator).values()
    )
    left = slice(0, one.shape[2] // 2)  # the rib is on the right
    np.testing.assert_allclose(one[..., left], other[..., left], atol=1e-6)
    assert np.abs(one - other).max() > 0.1 and np.abs(one[0] - one[1]).max() > 0.1
