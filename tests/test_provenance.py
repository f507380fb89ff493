"""What made a result: commits, archived runs, records of builds, the weights that ship."""

import json
import re
import subprocess

import pytest
from extensions import REPO, extension

from tas_lib import archive, book, provenance
from tas_lib.trackers import registry, weights

build_record = extension("build_record")


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
