"""The virtual patient's images against theory, with simple hearts in a small, coarse scanner."""

import dataclasses
import json

import numpy as np
import pytest
from clinic_fixtures import ARTEFACTS, FLAT, MOVING, OFF, POSE, Toy, db
from scipy.spatial import cKDTree

from tas_lib import recording, speckle
from tas_lib.artefacts import Scanner, Shadow
from tas_lib.chambers import Tissue
from tas_lib.clinic import Pose, image
from tas_lib.errors import InputError
from tas_lib.mesh import mask
from tas_lib.simulator import Acquisition, statistics
from tas_lib.simulator.elevation import correlation, two_way
from tas_lib.tissue import Echogenicity, random_field

# ---------------------------------------------------------------- pose


def test_a_pose_is_rigid_and_its_inverse_is_exact():
    pose = Pose("A2C", 15e-3, 0.2, -0.3, 0.4, 2e-3, -1e-3)
    points = np.random.default_rng(0).normal(size=(50, 3)) * 0.05
    seen = pose.to_image(points)
    np.testing.assert_allclose(pose.to_heart(seen), points, atol=1e-15)
    np.testing.assert_allclose(pose.axes @ pose.axes.T, np.eye(3), atol=1e-15)
    assert np.linalg.det(pose.axes) == pytest.approx(1)


@pytest.mark.parametrize("view, wall", [("A4C", 300), ("A2C", 240), ("A3C", 180)])
def test_the_ideal_view_shows_apex_above_base_and_its_own_wall_on_the_left(view, wall):
    angle = np.deg2rad(wall)
    heart = [[0, 0, 0], [0, 0, 0.09], [0.03 * np.cos(angle), 0.03 * np.sin(angle), 0.05]]
    seen = Pose(view, apex_depth=20e-3).to_image(np.array(heart))
    np.testing.assert_allclose(seen[0], [0, 0, 0.02], atol=1e-12)
    np.testing.assert_allclose(seen[1], [0, 0, 0.11], atol=1e-12)
    np.testing.assert_allclose(seen[2], [-0.03, 0, 0.07], atol=1e-12)


def test_what_each_angle_of_a_pose_does():
    apex, base = np.array([0.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.07])
    tilted = Pose(tilt=0.2)
    np.testing.assert_allclose(tilted.to_image(apex), Pose().to_image(apex), atol=1e-15)
    assert tilted.to_image(base)[0] == pytest.approx(0.07 * np.sin(0.2))
    short = Pose(foreshortening=0.2)
    np.testing.assert_allclose(short.to_image(base), Pose().to_image(base), atol=1e-15)
    assert abs(short.to_image(apex)[1]) == pytest.approx(0.07 * np.sin(0.2))
    on_axis = Pose(rotation=0.3).to_image(base)
    np.testing.assert_allclose(on_axis, Pose().to_image(base), atol=1e-15)
    moved = Pose(lateral=3e-3, elevation=-2e-3).to_image(base) - Pose().to_image(base)
    np.testing.assert_allclose(moved, [3e-3, -2e-3, 0], atol=1e-15)


def test_a_foreshortened_plane_shows_a_shorter_ventricle(scan_of):
    def height(**pose):
        mesh = scan_of(Toy(), pose=Pose(apex_depth=12e-3, **pose)).mesh
        return np.ptp(mesh[:, 0, 1])

    assert height(elevation=5e-3) < 0.95 * height()


# ---------------------------------------------------------------- scatterers


def test_without_motion_speckle_stays(film):
    still = film(Toy(), Echogenicity(blood=OFF))
    assert np.ptp(still.bmode.values, axis=0).max() < 1e-3
    assert speckle.correlation(still).min() > 0.9999


