"""`tas weights`: files of weights, what they say of themselves, and those that others published."""

from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import app

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(group, name="weights", help="Look at files of weights; take over published ones.")


@group.command(name="import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.pth",
            help="A checkpoint of CoTracker 1 as downloaded, under its own name, such as "
            "cotracker_stride_4_wind_8.pth. Code in it is never run.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.safetensors", help="Where the weights go.")
    ],
) -> None:
    """Turn a published checkpoint of CoTracker 1 into a file of weights for this program.

    For --init of `tas train`, or as it is for `tas track` and `tas evaluate`; pixels have the size
    then on which our own networks are trained: our choice.
    """
    from tas_lib.trackers.registry import PIXEL
    from tas_lib.trackers.weights import COTRACKER_LICENCE, import_official, save

    network = import_official(file)
    save(network, out, {"source": file.name, "licence": COTRACKER_LICENCE, "pixel": PIXEL})
    count = sum(parameter.numel() for parameter in network.cotracker.parameters())
    typer.echo(f"wrote {out}: CoTracker, {count:,} parameters\nlicence: {COTRACKER_LICENCE}")


@group.command()
def card(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="Weights that ship, or a file of them.")
    ],
) -> None:
    """Show what a file of weights says of itself: network, data, command, seed, device, figures.

    Of the patients that it has seen, the first and the last.
    """
    import json

    from tas_lib.errors import InputError
    from tas_lib.trackers.registry import weights_of
    from tas_lib.trackers.weights import card as read

    path = weights_of(name)
    if path is None:
        raise InputError(name, "weights", "are none", "name one of the networks")
    known = read(path)
    for about in (known, known.get("init", {})):
        if len(about.get("patients", ())) > 2:
            first, *more, last = about["patients"]
            about["patients"] = f"{first} ... {last}, {len(more) + 2} in all"
    typer.echo(json.dumps(known, indent=1))
