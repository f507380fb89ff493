import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import count, islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tas_lib.errors import InputError
from tas_lib.parallel import cores, in_order, one_thread, side_by_side


@settings(max_examples=25)
@given(st.lists(st.integers(), max_size=20), st.integers(1, 5))
def test_results_come_in_the_order_of_the_items(items, workers):
    def slow_start(item):
        time.sleep(1e-3 if item == items[0] else 0)
        return 2 * item

    assert list(in_order(slow_start, items, workers)) == [2 * item for item in items]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_few_items_are_in_flight(workers):
    """Those at work and one more for each worker: endless sequences and large frames are fine."""
    taken = []
    items = (taken.append(i) or i for i in count())
    for done, result in enumerate(islice(in_order(lambda item: item, items, workers), 30)):
        assert result == done
        assert len(taken) - done <= 2 * workers + 1


def test_items_are_worked_on_side_by_side():
    """Each of the three waits until all are there."""
    meeting = threading.Barrier(3, timeout=20)
    assert sorted(in_order(lambda _: meeting.wait(), range(3), 3)) == [0, 1, 2]


def test_one_worker_takes_one_item_at_a_time():
    busy = threading.Lock()

    def alone(item):
        assert busy.acquire(blocking=False)
        time.sleep(1e-3)
        busy.release()
        return item

    assert list(in_order(alone, range(10), 1)) == list(range(10))


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_in_the_work_arrives_at_its_turn_and_stops_the_rest(workers):
    started = []

    def work(item):
        started.append(item)
        if item == 4:
            raise KeyError("four")
        return item

    results = in_order(work, range(1000), workers)
    assert list(islice(results, 4)) == [0, 1, 2, 3]
    with pytest.raises(KeyError, match="four"):
        next(results)
    assert len(started) < 20
    assert next(results, "over") == "over"


def test_an_error_in_the_items_arrives_too():
    def items():
        yield 1
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        list(in_order(str, items(), 2))


def test_whoever_stops_listening_stops_the_work():
    started = []
    results = in_order(lambda item: started.append(item), count(), 2)
    next(results)
    results.close()
    seen = len(started)
    time.sleep(0.02)
    assert len(started) == seen < 10


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_one_thread_is_given_back_also_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
            with one_thread():
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with pytest.raises(ValueError), one_thread():
            raise ValueError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_one_thread_holds_beside_other_workers(three_threads):
    """Threads that come and go while others compute: all see one, and all is given back."""
    seen = []

    def work(item):
        with one_thread():
            time.sleep(1e-3 * (item % 3))
            seen.append(torch.get_num_threads())

    list(in_order(work, range(40), 4))
    assert seen == [1] * 40
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("fails", [False, True])
def test_threads_that_come_later_have_their_usual_number(fails):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)

        def work(item):
            with one_thread():
                time.sleep(1e-3)
                if fails and item == 19:
                    raise KeyError(item)

        with pytest.raises(KeyError) if fails else nullcontext():
            list(in_order(work, range(20), 4))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(before)


def test_cores_are_those_the_process_may_use(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {3, 5, 8}, raising=False)
    for asked, found in (("", 3), ("2", 2), ("9", 3), ("0", 3), ("4,2", 3)):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert cores() == found


@pytest.mark.parametrize("workers", [0, -1])
def test_nobody_at_work_is_refused(workers):
    with pytest.raises(InputError, match="workers: are .*at least one"):
        list(in_order(str, [1], workers))


def test_side_by_side_keeps_keys_and_gives_each_one_thread(three_threads):
    def work(a, b):
        return a + b, torch.get_num_threads()

    found = side_by_side(work, {"late": (1, 2), ("first", 0): (3, 4)})
    assert found == {"late": (3, 1), ("first", 0): (7, 1)}
    assert list(found) == ["late", ("first", 0)]
