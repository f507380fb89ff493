"""`tas evaluate`: trackers before recordings whose true motion is known."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import Makers, Numbers, Quiet, app
from tas_lib.errors import InputError


@app.command()
def evaluate(
    cohort: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of recordings that `tas cohort` made.")
    ],
    out: Numbers,
    tracker: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TITLE=]NAME|FILE",
            help="As in `tas track`, with a title for its rows if wanted; may come repeatedly.",
        ),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="All networks below a folder of `tas train` or `tas refine`, titled by theirs.",
        ),
    ] = None,
    workers: Makers = None,
    quiet: Quiet = False,
) -> None:
    """Measure errors of motion and strain of trackers.

    They start from the true walls. Prints means over the recordings: distance from the true
    motion, of peak GLS from the true one, the share of recordings in which triangles turn over,
    and seconds. The file has more.

    \b
    Example:
      tas cohort hunt-a --n 8 --profile paper --out hunt-a
      tas evaluate hunt-a --tracker speckle --tracker tasnet --out trackers.json
    """
    from tas_lib.collection import digest
    from tas_lib.comparison import by_patient, cohort_in, compare, interval, networks
    from tas_lib.provenance import facts
    from tas_lib.recording import replacing
    from tas_lib.trackers import registry

    titled = {} if runs is None else networks(runs)
    for word in tracker or ():
        title, _, name = word.partition("=") if "=" in word else (word, "", word)
        if Path(word).is_file():  # whose path holds the sign
            title = name = word
        if title in titled:
            remedy = "give each a title of its own"
            raise InputError("evaluate", "--tracker", f"{title} comes twice", remedy)
        titled[title] = name
    if not titled:
        raise InputError("evaluate", "--tracker", "is missing", "name one, or give --runs")
    for name in titled.values():
        registry.get(name)  # what is not there is said before anything else
    with replacing(out) as temporary:  # first, so that a long run does not end at a bad path
        files = {title: registry.weights_of(name) for title, name in titled.items()}
        table = compare(cohort, titled, workers, progress=not quiet)
        known = {key: cohort_in(cohort)[key] for key in ("cohort", "seed")}
        words = [f"--tracker {shlex.quote(word)}" for word in tracker or ()]
        words = " ".join(words + ["--runs DIR"] * (runs is not None))
        made = {"command": f"tas evaluate DIR {words} --out FILE", **known, **facts()}
        made["weights_sha256"] = {title: file and digest(file) for title, file in files.items()}
        made["rows"] = json.loads(table.to_json(orient="records", double_precision=15))
        temporary.write_text(json.dumps(made, indent=1))
    if quiet:
        return
    table["gls_error"] = (table.gls - table.gls_true).abs()
    mte, gls = (by_patient(table, column) for column in ("mte", "gls_error"))
    files, patients = table.file.nunique(), len(mte)
    typer.echo(f"{files} recordings of {patients} patients; intervals 95 %, by patient")
    typer.echo(f"{'tracker':<14}{'MTE (mm)':<22}{'|GLS error| (points)':<24}{'folds':>6}{'s':>6}")
    for name, rows in table.groupby("tracker", sort=False):
        cells = [
            f"{scale * of[name].mean():.2f} ({{:.2f}} to {{:.2f}})".format(
                *(scale * end for end in interval(of[name].to_numpy()))
            )
            for of, scale in ((mte, 1e3), (gls, 100))
        ]
        folds = f"{(rows.folds > 0).mean():.0%}"
        typer.echo(f"{name:<14}{cells[0]:<22}{cells[1]:<24}{folds:>6}{rows.seconds.mean():6.1f}")
    typer.echo(f"wrote {out}")
