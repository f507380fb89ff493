import multiprocessing
import os
import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
from conftest import field

from tas_lib.accuracy import exact_image, place, relative_error
from tas_lib.simulator import Acquisition, Diverging, Probe, SectorOperator, calibration
from tas_lib.simulator.calibration import COMMON, SHIPPED, Settings, Zone, calibrate, load_bands


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "deep" / "cache"
    monkeypatch.setattr(calibration, "cache_folder", lambda: folder)
    return folder


@pytest.fixture(scope="module")
def tiny(acquisition):
    """An acquisition that is calibrated in a fraction of a second, how, and the result."""
    acq = replace(acquisition, n_lines=16, sector=np.radians(20), r_min=46e-3)
    settings = Settings((Zone(5.5, 24, 0.01), Zone(np.inf, 24, 0.01)), angle_step=4.0)
    return acq, settings, calibrate(acq, settings, progress=False)


@pytest.fixture
def calibrated(cache, tiny, monkeypatch):
    """Calibrations made; each gives the ready bands of `tiny` at once."""
    made = []
    monkeypatch.setattr(calibration, "calibrate", lambda *a: made.append(a) or tiny[2])
    return made


def load(acq, settings):
    return load_bands(acq, settings, progress=False)


def assert_same(bands, others):
    assert len(bands) == len(others)
    for band, other in zip(bands, others, strict=True):
        for name, value in vars(band).items():
            np.testing.assert_array_equal(value, getattr(other, name))


SEQUENCES = [
    {},
    {"attenuation": 0.5, "apodisation": "hann"},
    {"transmit": Diverging((-0.2, 0.0, 0.2))},
    {"transmit": Diverging((0.1,)), "attenuation": 0.5},
]


@pytest.mark.parametrize("change", SEQUENCES, ids=str)
def test_a_patch_holds_the_exact_response_of_the_points_around(acquisition, change):
    """Within the taper, sources here and there, against an image of each by the exact model."""
    step, n_r, n_a, row, column = acquisition.angle_step, 22, 16, 50, 2
    grid = dict(n_lines=9, sector=8 * step, r_min=30e-3, r_max=42e-3)
    acq = replace(acquisition, **grid, **change)
    r = acq.depth[row]
    patch = calibration.point_spread(acq, r, np.array([column]), n_r, n_a)[0]
    seen, expected = [], []
    for d_r, d_a in (0, 0), (2, 1), (-3, -2), (6, 0), (0, 9), (-12, -13):
        at = r - d_r * acq.range_step
        x, z = place(at, (column - d_a) * step)
        iq = exact_image(acq, np.array([x]), np.array([z]), [1.0])[row, 4 + column]
        expected.append(iq * np.exp(2j * acq.wavenumber * at))
        seen.append(patch[d_r + n_r, d_a + n_a])
    assert relative_error(np.array(seen), np.array(expected)) < 1e-3
    assert np.abs(patch[[0, -1]]).max() < 0.01 * np.abs(patch).max()  # fades out at the edge


def test_patches_of_mirrored_points_are_mirrored(acquisition):
    left, right = calibration.point_spread(acquisition, 40e-3, np.array([-12, 12]), 10, 14)
    assert relative_error(left[:, ::-1], right) < 1e-4


def test_patches_and_maps_are_even_or_odd(tiny):
    acq, _, bands = tiny
    assert {p for band in bands for p in band.parity} == {1, -1}
    for band in bands:
        parity = band.parity[:, None, None]
        kernel, maps = band.kernel(), band.maps(acq)
        assert kernel.shape == (len(parity), 2 * band.reach[0] + 1, 2 * band.reach[1] + 1)
        assert maps.shape == (len(parity), band.stop - band.start, acq.n_lines)
        np.testing.assert_array_equal(kernel[..., ::-1], parity * kernel)
        np.testing.assert_allclose(maps[..., ::-1], parity * maps, atol=1e-5 * np.abs(maps).max())


@pytest.mark.parametrize("r_min, r_max", [(12e-3, 65e-3), (30e-3, 60.2e-3), (50e-3, 61e-3)])
def test_zones_cover_all_rows_once(acquisition, r_min, r_max):
    acq = replace(acquisition, r_min=r_min, r_max=r_max)
    settings = Settings(depth_step=8.0, angle_step=15.0)
    bands = calibrate(acq, settings, progress=False)
    rows = [row for band in bands for row in range(band.start, band.stop)]
    assert rows == list(range(len(acq.depth)))
    assert 1 <= len(bands) <= len(settings.zones)
    for band in bands:  # all is interpolated, little is extrapolated
        rows = acq.depth[band.start : band.stop]
        assert (band.ranges > 0).all()
        assert (1 / band.ranges[0] - 1 / rows[0]) * (1 / band.ranges[-1] - 1 / rows[-1]) <= 0
        assert band.columns[-1] >= (acq.n_lines - 1) / 2 and (np.diff(band.columns) > 0).all()


