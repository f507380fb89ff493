"""Speckle tracking: known motion is followed, doubt is seen, the beat closes, and time may run
backwards."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from tas_lib.trackers.block_matching import SpeckleTracking
from tas_lib.trackers.tracker import Canvas

PIXEL = 0.4e-3  # m
SIZE = 110, 130  # rows, columns
FRAMES, FRAME = 9, 4
OFF = float("inf")
MESH = np.stack(np.meshgrid(np.linspace(35, 95, 7), np.linspace(40, 64, 4), indexing="ij"), -1)
MIDDLE = np.array([65.0, 52.0])
PLAIN = SpeckleTracking(stationary=0.0, mismatch=OFF, bending=OFF, rest=OFF)
FOLLOW = SpeckleTracking(stationary=0.0)


def texture(seed, shape=SIZE):
    """Grey levels about 0.5 with a grain of some pixels."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), (1.5, 2.5))
    return np.clip(0.5 + 0.15 * noise / noise.std(), 0, 1)


def film(shape, shift, seed=0):
    """Frames (T, H, W) of one texture moved by x -> middle + shape_t (x - middle) + shift_t, and
    the mesh in them; `shape` (T, 2, 2), `shift` (T, 2), the identity and 0 at FRAME."""
    still = texture(seed, tuple(n + 80 for n in SIZE))
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    at = np.stack([x, y], -1) - MIDDLE
    frames, meshes = [], []
    for a, b in zip(shape, shift, strict=True):
        source = (at - b) @ np.linalg.inv(a).T + MIDDLE + 40
        frames.append(map_coordinates(still, [source[..., 1], source[..., 0]], order=5))
        meshes.append((MESH - MIDDLE) @ a.T + MIDDLE + b)
    return np.array(frames, np.float32), np.array(meshes)


def moving(rate, stretch=0.0, seed=0):
    """A film with `rate` (2,) pixels a frame and, along x, `stretch` a frame."""
    late = np.arange(FRAMES) - FRAME
    shape = np.eye(2) + late[:, None, None] * np.array([[stretch, 0.3 * stretch], [0, -stretch]])
    return film(shape, late[:, None] * np.asarray(rate), seed)


def noisy(frames, level, seed=1):
    noise = np.random.default_rng(seed).standard_normal(frames.shape)
    noise = gaussian_filter(noise, (0, 1.0, 1.0))
    return (frames + level * noise / noise.std()).clip(0, 1).astype(np.float32)


def error(tracks, mesh):
    return np.linalg.norm(tracks - mesh, axis=-1).mean()


def follow(frames, settings=FOLLOW, frame=FRAME, cyclic=False):
    canvas = Canvas(torch.as_tensor(frames), np.zeros(2), PIXEL, cyclic)
    return settings.follow(canvas, MESH, frame)


@pytest.mark.parametrize("rate", [(0.37, -0.23), (-1.6, 0.9), (5.5, 2.25)])
def test_a_translation_is_followed_between_pixels(rate):
    """Alike with the prior and without: a translation is no departure from an affine motion."""
    frames, mesh = moving(rate) if rate[0] < 5 else moving(rate, seed=2)
    for settings in (PLAIN, FOLLOW):
        tracks, quality = follow(frames, settings)
        assert tracks.shape == mesh.shape and quality.shape == mesh.shape[:3]
        assert error(tracks, mesh) < 0.05
        assert quality.min() > 0.9 and quality.max() <= 1


def test_an_affine_motion_is_followed():
    """1.5 % a frame: 6 % to either end, as much as a window loses its shape in a systole."""
    frames, mesh = moving((0.3, 0.2), stretch=0.015)
    tracks, _ = follow(frames)
    assert error(tracks, mesh) < 0.1
    length = np.linalg.norm(np.diff(tracks[:, :, 1], axis=1), axis=-1).sum(1)
    true = np.linalg.norm(np.diff(mesh[:, :, 1], axis=1), axis=-1).sum(1)
    np.testing.assert_allclose(length / length[0], true / true[0], atol=5e-3)


def test_what_stands_still_stays():
    frames = np.repeat(texture(0)[None], 5, 0).astype(np.float32)
    tracks, quality = follow(frames, SpeckleTracking(), frame=2, cyclic=True)
    np.testing.assert_allclose(tracks, np.repeat(MESH[None], 5, 0), atol=1e-3)
    assert quality.min() > 0.99


def test_nothing_is_seen_in_a_black_film():
    tracks, quality = follow(np.zeros((4, *SIZE), np.float32), frame=1)
    np.testing.assert_allclose(tracks, np.repeat(MESH[None], 4, 0), atol=1e-6)
    assert (quality[[0, 2, 3]] == 0).all() and (quality[1] == 1).all()


def test_time_may_run_backwards():
    frames, _ = moving((0.8, -0.5), stretch=0.01)
    frames = noisy(frames, 0.1)
    there, quality = follow(frames, frame=3, cyclic=True)
    back, same = follow(frames[::-1].copy(), frame=FRAMES - 4, cyclic=True)
    np.testing.assert_allclose(back[::-1], there, atol=1e-3)
    np.testing.assert_allclose(same[::-1], quality, atol=1e-3)


