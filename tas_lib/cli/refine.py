"""`tas refine`: data sets and networks in stages, each from the one before."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from tas_lib.cli.frame import LEFT_OUT, Makers, Quiet, Scheduler, app, make_folder
from tas_lib.errors import InputError

PATIENTS = {"smoke": 3, "laptop": 48, "paper": 739}  # of virtual templates, two films each
FIRST = {"smoke": 4, "laptop": 32, "paper": 242}  # films of the first stage


@app.command()
def refine(
    stages: Annotated[
        str,
        typer.Option(
            metavar="s1,s2,s3",
            help="Strategies of the stages; or a row of Table I, 'D2 S1>S2>S3'; or table1: all.",
        ),
    ] = "s1,s2,s3",
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of all stages; what is in it is kept.")
    ] = Path("refined"),
    templates: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of recordings (.nc), as `tas template` or `tas cohort templates` make "
            "them. Without it virtual patients are made, in OUT/templates.",
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            metavar="smoke|laptop|paper",
            help="Training as in `tas train`; and 3, 48 or 739 virtual patients with two films "
            "each, of which the first stage takes 4, 32 or 242, where no templates are given.",
        ),
    ] = "laptop",
    first: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Templates of the first stage, if not all that are given."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Training steps, in place of the profile's."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Examples a step; 16 suit a GPU.")
    ] = None,
    preset: Annotated[
        str, typer.Option(metavar="small|paper", help="Size of the network.")
    ] = "small",
    seeds: Annotated[
        str,
        typer.Option(
            metavar="0,1",
            help="Seeds, each of a network a stage; the first one's tracks move the next stage.",
        ),
    ] = "0",
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights from which every network starts, as the paper's from CoTracker's; "
            "random ones, if none are given.",
        ),
    ] = None,
    workers: Makers = None,
    scheduler: Scheduler = None,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where networks learn.")] = "cpu",
    quiet: Quiet = False,
) -> None:
    """Refine a data set in stages (Table I).

    Simulate, learn, track, simulate again with that motion. OUT has a folder for each chain of
    strategies (s1, s1-s2 ...) with its motion, data and networks (seed0/best.safetensors; how far
    one that learns has come stands in seed0/log.csv); chains that begin alike share what they have
    in common. motion.json tells of each tracked film how far its motion is from the truth, where
    that is known, and of each network on which device it was trained and in how many minutes its
    weights were found. A run that was stopped goes on where it was.

    \b
    Example:
      tas refine --profile smoke --out refined
      tas refine --stages 'D2 S1>S2>S3' --templates camus --seeds 0,1,2
    """
    from tas_lib.cohorts import make_cohort
    from tas_lib.collection import digest
    from tas_lib.dataset import templates_in
    from tas_lib.provenance import facts
    from tas_lib.recording import write_text
    from tas_lib.refinement import CHAINS, check, collections, motions, refine, trained
    from tas_lib.training import profile as budget

    chains = list(CHAINS.values())
    if stages != "table1":
        chains = [CHAINS.get(stages) or tuple(stages.lower().split(","))]
    chosen = budget(profile, steps=steps, batch=batch)
    if not all(seed.isdecimal() for seed in seeds.split(",")):
        remedy = "give whole numbers with commas between them"
        raise InputError("refine", "--seeds", f"are {seeds!r}", remedy)
    for chain in chains:
        check(chain, preset, device, init)
    make_folder(out)
    if templates is None:
        templates, first = out / "templates", first or FIRST[profile]
        size = "smoke" if profile == "smoke" else "paper"
        patients = PATIENTS[profile]
        make_cohort("templates", templates, patients, 0, workers, not quiet, profile=size)
    sources = templates_in(templates)
    rows, networks, made_of = dict[str, Any](), dict[str, Any](), dict[str, Any]()
    failed = dict[str, str]()
    chosen_seeds = [int(seed) for seed in seeds.split(",")]
    for chain in chains:
        weights, left_out = refine(
            sources,
            out,
            chain,
            chosen,
            first=first,
            seeds=chosen_seeds,
            preset=preset,
            device=device,
            init=init,
            workers=workers,
            scheduler=scheduler,
            progress=not quiet,
        )
        failed |= left_out
        rows |= {(row["chain"], row["file"]): row for row in motions(out, chain)}
        made_of |= {(c["chain"], c["kind"]): c for c in collections(out, chain)}
        networks |= {(n["chain"], n["seed"]): n for n in trained(out, chain, chosen_seeds)}
        if not quiet:
            for path in weights:
                typer.echo(f"wrote {path}")
    words = f"--stages {shlex.quote(stages)} --profile {profile} --preset {preset} --seeds {seeds}"
    for name, value in {"steps": steps, "batch": batch, "first": first}.items():
        words += f" --{name} {value}" * (value is not None)
    words += " --init FILE" * (init is not None) + f" --device {device}"
    made: dict[str, Any] = {"command": f"tas refine {words}", **facts(device)}
    made |= {"init_sha256": init and digest(init), "networks": list(networks.values())}
    made["collections"] = list(made_of.values())
    made["rows"] = list(rows.values())
    write_text(out / "motion.json", json.dumps(made, indent=1))
    for name, reason in failed.items():
        typer.echo(f"left out {name}: {reason}", err=True)
    if failed:
        raise typer.Exit(LEFT_OUT)
