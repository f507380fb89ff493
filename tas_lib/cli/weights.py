"""`tas weights`: weights that others published, made ours."""

from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import app

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(group, name="weights", help="Take over published weights.")


@group.callback()
def weights() -> None:
    """Take over published weights."""


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
    """Turn a published checkpoint of CoTracker 1 into a file of weights for this program."""
    from tas_lib.trackers.weights import COTRACKER_LICENCE, import_official, save

    network = import_official(file)
    save(network, out, {"source": file.name, "licence": COTRACKER_LICENCE})
    count = sum(parameter.numel() for parameter in network.cotracker.parameters())
    typer.echo(f"wrote {out}: CoTracker, {count:,} parameters\nlicence: {COTRACKER_LICENCE}")
