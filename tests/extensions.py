"""The book's own extensions, which are no package."""

import importlib.util
from pathlib import Path
from types import ModuleType

REPO = Path(__file__).resolve().parents[1]


def extension(name: str) -> ModuleType:
    """A module of book/_ext."""
    spec = importlib.util.spec_from_file_location(name, REPO / f"book/_ext/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
