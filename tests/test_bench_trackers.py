"""Times of trackers: operations are counted, attention among them, and nothing is left out."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tas_lib import bench_trackers
from tas_lib.trackers.block_matching import SpeckleTracking
from tas_lib.trackers.cotracker import Block


def test_a_tracker_is_timed_and_its_operations_counted(monkeypatch):
    monkeypatch.setattr(bench_trackers, "SIDE", 64)
    monkeypatch.setattr(bench_trackers, "MESH", (4, 2))
    short, long = (bench_trackers.bench_one("myotracker", "small", n, repeats=1) for n in (8, 16))
    for row in short, long:
        assert row["ms_per_frame"] > 0 and 50 < row["peak_mb"] < 8000
    assert long["gflop_per_frame"] == pytest.approx(short["gflop_per_frame"], rel=0.1)
    assert 0.01 < short["gflop_per_frame"] < 10


def test_speckle_tracking_is_timed_on_its_own_pixels(monkeypatch):
    """Its windows have a size in metres: on coarser pixels it would have less to do."""
    monkeypatch.setattr(bench_trackers, "SIDE", 64)
    monkeypatch.setattr(bench_trackers, "MESH", (4, 2))
    seen, follow = [], SpeckleTracking.follow

    def watched(self, canvas, *args):
        seen.append(canvas.pixel)
        return follow(self, canvas, *args)

    monkeypatch.setattr(SpeckleTracking, "follow", watched)
    assert bench_trackers.bench_one("speckle", "", 8, repeats=1)["ms_per_frame"] > 0
    assert set(seen) == {SpeckleTracking.pixel}


def test_attention_counts():
    """Linear layers of a block, 24 n d^2, and its attention, 4 n^2 d, for n tokens of width d."""
    n, d = 50, 32
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        Block(d, 4)(torch.rand(1, n, d))
    assert counter.get_total_flops() == pytest.approx(24 * n * d**2 + 4 * n**2 * d, rel=0.01)


def test_the_machines_rate_is_that_of_its_products():
    assert 1 < bench_trackers.matrix_rate(0.1) < 1e5
