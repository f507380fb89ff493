"""The `tas` command; each module here adds its commands to the one `app`."""

from tas_lib.cli import (
    agreement,
    bench,
    cohort,
    contour,
    dataset,
    evaluate,
    golden,
    info,
    realism,
    refine,
    simulate,
    strain,
    template,
    track,
    train,
    weights,
)
from tas_lib.cli.frame import app

__all__ = [
    "agreement",
    "app",
    "bench",
    "cohort",
    "contour",
    "dataset",
    "evaluate",
    "golden",
    "info",
    "realism",
    "refine",
    "simulate",
    "strain",
    "template",
    "track",
    "train",
    "weights",
]
