"""`tas dataset` and `tas train`: simulated sequences, and networks that learn from them."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from tas_lib.cli.frame import app
from tas_lib.errors import InputError

Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress, print nothing.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Another seed, other random numbers.")]


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

    manifest = make_dataset(sources, out, strategy, seed, progress=not quiet)
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


@app.command()
def train(
    tracker: Annotated[
        str, typer.Argument(metavar="TRACKER", help="tasnet, cotracker, myotracker, echotracker.")
    ],
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of sequences that `tas dataset` made.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of weights, checkpoint and log.")
    ],
    profile: Annotated[
        str,
        typer.Option(
            metavar="smoke|laptop|paper",
            help="smoke: 20 steps; laptop: 4,000; paper: 200,000, for --preset paper on a GPU.",
        ),
    ] = "laptop",
    preset: Annotated[
        str, typer.Option(metavar="small|paper", help="Size of the network.")
    ] = "small",
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of training, if not the profile's.")
    ] = None,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where it runs.")] = "cpu",
    quiet: Quiet = False,
) -> None:
    """Train a network on simulated sequences.

    Every tenth patient is kept for validation. Writes best.safetensors, the weights with the least
    trajectory error there, and log.csv. A run that was killed goes on from its last validation, to
    the same bits.

    \b
    Example:
      tas train tasnet --data d0 --out runs/tasnet-0 --seed 0
    """
    from tas_lib.learning import learn
    from tas_lib.training import profile as budget

    chosen = budget(profile, steps=steps)
    best = learn(tracker, data, out, chosen, preset, seed, device, progress=not quiet)
    if not quiet:
        typer.echo(f"{tracker}, {preset}, seed {seed}: validation MTE {best:.2f} mm")
        typer.echo(f"wrote {out / 'best.safetensors'}")
