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
# (sec-robustness)=
# # Broken files and broken runs
#
# *What the program does with files that are damaged or made to do harm, and when it is killed.*

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
from pathlib import Path

from tas_lib import archive
from tas_lib.book import archived, glue, provenance, table

shown = {name: archive.read(Path("archive") / f"{name}.json") for name in ("fuzz", "kills")}
(files, limits), (runs, _) = shown.values()
for name in ("tried", "read", "refused", "failed"):
    glue(name, f"{files[name].sum():,}")
glue("seconds", limits["seconds"])
glue("gigabytes", limits["megabytes"] // 1024)
glue("kills", runs.kills.sum())
glue("identical", f"{runs.identical.sum()} of {runs.runs.sum()}")
ended = int((runs.runs - runs.kills).clip(lower=0).sum())
glue("untouched", f" (at least {ended} of them ended before they could be killed)" if ended else "")
glue("half_written", runs.half_written.sum())

# %% [markdown]
# ## Files
#
# Of each kind of file that the program reads there is a small valid one. It is broken by chance: bits flip, blocks are cut,
# repeated or overwritten, fields of headers lie, archives unpack to gigabytes, values of JSON become others, names lead to
# other folders, pickles hold code. Then it is read, in a process that may take {glue:text}`seconds` seconds and
# {glue:text}`gigabytes` GB more memory than it began with. *Read* are those whose damage did not matter or left what all of the
# reader's checks accept; *refused* those that ended in one line that names the file, what is wrong and what would be right.
# All else has *failed*: any other error, a crash, a time-out, too much memory, code that ran, a file of another folder that
# was read.

# %% tags=["hide-input"]
table(files).hide()

# %% [markdown]
# Of {glue:text}`tried:s` files {glue:text}`read:s` were read, {glue:text}`refused:s` refused, and {glue:text}`failed:s` failed. The
# same seed makes the same files. Runs before this one found faults, which were mended: decoders that never ended, archives that
# filled the memory, numbers taken from files of other folders, errors without a file's name. That a file is read does not mean that its numbers are true: a flipped bit in a picture is a
# picture. The program reads no YAML; the notebooks' profiles are read by papermill.
#
# ## Runs
#
# Commands on small data were killed at random moments (SIGKILL, to the command and all that it had started), run again in the
# same folder, and so on to their end. At each kill it was looked whether any file under the name of a result was less than
# whole; at the end, whether all results were those of a run that nobody disturbed.

# %% tags=["hide-input"]
titles = {"half_written": "half-written files found", "runs": "runs to the end"}
table(runs.rename(columns=titles)).hide()

# %% [markdown]
# After {glue:text}`kills` kills, {glue:text}`identical:s` runs came to the same results{glue:text}`untouched:s`; {glue:text}`half_written` times a
# half-written file lay under the name of a result. Recordings are compared by their names, values and attributes, weights by
# all but the minutes that training took, and hashes of these weights are left out; the book by one small notebook that the
# book's own rules run. What is made as a whole, a simulation, begins anew after a kill; data sets, training and refinement go
# on where they were. Two runs in one folder are one too many: the second is refused. A full disk is named and leaves no half
# of a file; a cache that can't be written is warned of.
#
# `archive/fuzz.json` and `archive/kills.json` hold these tables.

# %% tags=["hide-input"]
archived({name: about for name, (_, about) in shown.items()})

# %% tags=["hide-input"]
provenance(profile, seed, "91_robustness")