def test_threads_make_no_difference():
    frames = noisy(moving((0.8, -0.5))[0], 0.1)[:4]
    threads = torch.get_num_threads()
    one, _ = follow(frames, frame=1)
    try:
        torch.set_num_threads(3)
        other, _ = follow(frames, frame=1)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(one, other)


def beat(level):
    """There and back within the film, in noise: the mesh in the last frame is that in the first."""
    phase = np.sin(np.pi * np.arange(FRAMES) / (FRAMES - 1)) - 1
    frames, mesh = film(np.tile(np.eye(2), (FRAMES, 1, 1)), phase[:, None] * np.array([5, 3]))
    return noisy(frames, level), mesh


def test_drift_compensation_closes_the_beat():
    frames, mesh = beat(0.25)
    closed, _ = follow(frames, cyclic=True)
    np.testing.assert_allclose(closed[0], closed[-1], atol=1e-3)
    np.testing.assert_allclose(closed[FRAME], MESH, atol=1e-4)
    opened, _ = follow(frames)
    switched_off, _ = follow(
        frames, dataclasses.replace(FOLLOW, drift_compensation=False), cyclic=True
    )
    np.testing.assert_array_equal(opened, switched_off)
    assert np.linalg.norm(opened[0] - opened[-1], axis=-1).mean() > 0.02
    assert error(closed, mesh) < error(opened, mesh)


def test_quality_falls_where_noise_replaces_the_speckle():
    """And the way back leads elsewhere there: without that check quality falls by less."""
    frames, mesh = moving((0.8, -0.5))
    for t in range(FRAMES):
        frames[t, :, :48] = texture(100 + t)[:, :48]
    lost, kept = MESH[..., 0] < 40, MESH[..., 0] > 60
    wide = dataclasses.replace(FOLLOW, search=2.4e-3)  # noise peaks somewhere within
    others = np.arange(FRAMES) != FRAME
    checked = follow(frames, wide)[1][others]
    free = follow(frames, dataclasses.replace(wide, mismatch=OFF))[1][others]
    assert checked[:, kept].mean() > 0.9 and checked[:, lost].mean() < 0.4
    assert checked[:, lost].mean() < 0.8 * free[:, lost].mean()
    np.testing.assert_allclose(checked[:, kept], free[:, kept], atol=0.05)


def test_the_prior_bridges_a_hole_and_averages_noise():
    """Each of both priors, against none, and both together."""
    frames, mesh = moving((0.8, -0.5), stretch=0.005)
    frames = noisy(frames, 0.15)
    for t in range(FRAMES):
        frames[t, :, :48] = texture(100 + t)[:, :48]

    def miss(**changes):
        return error(follow(frames, dataclasses.replace(FOLLOW, **changes))[0], mesh)

    free = miss(bending=OFF, rest=OFF)
    both = miss()
    assert max(miss(rest=OFF), miss(bending=OFF)) < 0.85 * free
    assert both < 0.75 * free


def test_haze_that_stands_still_holds_nothing_back():
    frames, mesh = moving((0.9, -0.6))
    hazy = (0.5 * frames + 0.7 * texture(7)[None]).astype(np.float32) / 1.2
    held, _ = follow(hazy)
    freed, _ = follow(hazy, SpeckleTracking())
    assert error(freed, mesh) < 0.5 * error(held, mesh)


def test_earlier_frames_steady_the_path():
    """In noise, comparison with the last frame alone errs by more."""
    frames, mesh = moving((0.8, -0.5))
    frames = noisy(frames, 0.2)
    single, _ = follow(frames, dataclasses.replace(FOLLOW, lags=(1,)))
    assert error(follow(frames)[0], mesh) < 0.8 * error(single, mesh)


def test_the_prior_is_about_metres_not_nodes():
    """A mesh twice as fine in the same place is held as stiffly: a bend costs as much per node."""

    def cost(n_along, n_across):
        nodes = np.stack(
            np.meshgrid(np.linspace(0, 60, n_along), np.linspace(0, 24, n_across), indexing="ij"),
            -1,
        )
        settings = SpeckleTracking(rest=OFF)
        prior = settings._prior(torch.as_tensor(nodes), PIXEL).numpy()
        bend = (PIXEL * nodes[..., 0].ravel()) ** 2 / 2  # its second derivative is 1 along
        still = bend @ bend
        return (bend @ prior @ bend - still) * settings.bending**2 / len(bend)

    assert cost(41, 9) == pytest.approx(39 / 41) and cost(21, 5) == pytest.approx(19 / 21)


def test_an_affine_motion_costs_nothing():
    prior = SpeckleTracking()._prior(torch.as_tensor(MESH), PIXEL).numpy()
    x, y = MESH.reshape(-1, 2).T
    for motion in (np.ones_like(x), x, y):
        np.testing.assert_allclose(prior @ motion, motion, atol=1e-6 * abs(prior).max())
