"""Made-up archives of all that the scorecard reads: a world in which its claims hold, or fail."""

import numpy as np
import pandas as pd

from tas_lib import archive
from tas_lib.agreement import PERFECT, TRUTH
from tas_lib.anatomy import VIEWS
from tas_lib.claims import STEPS
from tas_lib.evidence import MADE_BY
from tas_lib.refinement import CHAINS

PATIENTS = 10
ROWS = {  # of Table I, as its claims have it
    "D0 S1": 1.42,
    "D0 S2": 1.50,
    "D1 S1>S1": 1.33,
    "D1 S2>S2": 1.40,
    "D1 S1>S2": 1.31,
    "D2 S1>S1>S1": 1.29,
    "D2 S2>S2>S2": 1.30,
    "D2 S1>S2>S2": 1.28,
    "D2 S1>S2>S3": 1.20,
}
ABLATION = {  # MTE [mm], GLS error [points], share of folded films
    "CoTracker": (1.18, 1.6, 0.9),
    "+ windows both ways": (1.15, 1.5, 0.9),
    "+ continuous visibility": (1.12, 1.4, 0.9),
    "+ mesh embedding: TAS-Net": (1.09, 1.3, 0.1),
}
BAD_FOLDS = 0.9, 0.5, 0.1, 0.5  # which all but the mesh embedding reduce
MTE = {"tasnet": 1.0, "myotracker": 1.5, "echotracker": 1.4}  # [mm]


