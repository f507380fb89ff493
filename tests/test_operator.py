"""The fast operator: what holds for any scene, what it refuses, and frames side by side."""

import time
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from conftest import field
from hypothesis import given, settings
from hypothesis import strategies as st

from tas_lib.accuracy import exact_image, place, relative_error
from tas_lib.errors import InputError
from tas_lib.simulator import Acquisition, Diverging, Focused, Probe, SectorOperator, calibration
from tas_lib.simulator.calibration import Settings, Zone
from tas_lib.simulator.elevation import path, two_way

OBLIQUE = dict(n_lines=38, sector=np.radians(40), r_max=45e-3)
THREE = Diverging((-0.2, 0.0, 0.2))


def decibels(a, b):
    return 10 * np.log10(a / b)


def test_frames_add_up(acquisition, operator):
    """To the accuracy of the non-uniform FFT, 1e-4."""
    x, z, a = field(acquisition, 5000)
    b = np.random.default_rng(9).standard_normal(len(a))
    total = operator(x, z, 2 * a - 3 * b)
    assert relative_error(2 * operator(x, z, a) - 3 * operator(x, z, b), total) < 3e-4


def test_coefficients_may_be_complex(acquisition, operator):
    x, z, rc = field(acquisition, 500)
    assert relative_error(operator(x, z, 1j * rc), 1j * operator(x, z, rc)) < 1e-4


def test_a_mirrored_scene_gives_mirrored_lines(acquisition, coarse, operator, operator_of):
    """An even grid's highest mode has no mirror image: it counts where lines are few, 3e-3."""
    dense = operator_of(replace(acquisition, n_lines=81), coarse)
    x, z, rc = field(acquisition, 3000)
    for images, error in (operator, 3e-3), (dense, 1e-4):
        assert relative_error(images(-x, z, rc)[:, ::-1], images(x, z, rc)) < error


def test_a_point_that_moves_away_turns_the_phase_by_twice_the_wavenumber(acquisition, operator):
    steps = 20e-6 * np.arange(6)
    line = 23
    echo = [
        operator(*np.reshape(place(45e-3 + d, acquisition.angle[line]), (2, 1)), [1.0])
        for d in steps
    ]
    row = np.abs(echo[0][:, line]).argmax()
    phase = np.unwrap(np.angle([e[row, line] for e in echo]))
    slope = np.polyfit(steps, phase, 1)[0]
    assert slope == pytest.approx(-2 * acquisition.wavenumber, rel=0.03)


def test_points_out_of_reach_are_dropped_and_counted(acquisition, coarse, operator_of):
    """Too near, too deep, beside the sector on both sides, behind the array."""
    operator = operator_of(replace(acquisition, r_max=64e-3), coarse)
    x, z, rc = field(operator.acq, 300)
    before = operator(x, z, rc)
    assert operator.dropped == 0
    far = (
        np.array([0.0, 0.0, 40e-3, -40e-3, 0.0, 1e-3]),
        np.array([acquisition.r_min - 1e-6, 0.2, 1e-3, 1e-3, -40e-3, -30e-3]),
        np.full(6, 1e3),
    )
    after = operator(*(np.concatenate(pair) for pair in zip((x, z, rc), far, strict=True)))
    assert operator.dropped == 6
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())
    operator(*far)
    assert operator.dropped == 12  # so far


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(-9, 9)), max_size=9)
)
def test_any_finite_scatterers_make_a_finite_frame(operator, points):
    acq, before = operator.acq, operator.dropped
    x, z, rc = np.reshape(points, (-1, 3)).T
    frame = operator(x, z, rc)
    assert frame.shape == (len(acq.depth), acq.n_lines) and frame.dtype == np.complex64
    assert np.isfinite(frame).all()
    r, angle = np.hypot(x, z), np.abs(np.arctan2(x, z))
    inside = (r >= acq.r_min) & (r < acq.r_max) & (angle <= acq.sector / 2)
    outside = (r < acq.r_min) | (r > acq.r_max + 10e-3) | (z <= 0)
    assert outside.sum() <= operator.dropped - before <= (~inside).sum()


def test_points_just_beside_and_below_the_picture_still_count(acquisition, operator):
    before = operator.dropped
    beside = place(40e-3, acquisition.sector / 2 + 0.02)
    below = 0.0, acquisition.r_max + 0.3e-3
    for x, z in beside, below:
        seen, point = operator([x], [z], [1.0]), np.array([[x], [z]])
        assert relative_error(seen, exact_image(acquisition, *point, [1.0])) < 0.05
    assert operator.dropped == before


