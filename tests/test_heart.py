"""The virtual heart: exact incompressibility, smoothness, timing, strain and the populations."""

import numpy as np
import pytest
from conftest import mean_gls

from tas_lib.anatomy import VIEWS, WALLS, Anatomy
from tas_lib.chambers import Tissue
from tas_lib.cycle import Cycle
from tas_lib.errors import InputError
from tas_lib.heart import Heart, Motion
from tas_lib.mesh import centreline, mesh_from_walls
from tas_lib.patients import HEALTHY, PATHOLOGIES, TERRITORIES, VIEW_GLS, random_heart

ACROSS = {view: np.radians(60 * WALLS.index(right)) for view, (_, right) in VIEWS.items()}
DOWN = np.array([0.0, 0.0, 1.0])


def polar(r, theta, z) -> np.ndarray:
    r, theta, z = np.broadcast_arrays(r, theta, z)
    return np.stack((r * np.cos(theta), r * np.sin(theta), z), axis=-1)


def wall_points(heart: Heart, count: int = 5000) -> np.ndarray:
    """Points all through the wall, clear of its surfaces by more than a gradient's step."""
    rng, an = np.random.default_rng(1), heart.anatomy
    z, theta = rng.uniform(0.3e-3, an.length - 1e-4, count), rng.uniform(-np.pi, np.pi, count)
    inner, outer = an.inner(z), an.outer(z, theta)
    return polar(inner + rng.uniform(0.05, 0.95, count) * (outer - inner), theta, z)


def gradient_of(heart, points, t, step=1e-5):
    """Deformation gradient F (n, 3, 3), dx_i / dX_j, by central differences."""
    moves = [heart.move(points + d, t) - heart.move(points - d, t) for d in step * np.eye(3)]
    return np.stack(moves, axis=-1) / (2 * step)


def strain_of(heart, points, directions, t):
    """Strain |F d| / |d| - 1 (n,) of fibres along directions d (n, 3) at end-diastole."""
    stretched = np.einsum("nij,nj->ni", gradient_of(heart, points, t), directions)
    return np.linalg.norm(stretched, axis=1) / np.linalg.norm(directions, axis=1) - 1


@pytest.fixture(scope="module")
def healthy() -> list[Heart]:
    return [random_heart(seed) for seed in range(200)]


@pytest.mark.parametrize("pathology", PATHOLOGIES)
def test_the_wall_keeps_its_volume_and_has_no_wild_gradient(pathology):
    heart = random_heart(4, pathology)
    points = wall_points(heart)
    assert (heart.tissue(points) == Tissue.MYOCARDIUM).all()
    for t in (0.05, heart.es, heart.es + 0.1):
        gradient = gradient_of(heart, points, t)
        np.testing.assert_allclose(np.linalg.det(gradient), 1, atol=1e-4)
        assert np.abs(gradient).max() < 3


def test_uniform_motion_has_its_analytic_strain():
    motion = Motion(-0.2, circumferential=-0.5, cap=-1, lift=0, rotation_base=0, rotation_apex=0)
    heart, along = Heart(motion=motion), 0.8
    points = wall_points(heart)
    affine = points * [along**-0.5, along**-0.5, along]
    np.testing.assert_allclose(heart.move(points, heart.es), affine, atol=1e-8)
    line = heart.anatomy.view_line("A2C")
    rest, now = (
        np.linalg.norm(np.diff(p, axis=0), axis=1).sum()
        for p in (line, line * [along**-0.5, along**-0.5, along])
    )
    assert heart.gls("A2C", heart.es) == pytest.approx(now / rest - 1, abs=1e-6)
    axial = strain_of(heart, points, np.broadcast_to(DOWN, points.shape), heart.es)
    np.testing.assert_allclose(axial, -0.2, atol=1e-6)
    assert heart.volume(heart.es) == pytest.approx(heart.volume(0), rel=1e-6)


def test_no_jump_across_any_surface():
    heart, gap = random_heart(2, "infarct"), 1e-7
    an, rng = heart.anatomy, np.random.default_rng(0)
    theta, z = rng.uniform(0, 2 * np.pi, 3000), rng.uniform(0, an.length, 3000)
    r, out = an.inner(z), rng.uniform(0, 0.06, 3000)
    beyond = an.outer(z, theta)
    pairs = {
        "endocardium": (polar(np.maximum(r - gap, 0), theta, z), polar(r + gap, theta, z)),
        "epicardium": (polar(beyond, theta, z), polar(beyond + gap, theta, z)),
        "base": (polar(out, theta, an.length - gap), polar(out, theta, an.length + gap)),
        "axis": (polar(gap, theta, 1.5 * z - 0.02), polar(gap, theta + 2, 1.5 * z - 0.02)),
        "cap": (polar(out, theta, an.apex - gap), polar(out, theta, an.apex + gap)),
    }
    for name, (one, other) in pairs.items():
        for t in (0.2, heart.es, heart.es + 0.1):
            jump = np.abs(heart.move(one, t) - heart.move(other, t)).max()
            assert jump < 20 * gap, name


