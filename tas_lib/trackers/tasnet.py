"""TAS-Net: CoTracker, changed in three ways for the myocardium (section III-C).

1. Mesh embedding: E_k = psi(l_k, r_k), a perceptron of a point's mesh coordinates (hidden layers of
   32, 64 and 128), is added to its feature in tokens, Q_k + E_k, in each iteration. What is
   compared with the maps and carried on is Q_k, as we read it.
2. Continuous visibility: the network's visibility is the speckle correlation with end-systole,
   learnt by its squared error; correlations below 0 count as 0.
3. Bidirectional windows: from the frame where the mesh is given to the film's end and to its start.

Each can be switched off; without any of them this is CoTracker, followed from the first frame.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tas_lib.errors import InputError
from tas_lib.trackers.cotracker import PAPER, SMALL, CoTracker, Sizes, Window, join
from tas_lib.trackers.losses import matching_error, path_error, visibility_error
from tas_lib.trackers.tracker import Network, Prediction, Sample

PRESETS = {"paper": PAPER, "small": SMALL}
SWITCHES = "bidirectional", "continuous_visibility", "mesh_embedding"
OFF = dict.fromkeys(SWITCHES, False)  # CoTracker itself
VISIBLE = 0.5  # least correlation of a point that counts as seen, where that is yes or no: ours
VISIBILITY_WEIGHT = 10.0  # of its error, beside pixels: CoTracker's; of the squared error ours


class TASNet(Network):
    """The network.

    official: whether features and tokens are those of CoTracker's published weights, which networks
    that start from those need.
    """

    start, bidirectional, least = "es", True, (2, PAPER.least)
    tolerance: float | None = None  # [px] with which windows stop early outside training: `refine`
    rate = 1e-3  # of learning

    def __init__(
        self,
        sizes: Sizes = PAPER,
        *,
        bidirectional: bool = True,
        continuous_visibility: bool = True,
        mesh_embedding: bool = True,
        official: bool = False,
    ):
        super().__init__()
        self.sizes, self.least = sizes, (2, sizes.least)
        self.switches = {
            "bidirectional": bidirectional,
            "continuous_visibility": continuous_visibility,
            "mesh_embedding": mesh_embedding,
            "official": official,
        }
        self.bidirectional, self.start = bidirectional, "es" if bidirectional else "first"
        self.continuous_visibility = continuous_visibility
        self.cotracker = CoTracker(sizes, official)
        with torch.no_grad():
            # Ours: a new network leaves points and features about as they are, and is quiet inside,
            # so that a step of training changes little.
            self.cotracker.ffeat_updater.get_parameter("0.weight").mul_(0.01)
            self.cotracker.updateformer.flow_head.weight[:2] *= 0.02
            self.cotracker.updateformer.input_transform.weight *= 0.2
        self.psi = _perceptron(2, 32, 64, 128, sizes.latent) if mesh_embedding else None
        if self.psi is not None and official:  # starts as what its weights were trained for
            for weights in self.psi[-1].parameters():
                nn.init.zeros_(weights)

    def forward(self, video: Tensor, points: Tensor, frame: int, grid: Tensor) -> Prediction:
        """Points (N, 2) [px] with mesh coordinates grid (N, 2), followed from `frame` on.

        video (T, H, W) is grey, in [0, 1]. Without bidirectional windows frame is 0. At `frame`
        points are what they were given as, and visibility is the mean of both directions'.
        """
        tracks = points.expand(len(video), -1, -1).clone()
        visibility = tracks.new_zeros(tracks.shape[:2])
        maps = self.cotracker.encode(video[:, None])
        runs = self._runs(maps, points, frame, grid, self.tolerance)
        for film, windows in runs:
            tracks[film], logits = join(windows, len(film))
            visibility[film] += logits.sigmoid()
        tracks[frame] = points
        visibility[frame] /= len(runs)
        return Prediction(tracks, visibility)

    def loss(self, sample: Sample) -> Tensor:
        """Mean over windows of path [px] + VISIBILITY_WEIGHT x visibility, + matching: `losses`."""
        points, errors = sample.tracks[sample.frame], []
        maps, matching = self._matched(sample)
        for film, windows in self._runs(maps, points, sample.frame, sample.grid):
            for first, _, path, logits in windows:
                frames = film[first : first + len(logits)]
                size = len(frames)
                of_path = path_error(path[:, :size], sample.tracks[frames])
                of_visibility = self._visibility_error(logits[:size], sample.correlation[frames])
                errors.append(of_path + VISIBILITY_WEIGHT * of_visibility)
        return torch.stack(errors).mean() + matching

    def _matched(self, sample: Sample) -> tuple[Tensor, Tensor]:
        maps = self.cotracker.encode(sample.video[:, None])
        return maps, matching_error(maps, sample.tracks / self.sizes.stride, sample.frame)

    def _runs(
        self, maps: Tensor, points: Tensor, frame: int, grid: Tensor, tolerance: float | None = None
    ) -> list[tuple[Tensor, list[Window]]]:
        """Each direction's frames, in the order in which they are seen, and its windows.

        A direction in which there is but `frame` itself is left out.
        """
        if frame and not self.bidirectional:
            remedy = "run it on the film from there, and on that before it backwards"
            raise InputError("TASNet", "frame", f"{frame} is not the first", remedy)
        numbers = torch.arange(len(maps), device=maps.device)
        films = [numbers[frame:]]
        if self.bidirectional:
            films.append(numbers[: frame + 1].flip(0))
        frames = numbers.new_zeros(len(points))
        mark = None if self.psi is None else self.psi(grid)
        slide = self.cotracker.slide
        return [
            (film, slide(maps, film, frames, points, mark, tolerance, progress=self.progress))
            for film in films
            if len(film) > 1
        ]

    def _visibility_error(self, logits: Tensor, correlation: Tensor) -> Tensor:
        if self.continuous_visibility:
            return F.mse_loss(logits.sigmoid(), correlation.clamp(0, 1))
        score = logits.sigmoid()  # a probability in place of a logit: as published, and so weighted
        return visibility_error(score, correlation > VISIBLE)


def _perceptron(*widths: int) -> nn.Sequential:
    """Linear layers with GELU between them, which is our choice."""
    layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.GELU())]
    return nn.Sequential(*layers[:-1])
