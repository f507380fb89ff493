# Two commands on a fresh machine:
#   make book                  the book, in _build/html (PROFILE=smoke|laptop|paper, laptop unless told;
#                              JOBS=1 runs one notebook at a time, on all cores, JOBS=2 unless told)
#   make test                  the tests
#   make lab                   experiments with sliders, in JupyterLab
#   make table1                Table I from the beginning: hours at the laptop profile
#   make env                   only the environment, in .venv (PYTHON=python3.12 chooses one)
#   make coverage              the tests, and which lines of the library they run
#   make lint                  ruff and mypy
#   make record                what the last build took, for the page What to expect
#   make calibration           the shipped calibrations anew
#   make clean                 removes what was built
# They need Python 3.11 to 3.13, make and a network.
#
# A notebook runs again only when its text, tas_lib, archived results, golden data, the profile or the pinned environment changed;
# the pages are built again only when something that they show changed. Both go by content, not by
# date, so that a fresh clone with a restored _build/exec reruns nothing that is unchanged.

PROFILE  ?= laptop
PROFILES := $(basename $(notdir $(wildcard notebooks/profiles/*.yaml)))
ifeq ($(filter $(PROFILE),$(PROFILES)),)
$(error unknown PROFILE "$(PROFILE)": choose one of $(PROFILES))
endif

# Notebooks run JOBS at a time, each with its share of the cores: sooner than one after the other with all.
# Those that time things run alone, after all others.
JOBS      ?= 2
MAKEFLAGS += -j$(JOBS)
CORES     := $(shell getconf _NPROCESSORS_ONLN)
THREADS   := $(shell echo $$(($(CORES) > $(JOBS) ? $(CORES) / $(JOBS) : 1)))

BIN   := .venv/bin
PY    := $(BIN)/python
STAMP := .venv/.installed
EXEC  := _build/exec/$(PROFILE)
STAGE := _build/stage
HTML  := _build/html/index.html
LONG  := 00_simulator 03_multi_stage_table # begin first, so that the last ones end together
NAMES := $(LONG) $(filter-out $(LONG),$(shell sed -n 's|.*file: notebooks/||p' _toc.yml))
DONE  := $(NAMES:%=$(EXEC)/%.ipynb)
TIMED := $(EXEC)/00_speed.ipynb
CODE  := tas_lib notebooks/profiles/$(PROFILE).yaml notebooks/archive tests/data pyproject.toml constraints.txt
PAGES := book tas_lib _config.yml _toc.yml constraints.txt pyproject.toml CONTRIBUTING.md $(DONE)

# PyTorch for the CPU alone; PyPI's wheel for Linux brings some 3 GB of CUDA.
TORCH_INDEX := https://download.pytorch.org/whl/cpu

# One place for what notebooks and the book's tools need from their surroundings:
# our kernel before any other of the user's, IPython set up by us alone (no start-up files of the
# user's, no warning about its local sockets), nothing written in the user's home, and no remark of the debugger's on frozen modules.
export JUPYTER_PATH := $(CURDIR)/.venv/share/jupyter
export IPYTHONDIR := $(CURDIR)/.venv/ipython
export JUPYTER_DATA_DIR := $(CURDIR)/.venv/jupyter-data
export PYDEVD_DISABLE_FILE_VALIDATION := 1
unexport PYTHONDONTWRITEBYTECODE # else every process compiles all that it imports

.PHONY: help env book lab test coverage table1 record lint calibration clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

env: $(STAMP)

# PYTHON=... goes before the interpreters found. A .venv that works is kept and brought up to date.
# Most modules are never imported: compiling all of them would take a third of the time.
$(STAMP): pyproject.toml constraints.txt
	@$(PY) -m pip --version >/dev/null 2>&1 && exit; \
	for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	    if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	    then echo "environment: .venv from $$($$python --version)"; exec $$python -m venv --clear .venv; fi; \
	done; \
	echo "No Python 3.11, 3.12 or 3.13 found. Install one, or name it: make PYTHON=/path/to/python3.12 book" >&2; \
	exit 1
	@index=; from="pip's own index, as that of builds for the CPU does not answer"; \
	if $(PY) -c 'import urllib.request as u; u.urlopen("$(TORCH_INDEX)/torch/", timeout=5)' 2>/dev/null; \
	then index="--index-url $(TORCH_INDEX)"; from=$(TORCH_INDEX); fi; \
	echo "environment: PyTorch from $$from"; \
	$(PY) -m pip install -qq --no-compile --no-deps $$index "$$(grep '^torch==' constraints.txt)"
	@echo "environment: the rest, versions of constraints.txt"
	@$(PY) -m pip install -qq --no-compile -c constraints.txt -e '.[book,dev]'
	@$(PY) -c 'import matplotlib.pyplot'  # makes its font cache now, not inside a notebook
	@mkdir -p "$(IPYTHONDIR)/profile_default"
	@echo 'c.IPKernelApp.log_level = "CRITICAL"' >"$(IPYTHONDIR)/profile_default/ipython_kernel_config.py"
	@touch $@

book: $(HTML)
	@echo; echo "Pages (profile $(PROFILE)):"
	@cd _build/html && for page in index.html book/*.html notebooks/*.html; do echo "  $$page"; done
	@echo "Open file://$(CURDIR)/$(HTML)"

# A key is a hash of contents; its file is rewritten only when the hash changes.
$(EXEC)/%.key: FORCE | $(STAMP)
	@$(PY) book/_ext/key.py $@ '$(PROFILE)' notebooks/$*.py $(CODE)

# Run under another name, so that a failed notebook is never taken for a finished one.
$(EXEC)/%.ipynb: $(EXEC)/%.key
	@echo "notebook: $* ($(PROFILE))"; start=$$(date +%s); \
	$(if $(filter $@,$(TIMED)),,export OMP_NUM_THREADS=$(THREADS);) \
	$(BIN)/jupytext --quiet --to ipynb --output $(EXEC)/$*.in.ipynb notebooks/$*.py && \
	$(BIN)/papermill -k python3 -f notebooks/profiles/$(PROFILE).yaml --cwd notebooks \
	    --log-level ERROR --no-request-save-on-cell-execute --no-progress-bar \
	    $(EXEC)/$*.in.ipynb $(EXEC)/$*.run.ipynb && \
	mv $(EXEC)/$*.run.ipynb $@ && rm $(EXEC)/$*.in.ipynb && \
	echo "notebook: $* done in $$(($$(date +%s) - start)) s"

$(TIMED): | $(filter-out $(TIMED),$(DONE))

_build/pages.key: $(DONE) FORCE | $(STAMP)
	@$(PY) book/_ext/key.py $@ '$(PROFILE)' $(PAGES)

# All pages each time: Sphinx's partial builds leave old numbers in the prose of other pages.
$(HTML): _build/pages.key
	@echo "pages: building"; rm -rf $(STAGE) _build/html && mkdir -p $(STAGE)/notebooks
	@cp -Rp book $(STAGE)/book && cp -p $(DONE) $(STAGE)/notebooks/
	@$(BIN)/jupyter-book build $(STAGE) --config "$(CURDIR)/_config.yml" --toc "$(CURDIR)/_toc.yml" \
	    --path-output "$(CURDIR)" --all -W -n --keep-going >_build/pages.log || \
	    { rm -rf _build/html; echo "pages: failed; see above and _build/pages.log" >&2; exit 1; }

# JupyterLab shows the text of a notebook as a notebook; its settings stay in .venv.
lab: export JUPYTER_CONFIG_DIR := $(CURDIR)/.venv/jupyter
lab: $(STAMP)
	@$(PY) -m pip install -qq -c constraints.txt -e '.[lab]'
	@$(BIN)/jupytext-config set-default-viewer python
	@$(BIN)/jupyter lab notebooks/live/speckle.py

# A process a core, each with one thread.
test: $(STAMP)
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n auto --dist worksteal $(TESTS)

# Which lines the fast tests run; all of them on a commit without changes: also for the page that tells.
coverage: $(STAMP)
	@mkdir -p _build
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n auto --dist worksteal --cov=tas_lib --cov-report=term:skip-covered \
	    --cov-report=json:_build/coverage.json $(TESTS)
	@$(if $(TESTS),,$(PY) book/_ext/covered.py _build/coverage.json book/coverage.json)

# Equal budgets for all rows, and one start: a network that learnt from simple hearts, or, at the paper's
# size and on a GPU, INIT=cotracker.safetensors, the published weights as `tas weights import` writes
# them. LEARN="--steps 360 --batch 16 --device cuda" suits a GPU. What is in its folder is kept, so that a
# run goes on where it was stopped; a template that is left out does not stop it. `evaluate` also judges
# the start.
TABLE1 := _build/table1/$(PROFILE)
SIZE   := $(subst laptop,paper,$(PROFILE))
START  := $(TABLE1)/start/best.safetensors
INIT   ?= $(START)
LEARN  ?= $(LEARN_$(PROFILE))
TEMPLATES_smoke  := 3
TEMPLATES_laptop := 48
TEMPLATES_paper  := 739
STAGES_smoke  := --first 4 --seeds 0
STAGES_laptop := --first 32 --seeds 0,1
STAGES_paper  := --first 242 --seeds 0,1,2 --preset paper --device cuda
PATIENTS_smoke  := --n 1
PATIENTS_laptop := --n 8
LEARN_laptop := --steps 2000
table1: $(STAMP)
	@[ $(PROFILE) != paper ] || [ $(INIT) != $(START) ] || { echo "PROFILE=paper starts from published \
	weights: add INIT=cotracker.safetensors, as \`tas weights import\` writes it" >&2; exit 2; }
	@$(BIN)/tas cohort templates --n $(TEMPLATES_$(PROFILE)) --profile $(SIZE) --out $(TABLE1)/templates
	@[ $(INIT) != $(START) ] || { \
	    { $(BIN)/tas dataset --templates $(TABLE1)/templates --strategy burman --n 50 --out $(TABLE1)/burman || \
	        [ $$? = 3 ]; } && \
	    $(BIN)/tas train tasnet --data $(TABLE1)/burman --profile $(PROFILE) --out $(TABLE1)/start; }
	@$(BIN)/tas refine --stages table1 --templates $(TABLE1)/templates --profile $(PROFILE) $(STAGES_$(PROFILE)) $(LEARN) \
	    --init $(INIT) --out $(TABLE1) || [ $$? = 3 ]
	@for cohort in sshf hunt; do \
	    $(BIN)/tas cohort $$cohort --profile $(SIZE) $(PATIENTS_$(PROFILE)) --out $(TABLE1)/cohort-$$cohort && \
	    $(BIN)/tas evaluate $(TABLE1)/cohort-$$cohort --runs $(TABLE1) --out $(TABLE1)/table1_$$cohort.json \
	        || exit; done
	@echo "To show it in the book: copy $(TABLE1)/table1_*.json, and motion.json as refine.json, to notebooks/archive"

# What the last build took and found, for the book's page on profiles.
record: $(STAMP)
	@$(PY) book/_ext/build_record.py $(EXEC) notebooks/archive/build_$(PROFILE).json $(NAMES)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# The calibrations that ship; after any change of their settings.
calibration: $(STAMP)
	@$(PY) -c 'from tas_lib.simulator.calibration import ship; ship()'

clean:
	rm -rf _build