def test_it_starts_at_rest_stands_still_without_motion_and_far_away():
    rng = np.random.default_rng(0)
    points = rng.uniform([-0.07, -0.07, -0.03], [0.07, 0.07, 0.15], (2000, 3))
    heart = random_heart(5, "dyssynchrony")
    np.testing.assert_allclose(heart.move(points, 0.0), points, atol=1e-15)
    still = Heart(motion=Motion(0.0, rotation_base=0, rotation_apex=0))
    np.testing.assert_allclose(still.move(points, 0.3), points, atol=1e-15)
    far = np.array([[0.08, 0, 0.05], [0, 0, -0.03], [0, 0, 0.145]])
    np.testing.assert_allclose(heart.move(far, heart.es) - far, [heart.offset(heart.es)] * 3)


def test_beats_repeat_and_atrial_fibrillation_is_irregular_without_a_kick():
    heart = Heart(cycle=Cycle(rr=(0.9,)))
    points = wall_points(heart, 200)
    np.testing.assert_allclose(heart.move(points, 0.3), heart.move(points, 0.3 + 1.8), atol=1e-12)
    fibrillating = random_heart(3, "atrial fibrillation")
    beats = np.cumsum((0.0, *fibrillating.cycle.rr))
    assert np.std(fibrillating.cycle.rr) > 0.04
    strain = fibrillating.gls("A4C", np.concatenate((beats, beats[:-1] + fibrillating.es)))
    np.testing.assert_allclose(strain[: len(beats)], 0, atol=1e-12)
    np.testing.assert_allclose(strain[len(beats) :], strain[-1], atol=1e-12)
    assert fibrillating.cycle.kick_share == 0 < random_heart(3, "healthy").cycle.kick_share
    last = 1.2 - 1e-3 - np.array([0.06, 0.0])
    for share, moves in ((Cycle().kick_share, True), (0.0, False)):
        slow = Heart(cycle=Cycle(rr=(1.2,), kick_share=share))
        assert (np.ptp(slow.gls("A4C", last)) > 0.01) == moves


def test_the_phases_of_a_beat():
    heart = Heart(cycle=Cycle(rr=(1.0,)))
    cycle, strain = heart.cycle, lambda t: heart.gls("A4C", t)
    systole = strain(np.linspace(0, heart.es, 60))
    assert (np.diff(systole) <= 1e-12).all() and heart.es == cycle.ivct + cycle.lvet
    fastest = np.argmin(np.diff(systole)) / 59
    assert 0.2 < fastest < 0.5
    peak = strain(heart.es)
    assert abs(strain(cycle.ivct)) < 0.06 * abs(peak)
    opening = heart.es + cycle.ivrt
    np.testing.assert_allclose(
        strain(np.linspace(heart.es, opening, 5)), peak, atol=2e-3
    )  # untwisting
    diastasis = strain(np.linspace(opening + cycle.early, 1.0 - cycle.kick, 9))
    assert np.ptp(diastasis) < 1e-9 and 0.2 < diastasis[0] / peak < 0.4
    assert strain(1.0 - 1e-9) == pytest.approx(0, abs=1e-6)
    fused = Heart(cycle=Cycle(rr=(60 / 105,)))
    filling = fused.gls("A4C", np.linspace(fused.es + 0.1, 60 / 105, 40))
    assert (np.diff(filling)[1:-1] > 1e-4).all()


def test_base_and_apex_turn_by_their_angles_against_each_other():
    heart = Heart()
    base, apex = polar(0.025, 0.4, heart.anatomy.length), polar(1e-3, 0.4, 1e-6)
    turned = heart.move(np.stack((base, apex)), heart.es)
    angle = np.degrees(np.arctan2(turned[:, 1], turned[:, 0]) - 0.4)
    np.testing.assert_allclose(angle, [8.0, -9.5], atol=0.01)  # Theta grows clockwise
    assert turned[0, 2] < base[2] - 0.012  # the base comes down, the apex hardly moves
    assert abs(turned[1, 2]) < 3e-3


