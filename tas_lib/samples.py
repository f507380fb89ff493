"""Training examples: clips cut from simulated sequences, and varied.

Every clip holds end-systole, since visibility is the correlation with it, and starts from any of
its frames (section III-C.3). Every first, second or third frame is taken, our reading of "uniformly
skipping one to three frames" (section IV-C); geometry and grey levels vary as is customary, by
amounts that are our choice. An example depends on its sequence and one random generator alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.random import Generator
from scipy.ndimage import gaussian_filter
from torch import Tensor

from tas_lib import recording
from tas_lib.trackers.tracker import Sample, canvas, mesh_grid

STEPS = 1, 2, 3  # frames from one to the next
TURN, ZOOM, SHIFT = np.deg2rad(12), 0.15, 8.0  # SDs: angle, logarithm of the scale, pixels
GAIN, GAMMA, NOISE, BLUR = 0.15, 0.2, 0.04, 0.8  # SDs of logarithms; largest SD of grey; of pixels
CLOUDED = 0.5  # of the clips have haze, noise of the scanner, a shadow: each by itself
HAZE, CLUTTER, SHADOW = 0.4, 0.3, 0.4  # most of each, in grey: what stands still, changes, is lost
GRAIN = 1.2, 0.2  # of haze and noise: its size in pixels, its SD as a share
BLURRED = 0.3  # of the clips are less sharp
HIDDEN = 0.3  # of the clips have a patch of some frames hidden
PATCH = 0.1, 0.3  # its sides, fractions of the picture's


@dataclass(frozen=True)
class Sequence:
    """A simulated sequence as a network sees it, small enough to keep hundreds in memory."""

    video: np.ndarray  # (T, H, W) uint8
    tracks: np.ndarray  # (T, N, 2) [x, y] in pixels
    correlation: np.ndarray  # (T, N)
    grid: Tensor  # (N, 2)
    es: int
    pixel: float  # [m]
    source: str


@dataclass(frozen=True)
class Clip:
    """How much of a sequence makes an example."""

    frames: int = 24  # at most (section IV-C)
    points: int = 180  # at most
    least: int = 2  # frames


def load(path: Path, pixel: float, margin: float) -> Sequence:
    """The `sequence` in a file of it. Raises InputError."""
    ds = recording.open(path)
    remedy = "train on what `tas dataset` or `tas simulate` wrote"
    recording.need(ds, ("mesh", "correlation", "es_frame"), remedy, path)
    return sequence(ds, pixel, margin)


def sequence(ds: xr.Dataset, pixel: float, margin: float) -> Sequence:
    """A recording with `mesh` and `correlation` in pixels [m] of the network's picture, which ends
    `margin` [m] from the mesh, see `tracker.canvas`.
    """
    mesh = ds.mesh.values
    film = canvas(ds, mesh, pixel, margin)
    frames, *shape, _ = mesh.shape
    return Sequence(
        (255 * film.video).round().byte().numpy(),
        film.to_pixels(mesh).reshape(frames, -1, 2).astype(np.float32),
        ds.correlation.values.reshape(frames, -1).astype(np.float32),
        mesh_grid(*shape),
        int(ds.attrs["es_frame"]),
        pixel,
        ds.attrs.get("source", "recording"),
    )


def draw(seq: Sequence, clip: Clip, rng: np.random.Generator, any_start: bool = True) -> Sample:
    """A clip of the sequence, varied; from its first frame unless `any_start`."""
    frames = _frames(len(seq.video), seq.es, clip, rng)
    if rng.random() < 0.5:  # the beat run backwards
        frames = frames[::-1]
    few = np.sort(rng.permutation(len(seq.grid))[: clip.points])
    video = torch.from_numpy(seq.video[frames]).float() / 255
    tracks = torch.from_numpy(seq.tracks[frames][:, few])
    video, tracks, mirrored = _moved(video, tracks, rng)
    grid = seq.grid[few]
    if mirrored:
        grid = torch.stack((1 - grid[:, 0], grid[:, 1]), -1)
    correlation = torch.from_numpy(seq.correlation[frames][:, few])
    start = int(rng.integers(len(frames))) if any_start else 0
    return Sample(_shown(_clouded(video, rng), rng), tracks, start, grid, correlation)


def batch(
    sequences: list[Sequence], clip: Clip, rng: np.random.Generator, any_start: bool = True
) -> Sample:
    """A clip of each, equal in frames, points and start, with a further first axis.

    As long as the shortest sequence allows, whatever `clip.least` says, so that frames lie less far
    apart than in single clips. Smaller pictures get black margins on the right and below.
    """
    frames = min(clip.frames, *(len(seq.video) for seq in sequences))
    equal = Clip(frames, min(clip.points, *(len(seq.grid) for seq in sequences)), frames)
    samples = [draw(seq, equal, rng, any_start=False) for seq in sequences]
    height, width = (max(s.video.shape[k] for s in samples) for k in (1, 2))
    films = [F.pad(v, (0, width - v.shape[2], 0, height - v.shape[1])) for v, *_ in samples]
    _, tracks, _, grid, correlation = zip(*samples, strict=True)
    start = int(rng.integers(frames)) if any_start else 0
    return Sample(
        torch.stack(films), torch.stack(tracks), start, torch.stack(grid), torch.stack(correlation)
    )


def _frames(count: int, es: int, clip: Clip, rng: np.random.Generator) -> np.ndarray:
    """Evenly spaced frames with `es` among them; as far apart as leaves enough of them."""
    enough = [s for s in STEPS if es // s + (count - 1 - es) // s + 1 >= clip.least] or [1]
    frames = np.arange(es % (step := rng.choice(enough)), count, step)
    at = es // step
    size = min(clip.frames, len(frames))
    first = rng.integers(max(0, at - size + 1), min(at, len(frames) - size) + 1)
    return frames[first : first + size]


def _moved(video: Tensor, tracks: Tensor, rng: Generator) -> tuple[Tensor, Tensor, bool]:
    """Video and tracks mirrored or not, turned, scaled and shifted about the picture's middle."""
    _, height, width = video.shape
    angle, zoom = rng.normal(0, TURN), np.exp(rng.normal(0, ZOOM))
    mirrored = bool(rng.random() < 0.5)
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    matrix = np.array([[c, -s], [s, c]]) @ np.diag([-1 if mirrored else 1, 1])
    shift = rng.normal(0, SHIFT, 2)
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    forth = torch.as_tensor(matrix, dtype=torch.float32)
    moved = (tracks - middle) @ forth.T + middle + torch.as_tensor(shift, dtype=torch.float32)

    # of an output pixel, where it comes from, in units of half the picture
    half = np.array([(width - 1) / 2, (height - 1) / 2])
    back = np.linalg.inv(matrix)
    linear, constant = back * half / half[:, None], -back @ shift / half
    theta = torch.as_tensor(np.column_stack((linear, constant)), dtype=torch.float32)[None]
    where = F.affine_grid(theta, [1, 1, height, width], align_corners=True)
    return F.grid_sample(video[None], where, align_corners=True)[0], moved, mirrored


