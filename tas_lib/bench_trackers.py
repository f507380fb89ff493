"""How fast trackers are on this machine, beside the least that their arithmetic takes.

Weights are random: time doesn't depend on them, as long as all iterations are made. Each tracker is
timed in a process of its own, whose peak memory is its alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tas_lib.bench import peak_memory
from tas_lib.parallel import cores
from tas_lib.provenance import facts
from tas_lib.trackers import registry
from tas_lib.trackers.tracker import Canvas, Learned, Tracker

SIDE, MESH = 256, (36, 5)  # pixels of a frame, points of the mesh
MATRIX = 1024  # side of the matrices whose product gives the machine's rate


def film(frames: int, pixel: float) -> tuple[Canvas, np.ndarray]:
    """Noise on pixels [m] that a tracker works on, and a mesh in its middle frame [px]."""
    rng = np.random.default_rng(0)
    video = torch.as_tensor(rng.random((frames, SIDE, SIDE), np.float32))
    angle = np.linspace(-1.2, 1.2, MESH[0])[:, None]
    radius = SIDE * np.linspace(0.3, 0.38, MESH[1])
    mesh = SIDE / 2 + np.stack([radius * np.sin(angle), -radius * np.cos(angle)], -1)
    return Canvas(video, np.zeros(2), pixel, True), mesh


def fresh(name: str, preset: str, device: str = "cpu") -> Tracker:
    """A tracker with random weights; what is no network stays on the CPU."""
    if name not in registry.NETWORKS:
        return registry.get(name)
    torch.manual_seed(0)
    return Learned(registry.network(name, preset).to(device), registry.PIXEL)


def bench_one(
    name: str, preset: str, frames: int, device: str = "cpu", repeats: int = 3
) -> dict[str, float]:
    """Milliseconds a frame (the least of some runs), peak memory of the process [MB], operations a
    frame [1e9].
    """
    tracker = fresh(name, preset, device)
    canvas, mesh = film(frames, tracker.pixel)
    first, times = frames // 2 if tracker.start == "es" else 0, []
    for _ in range(repeats):
        start = perf_counter()
        tracker.follow(canvas, mesh, first)
        times.append(perf_counter() - start)
    memory = peak_memory()
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):  # as products
        tracker.follow(canvas, mesh, first)
    return {
        "ms_per_frame": 1e3 * min(times) / frames,
        "gflop_per_frame": counter.get_total_flops() / frames / 1e9,
        "peak_mb": memory,
    }


def matrix_rate(seconds: float = 1.0, device: str = "cpu") -> float:
    """Operations a second [1e9] of products of large matrices, float32, on all of a device."""
    a, b = torch.rand(2, MATRIX, MATRIX, device=device)
    best, until = np.inf, perf_counter() + seconds
    while perf_counter() < until:
        start = perf_counter()
        (a @ b)[0, 0].item()  # which waits for it
        best = min(best, perf_counter() - start)
    return 2 * MATRIX**3 / best / 1e9


def bench_trackers(
    lengths: tuple[int, ...] = (24, 64),
    device: str = "cpu",
    progress: Callable[[str], None] = lambda text: None,
) -> dict:
    """`bench_one` of every tracker, preset and film length, the machine and its matrix rate.

    floor_ms_per_frame: what the counted operations (convolutions, matrix products, attention) take
    at that rate.
    """
    rate, rows = matrix_rate(device=device), []
    for name in registry.NAMES:
        for preset in ("small", "paper") if name in registry.NETWORKS else ("",):
            for frames in lengths:
                progress(f"{name} {preset} {frames}")
                words = [sys.executable, "-m", __name__, name, preset, str(frames), device]
                done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
                row = json.loads(done.stdout)
                row["floor_ms_per_frame"] = 1e3 * row["gflop_per_frame"] / rate
                rows.append({"tracker": name, "preset": preset, "frames": frames, **row})
    machine = {**facts(device), "cores": cores(), "matrix_gflops": rate}
    command = f"tas bench trackers {' '.join(f'--frames {n}' for n in lengths)}"
    command += f" --device {device}" * (device != "cpu") + " --json"
    picture = {"points": MESH[0] * MESH[1], "side": SIDE}
    return {"command": command, "seed": 0, **machine, **picture, "trackers": rows}


if __name__ == "__main__":
    one, size, length, place = sys.argv[1:]
    print(json.dumps(bench_one(one, size, int(length), place)))
