"""A table that takes long, item by item: what was found is kept until the whole is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from tas_lib.errors import InputError, unwritable
from tas_lib.farm import each
from tas_lib.locks import hold
from tas_lib.provenance import code, facts

Item = TypeVar("Item")
Rows = list[dict[str, Any]]
PASSING = "commit", "date", "threads"  # of `facts`: they change no result that `code` does not tell


class Journal:
    """Rows of items by their keys, in a file of one line each; without a path, in none.

    made: what the rows depend on, beside their item. Lines made otherwise, by other code or
    versions, or cut short are ignored. Raises InputError where the file cannot be used, or is
    used by another process.
    """

    def __init__(self, path: Path | None = None, **made: Any):
        now = {key: value for key, value in facts().items() if key not in PASSING}
        about = json.dumps([made, code(), now], sort_keys=True, default=str)
        self._made = hashlib.sha256(about.encode()).hexdigest()
        self._path, self.found = path, dict[str, Rows]()
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            hold(path)
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise unwritable(path, error) from error
        for line in lines:
            try:
                made_by, key, rows = json.loads(line)
            except (ValueError, TypeError, RecursionError):
                continue
            if made_by == self._made:
                self.found[key] = rows

    def enter(self, key: str, rows: Rows) -> None:
        self.found[key] = rows
        if self._path is None:
            return
        line = json.dumps([self._made, key, rows], default=lambda value: value.tolist())
        try:
            with self._path.open("a") as file:
                file.write(f"\n{line}\n")  # after what a kill may have left of the line before
        except OSError as error:
            raise unwritable(self._path, error) from error


@contextmanager
def unfinished(out: Path | None, **made: Any) -> Iterator[Journal]:
    """A `Journal` beside the file `out`, deleted when all is done.

    Raises InputError where no file can be written, so that a long run does not end there.
    """
    if out and out.is_dir():
        raise InputError(out, "file", "is a folder", "name a file in it")
    path = out and out.with_name(f"{out.name}.part")
    try:
        yield Journal(path, **made)
    except InputError:
        if path and path.is_file() and not path.stat().st_size:
            path.unlink()
        raise
    if path:
        path.unlink(missing_ok=True)


def gather(
    rows_of: Callable[[Item], Rows],
    items: Iterable[Item],
    key_of: Callable[[Item], str],
    what: str,
    unit: str,
    *,
    journal: Journal | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Rows:
    """Rows of all items, sorted by key, those in the journal not made again.

    workers: see `farm.each`. Raises the InputError of the first item that has one.
    """
    journal, items = journal or Journal(), list(items)
    keys = {id(item): key_of(item) for item in items}
    missing = [item for item in items if keys[id(item)] not in journal.found]
    done = len(items) - len(missing)
    pairs = each(rows_of, missing, workers)
    with tqdm(desc=what, total=len(items), initial=done, unit=unit, disable=not progress) as bar:
        for item, rows in pairs:
            if isinstance(rows, InputError):
                raise rows
            journal.enter(keys[id(item)], rows)
            bar.update()
    return [row for key in sorted(keys.values()) for row in journal.found[key]]
