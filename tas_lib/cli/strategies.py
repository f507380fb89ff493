"""`tas strategies`: whose speckle fades as the templates' does."""

from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import Makers, Numbers, Quiet, Seed, app


@app.command()
def strategies(
    templates: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Recordings (.nc), as `tas cohort templates` or `tas template` make.",
        ),
    ],
    out: Numbers,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="Only the first N templates.")
    ] = None,
    truth: Annotated[
        bool,
        typer.Option(
            "--truth", help="Virtual templates move by their true motion, not their masks'."
        ),
    ] = False,
    seed: Seed = 0,
    workers: Makers = None,
    quiet: Quiet = False,
) -> None:
    """Compare how the speckle of simulations and of their templates fades.

    Of S1, S2 and S3. Prints the mean absolute error, the mean correlation and its spread over the
    wall, means over templates. Eleven films a template: a minute for 47 frames on one core.
    A run that was cut short goes on.

    \b
    Example:
      tas cohort templates --n 12 --profile paper --out templates
      tas strategies templates --out strategies.json
    """
    from tas_lib import archive
    from tas_lib.comparison import made_by
    from tas_lib.dataset import templates_in
    from tas_lib.fidelity import fidelity
    from tas_lib.journal import unfinished
    from tas_lib.provenance import facts
    from tas_lib.recording import write_text

    paths, cohort = templates_in(templates)[:n], made_by(templates)
    with unfinished(out, strategies=seed, truth=truth) as journal:
        table = fidelity(paths, seed, workers, truth=truth, journal=journal, progress=not quiet)
        chosen = f"--n {n} " * (n is not None) + "--truth " * truth
        command = f"tas strategies DIR {chosen}--seed {seed} --out FILE"
        made = {"command": command, **cohort, "seed": seed, **facts()}
        write_text(out, archive.text(table, **made))
    if quiet:
        return
    means = table.groupby("strategy", sort=False)[["mae", "mean", "spread"]].mean()
    typer.echo(f"{len(paths)} templates{'MAE':>18}{'mean':>8}{'spread':>8}")
    for name, row in means.iterrows():
        typer.echo(f"{name:<21}{row['mae']:8.3f}{row['mean']:8.3f}{row['spread']:8.3f}")
    typer.echo(f"wrote {out}")
