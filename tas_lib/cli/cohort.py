"""`tas cohort`: virtual patients for evaluation, whose true motion is known."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from tas_lib.cli.frame import Makers, Quiet, app


@app.command()
def cohort(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="sshf: 40 patients, filmed twice in three views; hunt: 30, likewise; hunt-a: 88, "
            "filmed once, for two observers; infarcts: 30, filmed once; templates: 500 others, "
            "filmed once in two views, of which simulations are made.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder of the recordings; made if new. What is in it already is kept.",
        ),
    ],
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="Patients, if not the profile's.")
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            metavar="smoke|laptop|paper",
            help="smoke: 2 patients, half beats; laptop: 6; paper: all of them.",
        ),
    ] = "laptop",
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Another seed, other patients.")
    ] = 0,
    workers: Makers = None,
    quiet: Quiet = False,
) -> None:
    """Make a cohort of virtual patients.

    Writes a recording a view (.nc: frames, true mesh, true strain) and manifest.json, which lists
    them with their truth. Some 8 seconds of a core for 47 frames. A run that was stopped goes on
    where it was; a larger N adds patients to those in the folder.

    \b
    Examples:
      tas cohort hunt --n 2 --profile smoke --out hunt
      tas cohort hunt-a --profile paper --out hunt-a
    """
    start = perf_counter()

    from tas_lib.cohorts import make_cohort
    from tas_lib.collection import MANIFEST

    manifest = make_cohort(name, out, n, seed, workers, not quiet, profile=profile)
    if quiet:
        return
    entries = manifest["recordings"]
    patients = len({entry["patient"] for entry in entries})
    frames = sum(entry["frames"] for entry in entries)
    gls = [100 * entry["peak"]["gls_of_heart"] for entry in entries]
    typer.echo(
        f"{name}, seed {seed}: {len(entries)} recordings of {patients} patients, {frames} frames; "
        f"true peak GLS {min(gls):.1f} to {max(gls):.1f} %; {perf_counter() - start:.0f} s"
    )
    for entry in entries:
        typer.echo(f"  {out / entry['file']}  {entry['pathology']}")
    typer.echo(f"wrote {out / MANIFEST}")
