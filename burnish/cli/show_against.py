"""Two runs on the screen, metric by metric.

Reads the comparison; writes to standard output.
"""

from burnish.cli.show import new_table, say, screen
from burnish.records import Against


def show_against(found: Against) -> None:
    """Print the comparison of two runs."""
    console = screen()
    table = new_table(
        f"{found.n:,} test examples", "metric", found.run, found.other, "difference", "p"
    )
    for each in found.differences:
        own, other = found.values[each.metric]
        gap = f"{each.value:+.3f} [{each.low:+.3f}, {each.high:+.3f}]"
        table.add_row(each.metric, f"{own:.3f}", f"{other:.3f}", gap, f"{each.p_value:.3f}")
    console.print(table)
    say(console, found.reason)
    say(
        console,
        f"The test split has been opened {found.openings} times; a run chosen by its test answers "
        "is better there than it will be elsewhere.",
    )
