"""The book's own machinery: keys, contents, profiles, and what notebooks put into pages."""

import json
import os
import re
import shutil
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
import yaml
from extensions import REPO, extension

from tas_lib import archive, book, provenance
from tas_lib.trackers import registry, weights

key, build_record, companion = map(extension, ("key", "build_record", "companion"))


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


@pytest.mark.parametrize(
    "value",
    [0.25, np.float64(0.25), np.array(0.25), torch.tensor(0.25), xr.DataArray(0.25)],
    ids=["float", "numpy scalar", "numpy 0-d", "torch", "xarray"],
)
def test_glued_scalars_read_as_plain_numbers(monkeypatch, value):
    shown = []
    monkeypatch.setattr(book, "display", lambda data, **options: shown.append((data, options)))
    book.glue("mae", value)
    (data, options), *others = shown
    assert not others
    assert data["application/papermill.record/text/plain"] == "0.25"
    assert options["metadata"]["scrapbook"]["name"] == "mae"


@pytest.mark.parametrize("kind", ["svg", "webp"])
def test_themed_draws_once_per_theme_with_its_colours(kind):
    inks = []

    def draw():
        inks.append(mpl.rcParams["text.color"])
        figure, ax = plt.subplots(figsize=(2, 1))
        ax.imshow(np.eye(4))
        return figure

    html = book.themed(draw, 'Four "bright" pixels', kind=kind).data
    assert re.findall(r'class="only-(\w+)"', html) == ["light", "dark"]
    assert inks[0] != inks[1]
    assert len(set(re.findall(r"base64,([^\"]+)", html))) == 2
    assert html.count('alt="Four &quot;bright&quot; pixels"') == 2
    assert not plt.get_fignums()
    assert mpl.rcParams["text.color"] not in inks


def test_themed_gives_the_same_bytes_again():
    def draw():
        figure, ax = plt.subplots(figsize=(2, 1))
        ax.plot([0, 1])
        return figure

    assert book.themed(draw, "A line").data == book.themed(draw, "A line").data


def test_a_number_is_told_with_its_interval_where_that_is_known():
    assert book.told((1.234, 1.0, 2.0)) == "1.23 (1.00\xa0to\xa02.00)"
    assert book.told((1.234, float("nan"), float("nan")), 1) == "1.2"
    assert book.told((1.234, 1.234, 1.234)) == "1.23"
    assert book.told((-0.001, -0.004, 0.004)) == "0.00 (0.00\xa0to\xa00.00)"


def test_tables_look_alike_and_keep_names_in_a_line():
    given = {"HUNT-A": {"MTE of TAS-Net": 0.5, "none": None}}
    for rows in (given, pd.DataFrame(given).T):
        html = book.table(rows, "{:.2f}").to_html()
        assert 'class="dataframe"' in html and "0.50" in html and "None" not in html
        assert "HUNT\u2011A" in html and "TAS\u2011Net" in html


def test_archived_runs_are_told_by_file():
    run = {"command": "tas <evaluate>", "commit": "abc1234", "date": "2026-01-01", "seed": 3}
    html = book.archived({"b": run, "a": run}).data
    assert html.startswith("<details") and "<summary>Archived runs on this page: 2<" in html
    assert html.index("<code>a.json</code>") < html.index("<code>b.json</code>")
    words = "<span>tas</span> <span>&lt;evaluate&gt;</span></code>"
    assert f"{words} · seed 3 · commit abc1234 · date 2026-01-01" in html
    html = book.archived({"a": run | {"recordings_by": "tas cohort"}}).data
    assert html.index("<span>cohort</span>") < html.index("&lt;evaluate&gt;")


def test_trainings_are_told_by_network_and_seeds_together():
    one = {
        "command": "tas train x --seed 4 --quiet",
        "sequences": 58,
        "strategy": "s3",
        "device": "CPU",
    }
    one |= {"commit": "abc1234", "date": "2026-01-01", "validation_mte_mm": 1.0, "minutes": 4.6}
    two = one | {"validation_mte_mm": 1.5, "commit": "def5678"}
    networks = {"tas/tasnet/seed0": one, "tas/tasnet/seed1": two, "b": one}
    told = book.trainings({"networks": networks}, registry.label)
    assert list(told) == ["TAS-Net", "b"]
    assert told["TAS-Net"]["seeds"] == "2" and told["b"]["seeds"] == "1"
    assert told["TAS-Net"]["validation MTE (mm)"] == "1.25"
    assert told["TAS-Net"]["commit, device, date"] == "abc1234, def5678, CPU, 2026-01-01"
    assert told["b"]["minutes to these weights"] == "5"
    assert told["b"]["sequences"] == "58 by S3"
    assert "<span>--seed</span> <span>N</span> <span>--quiet</span>" in told["b"]["command"]


