"""Each claim as quantities below limits, from archived runs: the rules behind the scorecard.

A rule returns its quantities, or why it cannot be tested. Differences are in mm (trajectories) or
points of strain; "at its best": the p of S1 that suits the templates best. Limits other than 0 are
our reading of the claim's words: PAR, SAME_ORDER, and those beside them. All 24 in one file, so
that they are read side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from tas_lib.anatomy import VIEWS
from tas_lib.bland_altman import Estimate
from tas_lib.evidence import (
    COHORTS,
    DESIGNS,
    Evidence,
    absolute,
    apart,
    errors,
    estimate,
    less,
    people,
    ratio,
)
from tas_lib.fidelity import TEMPLATE
from tas_lib.regional import SEGMENTS, levels
from tas_lib.significance import HIGH as PAR  # a ratio of errors that is "on a par", at most
from tas_lib.verdicts import Quantity

SAME_ORDER = 2.0  # ratio of differences that is "of the same order", at most
GROWTH = 1.1  # ratio of motion errors, later networks to the first, of a stable refinement
FAR_MORE = 2.0  # times as many folded films
SECONDS = 5.0  # "a few", for a film of 64 frames
DISEASES = 0.6  # points of GLS error between diseases
LEAST = 3  # patients of a disease, to count
TASNET, REFERENCE = "tas/tasnet", "speckle"
NETWORKS = {"tasnet": "TAS-Net", "echotracker": "EchoTracker", "myotracker": "MyoTracker"}
NO_OTHER_DATA = "no network here has learnt, with an equal budget, data like those of Burman et al."
STEPS = {  # rows of Table II -> networks of the ablation
    "CoTracker": "cotracker",
    "+ windows both ways": "cotracker+bidirectional",
    "+ continuous visibility": "cotracker+bidirectional+continuous_visibility",
    "+ mesh embedding: TAS-Net": "tasnet",
}
Findings = Sequence[Quantity] | str  # or why there are none
RULES: dict[str, Callable[[Evidence], Findings]] = {}


def _rule(of: Callable) -> Callable:
    RULES[of.__name__.upper()] = of
    return of


def below(frame: pd.DataFrame, first: str, second: str, what: str = "") -> Quantity:
    return Quantity(f"{what}{first} less {second}", less(frame, first, second))


def best_s1(rows: pd.DataFrame) -> str:
    """The S1 of `fidelity` with the least error."""
    mae = people(rows, "mae", "strategy").mean()
    return mae[mae.index.str.startswith("S1")].idxmin()


def _by_strategy(e: Evidence, column: str) -> pd.DataFrame:
    rows = e.rows("strategies")
    return people(rows, column, "strategy").rename(columns={best_s1(rows): "S1 at its best"})


@_rule
def c01(e: Evidence) -> Findings:
    mae = _by_strategy(e, "mae")
    return [below(mae, strategy, "S1 at its best", "MAE: ") for strategy in ("S2", "S3")]


@_rule
def c02(e: Evidence) -> Findings:
    mae = _by_strategy(e, "mae")
    return [below(mae, "S3", other, "MAE: ") for other in ("S1 at its best", "S2")]


@_rule
def c03(e: Evidence) -> Findings:
    spread = _by_strategy(e, "spread")
    return [below(spread, "S1 at its best", other, "spread: ") for other in ("S2", "S3")]


@_rule
def c04(e: Evidence) -> Findings:
    stages = {
        cohort: e.table1(cohort).T.groupby(lambda title: title[:2]).mean().T
        for cohort in ("sshf", "hunt")
    }
    told = ("hunt", "D1", "D0"), ("hunt", "D2", "D1"), ("sshf", "D2", "D0")
    return [below(stages[c], late, early, f"{c.upper()}: ") for c, late, early in told]


@_rule
def c05(e: Evidence) -> Findings:
    return [below(e.table1("hunt"), "D0 S1", "D0 S2", "HUNT: ")]


@_rule
def c06(e: Evidence) -> Findings:
    table, error = e.table1("hunt"), _motion(e)
    return [
        below(table, "D1 S1>S1", "D1 S2>S2", "HUNT: "),
        below(table, "D1 S1>S2", "D1 S2>S2", "HUNT: "),
        below(error, "s1", "s2", "error of the motion, tracked by: "),
    ]


@_rule
def c07(e: Evidence) -> Findings:
    table, best = e.table1("sshf", "hunt"), "D2 S1>S2>S3"
    return [below(table, best, other) for other in table if other != best]


@_rule
def c08(e: Evidence) -> Findings:
    error = _motion(e)
    found = []
    for later in (chain for chain in error if "-" in chain):
        first = later.split("-")[0]
        grown = ratio(error[later], error[first])
        what = f"error of the motion: tracked by {later} over {first}"
        found.append(Quantity(what, grown, GROWTH))
    return found


def _motion(e: Evidence) -> pd.DataFrame:
    """Mean error [mm] of what was tracked of each patient's films, by the chain that tracked."""
    rows = e.rows("refine")
    error = [1e3 * motions["tracked"]["error"] for motions in rows.motions]
    return people(rows.assign(error=error), "error", "chain")


