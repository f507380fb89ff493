"""Our side of the scorecard: archived runs, and numbers of them with intervals by patient.

Networks are titled by data set and name ("tas/tasnet"), those of several seeds with /seed0, /seed1
... behind it. Errors are averaged over seeds; of agreement, which is of readings by one network,
its first seed counts. Intervals are of other patients, not of other trainings.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tas_lib import archive
from tas_lib.agreement import GLOBAL, pairs, strains
from tas_lib.comparison import people
from tas_lib.errors import InputError
from tas_lib.intervals import Estimate, Statistic, interval, interval_apart, means
from tas_lib.refinement import CHAINS

COHORTS = "sshf", "hunt", "hunt-a"
PAPERS_DEVICE = "NVIDIA A40"  # whose milliseconds the paper gives
MADE_BY = {  # archive -> what writes it
    "strategies": "tas strategies TEMPLATES",
    "strategies_truth": "tas strategies TEMPLATES --truth",
    "table1_sshf": "make table1",
    "table1_hunt": "make table1",
    "refine": "make table1",
    "ablation": "tas evaluate SSHF --runs ABLATION",
    "starts": "tas evaluate HUNT-A --tracker echotracker --tracker echotracker@es"
    " --tracker myotracker --tracker myotracker@first",
    "bench_trackers": "tas bench trackers --json",
    "comparison_infarcts": "tas evaluate INFARCTS --tracker tas/tasnet=tasnet ...",
}
for _name in COHORTS:
    MADE_BY |= {
        f"learners_{_name}": f"tas evaluate {_name.upper()} --tracker speckle --runs LEARNERS",
        f"comparison_{_name}": f"tas evaluate {_name.upper()} --tracker tas/tasnet=tasnet ...",
        f"agreement_{_name}": f"tas agreement {_name.upper()} --tracker tas/tasnet=tasnet ...",
    }


class NotRun(InputError):
    """A long run whose archive is not there."""


class Design(NamedTuple):
    """What is compared with what, in Table IV."""

    cohorts: tuple[str, ...]
    apart: str  # of `agreement.APART`
    both: tuple[object, object] = (None, None)  # the two; trackers are named when they are paired


DESIGNS = {  # as the paper calls them
    "SSHF+HUNT reference": Design(("sshf", "hunt"), "tracker"),
    "SSHF+HUNT test-retest": Design(("sshf", "hunt"), "visit", ("test", "retest")),
    "HUNT-A reference": Design(("hunt-a",), "tracker"),
    "HUNT-A agreement": Design(("hunt-a",), "observer", (1, 2)),
}


class Evidence:
    """The archive in a folder; `made`: what is known of the runs that were read.

    Its methods raise NotRun where a file is missing.
    """

    def __init__(self, folder: str | Path):
        self.folder, self.made = Path(folder), dict[str, Any]()
        self.rows, self.strains = cache(self._rows), cache(self._strains)  # by name, by cohort

    def _rows(self, name: str) -> pd.DataFrame:
        """An archive's table; trackers' titles without their seed, which is a column."""
        path = self.folder / f"{name}.json"
        if not path.is_file():
            raise NotRun(path, "archive", "is missing", f"make it: {MADE_BY[name]}")
        key = "trackers" if name.startswith("bench") else "rows"
        rows, self.made[name] = archive.read(path, key)
        if "tracker" in rows:
            rows["seed"] = rows.tracker.str.extract(r"/seed(\d+)$", expand=False)
            rows["tracker"] = rows.tracker.str.replace(r"/seed\d+$", "", regex=True)
        return rows

    def _strains(self, cohort: str, peak: str = "gls") -> pd.DataFrame:
        """`agreement.strains`, peak GLS of the column `peak`, by networks' first seed."""
        rows = self.rows(f"agreement_{cohort}")
        first = rows.groupby("tracker").seed.transform("min")
        return strains(rows[rows.seed.isna() | (rows.seed == first)].assign(gls=rows[peak]))

    def comparison(self, *cohorts: str) -> pd.DataFrame:
        """`errors` of trackers on the patients of cohorts, from the true walls."""
        return errors(pd.concat([self.rows(f"comparison_{cohort}") for cohort in cohorts]))

    def learners(self, *cohorts: str) -> pd.DataFrame:
        """`errors` of networks that learnt our data, Burman-like ones or labels, by one budget."""
        return errors(pd.concat([self.rows(f"learners_{cohort}") for cohort in cohorts]))

    def ablation(self) -> pd.DataFrame:
        return errors(self.rows("ablation"))

    def table1(self, *cohorts: str) -> pd.DataFrame:
        """Mean MTE [mm] of each patient (rows) by the chains of Table I (columns)."""
        rows = errors(pd.concat([self.rows(f"table1_{cohort}") for cohort in cohorts]))
        titles = {"-".join(chain): title for title, chain in CHAINS.items()}
        rows = rows.assign(tracker=rows.tracker.map(titles)).dropna(subset="tracker")
        return people(rows, "mte")[list(CHAINS)]

    def starts(self) -> pd.DataFrame:
        """Mean MTE [mm] of each patient (rows) by trackers with their starts (columns)."""
        usual = {"echotracker": "echotracker@first", "myotracker": "myotracker@es"}
        return people(errors(self.rows("starts")), "mte").rename(columns=usual)

    def speeds(self) -> pd.Series | str:
        """Milliseconds a frame of networks as published, by name; or why they do not compare with
        the paper's.
        """
        bench, device = self.rows("bench_trackers"), self.made["bench_trackers"]["device"]
        if PAPERS_DEVICE not in device:
            return f"another device: the paper timed an {PAPERS_DEVICE}, the archived run {device}"
        bench = bench[(bench.preset == "paper") & (bench.frames == bench.frames.max())]
        return bench.set_index("tracker").ms_per_frame

    def pairs(
        self,
        design: Design,
        tracker: str,
        reference: str = "speckle",
        regional: bool = False,
        peak: str = "gls",
    ) -> pd.DataFrame:
        """`agreement.pairs` of a tracker's peak GLS (gls, or gls_smoothed), or of its segments, in
        a design.
        """
        table = pd.concat([self.strains(cohort, peak) for cohort in design.cohorts])
        table = table[(table.segment != GLOBAL) == regional]
        if design.apart == "tracker":
            return pairs(table, "tracker", tracker, reference)
        return pairs(table[table.tracker == tracker], design.apart, *design.both)


def errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `comparison.compare` with mte [mm], gls_error [% strain] and folded, 0 or 100 [%]."""
    return rows.assign(
        mte=1e3 * rows.mte,
        gls_error=100 * (rows.gls - rows.gls_true).abs(),
        folded=100.0 * (rows.folds > 0),
    )


def absolute(paired: pd.DataFrame) -> pd.Series:
    """Mean |first - second| of each patient's pairs."""
    return (paired["first"] - paired["second"]).abs().groupby(paired.patient).mean()


def estimate(values: np.ndarray, statistic: Statistic = means) -> Estimate:
    """A statistic of patients' values (P, ...) with its 95 % interval: see `interval`.

    It has none where all patients are alike: drawing them again cannot show how others vary. Raises
    InputError where there is no value, or one is not known.
    """
    values = np.asarray(values, float)
    if not (len(values) and np.isfinite(values).all()):
        problem = "is not known of all patients" if len(values) else "is of no patient"
        raise InputError("evidence", "a value", problem, "judge all trackers on all of them")
    low, high = interval(values, statistic)
    if low == high:
        low = high = np.nan
    return Estimate(*map(float, (*statistic(values[None]), low, high)))


def exact(value: float) -> Estimate:
    """Measured once, so that there is no interval."""
    return Estimate(value, value, value)


def less(frame: pd.DataFrame, first: str, second: str) -> Estimate:
    """Mean over patients (rows) of first less second, two columns."""
    return estimate(frame[first] - frame[second])


def ratio(first: pd.Series, second: pd.Series) -> Estimate:
    """Of means over patients, those of both."""
    both = pd.concat([first, second], axis=1, join="inner").to_numpy()
    return estimate(both, lambda draws: np.divide(*draws.mean(1).T))


def apart(first: pd.Series, second: pd.Series) -> Estimate:
    """Mean of first less mean of second, of other patients: drawn anew by themselves."""
    return Estimate(float(first.mean() - second.mean()), *interval_apart(first, second))