def test_what_lies_before_the_grid_is_dropped(acquisition, operator):
    """Before the lens' focus the wavefront reaches far points earlier than the plane."""
    before = operator.dropped
    rows, *_ = operator.points([0.0, 0.0], [20e-3, 20e-3], [1.0, 1.0], [0.0, 0.1])
    assert len(rows) == 1 and operator.dropped == before + 1


def test_sensitivity_has_the_same_bits_with_any_number_of_threads():
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(SectorOperator(Acquisition(), progress=False).sensitivity)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_refused(operator, which, value):
    scene = [np.zeros(3), np.full(3, 40e-3), np.ones(3), np.zeros(3)]
    scene[which][1] = value
    with pytest.raises(InputError, match="scatterers: x, z, rc, y: hold NaN.*drop those points"):
        operator(*scene)


@pytest.mark.parametrize("lengths", [(3, 3, 2), (3, 2, 3), (3, 3, 3, 1)], ids=str)
def test_unequal_lengths_are_refused(operator, lengths):
    with pytest.raises(InputError, match="scatterers: x, z, rc.*give each scatterer all of them"):
        operator(*(np.full(n, 40e-3) for n in lengths))


@pytest.mark.parametrize(
    "scene",
    [
        ([], [], []),
        ([], [], [], []),
        ([0.0], [1e-3], [1.0]),
        ([0.0], [1e-3], [1.0], [0.0]),
        ([0.0], [40e-3], [1.0], [0.5]),
        ([0.0], [40e-3], [0.0]),
    ],
    ids=["none", "none with y", "all too near", "too near with y", "far off plane", "silent"],
)
def test_nothing_to_be_seen_gives_a_zero_frame(operator, scene):
    frame = operator(*scene)
    assert frame.shape == (250, 46) and frame.dtype == np.complex64 and not frame.any()


REFUSED = [
    (
        {"probe": Probe(pitch=0.5e-3)},
        r"probe: pitch: 0.500 mm sends grating lobes .* use 0\.\d+ mm",
    ),
    ({"sector": 2.0, "c": 1450.0}, r"probe: pitch: .*use .* or a narrower sector"),
    ({"probe": Probe(bandwidth=0.08)}, r"probe: bandwidth: 0.08 leaves a band of .* widen it"),
    ({"n_lines": 100}, r"acquisition: n_lines: 100 lie .* rad apart, .*use at least 1\d\d lines"),
    ({"transmit": Diverging()}, r"acquisition: n_lines: 128 lie .*use at least 1\d\d lines"),
    ({"range_step": 0.4e-3}, r"acquisition: range_step: is 0.400 mm, .* make it smaller"),
]


