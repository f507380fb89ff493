"""What each artefact does: the same echoes on consoles that differ in one setting."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import xarray as xr

from tas_lib import recording
from tas_lib.artefacts import Console, Scanner, Shadow
from tas_lib.clinic import Pose, Scan, with_truth
from tas_lib.heart import Heart
from tas_lib.parallel import in_order
from tas_lib.simulator import SectorOperator

RIB = Shadow(angle=np.deg2rad(30.0), width=np.deg2rad(10.0))
OFF: dict[str, Any] = {
    "haze": -np.inf,
    "reverberation": -np.inf,
    "noise": -np.inf,
    "shadows": (),
    "tgc_error": 0.0,
    "smoothing": 0.0,
    "contrast": 1.0,
}


def each_artefact(scanner: Scanner) -> dict[str, Scanner]:
    """Settings with all artefacts off, with each of OFF alone as `scanner` has it, with all on."""
    off = dataclasses.replace(scanner, **OFF)
    alone = {name: dataclasses.replace(off, **{name: getattr(scanner, name)}) for name in OFF}
    return {"all off": off, **alone, "all on": scanner}


def films(
    heart: Heart,
    pose: Pose,
    scanners: dict[str, Scanner],
    seed: int,
    time: np.ndarray,
    operator: SectorOperator,
) -> dict[str, xr.Dataset]:
    """The same echoes, blood and noise at times [s] from 0, shown with each of the settings.

    Settings differ in what the console does (`OFF`), not in acquisition, density or depth.
    """
    first = next(iter(scanners.values()))
    scan = Scan(heart, pose, first, seed, end=time[-1], operator=operator)
    consoles = {name: Console(scanner, operator, seed) for name, scanner in scanners.items()}

    def shown(k: int) -> list[np.ndarray]:
        rng = np.random.default_rng([seed, 2 + k])
        echoes, state = operator(*scan.slice.scatterers(time[k], rng)), rng.bit_generator.state
        frames = []
        for console in consoles.values():
            rng.bit_generator.state = state  # the same noise
            frames.append(console.show(console.amplify(echoes, rng)))
        return frames

    path = scan.path(time)
    return {
        name: with_truth(
            recording.new(
                np.stack(frames),
                time,
                console.z,
                console.x,
                sector=console.sector,
                source=f"virtual patient, {name}",
                view=pose.view,
            ),
            path,
        )
        for (name, console), frames in zip(
            consoles.items(), zip(*in_order(shown, range(len(time))), strict=True), strict=True
        )
    }
