"""What made a result: for the last line of a notebook, archived runs, data sets and weights."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from tas_lib.parallel import cores

PACKAGES = "tas-lib", "numpy", "scipy", "torch", "finufft", "pymust"


@cache
def commit() -> str:
    """The commit of the code that runs, marked "-dirty" if edited; "no git" outside a checkout.

    That of the first call, which is below: a long run does not take up later ones.
    """
    try:
        _git("ls-files", "--error-unmatch", __file__)  # else the checkout is another project's
        return _git("describe", "--always", "--dirty", "--exclude", "*")
    except (OSError, subprocess.CalledProcessError):
        return "no git"


def _git(*words: str) -> str:
    git = ["git", "-C", str(Path(__file__).parent), *words]
    return subprocess.run(git, capture_output=True, check=True, text=True).stdout.strip()


commit()


@cache
def code() -> str:
    """SHA-256 over the library's files, which also tells edits that no commit has."""
    found, folder = hashlib.sha256(), Path(__file__).parent
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def facts(device: str = "cpu") -> dict[str, str]:
    """Commit, device ("cpu" or "cuda", by name), threads, date and versions, read now."""
    return {
        "commit": commit(),
        "device": f"CPU {platform.machine()}" if device == "cpu" else torch.cuda.get_device_name(),
        "threads": f"{cores()} of {os.cpu_count()} cores",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "Python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    """Its version, or "not installed": training does without the simulator's packages."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
