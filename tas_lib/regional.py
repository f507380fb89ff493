"""Strain of the 18 segments: three levels of six walls, six segments a view (Voigt et al. 2015,
DOI 10.1093/ehjci/jeu184)."""

from __future__ import annotations

import pandas as pd

from tas_lib.anatomy import VIEWS
from tas_lib.strain import segment_names

SEGMENTS = [name for view in VIEWS for name in segment_names(view)]
OF_SEGMENTS = "segments", "segments_true", "errors", "visibility", "correlation"
KEPT = "file", "patient", "view", "pathology", "tracker"


def by_segment(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `comparison.compare` with a row for each segment: KEPT and segment, its name; strain
    and strain_true (end-systolic, %), error (mte, mm), visibility and correlation (NaN if unknown).
    """
    table = rows[[*KEPT, *OF_SEGMENTS]].assign(segment=rows.view.map(segment_names))
    table = table.explode([*OF_SEGMENTS, "segment"], ignore_index=True)
    numbers = table[[*OF_SEGMENTS]].astype(float) * [100, 100, 1e3, 1, 1]
    numbers.columns = "strain", "strain_true", "error", "visibility", "correlation"
    return pd.concat([table[[*KEPT, "segment"]], numbers], axis=1)


def levels(segment: pd.Series) -> pd.Series:
    """Basal, mid or apical, of segments' names."""
    return segment.str.split().str[0]
