"""`tas refine`: data sets and networks in stages, each from the one before."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import Quiet, app
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
            help="Folder of recordings (.nc) with masks or meshes. Without it virtual patients are "
            "made, in OUT/templates.",
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            metavar="smoke|laptop|paper",
            help="Size of everything: 3, 48 or 739 virtual patients with two films each, of which "
            "the first stage takes 4, 32 or 242; training as in `tas train`.",
        ),
    ] = "laptop",
    preset: Annotated[
        str, typer.Option(metavar="small|paper", help="Size of the network.")
    ] = "small",
    seeds: Annotated[
        str, typer.Option(metavar="0,1", help="Of the networks of each stage; the first goes on.")
    ] = "0",
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Films made at a time: all cores.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="A Dask cluster's, in place of this machine."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where networks learn.")] = "cpu",
    quiet: Quiet = False,
) -> None:
    """Refine a data set in stages: simulate, learn, track, simulate again with that motion.

    OUT has a folder for each chain of strategies (s1, s1-s2 ...) with its motion, data and networks
    (seed0/best.safetensors); chains that begin alike share what they have in common. motion.json
    tells of each tracked film how far its motion is from the truth, where that is known. A run that
    was stopped goes on where it was.

    \b
    Example:
      tas refine --profile smoke --out refined
      tas refine --stages 'D2 S1>S2>S3' --templates camus --seeds 0,1,2
    """
    from tas_lib.cohorts import make_cohort
    from tas_lib.provenance import facts
    from tas_lib.recording import replacing
    from tas_lib.refinement import CHAINS, motions, refine
    from tas_lib.training import profile as budget

    chains = list(CHAINS.values())
    if stages != "table1":
        chains = [CHAINS.get(stages) or tuple(stages.lower().split(","))]
    chosen = budget(profile)
    try:
        numbers = [int(seed) for seed in seeds.split(",")]
    except ValueError as error:
        remedy = "give whole numbers with commas between them"
        raise InputError("refine", "--seeds", f"are {seeds!r}", remedy) from error
    first = None
    if templates is None:
        templates, first = out / "templates", FIRST[profile]
        out.mkdir(parents=True, exist_ok=True)
        size = "smoke" if profile == "smoke" else "paper"
        make_cohort("templates", templates, PATIENTS[profile], progress=not quiet, profile=size)
    sources = sorted(templates.glob("*.nc"))
    if not sources:
        raise InputError(templates, "--templates", "holds no recording", "name a folder with .nc")
    for chain in chains:
        weights = refine(
            *(sources, out, chain, chosen),
            first=first,
            seeds=numbers,
            preset=preset,
            device=device,
            workers=workers,
            scheduler=scheduler,
            progress=not quiet,
        )
        if not quiet:
            for path in weights:
                typer.echo(f"wrote {path}")
    command = f"tas refine --stages {stages} --profile {profile} --preset {preset} --seeds {seeds}"
    with replacing(out / "motion.json") as temporary:
        made = {"command": command, **facts(device), "rows": motions(out)}
        temporary.write_text(json.dumps(made, indent=1))