def test_far_from_a_small_probe_a_point_is_as_it_should_be(cache):
    """Of 20 elements: half a step of the calibration's grid in 1/r is more than 1/r itself."""
    probe = Probe(n_elements=20)
    acq = Acquisition(probe=probe, r_min=22e-3, r_max=0.2, n_lines=11, sector=np.deg2rad(20.0))
    operator = SectorOperator(acq, progress=False)
    for z in (0.1, 0.19):
        point = np.array([0.0]), np.array([z]), np.array([1.0])
        exact, fast = exact_image(acq, *point), operator(*point)
        assert np.linalg.norm(fast - exact) < 0.02 * np.linalg.norm(exact)


def test_a_zone_of_a_single_row_is_calibrated(acquisition):
    border = 1.6 * acquisition.probe.aperture
    start = border - 0.5 * acquisition.range_step
    acq = replace(acquisition, r_min=start, r_max=start + 10e-3)
    bands = calibrate(acq, Settings(depth_step=8.0, angle_step=15.0), progress=False)
    assert bands[0].stop - bands[0].start == 1
    assert all(np.isfinite(band.maps(acq)).all() for band in bands)


def test_a_tighter_tolerance_takes_more_terms_and_leaves_less_error(tiny, cache):
    acq, settings, _ = tiny
    acq = replace(acq, r_min=17e-3, r_max=29e-3)
    scene = field(acq, 500)
    slow, ranks, errors = exact_image(acq, *scene), [], []
    for tolerance in 0.1, 0.02, 0.0025:
        zones = (Zone(np.inf, 34, tolerance),)
        operator = SectorOperator(acq, replace(settings, zones=zones), progress=False)
        ranks.append(sum(operator.rank))
        errors.append(relative_error(operator(*scene), slow))
    assert ranks[0] < ranks[1] < ranks[2]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.006


def test_a_finer_calibration_is_not_worse(acquisition, coarse, operator, cache):
    scene = field(acquisition, 1500)
    slow = exact_image(acquisition, *scene)
    errors = [relative_error(operator(*scene), slow)]
    for change in {"angle_step": 2.0}, {"depth_step": 1.0}, {"angle_step": 2.0, "depth_step": 1.0}:
        fine = SectorOperator(acquisition, replace(coarse, **change), progress=False)
        errors.append(relative_error(fine(*scene), slow))
    assert max(errors[1:]) < 1.03 * errors[0]
    assert errors[3] < 0.98 * errors[0]


def test_common_calibrations_are_shipped_and_write_nothing(cache, monkeypatch):
    monkeypatch.setattr(calibration, "calibrate", lambda *_: pytest.fail("was made anew"))
    shipped = sorted(SHIPPED.iterdir())
    assert len(shipped) == len(COMMON)  # no leftovers of older versions
    before = [path.stat().st_mtime_ns for path in shipped]
    for acq in COMMON:
        bands = load(acq, Settings())
        assert bands[0].start == 0 and bands[-1].stop == len(acq.depth)
    assert not cache.exists() and before == [path.stat().st_mtime_ns for path in shipped]


