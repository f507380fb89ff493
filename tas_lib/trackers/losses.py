"""The losses of training: CoTracker's two losses of a window of frames, and one of ours.

path:        mean over k of 0.8^(K - k) |prediction k - truth|,   k = 1 .. K iterations
visibility:  mean over seen + mean over hidden points of log(1 + exp(-y score)),   y = +-1
matching:    -log softmax(dot products of a point's feature with nodes around it) at the truth

Ours start from nothing, and the path alone teaches an encoder only slowly that speckle matters;
matching does so at once, and without the transformer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tas_lib.trackers.layers import correlation, discounted, sample

REACH, AWAY = 3, 2.0  # nodes to each side that are compared, around a place so far from the truth


def path_error(path: Tensor, tracks: Tensor, valid: Tensor | float = 1.0) -> Tensor:
    """Of path (K, S, n, 2) against tracks (S, n, 2), in the unit of both; valid (S, n) are 0 or 1.

    Distances are means of those along x and y.
    """
    valid = torch.as_tensor(valid, device=path.device).expand(tracks.shape[:-1])
    return discounted([_mean((xy - tracks).abs().mean(-1), valid) for xy in path])


def visibility_error(score: Tensor, seen: Tensor, valid: Tensor | float = 1.0) -> Tensor:
    """Balanced cross entropy of scores (S, n), logits, for points that are seen (S, n) or not."""
    of_seen, of_hidden = (
        _mean(F.softplus(-sign * score), valid * (seen == truth))
        for sign, truth in ((1, True), (-1, False))
    )
    return of_seen + of_hidden


def matching_error(maps: Tensor, points: Tensor, frame: int) -> Tensor:
    """Cross entropy of where maps (T, C, h, w) hold the features that points have at `frame`.

    points (T, N, 2): where they truly are, in nodes. The place whose neighbourhood is searched is
    drawn by PyTorch's generator; between nodes the truth is shared among four, as in bilinear
    interpolation.
    """
    features = sample(maps[frame, None], points[frame, None]).expand(len(maps), -1, -1)
    place = points + AWAY * (2 * torch.rand_like(points) - 1)
    scores = correlation([maps], place, features, REACH)
    steps = torch.arange(-REACH, REACH + 1).to(points)
    nodes = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1).flatten(0, 1)
    share = (1 - ((points - place)[..., None, :] - nodes).abs()).clamp(min=0).prod(-1)
    return F.cross_entropy(scores.flatten(0, 1), share.flatten(0, 1))


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean; 0 where all weights are."""
    return (values * weights).sum() / (1e-6 + weights.sum())