def test_provenance_states_what_made_a_result(monkeypatch):
    monkeypatch.setattr(provenance, "commit", lambda: "abc1234-dirty")
    html = book.provenance("smoke", 7, "01_x").data
    assert all(f in html for f in ("01_x", "abc1234-dirty", "profile smoke", "seed 7", "threads"))


def test_commit_outside_a_checkout_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "book.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    commit = provenance.commit.__wrapped__
    assert commit() == "no git"
    git = "git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "another project"], check=True)
    assert commit() == "no git"


def test_commits_are_told_by_their_hash_after_a_release_as_well(monkeypatch, tmp_path):
    file = tmp_path / "provenance.py"
    file.touch()
    monkeypatch.setattr(provenance, "__file__", str(file))
    git = "git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"
    for words in ("init -q", "add .", "commit -q -m one", "tag -a v0.1.0 -m release"):
        subprocess.run([*git, *words.split()], check=True)
    assert re.fullmatch(r"[0-9a-f]{7,40}", provenance.commit.__wrapped__())
    file.write_text("edited")
    assert provenance.commit.__wrapped__().endswith("-dirty")


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


def test_a_build_is_recorded_from_what_its_notebooks_stored(tmp_path, monkeypatch):
    def stored(name, value):
        about = {"scrapbook": {"name": name, "mime_prefix": "glue/"}}
        return {"outputs": [{"metadata": about, "data": {"glue/text/plain": value}}]}

    folder = tmp_path / "smoke"
    folder.mkdir()
    for page in {page for page, _ in build_record.FIGURES}:
        names = [name for where, name in build_record.FIGURES if where == page]
        cells = [stored(name, "0.25") for name in [*names, "other"]]
        last = {"outputs": [{"data": {"text/html": [book.provenance("smoke", 0, page).data]}}]}
        ran = {"duration": 30.0, "start_time": "2026-01-01T00:00:00+00:00"}
        ran["end_time"] = f"2026-01-01T00:0{1 + (page == '00_speed')}:30+00:00"
        notebook = {"cells": [{}, *cells, last], "metadata": {"papermill": ran}}
        (folder / f"{page}.ipynb").write_text(json.dumps(notebook))
    other = re.sub(r"commit [\w-]+", "commit another", json.dumps(notebook))
    out = tmp_path / "out.json"
    pages = [path.stem for path in folder.iterdir()]
    out.write_text(build_record.record(folder, pages))
    rows, made = archive.read(out)
    assert made["command"] == "make book PROFILE=smoke" and rows.seconds.tolist() == [30.0] * 3
    assert made["minutes"] == 2.5 and made["commit"] == provenance.commit()
    assert rows.threads.str.contains(" of ").all()
    assert made["figures"] == dict.fromkeys(build_record.FIGURES.values(), 0.25)
    (folder / "04_other.ipynb").write_text(other)
    with pytest.raises(SystemExit, match="of several commits"):
        build_record.record(folder, [*pages, "04_other"])
    (folder / "00_speed.ipynb").unlink()
    with pytest.raises(SystemExit, match="lacks 00_speed; run make book"):
        build_record.record(folder, pages)
    with pytest.raises(SystemExit, match="lacks frames a second"):
        build_record.record(folder, set(pages) - {"00_speed"})


def test_archives_say_what_made_them():
    """A reader can check out the commit: none was made from edited code, all lead to this one."""
    shallow = _git("rev-parse", "--is-shallow-repository") != "false"
    archives = sorted((REPO / "notebooks" / "archive").glob("*.json"))
    assert archives
    for path in archives:
        made = json.loads(path.read_text())
        assert {"command", "commit", "date", "device"} <= made.keys(), path.name
        if path.stem != "bench_dataset":  # times, archived before the command told its seed
            assert {"seed", "seeds"} & made.keys(), path.name
        assert re.fullmatch(r"[0-9a-f]{7,40}", made["commit"]), path.name
        if not shallow:
            _git("merge-base", "--is-ancestor", made["commit"], "HEAD")


def _git(*words):
    git = ["git", "-C", str(REPO), *words]
    return subprocess.run(git, capture_output=True, check=True, text=True).stdout.strip()


def test_weights_that_ship_say_what_made_them():
    files = list((REPO / "tas_lib" / "data" / "weights").glob("*.safetensors"))
    assert {path.stem for path in files} == set(registry.NETWORKS)
    for path in files:
        card = weights.card(path)
        known = {"command", "commit", "seed", "device", "date", "minutes", "data", "patients"}
        assert known <= card.keys() and card["validation_mte_mm"] > 0, path.name
        assert path.with_suffix(".csv").is_file()
        assert {"steps", "matching"} <= card["budget"].keys()