@pytest.mark.parametrize("shift", [0.5e-3, 1.0e-3])
def test_motion_across_the_plane_decorrelates_as_the_slice_does(scan_of, operator, shift):
    """Theory: `elevation.correlation`. Some hundreds of speckles a band: rho is known to 0.03."""
    scan = scan_of(Toy(shift=POSE.axes[1] * shift, full=True))
    before, after = (scan.amplified(0, t) for t in (0.0, 0.05))
    for r in (30e-3, 42e-3, 53e-3):
        band = np.abs(operator.acq.depth - r) < 5e-3
        rho = np.abs(statistics.correlation(after[band], before[band])) ** 2
        assert rho == pytest.approx(correlation(operator.acq, r, shift), abs=0.08)


def test_the_slice_is_filled_as_densely_as_asked_for(scan_of, operator):
    """Scatterers, weighed by the energy that they bring, per square wavelength."""
    acq = operator.acq
    x, z, _, y = scan_of(Toy(full=True), density=4.0).slice.scatterers(
        0.0, np.random.default_rng(0)
    )
    r, angle = np.hypot(x, z), np.arctan2(x, z)
    for low in (20e-3, 35e-3, 50e-3):
        band = (r > low) & (r < low + 5e-3) & (np.abs(angle) < acq.sector / 2)
        area = acq.sector / 2 * ((low + 5e-3) ** 2 - low**2) / acq.wavelength**2
        middle = np.full(band.sum(), low + 2.5e-3)
        weight = np.abs(two_way(acq, middle, y[band])) ** 2
        assert weight.sum() / area == pytest.approx(4.0, rel=0.1)


def test_what_moves_into_the_slice_was_there_before_it(scan_of, operator):
    """Tissue that crosses the plane by 6 mm stays as loud as it was."""
    heart, change = Toy(shift=POSE.axes[1] * 6e-3, full=True), []
    for seed in range(3):
        scan = scan_of(heart, seed=seed)
        before, after = (db(scan.amplified(0, t)[50:]) for t in (0.0, 0.05))
        change.append(after - before)
    assert np.mean(change) == pytest.approx(0, abs=0.4)


def test_what_moves_away_from_the_probe_leaves_no_rim(scan_of, operator):
    scan = scan_of(Toy(shift=POSE.axes[2] * 3e-3, full=True))
    near = np.searchsorted(operator.acq.depth, operator.acq.r_min + 3e-3)
    before, after = (db(scan.amplified(0, t)[:near]) for t in (0.0, 0.05))
    assert after == pytest.approx(before, abs=2)


def polar(acq):
    """x, z (depth, line) [m] of the samples."""
    r, angle = np.meshgrid(acq.depth, acq.angle, indexing="ij")
    return r * np.sin(angle), r * np.cos(angle)


def test_myocardium_is_as_loud_as_unity_at_every_depth(scan_of, operator):
    shown = np.stack([scan_of(Toy(full=True), seed=k).amplified(0, 0.0) for k in range(8)])
    middle = np.abs(operator.acq.angle) < 0.25
    for r in (20e-3, 30e-3, 40e-3, 50e-3, 58e-3):
        band = np.abs(operator.acq.depth - r) < 4e-3
        assert db(shown[:, band][..., middle]) == pytest.approx(0, abs=1)


def test_blood_is_darker_by_what_is_stated_before_compression(scan_of):
    """Myocardium is 0 dB. At end-diastole and later, when the cavity has another size; echoes of
    the wall that leak in are taken off.
    """
    scans = [scan_of(MOVING, dataclasses.replace(FLAT, blood=level)) for level in (-15.0, OFF)]
    x, z = polar(scans[0].operator.acq)
    for t in (0.0, 0.05):
        middle = POSE.to_image(MOVING.move(np.array([[0, 0, 22e-3]]), t))[0]
        inside = np.hypot(x - middle[0], z - middle[2]) < 4e-3
        label = scans[0].slice.label_at(np.stack([x[inside], z[inside]], -1), t)
        assert (label == Tissue.LV_BLOOD).all()
        leak = scans[1].amplified(0, t)[inside]
        blood = [scans[0].amplified(frame, t)[inside] - leak for frame in range(4)]
        assert db(blood) == pytest.approx(-15, abs=1)


