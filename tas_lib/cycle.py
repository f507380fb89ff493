"""The time course of a virtual heart's beat: how far its contraction, twist and filling are.

Numbers: [A] published (see tas_lib/heart.py), the others our choice.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tas_lib.errors import InputError, check_positive


def _wave(t: float, start: np.ndarray | float, duration: np.ndarray | float) -> Any:
    """0 before start, 1 after the duration; fastest after a third of it; velocity continuous."""
    x = np.clip((t - start) / duration, 0, 1)
    return x * x * (6 + x * (3 * x - 8))


@dataclass(frozen=True, eq=False)
class Cycle:
    """When things happen, from end-diastole (mitral closure) on [s]."""

    rr: tuple[float, ...] = (0.92,)  # lengths of successive beats, repeated
    ivct: float = 0.040  # isovolumic contraction [A]
    lvet: float = 0.292  # ejection [A]
    ivrt: float = 0.096  # isovolumic relaxation [A]
    early: float = 0.180  # early filling
    kick: float = 0.120  # atrial filling, ends with the beat
    kick_share: float = 0.30  # of the strain recovered by it; 0: no atrial contraction
    ivc_share: float = 0.03  # of the strain reached by the end of isovolumic contraction

    def __post_init__(self) -> None:
        check_positive("cycle", self, "ivct", "lvet", "ivrt", "early", "kick")
        least = self.es + self.ivrt + 0.1
        if not self.rr or not np.isfinite(self.rr).all() or min(self.rr) < least:
            remedy = f"give beats of {least:.3f} s or more, or shorter phases"
            raise InputError("cycle", "rr", f"is {self.rr} s", remedy)
        if not (0 <= self.kick_share < 1 and abs(self.ivc_share) <= 0.2):
            problem = f"are {self.kick_share}, {self.ivc_share}"
            remedy = "choose 0 to 1 and -0.2 to 0.2"
            raise InputError("cycle", "kick_share, ivc_share", problem, remedy)

    @property
    def es(self) -> float:
        """End-systole: aortic closure [s]."""
        return self.ivct + self.lvet

    def beat(self, t: float) -> tuple[float, float]:
        """Time since that beat's end-diastole and its length [s]."""
        ends = np.cumsum(self.rr)
        t = float(t) % ends[-1]
        k = int(np.searchsorted(ends, t, side="right"))
        return t - (ends[k - 1] if k else 0.0), self.rr[k]

    def contraction(self, t: float, delay: np.ndarray | float = 0.0) -> np.ndarray:
        """Share of the systolic strain there is at t, delay later; from 0 to 1 and back.

        Early and atrial filling fuse where the beat leaves no diastasis between them.
        """
        t, rr = self.beat(t)
        opening = self.es + self.ivrt + delay
        up = self.ivc_share * _wave(t, delay, self.ivct)
        up = up + (1 - self.ivc_share) * _wave(t, self.ivct + delay, self.lvet)
        down = (1 - self.kick_share) * _wave(t, opening, np.minimum(self.early, rr - opening))
        return up - down - self.kick_share * _wave(t, rr - self.kick, self.kick)

    def before(self, t: float) -> float:
        """0 to 1 at the end of isovolumic contraction and back by the middle of ejection."""
        t, _ = self.beat(t)
        return _wave(t, 0, self.ivct) - _wave(t, self.ivct, self.lvet / 2)

    def after(self, t: float) -> float:
        """0 to 1 from aortic closure to mitral opening, back to 0 during early filling."""
        t, rr = self.beat(t)
        opening = self.es + self.ivrt
        return _wave(t, self.es, self.ivrt) - _wave(t, opening, min(self.early, rr - opening))

    def twisting(self, t: float) -> float:
        """Share of the twist; untwisting begins at aortic closure."""
        t, rr = self.beat(t)
        end = min(self.es + self.ivrt + self.early, rr)
        return _wave(t, self.ivct, self.lvet) - _wave(t, self.es, end - self.es)
