"""The house as CONTRIBUTING.md and the book tell of it: imports go one way, packages say why."""

import json
import tomllib
from graphlib import TopologicalSorter

import matplotlib.pyplot as plt
import pytest
from extensions import REPO, extension

from tas_lib import provenance

house, covered = extension("house"), extension("covered")


def test_every_module_is_in_one_row():
    parts = [part for row in house.layers() for part in row.parts]
    there = {path.stem for path in house.LIBRARY.glob("*.py")} - {"__init__"}
    there |= {path.parent.name for path in house.LIBRARY.glob("*/__init__.py")}
    assert sorted(parts) == sorted(there)


def test_imports_go_down_or_stay_in_their_row():
    rows = house.layers()
    place = {part: i for i, row in enumerate(rows) for part in row.parts}
    up = {
        f"{module} imports {wanted}"
        for module, all_wanted in house.imports().items()
        for wanted in all_wanted
        if place[module.split(".")[0]] > place[wanted.split(".")[0]]
    }
    assert not up


def test_no_modules_import_each_other_in_a_circle():
    graph = house.imports()
    assert set(TopologicalSorter(graph).static_order()) == graph.keys()


def test_imports_are_found_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.setattr(house, "LIBRARY", tmp_path)
    (tmp_path / "readers").mkdir()
    (tmp_path / "readers/__init__.py").write_text("from tas_lib.readers import dicom\n")
    (tmp_path / "readers/dicom.py").write_text("import tas_lib.errors\nimport numpy\n")
    (tmp_path / "errors.py").write_text("")
    lines = (
        "if TYPE_CHECKING:\n    import tas_lib.readers\ndef f():\n    from tas_lib import errors\n"
    )
    (tmp_path / "strain.py").write_text(lines)
    assert house.imports() == {
        "readers": {"readers.dicom"},
        "readers.dicom": {"errors"},
        "errors": set(),
        "strain": {"errors"},
    }


def test_the_picture_has_every_layer():
    rows = house.layers()
    figure = house.picture(rows, house.between(rows, house.imports()))
    words = {text.get_text() for text in figure.axes[0].texts}
    plt.close(figure)
    assert {row.what for row in rows} <= words


def test_every_module_says_what_it_is():
    listed = [node.astext() for node in house.show_modules() if node.tagname == "bullet_list"]
    lines = "\n\n".join(listed).split("\n\n")
    assert len(lines) == len(house.imports()) and not any(line.endswith(": ") for line in lines)


def test_every_dependency_says_why():
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    known = house.dependencies()
    assert len(known["dependencies"]) == len(project["dependencies"])
    for group, packages in project["optional-dependencies"].items():
        assert len(known[group]) == len(packages), group
    assert not [package for group in known.values() for package, why in group.items() if not why]


@pytest.mark.parametrize("commit", ["abc1234", "abc1234-dirty"])
def test_coverage_is_shown_with_its_commit_if_it_has_one(tmp_path, monkeypatch, commit):
    monkeypatch.setattr(provenance, "commit", lambda: commit)
    monkeypatch.setattr(house, "REPO", tmp_path)
    (tmp_path / "book").mkdir()
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"totals": {"percent_covered": 87.65, "num_statements": 1234}}))
    covered.main(str(report), str(tmp_path / "book/coverage.json"))
    shown = house.show_coverage()[0].astext()
    if commit == "abc1234":
        assert all(word in shown for word in ("88 %", "1,234", "commit abc1234", "make coverage"))
    else:
        assert shown == "make coverage measures it."
