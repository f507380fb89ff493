"""`tas agreement`: a tracker before the drawings of two observers."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import Numbers, Quiet, app


@app.command()
def agreement(
    cohort: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder that `tas cohort hunt-a` made.")
    ],
    out: Numbers,
    tracker: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="As in `tas track`.")
    ] = "speckle",
    quiet: Quiet = False,
) -> None:
    """Measure how far apart two observers' peak GLS is.

    Each draws the walls in the frame of end-systole, as seen by them; the tracker does the rest.
    Beside it the difference that perfect tracking of the drawings would leave.

    \b
    Example:
      tas cohort hunt-a --n 8 --profile paper --out hunt-a
      tas agreement hunt-a --out agreement.json
    """
    from tas_lib.agreement import agreement as measure
    from tas_lib.comparison import check_unseen, cohort_in
    from tas_lib.provenance import facts
    from tas_lib.recording import replacing
    from tas_lib.trackers import registry

    follow, manifest = registry.get(tracker), cohort_in(cohort)
    if path := registry.weights_of(tracker):
        check_unseen(path, manifest)
    with replacing(out) as temporary:  # first, so that a long run does not end at a bad path
        table = measure(cohort, follow, progress=not quiet)
        known = {key: manifest[key] for key in ("cohort", "seed")}
        command = f"tas agreement DIR --tracker {tracker} --out FILE"
        made = {"command": command, **known, **facts(), "recordings": table.to_dict("index")}
        temporary.write_text(json.dumps(made, indent=1))
    if quiet:
        return
    for who in ("tracked", "carried"):
        apart = 100 * (table[f"{who}_1"] - table[f"{who}_2"])
        typer.echo(
            f"{who:<8} peak GLS of two observers, {len(apart)} recordings: mean absolute "
            f"difference {apart.abs().mean():.2f} points, SD {apart.std():.2f}"
        )
    typer.echo(f"wrote {out}")
