"""EchoTracker: a coarse look at whole frames, then refinements near the track; every point alone.

Azad et al., MICCAI 2024 (arXiv:2405.08587), section IV-C of the paper; names and shapes of its
parameters are those of the published weights. Points are given in the first frame, and all frames
are seen at once. The network's quirks are kept: the first frame's "difference" is the last frame,
and nothing ties the track to the given point in the first frame. Whole correlation maps are never
made: maps that are resized and averaged before they are correlated give the same numbers.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from functools import reduce
from itertools import pairwise
from math import sqrt
from operator import add
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from tas_lib.trackers.layers import (
    Encoder,
    check_sizes,
    discounted,
    kaiming,
    look_up,
    normalised,
    pyramid,
    sample,
)
from tas_lib.trackers.losses import matching_error
from tas_lib.trackers.tracker import Network, Prediction, Sample

COARSE, FINE = 8, 2  # pixels between nodes of the maps
COST = 14, 14  # size to which a whole correlation map is brought: as many values as a look-up has
RADIUS = 3  # of a look-up [nodes]
PAST = 2, 4  # frames back at which the track's own appearance is taken
FREQUENCIES = 10000 ** -torch.linspace(0, 1, 16)  # of sines and cosines of motion [1/node]
FRAMES, POINTS = 8, 32  # looked up and refined at a time, so that memory stays small


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of the network; the defaults are the published ones. Raises InputError."""

    stages: tuple[int, int, int, int] = (32, 48, 64, 64)  # widths of an encoder's stages
    merge: int = 128  # width of its last layer but one
    features: int = 64  # of a node
    film: tuple[int, int] = (50, 60)  # rows, columns of frame differences that all points see
    blocks: tuple[int, ...] = (64, 64, 128, 128, 256, 256, 512, 512)  # widths over time
    iterations: int = 4  # refinements

    def __post_init__(self) -> None:
        check_sizes(self)


PAPER = Sizes()
SMALL = Sizes((16, 24, 32, 32), 32, 32, (25, 30), (32, 32, 48, 48, 64, 64, 96, 96))  # 1.1 M
PRESETS = {"paper": PAPER, "small": SMALL}


