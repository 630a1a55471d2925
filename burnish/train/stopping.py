"""Stopping on request: Ctrl-C, a TERM signal or a time that is up end training after a step.

While `stop_requests` holds, the first signal is only noted; training asks after each optimiser
step, saves a checkpoint and raises `Interrupted`. A second signal acts at once, as if nobody had
listened. Handlers are set in the main thread alone, and those that stood before come back.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_HEEDED = (signal.SIGINT, signal.SIGTERM)


class StopRequests:
    """Whether, and by what, training was asked to stop.

    Args:
        deadline: time (of time.monotonic) at which it is asked to stop by itself; None is never.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self._deadline = deadline
        self._signal: int | None = None

    def note(self, number: int) -> None:
        """Remember a signal."""
        self._signal = number

    def asked(self) -> int | None:
        """The signal that asked, 0 where the time is up, None where nobody asked."""
        if self._signal is not None:
            return self._signal
        up = self._deadline is not None and time.monotonic() >= self._deadline
        return 0 if up else None


@contextmanager
def stop_requests(deadline: float | None = None) -> Iterator[StopRequests]:
    """Listen for Ctrl-C and TERM while the block runs; signals that were ignored stay so."""
    requests = StopRequests(deadline)
    if threading.current_thread() is not threading.main_thread():
        yield requests
        return
    before = {
        number: handler
        for number in _HEEDED
        if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: FrameType | None) -> None:
        if requests.asked():
            restore()
            signal.raise_signal(number)
        requests.note(number)

    for number in before:
        signal.signal(number, note)
    try:
        yield requests
    finally:
        restore()
