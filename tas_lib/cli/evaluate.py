"""`tas evaluate`: trackers before recordings whose true motion is known."""

from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from tas_lib.cli.frame import Makers, Quiet, Runs, Seed, Trackers, app, archived, hashes_of, titled
from tas_lib.errors import InputError


@app.command()
def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Folder of recordings that `tas cohort` made."),
    ] = None,
    tracker: Trackers = None,
    runs: Runs = None,
    cohort: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Make this cohort first, as `tas cohort` does: in DIR, or for the moment alone.",
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option(metavar="smoke|laptop|paper", help="How much of --cohort is made.")
    ] = "laptop",
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="All numbers, as JSON; a file there is replaced."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all numbers as JSON, for other programs.")
    ] = False,
    workers: Makers = None,
    quiet: Quiet = False,
) -> None:
    """Measure errors of motion and strain of trackers.

    They start from the true walls. Prints means over patients, from five on with 95 % intervals:
    distance from the true motion, and of peak GLS from the true one; then the share of recordings
    in which triangles turn over, and seconds. The JSON has more. A run with
    --out that was cut short goes on; what --cohort makes is kept in DIR alone.

    \b
    Examples:
      tas evaluate hunt-a --tracker speckle --tracker tasnet --out trackers.json
      tas evaluate --cohort hunt --tracker tasnet --profile smoke --json
    """
    from tas_lib.cohorts import make_cohort
    from tas_lib.comparison import compare, people
    from tas_lib.intervals import FEWEST, interval
    from tas_lib.journal import unfinished
    from tas_lib.recording import write_text

    if folder is None and cohort is None:
        raise InputError("evaluate", "DIR", "is missing", "name a cohort's folder, or --cohort")
    named, words = titled(tracker, runs)
    files = hashes_of(named)
    with (
        nullcontext(folder) if folder else TemporaryDirectory() as place,
        unfinished(out, evaluate=words, weights=files) as journal,
    ):
        if cohort is not None:
            make_cohort(cohort, place, None, seed, workers, not quiet, profile=profile)
            words = f"--cohort {cohort} --profile {profile} --seed {seed} {words}"
        table = compare(place, named, workers, journal=journal, progress=not quiet)
        command = f"tas evaluate {'DIR ' * (folder is not None)}{words} --out FILE"
        text = archived(table, place, named, files, command)
        if out:
            write_text(out, text)
    if as_json:
        typer.echo(text)
    if quiet or as_json:
        return
    table["gls_error"] = (table.gls - table.gls_true).abs()
    mte, gls = (people(table, column) for column in ("mte", "gls_error"))
    recordings, patients = table.file.nunique(), len(mte)
    enough = patients >= FEWEST
    which = "intervals 95 %, by patient" if enough else f"intervals need {FEWEST}"
    typer.echo(f"{recordings} recordings of {patients} patients; {which}")
    wide = 2 + max(map(len, ["tracker", *mte]))
    typer.echo(
        f"{'tracker':<{wide}}{'MTE (mm)':<22}{'|GLS error| (% strain)':<24}{'folds':>6}{'s':>6}"
    )
    for name, rows in table.groupby("tracker", sort=False):
        cells = []
        for of, scale in ((mte, 1e3), (gls, 100)):
            low, high = (scale * end for end in interval(of[name].to_numpy()))
            cells.append(f"{scale * of[name].mean():.2f}")
            cells[-1] += f" ({low:.2f} to {high:.2f})" * enough
        folds = f"{(rows.folds > 0).mean():.0%}"
        typer.echo(
            f"{name:<{wide}}{cells[0]:<22}{cells[1]:<24}{folds:>6}{rows.seconds.mean():6.1f}"
        )
    if out:
        typer.echo(f"wrote {out}")
