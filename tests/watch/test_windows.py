"""Where windows begin and end."""

from datetime import UTC, datetime

from burnish.watch.windows import Log, Span, first_begin, next_span

NOW, APRIL = datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)


def log_of(times: list[str]) -> Log:
    return Log(
        first=lambda since: min((at for at in times if at >= since), default=None),
        count=lambda since, until: sum(since <= at < until for at in times),
    )


def spans(times: list[str], now: datetime = NOW, *, least: int = 2, keep: int = 30) -> list[Span]:
    begin, found = first_begin(min(times)), []
    while span := next_span(log_of(times), begin, now, window_days=7, least=least, keep_days=keep):
        found.append(span)
        begin = span.until
    return found


def test_every_exchange_lies_in_one_window() -> None:
    times = [f"2024-03-{day:02d}T00:00:00.000Z" for day in range(1, 29)]
    found = spans(times)
    assert [span.days for span in found] == [7, 7, 7, 7]
    assert sum(log_of(times).count(span.since, span.until) for span in found) == len(times)


def test_a_window_waits_for_requests_but_not_longer_than_the_log_remembers() -> None:
    daily = [f"2024-03-{day:02d}T09:00:00.000Z" for day in range(1, 31)]
    assert [span.days for span in spans(daily, APRIL, least=12)] == [14, 14]
    assert [span.days for span in spans(daily, APRIL, least=1000)] == [28]


def test_a_gap_is_skipped_and_told() -> None:
    times = [f"2024-{month}-{day:02d}T09:00:00.000Z" for month in ("01", "03") for day in (2, 3, 4)]
    first, second = spans(times)
    assert (first.silent_since, second.silent_since) == ("", first.until)
    assert second.since <= "2024-03-02" < second.until


def test_an_unfinished_window_is_no_window() -> None:
    times = ["2024-05-30T09:00:00.000Z", "2024-05-31T09:00:00.000Z"]
    assert spans(times) == []
    assert next_span(log_of([]), "2024-01-01T00:00:00.000Z", NOW, window_days=7, least=1,
                     keep_days=30) is None  # fmt: skip


def test_a_clock_before_the_begin_finishes_nothing() -> None:
    times = [f"2024-05-{day:02d}T09:00:00.000Z" for day in range(1, 30)]
    assert spans(times, datetime(2023, 1, 1, tzinfo=UTC)) == []
