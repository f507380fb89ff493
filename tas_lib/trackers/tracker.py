"""What all trackers share: a recording and a mesh at one frame in, tracks in metres out.

A tracker sees square pixels of its own size on a rectangle around the mesh (`Canvas`), in which
speckle and motion have the same scale whatever the clip, and works in pixel coordinates (x, y),
integers at pixel centres.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from tas_lib.errors import InputError
from tas_lib.recording import MESH_DIMS, need, spacing, validate, whole_beat

# Of the canvas around the mesh at its frame [m]; ours. From end-systole the base of some hearts
# goes beyond it, yet our networks, trained on tighter pictures, err more with a wider margin.
MARGIN = 15e-3
STRIDE = 16  # sides of the canvas are multiples of it [px]


class Prediction(NamedTuple):
    """What a network says of N points in T frames."""

    points: Tensor  # (T, N, 2) [x, y] in pixels
    visibility: Tensor | None  # (T, N) in [0, 1]; None where it gives none


class Sample(NamedTuple):
    """One training example."""

    video: Tensor  # (T, H, W) grey, float32 in [0, 1], square pixels
    tracks: Tensor  # (T, N, 2) true [x, y] in pixels
    frame: int  # whose points are given
    grid: Tensor  # (N, 2) mesh coordinates (longitudinal, radial) in [0, 1]
    correlation: Tensor  # (T, N) of speckle with end-systole, in [-1, 1]


class Canvas(NamedTuple):
    """A film on square pixels."""

    video: Tensor  # (T, H, W) grey, float32 in [0, 1]; black outside the recording's image
    corner: np.ndarray  # (2,) [x, z] of the centre of the first pixel [m]
    pixel: float  # [m]
    whole_beat: bool  # ends at the phase at which it began (attribute `cycle`: "ED to ED")

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Points (..., [x, z]) [m] -> (..., [x, y]) in pixels."""
        return (points - self.corner) / self.pixel

    def to_metres(self, points: np.ndarray) -> np.ndarray:
        return points * self.pixel + self.corner


