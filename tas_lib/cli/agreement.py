"""`tas agreement`: trackers before what observers drew."""

from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import (
    Makers,
    Numbers,
    Quiet,
    Runs,
    Trackers,
    app,
    archived,
    hashes_of,
    titled,
)


@app.command()
def agreement(
    cohort: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of recordings that `tas cohort` made.")
    ],
    out: Numbers,
    tracker: Trackers = None,
    runs: Runs = None,
    workers: Makers = None,
    quiet: Quiet = False,
) -> None:
    """Measure how far strain differs between observers and visits.

    Every observer of a recording draws the walls in the frame of end-systole, as seen by them; the
    tracker does the rest. Beside trackers, perfect tracking of the same drawings. Prints mean
    absolute difference and SD of peak GLS, also from the truth, in % strain; the file has the
    segments, too. A run that was cut short goes on.

    \b
    Example:
      tas cohort hunt-a --n 8 --profile paper --out hunt-a
      tas agreement hunt-a --tracker speckle --tracker tasnet --out agreement.json
    """
    from tas_lib.agreement import GLOBAL, PERFECT, TRUTH, pairs, readings, strains
    from tas_lib.journal import unfinished
    from tas_lib.recording import write_text

    named, words = titled(tracker, runs)
    files = hashes_of(named)
    with unfinished(out, agreement=words, weights=files) as journal:
        rows = readings(cohort, named, workers, journal=journal, progress=not quiet)
        command = f"tas agreement DIR {words} --out FILE"
        text = archived(rows, cohort, named, files, command)
        write_text(out, text)
    if quiet:
        return
    table = strains(rows)
    table = table[table.segment == GLOBAL]
    designs = {"observer": (1, 2), "visit": ("test", "retest")}
    designs = {key: both for key, both in designs.items() if {*both} <= {*table[key]}}
    for title in (PERFECT, *named):
        said = [pairs(table, "tracker", title, TRUTH)]
        said += [pairs(table[table.tracker == title], key, *both) for key, both in designs.items()]
        for what, paired in zip(("truth", *designs), said, strict=True):
            apart = paired["first"] - paired["second"]
            typer.echo(
                f"{title:<18}{what:<10}{len(apart):4} pairs: mean absolute difference "
                f"{apart.abs().mean():.2f} % strain, SD {apart.std():.2f}"
            )
    typer.echo(f"wrote {out}")