@_rule
def c09(e: Evidence) -> Findings:
    return _steps(e, "mte", list(STEPS))


@_rule
def c10(e: Evidence) -> Findings:
    return _steps(e, "gls_error", list(STEPS)[1:])


def _steps(e: Evidence, column: str, names: list[str]) -> list[Quantity]:
    frame = people(e.ablation(), column).rename(columns={v: k for k, v in STEPS.items()})
    return [below(frame, b, a) for a, b in zip(names, names[1:], strict=False)]


@_rule
def c11(e: Evidence) -> Findings:
    base, windows, visible, mesh = people(e.ablation(), "folded")[list(STEPS.values())].to_numpy().T
    gain = mesh - visible
    return [
        Quantity("folded films, %: with the mesh embedding less without", estimate(gain)),
        Quantity("that, less what the windows change", estimate(gain - (windows - base))),
        Quantity("that, less what visibility changes", estimate(gain - (visible - windows))),
    ]


@_rule
def c12(e: Evidence) -> Findings:
    folded = people(e.comparison(*COHORTS), "folded")
    fewer = estimate(FAR_MORE * folded[TASNET] - folded["tas/myotracker"])
    return [Quantity(f"folded films, %: {FAR_MORE:g} x TAS-Net's less MyoTracker's", fewer)]


@_rule
def c13(e: Evidence) -> Findings:
    rows, found = e.comparison(*COHORTS), []
    if "burman/tasnet" not in set(rows.tracker):
        return NO_OTHER_DATA
    for view, some in rows.groupby("view"):
        mte = people(some, "mte")
        found += [below(mte, f"tas/{name}", f"burman/{name}", f"{view}: ") for name in NETWORKS]
    return found


@_rule
def c14(e: Evidence) -> Findings:
    mte = people(e.comparison(*COHORTS), "mte")
    if "burman/tasnet" not in mte:
        return NO_OTHER_DATA
    return [
        below(mte, f"{data}/tasnet", f"{data}/{other}")
        for data in ("tas", "burman")
        for other in ("echotracker", "myotracker")
    ]


@_rule
def c15(e: Evidence) -> Findings:
    rows, labelled = e.comparison(*COHORTS), "labels/echotracker"
    if labelled not in set(rows.tracker):
        return "no network here has learnt labels of speckle tracking"
    found = {name: people(rows, name) for name in ("mte", "gls_error")}
    return [
        Quantity(f"{name}: TAS-Net over EchoTracker", ratio(f[TASNET], f[labelled]), PAR)
        for name, f in found.items()
    ]


@_rule
def c16(e: Evidence) -> Findings:
    found = []
    for reference, between in (
        ("HUNT-A reference", "HUNT-A agreement"),
        ("SSHF+HUNT reference", "SSHF+HUNT test-retest"),
    ):
        error = absolute(e.pairs(DESIGNS[reference], TASNET))
        spread = absolute(e.pairs(DESIGNS[between], REFERENCE))
        what = f"GLS error of TAS-Net over the reference's in {between}"
        found.append(Quantity(what, ratio(error, spread), PAR))
    return found


