"""A virtual patient's visit: the heart on that day, the probe on the chest, the scanner's settings.

Their spreads are our choice; those of the settings were chosen with one real clip in mind.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import xarray as xr

from tas_lib.artefacts import Scanner, Shadow
from tas_lib.clinic import MESH, Pose
from tas_lib.errors import InputError
from tas_lib.heart import Heart
from tas_lib.mesh import mesh_from_walls
from tas_lib.recording import SECTOR, check_mesh
from tas_lib.simulator import CLINICAL

RETEST = 0.02  # SD of the systolic strains of a heart between visits, of them: our choice
POSES = 100  # drawn at most for one recording


def another_day(heart: Heart, rng: np.random.Generator) -> Heart:
    """The same heart on another day: rate (SD 5 %), systolic strains (SD RETEST), breathing.

    In atrial fibrillation another of its beats is filmed.
    """
    cycle, motion = heart.cycle, heart.motion
    least = cycle.es + cycle.ivrt + max(motion.delay.max() + 0.05, 0.1) + 1e-3
    rr = np.roll(cycle.rr, rng.integers(len(cycle.rr))) * np.exp(rng.normal(0, 0.05))
    amplitude = np.clip(motion.amplitude * rng.normal(1, RETEST), -0.45, 0.2)
    breathing = tuple(rng.normal(0, 1e-3, 3).tolist())
    motion = dataclasses.replace(motion, amplitude=amplitude, breathing=breathing)
    cycle = dataclasses.replace(cycle, rr=tuple(np.maximum(rr, least).tolist()))
    return dataclasses.replace(heart, cycle=cycle, motion=motion)


def placed(heart: Heart, view: str, rng: np.random.Generator) -> tuple[Pose, Scanner]:
    """A probe on the chest, its scanner set up: drawn until the whole wall stays in the sector."""
    for _ in range(POSES):
        pose = _pose(view, rng)
        scanner = _scanner(pose.apex_depth + heart.anatomy.length, rng)
        try:
            path = true_path(heart, pose, scanner)
            acq = scanner.acquisition
            limits = dict(zip(SECTOR, (acq.sector / 2, acq.r_min, scanner.depth), strict=True))
            check_mesh(xr.Dataset(attrs=limits), path[..., [0, 2]])
        except InputError:
            continue
        return pose, scanner
    problem = f"leaves the sector in {POSES} poses"
    raise InputError("cohort", f"heart in {view}", problem, "use a wider or deeper acquisition")


def _pose(view: str, rng: np.random.Generator) -> Pose:
    tilt, foreshortening, rotation = np.deg2rad(rng.normal(0, 5, 3)).tolist()
    lateral, elevation = rng.normal(0, 2e-3, 2).tolist()
    depth = rng.uniform(12e-3, 25e-3)
    return Pose(view, depth, tilt, foreshortening, rotation, lateral, elevation)


def _scanner(base: float, rng: np.random.Generator) -> Scanner:
    """Settings for a heart whose base lies `base` [m] below the probe."""
    ribs = [
        Shadow(
            angle=rng.choice([-1, 1], p=[0.2, 0.8]) * rng.uniform(0.2, 0.6),  # to the right
            width=np.deg2rad(rng.uniform(8, 24)),
            loss=rng.uniform(15, 40),
        )
        for _ in range(rng.integers(3))
    ]
    return Scanner(
        CLINICAL,
        frame_rate=rng.uniform(40, 80),
        noise=rng.uniform(-14, 4),
        haze=rng.uniform(-15, 2),
        reverberation=rng.uniform(-24, -10),
        reverberation_path=rng.uniform(15e-3, 30e-3),
        shadows=tuple(ribs),
        depth=min(base + rng.uniform(20e-3, 40e-3), CLINICAL.r_max),
        gain=min(rng.normal(-22, 3), 0.0),
        dynamic_range=rng.uniform(50, 60),
        contrast=rng.uniform(1.8, 2.8),
        smoothing=rng.uniform(0.3e-3, 0.55e-3),
    )


def true_path(heart: Heart, pose: Pose, scanner: Scanner) -> np.ndarray:
    """Where `image` of a beat has the mesh's points (time, l, r, [x, y, z]) [m], without imaging.

    Raises InputError where the plane does not cut the heart as a view does.
    """
    right, _, down = pose.axes
    walls = heart.anatomy.outline(pose.in_plane([0.0, 0.0]), right, down)
    nodes = mesh_from_walls(*walls, *MESH)
    material = heart.at(pose.in_plane(nodes).reshape(-1, 3))
    time = np.arange(0, heart.cycle.rr[0] + 1e-6, 1 / scanner.frame_rate)
    path = [pose.to_image(heart.move(material, t)) for t in time]
    return np.reshape(path, (len(time), *MESH, 3))
