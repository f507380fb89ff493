import numpy as np
import pytest
import torch
import xarray as xr
from scipy.ndimage import gaussian_filter

from tas_lib import recording
from tas_lib.errors import InputError
from tas_lib.speckle import (
    Window,
    best_shift,
    correlation,
    mean_absolute_error,
    normalised_correlation,
    speckle_size,
)

PIXEL = 0.308e-3  # m, the paper's


def smooth_noise(rng, shape, sd=(1.5, 3.0)):
    """Grey levels about 0.5 with a grain of some pixels."""
    noise = gaussian_filter(rng.standard_normal(shape), sd)
    return np.clip(0.5 + 0.15 * noise / noise.std(), 0, 1)


def clip(frames, shifts=None):
    """Frames (time, row, column) with a mesh in their middle; frame 1 is ES.

    shifts (time, 2): by how many columns and rows the mesh has moved.
    """
    z, x = (PIXEL * np.arange(n) for n in frames.shape[1:])
    ds = recording.new(frames, 0.02 * np.arange(len(frames)), z, x, source="frames", es_frame=1)
    nodes = np.stack(np.meshgrid([45, 60, 75, 90], [50, 60, 70], indexing="ij"), -1)
    moved = nodes + (np.zeros((len(frames), 2)) if shifts is None else shifts)[:, None, None]
    return ds.assign(mesh=(recording.MESH_DIMS, PIXEL * moved))


@pytest.fixture
def noise():
    return smooth_noise(np.random.default_rng(0), (120, 135))


def test_the_papers_window_is_25_pixels_and_always_odd():
    assert Window().pixels(PIXEL) == (12, round(2e-3 / PIXEL))
    for spacing in np.linspace(0.1e-3, 1.2e-3, 50):
        half, search = Window().pixels(spacing)
        assert (2 * half + 1) * spacing == pytest.approx(Window().size, abs=1.01 * spacing)
        assert search * spacing == pytest.approx(Window().search, abs=0.51 * spacing)


def test_frames_that_do_not_change_stay_correlated(noise):
    curves = correlation(clip(np.stack([noise] * 3)))
    assert curves.dims == ("time", "longitudinal", "radial") and curves.shape == (3, 4, 3)
    np.testing.assert_allclose(curves, 1, atol=1e-5)


def test_a_mesh_that_follows_the_image_keeps_the_correlation(noise):
    """In any direction and further than the search; a mesh that stays behind loses it."""
    shifts = np.array([[-9, 5], [0, 0], [4, -12]])
    moved = np.stack([np.roll(noise, (dz, dx), (0, 1)) for dx, dz in shifts])
    np.testing.assert_allclose(correlation(clip(moved, shifts)), 1, atol=1e-4)
    assert correlation(clip(moved)).isel(time=[0, 2]).mean() < 0.5


def test_the_search_makes_good_a_mesh_that_is_misaligned(noise):
    reach = Window().pixels(PIXEL)[1]
    moved = np.stack([np.roll(noise, (-reach, reach), (0, 1)), noise, np.roll(noise, reach + 3, 0)])
    curves = correlation(clip(moved))
    np.testing.assert_allclose(curves[0], 1, atol=1e-4)
    assert curves[2].max() < 0.95
    assert correlation(clip(moved), Window(search=0.0))[0].max() < 0.8
    found = best_shift(clip(moved))
    assert (found[0] == [reach, -reach]).all() and (found[1] == 0).all()


def test_independent_noise_leaves_what_the_search_finds_by_chance():
    """White noise in n pixels: SD 1 / sqrt n = 0.04 a place; the best of 13^2 is at 2.5 SD."""
    rng = np.random.default_rng(1)
    curves = correlation(clip(rng.random((6, 120, 135))))
    places = (2 * Window().pixels(PIXEL)[1] + 1) ** 2
    expected = np.mean(rng.standard_normal((500, places)).max(axis=1)) / 25
    others = curves.isel(time=[0, 2, 3, 4, 5])
    assert float(others.mean()) == pytest.approx(expected, abs=0.02)
    assert others.max() < 0.5
    assert abs(correlation(clip(rng.random((6, 120, 135))), Window(search=0.0))[0]).max() < 0.2


def test_mixed_noise_has_the_correlation_it_was_mixed_with():
    """a A + sqrt(1 - a^2) B against A: a, on average over many windows without a search."""
    rng = np.random.default_rng(2)
    for a in 0.3, 0.8:
        one, other = rng.standard_normal((2, 120, 135))
        mixed = a * one + np.sqrt(1 - a**2) * other
        frames = np.clip(0.5 + 0.08 * np.stack([mixed, one]), 0, 1)
        found = correlation(clip(frames), Window(search=0.0))[0].mean()
        assert float(found) == pytest.approx(a, abs=0.04)


