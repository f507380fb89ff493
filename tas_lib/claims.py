"""Each claim as quantities below limits, from archived runs: the rules behind the scorecard.

A rule returns its quantities, or why it cannot be tested. "At its best": the p of S1 that suits the
templates best. Limits other than 0 are our reading of the claim's words: PAR, SAME_ORDER, and those
beside them. All 24 in one file, so that they are read side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations, product

import pandas as pd

from tas_lib.anatomy import VIEWS
from tas_lib.comparison import people
from tas_lib.evidence import (
    COHORTS,
    DESIGNS,
    Evidence,
    absolute,
    apart,
    estimate,
    exact,
    less,
    ratio,
)
from tas_lib.fidelity import TEMPLATE
from tas_lib.intervals import FEWEST
from tas_lib.regional import SEGMENTS, levels
from tas_lib.significance import HIGH, LOW
from tas_lib.trackers.registry import label
from tas_lib.verdicts import Quantity

PAR = HIGH  # ratio of errors that is "on a par", at most
REDUCED = LOW  # what is left where there are "substantially" fewer
SAME_ORDER = 2.0  # ratio of differences that is "of the same order", at most
GROWTH = 1.1  # ratio of motion errors, later networks to the first, of a stable refinement
FAR_MORE = 2.0  # times as many folded films
SECONDS = 5.0  # "a few", for a film of 64 frames
DISEASES = 0.6  # of GLS error between diseases [% strain]
NAMED = "SSHF, HUNT and HUNT-A"  # COHORTS, in words
MAE = "error of correlation (MAE), virtual templates"
STRAIN, FOLDED = "% strain", "% of films"  # units
TASNET, REFERENCE = "tas/tasnet", "speckle"
NETWORKS = {name: label(name) for name in ("tasnet", "echotracker", "myotracker")}
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


def below(frame: pd.DataFrame, first: str, second: str, what: str, unit: str = "mm") -> Quantity:
    title = f"{what}: {label(first)} less {label(second)}"
    return Quantity(title, less(frame, first, second), unit=unit)


def best_s1(rows: pd.DataFrame) -> str:
    """The S1 of `fidelity` with the least error; not p = 0, where nothing moves with the mesh."""
    mae = people(rows, "mae", "strategy").mean().drop("S1 p=0.0", errors="ignore")
    return mae[mae.index.str.startswith("S1")].idxmin()


def _by_strategy(e: Evidence, column: str) -> pd.DataFrame:
    rows = e.rows("strategies")
    return people(rows, column, "strategy").rename(columns={best_s1(rows): "S1 at its best"})


@_rule
def c01(e: Evidence) -> Findings:
    mae = _by_strategy(e, "mae")
    return [below(mae, strategy, "S1 at its best", MAE, "") for strategy in ("S2", "S3")]


@_rule
def c02(e: Evidence) -> Findings:
    mae = _by_strategy(e, "mae")
    return [below(mae, "S3", other, MAE, "") for other in ("S1 at its best", "S2")]


@_rule
def c03(e: Evidence) -> Findings:
    spread = _by_strategy(e, "spread")
    what = "spread of correlation over the wall, virtual templates"
    return [below(spread, "S1 at its best", other, what, "") for other in ("S2", "S3")]


@_rule
def c04(e: Evidence) -> Findings:
    stages = {
        cohort: e.table1(cohort).T.groupby(lambda title: title[:2]).mean().T
        for cohort in ("sshf", "hunt")
    }
    told = ("hunt", "D1", "D0"), ("hunt", "D2", "D1"), ("sshf", "D2", "D0")
    found = [below(stages[c], late, early, f"MTE in {c.upper()}") for c, late, early in told]
    hunt, sshf = (stages[cohort]["D2"] - stages[cohort]["D0"] for cohort in ("hunt", "sshf"))
    what = "MTE, D2 less D0: in HUNT less in SSHF"
    return [*found, Quantity(what, apart(hunt, sshf), unit="mm")]


@_rule
def c05(e: Evidence) -> Findings:
    return [below(e.table1("hunt"), "D0 S1", "D0 S2", "MTE in HUNT")]


@_rule
def c06(e: Evidence) -> Findings:
    table, error = e.table1("hunt"), _motion(e)
    return [
        below(table, "D1 S1>S1", "D1 S2>S2", "MTE in HUNT"),
        below(table, "D1 S1>S2", "D1 S2>S2", "MTE in HUNT"),
        below(error, "s1", "s2", "error of the motion, by what tracked it"),
    ]


@_rule
def c07(e: Evidence) -> Findings:
    table, best = e.table1("sshf", "hunt"), "D2 S1>S2>S3"
    return [below(table, best, other, "MTE in SSHF and HUNT") for other in table if other != best]


@_rule
def c08(e: Evidence) -> Findings:
    error = _motion(e)
    found = []
    for later in (chain for chain in error if "-" in chain):
        first = later.split("-")[0]
        grown = ratio(error[later], error[first])
        what = f"error of the motion, one stage on: tracked by {later} over {first}"
        found.append(Quantity(what, grown, GROWTH, "ratio"))
    return found


def _motion(e: Evidence) -> pd.DataFrame:
    """Mean error [mm] of what was tracked of each patient's films, by the chain that tracked."""
    rows = e.rows("refine")
    error = [1e3 * motions["tracked"]["error"] for motions in rows.motions]
    return people(rows.assign(error=error), "error", "chain")


