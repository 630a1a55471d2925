"""What the parts of one row tell each other when threads run them side by side.

A part's queries meet the keys and values of the parts before it, so those wait for nobody on the
way forward; on the way back they wait for the gradients that later parts have for them. Whoever
waits takes over work that another part has offered.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch

Tensors = tuple[torch.Tensor, torch.Tensor]

LEFT_AT_MOST = 8
"""Jobs of `Relay.later` that nobody has begun: those of three layers."""


class Relay:
    """Keys and values, and their gradients, on their way between the parts of a row.

    Args:
        ends: where in the row each part ends, in order; the last is the row's length.
    """

    def __init__(self, ends: tuple[int, ...]) -> None:
        self.ends = ends
        self._given: dict[Any, Tensors] = {}
        self._offered: list[Callable[[], None]] = []
        self._open = 0  # jobs that were offered and have not ended
        self._changed = threading.Condition()
        self._fault: BaseException | None = None

    def join(
        self, layer: int, part: int, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a part after those of all parts before it; waits for these.

        Args:
            key: [heads, tokens of the part, head size], and so is `value`.

        Raises:
            BaseException: the fault of another part, which would keep this one waiting.
        """
        self._give(("keys", layer, part), (key.detach(), value.detach()))
        earlier = [self._read(("keys", layer, each), keep=True) for each in range(part)]
        keys, values = zip(*earlier, (key, value), strict=True)
        return torch.cat(keys, 1), torch.cat(values, 1)

    def settle(
        self, layer: int, part: int, for_key: torch.Tensor, for_value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The whole gradients of a part's own keys and values; waits for the later parts.

        Args:
            for_key: gradient, from this part's queries, of what `join` returned; so `for_value`.
        """
        sizes = [end - begin for begin, end in pairwise((0, *self.ends[: part + 1]))]
        *earlier, own = zip(for_key.split(sizes, 1), for_value.split(sizes, 1), strict=True)
        for each, gradients in enumerate(earlier):
            self._give(("gradients", layer, part, each), gradients)
        for later in range(part + 1, len(self.ends)):
            more = self._read(("gradients", layer, later, part), keep=False)
            for total, gradient in zip(own, more, strict=True):
                total += gradient
        return own

    def share(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Run jobs that wait for nothing, also in parts that wait just then; ends when all have.

        Raises:
            BaseException: the fault of another part.
        """
        self._offer(jobs)
        self.finish()

    def later(self, job: Callable[[], None]) -> None:
        """Run a job whose result is wanted when `finish` has ended: in a part that waits, or there.

        Where enough are left already, it runs now: what a job reads stays in memory.
        """
        with self._changed:
            enough = len(self._offered) >= LEFT_AT_MOST
        if enough:
            job()
        else:
            self._offer([job])

    def finish(self) -> None:
        """Run the jobs that are left, with the other parts; ends when all have run."""
        self._wait(lambda: self._open == 0)

    def _offer(self, jobs: Sequence[Callable[[], None]]) -> None:
        with self._changed:
            self._offered += jobs
            self._open += len(jobs)
            self._changed.notify_all()

    def _give(self, name: Any, tensors: Tensors) -> None:
        with self._changed:
            self._given[name] = tensors
            self._changed.notify_all()

    def _read(self, name: Any, *, keep: bool) -> Tensors:
        """What was given under a name, as soon as it is."""
        self._wait(lambda: name in self._given)
        with self._changed:
            return self._given[name] if keep else self._given.pop(name)

    def _wait(self, ready: Callable[[], bool]) -> None:
        """Until it is ready; meanwhile run what is offered."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: ready() or self._offered or self._fault is not None)
                if self._fault is not None:
                    raise self._fault
                if ready():
                    return
                job = self._offered.pop()
            with torch.no_grad():  # a part may wait outside of autograd's functions
                job()
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def fail(self, fault: BaseException) -> None:
        """Let nobody wait for a part that has failed."""
        with self._changed:
            self._fault = self._fault or fault
            self._changed.notify_all()


class _Here(threading.local):
    relay: Relay | None = None


_here = _Here()


@contextmanager
def deferring(relay: Relay | None) -> Iterator[None]:
    """Let what `later` is given in this thread run until the end of the block, in any part."""
    _here.relay = relay
    try:
        yield
        if relay is not None:
            relay.finish()
    finally:
        _here.relay = None


def later(job: Callable[[], None]) -> None:
    """Run a job before the block of `deferring` ends; at once where there is none."""
    if _here.relay is None:
        job()
    else:
        _here.relay.later(job)
