"""Weights in files: safetensors, which hold numbers and a card, and never code.

The card, JSON, says which network it is and with what sizes and switches, so that `load` makes it
anew, and whatever else there is to tell: where the weights come from and their licence. A network
here is made by Network(sizes, **switches) and keeps both as attributes; one without switches has
none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tas_lib.errors import InputError
from tas_lib.recording import replacing
from tas_lib.trackers import cotracker, echotracker, myotracker, tasnet
from tas_lib.trackers.tracker import Network

NETWORKS: dict[str, tuple[type[Network], Callable[..., Any]]] = {  # and its sizes
    "TASNet": (tasnet.TASNet, cotracker.Sizes),
    "EchoTracker": (echotracker.EchoTracker, echotracker.Sizes),
    "MyoTracker": (myotracker.MyoTracker, myotracker.Sizes),
}
COTRACKER_LICENCE = (
    "CC BY-NC 4.0: not for commercial use (CoTracker's weights, and what is trained from them)"
)
REMEDY = "give a file that this program wrote"
TRAINING = (
    *("command", "sequences", "device", "minutes", "commit", "date", "step"),
    "validation_mte_mm",
)


def describe(network: Network) -> dict[str, Any]:
    """What `load` makes a network from: its name, sizes and switches."""
    sizes, switches = asdict(network.sizes), getattr(network, "switches", {})
    return {"name": type(network).__name__, "sizes": sizes, "switches": switches}


def save(network: Network, path: str | Path, card: dict[str, Any] | None = None) -> Path:
    """Write a network's weights, and in `card` what else is to be known of them."""
    text = json.dumps({**(card or {}), "network": describe(network)})
    return write(network.state_dict(), path, {"card": text})


