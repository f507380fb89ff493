"""`tas realism`: whether a cohort of virtual patients looks like the real clip."""

import json
from typing import Annotated

import typer

from tas_lib.cli.frame import Makers, Numbers, Quiet, app


@app.command()
def realism(
    out: Numbers,
    cohort: Annotated[str, typer.Option(metavar="NAME", help="A cohort of `tas cohort`.")] = "hunt",
    n: Annotated[
        int, typer.Option("--n", min=2, metavar="N", help="Patients, one recording of each.")
    ] = 48,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Another seed, other patients.")
    ] = 0,
    workers: Makers = None,
    quiet: Quiet = False,
) -> None:
    """Compare how the default clip and a cohort look.

    Grey levels, speckle and its decorrelation. Prints every quantity of the clip beside the
    band in which nine of ten recordings lie. Some 15 seconds a recording on a core. A run that was
    cut short goes on.

    \b
    Example:
      tas realism --n 12 --out realism.json
    """
    import pandas as pd

    from tas_lib.cohorts import known
    from tas_lib.journal import unfinished
    from tas_lib.provenance import facts
    from tas_lib.recording import write_text
    from tas_lib.survey import compare, numbers, survey
    from tas_lib.templates import default_template

    known(cohort)
    with unfinished(out, cohort=cohort, seed=seed) as journal:
        table = survey(cohort, n, seed, journal=journal, workers=workers, progress=not quiet)
        made = {
            "command": f"tas realism --cohort {cohort} --n {n} --seed {seed} --out FILE",
            "cohort": cohort,
            "seeds": [seed],
            "profile": "none: the command's options",
            **facts(),
            "recordings": json.loads(table.to_json(orient="index", double_precision=15)),
        }
        write_text(out, json.dumps(made, indent=1, allow_nan=False))
    if quiet:
        return
    result = compare(table, pd.Series(numbers(default_template())))
    typer.echo(f"{'quantity':<18}{'clip':>8}{'5 %':>10}{'median':>8}{'95 %':>8}")
    for row in result.itertuples():
        typer.echo(
            f"{row.Index:<18}{row.value:8.3g}{row.low:10.3g}{row.median:8.3g}{row.high:8.3g}"
            f"{'' if row.inside else '   outside'}"
        )
    typer.echo(f"inside: {result.inside.sum()} of {len(result)}; wrote {out}")
