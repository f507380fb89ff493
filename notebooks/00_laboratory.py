# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# (sec-laboratory)=
# # The speckle laboratory
#
# *Move tissue and see its speckle change, in the browser, with nothing to install.*
#
# {ref}`The page before <sec-speckle>` measures how speckle fades. Here you do it yourself. The laboratory below draws
# random scatterers, moves them, and images them with the probe of the strategies' pages, P4-2v: the same beams, pulse and lens, by the
# same formulas. Frame 0 is the reference, as end-systole is in the paper. Start with the four questions.

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["remove-cell"]
import numpy as np

from tas_lib.book import glue, provenance
from tas_lib.laboratory import DENSITY, FRAMES, NEAREST, SCRIPT, Preset, defaults, laboratory
from tas_lib.simulator import Acquisition, elevation, statistics
from tas_lib.speckle import Window, correlation
from tas_lib.templates import default_template

acq = Acquisition()
template = default_template()
curves = correlation(template).mean(("longitudinal", "radial")).values
clip = curves[template.attrs["es_frame"] :]  # from end-systole on

depth, out_of_plane, steps = 1e-3 * defaults(acq)["z"], 0.2, FRAMES - 1
inside = np.linspace(-0.4, 0.4, 5) * Window().size
left = {
    strain: np.mean(np.abs(statistics.strain_theory(acq, depth, strain, inside)) ** 2)
    for strain in (-0.2, -0.2 / steps)
}
crossed = {r: elevation.correlation(acq, r, 1e-3) for r in (30e-3, depth, 140e-3)}
gone = elevation.correlation(acq, depth, 1e-3 * out_of_plane * steps)
mixed = 0.6**2 / (0.6**2 + 0.4**2)

presets = [
    Preset(
        "Axial strain of 20 %",
        {},
        "Tissue shortens along the beam by a fifth, and its middle stays where it is. The tracker compares each "
        "frame with the one before, and errs little. Why is so little left of the correlation with frame 0?",
        f"Strain moves the scatterers of a window against each other: by the last frame, those at its ends "
        f"by {1e3 * 0.2 * Window().size / 2:.2f} mm against its middle, while a quarter of a wavelength "
        f"({1e3 * acq.wavelength / 4:.2f} mm) turns an echo's phase half around. Theory leaves about {left[-0.2]:.1f} of "
        f"the correlation. From one frame to the next the strain is {20 / steps:.1f} %, and "
        f"{left[-0.2 / steps]:.2f} is left. Make the window smaller and see what that mends, and what it costs.",
    ),
    Preset(
        "Twist takes the tissue out of the slice",
        {"strain": 0, "elevation": out_of_plane, "density": 2 * DENSITY},
        "The heart twists about its long axis, so tissue crosses the image plane. Nothing moves in the picture, "
        "and frame by frame the tracker hardly errs. What would a tracker find that compares with frame 0? At which "
        "depth does speckle fade first?",
        f"By the last frame tissue has crossed {steps * out_of_plane:.0f} mm, and theory leaves {gone:.2f} of the correlation at "
        f"{1e3 * depth:.0f} mm: other scatterers fill the slice, and of frame 0 nothing is left to be found. Near the "
        f"probe speckle fades first. After 1 mm theory leaves {crossed[30e-3]:.2f} at 30 mm, {crossed[depth]:.2f} at {1e3 * depth:.0f} mm and "
        f"{crossed[140e-3]:.2f} at 140 mm: before and behind the focus of the lens the slice is thicker, but its "
        f"wavefront is curved, the more so near the probe, and crossing it turns the phases.",
    ),
    Preset(
        "What no fixed share can do",
        {"strain": 0, "axial": 0.4, "coherence": 0.9},
        "Strategy 1 lets a fixed share p of the scatterers ride on the tissue; the others stay where they are. Compare "
        "with the real clip (dashed). Which p comes nearest? What can no p do?",
        f"A share p of the power leaves p² of the correlation: at p = 0.9 speckle keeps {0.9**2:.2f} for good. With "
        f"p = {np.sqrt(clip[-1]):.2f} theory ends where the clip ends, at {clip[-1]:.2f}. The mean of all points loses some to motion, "
        f"and comes nearest with p = {NEAREST} (here, where all tissue shifts alike). But in theory one p makes one step, from frame 0 to all others, the same "
        "at every place. (The mean takes three frames for it: at 0.4 mm a frame, the part that moves has not quite left the "
        "part that stays.) It knows nothing of how real speckle changes in time, nor of walls that keep theirs better "
        "than others.",
    ),
    Preset(
        "S2 and S3 fix it",
        {"strain": 0, "axial": 0.4, "strategy": "S3", "alpha": 0.5},
        "Strategy 2 keeps both kinds everywhere, and their weights follow the clip's own curve, frame by frame; strategy 3 measures what came of it "
        "and corrects by α times the difference. Here α is 0.5, and the mean of all points lands near the dashed line. What do S2 alone, "
        "and the paper's α = 2, make of it, and why?",
        f"S2 lies above the line, until motion has taken its part: it takes the wanted correlation C for the share of amplitude, but amplitudes C and "
        f"1 - C mix as powers, C² / (C² + (1 - C)²), which is {mixed:.2f} for C = 0.6 (not squared as in S1: at frame 0 all of S2's speckle is coherent). S3 mends that, but with α = 2 it goes too "
        "far here: near C = 0.5 the mixture changes twice as fast as C, so half the difference is enough. Near "
        "C = 1 it hardly changes, and a large α is needed. On a real wall both happen at once.",
    ),
]
glue("script_kb", len(SCRIPT.encode()) / 1e3)
glue("frames", FRAMES)

