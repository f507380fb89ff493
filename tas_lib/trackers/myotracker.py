"""MyoTracker: all points in all frames at once, compared with where they were, in a small network.

Chernyshov et al. (arXiv:2503.10431) in one pass, and with the refinement that section IV-C of the
paper brings back (both presets). As no such variant is published that runs, its form is ours: each
iteration looks up the maps around the path found so far, tells the network in two more numbers how
far that is from the start, and, as in CoTracker, also updates the features.

Nothing but the given features tells frames apart: in whatever order they come, so come the tracks,
and points may be given in any frame. Frames are resized to a square, as in the paper.

Points are [x, y] throughout: features are read at the point, the network answers with (dx, dy).
The published code documents (y, x), and so reads a point's features at its mirror image across the
diagonal: a mistake that its weights have learnt, and that is not repeated here.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from tas_lib.errors import InputError
from tas_lib.trackers.layers import (
    Encoder,
    PlainBlock,
    Updateformer,
    check_sizes,
    correlation,
    discounted,
    pyramid,
)
from tas_lib.trackers.losses import matching_error
from tas_lib.trackers.tracker import Network, Prediction, Sample

STRIDE = 4  # pixels between nodes of the maps
RADIUS, LEVELS = 2, 4  # of a look-up [nodes], of the pyramid
SHIFT = 0.5  # nodes; the published sampler reads that far to the left of and above a point
WAVES = 62.5 * torch.arange(0, 16, 2)  # frequencies in which a position is told [1/node]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of the network; the defaults are the published ones. Raises InputError."""

    side: int = 256  # of the square to which frames are resized [px]
    stages: tuple[int, int, int, int] = (16, 16, 32, 32)  # widths of the encoder's stages
    features: int = 64  # of a node, and width of the transformer
    heads: int = 4
    depth: int = 4  # blocks over time, and as many over points
    iterations: int = 1

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.features % self.heads:
            problem = f"{self.features} are not shared evenly by {self.heads} heads"
            raise InputError("sizes", "features", problem, "give a multiple")


SMALL = Sizes(iterations=4)  # as many as our other networks make
PAPER = Sizes(iterations=6)
PRESETS = {"paper": PAPER, "small": SMALL}


class MyoTracker(Network):
    """316,450 parameters as published."""

    start, bidirectional, least = "es", True, (2, 64)
    rate = 3e-3  # of learning

    def __init__(self, sizes: Sizes = Sizes()):
        super().__init__()
        self.sizes = sizes
        width, self.refines = sizes.features, sizes.iterations > 1
        self.encoder = Encoder(1, sizes.stages[0], sizes.stages, width, width, STRIDE, PlainBlock)
        inputs = 4 * len(WAVES) + width + LEVELS * (2 * RADIUS + 1) ** 2 + 2 * self.refines
        block = partial(Block, width, sizes.heads)
        self.updateformer = Updateformer(
            inputs, width, 2 + width * self.refines, block, sizes.depth
        )
        if self.refines:
            self.norm = nn.LayerNorm(width)
            self.ffeat_updater = nn.Sequential(nn.Linear(width, width), nn.GELU())

    def forward(self, video: Tensor, points: Tensor, frame: int, grid: Tensor) -> Prediction:
        """Video (T, H, W) in [0, 1], points (N, 2) [x, y] in pixels of `frame`; no visibility."""
        path = self.track(self.encode(video), self._enter(video, points), frame)[-1]
        return Prediction(self._leave(video, path), None)

    def loss(self, sample: Sample) -> Tensor:
        """0.75 mean |error| + 0.25 mean |its step from frame to frame|, pixels of the square.

        Discounted over iterations; and matching (`losses`).
        """
        maps, tracks, matching = self._matched(sample)
        found = self.track(maps, tracks[sample.frame], sample.frame)
        errors = [path - tracks for path in found]
        return matching + discounted(
            [0.75 * e.abs().mean() + 0.25 * e.diff(dim=0).abs().mean() for e in errors]
        )

    def _matched(self, sample: Sample) -> tuple[Tensor, Tensor, Tensor]:
        maps, tracks = self.encode(sample.video), self._enter(sample.video, sample.tracks)
        return maps, tracks, matching_error(maps, tracks / STRIDE - SHIFT, sample.frame)

    def encode(self, video: Tensor) -> Tensor:
        """Maps (T, features, side / STRIDE, side / STRIDE)."""
        square = (self.sizes.side, self.sizes.side)
        return self.encoder(F.interpolate(video[:, None], square, mode="bilinear", antialias=True))

    def track(self, maps: Tensor, points: Tensor, frame: int) -> list[Tensor]:
        """Paths (T, N, 2) after each iteration of points (N, 2), all in pixels of the square."""
        levels, count, start = pyramid(maps, LEVELS), len(maps), points / STRIDE
        where = 2 * start / maps.shape[-1] - 1
        given = F.grid_sample(maps[frame, None], where[None, None], align_corners=False)
        angle = start[..., None] * WAVES.to(start)
        told = torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1).expand(count, -1, -1)
        path, features = start.expand(count, -1, -1), given[0, :, 0].T.expand(count, -1, -1)
        found = []
        rounds = range(self.sizes.iterations)
        for _ in tqdm(rounds, "track", leave=False, disable=not self.progress):
            path = path.detach()
            near = correlation(levels, path, features, RADIUS, SHIFT)
            token = [told, features, near / self.sizes.features**0.5]
            if self.refines:
                token.append(path - start)
            step, change = self.updateformer(torch.cat(token, dim=-1)).tensor_split((2,), dim=-1)
            path = path + step
            if self.refines:
                features = features + self.ffeat_updater(self.norm(change))
            found.append(STRIDE * path)
        return found

    def _enter(self, video: Tensor, points: Tensor) -> Tensor:
        """Points (..., 2) [x, y] in pixels of the video -> of the square."""
        return (points + 0.5) * self._scale(video) - 0.5

    def _leave(self, video: Tensor, points: Tensor) -> Tensor:
        """The way back."""
        return (points + 0.5) / self._scale(video) - 0.5

    def _scale(self, video: Tensor) -> Tensor:
        return self.sizes.side / video.new_tensor(video.shape[:0:-1])


class Block(nn.Module):
    """Attention over the second axis of x (batch, length, width), then a layer by itself.

    Both add to the normalised x, and logits are divided by the square of a head's width: as
    published.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.attn = _linears(width, "to_q", "to_k", "to_v", "to_out")
        self.norm2 = nn.LayerNorm(width)
        self.mlp = _linears(width, "fc1", "fc2")

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x)
        asked = (self.attn[name](x) for name in ("to_q", "to_k", "to_v"))
        q, k, v = (a.unflatten(-1, (self.heads, -1)).transpose(1, 2) for a in asked)
        heads = F.scaled_dot_product_attention(q, k, v, scale=q.shape[-1] ** -2)
        x = x + self.attn["to_out"](heads.transpose(1, 2).flatten(2))
        return x + self.mlp["fc2"](F.relu(self.mlp["fc1"](self.norm2(x))))


def _linears(width: int, *names: str) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(width, width) for name in names})