class World:
    """Writes archives in which quantities are as claims say, times `way`: 1, or -1 for the reverse.

    noise: SD between patients, beside which differences are sure or not.
    """

    def __init__(self, folder, way=1, noise=0.002):
        self.folder, self.way, self.noise = folder, way, noise
        self.rng = np.random.default_rng(0)
        for name in MADE_BY:
            getattr(self, name.split("_")[0])(name)

    def write(self, name, rows, key="rows"):
        text = archive.text(pd.DataFrame(rows), command="made up", seed=0, device="NVIDIA A40")
        (self.folder / f"{name}.json").write_text(text.replace('"rows"', f'"{key}"'))

    def near(self, value):
        return value + self.noise * self.rng.normal()

    def strategies(self, name):
        mae = {"S1 p=0.5": 0.15, "S1 p=1.0": 0.3, "S2": 0.12, "S3": 0.08, "template": 0.0}
        told = {s: (m, 0.5 - self.way * m, 0.5 + self.way * m) for s, m in mae.items()}
        rows = [
            {"patient": p, "strategy": s, "mae": self.near(0.5 + self.way * (m - 0.5))}
            | {"spread": self.near(spread), "mean": self.near(mean)}
            for p in range(PATIENTS)
            for s, (m, spread, mean) in told.items()
        ]
        self.write(name, rows)

    def tracked(self, name, errors, folds=None, views=VIEWS):
        """Rows of `compare`: errors, title -> MTE [mm], GLS error [points]."""
        cohort = name.split("_")[-1]
        rows = []
        for p in range(PATIENTS):
            for view in views:
                for who, (mte, gls) in errors.items():
                    row = {"patient": f"{cohort} {p}", "view": view, "tracker": f"{who}/seed0"}
                    row |= {"mte": 1e-3 * self.near(mte), "gls_true": -0.2}
                    row |= {"gls": -0.2 + 1e-2 * abs(self.near(gls))}
                    rows.append(row | {"folds": int(p < (folds or {}).get(who, 0) * PATIENTS)})
        self.write(name, rows)

    def table1(self, name):
        way = self.way * (1.0 if name.endswith("hunt") else 0.5)
        mte = {"-".join(CHAINS[row]): 1.3 + way * (v - 1.3) for row, v in ROWS.items()}
        self.tracked(name, {title: (v, 1.0) for title, v in {"start": 2.0, **mte}.items()})

    def refine(self, name):
        error = {"s1": 1.1 - 0.1 * self.way, "s2": 1.1 + 0.1 * self.way}
        error["s1-s2"] = error["s1"] * (1 - 0.3 * self.way)
        rows = [
            {"chain": c, "patient": str(p), "motions": {"tracked": {"error": 1e-3 * self.near(v)}}}
            for c, v in error.items()
            for p in range(PATIENTS)
        ]
        self.write(name, rows)

    def ablation(self, name):
        of = [tuple(1.2 + self.way * (v - 1.2) for v in both[:2]) for both in ABLATION.values()]
        shares = [share for *_, share in ABLATION.values()] if self.way > 0 else BAD_FOLDS
        errors, folds = (dict(zip(STEPS.values(), what, strict=True)) for what in (of, shares))
        errors["myotracker"], folds["myotracker"] = (1.5, 2.0), 1.0 if self.way > 0 else 0.5
        self.tracked(name, errors, folds)

    def learners(self, name):
        errors = {
            f"{data}/{network}": (2 + self.way * (v + more - 2), 1.0)
            for network, v in MTE.items()
            for data, more in (("tas", 0.0), ("burman", 0.4))
        }
        errors["labels/echotracker"] = MTE["tasnet"], 1.0 if self.way > 0 else 0.6
        self.tracked(name, errors)

    def comparison(self, name):
        errors = {f"tas/{network}": (v, 1.0) for network, v in MTE.items()}
        folds = {"tas/tasnet": 0.1, "tas/myotracker": 0.9 if self.way > 0 else 0.1}
        self.tracked(name, errors | {"speckle": (1.0, 1.0)}, folds)
        if self.way < 0:
            self._worse_in_a3c(name)

    def _worse_in_a3c(self, name):
        rows, about = archive.read(self.folder / f"{name}.json")
        rows["mte"] *= np.where(rows["view"] == "A3C", 1.4, 1)
        (self.folder / f"{name}.json").write_text(archive.text(rows, **about))

    def starts(self, name):
        other = {"echotracker": 1.0, "echotracker@es": 1.3, "myotracker": 1.0}
        other["myotracker@first"] = 1.3
        self.tracked(name, {t: (2 + self.way * (v - 2), 1.0) for t, v in other.items()})

    def bench(self, name):
        ms = {"tasnet": 27.0, "echotracker": 4.0, "myotracker": 3.0}
        rows = [
            {
                "tracker": t,
                "preset": preset,
                "frames": n,
                "ms_per_frame": v if self.way > 0 else 900 - 10 * v,
            }
            for t, v in ms.items()
            for preset in ("small", "paper")
            for n in (24, 64)
        ]
        self.write(name, rows, "trackers")

    def agreement(self, name):
        """Strains of two observers or visits, apart by `spread` [points]; diseases differ."""
        cohort, rows = name.split("_")[-1], []
        spread = {"speckle": 2.0, "tas/tasnet": 1.4, "tas/echotracker": 2.0, "tas/myotracker": 1.7}
        if self.way < 0:
            spread["tas/tasnet"] = 9.0
        wide = 1.0 if (cohort == "hunt-a") == (self.way > 0) else 1.5
        twice = [("test", 1), ("test", 2)] if cohort == "hunt-a" else [("test", 1), ("retest", 1)]
        for p in range(PATIENTS):
            ill = ("hypertrophic", "infarct")[p % 2]
            more = 0.0 if self.way > 0 else 8.0 * (ill == "infarct")
            for view in VIEWS:
                for tracker in (PERFECT, TRUTH, *spread):
                    for k, (visit, observer) in enumerate(twice):
                        off = spread.get(tracker, 0.0) * wide * (k - 0.5)
                        off += tracker.startswith("tas") * (0.5 + more)
                        level = np.array([1, 1, 1.5, 1.5, 1, 1]) ** self.way
                        rows.append(
                            {
                                "patient": f"{cohort} {p}",
                                "pathology": ill,
                                "view": view,
                                "visit": visit,
                                "observer": observer,
                                "tracker": tracker,
                                "gls": -0.2 + 1e-2 * self.near(off),
                                "gls_smoothed": -0.2 + 1e-2 * off / 2,
                                "segments": (-0.2 + 1e-2 * self.near(off) * level).tolist(),
                                "accepted": [True] * 6,
                            }
                        )
        self.write(name, rows)
