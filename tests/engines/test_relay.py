"""Parts of a row wait for each other, and work meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from burnish.engines.relay import Relay


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
