"""Simple hearts in a small, coarse scanner, for the tests of what the clinic films."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from tas_lib import chambers
from tas_lib.anatomy import Anatomy
from tas_lib.artefacts import Scanner, Shadow
from tas_lib.chambers import Tissue
from tas_lib.clinic import ECHOES, Pose, Scan, image
from tas_lib.tissue import Echogenicity

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