@pytest.mark.parametrize("gain, offset", [(0.5, 0.4), (0.02, 0.0), (0.02, 0.97)])
def test_gain_and_offset_of_the_grey_levels_do_not_matter(noise, gain, offset):
    rng = np.random.default_rng(3)
    frames = np.stack([0.6 * noise + 0.4 * smooth_noise(rng, noise.shape) for _ in range(3)])
    curves = correlation(clip(frames))
    assert curves[0].max() < 0.98
    np.testing.assert_allclose(correlation(clip(gain * frames + offset)), curves, atol=2e-3)


def test_where_there_is_no_contrast_there_is_no_correlation(noise):
    flat = np.full_like(noise, 0.4)
    for frames in ([noise, flat, noise], [flat, noise, flat], [flat, flat, flat]):
        curves = correlation(clip(np.stack(frames)))
        np.testing.assert_array_equal(curves[[0, 2]], 0)


def test_windows_that_reach_beyond_the_image_still_find_themselves(noise):
    ds = clip(np.stack([noise] * 2))
    ds["mesh"] = ds.mesh - ds.mesh.min(("time", "longitudinal", "radial"))  # from the corner on
    np.testing.assert_allclose(correlation(ds), 1, atol=1e-4)


def test_it_is_the_textbook_coefficient():
    rng = np.random.default_rng(4)
    template, area = rng.random((2, 5, 7)), rng.random((2, 9, 12))
    found = normalised_correlation(*map(torch.as_tensor, (template, area))).numpy()
    assert found.shape == (2, 5, 6)
    for n, i, j in np.ndindex(found.shape):
        window = area[n, i : i + 5, j : j + 7]
        expected = np.corrcoef(template[n].ravel(), window.ravel())[0, 1]
        assert found[n, i, j] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("field", ["mesh", "es_frame"])
def test_what_is_missing_is_named(noise, field):
    ds = clip(np.stack([noise] * 2))
    if field == "mesh":
        ds = ds.drop_vars("mesh")
    else:
        del ds.attrs["es_frame"]
    with pytest.raises(InputError, match=f"frames: {field}: is missing; (add|name)"):
        correlation(ds)


def test_the_error_is_the_mean_over_all_frames_but_es():
    real = xr.DataArray(np.zeros((4, 2, 1)), dims=("time", "longitudinal", "radial"))
    simulated = real.copy()
    simulated[:, 0, 0] = [0.1, 9.0, -0.2, 0.3]  # ES is frame 1
    error = mean_absolute_error(simulated, real, 1)
    assert error.dims == ("longitudinal", "radial")
    np.testing.assert_allclose(error[:, 0], [0.2, 0.0])


@pytest.mark.parametrize(("sd", "off"), [((1.0, 1.0), 0.05), ((1.2, 2.0), 0.13)])
def test_speckle_size_is_the_width_of_the_autocorrelation(sd, off):
    """Noise through a Gaussian of SD s has a Gaussian autocorrelation of SD sqrt 2 s."""
    found = []
    for seed in range(6):
        frame = smooth_noise(np.random.default_rng(seed), (120, 135), np.array(sd))
        found.append(speckle_size(clip(np.stack([frame] * 2)), 0))
    true = 2 * np.sqrt(4 * np.log(2)) * np.array(sd) * PIXEL
    np.testing.assert_allclose(np.mean(found, 0), true, rtol=off)


@pytest.mark.parametrize("grey", [0.0, 0.1, 0.3])
def test_windows_of_one_grey_have_no_say_in_the_size_of_speckle(grey):
    frame = smooth_noise(np.random.default_rng(5), (120, 135), np.array([1.2, 2.0]))
    window, whole = Window(size=8e-3), clip(np.stack([frame] * 2))
    alone = speckle_size(whole, 0, window)
    shadowed = whole.copy(deep=True)
    x, z = shadowed.mesh.values[0, 0, 0]
    near = (np.abs(shadowed.x - x) < 5e-3) & (np.abs(shadowed.z - z) < 5e-3)
    shadowed["bmode"] = shadowed.bmode.where(~near, grey)
    found = speckle_size(shadowed, 0, window)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, alone, rtol=0.5)
    assert np.isnan(speckle_size(clip(np.full((2, 120, 135), grey)), 0, window)).all()
