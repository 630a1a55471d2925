"""Rows of a step side by side, each on its own share of the cores.

Large products use all cores anyway; the many small passes between them do not, and waiting for
one another at each of them costs a sixth of a step.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


class Workers:
    """Threads that share the cores torch may use.

    Args:
        most: at most so many jobs at once; 1 runs everything in the caller's thread.
        cores: to be shared; those torch may use, where none are named.
    """

    def __init__(self, most: int, cores: int | None = None) -> None:
        self._cores = cores or torch.get_num_threads()
        self.number = max(1, min(most, self._cores))
        self._pool = ThreadPoolExecutor(self.number, thread_name_prefix="rows")

    def run(self, jobs: Sequence[Callable[[], T]]) -> Iterator[T]:
        """What each job returns, in their order; a single job has all the cores.

        The order makes sums independent of which thread was faster.
        """
        if self.number == 1 or len(jobs) == 1:
            for job in jobs:
                yield job()
            return
        try:
            yield from self._pool.map(self._alone, jobs)
        finally:
            torch.set_num_threads(self._cores)

    def _alone(self, job: Callable[[], T]) -> T:
        torch.set_num_threads(self._cores // self.number)  # of this thread
        return job()
