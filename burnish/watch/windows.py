"""Windows of the request log: where each begins and ends, once and for all.

Reads nothing but what it is given; times are ISO 8601 in UTC, as in the log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Span:
    """A window.

    Attributes:
        since, until: the second does not belong to it.
        silent_since: where no request came for a whole window or longer before it; else "".
    """

    since: str
    until: str
    silent_since: str = ""

    @property
    def days(self) -> float:
        """Its length."""
        return (parsed(self.until) - parsed(self.since)) / timedelta(days=1)


@dataclass(frozen=True)
class Log:
    """What is asked of the request log.

    Attributes:
        first: the time of the first exchange from a time on, or None.
        count: exchanges from a time up to another.
    """

    first: Callable[[str], str | None]
    count: Callable[[str, str], int]


def next_span(
    log: Log, begin: str, now: datetime, *, window_days: float, least: int, keep_days: int
) -> Span | None:
    """The next finished window from `begin` on; None while it is open.

    It lasts `window_days`, or as many times that as it takes to hold `least` requests; but it ends
    before the log's first days are removed, after `keep_days`.
    """
    first = log.first(begin)
    if first is None:
        return None
    step = timedelta(days=window_days)
    start = parsed(begin)
    skipped = max(0, (parsed(first) - start) // step)
    start += skipped * step
    most = max(1, int(keep_days / window_days))
    for times in range(1, most + 1):
        end = start + times * step
        if end > now:
            return None
        if times == most or log.count(written(start), written(end)) >= least:
            return Span(written(start), written(end), silent_since=begin if skipped else "")
    return None


def first_begin(first: str) -> str:
    """Midnight before the first exchange, in UTC: where the first window begins."""
    return written(parsed(first).replace(hour=0, minute=0, second=0, microsecond=0))


def later(at: str, days: float) -> str:
    """A time so many days later."""
    return written(parsed(at) + timedelta(days=days))


def parsed(at: str) -> datetime:
    """The time that a text of the log gives."""
    return datetime.fromisoformat(at).astimezone(UTC)


def written(at: datetime) -> str:
    """A time as the log has it, on a full second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
