"""The `tas` command; each module here adds its commands to the one `app`."""

from tas_lib.cli import (
    agreement,
    bench,
    cohort,
    contour,
    data,
    dataset,
    evaluate,
    golden,
    info,
    realism,
    refine,
    scorecard,
    simulate,
    strain,
    strategies,
    template,
    track,
    train,
    weights,
)
from tas_lib.cli.frame import app
