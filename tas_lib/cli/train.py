"""`tas train`: a network learns from simulated sequences."""

from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import Quiet, Seed, app, folder_of_results


@app.command()
def train(
    tracker: Annotated[
        str,
        typer.Argument(
            metavar="TRACKER",
            help="tasnet, cotracker, myotracker, echotracker; or CoTracker with some of TAS-Net's "
            "changes, cotracker+bidirectional+continuous_visibility+mesh_embedding.",
        ),
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
            help="smoke: 20 steps; laptop: 6,000 of short clips; paper: 200,000 of long ones, for "
            "--preset paper on a GPU.",
        ),
    ] = "laptop",
    preset: Annotated[
        str, typer.Option(metavar="small|paper", help="Size of the network.")
    ] = "small",
    steps: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Training steps, in place of the profile's."),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Examples a step, all seen at once; 16 suit a GPU."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            max=1,
            metavar="X",
            help="Highest learning rate, in place of the network's own.",
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights to start from, as this command or `tas weights import` wrote them; "
            "random ones, if none are given.",
        ),
    ] = None,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where it runs.")] = "cpu",
    quiet: Quiet = False,
) -> None:
    """Train a network on simulated sequences.

    Every tenth patient is kept for validation. Writes best.safetensors, the weights with the least
    trajectory error there, and log.csv. A run that was killed goes on from its last checkpoint, of
    at most five minutes before; on a CPU with as many threads to the same bits.

    \b
    Examples (the second with two GPUs, which see an example each a step):
      tas train tasnet --data d0 --out runs/tasnet-0 --seed 0
      torchrun --nproc-per-node 2 -m tas_lib.cli train tasnet --data d0 --out runs/tasnet-paper
      --preset paper --profile paper --device cuda
    """
    from tas_lib.learning import learn
    from tas_lib.training import profile as budget

    chosen = budget(profile, steps=steps, batch=batch, rate=rate)
    words = f"{tracker} --data DIR --out DIR --profile {profile} --preset {preset} --seed {seed}"
    for name, value in {"steps": steps, "batch": batch, "rate": rate}.items():
        words += f" --{name} {value}" * (value is not None)
    words += " --init FILE" * (init is not None)
    before = _last(out)
    with folder_of_results(out):
        best = learn(
            tracker,
            data,
            out,
            chosen,
            preset=preset,
            seed=seed,
            device=device,
            init=init,
            command=f"tas train {words} --device {device}",
            progress=not quiet,
        )
    if not quiet and best < float("inf"):  # a helper of `torchrun` judges nothing
        done = "was trained before, nothing was left to do: " * (_last(out) == before)
        typer.echo(f"{tracker}, {preset}, seed {seed}: {done}validation MTE {best:.2f} mm")
        typer.echo(f"weights: {out / 'best.safetensors'}")


def _last(out: Path) -> int:
    """When the run in a folder last kept its state; 0: never."""
    path = out / "last.safetensors"
    return path.stat().st_mtime_ns if path.exists() else 0
