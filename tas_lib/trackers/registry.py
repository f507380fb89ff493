"""Trackers by name. A new one is a file beside this one and a line in `NETWORKS` or `get`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tas_lib.errors import InputError, check_choice
from tas_lib.trackers import echotracker, myotracker, tasnet, weights
from tas_lib.trackers.block_matching import SpeckleTracking
from tas_lib.trackers.tracker import Learned, Network, Tracker

PIXEL = 0.75e-3  # on which our networks are trained [m]: our choice, a third of a speckle's width
SHIPPED = Path(__file__).parents[1] / "data" / "weights"
NETWORKS: dict[str, Callable[[str], Network]] = {  # name -> network of a preset, small or paper
    "tasnet": lambda preset: tasnet.TASNet(tasnet.PRESETS[preset]),
    "cotracker": lambda preset: tasnet.TASNet(tasnet.PRESETS[preset], **tasnet.OFF),
    "myotracker": lambda preset: myotracker.MyoTracker(myotracker.PRESETS[preset]),
    "echotracker": lambda preset: echotracker.EchoTracker(echotracker.PRESETS[preset]),
}
NAMES = *NETWORKS, "speckle"
LABELS = {
    "tasnet": "TAS-Net",
    "cotracker": "CoTracker",
    "myotracker": "MyoTracker",
    "echotracker": "EchoTracker",
    "speckle": "speckle tracking",
}
LEARNT = {  # data sets in the titles of archives; all networks that ship learnt the first
    "tas": "",
    "burman": " (Burman-like data)",  # the paper's: theirs
    "labels": " (labels of speckle tracking)",
    "real": " (real data)",
}
STARTS = {"es": "end-systole", "first": "the first frame"}  # where a network's mesh may be given


def network(name: str, preset: str = "small") -> Network:
    """A network with new weights, drawn by PyTorch's generator.

    A name may also be CoTracker's with some of TAS-Net's switches (Table II),
    "cotracker+bidirectional+mesh_embedding". Raises InputError.
    """
    check_choice("tracker", "preset", preset, ("small", "paper"))
    if name in NETWORKS:
        return NETWORKS[name](preset)
    base, *on = name.split("+")
    if base != "cotracker" or not set(on) <= set(tasnet.SWITCHES):
        problem = f"{name!r} is unknown"
        remedy = (
            f"choose one of {', '.join(NETWORKS)}, or cotracker+ of {', '.join(tasnet.SWITCHES)}"
        )
        raise InputError("tracker", "name", problem, remedy)
    return tasnet.TASNet(tasnet.PRESETS[preset], **tasnet.OFF | dict.fromkeys(on, True))


def weights_of(name: str | Path) -> Path | None:
    """The file that `get` reads, there or not; None for a tracker without weights."""
    name, _ = _parted(name)
    if name == "speckle":
        return None
    return SHIPPED / f"{name}.safetensors" if name in NETWORKS else Path(name)


def title_of(name: str | Path) -> str:
    """What a tracker is called in files and figures; one that `tas train` wrote by its folder."""
    base, start = _parted(name)
    path = Path(base)
    title = path.resolve().parent.name if path.stem == "best" else path.stem
    return f"{title}@{start}" if start else title


def label(title: str) -> str:
    """What readers call a tracker by its name or its title in archives; other words stay.

    "burman/echotracker@es" -> "EchoTracker (Burman-like data) from end-systole".
    """
    name, start = _parted(title)
    data, _, base = str(name).rpartition("/")
    if base not in LABELS or data not in {"", *LEARNT}:
        return title
    return LABELS[base] + LEARNT.get(data, "") + (f" from {STARTS[start]}" if start else "")


def _parted(name: str | Path) -> tuple[str | Path, str | None]:
    """A name without "@start" behind it, and that start."""
    base, _, start = str(name).rpartition("@")
    return (base, start) if start in STARTS else (name, None)


def get(name: str | Path, tolerance: float | None = None) -> Tracker:
    """A tracker that is ready: "speckle", one whose weights ship, or a file of weights.

    With "@es" or "@first" behind its name a network starts there, not where it usually does.
    tolerance [px]: TAS-Net and CoTracker leave a window once an iteration has moved no point by as
    much. Raises InputError.
    """
    path, (_, start) = weights_of(name), _parted(name)
    if path is None:
        if tolerance is not None or start is not None:
            problem = "mean nothing here"
            raise InputError("speckle", "tolerance, start", problem, "leave them out")
        return SpeckleTracking()
    if not path.is_file():
        ready = [n for n in NAMES if (file := weights_of(n)) is None or file.is_file()]
        remedy = f"give a file of weights that `tas train` wrote, or one of {', '.join(ready)}"
        raise InputError(path, "weights", "are not there", remedy)
    pixel = weights.card(path).get("pixel")
    if not isinstance(pixel, float) or not 1e-5 < pixel < 1e-2:
        remedy = "give weights that `tas train` wrote"
        raise InputError(path, "pixel", f"is {pixel!r}, no size in metres", remedy)
    network = weights.load(path)
    if tolerance is not None:
        if not isinstance(network, tasnet.TASNet):
            problem = "is known to TAS-Net and CoTracker alone"
            raise InputError(path, "tolerance", problem, "leave it out")
        network.tolerance = tolerance
    return Learned(network, pixel, start)