def test_the_wall_is_seen_where_its_mesh_is(film):
    """Centres of mass of the picture and of the mesh, while both move."""
    dark = Echogenicity(OFF, OFF, OFF, OFF, OFF, along=0, variation=0)
    heart = dataclasses.replace(MOVING, shift=[3e-3, 0, 2e-3])
    wall, other = (film(heart, dark, seed=seed) for seed in (0, 1))
    x, z = wall.x.values, wall.z.values
    for picture, nodes in zip((wall + other).bmode.values, wall.mesh.values, strict=True):
        inside = mask(nodes, z, x)
        for axis, at in ((0, x), (1, z)):
            seen, true = (np.average(at, weights=w.sum(axis)) for w in (picture, 1.0 * inside))
            assert seen == pytest.approx(true, abs=0.7e-3)


def test_blood_is_new_in_every_frame_and_tissue_is_not(scan_of):
    scan = scan_of(Toy(), dataclasses.replace(FLAT, blood=-3.0))
    a, b = (scan.amplified(k, 0.0) for k in (0, 1))
    x, z = polar(scan.operator.acq)
    blood = np.hypot(x, z - POSE.apex_depth - 22e-3) < 4e-3
    tissue = (x > 14e-3) & (z < 42e-3)
    for where, low, high in ((blood, 0, 0.5), (tissue, 0.99, 1.0001)):
        assert low <= np.abs(statistics.correlation(a[where], b[where])) <= high


def test_labels_follow_the_motion(scan_of):
    scan = scan_of(MOVING)
    points = np.random.default_rng(0).uniform([-14e-3, 18e-3], [14e-3, 45e-3], (4000, 2))
    s = np.sin(np.pi * 0.03 / 0.1) ** 2
    heart = POSE.in_plane(points) - s * MOVING.shift - MOVING.centre
    named = np.linalg.solve(np.eye(3) + s * MOVING.grow, heart.T).T + MOVING.centre
    assert (scan.slice.label_at(points, 0.03) == MOVING.tissue(named)).mean() > 0.99


def test_walls_along_the_beam_are_darker(scan_of):
    plain, aniso = (scan_of(Toy(), dataclasses.replace(FLAT, along=a)) for a in (0.0, -10.0))
    lost = 20 * np.log10(np.abs(aniso.slice.rc / plain.slice.rc))
    x, y, z = POSE.to_image(plain.slice.named).T
    wall = (Toy().tissue(plain.slice.named) == Tissue.MYOCARDIUM) & (np.abs(y) < 3e-3)
    top, side = wall & (np.hypot(x, z - 19e-3) < 2e-3), wall & (z > 43e-3)
    assert np.median(lost[top]) > -1 and np.median(lost[side]) < -7
    assert (lost[~wall & (np.abs(y) < 3e-3)] == 0).all()


def test_slow_changes_belong_to_the_heart_not_to_the_recording(scan_of):
    """Two scans draw other scatterers, in another pose, from the same pattern of loudness."""

    def pattern(pose, seed, heart_seed=0):
        both = [
            scan_of(
                Toy(full=True), dataclasses.replace(FLAT, variation=v, seed=heart_seed), pose, seed
            )
            for v in (0.0, 3.0)
        ]
        plain, varied = (scan.slice for scan in both)
        np.testing.assert_array_equal(plain.named, varied.named)
        return plain.named, 20 * np.log10(np.abs(varied.rc / plain.rc))

    where, level = pattern(POSE, 0)
    for pose, heart_seed, same in ((Pose("A4C", 16e-3, tilt=0.1), 0, True), (POSE, 1, False)):
        there, other = pattern(pose, 1, heart_seed)
        distance, nearest = cKDTree(there).query(where)
        close = distance < 0.4e-3
        r = np.corrcoef(level[close], other[nearest[close]])[0, 1]
        assert r > 0.98 if same else abs(r) < 0.4


