"""How fast and accurate the simulator is on this machine, beside PyMUST and FastSIMUS.

Nobody waits for a whole frame of PyMUST: its time is measured on a few shots and few scatterers and
scaled up, as it grows in proportion to both. FastSIMUS is measured where it is installed.
"""

from __future__ import annotations

import resource
import sys
from itertools import cycle, islice
from time import perf_counter
from typing import Any

import numpy as np
import pymust
import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from tas_lib.accuracy import FAR, exact_image, relative_error, scatterers
from tas_lib.parallel import cores, one_thread
from tas_lib.provenance import facts
from tas_lib.simulator import Acquisition, SectorOperator, nufft
from tas_lib.simulator.reference import parameters


def frames_per_second(
    operator: SectorOperator, count: int = 200_000, frames: int = 200, progress: bool = False
) -> float:
    """Frames a second, sustained over `frames` frames of `count` scatterers that move."""
    scenes = [scatterers(operator.acq, count, seed) for seed in range(4)]
    list(operator.frames(scenes))
    start = perf_counter()
    film = operator.frames(islice(cycle(scenes), frames))
    for _ in tqdm(film, "frames", frames, disable=not progress, leave=False):
        pass
    return frames / (perf_counter() - start)


def milliseconds_per_frame(operator: SectorOperator, count: int) -> float:
    """Median time of a frame of `count` scatterers on one thread [ms]."""
    points, times = scatterers(operator.acq, count), []
    for _ in range(10):
        start = perf_counter()
        operator(*points)
        times.append(1e3 * (perf_counter() - start))
    return float(np.median(times[1:]))


def parts_of_a_frame(operator: SectorOperator, count: int = 200_000) -> dict:
    """Where the time of a frame goes, on one thread [s]: the median of ten frames."""
    x, z, rc = scatterers(operator.acq, count)
    times = []
    with one_thread():
        for _ in range(10):
            clock = [perf_counter()]
            points = operator.points(x, z, rc)
            clock.append(perf_counter())
            modes = nufft.type1(*points, operator.grid)
            clock.append(perf_counter())
            sigma = torch.fft.ifft2(modes)
            clock.append(perf_counter())
            for zone in operator.zones:
                zone.image(sigma)
                clock.append(perf_counter())
            times.append(np.diff(clock))
    depth = operator.acq.depth
    names = ["positions and phases", "non-uniform FFT", "inverse FFT"]
    names += [
        f"zone {1e3 * depth[zone.start]:.0f}-{1e3 * depth[zone.stop - 1]:.0f} mm, K = {zone.rank}"
        for zone in operator.zones
    ]
    return dict(zip(names, np.median(times, axis=0).tolist(), strict=True))


def _of_a_frame(acq: Acquisition, count: int, times: dict[int, float]) -> float:
    """Seconds that all shots take with `count` scatterers: a line through `times` of one shot."""
    slope, rest = np.polyfit(list(times), list(times.values()), 1)
    return float(len(acq.shots) * (slope * count + max(rest, 0)))


def pymust_seconds_per_frame(acq: Acquisition, count: int = 200_000) -> float:
    """Seconds that `pymust.simus` would take for the echoes of a frame, before any beamforming.

    Scaled from two of the acquisition's shots and few scatterers. On one thread, which is its
    fastest: those of BLAS only spin.
    """
    fire = acq.shots[np.linspace(0, len(acq.shots) - 1, 4).astype(int)[1:-1]]
    times = {}
    for size in (1000, 4000):
        x, z, rc = scatterers(acq, size)
        start = perf_counter()
        with threadpool_limits(1):
            for delays in fire:
                pymust.simus(x, z, rc, (delays - delays.min())[None], parameters(acq))
        times[size] = (perf_counter() - start) / len(fire)
    return _of_a_frame(acq, count, times)


def fastsimus_seconds_per_frame(acq: Acquisition, count: int = 200_000) -> float | None:
    """The same of FastSIMUS on JAX, from 32 shots in one call; None where they aren't installed.

    Its own P4-2v, whatever the acquisition's probe.
    Single precision, 1,000 scatterers at a time: its fastest way on a CPU that we found.
    """
    try:
        import jax
        from fast_simus import simus_compute, simus_precompute
        from fast_simus.transducer_presets import P4_2v
    except ImportError:
        return None
    fire = acq.shots[np.linspace(0, len(acq.shots) - 1, 32).astype(int)]
    fire = jax.numpy.asarray(fire - fire.min(1, keepdims=True), np.float32)
    probe, chunk, times = P4_2v(), 1000, {}
    for size in (2000, 4000):
        x, z, rc = (np.asarray(a, np.float32) for a in scatterers(acq, size))
        points = jax.numpy.asarray(np.stack([x, z], -1))
        plan = simus_precompute(points, rc, fire[0], probe)

        def echoes(points: Any, rc: Any, delays: Any, plan: Any = plan) -> Any:
            return simus_compute(points, rc, delays, plan, probe).rf

        all_shots = jax.jit(jax.vmap(echoes, (None, None, 0)))
        jax.block_until_ready(all_shots(points[:chunk], rc[:chunk], fire))
        start = perf_counter()
        for i in range(0, size, chunk):
            jax.block_until_ready(all_shots(points[i : i + chunk], rc[i : i + chunk], fire))
        times[size] = (perf_counter() - start) / len(fire)
    return _of_a_frame(acq, count, times)


def bench_simulator(
    count: int = 200_000,
    frames: int = 200,
    checked: int = 10_000,
    device: str = "cpu",
    progress: bool = True,
) -> dict:
    """Accuracy and speed of the default acquisition; what `tas bench simulator` prints."""
    acq = Acquisition()
    operator = SectorOperator(acq, device=device, progress=progress)
    speed = frames_per_second(operator, count, frames, progress=progress)
    points = scatterers(acq, checked)
    fast, exact = operator(*points), exact_image(acq, *points, progress=progress)
    far = acq.depth >= FAR
    pymust_seconds = pymust_seconds_per_frame(acq, count)
    return {
        "frames_per_second": speed,
        "scatterers": count,
        "lines": acq.n_lines,
        "samples": len(acq.depth),
        "frames": frames,
        "relative_error_beyond_20mm": relative_error(fast[far], exact[far]),
        "relative_error_10_20mm": relative_error(fast[~far], exact[~far]),
        "checked_scatterers": checked,
        "pymust_seconds_per_frame": pymust_seconds,
        "fastsimus_seconds_per_frame": fastsimus_seconds_per_frame(acq, count),
        "speedup": pymust_seconds * speed,
        "peak_memory_MB": peak_memory(),
        **facts(device),
        "threads": cores(),
    }


def peak_memory() -> float:
    """Largest resident memory so far of this process, or of any that it has waited for [MB]."""
    unit = 1 if sys.platform == "darwin" else 1024
    both = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return max(resource.getrusage(who).ru_maxrss for who in both) * unit / 1e6