def test_segments_follow_from_the_deformation_gradient():
    heart = random_heart(11)
    line = heart.anatomy.view_line("A3C")
    steps, middle = np.diff(line, axis=0), (line[1:] + line[:-1]) / 2
    strain = strain_of(heart, middle, steps, heart.es)
    weights = np.linalg.norm(steps, axis=1)
    expected = (strain * weights).reshape(6, -1).sum(axis=1) / weights.reshape(6, -1).sum(axis=1)
    np.testing.assert_allclose(heart.segmental("A3C", heart.es), expected, atol=1e-3)
    table = heart.segments(heart.es)
    walls = [WALLS.index(name) for name in VIEWS["A3C"]]
    np.testing.assert_allclose(
        heart.segmental("A3C", heart.es), [*table[:, walls[0]], *table[::-1, walls[1]]]
    )
    assert heart.segmental("A3C", np.zeros((2, 3))).shape == (2, 3, 6)
    assert heart.gls("A3C", [0.0, 0.1]).shape == (2,)


def test_healthy_hearts_have_the_published_distributions(healthy):
    gls = np.array([mean_gls(heart) for heart in healthy])
    np.testing.assert_allclose(gls, [heart.drawn["gls"] for heart in healthy], atol=3e-3)
    measured = {
        "diameter": [heart.anatomy.diameter for heart in healthy],
        "gls": gls,
        "ef": [heart.ejection_fraction() for heart in healthy],
        "heart_rate": [60 / heart.cycle.rr[0] for heart in healthy],
        "ivct": [heart.cycle.ivct for heart in healthy],
        "lvet": [heart.cycle.lvet for heart in healthy],
        "ivrt": [heart.cycle.ivrt for heart in healthy],
        "twist": [h.motion.rotation_apex - h.motion.rotation_base for h in healthy],
    }
    for name, values in measured.items():
        mean, sd, _, _ = HEALTHY[name]
        assert np.mean(values) == pytest.approx(mean, abs=0.25 * sd), name
        assert np.std(values) == pytest.approx(sd, rel=0.25), name
    assert min(measured["ef"]) > 0.549 and max(measured["ef"]) < 0.701
    for view, mean in VIEW_GLS.items():
        strain = [heart.gls(view, heart.es) for heart in healthy]
        assert np.mean(strain) == pytest.approx(mean, abs=0.006), view
        assert 0.020 < np.std(strain) < 0.030, view
    gradient = [np.diff(heart.segments(heart.es).mean(axis=1)[[0, 2]])[0] for heart in healthy]
    assert 0.3 < np.mean(np.array(gradient) > 0) < 0.7  # either sign
    thick = np.array([heart.thickening(heart.es)[:2].mean() for heart in healthy])
    assert 0.5 < thick.mean() < 0.62 and 0.4 < thick.min() and thick.max() < 0.8
    around = np.mean([heart.circumferential(heart.es)[:2].mean() for heart in healthy])
    assert -0.23 < around < -0.16
    assert 0.35 < Heart().thickening(Heart().es)[:2].mean() < 0.6


@pytest.mark.parametrize("pathology", [name for name in PATHOLOGIES if name != "healthy"])
def test_sick_hearts_reach_what_was_drawn(pathology):
    for seed in range(6):
        heart = random_heart(seed, pathology)
        assert mean_gls(heart) == pytest.approx(heart.drawn["gls"], abs=3e-3)
        assert heart.ejection_fraction() == pytest.approx(heart.drawn["ef"], abs=5e-3)
        assert heart.pathology == pathology and heart.drawn["gls"] > -0.21


@pytest.mark.parametrize("territory", TERRITORIES)
def test_an_infarct_shows_in_its_own_segments_and_after_ejection(territory):
    scar = np.zeros((3, 6), bool)
    for level, walls in enumerate(TERRITORIES[territory]):
        scar[level, list(walls)] = True
    heart = random_heart(7, "infarct", territory)
    es, after = heart.segments(heart.es), heart.segments(heart.es + heart.cycle.ivrt)
    assert np.abs(es[scar]).max() < 0.04 and np.median(es[~scar]) < -0.10
    assert (after[scar] < es[scar] - 0.02).all() and (after - es)[~scar].mean() > 0.0
    assert heart.volume(heart.es + heart.cycle.ivrt) == pytest.approx(
        heart.volume(heart.es), rel=0.1
    )


def test_in_bundle_branch_block_the_septum_goes_first_and_the_lateral_wall_last():
    heart = random_heart(1, "dyssynchrony")
    septal, lateral = heart.segmental("A4C", heart.cycle.ivct)[[1, 4]]
    assert septal < -0.01 and lateral > 0.01
    t = np.linspace(0, heart.cycle.rr[0], 100)
    curves = heart.segmental("A4C", t)
    assert t[np.argmin(curves[:, 4])] > heart.es + 0.03


def test_hypertrophy_is_septal():
    thickness = np.mean(
        [random_heart(seed, "hypertrophic").anatomy.thickness for seed in range(20)], axis=(0, 1)
    )
    assert thickness[[0, 5]].mean() > 1.25 * thickness[[2, 3]].mean()