class Tracker(Protocol):
    """Whatever can follow a mesh."""

    pixel: float  # of the canvas it wants [m]
    start: str  # where the mesh is given by default: "es" or "first" frame
    least: tuple[int, int]  # frames and pixels a side that it needs
    expects_correlation: bool  # its visibility is that of the speckle with end-systole

    def follow(
        self, canvas: Canvas, mesh: np.ndarray, frame: int, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """mesh (l, r, 2) [px] at `frame` -> tracks (T, l, r, 2) [px], visibility (T, l, r)."""


class Network(nn.Module):
    """What a network says of itself; `Learned` makes it a tracker."""

    start: str  # like `least`, as a `Tracker` has it
    least: tuple[int, int]
    bidirectional: bool  # else it only looks ahead, from frame 0 on
    progress = False  # shown while it tracks
    rate: float  # of learning
    sizes: Any
    switches: dict[str, bool]
    loss: Callable[[Sample], Tensor]
    _matched: Callable[[Sample], tuple[Any, ...]]  # what `loss` needs, and last `matching`

    def matching(self, sample: Sample) -> Tensor:
        """That part of the loss which encoders alone make."""
        return self._matched(sample)[-1]


class Learned:
    """A network as a tracker. `pixel` [m] is that of its training; `start`, by default its own."""

    def __init__(self, network: Network, pixel: float, start: str | None = None):
        self.network, self.pixel = network.eval(), pixel
        self.start, self.least = start or network.start, network.least
        self.expects_correlation = getattr(network, "continuous_visibility", False)

    def follow(
        self, canvas: Canvas, mesh: np.ndarray, frame: int, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        self.network.progress = progress
        device = next(self.network.parameters()).device
        shape, video = mesh.shape[:2], canvas.video.to(device)
        points = torch.as_tensor(mesh.reshape(-1, 2), dtype=torch.float32, device=device)
        grid = mesh_grid(*shape).to(device)
        with torch.inference_mode():
            found = _both_ways(self.network, video, points, frame, grid)
        tracks = found.points.double().cpu().numpy().reshape(len(video), *shape, 2)
        if found.visibility is None:
            return tracks, None
        return tracks, found.visibility.double().cpu().numpy().reshape(len(video), *shape)


def _both_ways(
    network: Network, video: Tensor, points: Tensor, frame: int, grid: Tensor
) -> Prediction:
    """The network's prediction; one that only looks ahead also sees the film run backwards."""
    if network.bidirectional or frame == 0:
        return network(video, points, frame, grid)
    ahead = network(video[frame:], points, 0, grid)
    back = network(video[: frame + 1].flip(0), points, 0, grid)
    return Prediction._make(
        None if a is None else torch.cat((b.flip(0), a[1:]))
        for a, b in zip(ahead, back, strict=True)
    )


def mesh_grid(longitudinal: int, radial: int) -> Tensor:
    """Mesh coordinates (l * r, 2) in [0, 1] of all nodes, radial fast."""
    axes = torch.linspace(0, 1, longitudinal), torch.linspace(0, 1, radial)
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)


def canvas(recording: xr.Dataset, mesh: np.ndarray, pixel: float, margin: float = MARGIN) -> Canvas:
    """The recording on square pixels of size `pixel` [m], `margin` [m] around mesh (..., 2) [m].

    Bilinear, after a blur that keeps detail finer than the new pixels from folding back.
    """
    step = spacing(recording)
    origin = np.array([float(recording[a][0]) for a in ("x", "z")])
    points = mesh.reshape(-1, 2)
    low, high = points.min(0), points.max(0)
    corner = low - margin
    size = STRIDE * np.ceil((high + margin - corner) / (STRIDE * pixel)).astype(int)  # W, H
    blur = 0.5 * np.sqrt(np.maximum((pixel / step) ** 2 - 1, 0))
    frames = np.ascontiguousarray(recording.bmode.values, np.float32)
    if blur.any():
        frames = gaussian_filter(frames, (0, *blur[::-1]))
    old = np.array([recording.sizes["x"], recording.sizes["z"]])
    at = [(corner[k] + pixel * np.arange(size[k]) - origin[k]) / step[k] for k in (0, 1)]
    x, y = (
        torch.as_tensor(2 * a / (n - 1) - 1, dtype=torch.float32)
        for a, n in zip(at, old, strict=True)
    )
    where = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    video = F.grid_sample(torch.as_tensor(frames)[None], where, align_corners=True)[0]
    return Canvas(video.clamp(0, 1), corner, pixel, whole_beat(recording))


def track(
    recording: xr.Dataset,
    mesh: np.ndarray,
    tracker: Tracker,
    frame: int | None = None,
    *,
    progress: bool = False,
) -> xr.Dataset:
    """Follow a mesh (longitudinal, radial, [x, z]) [m], given at `frame`, through a recording.

    frame: by default where the tracker wants to start, end-systole (attribute `es_frame`, section
    III-C.3) or the first. Returns `tracks` (time, longitudinal, radial, axis) [m] and, of trackers
    that give one, `visibility` (time, longitudinal, radial) in [0, 1]: TAS-Net's is the speckle
    correlation with end-systole that it expects, CoTracker's the probability that a point is seen,
    that of speckle tracking the quality of its matches. Raises InputError: what is no recording, a
    clip that is too short or too small, a mesh of another shape, with NaN, or outside the image.
    """
    recording = validate(recording)
    source = recording.attrs.get("source", "recording")
    if frame is None:
        if tracker.start == "es":
            need(recording, ["es_frame"], "state it, or give the mesh's frame")
        frame = int(recording.attrs["es_frame"]) if tracker.start == "es" else 0
    _check(recording, mesh, frame, tracker.least[0], source)
    film = canvas(recording, mesh, tracker.pixel)
    if min(film.video.shape[1:]) < tracker.least[1]:
        height, width = film.video.shape[1:]
        size = f"{height} x {width} pixels of {1e3 * tracker.pixel:.2f} mm"
        problem = f"and its margin are {size}"
        raise InputError(source, "mesh", problem, f"{tracker.least[1]} a side are needed")
    tracks, visibility = tracker.follow(film, film.to_pixels(mesh), frame, progress)
    out = xr.Dataset(
        {"tracks": (MESH_DIMS, film.to_metres(tracks), {"units": "m"})},
        {
            "time": recording.time,
            "longitudinal": np.linspace(0, 1, mesh.shape[0]),
            "radial": np.linspace(0, 1, mesh.shape[1]),
            "axis": ["x", "z"],
        },
        {"frame": frame},
    )
    if visibility is not None:
        out["visibility"] = (MESH_DIMS[:3], visibility, {"units": "1"})
    return out


def _check(recording: xr.Dataset, mesh: np.ndarray, frame: int, least: int, source: str) -> None:
    frames = recording.sizes["time"]
    if frames < least:
        raise InputError(source, "time", f"has {frames} frames", f"give {least} or more")
    if not 0 <= frame < frames:
        problem = f"{frame} is not one of the {frames} frames"
        raise InputError(source, "frame", problem, "count the frames of this recording from 0")
    if np.ndim(mesh) != 3 or np.shape(mesh)[2] != 2 or min(np.shape(mesh)[:2]) < 2:
        problem = f"shape {np.shape(mesh)} is not (longitudinal >= 2, radial >= 2, 2)"
        raise InputError(source, "mesh", problem, "give one frame's points [x, z] in metres")
    if not np.isfinite(mesh).all():
        raise InputError(source, "mesh", "holds NaN or infinity", "give finite points in metres")
    for k, axis in enumerate(("x", "z")):
        outside = (mesh[..., k] < recording[axis].values[0]) | (
            mesh[..., k] > recording[axis].values[-1]
        )
        if outside.any():
            problem = f"{int(outside.sum())} points lie beyond the image along {axis}"
            raise InputError(source, "mesh", problem, "give metres from the apex, x before z")
