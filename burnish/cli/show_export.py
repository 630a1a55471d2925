"""An export on the screen: the proof against its bounds, what to know of it, and where it lies.

Reads an Export; writes to standard output.
"""

from pathlib import Path

from burnish.cli.show import new_table, say, screen
from burnish.records import Export, Parity


def show_export(export: Export, folder: Path, *, following: str) -> None:
    """Print an export.

    Args:
        folder: where the files lie.
        following: the command to type next.
    """
    console = screen()
    say(
        console,
        f"Run {export.run} over {export.base} as {export.form}, {export.precision}: "
        f"{export.size / 1e6:,.1f} MB",
    )
    if export.parity is None:
        say(console, f"Not proved: {export.unproved}.")
    else:
        _figures(export.parity)
    for note in export.notes:
        say(console, f"Note: {note}.")
    if export.verdict is None:
        say(console, "This run has not been evaluated: burnish evaluate says whether it is good.")
    elif export.verdict != "ship":
        say(console, f"The verdict of this run is not ship but: {export.verdict}.")
    say(console, f"Files: {folder}")
    say(console, f"Next: {following}")


def _figures(parity: Parity) -> None:
    bounds = parity.bounds
    table = new_table(
        f"Loaded back, against the tuned weights over {parity.n} validation prompts",
        "figure", "found", "bound",
    )  # fmt: skip
    most = bounds.max_logit_difference
    table.add_row(
        "largest logit difference",
        f"{parity.max_logit_difference:.2g}",
        "–" if most is None else f"{most:g}",
    )
    table.add_row("mean logit difference", f"{parity.mean_logit_difference:.2g}", "–")
    table.add_row("mean KL divergence, nats", f"{parity.mean_kl:.2g}", f"{bounds.mean_kl:g}")
    least = f"{bounds.equal_answers:.0%}" if bounds.equal_answers else "–"
    table.add_row("equal greedy answers", f"{parity.equal_answers} of {parity.n}", least)
    screen().print(table)
