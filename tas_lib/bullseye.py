"""The bull's-eye: a ventricle's segments seen from the apex, base outside.

18 segments (Voigt et al. 2015, DOI 10.1093/ehjci/jeu184), turned as the American Heart Association
has them (Cerqueira et al. 2002, DOI 10.1161/hc0402.102975): anterior wall up, septum on the left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.projections.polar import PolarAxes

from tas_lib.anatomy import LEVELS, WALLS
from tas_lib.regional import SEGMENTS

ANGLES = dict(zip(WALLS, np.radians([150, 90, 30, -30, -90, -150]), strict=True))
RINGS = dict(zip(LEVELS[::-1], ((0, 1.3), (1.3, 2.2), (2.2, 3.1)), strict=True))  # inside, outside
COLOURS, LIMIT = mpl.colormaps["RdBu"], 30  # red where the wall shortens, blue where it lengthens
PALE = 2 / 3  # of the limit: on paler colours than this numbers are black


def bullseye(ax: PolarAxes, strain: Mapping[str, float], doubtful: Collection[str] = ()) -> None:
    """Draw strain [%] by segment ("basal anterior") as numbers and colours.

    Segments without a number stay blank and hatched; doubtful ones bear a question mark.
    """
    ink, grey = mpl.rcParams["axes.edgecolor"], mpl.rcParams["grid.color"]
    for name in SEGMENTS:
        level, wall = name.split()
        angle, (inside, outside) = ANGLES[wall], RINGS[level]
        box = angle, outside - inside, np.pi / 3, inside
        if name in strain:
            value = strain[name]
            ax.bar(*box, color=COLOURS((value / LIMIT + 1) / 2))
            text = f"{value:z.0f}".replace("-", "\N{MINUS SIGN}") + "?" * (name in doubtful)
            colour = "black" if abs(value) < PALE * LIMIT else "white"
            ax.text(
                angle, 0.45 * inside + 0.55 * outside, text, ha="center", va="center", color=colour
            )
        else:
            ax.bar(*box, facecolor="none", edgecolor=grey, hatch="///", linewidth=0)
        ax.bar(*box, facecolor="none", edgecolor=ink, linewidth=1)
    for wall, angle in ANGLES.items():
        across, up = np.trunc([1.5 * np.cos(angle), 1.5 * np.sin(angle)])
        beside = {1: "left", 0: "center", -1: "right"}[across]
        above = {1: "bottom", 0: "center", -1: "top"}[up]
        ax.text(angle, 3.25, wall, ha=beside, va=above)
    ax.set(ylim=(0, 3.1), xticks=[], yticks=[], facecolor="none")
    ax.spines[:].set_visible(False)
