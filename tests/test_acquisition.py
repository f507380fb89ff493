from dataclasses import replace

import numpy as np
import pymust
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tas_lib.errors import InputError
from tas_lib.simulator import PROBES, Acquisition, Diverging, Focused, Probe
from tas_lib.simulator.acquisition import checked_scatterers

FINITE = st.floats(-1e6, 1e6)


@pytest.mark.parametrize("name", PROBES)
def test_presets_are_those_of_pymust(name):
    theirs, ours = pymust.getparam(name), PROBES[name]
    assert theirs.fc == ours.centre_frequency and theirs.Nelements == ours.n_elements
    assert theirs.pitch == pytest.approx(ours.pitch)
    assert theirs.pitch - theirs.kerf == pytest.approx(ours.width)
    assert theirs.bandwidth == pytest.approx(100 * ours.bandwidth)
    assert theirs.height == ours.height


def test_the_default_probe_is_the_p4_2v_with_its_lens():
    assert Acquisition().probe == PROBES["P4-2v"]
    assert pymust.getparam("P4-2v").focus == Acquisition().probe.elevation_focus


def test_the_wavefront_of_all_elements_reaches_the_focus_together():
    acq = Acquisition()
    distance = acq.transmit.distance
    focus = distance * np.stack([np.sin(acq.angle), np.cos(acq.angle)], -1)
    path = np.hypot(focus[:, :1] - acq.probe.x, focus[:, 1:])
    arrival = acq.transmit.delays(acq, acq.angle)[0] + path / acq.c
    np.testing.assert_allclose(arrival, distance / acq.c, rtol=1e-12)
    np.testing.assert_allclose(acq.transmit.arrival(acq, distance, acq.angle), arrival[None, :, 0])


@pytest.mark.parametrize("width", np.radians([20.0, 60.0, 90.0]))
def test_diverging_waves_are_those_of_pymust(width):
    """Up to the time at which a shot begins; PyMUST's lists may be a row or a column."""
    acq = Acquisition(transmit=Diverging(tuple(np.radians([-20.0, 0.0, 5.0, 20.0])), width))
    param = pymust.getparam("P4-2v")
    param.c = acq.c
    for ours, tilt in zip(acq.shots, acq.transmit.tilts, strict=True):
        theirs = np.ravel(pymust.txdelay(param, tilt, width))
        np.testing.assert_allclose(ours - ours.min(), theirs - theirs.min(), atol=1e-12)


def test_seen_from_its_source_the_array_has_the_width_and_direction_asked_for():
    acq = Acquisition(transmit=Diverging(tuple(np.radians([-15.0, 0.0, 30.0])), np.radians(50)))
    for (x, z), tilt in zip(acq.transmit.sources(acq), acq.transmit.tilts, strict=True):
        left, right = np.arctan2(acq.probe.x[[0, -1]] - x, -z)
        assert right - left == pytest.approx(acq.transmit.width)
        assert (left + right) / 2 == pytest.approx(tilt)


def test_a_diverging_wave_arrives_with_the_first_of_its_elements():
    """Huygens: earliest arrival over a dense array; only where rays from the source lead."""
    probe = Probe("dense", n_elements=4001, pitch=19.2e-3 / 4001, width=4e-6)
    acq = Acquisition(probe, Diverging(tuple(np.radians([-20.0, 10.0])), np.radians(60)))
    r, angle = np.meshgrid([20e-3, 60e-3, 140e-3], np.radians([-20.0, -5.0, 0.0, 8.0, 20.0]))
    x, z = r * np.sin(angle), r * np.cos(angle)
    path = np.hypot(x[..., None] - probe.x, z[..., None]) / acq.c
    first = (acq.shots[:, None, None] + path).min(-1)
    arrival = acq.transmit.arrival(acq, r, angle)
    lit = np.abs(
        np.stack([np.arctan2(x - a, z - b) for a, b in acq.transmit.sources(acq)])
        - np.reshape(acq.transmit.tilts, (-1, 1, 1))
    ) < np.radians(29)
    assert lit.sum() > 15
    np.testing.assert_allclose(arrival[lit], first[lit], atol=1e-11)
    assert (arrival <= first + 1e-11).all()


def test_receive_delays_are_the_way_back_to_the_elements():
    acq, r, angle = Acquisition(), 0.06, 0.3
    way = [np.hypot(r * np.sin(angle) - x, r * np.cos(angle)) for x in acq.probe.x]
    delays = acq.receive_delays(np.array([r]), np.array([angle]))
    np.testing.assert_allclose(delays[0] * acq.c, way, rtol=1e-12)


def test_a_focused_sequence_has_a_shot_a_line_and_a_compounded_one_a_shot_a_tilt():
    assert Acquisition(n_lines=50).shots.shape == (50, 64)
    assert Acquisition(n_lines=50, transmit=Diverging()).shots.shape == (7, 64)


@pytest.mark.parametrize("window", ["boxcar", "hann", "hamming", "cosine"])
def test_apodisation_is_a_symmetric_window_over_the_array(window):
    weights = Acquisition(apodisation=window).weights
    np.testing.assert_allclose(weights, weights[::-1])
    assert weights.shape == (64,) and weights[31] == weights.max() == pytest.approx(1, abs=2e-3)
    assert (weights.min() == 1) == (window == "boxcar")


