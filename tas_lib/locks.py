"""One process at a time writes in a folder, or in a file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tas_lib.errors import InputError

_HELD = set[tuple[int, int]]()  # device and inode, which stay theirs while they are open


def hold(place: Path) -> None:
    """Lock a folder or a file for this process until it ends, however it does.

    Raises InputError where another process holds it. Does nothing on file systems without locks.
    """
    handle = os.open(place, os.O_RDONLY)  # open as long as the process lives
    about = os.fstat(handle)
    if (about.st_dev, about.st_ino) in _HELD:
        os.close(handle)
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        kind = "folder" if place.is_dir() else "file"
        remedy = f"wait until it has ended, or name another {kind}"
        raise InputError(place, kind, "is in use by another run", remedy) from error
    except OSError:
        os.close(handle)
    else:
        _HELD.add((about.st_dev, about.st_ino))
