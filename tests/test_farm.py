"""Processes side by side: the same results however many there are, whatever happens to them."""

import os
import signal
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import scipy.linalg  # noqa: F401  (brings a BLAS of its own)
from threadpoolctl import threadpool_info, threadpool_limits

from tas_lib import farm
from tas_lib.errors import InputError
from tas_lib.farm import each


@dataclass(frozen=True)
class Film:
    file: str


def squared(number):
    if number == 3:
        raise InputError("items", "number", "is 3", "give another one")
    return number**2


def dies_at_first(number, folder):
    """A process dies over the numbers 2 and 5, when it sees them for the first time."""
    mark = Path(folder) / str(number)
    if number in (2, 5) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def threads_of_blas(number):
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def always_dies(number):
    os.kill(os.getpid(), signal.SIGKILL)


def outcome(pairs):
    return {item: str(found) for item, found in pairs}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_has_its_result_or_its_error(workers, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = {name: os.environ.get(name) for name in farm.ENVIRONMENT}
    found = outcome(each(squared, range(12), workers))
    assert {name: os.environ.get(name) for name in farm.ENVIRONMENT} == before
    assert found.pop(3) == "items: number: is 3; give another one"
    assert found == {n: str(n**2) for n in range(12) if n != 3}


@pytest.mark.parametrize("workers", [1, 2])
def test_blas_has_one_thread_in_all_processes(workers):
    with threadpool_limits(2, "blas"):
        assert threads_of_blas(0) == {2}
        assert [found for _, found in each(threads_of_blas, [0], workers)] == [{1}]
        assert threads_of_blas(0) == {2}


def test_nothing_to_make_needs_nobody():
    assert list(each(squared, [], 2, "tcp://127.0.0.1:9")) == []


def test_items_of_a_process_that_dies_are_made_again(tmp_path):
    pairs = list(each(partial(dies_at_first, folder=str(tmp_path)), range(8), 2))
    assert Counter(item for item, _ in pairs) == Counter(range(8))
    assert all(isinstance(pid, int) and pid != os.getpid() for _, pid in pairs)


@pytest.mark.slow
def test_an_item_that_kills_every_process_is_given_up():
    film = Film("a.nc")
    ((item, error),) = each(always_dies, [film], 2)
    assert item == film and str(error).startswith("a.nc: process: was given up: it dies each time")


def test_a_cluster_that_is_there_does_the_work(monkeypatch):
    from dask.distributed import LocalCluster

    with (
        farm._environment_kept(),
        LocalCluster(n_workers=1, dashboard_address="127.0.0.1:0") as cluster,
    ):
        found = dict(each(squared, [1, 2], scheduler=cluster.scheduler_address))
    assert found == {1: 1, 2: 4}
    monkeypatch.setattr(farm, "PATIENCE", "1s")
    with pytest.raises(InputError, match="scheduler: does not answer .*; give the address"):
        list(each(squared, [1], scheduler="tcp://127.0.0.1:9"))
    with pytest.raises(InputError, match="workers: are 0; let at least one work"):
        list(each(squared, [1], 0))
