"""The strategies: coherence put in, correlation that comes of it, and the corrections."""

import numpy as np
import pytest
import xarray as xr
from conftest import wall_distance
from scene_fixtures import MOVES, constant

from tas_lib.coherence import WallMap
from tas_lib.errors import InputError
from tas_lib.scene import Choices, Scene
from tas_lib.speckle import Window, correlation, mean_absolute_error
from tas_lib.strategies import coherence_of, s1, s2, s2_inverted, s3

WIDE = Window(size=7.7e-3, search=0.0)  # unbiased: nothing is picked


@pytest.fixture(scope="module")
def still(wall_clip):
    """The wall, thicker than the window and its ramp, at rest."""
    return wall_clip(18e-3, np.zeros(6))


def bmode(film):
    return film.bmode.values


@pytest.fixture
def filmed(scene, monkeypatch):
    """What the scanner is given instead of what it sees: (points, BSC) of every frame, in order."""
    frames = []
    monkeypatch.setattr("tas_lib.scene.in_order", map)
    blank = np.zeros(scene.template.sector.shape)
    monkeypatch.setattr(scene, "image", lambda *given: frames.append(given) or blank)
    return frames


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
def test_s1_keeps_the_density_the_same_in_the_wall_beside_it_and_outside(scene, filmed, p):
    """The wall moves without strain here, so this holds in every frame, not only at ES."""
    s1(scene, p)
    acq = scene.operator.acq
    expected = scene.choices.density / acq.wavelength**2
    for (points, bsc), nodes in zip(filmed, scene.template.mesh.values, strict=True):
        active = points[bsc != 0]
        distance = wall_distance(nodes, active)
        z = scene.template.z.values
        dense = np.stack(np.meshgrid(np.linspace(-0.03, 0.03, 300), z[0] + np.arange(250) * 2e-4))
        around = wall_distance(nodes, dense.reshape(2, -1).T)
        r, angle = np.hypot(*dense), np.arctan2(*dense)
        seen = (r > acq.r_min) & (r < acq.r_max) & (np.abs(angle) < acq.sector / 2)
        cell = 0.06 / 299 * 2e-4
        for low, high in (-1, 0), (0, 3e-3), (3e-3, 1):
            area = cell * ((around > low) & (around <= high) & seen.ravel()).sum()
            count = ((distance > low) & (distance <= high) & (active[:, 1] < z[0] + 50e-3)).sum()
            assert count == pytest.approx(expected * area, abs=4 * np.sqrt(expected * area))


def test_s1_takes_its_share_of_the_wall_from_the_wall_population(scene, filmed):
    """Of the scatterers inside the wall, p ride on it: they keep place and BSC in the mesh."""
    s1(scene, 0.7)
    riding = len(scene.wall_uv)
    first = filmed[0]
    inside = wall_distance(scene.template.mesh.values[0], first[0]) == 0
    active = inside & (first[1] != 0)
    share = active[:riding].sum() / active.sum()
    assert share == pytest.approx(0.7, abs=0.03)
    for (points, bsc), down in zip(filmed, MOVES, strict=True):
        np.testing.assert_array_equal(bsc[:riding], first[1][:riding])
        np.testing.assert_allclose(points[:riding] - [0, down], scene.wall_points(2), atol=1e-9)
        np.testing.assert_array_equal(points[riding:], scene.background)


def test_s2_weighs_both_populations_and_keeps_their_sum(scene, filmed):
    """Eq. (2): C and 1 - C at the same place add up to 1, and nothing comes or goes."""
    film = s2(scene, constant(scene.template, 0.3))
    riding = len(scene.wall_uv)
    for t, (points, bsc) in enumerate(filmed):
        c = scene.wall.sample(film.coherence.values[t], points)
        np.testing.assert_allclose(bsc[:riding], scene.wall_bsc * c[:riding])
        np.testing.assert_allclose(bsc[riding:], scene.background_bsc(t) * (1 - c[riding:]))
    inside = wall_distance(scene.template.mesh.values[0], filmed[0][0]) == 0
    level = scene.wall.sample(film.coherence.values[0], filmed[0][0][inside])
    np.testing.assert_allclose(level, 0.3, atol=0.05)


def test_a_seed_gives_the_same_bits_and_another_seed_other_speckle(beating, operator, scene):
    curves = constant(beating, 0.5)
    film = s2(scene, curves)
    again = s2(Scene(beating, 0, operator=operator, wall=scene.wall, progress=False), curves)
    other = s2(Scene(beating, 1, operator=operator, wall=scene.wall, progress=False), curves)
    np.testing.assert_array_equal(bmode(film), bmode(again))
    np.testing.assert_array_equal(
        bmode(film), bmode(s2(scene, curves))
    )  # nor does a film use it up
    apart = [
        np.corrcoef(bmode(f)[2][beating.sector], bmode(film)[2][beating.sector])[0, 1]
        for f in (again, other)
    ]
    assert apart[0] > 0.999 and apart[1] < 0.5
    assert film.attrs["seed"] == 0 and other.attrs["seed"] == 1


def test_less_coherence_is_less_correlation(scene, beating):
    full, low = (correlation(s2(scene, constant(beating, c))) for c in (1.0, 0.3))
    others = [0, 1, 3]
    assert float(full[others].mean()) > float(low[others].mean()) + 0.2
    assert (full[others] > low[others]).mean() > 0.9


def test_a_static_map_of_more_p_keeps_more_speckle(scene):
    means = [float(correlation(s1(scene, p))[[0, 1, 3]].mean()) for p in (0.2, 0.7, 1.0)]
    assert means[0] + 0.05 < means[1] < means[2] - 0.05


