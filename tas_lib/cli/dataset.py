"""`tas dataset`: simulated sequences of templates."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from tas_lib.cli.frame import Quiet, Seed, app
from tas_lib.errors import InputError


@app.command()
def dataset(
    templates: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder of recordings (.nc) with meshes, as `tas cohort templates` makes them.",
        ),
    ],
    strategy: Annotated[str, typer.Option(metavar="s1|s2|s3", help="How the speckle fades.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder of the sequences; made if new. What is in it already is kept.",
        ),
    ],
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="The first N templates alone.")
    ] = None,
    seed: Seed = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Sequences made at a time: all cores.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="A Dask cluster's, in place of this machine."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Simulate a sequence of every template in a folder.

    Each has the template's anatomy and frame times, the motion of its mesh, and the correlation of
    its speckle. Virtual patients are taken as real ones would be: masks give their meshes. A run
    that was stopped goes on where it was.

    \b
    Example:
      tas cohort templates --n 20 --profile paper --out templates
      tas dataset --templates templates --strategy s1 --out d0
    """
    start = perf_counter()
    sources = sorted(templates.glob("*.nc"))[:n]
    if not sources:
        remedy = "name a folder of recordings (.nc)"
        raise InputError(templates, "--templates", "holds no recording", remedy)

    from tas_lib.dataset import make_dataset

    manifest = make_dataset(
        *(sources, out, strategy, seed), workers=workers, scheduler=scheduler, progress=not quiet
    )
    if not quiet:
        frames = sum(entry["frames"] for entry in manifest["recordings"])
        typer.echo(
            f"{strategy}, seed {seed}: {len(manifest['recordings'])} sequences, {frames} frames; "
            f"{perf_counter() - start:.0f} s"
        )
    for file, problem in manifest["failed"].items():
        typer.echo(f"left out {file}: {problem}", err=True)
    if manifest["failed"]:
        raise typer.Exit(1)