@pytest.mark.parametrize("change, message", REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_cannot_be_imaged_is_refused_before_it_is_calibrated(monkeypatch, change, message):
    monkeypatch.setattr(calibration, "calibrate", lambda *_: pytest.fail("calibrated"))
    with pytest.raises(InputError, match=message):
        SectorOperator(replace(Acquisition(), **change), progress=False)


def test_a_single_oblique_wave_is_refused(acquisition):
    """It has no mirror image, which the calibration takes for granted."""
    acq = replace(acquisition, transmit=Diverging((0.2,)), **OBLIQUE)
    with pytest.raises(InputError, match="tilts: are not the same to both sides; give each tilt"):
        SectorOperator(acq, progress=False)


@pytest.mark.parametrize("transmit", [Focused(40e-3), THREE], ids=["focused", "diverging"])
def test_the_lines_asked_for_are_enough(acquisition, coarse, operator_of, transmit):
    """The number in the message is accepted, one less is refused."""
    acq = replace(acquisition, transmit=transmit, r_min=55e-3)
    with pytest.raises(InputError, match="use at least") as refusal:
        SectorOperator(replace(acq, n_lines=20), coarse, progress=False)
    enough = int(str(refusal.value).split("at least ")[1].split()[0])
    with pytest.raises(InputError, match=f"use at least {enough} lines"):
        SectorOperator(replace(acq, n_lines=enough - 1), coarse, progress=False)
    assert operator_of(replace(acq, n_lines=enough), coarse).acq.n_lines == enough


def test_scatterers_in_the_plane_need_no_elevation(acquisition, operator):
    x, z, rc = field(acquisition, 2000)
    assert relative_error(operator(x, z, rc, np.zeros(2000)), operator(x, z, rc)) < 1e-3


def test_elevation_weighs_and_delays_a_scatterer(acquisition, operator):
    """One at (r, y) is one at r + p with w exp(2 i k0 p): see `elevation`."""
    r, angle = np.array([25e-3, 40e-3, 60e-3]), np.array([0.1, -0.2, 0.3])
    y = np.array([1e-3, -1.5e-3, 2e-3])
    p = path(acquisition, r, y)
    weight = two_way(acquisition, r, y) * np.exp(2j * acquisition.wavenumber * p)
    seen = operator(*place(r, angle), np.ones(3), y)
    expected = operator(*place(r + p, angle), weight)
    assert relative_error(seen, expected) < 5e-3
    assert relative_error(seen, operator(*place(r, angle), np.ones(3))) > 0.1


def test_frames_have_the_same_bits_for_any_number_of_workers(acquisition, operator):
    scenes = [field(acquisition, 3000, seed) for seed in range(6)]
    scenes[2] = (*scenes[2], np.full(3000, 1e-3))
    alone = np.stack([operator(*scene) for scene in scenes])
    for workers in 1, 2, 3, None:
        together = np.stack(list(operator.frames(iter(scenes), workers)))
        np.testing.assert_array_equal(together, alone)


def test_frames_are_made_while_they_are_asked_for(acquisition, operator):
    taken = []
    scenes = (taken.append(i) or field(acquisition, 10, i) for i in count())
    frames = operator.frames(scenes, 2)
    next(frames), next(frames)
    assert len(taken) <= 6
    frames.close()


def test_dropped_scatterers_of_frames_side_by_side_are_all_counted(
    acquisition, coarse, operator_of
):
    operator = operator_of(replace(acquisition, r_max=63e-3), coarse)
    near = [(np.zeros(n), np.full(n, 1e-3), np.ones(n)) for n in range(1, 60)]
    assert not any(frame.any() for frame in operator.frames(near, 4))
    assert operator.dropped == sum(range(1, 60))


def test_bad_scatterers_in_a_frame_stop_the_frames(acquisition, operator):
    good = field(acquisition, 10)
    frames = operator.frames([good, (good[0], good[1], good[2] * np.nan), good], 2)
    next(frames)
    with pytest.raises(InputError, match="hold NaN"):
        next(frames)


@pytest.mark.parametrize(
    "change",
    [{}, {"attenuation": 0.5}, {"attenuation": 0.5, "apodisation": "hann"}],
    ids=["lossless", "attenuation", "attenuation, hann"],
)
def test_the_sensitivity_levels_a_uniform_medium(acquisition, coarse, operator_of, change):
    """Mean square 1, over depth and over angle; every eighth has some 500 independent cells."""
    acq = replace(acquisition, **change)
    operator = operator_of(acq, coarse)
    density, beside, below = 60e6, np.radians(10), 3e-3  # a dozen or more in every cell
    area = (acq.sector / 2 + beside) * ((acq.r_max + below) ** 2 - acq.r_min**2)
    fields = [field(acq, round(density * area), s, beside, below) for s in range(8)]
    rows = acq.depth > acq.r_min + 3e-3  # nothing was scattered above r_min
    frames = np.stack(list(operator.frames(fields)))
    power = (np.abs(frames) ** 2).mean(0) / (operator.sensitivity**2 * density)
    power = power[rows]
    for part in np.array_split(power, 8, axis=0) + np.array_split(power, 8, axis=1):
        assert part.mean() == pytest.approx(1, abs=0.15)
    assert power.mean() == pytest.approx(1, abs=0.04)
    if change:  # it had to: beyond the focus the echoes fall by 2 x 0.5 dB/cm/MHz
        fall = decibels(*(np.mean(operator.sensitivity[row] ** 2) for row in (-1, 0)))
        assert fall < -10


@pytest.mark.weekly
@pytest.mark.slow
def test_cost_grows_at_most_linearly_with_scatterers_and_terms(operator_of):
    """Best of several; half as much again is left for a busy machine."""

    def seconds(operator, scene):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            operator(*scene)
            times.append(time.perf_counter() - start)
        return min(times)

    acq = Acquisition()
    operator = operator_of(acq)
    few, many = (seconds(operator, field(acq, n)) for n in (200_000, 800_000))
    assert many < 1.5 * 4 * few
    acq = Acquisition(r_min=50e-3)
    quick = Settings(depth_step=2.0, angle_step=6.0)
    some, more = (
        operator_of(acq, replace(quick, zones=(Zone(np.inf, 22, tolerance),)))
        for tolerance in (0.03, 0.0005)
    )
    ratio = more.rank[0] / some.rank[0]
    assert ratio > 2
    scene = field(acq, 1000)
    assert seconds(more, scene) < 1.5 * ratio * seconds(some, scene)
