"""Hearts drawn from populations: healthy and with five pathologies, by seed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tas_lib.anatomy import VIEWS, WALLS, Anatomy
from tas_lib.cycle import Cycle
from tas_lib.errors import InputError, check_choice
from tas_lib.heart import Heart, Motion
from tas_lib.tables import ANGLES

# What `random_heart` draws: mean, SD, least, greatest. Of the healthy, means and SDs are published
# [A] (sizes, GLS, EF: GE; phases: Copenhagen; twist: one block-matching study) but for the lines
# marked [C]; limits, correlations and all pathologies are our choice.
HEALTHY = {
    "diameter": (48.9e-3, 3.6e-3, 38e-3, 60e-3),
    "septum": (7.5e-3, 1.0e-3, 5e-3, 11e-3),
    "lateral": (7.4e-3, 1.0e-3, 5e-3, 11e-3),
    "slenderness": (1.41, 0.05, 1.25, 1.6),  # length / external diameter; SD [C]
    "gls": (-0.204, 0.022, -0.27, -0.15),
    "ef": (0.62, 0.04, 0.55, 0.70),
    "heart_rate": (66, 9, 45, 90),  # [1/min] [C]
    "ivct": (40e-3, 10e-3, 20e-3, 65e-3),
    "lvet": (292e-3, 23e-3, 230e-3, 350e-3),
    "ivrt": (96e-3, 19e-3, 50e-3, 140e-3),
    "twist": (17.3, 2.5, 8, 26),  # [degrees]
}
PATHOLOGIES: dict[str, dict[str, tuple[float, float, float, float]]] = {
    "healthy": {},
    "dilated": {
        "diameter": (62e-3, 4e-3, 54e-3, 70e-3),
        "slenderness": (1.3, 0.05, 1.2, 1.45),
        "gls": (-0.10, 0.03, -0.16, -0.05),
        "ef": (0.30, 0.07, 0.15, 0.42),
        "heart_rate": (76, 12, 50, 105),
        "twist": (6, 3, 0, 12),
    },
    "hypertrophic": {
        "diameter": (44e-3, 3e-3, 38e-3, 50e-3),
        "septum": (14.5e-3, 1.5e-3, 12e-3, 16e-3),
        "lateral": (10e-3, 1e-3, 8e-3, 13e-3),
        "gls": (-0.145, 0.025, -0.20, -0.09),
        "ef": (0.64, 0.05, 0.52, 0.72),
    },
    "infarct": {"twist": (12, 3, 4, 20)},
    "dyssynchrony": {
        "diameter": (57e-3, 5e-3, 48e-3, 68e-3),
        "gls": (-0.12, 0.025, -0.17, -0.07),
        "ef": (0.36, 0.07, 0.20, 0.48),
        "twist": (7, 3, 0, 14),
    },
    "atrial fibrillation": {
        "gls": (-0.155, 0.025, -0.20, -0.10),
        "ef": (0.55, 0.05, 0.42, 0.65),
        "heart_rate": (84, 12, 60, 108),
    },
}
VIEW_GLS = {"A4C": -0.201, "A2C": -0.212, "A3C": -0.199}  # healthy means [A]
TERRITORIES = {  # walls affected at the basal, mid, apical level [C]
    "LAD": ((0, 1), (0, 1), (0, 1, 2, 5)),
    "RCA": ((4, 5), (4, 5), (4,)),
    "LCx": ((2, 3), (2, 3), (2, 3)),
}
SEPTAL = (1 + np.cos(ANGLES + np.pi / 6)) / 2  # of each wall: 1 amid the septum, 0 opposite


def random_heart(
    seed: int | np.random.Generator, pathology: str = "healthy", territory: str | None = None
) -> Heart:
    """A heart drawn from a population (`HEALTHY`, `PATHOLOGIES`); the same seed gives the same one.

    End-systolic strain of the 18 segments and EF are drawn, then tables and `circumferential` are
    solved for so that `Heart.segmental` and `Heart.ejection_fraction` give them. territory: of an
    infarct, LAD, RCA or LCx; drawn where not given. `Heart.drawn` holds what was drawn.
    """
    check_choice("heart", "pathology", pathology, PATHOLOGIES)
    if territory is not None and (pathology != "infarct" or territory not in TERRITORIES):
        remedy = "give LAD, RCA or LCx, with pathology 'infarct'"
        raise InputError("heart", "territory", f"is {territory!r}", remedy)
    rng = np.random.default_rng(seed)
    draw = _draws(HEALTHY | PATHOLOGIES[pathology], rng)
    size, wall, function = rng.normal(size=3)  # shared by what goes together [C]
    anatomy = _anatomy(draw, rng, size, wall)
    cycle, rate = _cycle(draw, rng, irregular=pathology == "atrial fibrillation")
    gls, ef = draw("gls", function), draw("ef", -0.6 * function + 0.8 * rng.normal())
    shape = _shape(rng)
    target = gls * shape / shape.mean()
    before, delay = np.zeros((3, 6)), np.zeros((3, 6))
    after = np.full((3, 6), rng.uniform(-0.006, 0))
    if pathology == "hypertrophic":  # septal fibres shorten less where the septum is thickest
        target *= 1 - 0.35 * SEPTAL * np.array([[1], [0.8], [0.3]])
        target *= gls / target.mean()
    if pathology == "dyssynchrony":  # left bundle branch block: the septum first, then pulled
        late = rng.uniform(0.06, 0.11)
        delay += late * (1 - SEPTAL)
        before += rng.uniform(0.02, 0.04) * (1 - 2 * SEPTAL)
        target *= 1.25 - 0.5 * SEPTAL
        target *= gls / target.mean()
    if pathology == "infarct":
        territory = territory or str(rng.choice(list(TERRITORIES)))
        scar = _scar(territory)
        target = (1 - scar) * target + scar * rng.uniform(-0.03, 0.02)
        after += scar * rng.uniform(-0.08, -0.04)
        after -= after.mean()  # the rest gives way: the cavity's volume stays about the same
        ef *= 1 - 0.8 * scar.mean()

    twist = draw("twist")
    motion = Motion(
        target,
        before,
        after,
        delay,
        rotation_base=-0.46 * twist,
        rotation_apex=0.54 * twist,
        sway=tuple(rng.normal(0, 0.8e-3, 3).tolist()),
        breathing=tuple(rng.normal(0, 1e-3, 3).tolist()),
        breathing_period=float(rng.uniform(3, 5)),
    )
    drawn = {"gls": float(target.mean()), "ef": ef, "heart_rate": rate, "segments": target}
    if territory:
        drawn["territory"] = territory
    return _fit(Heart(anatomy, cycle, motion, pathology, drawn))


def _draws(
    population: dict[str, tuple[float, float, float, float]], rng: np.random.Generator
) -> Callable[..., float]:
    """A function: a quantity of the population by its name, from a standard normal number."""

    def draw(name: str, normal: float | None = None) -> float:
        mean, sd, low, high = population[name]
        return float(np.clip(mean + sd * (rng.normal() if normal is None else normal), low, high))

    return draw


def _anatomy(
    draw: Callable[..., float], rng: np.random.Generator, size: float, wall: float
) -> Anatomy:
    diameter = draw("diameter", size)
    septum, lateral = (
        draw(name, 0.3 * size + 0.6 * wall + 0.74 * rng.normal()) for name in ("septum", "lateral")
    )
    length = draw("slenderness") * (diameter + septum + lateral)
    thickness = (lateral + (septum - lateral) * SEPTAL) * rng.normal(1, 0.04, (3, 6))
    return Anatomy(diameter, length, thickness)


def _cycle(
    draw: Callable[..., float], rng: np.random.Generator, irregular: bool
) -> tuple[Cycle, float]:
    """The phases of the beat, and the heart rate [1/min]."""
    rate = draw("heart_rate")
    quick = (HEALTHY["heart_rate"][0] - rate) / HEALTHY["heart_rate"][1]
    ivct, ivrt = draw("ivct"), draw("ivrt")
    lvet = draw("lvet", 0.5 * quick + 0.87 * rng.normal())
    shortest = ivct + lvet + ivrt + 0.16
    rr = (max(60 / rate, shortest),)
    kick_share = float(rng.uniform(0.25, 0.35))
    if irregular:  # and no atrium that contracts
        rr = tuple(np.maximum(60 / rate * rng.normal(1, 0.2, 12), shortest).tolist())
        kick_share = 0.0
    ivc_share = float(rng.uniform(0, 0.05))
    return Cycle(rr, ivct, lvet, ivrt, kick_share=kick_share, ivc_share=ivc_share), rate


def _shape(rng: np.random.Generator) -> np.ndarray:
    """How much each segment (level, wall) shortens, about 1."""
    shape = np.ones((3, 6))
    for view, walls in VIEWS.items():
        for name in walls:
            shape[:, WALLS.index(name)] *= VIEW_GLS[view] / HEALTHY["gls"][0] + rng.normal(0, 0.07)
    gradient = rng.normal(0, 0.12)  # of either sign, from base to apex
    shape += gradient * np.array([[-0.5], [0], [0.5]]) + rng.normal(0, 0.04, (3, 6))
    return shape


def _scar(territory: str) -> np.ndarray:
    """Share of the segments (level, wall) that no longer contracts."""
    scar = np.zeros((3, 6))
    for level, reached in enumerate(TERRITORIES[territory]):
        scar[level, list(reached)] = 1
    beside = np.roll(scar, 1, axis=1) + np.roll(scar, -1, axis=1)
    return np.maximum(scar, 0.35 * np.minimum(beside, 1))


def _fit(heart: Heart) -> Heart:
    """The heart with amplitudes and `circumferential` that give its drawn segments, GLS and EF.

    To 1e-4; of about one heart in a hundred to 1e-3.
    """
    drawn = heart.drawn
    for _ in range(15):
        missing, ef = drawn["segments"] - heart.segments(heart.es), heart.ejection_fraction()
        if np.abs(missing).max() < 1e-4 and abs(drawn["ef"] - ef) < 1e-4:
            break
        motion = heart.motion
        power = motion.circumferential + 0.01
        more = replace(heart, motion=replace(motion, circumferential=power))
        slope = (more.ejection_fraction() - ef) / 0.01
        power += np.clip((drawn["ef"] - ef) / slope, -0.3, 0.3) - 0.01
        amplitude = np.clip(motion.amplitude + missing, -0.42, 0.15)
        motion = replace(motion, amplitude=amplitude, circumferential=float(power))
        heart = replace(heart, motion=motion)
    return heart


def measures(heart: Heart) -> dict[str, float]:
    """What a laboratory without any error would report: strains and EF [%], lengths [mm].

    gls (peak of the three views' mean), A4C, A2C, A3C (peaks), ef, circumferential (mid-wall) and
    thickening at end-systole, mapse (descent of the six points of the base, sway and breathing
    taken off), lvids (mean diameter of the cavity where it is widest at end-diastole).
    """
    anatomy, time = heart.anatomy, np.linspace(0, heart.cycle.rr[0], 40)
    views = {view: 100 * heart.gls(view, time) for view in VIEWS}
    base = np.concatenate([anatomy.view_line(view)[[0, -1]] for view in VIEWS])
    down = base - heart.move(base, heart.es) + heart.offset(heart.es)
    ring = heart.move(anatomy.ring(anatomy.centre, 0.0, 12), heart.es)
    return {
        "gls": float(np.mean(list(views.values()), axis=0).min()),
        **{view: float(curve.min()) for view, curve in views.items()},
        "ef": 100 * heart.ejection_fraction(),
        "circumferential": 100 * float(heart.circumferential(heart.es).mean()),
        "thickening": 100 * float(heart.thickening(heart.es).mean()),
        "mapse": 1e3 * float(down[:, 2].mean()),
        "lvids": 1e3 * float(np.linalg.norm(ring[:6] - ring[6:], axis=1).mean()),
    }