def test_the_correlation_of_a_coherence_is_what_the_formula_says(still, operator):
    """Nothing moves, and frames differ only by C: rho = C^2 / (C^2 + (1 - C)^2).

    Mean over wall and two seeds; the background of every frame and the wall are independent.
    """
    levels = np.array([0.0, 0.3, 1.0, 0.5, 0.65, 0.8])  # frame 2 is ES
    curves = constant(still, 0) + xr.DataArray(levels, dims="time") * (constant(still, 0) < 1)
    wall = WallMap(still, 3e-3)
    found = np.mean(
        [
            correlation(
                s2(Scene(still, seed, operator=operator, wall=wall, progress=False), curves), WIDE
            )[:, 2:-2, 1].mean("longitudinal")
            for seed in range(4)
        ],
        axis=0,
    )
    theory = levels**2 / (levels**2 + (1 - levels) ** 2)
    np.testing.assert_allclose(found, theory, atol=0.07)
    np.testing.assert_allclose(coherence_of(theory), levels, atol=1e-12)


@pytest.mark.parametrize("p", [0.3, 0.6, 0.9])
def test_of_a_static_map_the_square_stays(still, operator, p):
    """p of the power is in common with ES, a new background in the rest; envelopes square that."""
    wall, choices = WallMap(still, 3e-3), Choices(redraw=True)
    scenes = (
        Scene(still, s, choices, operator=operator, wall=wall, progress=False) for s in (0, 1)
    )
    found = [correlation(s1(scene, p), WIDE)[[0, 1, 3, 4, 5], 2:-2, 1].mean() for scene in scenes]
    assert np.mean(found) == pytest.approx(p**2, abs=0.07)


def test_coherence_of_inverts_its_formula_between_any_floor_and_ceiling():
    c, floor, ceiling = np.meshgrid(np.linspace(0, 1, 21), [-0.1, 0.0, 0.3], [0.5, 0.7, 1.0])
    rho = floor + (ceiling - floor) * c**2 / (c**2 + (1 - c) ** 2)
    np.testing.assert_allclose(coherence_of(rho, floor, ceiling), c, atol=1e-7)
    beyond = coherence_of(np.array([-0.2, 0.1, 0.9, 0.3]), 0.2, np.array([0.5, 0.5, 0.5, 0.1]))
    np.testing.assert_array_equal(beyond, [0, 0, 1, 1])  # the last has no room below its ceiling


def test_at_end_systole_all_films_of_one_scene_are_alike(scene, beating):
    films = [s2(scene, constant(beating, c)) for c in (0.0, 0.5, 1.0)]
    films += s3(scene, constant(beating, 0.6))
    for film in films[1:]:
        np.testing.assert_allclose(bmode(film)[2], bmode(films[0])[2], atol=1e-5)
        assert np.abs(bmode(film)[0] - bmode(films[0])[0]).max() > 0.1
    assert np.abs(bmode(films[0])[0] - bmode(films[2])[0]).max() > 0.1


@pytest.fixture(scope="module")
def asked(beating):
    """Curves that vary in time and along the wall, within what the strategies can reach."""
    along = xr.DataArray(np.linspace(-1, 1, 9), dims="longitudinal")
    in_time = xr.DataArray([0.65, 0.85, 1.0, 0.75], dims="time")
    curves = constant(beating, 0) + in_time + 0.1 * along
    curves[2] = 1
    return curves


@pytest.fixture(scope="module")
def corrected(scene, asked):
    return s3(scene, asked, corrections=2)


def test_s3_comes_nearer_to_the_curves_that_were_asked_for(corrected, asked):
    errors = [float(mean_absolute_error(f.correlation, asked, 2).mean()) for f in corrected]
    assert errors[1] < 0.9 * errors[0]
    assert errors[2] < errors[0]


def test_s3_starts_from_s2_and_corrects_by_alpha_times_what_is_missing(scene, asked, corrected):
    np.testing.assert_allclose(bmode(corrected[0]), bmode(s2(scene, asked)), atol=1e-4)
    first = (asked + 2 * (asked - corrected[0].correlation)).clip(0, 1)
    np.testing.assert_allclose(bmode(corrected[1]), bmode(s2(scene, first)), atol=1e-4)
    second = (first + 2 * (asked - corrected[1].correlation)).clip(0, 1)
    np.testing.assert_allclose(corrected[2].coherence, scene.wall.spread(second.values))
    np.testing.assert_allclose(corrected[1].correlation, correlation(corrected[1]))
    assert len(corrected) == 3
    assert [f.attrs.get("corrections", 0) for f in corrected] == [0, 1, 2]


def test_the_inversion_comes_nearer_than_s2(scene, asked):
    """Without a search: the best of one by chance is no floor that the wall's speckle adds to."""
    film, floor, ceiling = s2_inverted(scene, asked, WIDE)
    others = [0, 1, 3]
    assert float(floor[others].mean()) < 0.4 < 0.6 < float(ceiling[others].mean())
    np.testing.assert_allclose(correlation(film)[2], 1, atol=1e-5)
    plain, inverted = (
        float(mean_absolute_error(correlation(f, WIDE), asked, 2).mean())
        for f in (s2(scene, asked), film)
    )
    assert inverted < 0.8 * plain
    assert film.attrs["strategy"] == "S2 inverted"


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_a_probability_outside_0_to_1_is_refused(scene, p):
    with pytest.raises(InputError, match="S1: p: "):
        s1(scene, p)


def test_curves_of_another_mesh_are_refused(scene, beating):
    with pytest.raises(InputError, match="curves"):
        s2(scene, constant(beating, 0.5)[:, :-2])
