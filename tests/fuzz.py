"""Broken files, tried on all that reads files: `python tests/fuzz.py --seed 0 --n 100 --out FILE`.

Each is read in a process of its own, which must end within SECONDS, fill less than MEMORY beyond
what it began with, and either return what the reader's own checks accept or refuse the file by an
InputError that names it. What holds code, or names a file elsewhere, must be refused and leave no
trace. The same seed makes the same files.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from fuzz_kinds import KINDS
from mutations import mutate
from tqdm import tqdm

from tas_lib import archive
from tas_lib.errors import InputError
from tas_lib.provenance import facts
from tas_lib.recording import replacing

SECONDS = 10
MEMORY = 4 << 30  # bytes in use; of addresses, twice as many
FAILURES = "crash", "hang", "memory", "escape"


def tries(
    kind: str, seed: int, n: int, mutate=mutate, mutated: str | None = None
) -> Iterator[tuple[str, str, str]]:
    """(what was done to a file of that kind, outcome, detail) of `n` files.

    mutated: a glob of the files that `mutate` may be given, if not all of that kind.
    """
    torch.set_num_threads(1)  # a forked process has no other
    about = KINDS[kind]
    with tempfile.TemporaryDirectory() as root:
        good, given, outside = (Path(root) / name for name in ("good", "given", "outside"))
        good.mkdir()
        path = about.make(good).relative_to(good)
        outcome, detail = outcome_of(about.read, good / path, good)
        assert outcome == "read", f"{kind}: {outcome}: {detail}"
        targets = [
            p.relative_to(good) for p in sorted(good.glob(mutated or about.mutated)) if p.is_file()
        ]
        for k in range(n):
            for folder in (given, outside):
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(good, folder)
            _flatten(outside)
            before = _seen(outside)
            rng = random.Random(f"{seed} {kind} {k}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                done, leads_outside = mutate(given / rng.choice(targets), rng)
            outcome, detail = outcome_of(about.read, given / path, given)
            if _seen(outside) != before or (leads_outside and outcome == "read"):
                outcome = "escape"
            yield done, outcome, detail


def _flatten(outside: Path) -> None:
    """All files at its top too, where names like ../outside/NAME find them."""
    for path in [p for p in outside.rglob("*") if p.is_file() and p.parent != outside]:
        shutil.copy(path, outside / path.name)


def _seen(folder: Path) -> list:
    """Names, sizes and dates of what is around the input, without the input."""
    paths = [p for p in folder.parent.rglob("*") if not p.is_relative_to(folder.parent / "given")]
    return sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in paths if p.is_file())


def outcome_of(read, path: Path, folder: Path) -> tuple[str, str]:
    """Outcome of `read(path)`, and what it said, in a process that is limited."""
    receive, send = os.pipe()
    with warnings.catch_warnings():  # of threads, which no forked process has
        warnings.simplefilter("ignore")
        pid = os.fork()
    if not pid:
        try:
            os.close(receive)
            os.setpgid(0, 0)
            signal.alarm(SECONDS)
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(quiet, stream)
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + 2 * MEMORY,) * 2)
            before = _peak(resource.RUSAGE_SELF)
            found = _outcome(read, path, folder)
            taken = max(_peak(resource.RUSAGE_SELF) - before, _peak(resource.RUSAGE_CHILDREN))
            if taken > MEMORY:
                found = "memory", f"{taken} bytes"
            os.write(send, json.dumps(found).encode())
        finally:
            os._exit(0)
    os.close(send)
    with os.fdopen(receive) as pipe:
        said = pipe.read()
    status = os.waitpid(pid, 0)[1]
    try:
        os.killpg(pid, signal.SIGKILL)  # a decoder that it left
    except ProcessLookupError:
        pass
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return ("hang" if name == "SIGALRM" else "crash"), name
    return tuple(json.loads(said)) if said else ("crash", "said nothing")


def _peak(who: int) -> int:
    """Bytes that this process, or those that it waited for, had in use at most."""
    return 1024 * resource.getrusage(who).ru_maxrss


def _outcome(read, path: Path, folder: Path) -> tuple[str, str]:
    warnings.simplefilter("ignore")
    try:
        read(path)
    except InputError as error:
        names = {p.name for p in folder.rglob("*")} | {folder.name}
        named = any(name in error.where for name in names)
        return ("refused" if named else "crash"), f"InputError: {error}"[:1000]
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error}"[:1000]
        outcome = "memory" if isinstance(error, MemoryError) else "crash"
        return outcome, f"{said} ({last.filename}:{last.lineno})"
    return "read", ""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--n", type=int, default=100, help="files of each kind")
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    rows, made_by = [], facts()
    for kind in tqdm(KINDS, "kinds"):
        counts = Counter()
        for done, outcome, detail in tries(kind, given.seed, given.n):
            counts[outcome] += 1
            if outcome in FAILURES:
                print(f"{kind}: {done}: {outcome}: {detail}", file=sys.stderr)
        failed = sum(counts[name] for name in FAILURES)
        known = {"read": counts["read"], "refused": counts["refused"], "failed": failed}
        rows.append({"kind": kind, "tried": given.n, **known})
    about = {"command": f"python tests/fuzz.py --seed {given.seed} --n {given.n}", **made_by}
    about |= {"seed": given.seed, "seconds": SECONDS, "megabytes": MEMORY >> 20}
    with replacing(given.out) as temporary:
        temporary.write_text(archive.text(pd.DataFrame(rows), **about))
    return int(any(row["failed"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
