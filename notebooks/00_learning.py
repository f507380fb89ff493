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
# (sec-learning)=
# # How the trackers learnt
#
# *One loop and one budget for four networks: what they saw, for how long, and how their errors fell.*
#
# `tas train` is one loop for all four, in two rounds: {glue:text}`steps:,` steps of one clip on a processor's core, then
# at most {glue:text}`steps_gpu:,` steps of {glue:text}`batch` clips on a GPU, each with one cycle of the learning rate, whose highest is each network's own ({glue:text}`rates:s`). A clip has {glue:text}`frames` frames, so that MyoTracker and EchoTracker, which
# take a film as a whole, never learnt from one as long as those on which they are judged; CoTracker and TAS-Net see windows of eight frames in either. Every clip holds
# end-systole. The paper makes 200,000 steps of one clip of up to 24 frames, from published weights, with AdamW; here weight matrices are updated by Muon {cite:p}`jordan2024`. Clips come from simulated sequences whose motion is known, made by strategy
# {glue:text}`strategy:s` on {glue:text}`templates` virtual template patients, none of whom is in any evaluation; geometry and grey levels are varied.
# The sequences of every tenth patient are kept apart, which leaves {glue:text}`sequences` to learn from, and the weights with the least error on {glue:text}`judging` of those kept apart are shipped. These networks start from nothing, where the paper's start from published
# weights; so that they find out that speckle is what matters, one term of ours is in every network's loss: the feature of a point must
# be found again at its true place in every other frame. In the first {glue:text}`matching:,` steps that alone is learnt. In the second
# round clips may be clouded: by haze that stands still, by noise, by a shadow.

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd

from tas_lib.book import glue, provenance, table, themed
from tas_lib.trackers import registry, weights
from tas_lib.trackers.registry import label

TRAINED = [name for name in registry.NETWORKS if registry.weights_of(name).is_file()]
cards = {name: weights.card(registry.weights_of(name)) for name in TRAINED}
logs = {
    name: [pd.read_csv(registry.SHIPPED / f"{name}{end}.csv") for end in ("-init", "")]
    for name in TRAINED
}
rounds = {name: (card["init"], card) for name, card in cards.items()}
card = cards["tasnet"]
glue("frames", card["budget"]["clip"]["frames"])
glue("judging", card["budget"]["validation"])
glue("sequences", card["sequences"])
glue("templates", len(card["patients"]))
glue("steps", card["init"]["budget"]["steps"])
glue("matching", card["init"]["budget"]["matching"])
glue("steps_gpu", card["budget"]["steps"])
ended = {label(name): logs[name][1].step.max() for name in TRAINED}
short = [
    f"{name}'s after {step:,} steps"
    for name, step in ended.items()
    if step < card["budget"]["steps"]
]
glue("short", " and ".join(short) or "none")
glue("rates", ", ".join(f"{label(name)} {c['budget']['rate']:g}" for name, c in cards.items()))
glue("batch", card["budget"]["batch"])
glue("strategy", card["data"]["strategy"].upper())
for c in cards.values():  # equal data, equal budgets
    assert c["data"] == card["data"] and c["init"]["data"] == card["init"]["data"]
    for a, b in ((c, card), (c["init"], card["init"])):
        assert {**a["budget"], "rate": None} == {**b["budget"], "rate": None}


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Left, the loss of each network, which is not of the same kind for all, nor before and after the steps that learn features alone, in which no network tracks yet (mean of 200 steps); right, the mean trajectory error on virtual patients kept apart for validation. Dashed: the second round begins, with more clips a step, and other data to learn from and to be judged by.", "name": "fig-learning"}}
def draw():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
    begin = card["init"]["budget"]["steps"]
    for k, (name, both) in enumerate(logs.items()):
        for log, start, title in zip(both, (0, begin), (label(name), None), strict=True):
            loss = log.loss.rolling(10, min_periods=1).mean()
            left.plot(start + log.step, loss, color=f"C{k}", label=title)
            judged = log.dropna(subset="validation_mte_mm")
            right.plot(start + judged.step, judged.validation_mte_mm, ".-", color=f"C{k}")
    for ax in left, right:
        ax.axvline(begin, color="gray", ls="--", lw=0.8)
    left.set(xlabel="step", ylabel="loss", yscale="log")
    right.set(xlabel="step", ylabel="validation MTE (mm)", ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=len(logs))
    return figure


themed(draw, "Loss and validation error of the networks that ship, during training")

# %% tags=["hide-input"]
table(
    {
        (label(name), f"round {k}"): {
            "steps": f"{c['step']:,}",
            "clips a step": c["budget"].get("batch", 1),
            "minutes": f"{c['minutes']:.0f}",
            "where": c["device"],
            "validation MTE (mm)": f"{c['validation_mte_mm']:.2f}",
            "seed": c["seed"],
            "commit": c["commit"],
            "date": c["date"],
        }
        for name, both in rounds.items()
        for k, c in enumerate(both, 1)
    }
)

# %% [markdown]
# Steps and minutes (wall time) are those until the weights that were kept, the best ones that were judged, on machines that did other work as well. `tas weights card tasnet` shows all
# that a file of weights says of itself. The rounds judge by different data sets of the same patients: in the second the
# masks err as a segmentation's do, so that the columns of rounds don't compare. Second rounds that ended before {glue:text}`steps_gpu:,` steps, as their time on the GPU was up:
# {glue:text}`short`. What they miss is the end of the cycle, where the rate is lowest.

# %% tags=["hide-input"]
provenance(profile, seed, "00_learning")