@pytest.mark.parametrize(
    "field, value, remedy",
    [
        ("sector", 0.0, "positive number in SI units"),
        ("sector", 3.2, "up to 120 degrees"),
        ("r_min", np.nan, "positive number in SI units"),
        ("range_step", 0.0, "positive number in SI units"),
        ("c", np.inf, "positive number in SI units"),
        ("n_lines", 4, "8 lines or more"),
        ("n_lines", 24.5, "8 lines or more"),
        ("r_max", 15e-3, "10 mm or more below r_min"),
        ("r_max", 120.0, "give metres"),
        ("r_max", np.nan, "positive number in SI units"),
        ("attenuation", -0.1, "0 to 5; tissue has 0.5"),
        ("attenuation", 50.0, "0 to 5; tissue has 0.5"),
        ("attenuation", np.nan, "0 to 5; tissue has 0.5"),
        ("apodisation", "no window", "name a window of scipy.signal"),
        ("apodisation", "kaiser", "name a window of scipy.signal"),
    ],
)
def test_impossible_acquisitions_are_refused(field, value, remedy):
    with pytest.raises(InputError, match=rf"acquisition: {field}.*{remedy}"):
        replace(Acquisition(), **{field: value})


@pytest.mark.parametrize(
    "field, value",
    [
        ("n_elements", 0),
        ("n_elements", 1),
        ("n_elements", 32.5),
        ("centre_frequency", 0.0),
        ("pitch", -1e-3),
        ("bandwidth", 0.0),
        ("bandwidth", 2.0),
        ("width", np.nan),
        ("height", 0.0),
        ("elevation_focus", np.inf),
    ],
)
def test_impossible_probes_are_refused(field, value):
    with pytest.raises(InputError, match=f"probe: {field}"):
        Probe(**{field: value})


@pytest.mark.parametrize("distance", [0.0, -0.09, np.nan, np.inf])
def test_impossible_foci_are_refused(distance):
    with pytest.raises(InputError, match="focused transmit: distance.*positive number"):
        Focused(distance)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"width": 0.0}, "width.*positive number"),
        ({"tilts": ()}, "tilts: are none; give one angle a shot"),
        ({"tilts": (0.0, 1.2)}, "tilts.*stay below 89 degrees"),
        ({"tilts": (-1.6,)}, "tilts.*stay below 89 degrees"),
        ({"width": np.radians(178)}, "tilts.*stay below 89 degrees"),
        ({"tilts": (0.0, np.nan)}, "tilts"),
    ],
    ids=str,
)
def test_impossible_diverging_waves_are_refused(change, message):
    with pytest.raises(InputError, match=f"diverging transmit: {message}"):
        Diverging(**change)


def test_what_decides_the_point_spread_decides_the_key():
    changes = [
        {},
        {"transmit": Focused(0.08)},
        {"transmit": Diverging()},
        {"transmit": Diverging((-0.1, 0.0, 0.1))},
        {"c": 1500.0},
        {"probe": Probe(pitch=0.31e-3)},
        {"apodisation": "hann"},
        {"attenuation": 0.5},
        {"n_lines": 127},
    ]
    assert len({replace(Acquisition(), **change).key for change in changes}) == len(changes)
    same = {"c": 1540, "n_lines": np.int64(128), "attenuation": 0, "transmit": Focused()}
    assert replace(Acquisition(), **same).key == Acquisition().key
    out_of_plane = Probe("another name", height=12e-3, elevation_focus=70e-3)
    assert Acquisition(out_of_plane).key == Acquisition().key


@given(st.integers(0, 20).flatmap(lambda n: arrays(float, (4, n), elements=FINITE)))
def test_scatterers_pass_as_they_are(points):
    x, z, rc, y = points
    for ours, given_ in zip(checked_scatterers(x, z, rc, y), points, strict=True):
        np.testing.assert_array_equal(ours, given_)
    assert checked_scatterers(x, z, rc)[3] is None
    assert checked_scatterers(list(x), list(z), rc + 1j)[2].dtype == complex


@given(
    st.integers(0, 3),
    st.integers(0, 6),
    st.sampled_from([np.nan, np.inf, -np.inf]),
    arrays(float, (4, 7), elements=FINITE),
)
def test_a_single_nan_or_infinity_is_refused(which, where, value, points):
    points[which, where] = value
    x, z, rc, y = points
    with pytest.raises(InputError, match="scatterers: x, z, rc, y: hold NaN.*drop those points"):
        checked_scatterers(x, z, rc, y)


def test_complex_nan_is_refused():
    with pytest.raises(InputError, match="scatterers: x, z, rc: hold NaN"):
        checked_scatterers([0.0], [0.1], [complex(0, np.nan)])


@given(st.lists(st.integers(0, 5), min_size=4, max_size=4).filter(lambda n: len(set(n)) > 1))
def test_unequal_lengths_are_refused(lengths):
    x, z, rc, y = (np.zeros(n) for n in lengths)
    with pytest.raises(InputError, match=r"x, z, rc, y: have .* entries; give each scatterer"):
        checked_scatterers(x, z, rc, y)
