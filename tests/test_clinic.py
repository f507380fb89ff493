"""The virtual patient's images against theory, with simple hearts in a small, coarse scanner."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tas_lib import chambers, recording, speckle
from tas_lib.anatomy import Anatomy
from tas_lib.artefacts import Console, Scanner, Shadow
from tas_lib.chambers import Tissue
from tas_lib.clinic import ECHOES, Pose, Scan, image
from tas_lib.errors import InputError
from tas_lib.heart import Heart
from tas_lib.mesh import centreline, mask
from tas_lib.realism import correlation_curve, realism
from tas_lib.simulator import Acquisition, statistics
from tas_lib.simulator.elevation import correlation, two_way
from tas_lib.strain import segment_lengths
from tas_lib.tissue import Echogenicity, amplitude, random_field

OFF = -np.inf
FLAT = Echogenicity(0, 0, 0, 0, 0, along=0, variation=0)  # everything as loud as myocardium
POSE = Pose(apex_depth=18e-3)


@dataclasses.dataclass
class Toy:
    """A small heart with a homogeneous deformation: x = X + s(t) (grow (X - c) + shift)."""

    grow: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((3, 3)))
    shift: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(3))
    full: bool = False  # of muscle, which nothing surrounds
    anatomy: Anatomy = Anatomy(diameter=17e-3, length=32e-3, thickness=5e-3, apex=4e-3)
    es: float = 0.04
    centre = np.array([0.0, 0.0, 15e-3])
    cycle = SimpleNamespace(rr=(0.1,))

    def at(self, points):
        return points

    def move(self, points, t):
        s = np.sin(np.pi * t / 0.1) ** 2
        return points + s * ((points - self.centre) @ np.transpose(self.grow) + self.shift)

    def tissue(self, points):
        if self.full:
            return np.full(len(points), Tissue.MYOCARDIUM, np.uint8)
        return chambers.tissue(self.anatomy, points)

    def outline(self, origin, right, down):
        return self.anatomy.outline(origin, right, down)


@pytest.fixture(scope="session")
def scanner(acquisition):
    """All artefacts switched off."""
    return Scanner(
        acquisition,
        noise=OFF,
        haze=OFF,
        reverberation=OFF,
        tgc_error=0,
        depth=60e-3,
        frame_rate=50,
        gain=-20,
    )


@pytest.fixture(scope="session")
def scan_of(operator, scanner):
    def make(heart, tissue=FLAT, pose=POSE, seed=0, **changes):
        chosen = dataclasses.replace(scanner, **changes)
        return Scan(heart, pose, chosen, seed, end=0.1, tissue=tissue, operator=operator)

    return make


@pytest.fixture(scope="session")
def film(operator, scanner):
    def make(heart, tissue=ECHOES, pose=POSE, seed=0, half=False, workers=None, **changes):
        chosen = dataclasses.replace(scanner, **changes)
        shared = {"operator": operator, "workers": workers, "progress": False}
        return image(heart, pose, chosen, seed, tissue=tissue, half=half, **shared)

    return make


MOVING = Toy(
    np.array([[0.1, 0.05, 0.0], [-0.08, 0.12, 0.03], [0.02, 0.0, -0.15]]),
    np.array([0.5e-3, -0.8e-3, 1e-3]),
)
ARTEFACTS = {"noise": -10.0, "haze": -3.0, "reverberation": -12.0, "tgc_error": 1.0}


@pytest.fixture(scope="session")
def moving(film):
    return film(MOVING, shadows=(Shadow(0.3),), **ARTEFACTS)


def db(values):
    return 10 * np.log10(np.mean(np.abs(values) ** 2))


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


# ---------------------------------------------------------------- truth


def test_mesh_points_ride_on_material_points(moving):
    named = POSE.in_plane(moving.mesh.values[0]).reshape(-1, 3)
    np.testing.assert_allclose(moving.elevation.values[0], 0, atol=1e-12)
    for t, mesh, y in zip(
        moving.time.values, moving.mesh.values, moving.elevation.values, strict=True
    ):
        x, z = np.moveaxis(mesh, -1, 0)
        here = POSE.to_heart(np.stack([x, y, z], -1)).reshape(-1, 3)
        np.testing.assert_allclose(here, MOVING.move(named, t), atol=1e-9)
    assert np.abs(moving.elevation).max() > 0.5e-3


def test_affine_motion_gives_its_analytic_strain(moving, film):
    """A fibre along d gets |F d| / |d| - 1; the image shows |P F d| / |d| - 1."""
    line = centreline(moving.mesh.values)
    step = POSE.in_plane(np.diff(line[0], axis=0)) - POSE.in_plane([0.0, 0.0])
    k = 2
    f = np.eye(3) + np.sin(np.pi * moving.time.values[k] / 0.1) ** 2 * MOVING.grow
    seen = (step @ f.T) @ POSE.axes.T
    rest = np.linalg.norm(step, axis=-1).sum()
    space, plane = (np.linalg.norm(d, axis=-1).sum() / rest - 1 for d in (seen, seen[:, [0, 2]]))
    assert moving.gls.values[k] == pytest.approx(space, abs=1e-9)
    assert moving.gls_in_plane.values[k] == pytest.approx(plane, abs=1e-9)
    assert abs(space - plane) > 1e-4

    shrunk = film(Toy(-0.15 * np.eye(3)), half=True)
    s = np.sin(np.pi * shrunk.time.values / 0.1) ** 2
    np.testing.assert_allclose(shrunk.strain, np.tile(-0.15 * s[:, None], 6), atol=1e-9)
    np.testing.assert_allclose(shrunk.strain_in_plane, shrunk.strain, atol=1e-9)


@pytest.mark.parametrize("view", ["A4C", "A2C", "A3C"])
def test_truth_in_an_ideal_view_is_the_hearts_own(scan_of, view):
    """The mesh's middle line and `Heart.segmental`'s are drawn by different rules: 1 point."""
    heart, time = Heart(), np.array([0.0, 0.2, 0.332])
    path = scan_of(heart, pose=Pose(view)).path(time)
    length = segment_lengths(centreline(path))
    np.testing.assert_allclose(length / length[0] - 1, heart.segmental(view, time), atol=0.01)
    whole = length.sum(-1)
    np.testing.assert_allclose(whole / whole[0] - 1, heart.gls(view, time), atol=0.003)


def test_segments_are_thirds_of_each_half_and_keep_to_their_nodes():
    x = np.linspace(0, 1, 36)
    line = np.stack(
        [np.stack([x, 0 * x], -1), np.stack([np.where(x < 0.5, x, 2 * x - 0.5), x], -1)]
    )
    np.testing.assert_allclose(segment_lengths(line[:1]), np.full((1, 6), 1 / 6))
    left, right = np.sqrt(2) / 6, np.sqrt(5) / 6
    np.testing.assert_allclose(segment_lengths(line)[1], [left] * 3 + [right] * 3, rtol=0.03)


def test_segments_are_named_from_image_left_base_over_the_apex(film):
    a3c = film(Toy(), pose=Pose("A3C", 18e-3), half=True)
    assert list(a3c.segment.values[:3]) == [
        f"{level} inferolateral" for level in ("basal", "mid", "apical")
    ]
    assert a3c.segment.values[-1] == "basal anteroseptal"
    assert a3c.attrs["view"] == "A3C"


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
    scan = scan_of(Toy(shift=POSE.axes[1] * 6e-3, full=True))
    before, after = (db(scan.amplified(0, t)[50:]) for t in (0.0, 0.05))
    assert after == pytest.approx(before, abs=0.3)


def polar(acq):
    """x, z (depth, line) [m] of the samples."""
    r, angle = np.meshgrid(acq.depth, acq.angle, indexing="ij")
    return r * np.sin(angle), r * np.cos(angle)


def test_myocardium_is_as_loud_as_unity_at_every_depth(scan_of, operator):
    shown = scan_of(Toy(full=True)).amplified(0, 0.0)
    middle = np.abs(operator.acq.angle) < 0.25
    for r in (20e-3, 30e-3, 40e-3, 50e-3, 58e-3):
        band = np.abs(operator.acq.depth - r) < 4e-3
        assert db(shown[band][:, middle]) == pytest.approx(0, abs=1)


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
    wall = film(dataclasses.replace(MOVING, shift=[3e-3, 0, 2e-3]), dark)
    x, z = wall.x.values, wall.z.values
    for picture, nodes in zip(wall.bmode.values, wall.mesh.values, strict=True):
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


# ---------------------------------------------------------------- artefacts


@pytest.fixture(scope="session")
def console_of(operator, scanner):
    def make(seed=0, **changes):
        return Console(dataclasses.replace(scanner, **changes), operator, seed)

    return make


def silence(operator):
    return np.zeros((len(operator.acq.depth), operator.acq.n_lines), np.complex64)


def test_noise_grows_with_depth_to_its_level(console_of, operator):
    noise = console_of(noise=-10.0).amplify(silence(operator), np.random.default_rng(0))
    rows = [np.abs(operator.acq.depth - r) < 1.5e-3 for r in (40e-3, 50e-3, 59e-3)]
    levels = [db(noise[row]) for row in rows]
    assert levels[0] < levels[1] < levels[2]
    assert levels[2] == pytest.approx(-10, abs=0.8)
    assert not console_of().amplify(silence(operator), np.random.default_rng(0)).any()


def test_haze_stands_still_and_fades(console_of, operator):
    """Its patches are 6 dB louder or fainter, so that the slope is known to some 3 dB."""
    near, far = (np.abs(operator.acq.depth - r) < 4e-3 for r in (20e-3, 50e-3))
    falls = []
    for seed in range(8):
        console = console_of(seed, haze=0.0, haze_fall=800.0)
        frames = [console.amplify(silence(operator), np.random.default_rng(k)) for k in range(2)]
        np.testing.assert_array_equal(*frames)
        falls.append(db(frames[0][near]) - db(frames[0][far]))
    assert np.mean(falls) == pytest.approx(24, abs=6)


def test_ribs_darken_their_lines_only(console_of, operator):
    rib = Shadow(0.2, width=0.2, loss=15.0)
    iq = operator(
        *np.random.default_rng(0).uniform([-0.03, 0.02], [0.03, 0.06], (9000, 2)).T,
        1 + np.zeros(9000),
    )
    free, shaded = (
        console_of(shadows=ribs).amplify(iq, np.random.default_rng(0)) for ribs in ((), (rib,))
    )
    lost = 20 * np.log10(np.abs(shaded).mean(0) / np.abs(free).mean(0))
    angle = operator.acq.angle
    assert lost[np.argmin(np.abs(angle - 0.2))] == pytest.approx(-15, abs=0.2)
    np.testing.assert_allclose(lost[np.abs(angle - 0.2) > 0.2], 0, atol=0.1)


def test_reverberation_copies_echoes_to_a_greater_depth(console_of, operator):
    iq = operator([0.0], [30e-3], [1.0])
    shown = console_of(reverberation=-12.0, reverberation_path=12e-3).amplify(
        iq, np.random.default_rng(0)
    )
    line = np.abs(shown[:, operator.acq.n_lines // 2])
    first, second = (line[np.abs(operator.acq.depth - r) < 2e-3].max() for r in (30e-3, 42e-3))
    assert 20 * np.log10(second / first) == pytest.approx(-12, abs=0.2)


def test_time_gain_compensation_is_imperfect(console_of, operator):
    right, wrong = (console_of(tgc_error=sd).tgc for sd in (0.0, 2.0))
    error = 20 * np.log10(wrong / right)
    assert 0.3 < error.std() < 5


def test_grey_levels_span_the_dynamic_range(console_of):
    console = console_of(gain=-20.0, dynamic_range=50.0, contrast=2.0, smoothing=0.0)
    acq = console.scanner.acquisition
    for level, grey in ((20, 1.0), (0, (30 / 50) ** 2), (-30, 0.0), (-80, 0.0)):
        shown = console.show(np.full((len(acq.depth), acq.n_lines), amplitude(level) + 0j))
        assert shown[console.sector].max() == pytest.approx(grey, abs=1e-3)
        assert not shown[~console.sector].any()


# ---------------------------------------------------------------- recordings


def test_same_seed_same_bits_with_any_number_of_workers(film, moving):
    again = film(MOVING, shadows=(Shadow(0.3),), workers=1, **ARTEFACTS)
    np.testing.assert_array_equal(again.bmode, moving.bmode)
    other = film(MOVING, shadows=(Shadow(0.3),), workers=2, seed=1, half=True, **ARTEFACTS)
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
    with pytest.raises(InputError):
        film(Toy(), pose=Pose(elevation=30e-3))


# ---------------------------------------------------------------- realism


def test_realism_measures_what_is_there(film):
    still = film(Toy(), Echogenicity(blood=OFF, variation=0), gain=-15)
    found = realism(still)
    assert found["wall_p50"] > 3 * found["blood_p50"]
    assert found["contrast"] == pytest.approx(found["wall_p50"] - found["blood_p50"])
    assert found["correlation_33"] == pytest.approx(1, abs=1e-3)
    assert np.isnan(found["correlation_400"])  # the clip is shorter
    assert 0.3 < found["speckle_axial"] < 4 and 0.5 < found["speckle_lateral"] < 6


def test_speckle_correlation_falls_with_time_as_the_wall_moves(moving):
    curve = correlation_curve(moving, (0.0, 0.02, 0.04))
    assert curve[0] == pytest.approx(1) and curve[0] > curve[1] > curve[2] > 0.2


def test_realism_needs_a_mesh(moving):
    with pytest.raises(InputError, match="mesh.*missing"):
        realism(moving.drop_vars("mesh"))