@pytest.mark.weekly
@pytest.mark.slow
@pytest.mark.parametrize("acq", COMMON, ids=["default", "wide", "clinical"])
def test_the_shipped_calibrations_are_what_calibrate_makes(acq):
    """Singular vectors may turn in a subspace: their sums b phi are compared, in every zone."""
    shipped = load(acq, Settings())
    made = calibrate(acq, Settings(), progress=False)
    for a, b in zip(shipped, made, strict=True):
        assert (a.start, a.stop) == (b.start, b.stop)
        assert abs(len(a.patches) - len(b.patches)) <= 1
        rows = slice(None, None, max(1, (a.stop - a.start) // 3))
        sums = [
            np.einsum("krl,kij->rlij", band.maps(acq)[:, rows, 5::40], band.kernel())
            for band in (a, b)
        ]
        assert relative_error(*sums) < 2e-3


def test_ship_replaces_the_calibrations_in_the_package(tiny, calibrated, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "SHIPPED", tmp_path)
    (tmp_path / "old.npz").touch()
    calibration.ship()
    assert len(list(tmp_path.iterdir())) == len(calibrated) == len(COMMON)
    assert_same(load(Acquisition(), Settings()), tiny[2])


def test_a_calibration_is_made_once_and_kept(tiny, cache, calibrated):
    acq, settings, bands = tiny
    first, second = load(acq, settings), load(acq, settings)
    assert_same(first, bands)
    assert_same(second, bands)
    assert len(calibrated) == len(list(cache.iterdir())) == 1


def test_a_calibration_that_was_cut_short_goes_on(tiny, cache, monkeypatch):
    acq, settings, bands = tiny
    compress, calls = calibration._compress, []

    def killed(*args):
        calls.append(args)
        if len(calls) == len(bands):
            raise KeyboardInterrupt
        return compress(*args)

    monkeypatch.setattr(calibration, "_compress", killed)
    with pytest.raises(KeyboardInterrupt):
        load(acq, settings)
    (part,) = cache.iterdir()
    whole = part.read_bytes()
    assert_same(load(acq, settings), bands)  # one more is all that was left
    assert len(calls) == len(bands) + 1 and part not in (kept := [*cache.iterdir()])
    kept[0].unlink()
    part.write_bytes(DAMAGE["cut short"](whole))
    with pytest.warns(UserWarning, match=rf"{part.name} is unreadable .*: made anew"):
        assert_same(load(acq, settings), bands)


def test_other_settings_and_acquisitions_have_their_own_files(tiny, cache, calibrated):
    acq, settings, _ = tiny
    load(acq, settings)
    for change in {"half_range": 5e-3}, {"depth_step": 1.5}, {"zones": settings.zones[1:]}:
        load(acq, replace(settings, **change))
    for change in {"apodisation": "hann"}, {"attenuation": 0.5}, {"transmit": Diverging((0.0,))}:
        load(replace(acq, **change), settings)
    assert len(calibrated) == len(list(cache.iterdir())) == 7


def flip(content, where, bit=1):
    return content[:where] + bytes([content[where] ^ bit]) + content[where + 1 :]


DAMAGE = {
    "one bit": lambda content: flip(content, len(content) // 2),
    "nonsense": lambda content: b"nonsense",
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_calibration_is_noticed_and_made_anew(tiny, cache, calibrated, damage):
    acq, settings, bands = tiny
    load(acq, settings)
    (kept,) = cache.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    with pytest.warns(UserWarning, match=rf"{kept.name} is unreadable .*: made anew"):
        again = load(acq, settings)
    assert_same(again, bands)
    load(acq, settings)  # whole again: no warning
    assert len(calibrated) == 2


def test_whichever_bit_is_wrong_the_bands_are_right(tiny, cache, calibrated):
    """Some bits (dates, say) mean nothing; all others are noticed, and never raise."""
    acq, settings, bands = tiny
    load(acq, settings)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.integers(0, len(whole), 60), len(whole) - np.arange(1, 1200, 30)])
    for where in places:
        kept.write_bytes(flip(whole, where, 1 << rng.integers(8)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert_same(load(acq, settings), bands)
    assert len(calibrated) > 50


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_shipped_calibration_is_made_anew_in_the_cache(
    tiny, cache, calibrated, damage, tmp_path, monkeypatch
):
    acq, settings, bands = tiny
    load(acq, settings)
    (kept,) = cache.iterdir()
    shipped = tmp_path / "shipped" / kept.name
    shipped.parent.mkdir()
    shutil.move(kept, shipped)
    monkeypatch.setattr(calibration, "SHIPPED", shipped.parent)
    load(acq, settings)
    assert len(calibrated) == 1 and not any(cache.iterdir())
    broken = damage(shipped.read_bytes())
    shipped.write_bytes(broken)
    for _ in range(2):  # it stays broken; the second time the cache helps
        with pytest.warns(UserWarning, match=rf"{shipped.name} is unreadable"):
            assert_same(load(acq, settings), bands)
    assert len(calibrated) == 2 and kept.exists() and shipped.read_bytes() == broken


def test_a_cache_that_cannot_be_written_is_only_warned_of(tiny, calibrated, tmp_path, monkeypatch):
    acq, settings, bands = tiny
    (tmp_path / "file").touch()
    monkeypatch.setattr(calibration, "cache_folder", lambda: tmp_path / "file" / "cache")
    with pytest.warns(UserWarning, match="calibration .*"):
        assert_same(load(acq, settings), bands)


def test_a_full_disk_leaves_nothing_behind(tiny, cache, calibrated, monkeypatch):
    acq, settings, bands = tiny

    def full(path, **arrays):
        path.write_bytes(b"half")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.warns(UserWarning, match="calibration is not kept .*No space left"):
        assert_same(load(acq, settings), bands)
    assert list(cache.iterdir()) == []


def calibrate_together(folder, acq, many, start):
    """What one of two processes does: all of `many` settings, both at the same time."""
    warnings.simplefilter("error")
    calibration.cache_folder = lambda: folder
    for settings in many:
        start.wait(timeout=60)
        load(acq, settings)


@pytest.mark.weekly
@pytest.mark.slow
def test_two_processes_may_calibrate_the_same_at_once(tiny, cache):
    acq, settings, _ = tiny
    many = [replace(settings, depth_step=0.5 + 0.1 * i) for i in range(3)]
    context = multiprocessing.get_context("spawn")
    work = cache, acq, many, context.Barrier(2)
    processes = [context.Process(target=calibrate_together, args=work) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=100)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(list(cache.iterdir())) == len(many)  # and nothing half done beside them
    for each in many:
        assert_same(load(acq, each), calibrate(acq, each, progress=False))
