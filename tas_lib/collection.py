"""A collection: a folder of recordings and a manifest that says what each is and what made it.

Making one can be cut short at any time: a recording counts once it is in the manifest, and is
whole where its hash is the manifest's. The collection is whole once all have been tried.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from tas_lib import recording
from tas_lib.errors import InputError, unwritable
from tas_lib.farm import each
from tas_lib.locks import hold
from tas_lib.provenance import PACKAGES, facts

Item = TypeVar("Item")
MANIFEST = "manifest.json"


class Collection:
    """The collection in `folder`, opened or begun; `manifest` is what its file holds.

    identity: what all its recordings share, by name. Raises InputError where the folder holds
    another collection, can't be used, or is used by another process (see `locks.hold`).
    """

    def __init__(self, folder: str | Path, identity: dict[str, Any]):
        self.folder, self._now = Path(folder), facts()
        self.manifest = _opened(self.folder, identity)
        self._entries = {entry["file"]: entry for entry in self.manifest["recordings"]}

    def has(self, file: str) -> bool:
        """Whether the recording is there and whole."""
        path = self.folder / file
        return file in self._entries and path.is_file() and digest(path) == self[file]["sha256"]

    def __getitem__(self, file: str) -> dict[str, Any]:
        return self._entries[file]

    def fill(
        self,
        make: Callable[[Item], dict[str, Any]],
        missing: Iterable[Item],
        file_of: Callable[[Item], str],
        bar: tqdm,
        workers: int | None = None,
        scheduler: str | None = None,
        *,
        strict: bool = False,
    ) -> dict[str, str]:
        """Make each missing item and enter it in the manifest -> reasons of failures, by file.

        The earlier file of an item that can no longer be made is removed.
        workers, scheduler: see `farm.each`. strict: raise the first InputError instead.
        """
        failed = {}
        with bar:
            for item, about in each(make, missing, workers, scheduler):
                file = file_of(item)
                if isinstance(about, InputError):
                    self._drop(file)
                    if strict:
                        raise about
                    failed[file] = str(about)
                else:
                    self.enter(file, **about)
                bar.update()
        if not self.manifest.get("whole", True):
            self._write(whole=True)
        return failed

    def enter(self, file: str, **about: Any) -> None:
        """Enter a recording that is in the folder in the manifest.

        Warns where other versions made what is there.
        """
        self._add_versions()
        self._entries[file] = {
            "file": file,
            "sha256": digest(self.folder / file),
            **about,
            "made_with": len(self.manifest["made_with"]) - 1,
        }
        self._write()

    def _drop(self, file: str) -> None:
        if self._entries.pop(file, None) is None:
            return
        self._write()
        try:
            (self.folder / file).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.folder / file, error) from error

    def _write(self, whole: bool = False) -> None:
        self.manifest["whole"] = whole
        self.manifest["recordings"] = [self._entries[name] for name in sorted(self._entries)]
        recording.write_text(self.folder / MANIFEST, json.dumps(self.manifest, indent=1))

    def _add_versions(self) -> None:
        """Make the versions of today the last of `made_with`."""
        made_with, now = self.manifest["made_with"], self._now
        before = made_with[-1] if made_with else now
        changed = [
            f"{key} {before.get(key)} -> {now[key]}"
            for key in ("commit", "Python", *PACKAGES)
            if before.get(key) != now[key]
        ]
        if changed:
            problem = f"{self.folder}: a part was made with {', '.join(changed)}"
            warnings.warn(problem, stacklevel=4)
        if changed or not made_with:
            made_with.append(now)


def _opened(folder: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """The folder's manifest, or a new one."""
    path = folder / MANIFEST
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hold(folder)
        manifest = json.loads(path.read_text())
        holds = {key: manifest[key] for key in identity}
        _ = manifest["made_with"][-1]["commit"]
        _check_entries(manifest)
    except FileNotFoundError:
        return {**identity, "made_with": [], "recordings": []}
    except OSError as error:
        problem = f"cannot be used ({error.strerror})"
        raise InputError(folder, "folder", problem, "name another one") from error
    except InputError:
        raise
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        problem = f"is no manifest of this kind ({type(error).__name__}: {error})"
        raise InputError(path, "file", problem, "name another folder, or delete it") from error
    other = [f"{key} {holds[key]}" for key in identity if holds[key] != identity[key]]
    if other:
        problem = f"holds another collection ({', '.join(other)})"
        raise InputError(folder, "folder", problem, "name another folder for this one")
    return manifest


def manifest_of(folder: str | Path, remedy: str) -> dict[str, Any]:
    """What the manifest of a finished or unfinished collection holds. Raises InputError."""
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        _check_entries(manifest)
    except FileNotFoundError as error:
        raise InputError(path, "file", "is not there", remedy) from error
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        problem = f"is no manifest of recordings ({type(error).__name__}: {error})"
        raise InputError(path, "file", problem, remedy) from error
    return manifest


def whole_manifest_of(folder: str | Path, remedy: str) -> dict[str, Any]:
    """As `manifest_of`, of a finished collection alone, as training needs it. Raises InputError."""
    manifest = manifest_of(folder, remedy)
    if not manifest.pop("whole", True):  # the first ones did not say
        problem = "are not all there: making them goes on, or was cut short"
        raise InputError(folder, "recordings", problem, "wait, or run again what makes them")
    return manifest


def _check_entries(manifest: dict[str, Any]) -> None:
    """Raises what bad entries raise; a file is one of the folder itself, not of another."""
    for entry in manifest["recordings"]:
        name, whole = entry["file"], entry["sha256"]
        if not (isinstance(name, str) and isinstance(whole, str)):
            raise TypeError("a file's name or hash is no text")
        if name in ("", "..") or Path(name).name != name or "\0" in name:
            raise ValueError(f"{name!r} is not the name of a file beside it")


def digest(path: Path) -> str:
    """SHA-256 of a file. Raises InputError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise InputError(path, "file", problem, "check the path") from error