# %% tags=["hide-input"]
laboratory(clip, presets, acq, seed)

# %% [markdown]
# ## What you see
#
# | view | what it shows |
# | --- | --- |
# | B-mode | the envelope, smoothed along depth as by the scanner of the {ref}`virtual patients <sec-patients>`, log-compressed; where points truly are (circles), where block matching takes them to be (crosses), and the window at the chosen point |
# | correlation map | each window of frame 0 against the windows around its true place; the best match counts, as in the paper |
# | correlation | at the chosen point in its true place, of unsmoothed intensities, beside the theory; the mean of the map; the real clip's mean after end-systole |
# | displacement | of the chosen point: true, and by matching each frame with the one before |
# | envelope | its histogram beyond 60 mm, unsmoothed, beside Rayleigh's density |
#
# One window holds some tens of speckle grains, so what is measured at a point scatters about the theory, by some 0.05 to 0.1; a
# larger window scatters less. Theory and Rayleigh's law are for many scatterers in each resolution cell. Lower the
# density, and what is measured rises above the theory, while the ratio of mean and SD falls below Rayleigh's. Near the
# probe cells are smallest: there scatterers are too few even at the density set first, and the second question sets
# twice as many. The best match of a search never falls to 0: among enough windows, one is alike by chance.
#
# The settings are in the address: copy it, and whoever opens it sees the same.
#
# The same with the library's own simulator, on your machine: `make lab` opens `notebooks/live/speckle.py`, where tissue
# moves by sliders under the paper's correlation and open speckle tracking.
#
# ## What is computed
#
# The film has {glue:text}`frames` frames of 128 × 128 mm. Every scatterer has a place in tissue
# thicker than the slice, one strength of either sign, and a weight for its distance from the plane, as
# {ref}`there <sec-elevation>`. Places are spread more evenly than at random, so that few scatterers do for many.
# Beams are sums over the elements, at a few frequencies of the pulse and a few dozen depths, interpolated between. The
# picture is the sum over these frequencies of a convolution along each row, with a beam that changes with depth and
# angle, and one along each column. What this leaves out counts near the probe, where beams change over the length of a
# pulse; so the picture begins at 20 mm. Sliders of the probe make all beams anew, which takes longer than a frame. The scripts have {glue:text}`script_kb:.0f` kB, no library and no network. Tests
# run them beside the Python: on the same scatterers, envelopes differ from the operator's by less than 2 % beyond 60 mm
# and less than 5 % over the whole picture, the correlation after a motion by less than 0.02, and so does the theory
# drawn here from the library's.
#
# Two simplifications: strategies act on the whole picture, not on a wall, and the gain is that of uniform tissue.

# %% tags=["hide-input"]
provenance(profile, seed, "00_laboratory")
