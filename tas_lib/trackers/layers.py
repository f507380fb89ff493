"""What the networks have in common: feature maps of frames, read and compared at points; tokens.

Maps are (T, C, h, w): one of `stride` x `stride` pixels of each of T frames. A point's grid
coordinates [x, y] are its pixel coordinates divided by the stride; integers are nodes of the maps.
The encoder and the correlation pyramid are those of PIPs (arXiv:2204.04153), which CoTracker and
EchoTracker took over; parameters have the names of their published weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from math import isqrt
from operator import add
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tas_lib.errors import InputError

PIXELS = 2**18  # encoded at a time, so that memory does not grow with the number of frames


def normalised(x: Tensor) -> Tensor:
    """x (T, C, ...) with mean 0 and variance 1 in every channel of every frame."""
    return F.layer_norm(x, x.shape[2:])


class PlainBlock(nn.Module):
    """Two 3 x 3 convolutions; the first has the stride."""

    def __init__(self, width_in: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(normalised(self.conv1(x)))
        return F.relu_(normalised(self.conv2(x)))


class ResidualBlock(PlainBlock):
    """The same beside a skip connection, which is fitted where x changes its shape."""

    def __init__(self, width_in: int, width: int, stride: int):
        super().__init__(width_in, width, stride)
        changes = stride > 1 or width != width_in
        self.downsample = nn.Sequential(nn.Conv2d(width_in, width, 1, stride)) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        skip = normalised(self.downsample(x)) if self.downsample else x
        return F.relu_(skip + super().forward(x))


def residual_stage(width_in: int, width: int, stride: int) -> nn.Module:
    return nn.Sequential(ResidualBlock(width_in, width, stride), ResidualBlock(width, width, 1))


class Encoder(nn.Module):
    """Frames (T, in_channels, H, W) -> maps (T, out, H // stride, W // stride).

    A first convolution and four stages of widths `stages` see the frame at a half, a half, a
    quarter, an eighth and a sixteenth of its size; what the stages see is resized, merged into
    `merge` channels and these into `out`. `stage(width_in, width, stride)` makes a stage.
    """

    def __init__(
        self,
        in_channels: int,
        stem: int,
        stages: tuple[int, int, int, int],
        merge: int,
        out: int,
        stride: int,
        stage: Callable[[int, int, int], nn.Module] = residual_stage,
    ):
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(in_channels, stem, 7, stride=2, padding=3)
        steps = zip(pairwise((stem, *stages)), (1, 2, 2, 2), strict=True)
        self.layer1, self.layer2, self.layer3, self.layer4 = (stage(*w, s) for w, s in steps)
        self.conv2 = nn.Conv2d(sum(stages), merge, 3, padding=1)
        self.conv3 = nn.Conv2d(merge, out, 1)

    def forward(self, frames: Tensor) -> Tensor:
        count, _, height, width = frames.shape
        h, w = height // self.stride, width // self.stride
        maps = frames.new_empty(count, h, w, self.conv3.out_channels)  # a node's channels together
        chunk = max(1, PIXELS // (height * width))
        for k in range(0, count, chunk):
            some = self._encode(frames[k : k + chunk], (h, w))
            maps[k : k + chunk] = some.permute(0, 2, 3, 1)
        return maps.permute(0, 3, 1, 2)

    def _encode(self, frames: Tensor, size: tuple[int, int]) -> Tensor:
        x, seen = F.relu_(normalised(self.conv1(frames))), []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            seen.append(F.interpolate(x, size, mode="bilinear", align_corners=True))
        return self.conv3(F.relu_(normalised(self.conv2(torch.cat(seen, dim=1)))))


def kaiming(encoder: Encoder) -> Encoder:
    """The encoder with weights drawn as PIPs draws them; biases stay as they are."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return encoder


def pyramid(maps: Tensor, levels: int = 4) -> list[Tensor]:
    """Maps and their averages over 2 x 2 nodes, over 4 x 4 and so on: `levels` tensors."""
    out = [maps]
    for _ in range(levels - 1):
        out.append(F.avg_pool2d(out[-1], 2))
    return out


def sample(maps: Tensor, points: Tensor) -> Tensor:
    """Features (T, N, C) of maps at grid points (T, N, 2) between nodes, bilinear.

    Beyond the maps the features of their border go on.
    """
    h, w = maps.shape[-2:]
    where = 2 * points / points.new_tensor((w - 1, h - 1)) - 1
    found = F.grid_sample(maps, where[:, None], padding_mode="border", align_corners=True)
    return found[:, :, 0].mT


def correlation(
    levels: list[Tensor], points: Tensor, features: Tensor, radius: int, shift: float = 0.0
) -> Tensor:
    """Dot products over sqrt C of features (T, N, C) with a pyramid's maps around points (T, N, 2).

    Returns (T, N, len(levels) * (2 radius + 1)^2): on each level nodes -radius to radius from the
    point, first all y of the first x. Bilinear; zero beyond the maps. A point's coordinates on
    level l are those on level 0 divided by 2^l, then less `shift`. Features meet whole maps: for
    few points on small maps as fast as `look_up`, and in training twice as fast.
    """
    frames, n, channels = features.shape
    offset = torch.arange(-radius, radius + 1).to(points)
    offset = torch.stack(torch.meshgrid(offset, offset, indexing="ij"), dim=-1) - shift
    features, dots = features / channels**0.5, []
    for level, maps in enumerate(levels):
        h, w = maps.shape[-2:]
        whole = (features @ maps.flatten(2)).view(frames * n, 1, h, w)
        where = points.reshape(frames * n, 1, 1, 2) / 2**level + offset
        where = 2 * where / points.new_tensor((w - 1, h - 1)) - 1
        dots.append(F.grid_sample(whole, where, align_corners=True).view(frames, n, -1))
    return torch.cat(dots, dim=-1)


def look_up(levels: list[Tensor], features: Tensor, points: Tensor, radius: int) -> Tensor:
    """As `correlation`, of K features each (T, N, K, C), and not over sqrt C.

    Returns (T, N, K, len(levels) * (2 radius + 1)^2). Goes to the nodes around points alone.
    """

    def of(m: Tensor, f: Tensor, p: Tensor) -> Tensor:
        nodes, fraction, inside = _around(m, p, radius)
        return _blend((f @ nodes.mT) * inside[:, None], fraction)

    dots = [
        _frame_by_frame(of, maps, features, points / 2**level) for level, maps in enumerate(levels)
    ]
    return torch.cat(dots, dim=-1)


def _frame_by_frame(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """What the function gives for each frame of some tensors (T, ...), stacked.

    What belongs to one frame fits a processor's cache, where this is several times faster than all
    frames at once; a GPU gets all at once.
    """
    if tensors[0].device.type == "cpu":
        return torch.stack([function(*frame) for frame in zip(*tensors, strict=True)])
    return torch.vmap(function)(*tensors)


def _around(maps: Tensor, points: Tensor, radius: int) -> tuple[Tensor, Tensor, Tensor]:
    """What `_blend` needs for samples -radius to radius around points (N, 2) of maps (C, h, w).

    Features (N, s s, C) of the s = 2 radius + 2 nodes in x times as many in y, those of the border
    for nodes beyond it; how far (N, 2) the points are from the nodes before them; which nodes
    (N, s s) are on the maps.
    """
    channels, h, w = maps.shape
    before = points.floor()
    steps = torch.arange(-radius, radius + 2, device=maps.device)
    x, y = (before.long()[..., None] + steps).unbind(1)
    column, row = x.clamp(0, w - 1), y.clamp(0, h - 1)
    inside = (column == x)[:, :, None] & (row == y)[:, None]
    index = column[:, :, None] + w * row[:, None]
    nodes = F.embedding(index.flatten(1), maps.permute(1, 2, 0).reshape(-1, channels))
    return nodes, points - before, inside.flatten(1)


def _blend(values: Tensor, fraction: Tensor) -> Tensor:
    """Bilinear samples (N, K, (s - 1)^2) between values (N, K, s s) at nodes."""
    side = isqrt(values.shape[-1])
    x, y = fraction[..., None, None, None].unbind(1)
    # in mixed precision values are less precise
    values = values.to(fraction.dtype).unflatten(-1, (side, side))
    values = torch.lerp(values[..., :-1, :], values[..., 1:, :], x)
    return torch.lerp(values[..., :-1], values[..., 1:], y).flatten(-2)


class Updateformer(nn.Module):
    """Tokens (T, N, inputs) -> (T, N, outputs): each talks to those of its point and its frame.

    `depth` blocks over time; after every `every`-th of them, from the first on, one over points.
    `block()` makes one, for x (batch, length, width).
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        outputs: int,
        block: Callable[[], nn.Module],
        depth: int,
        every: int = 1,
    ):
        super().__init__()
        self.every = every
        self.input_transform = nn.Linear(inputs, width)
        self.time_blocks = nn.ModuleList(block() for _ in range(depth))
        self.space_blocks = nn.ModuleList(block() for _ in range(depth // every))
        self.flow_head = nn.Linear(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.input_transform(tokens)
        for k, block in enumerate(self.time_blocks):
            x = block(x.transpose(0, 1)).transpose(0, 1)
            if k % self.every == 0:
                x = self.space_blocks[k // self.every](x)
        return self.flow_head(x)


def discounted(errors: list[Tensor]) -> Tensor:
    """Mean over k = 1 .. K of 0.8^(K - k) errors[k], of K ever better predictions."""
    weighted = (0.8**k * error for k, error in enumerate(reversed(errors)))
    return reduce(add, weighted) / len(errors)


def check_sizes(sizes: Any) -> None:
    """Raises InputError unless a dataclass holds whole numbers, 1 to 4096, like its defaults."""
    for field in dataclasses.fields(sizes):
        value: Any = getattr(sizes, field.name)
        default: Any = field.default
        many = type(default) is tuple
        numbers = value if many else (value,)
        alike = type(value) is type(default) and (not many or len(value) == len(default))
        if not alike or not all(type(n) is int and 1 <= n <= 4096 for n in numbers):
            remedy = f"give whole numbers from 1 to 4096, as {default!r} is"
            raise InputError("sizes", field.name, f"is {value!r}", remedy)
