"""`tas golden`: is our CoTracker the published one?"""

from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import app


@app.command()
def golden(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.npz", help="Numbers that the original computed.")
    ],
) -> None:
    """Compare our CoTracker with what the published code computed.

    Prints the largest difference of each quantity beside its tolerance; fails if one is larger.
    """
    from tas_lib.golden import compare

    found = compare(file)
    for name, (gap, tolerance) in found.items():
        verdict = "" if gap <= tolerance else "  DIFFERS"
        typer.echo(f"{name:<32}{gap:8.1e}  (tolerance {tolerance:.0e}){verdict}")
    off = sum(gap > tolerance for gap, tolerance in found.values())
    typer.echo(f"{off} of {len(found)} differ" if off else "all within tolerance")
    if off:
        raise typer.Exit(1)
