"""Claim by claim and number by number: what reproduces on virtual patients, by stated rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tas_lib import paper, verdicts
from tas_lib.claims import RULES
from tas_lib.errors import InputError
from tas_lib.evidence import MADE_BY, Evidence, NotRun
from tas_lib.intervals import Estimate
from tas_lib.numbers import EXCHANGEABLE, baseline, ours

NOT_RUN = "not run yet"


def scorecard(folder: str | Path) -> dict[str, Any]:
    """Verdicts on all claims and numbers of the paper from the archive in a folder.

    claims: by id, section, claim, evidence, verdict, why (where not testable) and quantities (what,
    value, low, high, limit, unit). numbers: `paper.numbers` with verdict, why, and ours (value,
    low, high). counts: of either, how often each verdict was given. archives: commands, commits,
    dates and seeds of the runs. None stands for what is not known. What needs a run that the
    archive lacks is not testable here, and names its command. Raises InputError where the folder
    holds no archived run, or a claim or a number has no verdict.
    """
    if not any((Path(folder) / f"{name}.json").is_file() for name in MADE_BY):
        remedy = "give notebooks/archive, or a folder with runs named as there"
        raise InputError(folder, "folder", "holds no archived run", remedy)
    evidence, missing = Evidence(folder), {}

    def judged(name: str, judge: Callable, one: pd.Series) -> dict[str, Any]:
        try:
            return one.to_dict() | judge(evidence, one)
        except InputError as error:
            missing[name] = str(error)
        except KeyError as error:
            missing[name] = f"{error} is not in the archive"
        return {}

    claims = {name: judged(name, _claim, claim) for name, claim in paper.claims().iterrows()}
    known = paper.numbers().astype(object)
    numbers = [
        judged(f"{number.table}, {number.row}", _number, number)
        for _, number in known.where(known.notna(), None).iterrows()
    ]
    if missing:
        problem = f"{', '.join(missing)} have none ({'; '.join(sorted({*missing.values()}))})"
        raise InputError("scorecard", "verdicts", problem, "complete the archive")
    counts = {
        what: {v: sum(one["verdict"] == v for one in all_) for v in verdicts.VERDICTS}
        for what, all_ in (("claims", claims.values()), ("numbers", numbers))
    }
    return {"counts": counts, "claims": claims, "numbers": numbers, "archives": evidence.made}


def beside_claims(e: Evidence, *names: str) -> dict[str, dict[str, str]]:
    """Claims by their ids, each with its verdict: rows of a page's table."""
    known = paper.claims()
    return {
        name: {"claim": known.claim[name], "verdict": _claim(e, known.loc[name])["verdict"]}
        for name in names
    }


def _claim(e: Evidence, claim: pd.Series) -> dict[str, Any]:
    found = _found(RULES[claim.name], e)
    if isinstance(found, str):
        return {"verdict": verdicts.NOT_TESTABLE, "why": found, "quantities": []}
    told = [{"what": q.what, **_told(q.ours), "limit": q.limit, "unit": q.unit} for q in found]
    return {"verdict": verdicts.of_claim(found), "why": None, "quantities": told}


def _number(e: Evidence, number: pd.Series) -> dict[str, Any]:
    found = _found(ours, e, number)
    if isinstance(found, str):
        return {"verdict": verdicts.NOT_TESTABLE, "why": found, "ours": None}
    value, sides = number.value, (0.0, 0.0)
    if number.metric == "bias" and number["where"] in EXCHANGEABLE:
        value = float(np.copysign(value, found.value))
        sides = value, 0.0
    elif number.metric != "bias":
        known = paper.numbers().set_index(["table", "row", "where", "metric"], drop=False)
        beside = known.loc[baseline(number)]
        base = _found(ours, e, beside)
        sides = (value, 0.0) if isinstance(base, str) else (beside.value, base.value)
    verdict = verdicts.of_number(value, found, *sides)
    return {"verdict": verdict, "why": None, "ours": _told(found)}


def _found(measure: Callable, *of: Any) -> Any:
    """What is measured, or why there is nothing to measure."""
    try:
        return measure(*of)
    except NotRun as error:
        return f"{NOT_RUN}; {error.remedy}"


def _told(found: Estimate) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in found._asdict().items()}
