"""Open speckle tracking: the wall is followed by block matching, as clinical software does it.

From the given frame outwards, each frame is compared with the ones just before it: small windows of
grey levels round every mesh node by normalised correlation, on halved pixels over a wide reach and
then finely, with peaks between pixels, there and back. The displacement of the whole mesh is the
most probable one between these matches, each as precise as its peak, and a prior: what one frame
moves bends little along the mesh and is nearly an affine motion of the ventricle. Over a whole
beat, the drift that is left is taken back.

The displacement d_n of node n minimises

    sum_n (d_n - m_n)' P_n (d_n - m_n)  +  sum |d''|^2 / bending^2  +  sum |d - affine|^2 / rest^2
        +  STILL sum |d|^2

with matches m and their precisions P, from correlation, curvature of the peak and the way back.
Clinical products are closed: this has the parts commonly ascribed to them, built as we think best,
and its sizes were tuned for the mean trajectory error on ten recordings of virtual patients (of
`cohorts.cases` with seed 1000, patients 1 to 5 of hunt and of sshf), which nothing else uses.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from tas_lib.parallel import one_thread
from tas_lib.speckle import normalised_correlation
from tas_lib.trackers.tracker import Canvas

# The error of a match falls with its correlation c as SPREAD (1 - c + BEST), below LEAST it says
# nothing: about so on the tuning patients.
SPREAD, BEST, LEAST = 1.3e-3, 0.03, 0.4  # [m], -, -
STILL = 1.0  # precision of standing still, where nothing else is known [1/m^2]


@dataclasses.dataclass(frozen=True)
class SpeckleTracking:
    """Settings; infinite `mismatch`, `bending` or `rest` switch that part off."""

    window: float = 9e-3  # full width of what is compared [m]
    reach: float = 4e-3  # search to each side of the motion continued, on halved pixels [m]
    search: float = 0.8e-3  # to each side of what that found [m]
    lags: tuple[int, ...] = (1, 2, 4)  # frames back to those compared with
    stationary: float = 0.8  # share of the clip's mean taken off: haze stands still
    mismatch: float = 0.6e-3  # between there and back that halves a match's weight [m]
    bending: float = 10.0  # SD of second derivatives of one frame's displacement [1/m]
    rest: float = 6e-3  # SD of its departure from an affine motion of the whole mesh [m]
    drift_compensation: bool = True

    pixel, start, least = 0.4e-3, "es", (2, 48)  # see `tracker.Tracker`
    expects_correlation = False

    def follow(
        self, canvas: Canvas, mesh: np.ndarray, frame: int, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """The mesh in all frames (T, l, r, [x, y]) [px] and its quality (T, l, r) in [0, 1].

        mesh: (l, r, 2) [px] at `frame`. Quality is the correlation with the earlier frames, less
        where the way back leads elsewhere, and 1 at `frame`.
        """
        with one_thread():
            pixel, length = canvas.pixel, len(canvas.video)
            shape, nodes = mesh.shape[:2], torch.as_tensor(mesh, dtype=torch.float64)
            video = canvas.video - self.stationary * canvas.video.mean(0)
            halved = F.avg_pool2d(video[:, None], 2)[:, 0]
            coarse = _Scale.of(halved, 2, self.window, self.reach, pixel)
            fine = _Scale.of(video, 1, self.window, self.search, pixel)
            prior = self._prior(nodes, pixel)
            path = nodes.reshape(1, -1, 2).repeat(length, 1, 1)
            quality = torch.ones(path.shape[:2])
            for step, end in ((1, length), (-1, -1)):
                motion = torch.zeros_like(path[0])
                seen = deque([fine.cut(frame, path[frame])], maxlen=max(self.lags))
                way = range(frame + step, end, step)
                for t in tqdm(way, "speckle", leave=False, unit="frame", disable=not progress):
                    last = path[t - step]
                    near = last + motion
                    areas = coarse.cut(t - step, last), coarse.cut(t, near)
                    matches = [self._match(coarse, *areas, pixel)]
                    near = near + _displacement(matches, prior, last - near)
                    area = fine.cut(t, near)
                    lags = (lag for lag in self.lags if lag <= len(seen))
                    matches = [self._match(fine, seen[-lag], area, pixel) for lag in lags]
                    path[t] = near + _displacement(matches, prior, last - near)
                    quality[t] = torch.stack([m.quality for m in matches]).mean(0)
                    motion = path[t] - last
                    seen.append(fine.cut(t, path[t]))
            if canvas.whole_beat and self.drift_compensation:
                path = path - _drift(path, quality, frame)
            tracks = path.reshape(-1, *shape, 2).float().double().numpy()
            return tracks, quality.reshape(-1, *shape).double().numpy()

    def _prior(self, mesh: Tensor, pixel: float) -> Tensor:
        """Precision (n, n) [1/m^2] of one component of a displacement, before anything is seen."""
        n_along, n_across, _ = mesh.shape
        along, across = (
            _second_difference(n) / (pixel * step.norm(dim=-1).mean()) ** 2
            for n, step in ((n_along, mesh.diff(dim=0)), (n_across, mesh.diff(dim=1)))
        )
        bent = torch.kron(along.T @ along, torch.eye(n_across)) + torch.kron(
            torch.eye(n_along), across.T @ across
        )
        points = mesh.reshape(-1, 2) - mesh.mean((0, 1))
        affine, _ = torch.linalg.qr(torch.cat([torch.ones(n_along * n_across, 1), points], 1))
        one = torch.eye(n_along * n_across, dtype=torch.float64)
        return bent / self.bending**2 + (one - affine @ affine.T) / self.rest**2 + STILL * one

    def _match(self, scale: _Scale, before: Tensor, now: Tensor, pixel: float) -> _Match:
        """What the windows of one frame moved by until another, there and back."""
        there, back = (
            _peak(normalised_correlation(scale.core(a), b))
            for a, b in ((before, now), (now, before))
        )
        gap = scale.factor * pixel * (there.shift + back.shift).norm(dim=-1)
        agreement = 1 / (1 + (gap / self.mismatch) ** 2)
        found = torch.minimum(there.value, back.value) > 0
        value = found * (there.value + back.value) / 2
        shape = (there.curvature + back.curvature).double()
        shape = shape / torch.linalg.det(shape).sqrt()[:, None, None]
        worth = agreement * ((value - LEAST) / (1 - LEAST)).clamp(min=0)
        precision = (worth / (SPREAD * (1 - value + BEST)) ** 2)[:, None, None] * shape
        shift = scale.factor * (there.shift - back.shift).double() / 2
        return _Match(shift, precision, value * agreement)


class _Match(NamedTuple):
    shift: Tensor  # (n, 2) [pixels]
    precision: Tensor  # (n, 2, 2) [1/m^2]
    quality: Tensor  # (n,) in [0, 1]


def _displacement(matches: list[_Match], prior: Tensor, still: Tensor) -> Tensor:
    """The most probable displacement (n, 2) [pixels] between matches and prior.

    still: (n, 2), where a node lands that has not moved since the last frame; the prior is about
    the motion from there.
    """
    pull = reduce(add, (m.precision @ m.shift[..., None] for m in matches)).flatten()
    pull = pull + (prior @ still).flatten()
    precision = reduce(add, (m.precision for m in matches))
    total = torch.block_diag(*precision) + torch.kron(prior, torch.eye(2))
    return torch.cholesky_solve(pull[:, None], torch.linalg.cholesky(total)).reshape(-1, 2)


class _Peak(NamedTuple):
    shift: Tensor  # (n, [x, y]) from the middle [pixels]
    value: Tensor  # (n,) in [0, 1], 0 where the peak lies on the edge
    curvature: Tensor  # (n, 2, 2), positive definite [1/pixels^2]


class _Scale(NamedTuple):
    """The clip on pixels `factor` times as large, and the sizes of what is cut from it."""

    video: Tensor  # (T, H, W)
    factor: int
    offsets: Tensor  # (k, k, 2) [x, y] of an area's pixels from its middle
    reach: int  # pixels of an area that surround its window on each side

    @classmethod
    def of(cls, video: Tensor, factor: int, window: float, reach: float, pixel: float) -> _Scale:
        half = max(1, round((window / (factor * pixel) - 1) / 2))
        reach = max(2, round(reach / (factor * pixel)))
        line = torch.arange(-half - reach, half + reach + 1.0)
        x, y = torch.meshgrid(line, line, indexing="xy")
        return cls(video, factor, torch.stack([x, y], -1), reach)

    def cut(self, t: int, points: Tensor) -> Tensor:
        """Areas (n, k, k) round points (n, 2) of the original pixels, bicubic between pixels."""
        size = torch.tensor(self.video.shape[:0:-1])
        middle = (points + 0.5) / self.factor  # from the image's corner
        at = (middle[:, None, None].float() + self.offsets) / size * 2 - 1
        grid, image = at.flatten(1, 2)[None], self.video[t][None, None]
        areas = F.grid_sample(image, grid, "bicubic", "border", align_corners=False)
        return areas.reshape(at.shape[:3])

    def core(self, areas: Tensor) -> Tensor:
        """The windows in the middle of areas (n, k, k)."""
        inner = slice(self.reach, -self.reach)
        return areas[:, inner, inner].contiguous()


def _peak(surface: Tensor) -> _Peak:
    """Highest correlation of surfaces (n, k, k), by a paraboloid through it and its neighbours."""
    n, k, _ = surface.shape
    value, best = surface.flatten(1).max(1)
    row, column = best // k, best % k
    r, c = (i.clamp(1, k - 2) for i in (row, column))
    inside = (r == row) & (c == column)
    beside = torch.arange(-1, 2)
    index = r[:, None, None] + beside[:, None], c[:, None, None] + beside
    p = surface[torch.arange(n)[:, None, None], *index]
    slope = torch.stack([p[:, 1, 2] - p[:, 1, 0], p[:, 2, 1] - p[:, 0, 1]], -1) / 2
    xx, yy = (
        (2 * p[:, 1, 1] - a - b).clamp(min=1e-3)
        for a, b in ((p[:, 1, 2], p[:, 1, 0]), (p[:, 2, 1], p[:, 0, 1]))
    )
    limit = 0.9 * (xx * yy).sqrt()
    xy = -(p[:, 2, 2] - p[:, 2, 0] - p[:, 0, 2] + p[:, 0, 0]) / 4
    xy = torch.maximum(torch.minimum(xy, limit), -limit)
    curvature = torch.stack([xx, xy, xy, yy], -1).reshape(n, 2, 2)
    between = torch.linalg.solve(curvature, slope).clamp(-1, 1)
    shift = torch.stack([c, r], -1) - k // 2 + between
    return _Peak(shift, inside * value.clamp(min=0), curvature)


def _drift(path: Tensor, quality: Tensor, frame: int) -> Tensor:
    """What to take from a path (T, n, 2) to bring its last frame back to its first: (T, n, 2).

    It grows from 0 at `frame` most in the steps whose quality (T, n) is least.
    """
    steps = torch.cat([quality[:frame], quality[frame + 1 :]])
    share = F.pad((1.05 - steps).cumsum(0), (0, 0, 1, 0))
    share = (share - share[frame]) / share[-1]
    return share[..., None] * (path[-1] - path[0])


def _second_difference(n: int) -> Tensor:
    return torch.diff(torch.eye(n, dtype=torch.float64), n=2, dim=0)
