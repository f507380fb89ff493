"""`tas scorecard`: which claims and numbers of the paper reproduce."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import Numbers, Quiet, app


@app.command()
def scorecard(
    archive: Annotated[
        Path, typer.Argument(metavar="DIR", help="Archived runs: notebooks/archive.")
    ],
    out: Numbers,
    quiet: Quiet = False,
) -> None:
    """Judge every claim and number of the paper.

    By stated rules, from archived runs. Prints the verdict on each claim, and of runs that are
    missing, without which claims are not testable, what makes them.

    \b
    Example:
      tas scorecard notebooks/archive --out scorecard.json
    """
    from tas_lib.provenance import facts
    from tas_lib.recording import write_text
    from tas_lib.scorecard import NOT_RUN
    from tas_lib.scorecard import scorecard as judge

    judged = judge(archive)
    made = {"command": "tas scorecard DIR --out FILE", **facts(), **judged}
    write_text(out, json.dumps(made, indent=1, allow_nan=False))
    if quiet:
        return
    for name, claim in judged["claims"].items():
        typer.echo(f"{name}  {claim['verdict']:<18}  {claim['claim']}")
    for what, counted in judged["counts"].items():
        typer.echo(f"{what}: " + ", ".join(f"{n} {verdict}" for verdict, n in counted.items()))
    whys = {one["why"] or "" for one in (*judged["claims"].values(), *judged["numbers"])}
    for why in sorted(why for why in whys if why.startswith(NOT_RUN)):
        typer.echo(why)
    typer.echo(f"wrote {out}")