def write(tensors: dict[str, Tensor], path: str | Path, texts: dict[str, str]) -> Path:
    """Write tensors and texts, whole or not at all. Raises InputError when the disk is full."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(tensors, temporary, texts)
        except SafetensorError as error:  # which hides the system's own
            raise OSError(str(error)) from error
    return Path(path)


def card(path: str | Path) -> dict[str, Any]:
    """What a file of weights says of itself, as JSON takes it: network, data, patients seen,
    command, seed, commit, device, minutes, validation error [mm]. Raises InputError.
    """
    return _read(path, card_alone=True)[0]


def training(path: str | Path) -> dict[str, Any]:
    """What a file's card says of the last training: how, on what, from what, where, when, how well.

    Raises InputError.
    """
    about = card(path)
    told = {key: about[key] for key in TRAINING if key in about}
    if "data" in about:
        data = about["data"]
        told |= {"strategy": data["strategy"], "data_sha256": data["sha256"]}
        told["data_commits"] = sorted({run["commit"] for run in data["made_with"]})
    if "init" in about:
        told["init_sha256"] = about["init"]["sha256"]
    return told


def load(path: str | Path) -> Network:
    """The network in a file, on the CPU. Raises InputError where file and network do not fit."""
    about, tensors = _read(path)
    try:
        (make, sizes), made = NETWORKS[about["network"]["name"]], about["network"]
        numbers = {k: tuple(v) if isinstance(v, list) else v for k, v in made["sizes"].items()}
        if not all(type(value) is bool for value in made["switches"].values()):
            raise TypeError("switches are neither true nor false")
        with torch.device("meta"), _Undrawn():  # takes no room before shapes are compared
            network = make(sizes(**numbers), **made["switches"])
    except Exception as error:
        problem = f"names no network of this program ({type(error).__name__}: {error})"
        raise InputError(path, "card", problem, REMEDY) from error
    _compare(path, tensors, network.state_dict())
    network.load_state_dict(tensors, assign=True)
    return network


def learnt_from(card: dict[str, Any]) -> set[str]:
    """The patients whom weights with this card have seen, in this training or one before."""
    before = learnt_from(card["init"]) if "init" in card else set()
    return before | set(card.get("patients", ()))


def begin_from(network: Network, path: str | Path) -> Network:
    """A network like `network` that starts from the weights in a file of another one of its kind.

    Switches may differ: a part that only the new network has stays as it was drawn, one that only
    the old one has is left out; how features and tokens are laid out (`official`) goes with the
    weights. Raises InputError where kind or sizes differ.
    """
    old = load(path)
    if describe(old)["name"] != describe(network)["name"] or old.sizes != network.sizes:
        of, wanted = (
            {k: v for k, v in asdict(one.sizes).items() if v != asdict(other.sizes).get(k)}
            for one, other in ((old, network), (network, old))
        )
        problem = f"are of a {type(old).__name__} with {of}"
        remedy = f"give those of a {type(network).__name__} with {wanted}"
        raise InputError(path, "weights", problem, remedy)
    switches = getattr(network, "switches", {})
    if "official" in switches:
        switches = switches | {"official": old.switches["official"]}
    new = type(network)(network.sizes, **switches)
    tensors = new.state_dict()
    new.load_state_dict(tensors | {k: v for k, v in old.state_dict().items() if k in tensors})
    return new


def import_official(path: str | Path) -> tasnet.TASNet:
    """A published checkpoint of CoTracker 1 as a network: TAS-Net with its three switches off.

    Three were published, with equal tensors; stride and window are read off the file's name
    (cotracker_stride_4_wind_8.pth), and are 4 and 8 where it says nothing. It iterates as often as
    in its training, four times a window; its authors judge it with six. No code in the file is run.
    Raises InputError: what is no such checkpoint, other versions of CoTracker among them.
    """
    path = Path(path)
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file makes the library stumble over
        problem = f"is no checkpoint of tensors alone ({type(error).__name__})"
        raise InputError(path, "file", problem, "download it again") from error
    held = held.get("model", held) if isinstance(held, dict) else held
    if not isinstance(held, dict) or not all(isinstance(v, Tensor) for v in held.values()):
        raise InputError(path, "file", "holds no state dict", "give CoTracker's checkpoint")
    tensors = {str(name).removeprefix("module."): value for name, value in held.items()}
    if any("virual_tracks" in name or "track_feat_updater" in name for name in tensors):
        problem, remedy = "is of CoTracker 2 or 3, another network", "give one of version 1"
        raise InputError(path, "file", problem, remedy)
    named = re.search(r"stride_(\d+)_wind_(\d+)", path.name)
    stride, window = map(int, named.groups()) if named else (4, 8)
    sizes = cotracker.Sizes(stride=stride, window=window)
    with torch.device("meta"), _Undrawn():
        network = tasnet.TASNet(sizes, **tasnet.OFF, official=True)
    _compare(path, tensors, network.cotracker.state_dict())
    network.cotracker.load_state_dict(tensors, assign=True)
    return network


class _Undrawn(TorchFunctionMode):
    """Leaves weights as they are, where a network would draw normal ones.

    On PyTorch's meta device that would first import its compiler, for more than a second.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return args[0] if function is Tensor.normal_ else function(*args, **(kwargs or {}))


def _read(path: str | Path, card_alone: bool = False) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not Path(path).is_file():
        raise InputError(path, "file", "does not exist", REMEDY)
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["card"])
            names = () if card_alone else file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except Exception as error:
        problem = f"is no file of weights ({type(error).__name__}: {error})"
        raise InputError(path, "file", problem, REMEDY) from error
    if not isinstance(about, dict):
        raise InputError(path, "card", f"is a {type(about).__name__}", REMEDY)
    return about, tensors


def _compare(path: str | Path, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Raises InputError unless names, shapes and types are as wanted and all numbers finite."""
    if wrong := sorted(found.keys() ^ wanted.keys()):
        problem = "is missing" if wrong[0] in wanted else "does not belong to the network"
        raise InputError(path, wrong[0], problem, "give weights of this very network")
    for name, value in found.items():
        if value.shape != wanted[name].shape or value.dtype != wanted[name].dtype:
            expected = f"{tuple(wanted[name].shape)} {wanted[name].dtype}"
            problem = f"is {tuple(value.shape)} {value.dtype}, not {expected}"
            raise InputError(path, name, problem, "give weights of this very network")
        if not value.isfinite().all():
            raise InputError(path, name, "holds NaN or infinity", "take an earlier checkpoint")
