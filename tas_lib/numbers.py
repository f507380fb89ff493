"""Our value for every number of the paper's tables and Figure 4, from archived runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tas_lib import paper
from tas_lib.bland_altman import of_patients
from tas_lib.claims import REFERENCE, STEPS, TASNET, best_s1
from tas_lib.comparison import people
from tas_lib.evidence import DESIGNS, Evidence, estimate, exact
from tas_lib.intervals import Estimate
from tas_lib.trackers.registry import LEARNT

COLUMNS = {"MTE": "mte", "GLS MAE": "gls_error", "folds": "folded"}
SPREADS = {"GLS MAE": "absolute", "bias": "bias", "SD": "sd"}
SEGMENTS = {  # of Figure 4 -> ours
    "GLS": None,
    "Mid inferoseptal": "mid inferoseptal",
    "Apical lateral": "apical anterolateral",
}
BASELINES = {  # table -> row beside which others are seen, of the same cohort or design
    "V-A": "S1",
    "Table I": "D0 S1",
    "Table II": "CoTracker",
    "Table III": "TAS-Net | TAS-1K",
    "Table IV": "TAS-Net | TAS-1K",
    "Figure 4": "R vs R",  # no row but a comparison, beside which others of its row are seen
    "IV-C": "TAS-Net",
}
EXCHANGEABLE = {  # differences whose sign says which of two was named first
    "SSHF+HUNT test-retest",
    "HUNT-A agreement",
    "T vs T",
    "R vs R",
}
NO_REAL_DATA = "real data with EchoPac's labels are not public"


def ours(e: Evidence, number: pd.Series) -> Estimate | str:
    """Our value of a row of `paper.numbers`, in its unit, or why there is none."""
    if number.row == "EchoTracker | Real":
        return NO_REAL_DATA
    return _OF[number.table](e, number)


def baseline(number: pd.Series) -> tuple[str, str, str, str]:
    """table, row, where and metric of the number beside which this one is seen."""
    row, where = BASELINES[number.table], number["where"]
    if number.table == "Figure 4":
        row, where = number.row, row
    return number.table, row, where, number.metric


def beside(e: Evidence, table: str) -> pd.DataFrame:
    """A table of ours and the paper's: rows (`called`, whose), columns (where, metric), NaN for
    none.
    """
    cells: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for _, number in paper.numbers().query("table == @table").iterrows():
        found, place = ours(e, number), (number["where"], number.metric)
        value = np.nan if isinstance(found, str) else found.value
        cells.setdefault((called(number.row), "ours"), {})[place] = value
        cells.setdefault((called(number.row), "paper"), {})[place] = number.value
    return pd.DataFrame(cells).T


def called(row: str) -> str:
    """A row of the paper's tables: "TAS-Net | Burman" -> "TAS-Net (Burman-like data)"."""
    network, _, data = row.partition(" | ")
    return network + (LEARNT.get(data.lower(), " (own data)") if data else "")


def title(row: str) -> str:
    """A row of Tables III and IV -> the tracker's title."""
    if row == "Reference":
        return REFERENCE
    network, data = row.split(" | ")
    return f"{data.replace('TAS-1K', 'tas').lower()}/{_name(network)}"


def _name(network: str) -> str:
    return network.replace("-", "").lower()


def _mean(frame: pd.DataFrame, column: str) -> Estimate | str:
    if column not in frame:
        return "no such network was trained here"
    return estimate(frame[column].dropna().to_numpy())


def _strategies(e: Evidence, number: pd.Series) -> Estimate | str:
    rows = e.rows("strategies")
    return _mean(
        people(rows, "mae", "strategy"), best_s1(rows) if number.row == "S1" else number.row
    )


def _table1(e: Evidence, number: pd.Series) -> Estimate | str:
    return _mean(e.table1(number["where"].lower()), number.row)


def _table2(e: Evidence, number: pd.Series) -> Estimate | str:
    network = STEPS.get(number.row, _name(number.row))
    return _mean(people(e.ablation(), COLUMNS[number.metric]), network)


def _table3(e: Evidence, number: pd.Series) -> Estimate | str:
    cohort, view = number["where"].split()
    rows = e.learners(cohort.lower())
    return _mean(people(rows[rows["view"] == view], "mte"), title(number.row))


def _table4(e: Evidence, number: pd.Series) -> Estimate:
    paired = e.pairs(DESIGNS[number["where"]], title(number.row))
    return of_patients(paired["first"], paired["second"], paired.patient)[SPREADS[number.metric]]


def _figure4(e: Evidence, number: pd.Series) -> Estimate:
    one, _, two = number["where"].split()
    design = DESIGNS["HUNT-A reference" if one != two else "HUNT-A agreement"]
    segment = SEGMENTS[number.row]
    paired = e.pairs(design, TASNET if one == "T" else REFERENCE, regional=segment is not None)
    paired = paired[paired["view"] == "A4C"]
    if segment:
        paired = paired[paired.segment == segment]
    return of_patients(paired["first"], paired["second"], paired.patient)[SPREADS[number.metric]]


def _speed(e: Evidence, number: pd.Series) -> Estimate | str:
    speeds = e.speeds()
    return speeds if isinstance(speeds, str) else exact(speeds[_name(number.row)])


_OF = {
    "V-A": _strategies,
    "Table I": _table1,
    "Table II": _table2,
    "Table III": _table3,
    "Table IV": _table4,
    "Figure 4": _figure4,
    "IV-C": _speed,
}
