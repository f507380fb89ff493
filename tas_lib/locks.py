"""One process at a time writes in a folder."""

from __future__ import annotations

import fcntl
import os
from functools import cache
from pathlib import Path

from tas_lib.errors import InputError


def hold(folder: Path) -> None:
    """Keep a folder for this process until it ends, however it does.

    Raises InputError where another process holds it. File systems without locks are not kept.
    """
    _hold(folder.resolve())


@cache
def _hold(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)  # open as long as the process lives
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        remedy = "wait until it has ended, or name another folder"
        raise InputError(folder, "folder", "is in use by another run", remedy) from error
    except OSError:
        os.close(handle)
