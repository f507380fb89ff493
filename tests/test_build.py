"""How the book is built: keys, contents, parameters, profiles, and the rules of the Makefile."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from extensions import REPO, extension

key, companion = map(extension, ("key", "companion"))


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lib/deep").mkdir(parents=True)
    for name in ("a.py", "lib/b.py", "lib/deep/c.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_key_stays_when_only_dates_caches_or_order_change(tree):
    before = key.key("laptop", ["a.py", "lib"])
    os.utime(tree / "a.py", (1, 1))
    (tree / "lib/__pycache__").mkdir()
    (tree / "lib/__pycache__/b.pyc").write_text("cached")
    assert key.key("laptop", ["lib", "a.py"]) == before


@pytest.mark.parametrize(
    "edit",
    [
        lambda tree: (tree / "lib/deep/c.txt").write_text("edited"),
        lambda tree: (tree / "lib/deep/c.txt").unlink(),
        lambda tree: (tree / "lib/new.json").write_text(""),
        lambda tree: (tree / "lib/b.py").rename(tree / "lib/renamed.py"),
    ],
    ids=["edited", "removed", "added", "renamed"],
)
def test_key_follows_content_below_a_folder(tree, edit):
    before = key.key("laptop", ["a.py", "lib"])
    edit(tree)
    assert key.key("laptop", ["a.py", "lib"]) != before


def test_key_follows_the_profile(tree):
    assert key.key("smoke", ["a.py"]) != key.key("laptop", ["a.py"])


def test_key_file_is_rewritten_only_when_the_key_changes(tree):
    out = tree / "build/a.key"
    key.main(str(out), "laptop", "a.py")
    os.utime(out, (1, 1))
    key.main(str(out), "laptop", "a.py")
    assert out.stat().st_mtime == 1
    (tree / "a.py").write_text("edited")
    key.main(str(out), "laptop", "a.py")
    assert out.stat().st_mtime > 1


def contents() -> set[str]:
    toc = yaml.safe_load((REPO / "_toc.yml").read_text())
    return {toc["root"]} | {page["file"] for part in toc["parts"] for page in part["chapters"]}


def test_contents_list_every_page_whose_archived_runs_are_there_and_no_other():
    shown = re.compile(r"archive/[\w-]+\.json")
    sources = [*REPO.glob("notebooks/*.py"), *REPO.glob("book/*.md")]
    ready = [
        path
        for path in sources
        if all((REPO / "notebooks" / name).is_file() for name in shown.findall(path.read_text()))
    ]
    assert contents() == {p.relative_to(REPO).with_suffix("").as_posix() for p in ready}


@pytest.mark.parametrize("path", sorted(REPO.glob("notebooks/*.py")), ids=lambda p: p.stem)
def test_notebook_takes_a_profile_and_says_what_made_it(path):
    text = path.read_text()
    assert re.search(r'^# %% .*tags=\[.*"parameters"', text, re.MULTILINE)
    assert re.search(rf"provenance\([^)]*{path.stem}", text)


DEFAULTS = 'profile = "laptop"\nseed = 0  # which hearts', "parameters"
RAN = '# Parameters\nprofile = "smoke"\nof_others = [1, 2]\nseed = 7', "injected-parameters"
SHOWN = 'profile = "smoke"\nseed = 7  # which hearts\n\nimport json', "hide-input"
IMPORTS = "import json", "hide-input"
HIDDEN = "import json", "remove-cell"


@pytest.mark.parametrize(
    "cells, shown",
    [
        ((DEFAULTS, RAN, IMPORTS), [SHOWN]),
        ((DEFAULTS, RAN, HIDDEN, IMPORTS), [HIDDEN, SHOWN]),
        ((DEFAULTS, IMPORTS), [DEFAULTS, IMPORTS]),
    ],
    ids=["with imports", "with what is shown", "defaults"],
)
def test_parameters_that_ran_are_shown_once(cells, shown):
    notebook = {
        "cells": [
            {"cell_type": "code", "source": [text], "metadata": {"tags": [tag]}}
            for text, tag in cells
        ]
    }
    source = [json.dumps(notebook)]
    companion.fold_parameters(None, "notebooks/a", source)
    found = json.loads(source[0])["cells"]
    assert [("".join(one["source"]), *one["metadata"]["tags"]) for one in found] == shown


def profiles() -> dict[str, dict]:
    return {
        path.stem: yaml.safe_load(path.read_text()) for path in REPO.glob("notebooks/profiles/*")
    }


def test_profiles_change_values_only():
    assert profiles().keys() == {"smoke", "laptop", "paper"}
    assert len({frozenset(p) for p in profiles().values()}) == 1
    assert all(p["profile"] == name for name, p in profiles().items())


def test_notebooks_are_kept_as_text():
    if not (REPO / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    git = ["git", "-C", str(REPO), "ls-files", "*.ipynb"]
    assert subprocess.run(git, capture_output=True, check=True, text=True).stdout == ""


def test_an_unknown_profile_is_refused_with_the_known_ones():
    done = subprocess.run(
        ["make", "book", "PROFILE=nonsense"], cwd=REPO, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert re.search(r'unknown PROFILE "nonsense".*laptop paper smoke', done.stderr)


@pytest.mark.parametrize("status", [0, 3])
def test_a_notebook_that_fails_ends_the_build_and_leaves_nothing(status, tmp_path):
    """papermill writes what it got to, too, where a cell fails."""
    for name in ("Makefile", "notebooks/profiles", "book/_ext/key.py"):
        source, copy = REPO / name, tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
    for tool, then in (("jupytext", 0), ("papermill", status)):
        write = 'for word; do case $word in *.ipynb) touch "$word"; esac; done'
        (tmp_path / tool).write_text(f"#!/bin/sh\n{write}\nexit {then}\n")
        (tmp_path / tool).chmod(0o755)
    (tmp_path / "notebooks/one.py").touch()
    words = "PROFILE=smoke", "NAMES=one", "CODE=Makefile", f"BIN={tmp_path}", f"PY={sys.executable}"
    make = "make", "-s", "-o", ".venv/.installed", "_build/exec/smoke/one.ipynb", *words
    done = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode == 0) == (status == 0), done.stderr
    assert (tmp_path / "_build/exec/smoke/one.ipynb").exists() == (status == 0)
