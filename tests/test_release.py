"""What a stranger installs, cites and launches: packages, CITATION.cff, environment.yml, links."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from extensions import REPO, extension

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((REPO / "CITATION.cff").read_text())
ADDRESS = yaml.safe_load((REPO / "_config.yml").read_text())["repository"]["url"]
BUILT = "build", "_build", ".venv", ".git", "*.egg-info", "__pycache__", ".hypothesis", ".*_cache"


def test_the_citation_has_what_its_format_asks_for_and_agrees_with_the_project():
    assert {"cff-version", "message", "title", "authors", "type"} <= CITATION.keys()
    assert CITATION["cff-version"] == "1.2.0" and CITATION["type"] == "software"
    assert (
        str(CITATION["version"]) == PROJECT["version"] and CITATION["license"] == PROJECT["license"]
    )
    assert [author["name"] for author in CITATION["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]
    (paper,) = CITATION["references"]
    assert {"type", "title", "authors", "year"} <= paper.keys()
    assert all(person.keys() == {"family-names", "given-names"} for person in paper["authors"])


def test_the_package_says_its_version():
    import tas_lib

    assert tas_lib.__version__ == PROJECT["version"]


def test_the_public_address_is_the_same_wherever_it_is_needed():
    assert CITATION.get("repository-code", "") == ADDRESS
    assert not {url for url in PROJECT.get("urls", {}).values() if not url.startswith("https://")}


@pytest.mark.parametrize("url", ["", "https://github.com/owner/name"])
def test_buttons_come_with_the_address_alone(url):
    companion = extension("companion")
    options = {"repository_url": url, "launch_buttons": {"notebook_interface": "jupyterlab"}}
    config = SimpleNamespace(html_theme_options=options, html_baseurl="")
    companion.show_address(None, config)
    assert {options[key] for key in options if key.startswith("use_")} == {bool(url)}
    assert bool(options["launch_buttons"]["binderhub_url"]) is bool(url)
    assert config.html_baseurl == ("https://owner.github.io/name/" if url else "")


def test_binder_gets_what_make_env_installs():
    """No conda is needed to see that its file names extras and versions that are there."""
    environment = yaml.safe_load((REPO / "environment.yml").read_text())
    assert {"name", "channels", "dependencies"} == environment.keys()
    *conda, pip = environment["dependencies"]
    lines = pip["pip"]
    assert {name.split("=")[0] for name in conda} == {"python", "pip"}
    low, high = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    version = next(re.search(r"3\.(\d+)$", name)[1] for name in conda if name.startswith("python"))
    assert int(low) <= int(version) < int(high)
    pinned = [line.split()[1] for line in lines if line.startswith("-c ")]
    assert pinned and all((REPO / name).is_file() for name in pinned)
    (extras,) = [re.search(r"\[(.+)\]", line)[1] for line in lines if line.startswith("-e ")]
    assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()
    makefile = (REPO / "Makefile").read_text()
    index = re.search(r"^TORCH_INDEX := (\S+)$", makefile, re.MULTILINE)[1]
    assert f"--extra-index-url {index}" in lines
    script = REPO / "postBuild"
    assert os.access(script, os.X_OK)
    patterns = re.findall(r"notebooks/\S+\.py", script.read_text())
    assert patterns and all(list(REPO.glob(pattern)) for pattern in patterns)


def test_every_requirement_is_pinned():
    text = (REPO / "constraints.txt").read_text()
    pins = {key(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
    groups = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + groups["book"] + groups["dev"] + groups["lab"]
    assert {key(re.match(r"[\w.-]+", one)[0]) for one in wanted} <= pins


def key(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def ran(*words, **options):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The checkout without what was built in it, so that nothing old gets into a package."""
    folder = tmp_path_factory.mktemp("source") / "tas-lib"
    return shutil.copytree(REPO, folder, ignore=shutil.ignore_patterns(*BUILT), symlinks=True)


@pytest.fixture(scope="module")
def packages(source):
    """The wheel, and the sdist: what the build backend makes of the checkout."""
    code = "from setuptools import build_meta as b; b.build_wheel('d'); b.build_sdist('d')"
    ran(sys.executable, "-c", code, cwd=source)
    (wheel,), (sdist,) = (source / "d").glob("*.whl"), (source / "d").glob("*.tar.gz")
    return wheel, sdist


@pytest.mark.slow
def test_wheel_and_sdist_hold_all_of_the_library(source, packages):
    wheel, sdist = packages
    files = [path for path in (source / "tas_lib").rglob("*") if path.is_file()]
    wanted = {path.relative_to(source).as_posix() for path in files}
    suffixes = {Path(name).suffix for name in wanted}
    assert {".safetensors", ".npz", ".csv", ".json", ".js", ".jinja"} <= suffixes
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert wanted | {"pyproject.toml", "README.md", "LICENSE"} <= names


@pytest.mark.weekly
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_it_installs_and_runs_away_from_the_checkout(packages, tmp_path, kind):
    """In an environment of its own, whose dependencies are those of the one that tests."""
    wheel, sdist = packages
    if kind == "sdist":
        make = "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", tmp_path
        ran(sys.executable, "-m", "pip", *make, sdist, cwd=tmp_path)
        (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "env", symlinks=True)
    python = tmp_path / "env/bin/python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(ran(python, "-I", "-c", code).strip())
    install = "install", "-q", "--no-deps", "--no-index", wheel
    ran(sys.executable, "-m", "pip", "--python", python, *install, cwd=tmp_path)
    # Behind the installed package: its own files are found first.
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    tas = tmp_path / "env/bin/tas"

    def call(*words):
        return ran(*words, cwd=tmp_path, env=clean)

    where = call(python, "-c", "import tas_lib; print(tas_lib.__file__)")
    assert Path(where.strip()).is_relative_to(site)
    assert "Usage: tas" in call(tas, "--help")
    assert "shipped with this program" in call(tas, "info")
    assert '"network"' in call(tas, "weights", "card", "tasnet")
