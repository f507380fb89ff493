"""CoTracker, version 1: points followed together, by a transformer over time and over points.

Karaev et al. (DOI 10.1007/978-3-031-73033-7_2). A window of S frames at a time: each of n points
has a position and a feature in each frame, and both are improved in a few iterations. A token says
how far the point has moved, how its feature correlates with the maps around it, and what the
feature is; attention over the frames of a point and over the points of a frame turns tokens into
updates. The next window starts halfway, from what this one has found.

Parameters have the names of the published weights, which load as they are. Grid coordinates [x, y]
are pixels divided by the stride. The whole network is in this one file, to be read from top to end.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from tas_lib.errors import InputError
from tas_lib.trackers.layers import (
    Encoder,
    Updateformer,
    check_sizes,
    correlation,
    kaiming,
    pyramid,
    sample,
)

KNOWN = 10.0  # visibility logit of points where they are given
MATCH = 10.0  # correlation of a feature with itself, in the natural layout
WAVES = 32  # frequencies in which a displacement is told


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of the network; the published ones unless told. Raises InputError."""

    in_channels: int = 3  # colours
    stem: int = 64  # channels of the encoder's first convolution,
    stages: tuple[int, int, int, int] = (64, 96, 128, 128)  # of its stages
    merge: int = 256  # and where these are merged
    latent: int = 128  # channels of a feature
    hidden: int = 384  # width of the transformer
    heads: int = 8
    time_depth: int = 6  # blocks over time
    space_depth: int = 6  # and over points: one after every time_depth / space_depth of those
    stride: int = 4  # pixels from node to node
    window: int = 8  # frames
    levels: int = 4  # of the correlation pyramid
    radius: int = 3  # nodes to each side that are compared on each level
    iterations: int = 4  # a window

    def __post_init__(self) -> None:
        check_sizes(self)
        multiples = {"hidden": self.heads, "time_depth": self.space_depth, "token": 4, "window": 2}
        for field, of in multiples.items():
            if getattr(self, field) % of:
                problem = f"is {getattr(self, field)}"
                raise InputError("sizes", field, problem, f"give a multiple of {of}")

    @property
    def token(self) -> int:
        """Numbers in a token: displacement and its waves, correlations, feature, two states."""
        return 2 + 4 * WAVES + self.levels * (2 * self.radius + 1) ** 2 + self.latent + 2

    @property
    def least(self) -> int:
        """Pixels a side of the smallest image: 2 x 2 nodes on the coarsest level."""
        return self.stride * 2**self.levels


PAPER = Sizes()  # 24,149,859 parameters
SMALL = Sizes(1, 16, (16, 24, 32, 32), 64, 64, 96, 4, 3, 3)  # 884,475: trains on a CPU core


class Start(NamedTuple):
    """What a window of S frames and n points starts from."""

    xy: Tensor  # (S, n, 2) grid coordinates
    visibility: Tensor  # (S, n) logits
    mask: Tensor  # (S, n) 1 where the point is to be found and no window before has looked
    features: Tensor  # (n, latent) of the points where they are given
    mark: Tensor | None  # (n, latent), added to the features in tokens alone


class Window(NamedTuple):
    """What a window has found."""

    first: int  # its first frame
    start: Start
    path: Tensor  # (iterations, S, n, 2) [x, y] in pixels after each iteration
    visibility: Tensor  # (S, n) logits