def _clouded(video: Tensor, rng: Generator) -> Tensor:
    """The video as a clinic's scanner might have shown it: behind haze, in noise, in a shadow.

    Grey levels are logarithms, in which the sum of two echoes is about the larger of them.
    """
    for frames, most in ((1, HAZE), (len(video), CLUTTER)):
        if rng.random() < CLOUDED:
            white = rng.standard_normal((frames, *video.shape[1:]), np.float32)
            grain = torch.from_numpy(gaussian_filter(white, (0, GRAIN[0], GRAIN[0])))
            cloud = rng.uniform(0, most) * (1 + GRAIN[1] * grain / grain.std())
            video = (video**4 + (cloud.clamp(min=0) * _patchy(video, rng)) ** 4) ** 0.25
    if rng.random() < CLOUDED:
        video = video - rng.uniform(0, SHADOW) * _patchy(video, rng)
    return video.clamp(0, 1)


def _patchy(video: Tensor, rng: Generator) -> Tensor:
    """A smooth field (H, W) from 0 to 1, about half of it 0."""
    coarse = torch.from_numpy(rng.uniform(-1, 1, (1, 1, 4, 4)).astype(np.float32))
    size = video.shape[1:]
    field = F.interpolate(coarse, size, mode="bicubic", align_corners=True)[0, 0].clamp(0, 1)
    return field * field * (3 - 2 * field)  # without edges


def _shown(video: Tensor, rng: Generator) -> Tensor:
    """The video with other gain, contrast, noise and sharpness, some of it hidden at times."""
    video = (video * np.exp(rng.normal(0, GAIN))).clamp(0, 1) ** np.exp(rng.normal(0, GAMMA))
    if rng.random() < BLURRED:
        sd = rng.uniform(0, BLUR)
        video = torch.from_numpy(gaussian_filter(video.numpy(), (0, sd, sd)))
    noise = rng.standard_normal(video.shape, np.float32) * np.float32(rng.uniform(0, NOISE))
    video = (video + torch.from_numpy(noise) * video.sqrt()).clamp(0, 1)
    if rng.random() < HIDDEN:
        count, *size = video.shape
        side = [int(rng.uniform(*PATCH) * n) for n in size]
        row, column = (int(rng.integers(n - k)) for n, k in zip(size, side, strict=True))
        first = int(rng.integers(count))
        hidden = video[first : first + int(rng.integers(1, count + 1))]
        patch = hidden[:, row : row + side[0], column : column + side[1]]
        patch.copy_(patch.mean().expand_as(patch))
    return video
