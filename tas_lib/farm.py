"""Items made side by side by processes, on this machine or on a cluster, by Dask.

A process that dies is replaced and its item made again; what an item becomes depends on the item
alone, so that neither this nor the number of processes changes a bit of it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from tas_lib.errors import InputError
from tas_lib.parallel import cores

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 2  # items a process that are sent out before they are needed
PATIENCE = "20s"  # until a scheduler answers
# Of a process. Dask's own also makes the C library give every large array back to the system at
# once, which slows simulations.
ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1)


def each(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int | None = None,
    scheduler: str | None = None,
) -> Iterator[tuple[Item, Result | InputError]]:
    """Pairs (item, function(item) or the InputError that it raised), in the order of completion.

    Items are taken as they are needed. Processes are spawned: a script that calls this guards its
    own lines by `if __name__ == "__main__"`.

    workers: processes (all cores), each with one thread; one is this process itself. scheduler:
    address of a Dask scheduler whose workers, with one thread each, see the same files; they may
    come and go. Raises InputError where nobody answers there.
    """
    workers = cores() if workers is None else workers
    if workers < 1:
        raise InputError("farm", "workers", f"are {workers}", "let at least one work")
    waiting = iter(items)
    first = list(islice(waiting, 1))
    waiting = chain(first, waiting)
    if not first or (scheduler is None and workers == 1):
        for item in waiting:
            yield item, _tried(function, item)
        return
    from dask.distributed import KilledWorker, as_completed

    with _client(workers, scheduler) as client:
        of: dict[Any, Item] = {}

        def sent() -> Iterator[Any]:
            there = max(1, sum(client.nthreads().values()))
            for item in islice(waiting, max(0, AHEAD * there - len(of))):
                future = client.submit(_by_itself, function, item, pure=False)
                of[future] = item
                yield future

        ready = as_completed(list(sent()))
        for future in ready:
            item = of.pop(future)
            try:
                yield item, future.result()
            except KilledWorker:
                problem = "was given up: it dies each time"
                named = getattr(item, "file", item)
                yield item, InputError(named, "process", problem, "give it more memory")
            ready.update(list(sent()))


def _tried(function: Callable[[Item], Result], item: Item) -> Result | InputError:
    try:
        with threadpool_limits(1, "blas"):  # whose last bits differ with the number of threads
            return function(item)
    except InputError as error:
        return error


def _by_itself(function: Callable[[Item], Result], item: Item) -> Result | InputError:
    """`_tried`, in a process of the farm: xarray shall not ask the farm for locks on files."""
    import dask

    with dask.config.set(scheduler="synchronous"):
        return _tried(function, item)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """What Dask sets for its processes (one thread each) also stays here otherwise."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Any]:
    """A client of the scheduler, or of processes that are started for it."""
    import dask
    from dask.distributed import Client, LocalCluster

    if scheduler is None:
        with (
            _environment_kept(),
            dask.config.set({"distributed.nanny.pre-spawn-environ": ENVIRONMENT}),
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",  # any free port
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        problem = f"does not answer ({type(error).__name__}: {error})"
        remedy = "give the address that `dask scheduler` prints, tcp://HOST:PORT"
        raise InputError(scheduler, "scheduler", problem, remedy) from error
    with client:
        yield client
