"""What a tracker's error is made of, and what would be left of it after a correction."""

from __future__ import annotations

from typing import Any

import numpy as np

DEGREE = 8  # along the wall, of what counts as smooth; across it: straight
PHASES = 4  # of systole, and of diastole


def parts(found: np.ndarray, truth: np.ndarray, frame: int, es: int, whole: bool) -> dict[str, Any]:
    """Mean distances [m] that explain the mean trajectory error of tracks.

    found, truth: (T, l, r, [x, z]) [m], from the probe, given at `frame`; es: end-systole; whole:
    the film is one beat, from end-diastole.

    shift: of the mesh as a whole (mean error of a frame); beam, across: along the beam, and at
    right angles to it; growth (2 PHASES + 1,): of all points at equal steps of time from the first
    frame to end-systole and from there to the last. smoothed: the error of `smooth_tracks`. closed:
    if the beat's end were brought back to its start, by a drift even in time, as speckle tracking
    does, which is right as far as the truth ends where it began; NaN of no whole beat.
    """
    error = found - truth
    along = (error * truth).sum(-1) / np.linalg.norm(truth, axis=-1)
    distance = np.linalg.norm(error, axis=-1)
    after = np.arange(len(found)) - frame
    drift = np.multiply.outer(after / max(1, len(found) - 1), found[-1] - found[0])
    steps = np.linspace(0, es, PHASES + 1), np.linspace(es, len(found) - 1, PHASES + 1)[1:]
    return {
        "shift": float(np.linalg.norm(error.mean((1, 2)), axis=-1).mean()),
        "beam": float(np.abs(along).mean()),
        "across": float(np.sqrt(np.maximum(distance**2 - along**2, 0)).mean()),
        "growth": np.interp(np.concatenate(steps), np.arange(len(found)), distance.mean((1, 2))),
        "smoothed": _mean(smooth_tracks(found, frame) - truth),
        "closed": _mean(error - drift) if whole else np.nan,
    }


def smooth_tracks(tracks: np.ndarray, frame: int) -> np.ndarray:
    """Tracks (T, l, r, [x, z]) whose displacements since `frame` were made smooth over the mesh:
    polynomials of degree DEGREE along and 1 across.
    """
    return tracks[frame] + smooth(tracks - tracks[frame])


def smooth(field: np.ndarray) -> np.ndarray:
    """The least-squares polynomial (of the nodes' numbers) of a field (T, l, r, ...)."""
    along, across = (
        basis @ np.linalg.pinv(basis)
        for n, degree in zip(field.shape[1:3], (DEGREE, 1), strict=True)
        for basis in [np.polynomial.legendre.legvander(np.linspace(-1, 1, n), min(degree, n - 1))]
    )
    return np.einsum("ij,kl,tjl...->tik...", along, across, field, optimize=True)


def _mean(error: np.ndarray) -> float:
    return float(np.linalg.norm(error, axis=-1).mean())