def test_random_field_is_normal_and_smooth():
    points = np.random.default_rng(1).uniform(-0.1, 0.1, (20_000, 3))
    here, there = (
        random_field(points + [d, 0, 0], 10e-3, np.random.default_rng(0)) for d in (0, 10e-3)
    )
    assert here.std() == pytest.approx(1, abs=0.1) and abs(here.mean()) < 0.1
    assert np.corrcoef(here, there)[0, 1] == pytest.approx(np.exp(-0.5), abs=0.08)


# ---------------------------------------------------------------- recordings


def test_same_seed_same_bits_with_any_number_of_workers(film, moving):
    again = film(MOVING, shadows=(Shadow(0.3),), workers=3, **ARTEFACTS)
    np.testing.assert_array_equal(again.bmode, moving.bmode)
    other = film(MOVING, shadows=(Shadow(0.3),), seed=1, half=True, **ARTEFACTS)
    assert np.abs(other.bmode.values[0] - moving.bmode.values[0]).mean() > 0.01
    np.testing.assert_array_equal(other.mesh, moving.mesh[: other.sizes["time"]])


def test_a_recording_is_whole_after_saving(moving, tmp_path):
    back = recording.open(recording.save(moving, tmp_path / "a.nc"))
    recording.validate(back)
    truth = {"mesh", "elevation", "strain", "strain_in_plane", "gls", "gls_in_plane"}
    assert set(back.data_vars) == {"bmode", "sector"} | truth
    for name in truth | {"segment", "time"}:
        np.testing.assert_array_equal(back[name], moving[name])
    assert np.abs(back.bmode - moving.bmode).max() < 0.5 / 255 + 1e-6
    assert back.attrs == moving.attrs
    assert back.elevation.attrs["units"] == "m" and "in space" in back.gls.attrs["long_name"]
    assert back.attrs["ed_frame"] == 0 and back.attrs["frame_rate"] == 50
    assert json.loads(back.attrs["pose"]) == dataclasses.asdict(POSE)
    assert json.loads(back.attrs["scanner"])["shadows"][0]["angle"] == 0.3


def test_half_a_beat_ends_at_end_systole(film, moving):
    half = film(Toy(), half=True)
    assert half.attrs["es_frame"] == half.sizes["time"] - 1 == 2
    assert moving.sizes["time"] == 6 and moving.attrs["es_frame"] == 2


@pytest.mark.parametrize(
    "make, field",
    [
        (lambda: Pose("PLAX"), "view"),
        (lambda: Pose(apex_depth=np.nan), "apex_depth"),
        (lambda: Pose(foreshortening=20.0), "foreshortening"),
        (lambda: Scanner(frame_rate=0), "frame_rate"),
        (lambda: Scanner(depth=0.3), "depth"),
        (lambda: Scanner(noise=np.nan), "noise"),
        (lambda: Scanner(reverberation=3.0), "reverberation"),
        (lambda: Scanner(shadows=(Shadow(0.1, width=0.0),)), "shadows"),
        (lambda: Echogenicity(blood=np.nan), "blood"),
        (lambda: Echogenicity(variation=-1.0), "variation"),
        (lambda: Echogenicity(patch=8.0), "patch"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=f"{field}.*; (give|choose)"):
        make()


def test_an_operator_of_another_acquisition_is_refused(operator, scanner):
    other = dataclasses.replace(scanner, acquisition=Acquisition(r_max=70e-3))
    with pytest.raises(InputError, match="operator.*another acquisition"):
        image(Toy(), POSE, other, operator=operator)


def test_a_plane_beside_the_heart_is_refused(film):
    with pytest.raises(InputError, match="origin: is in a plane that misses the cavity"):
        film(Toy(), pose=Pose(elevation=30e-3))