class CoTracker(nn.Module):
    """The network. `official`: as published weights want `encode`, `_states`, `_frequencies`."""

    def __init__(self, sizes: Sizes = PAPER, official: bool = False):
        super().__init__()
        self.sizes, self.official = sizes, official
        widths = sizes.stem, sizes.stages, sizes.merge, sizes.latent
        self.fnet = kaiming(Encoder(sizes.in_channels, *widths, sizes.stride))
        self.updateformer = Updateformer(
            sizes.token,
            sizes.hidden,
            2 + sizes.latent,
            lambda: Block(sizes.hidden, sizes.heads),
            sizes.time_depth,
            sizes.time_depth // sizes.space_depth,
        )
        for module in self.updateformer.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        self.norm = nn.LayerNorm(sizes.latent)
        self.ffeat_updater = nn.Sequential(nn.Linear(sizes.latent, sizes.latent), nn.GELU())
        self.vis_predictor = nn.Sequential(nn.Linear(sizes.latent, 1))

    def forward(self, video: Tensor, frames: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Points (N, 2) [px], given at frames (N,), in all frames of video: see `encode`.

        Returns tracks (T, N, 2) [px] and the probability (T, N) that the point is seen. Before the
        first window that holds its frame, a point is at 0 and its probability 0.5.
        """
        order = frames.argsort(stable=True)
        film = torch.arange(len(video), device=video.device)
        windows = self.slide(self.encode(video), film, frames[order], points[order])
        tracks, logits = join(windows, len(video))
        back = order.argsort()
        return tracks[:, back], logits[:, back].sigmoid()

    def encode(self, video: Tensor) -> Tensor:
        """Video (T, 1 or in_channels, H, W) in [0, 1] -> maps (T, latent, H / stride, W / stride).

        The published network takes 0..255 and divides by 255 itself. Its features have any length;
        ours have one, so that a node's correlation says how alike it is and not how bright.
        """
        maps = self.fnet((2 * video - 1).expand(-1, self.sizes.in_channels, -1, -1))
        if self.official:
            return maps
        return (MATCH * maps.shape[1] ** 0.5) ** 0.5 * F.normalize(maps, dim=1)

    def slide(
        self,
        maps: Tensor,
        film: Tensor,
        frames: Tensor,
        points: Tensor,
        mark: Tensor | None = None,
        tolerance: float | None = None,
        *,
        progress: bool = False,
    ) -> list[Window]:
        """Windows one after the other, each starting half a window after the last.

        film (T,) numbers the maps in the order in which they are seen; points (N, 2) [px] are given
        at frames (N,) of it, in ascending order. A window takes the points given before its end; it
        ends with the film (the published one repeats the film's last frame, and pays for it). There
        is at least one window (the published code wants S / 2 + 1 frames for that). For mark
        (N, latent) see `Start`, for tolerance `refine`.
        """
        size, half = self.sizes.window, self.sizes.window // 2
        xy = points / self.sizes.stride
        given = [(maps[film[k], None], xy[None, frames == k]) for k in frames.unique()]
        features = torch.cat([sample(*at)[0] for at in given])
        windows: list[Window] = []
        firsts = range(0, max(len(film) - half, 1), half)
        for first in tqdm(firsts, "track", leave=False, unit="window", disable=not progress):
            end = first + size if self.official else min(first + size, len(film))
            t = torch.arange(first, end, device=film.device)
            n = int((frames <= t[-1]).sum())
            if n == 0:
                continue
            place, since = xy[:n].expand(len(t), -1, -1), frames
            seen = xy.new_full((len(t), n), KNOWN)
            if windows:
                last, on = windows[-1], (t - first + half).clamp(max=size - 1)
                old = last.visibility.shape[1]
                place = torch.cat((last.path[-1, on] / self.sizes.stride, place[:, old:]), dim=1)
                seen = torch.cat((last.visibility[on], seen[:, old:]), dim=1)
                since = torch.cat((frames.new_full((old,), first + half), frames[old:]))
            mask = (t[:, None] >= since[:n]) & (t[:, None] < len(film))
            marks = None if mark is None else mark[:n]
            start = Start(place, seen, mask.to(xy.dtype), features[:n], marks)
            found = self.refine(maps[film[t.clamp(max=len(film) - 1)]], start, tolerance)
            windows.append(Window(first, start, *found))
        return windows

    def refine(
        self, maps: Tensor, start: Start, tolerance: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """One window: path and visibility of `Window` from maps (S, latent, h, w).

        Stops after an iteration that has moved no point by `tolerance` [px].
        """
        levels, context = pyramid(maps, self.sizes.levels), self.context(start, maps.shape[-2:])
        xy, features, path = start.xy, start.features.expand(len(maps), -1, -1), []
        for _ in range(self.sizes.iterations):
            xy = xy.detach()
            step, change = self.updateformer(
                self.tokens(levels, xy, features, start.mark, context)
            ).split((2, self.sizes.latent), dim=-1)
            features = features + self.ffeat_updater(self.norm(change))
            xy = xy + step
            path.append(self.sizes.stride * xy)
            if tolerance is not None and self.sizes.stride * step.norm(dim=-1).max() < tolerance:
                break
        return torch.stack(path), self.vis_predictor(features)[..., 0]

    def context(self, start: Start, size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """What stays the same in all iterations of a window.

        The tokens' last two numbers (S, n, 2), and what is added to tokens (S, n, token): where on
        maps of size (h, w) the point starts, and which frame of the window it is.
        """
        time = waves(len(start.xy), self.sizes.token).to(start.xy)
        return self._states(start), time[:, None] + self.position(start.xy[0], size)

    def _states(self, start: Start) -> Tensor:
        """Mask and visibility (S, n, 2) for each token.

        The published code joins the n rows of masks and the n rows of visibilities, each of S
        frames, below each other and then reads them as n rows of S pairs. So the first half of the
        points is told the masks of other points, the second half their visibilities, and the order
        of points matters; the published weights were trained with that.
        """
        both = torch.stack((start.mask.T, start.visibility.T))  # (2, n, S)
        if self.official:
            return both.reshape(both.shape[1], -1, 2).transpose(0, 1)
        return both.permute(2, 1, 0)

    def _frequencies(self) -> Tensor:
        """WAVES frequencies [1/node] of displacements.

        The published ones go to 970: a hundredth of a node changes the fastest waves entirely, so
        that tracks differ with the order of additions. Ours are as gentle as those of places.
        """
        count = torch.arange(WAVES)
        return 1000 / WAVES * count if self.official else 10_000.0 ** (-count / WAVES)

    def position(self, xy: Tensor, size: tuple[int, ...]) -> Tensor:
        """Waves (n, token) of x, then y, interpolated between the nodes of maps of size (h, w)."""
        (h, w), half = size, self.sizes.token // 2
        x = waves(w, half).T[:, None, :].expand(-1, h, -1)
        y = waves(h, half).T[:, :, None].expand(-1, -1, w)
        return sample(torch.cat((x, y)).to(xy)[None], xy[None])[0]

    def tokens(
        self,
        levels: list[Tensor],
        xy: Tensor,
        features: Tensor,
        mark: Tensor | None,
        context: tuple[Tensor, Tensor],
    ) -> Tensor:
        """Tokens (S, n, token) of points at xy (S, n, 2) with features (S, n, latent)."""
        flow = xy - xy[0]
        angle = flow[..., None] * self._frequencies().to(flow)
        flow_waves = torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(-3)
        near = correlation(levels, xy, features, self.sizes.radius)
        shown = features if mark is None else features + mark
        states, embedding = context
        return torch.cat((flow, flow_waves, near, shown, states), dim=-1) + embedding


class Block(nn.Module):
    """Attention over the second axis of x (batch, length, width), then a layer by itself."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        qkv, proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.attn = nn.ModuleDict({"qkv": qkv, "proj": proj})
        fc1, fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.mlp = nn.ModuleDict({"fc1": fc1, "fc2": fc2})

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.attn["qkv"](_norm(x)).unflatten(-1, (3, self.heads, -1))
        heads = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
        x = x + self.attn["proj"](heads.transpose(1, 2).flatten(2))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](_norm(x)), approximate="tanh"))


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


def waves(count: int, size: int) -> Tensor:
    """Sines, then cosines (count, size) of 0, 1 ... times size / 2 geometric frequencies."""
    frequency = 10_000.0 ** (-torch.arange(size // 2, dtype=torch.float64) / (size // 2))
    angle = torch.arange(count)[:, None] * frequency
    return torch.cat((angle.sin(), angle.cos()), dim=1)


def join(windows: list[Window], length: int) -> tuple[Tensor, Tensor]:
    """Tracks (length, N, 2) [px] and visibility logits (length, N): the later window's word counts.

    Where no window has followed a point both are 0.
    """
    n = windows[-1].visibility.shape[1]
    tracks = windows[-1].path.new_zeros(length, n, 2)
    logits = tracks.new_zeros(length, n)
    for first, _, path, visibility in windows:
        frames, points = slice(first, first + path.shape[1]), slice(path.shape[2])
        rest = length - first
        tracks[frames, points], logits[frames, points] = path[-1, :rest], visibility[:rest]
    return tracks, logits