@_rule
def c09(e: Evidence) -> Findings:
    return _steps(e, "mte", "MTE", "mm", list(STEPS))


@_rule
def c10(e: Evidence) -> Findings:
    return _steps(e, "gls_error", "GLS error", STRAIN, list(STEPS)[1:])


def _steps(e: Evidence, column: str, what: str, unit: str, names: list[str]) -> list[Quantity]:
    frame = people(e.ablation(), column).rename(columns={v: k for k, v in STEPS.items()})
    return [below(frame, b, a, what, unit) for a, b in zip(names, names[1:], strict=False)]


@_rule
def c11(e: Evidence) -> Findings:
    base, windows, visible, mesh = people(e.ablation(), "folded")[list(STEPS.values())].to_numpy().T
    gain = mesh - visible
    changes = {
        f"folded films: with the mesh embedding less {REDUCED:g} times without": mesh
        - REDUCED * visible,
        "that change, less the one by windows both ways": gain - (windows - base),
        "that change, less the one by continuous visibility": gain - (visible - windows),
        f"folded films: {REDUCED:g} times before windows both ways, less after": REDUCED * base
        - windows,
        f"{REDUCED:g} times before continuous visibility, less after": REDUCED * windows - visible,
    }
    return [Quantity(what, estimate(of), unit=FOLDED) for what, of in changes.items()]


@_rule
def c12(e: Evidence) -> Findings:
    folded = people(e.comparison(*COHORTS), "folded")
    fewer = estimate(FAR_MORE * folded[TASNET] - folded["tas/myotracker"])
    what = f"folded films of {NAMED}: {FAR_MORE:g} times TAS-Net's share less MyoTracker's"
    return [Quantity(what, fewer, unit=FOLDED)]


@_rule
def c13(e: Evidence) -> Findings:
    found = []
    for view, some in e.learners(*COHORTS).groupby("view"):
        mte = people(some, "mte")
        found += [below(mte, f"tas/{n}", f"burman/{n}", f"MTE in {view}") for n in NETWORKS]
    return found


@_rule
def c14(e: Evidence) -> Findings:
    mte = people(e.learners(*COHORTS), "mte")
    return [
        below(mte, f"{data}/tasnet", f"{data}/{other}", "MTE")
        for data in ("tas", "burman")
        for other in ("echotracker", "myotracker")
    ]


