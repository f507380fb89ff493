"""Where work is done, decided in one place: independent items side by side, one thread each.

Two frames made side by side are ready sooner than two that take turns with twice the threads, and
PyTorch's results differ in the last bits with the number of its threads: whatever must be
reproducible runs in `one_thread`, however many threads run beside it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

import torch

from tas_lib.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")
Key = TypeVar("Key", bound=Hashable)


def cores() -> int:
    """Cores this process may use: those that it is given, or as many as OMP_NUM_THREADS says."""
    given = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        given = len(os.sched_getaffinity(0))
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(given, int(asked)) if asked.isdigit() and int(asked) else given


def check_device(device: str) -> None:
    """Raises InputError where there is none of that name."""
    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise InputError("PyTorch", "device", f"{device} is not available", "use cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch computes on one thread inside, in the calling thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """function(item) of one item after the other, up to `workers` (all cores) at work at a time.

    Items are taken when a worker gets free, so that few of them are in memory at once.
    """
    workers = cores() if workers is None else workers
    if workers < 1:
        raise InputError("parallel", "workers", f"are {workers}", "let at least one work")
    pending = deque[Future[Result]]()
    try:
        with ThreadPoolExecutor(workers) as pool:
            items = iter(items)
            pending.extend(pool.submit(function, item) for item in islice(items, 2 * workers))
            try:
                while pending:
                    yield pending.popleft().result()
                    pending.extend(pool.submit(function, item) for item in islice(items, 1))
            finally:
                for future in pending:
                    future.cancel()
    finally:
        torch.set_num_threads(torch.get_num_threads())  # for threads to come, as for this one


def side_by_side(
    function: Callable[..., Result], wanted: Mapping[Key, tuple[Any, ...]]
) -> dict[Key, Result]:
    """function(*arguments) of each, by its key, on all cores with one thread each."""

    def result(arguments: tuple[Any, ...]) -> Result:
        with one_thread():
            return function(*arguments)

    return dict(zip(wanted, in_order(result, wanted.values()), strict=True))
