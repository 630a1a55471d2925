"""Parts of a row wait for each other, and work meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from burnish.engines.relay import LEFT_AT_MOST, Relay, deferring, later


def waiting(relay: Relay, *, part: int = 1) -> None:
    """Be a part that waits for the keys and values of the parts before it."""
    relay.join(0, part, torch.ones(1, 1, 1), torch.ones(1, 1, 1))


def test_a_part_that_waits_takes_over_a_job() -> None:
    relay, meeting, done = Relay((1, 2)), threading.Barrier(2), []

    def job() -> None:
        meeting.wait(timeout=30)  # ends only where two threads are at it
        done.append(threading.get_ident())

    with ThreadPoolExecutor() as pool:
        other = pool.submit(waiting, relay)
        relay.share([job, job])
        assert len(set(done)) == 2
        waiting(relay, part=0)
        other.result(timeout=30)


def test_jobs_are_done_where_nobody_waits() -> None:
    relay, done = Relay((1, 2)), []
    relay.share([lambda: done.append(1), lambda: done.append(2)])
    relay.share([])
    assert sorted(done) == [1, 2]


def test_a_job_that_fails_in_another_part_fails_its_owner() -> None:
    relay, meeting = Relay((1, 2)), threading.Barrier(2)
    owner = threading.get_ident()

    def job() -> None:
        meeting.wait(timeout=30)
        if threading.get_ident() != owner:
            raise MemoryError("no more memory")

    def joined(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as fault:
            relay.fail(fault)
            raise

    with ThreadPoolExecutor() as pool:
        other = pool.submit(joined, lambda: waiting(relay))
        with pytest.raises(MemoryError, match="no more memory"):
            relay.share([job, job])
        with pytest.raises(MemoryError, match="no more memory"):
            other.result(timeout=30)


def test_a_job_for_later_runs_in_a_part_that_waits_or_at_the_end() -> None:
    relay, done, ran = Relay((1, 2)), [], threading.Event()

    def job() -> None:
        done.append(threading.get_ident())
        ran.set()

    with deferring(relay), ThreadPoolExecutor() as pool:
        later(job)
        assert not done  # nobody waits yet
        other = pool.submit(waiting, relay)
        assert ran.wait(timeout=30)
        waiting(relay, part=0)
        other.result(timeout=30)
        later(job)
        assert len(done) == 1
    assert len(done) == 2
    assert done[0] != done[1] == threading.get_ident()


def test_the_end_waits_for_a_job_that_another_part_has_begun() -> None:
    relay, begun, may_end, ended = Relay((1, 2)), threading.Event(), threading.Event(), []

    def job() -> None:
        begun.set()
        may_end.wait(timeout=30)
        ended.append(True)

    with ThreadPoolExecutor() as pool:
        other = pool.submit(waiting, relay)
        relay.later(job)
        assert begun.wait(timeout=30)
        threading.Timer(0.2, may_end.set).start()
        relay.finish()
        assert ended
        waiting(relay, part=0)
        other.result(timeout=30)


def test_jobs_for_later_do_not_pile_up() -> None:
    relay, done = Relay((1, 2)), []
    with deferring(relay):
        for number in range(LEFT_AT_MOST + 2):
            later(lambda number=number: done.append(number))  # type: ignore[misc]
        assert done == [LEFT_AT_MOST, LEFT_AT_MOST + 1]
    assert sorted(done) == list(range(LEFT_AT_MOST + 2))


def test_without_parts_nothing_is_put_off() -> None:
    done: list[int] = []
    with deferring(None):
        later(lambda: done.append(1))
        assert done
    later(lambda: done.append(2))
    assert done == [1, 2]


def test_a_job_carries_no_graph_whoever_runs_it() -> None:
    relay, weight = Relay((1, 2)), torch.ones(2, 2, requires_grad=True)
    made: list[torch.Tensor] = []
    with deferring(relay):
        later(lambda: made.append(torch.mm(weight, weight, out=torch.empty(2, 2))))
    relay.share([lambda: made.append(weight @ weight)])
    assert [one.requires_grad for one in made] == [False, False]
