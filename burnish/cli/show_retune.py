"""A proposal to tune again, and what came of it, on the screen.

Reads a Retune; writes to standard output.
"""

from rich.console import Console

from burnish.cli.show import new_table, say, screen
from burnish.records import Retune, Score
from burnish.store import Workspace


def show_retune(workspace: Workspace, retune: Retune, *, brief: bool = False) -> None:
    """Print why, what it should bring and take, the comparison, and what comes next.

    Args:
        brief: the outcome in one line.
    """
    console = screen()
    if brief:
        proposed = f"proposed: {retune.new_examples:,} new examples"
        say(console, f"{retune.decision}: {retune.reason}" if retune.decision else proposed)
        return
    for sentence in retune.why:
        say(console, f"Why: {sentence}")
    _gain(console, retune)
    price = "" if retune.price is None else f" At your price per hour: {retune.price:.2f}."
    say(console, f"Cost: {retune.cost_note}{price}")
    if retune.compared:
        _compared(console, retune)
    if retune.decision:
        say(console, f"{retune.decision}: {retune.reason}")
    say(console, f"Written: {workspace.path(retune, 'retune.md')}")
    _next(console, retune)


def _gain(console: Console, retune: Retune) -> None:
    gain = retune.gain
    if gain is None:
        say(console, f"Gain: {retune.gain_note}")
        return
    say(
        console,
        f"Gain: {gain.expected:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}] {retune.metric} on new "
        f"requests (n = {gain.n}). {gain.measured}",
    )


def _compared(console: Console, retune: Retune) -> None:
    title = f"{retune.metric} of run {retune.run} against run {retune.serving}, which serves"
    table = new_table(title, "test", "n", "new", "serving", "difference [95%]")
    for one in retune.compared:
        gap = one.difference
        table.add_row(
            one.test, f"{one.new.n:,}", _score(one.new), _score(one.serving),
            f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]",
        )  # fmt: skip
    console.print(table)


def _next(console: Console, retune: Retune) -> None:
    if retune.promoted:
        say(console, retune.promoted)
    elif retune.decision is None:
        say(console, "Next: burnish retune --go")
    elif retune.decision == "ship":
        say(console, f"Next: burnish promote {retune.run} --in-stages")
    else:
        say(console, f"Nothing is promoted; run {retune.serving} goes on answering.")


def _score(score: Score) -> str:
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"
