"""What the request log showed, on the screen.

Reads a WatchOutcome; writes to standard output.
"""

from pathlib import Path

from rich.console import Console

from burnish.cli.show import new_table, say, screen
from burnish.records import Watch, WatchOutcome

_MOST_SIGNALS = 6


def show_watch(outcome: WatchOutcome, page: Path, *, brief: bool = False) -> None:
    """Print the windows judged now, what moved in those with an alarm, and what to do next.

    Args:
        brief: the number of alarms alone.
    """
    console = screen()
    alarms = [one for one in outcome.judged if one.alarm]
    if brief:
        say(console, f"{len(alarms)} alarms in {len(outcome.judged)} windows")
        return
    if outcome.judged:
        table = new_table("Windows judged now", "window", "requests", "p", "alarm at", "")
        for one in outcome.judged:
            table.add_row(
                _span(one), f"{one.requests:,}", f"{one.p_value:.3g}", f"{one.threshold:.3g}",
                "alarm" if one.alarm else "",
            )  # fmt: skip
        console.print(table)
    for one in alarms:
        _alarm(console, one)
    _under_way(console, outcome)
    if (canary := outcome.canary) is not None:
        say(console, f"Run {canary.run}, with {canary.share:.0%} of the requests: {canary.action}. "
            f"{canary.reason}")  # fmt: skip
    for note in [*outcome.notes, *dict.fromkeys(n for one in outcome.judged for n in one.notes)]:
        say(console, note)
    if outcome.judged or outcome.before:
        say(console, f"All windows: {page}")
    if alarms:
        say(console, "Next: burnish gather collects what is worth labelling, and then "
            "burnish retune")  # fmt: skip


def _alarm(console: Console, watch: Watch) -> None:
    say(console, f"Alarm, {_span(watch)}: compared with {watch.reference}.")
    table = new_table("What moved most", "signal", "before", "now", "PSI", "p")
    for signal in sorted(watch.signals, key=lambda one: one.p_adjusted)[:_MOST_SIGNALS]:
        psi = "" if signal.psi is None else f"{signal.psi:.2f}"
        table.add_row(signal.name, signal.before, signal.after, psi, f"{signal.p_adjusted:.3g}")
    console.print(table)
    if watch.explanation is None:
        return
    for sentence in watch.explanation.sentences:
        say(console, f"  {sentence}")
    for title, requests in (
        ("Most like the change", watch.explanation.typical),
        ("Farthest from anything before", watch.explanation.unusual),
    ):
        for one in requests[:2]:
            say(console, f"  {title}: {one.text[:160]}")


def _under_way(console: Console, outcome: WatchOutcome) -> None:
    now = outcome.open
    if now is None:
        say(console, "The request log is empty: nothing was asked yet.")
        return
    say(console, f"Under way since {now.since[:10]}: {now.requests:,} requests; the window is "
        f"judged on {now.until[:10]} at the earliest.")  # fmt: skip
    for change in now.changes:
        say(console, f"  {change}")


def _span(watch: Watch) -> str:
    together = f" ({watch.windows} together)" if watch.windows > 1 else ""
    return f"{watch.since[:10]} to {watch.until[:10]}{together}"