@pytest.mark.parametrize("tilt, shift", [(0, 0), (12, 0), (-8, 6e-3)])
def test_outlines_lie_on_the_surfaces_of_any_plane(tilt, shift):
    heart, angle = random_heart(3, "hypertrophic"), ACROSS["A4C"]
    right = np.array([np.cos(angle), np.sin(angle), 0.0])
    normal = np.cross(DOWN, right)
    down = np.cos(np.radians(tilt)) * DOWN + np.sin(np.radians(tilt)) * normal
    origin = np.array([0, 0, 0.06]) + shift * normal - 0.075 * down
    endo, epi = heart.anatomy.outline(origin, right, down)
    for curve, surface in ((endo, "endo"), (epi, "epi")):
        points = origin + curve @ np.stack((right, down))
        r, theta = np.hypot(points[:, 0], points[:, 1]), np.arctan2(points[:, 1], points[:, 0])
        expected = {
            "endo": heart.anatomy.inner(points[:, 2]),
            "epi": heart.anatomy.outer(points[:, 2], theta),
        }[surface]
        np.testing.assert_allclose(r, expected, atol=2e-6)
        np.testing.assert_allclose(points[[0, -1], 2], heart.anatomy.length, atol=1e-9)
        assert curve[0, 0] < curve[-1, 0] and curve[:, 1].argmin() not in (0, len(curve) - 1)
    middle = centreline(mesh_from_walls(endo, epi, 36, 5))
    inside = origin + middle[1:-1] @ np.stack((right, down))
    assert (heart.tissue(inside) == Tissue.MYOCARDIUM).all()


def test_tissue_knows_the_chambers():
    heart = Heart()
    at = {
        Tissue.LV_BLOOD: [0, 0, 0.05],
        Tissue.MYOCARDIUM: polar(0.028, 1.0, 0.063),
        Tissue.LEFT_ATRIUM: [0, 0, 0.105],
        Tissue.RIGHT_VENTRICLE: polar(0.045, np.radians(-60), 0.08),
        Tissue.RIGHT_ATRIUM: polar(0.048, np.radians(-60), 0.105),
        Tissue.SURROUNDING: [0, 0, -0.02],
    }
    np.testing.assert_array_equal(heart.tissue(np.array(list(at.values()))), list(at))


def test_the_same_seed_gives_the_same_bits():
    points = wall_points(Heart(), 50)
    one, other = (random_heart(9, "infarct") for _ in range(2))
    np.testing.assert_array_equal(one.move(points, 0.3), other.move(points, 0.3))
    assert not np.array_equal(one.move(points, 0.3), random_heart(10, "infarct").move(points, 0.3))
    np.testing.assert_array_equal(one.move(one.at(points), 0.3), one.move(points, 0.3))


@pytest.mark.parametrize(
    "make, field",
    [
        (lambda: Anatomy(diameter=-1), "diameter"),
        (lambda: Anatomy(thickness=7.5), "thickness"),
        (lambda: Anatomy(apex=0.05), "equator, apex"),
        (lambda: Cycle(rr=(0.3,)), "rr"),
        (lambda: Cycle(kick_share=1.5), "kick_share"),
        (lambda: Motion(amplitude=np.nan), "amplitude"),
        (lambda: Motion(delay=0.5), "delay"),
        (lambda: Motion(sway=(np.inf, 0, 0)), "sway"),
        (lambda: Heart(motion=Motion(amplitude=-0.7)), "amplitude"),
        (lambda: Heart(motion=Motion(circumferential=40)), "amplitude"),
        (lambda: Heart(cycle=Cycle(rr=(0.55,)), motion=Motion(delay=0.1)), "delay"),
        (lambda: Heart().move(np.zeros(3), 0.1), "points"),
        (lambda: Heart().move(np.full((2, 3), np.nan), 0.1), "points"),
        (lambda: Heart().move(np.zeros((1, 3)), np.nan), "t"),
        (lambda: Heart().gls("PLAX", 0.1), "view"),
        (lambda: Heart().anatomy.view_line("A5C"), "view"),
        (lambda: Heart().anatomy.outline(np.zeros(3), [2, 0, 0], DOWN), "right, down"),
        (lambda: Heart().anatomy.outline(np.zeros(3), [1, 0, 0], [0, 1, 0]), "right, down"),
        (lambda: Heart().anatomy.outline([0, 0.05, 0], [1, 0, 0], DOWN), "origin"),
        (lambda: random_heart(0, "tired"), "pathology"),
        (lambda: random_heart(0, "dilated", "LAD"), "territory"),
    ],
)
def test_bad_input_is_refused_by_name(make, field):
    with pytest.raises(InputError) as error:
        make()
    assert error.value.field.startswith(field) and error.value.remedy