class EchoTracker(Network):
    """10,171,212 parameters at the published size."""

    start, bidirectional, least = "first", False, (2, 64)
    rate = 1e-3  # of learning

    def __init__(self, sizes: Sizes = PAPER):
        super().__init__()
        self.sizes = sizes
        encoder = 1, sizes.stages[0], sizes.stages, sizes.merge, sizes.features
        self.fnet = kaiming(Encoder(*encoder, COARSE))
        self.fnet_fine = kaiming(Encoder(*encoder, FINE))
        cost, film = COST[0] * COST[1], sizes.film[0] * sizes.film[1]
        shared = film + 4 * len(FREQUENCIES) + 4
        self.delta_block_spatial = DeltaBlock(cost + shared, sizes.blocks)
        self.delta_block_temporal = DeltaBlock(2 * cost + shared, sizes.blocks)
        self.linear = nn.Linear((1 + len(PAST)) * cost, 2 * cost)

    def forward(self, video: Tensor, points: Tensor, frame: int, grid: Tensor) -> Prediction:
        """Video (T, H, W) in [0, 1], points (N, 2) [x, y] in pixels of frame 0; no visibility."""
        return Prediction(self.track(video, *self.encode(video), points)[-1], None)

    def loss(self, sample: Sample) -> Tensor:
        """Mean over predictions k of 0.8^(last - k) |error| [px], from the first frame on.

        And matching, on both sizes of maps (`losses`).
        """
        maps, matching = self._matched(sample)
        found = self.track(sample.video, *maps, sample.tracks[0])
        return matching + discounted([(points - sample.tracks).abs().mean() for points in found])

    def _matched(self, sample: Sample) -> tuple[tuple[Tensor, Tensor], Tensor]:
        maps = self.encode(sample.video)
        pairs = zip(maps, (COARSE, FINE), strict=True)
        coarse, fine = (matching_error(m, sample.tracks / stride, 0) for m, stride in pairs)
        return maps, coarse + fine

    def encode(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Coarse and fine maps of a video (T, H, W)."""
        frames = 2 * video[:, None] - 1
        return self.fnet(frames), self.fnet_fine(frames)

    def track(self, video: Tensor, coarse: Tensor, maps: Tensor, points: Tensor) -> list[Tensor]:
        """Predictions (T, N, 2) [x, y] in pixels, the coarse one and each refinement."""
        frames = 2 * video[:, None] - 1
        film = F.interpolate(frames, self.sizes.film, mode="bilinear").flatten(1)
        film = torch.cat((film[-1:], film.diff(dim=0))).T
        found = [COARSE * self._coarse(coarse, film, points / COARSE)]
        path = found[0] / FINE
        given, origin = sample(maps[:1], path[:1].detach()), path[0].detach()
        rounds = range(self.sizes.iterations)
        for _ in tqdm(rounds, "track", leave=False, disable=not self.progress):
            path = path.detach()
            path = path + self._refinement(maps, film, given, origin, path)
            found.append(FINE * path)
        return found

    def _coarse(self, maps: Tensor, film: Tensor, start: Tensor) -> Tensor:
        """Path (T, N, 2) of points that start at (N, 2), in nodes of the coarse maps."""
        feature = sample(maps[:1], start[None])
        whole: Any = {"size": COST, "mode": "bilinear", "align_corners": True}
        seen = reduce(add, (F.interpolate(level, **whole) for level in pyramid(maps))) / 4
        cost = feature @ seen.flatten(2) / sqrt(feature.shape[-1])
        path = start.expand(len(maps), -1, -1)
        return path + self.delta_block_spatial(cost, film, _motion(path, start))

    def _refinement(
        self, maps: Tensor, film: Tensor, given: Tensor, origin: Tensor, path: Tensor
    ) -> Tensor:
        """Correction (T, N, 2) of a path (T, N, 2), in nodes of the fine maps.

        The maps around the path are compared with the point as it was `given` (1, N, C), and with
        what the path met a few frames ago.
        """
        met, frame = sample(maps, path), torch.arange(len(path), device=path.device)
        past = (met[(frame - back).clamp(min=0)] for back in PAST)
        templates = torch.stack((given.expand_as(met), *past), dim=2) / sqrt(met.shape[-1])
        parts = zip(*(a.split(FRAMES) for a in (maps, templates, path)), strict=True)
        cost = torch.cat([look_up(pyramid(m), t, p, RADIUS) for m, t, p in parts]).flatten(2)
        return self.delta_block_temporal(self.linear(cost), film, _motion(path, origin))


def _motion(path: Tensor, origin: Tensor) -> Tensor:
    """What a point knows of a path (T, N, 2): steps to the next frame and origin -> (T, N, 68).

    sin dx, cos dx, sin dy, cos dy at 16 frequencies each, dx, dy, x, y. The last step is repeated.
    """
    beyond = 2 * path[-1:] - path[-2:][:1]
    step = torch.cat((path, beyond)).diff(dim=0)
    angle = step[..., None] * FREQUENCIES.to(path)
    waves = torch.stack((angle.sin(), angle.cos()), dim=-2).flatten(-3)
    return torch.cat((waves, step, origin.expand_as(path)), dim=-1)


class DeltaBlock(nn.Module):
    """Residual network over time: what a point sees in T frames -> its displacement (x, y)."""

    def __init__(self, inputs: int, widths: tuple[int, ...]):
        super().__init__()
        self.first_block_conv = _convolution(inputs, widths[0])
        pairs = enumerate(pairwise((widths[0], *widths)))
        self.basicblock_list = nn.ModuleList(BasicBlock(*pair, first=k == 0) for k, pair in pairs)
        self.dense = nn.Linear(widths[-1], 2)

    def forward(self, cost: Tensor, film: Tensor, motion: Tensor) -> Tensor:
        """Cost (T, N, A) and motion (T, N, B) of each point, film (F, T) of all -> (T, N, 2).

        The first convolution sees A, F and B side by side; its part that sees the film is the same
        for all points and is computed once.
        """
        conv, ahead = self.first_block_conv.conv, cost.shape[-1]
        assert isinstance(conv, nn.Conv1d)
        before, common, after = conv.weight.split((ahead, len(film), motion.shape[-1]), dim=1)
        weight = torch.cat((before, after), dim=1)
        common = F.conv1d(film, common, conv.bias, padding=1)
        own = torch.cat((cost, motion), dim=-1).permute(1, 2, 0)
        parts = [F.conv1d(part, weight, padding=1) + common for part in own.split(POINTS)]
        return torch.cat([self._displacement(F.relu(part)) for part in parts]).transpose(0, 1)

    def _displacement(self, x: Tensor) -> Tensor:
        for block in self.basicblock_list:
            x = block(x)
        return self.dense(F.relu(x).transpose(1, 2))


class BasicBlock(nn.Module):
    """Two convolutions over time beside the identity, which is padded with zeros where x widens."""

    def __init__(self, width_in: int, width: int, first: bool):
        super().__init__()
        self.conv1, self.conv2 = _convolution(width_in, width), _convolution(width, width)
        self.first = first
        self.padding = 0, 0, (width - width_in) // 2, (width - width_in + 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x if self.first else F.relu(normalised(x)))
        return self.conv2(F.relu(normalised(y))) + F.pad(x, self.padding)


def _convolution(width_in: int, width: int) -> nn.Module:
    return nn.Sequential(OrderedDict(conv=nn.Conv1d(width_in, width, 3, padding=1)))