@_rule
def c15(e: Evidence) -> Findings:
    rows, labelled = e.learners(*COHORTS), "labels/echotracker"
    if labelled not in set(rows.tracker):
        return "no network here has learnt labels of speckle tracking"
    found = {"MTE": people(rows, "mte"), "GLS error": people(rows, "gls_error")}
    return [
        Quantity(
            f"{what}: TAS-Net over {label(labelled)}", ratio(f[TASNET], f[labelled]), PAR, "ratio"
        )
        for what, f in found.items()
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
        pairs = between.replace("agreement", "observers").replace("test-retest", "visits")
        what = f"|GLS of TAS-Net less reference| over |reference's difference| between {pairs}"
        found.append(Quantity(what, ratio(error, spread), PAR, "ratio"))
    return found


@_rule
def c17(e: Evidence) -> Findings:
    ours, theirs = (absolute(e.pairs(DESIGNS["HUNT-A agreement"], t)) for t in (TASNET, REFERENCE))
    what = "|GLS difference| between observers: by TAS-Net over by speckle tracking"
    return [Quantity(what, ratio(ours, theirs), 1.0, "ratio")]


@_rule
def c18(e: Evidence) -> Findings:
    found = []
    for tracker in (REFERENCE, TASNET):
        one, two = (
            absolute(e.pairs(DESIGNS[name], tracker))
            for name in ("HUNT-A agreement", "SSHF+HUNT test-retest")
        )
        what = f"|GLS difference| by {label(tracker)}: between observers less between visits"
        found.append(Quantity(what, apart(one, two), unit=STRAIN))
    return found


@_rule
def c19(e: Evidence) -> Findings:
    agreement, reference = DESIGNS["HUNT-A agreement"], DESIGNS["HUNT-A reference"]
    theirs = e.pairs(agreement, REFERENCE, regional=True)
    sides = {
        "of TAS-Net from the reference": e.pairs(reference, TASNET, regional=True),
        "between observers by TAS-Net": e.pairs(agreement, TASNET, regional=True),
    }
    found = []
    for (what, ours), segment in product(sides.items(), SEGMENTS):
        both = (absolute(p[p.segment == segment]) for p in (ours, theirs))
        what = f"{segment}: |strain difference| {what}, over that between observers by reference"
        found.append(Quantity(what, ratio(*both), SAME_ORDER, "ratio"))
    apical = levels(theirs.segment) == "apical"
    beside, apex = absolute(theirs[~apical]), absolute(theirs[apical])
    what = "|strain difference| between observers by reference: basal and mid less apical segments"
    return [*found, Quantity(what, estimate((beside - apex).dropna()), unit=STRAIN)]


@_rule
def c20(e: Evidence) -> Findings:
    rows = e.comparison(*COHORTS)
    views = people(rows[rows.tracker == TASNET], "mte", "view")
    others = views[[view for view in VIEWS if view != "A3C"]].mean(axis=1)
    what = "MTE of TAS-Net: in A3C over in A2C and A4C"
    return [Quantity(what, ratio(views["A3C"], others), PAR, "ratio")]


@_rule
def c21(e: Evidence) -> Findings:
    paired = pd.concat(
        [e.pairs(DESIGNS[f"{which} reference"], TASNET) for which in ("SSHF+HUNT", "HUNT-A")]
    )
    disease = paired.groupby("patient").pathology.first()
    errors = {
        name: some
        for name, some in absolute(paired).groupby(disease)
        if name != "healthy" and len(some) >= FEWEST
    }
    if len(errors) < 2:
        return f"there are no two diseases of {FEWEST} patients each in {NAMED}"
    return [
        Quantity(f"GLS error: {one} less {two}", apart(errors[one], errors[two]), DISEASES, STRAIN)
        for one, two in permutations(errors, 2)
    ]


@_rule
def c22(e: Evidence) -> Findings:
    speeds = e.speeds()
    if isinstance(speeds, str):
        return speeds
    found = [
        Quantity(
            f"time a frame: {NETWORKS[other]} less TAS-Net",
            exact(speeds[other] - speeds["tasnet"]),
            unit="ms",
        )
        for other in ("echotracker", "myotracker")
    ]
    seconds = exact(64e-3 * speeds["tasnet"])
    return [*found, Quantity("time of TAS-Net for 64 frames", seconds, SECONDS, "s")]


@_rule
def c23(e: Evidence) -> Findings:
    mte = e.starts()
    return [
        below(mte, "echotracker@first", "echotracker@es", "MTE"),
        below(mte, "myotracker@es", "myotracker@first", "MTE"),
    ]


@_rule
def c24(e: Evidence) -> Findings:
    mean = _by_strategy(e, "mean")
    return [below(mean, TEMPLATE, "S1 at its best", "mean correlation, virtual templates", "")]