@_rule
def c17(e: Evidence) -> Findings:
    ours, theirs = (absolute(e.pairs(DESIGNS["HUNT-A agreement"], t)) for t in (TASNET, REFERENCE))
    return [Quantity("between observers, |GLS|: TAS-Net over speckle", ratio(ours, theirs), 1.0)]


@_rule
def c18(e: Evidence) -> Findings:
    found = []
    for tracker in (REFERENCE, TASNET):
        one, two = (
            absolute(e.pairs(DESIGNS[name], tracker))
            for name in ("HUNT-A agreement", "SSHF+HUNT test-retest")
        )
        found.append(Quantity(f"{tracker}: |GLS| between observers less visits", apart(one, two)))
    return found


@_rule
def c19(e: Evidence) -> Findings:
    ours, theirs = (
        e.pairs(DESIGNS["HUNT-A agreement"], tracker, regional=True)
        for tracker in (TASNET, REFERENCE)
    )
    found = []
    for segment in SEGMENTS:
        both = (absolute(p[p.segment == segment]) for p in (ours, theirs))
        what = f"{segment}: between observers, TAS-Net over the reference"
        found.append(Quantity(what, ratio(*both), SAME_ORDER))
    apical = levels(theirs.segment) == "apical"
    beside, apex = absolute(theirs[~apical]), absolute(theirs[apical])
    what = "between observers, by the reference: basal and mid less apical segments"
    return [*found, Quantity(what, estimate((beside - apex).dropna()))]


@_rule
def c20(e: Evidence) -> Findings:
    rows = e.comparison(*COHORTS)
    views = people(rows[rows.tracker == TASNET], "mte", "view")
    others = views[[view for view in VIEWS if view != "A3C"]].mean(axis=1)
    return [Quantity("MTE in A3C over that in A2C and A4C", ratio(views["A3C"], others), PAR)]


@_rule
def c21(e: Evidence) -> Findings:
    paired = pd.concat(
        [e.pairs(DESIGNS[f"{which} reference"], TASNET) for which in ("SSHF+HUNT", "HUNT-A")]
    )
    disease = paired.groupby("patient").pathology.first()
    many = disease.map(disease.value_counts()) >= LEAST
    code = disease[many].astype("category").cat.codes
    if code.nunique() < 2:
        return f"there are no two diseases of {LEAST} patients each"
    both = pd.concat([absolute(paired), code], axis=1, join="inner").to_numpy()

    def widest(v: np.ndarray) -> float:
        means = [v[v[:, 1] == k, 0].mean() for k in np.unique(v[:, 1])]
        return max(means) - min(means)

    what = f"GLS error: largest difference between {code.nunique()} diseases"
    return [Quantity(what, estimate(both, widest), DISEASES)]


@_rule
def c22(e: Evidence) -> Findings:
    bench = e.rows("bench_trackers")
    bench = bench[bench.frames == bench.frames.max()].set_index(["preset", "tracker"]).ms_per_frame
    speeds = bench["small"]
    found = [
        Quantity(
            f"ms a frame, small, on a CPU: {NETWORKS[other]} less TAS-Net",
            _exact(speeds[other] - speeds["tasnet"]),
        )
        for other in ("echotracker", "myotracker")
    ]
    seconds = _exact(64e-3 * bench["small", "tasnet"])
    return [*found, Quantity("seconds for 64 frames by the small TAS-Net", seconds, SECONDS)]


def _exact(value: float) -> Estimate:
    return Estimate(value, value, value)


@_rule
def c23(e: Evidence) -> Findings:
    mte = people(errors(e.rows("starts")), "mte")
    return [
        below(mte, "echotracker", "echotracker@es"),
        below(mte, "myotracker", "myotracker@first"),
    ]


@_rule
def c24(e: Evidence) -> Findings:
    mean = people(e.rows("strategies"), "mean", "strategy")
    return [below(mean, TEMPLATE, "S1 p=0.5", "mean correlation: ")]
