"""What was gathered, on the screen: the queue and its reasons, doubted callers, what was taken.

Reads Gathering and Taken; writes to standard output.
"""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from burnish.cli.show import new_table, say, screen
from burnish.records import CallerDoubt, CallerHabit, Gathering, Taken

if TYPE_CHECKING:
    from burnish.store import Workspace

_MOST_CALLERS = 10


def found(workspace: "Workspace", gathering: Gathering, *, brief: bool = False) -> None:
    """Print what the log held, what is in the queue and why, and what to do next.

    Args:
        brief: the number of lines and where they are alone.
    """
    console = screen()
    if brief:
        say(console, f"{gathering.queued:,} exchanges in {workspace.queue}")
        return
    since = f" since {gathering.since}" if gathering.since else ""
    say(console, f"Exchanges{since}: {gathering.exchanges:,}")
    for reason, n in sorted(gathering.left_out.items(), key=lambda each: (-each[1], each[0])):
        say(console, f"  {n:>9,}  left out: {reason}")
    say(console, f"Worth a label: {gathering.worth:,} inputs; in the queue: {gathering.queued:,}")
    for why, n in gathering.why.items():
        say(console, f"  {n:>9,}  {why}")
    if gathering.decided:
        say(console, f"Lines with a decision, which were kept: {gathering.decided:,}")
    _corrections(console, gathering)
    _callers(console, gathering.callers)
    _habits(console, gathering.habits)
    _withdrawn(console, gathering.withdrawn)
    for note in gathering.notes:
        say(console, note)
    say(console, f"Gathered so far: {gathering.gathered:,} examples")
    for path in gathering.files:
        say(console, f"Written: {path}")
    _next(console, workspace, gathering)


def taken(workspace: "Workspace", done: Taken, *, brief: bool = False) -> None:
    """Print what became examples, what did not and why, and what to do next."""
    console = screen()
    if brief:
        say(console, f"{done.taken + done.changed:,} taken; {done.gathered:,} examples gathered")
        return
    say(console, f"New examples: {done.taken:,}")
    for n, told in (
        (done.changed, "have another answer than before"),
        (done.unchanged, "were taken before"),
        (done.dropped, "dropped"),
        (done.undecided, "without a decision"),
        (done.flagged, "corrections have a flag; a person settles them in the queue"),
    ):
        if n:
            say(console, f"  {n:>9,}  {told}")
    _callers(console, done.callers)
    _habits(console, done.habits)
    _withdrawn(console, done.withdrawn)
    if done.new_labels:
        say(console, f"Labels that the data set does not have: {', '.join(done.new_labels)}")
    say(console, f"Gathered so far: {done.gathered:,} examples in {workspace.gathered}")
    say(console, f"Next: burnish retune{_at(workspace)}")


def _corrections(console: Console, gathering: Gathering) -> None:
    if gathering.labelled:
        say(console, f"Labels of your own: {gathering.labelled:,} can be taken")
    if gathering.corrections:
        say(
            console,
            f"Corrections by callers: {gathering.corrections:,}; {gathering.doubted:,} have a "
            f"flag, {gathering.free:,} can be taken",
        )
    if gathering.no_answers:
        say(console, f"  {gathering.no_answers:>9,}  more are no answer of this task")


def _callers(console: Console, callers: Sequence[CallerDoubt]) -> None:
    if not callers:
        return
    table = new_table(
        "Callers whose corrections are doubted more than others'; none of theirs is taken unseen",
        "caller", "corrections", "doubted", "others", "doubted", "p, corrected",
    )  # fmt: skip
    for one in callers[:_MOST_CALLERS]:
        others = (f"{one.others:,}", f"{one.others_doubted:,}") if one.others else ("few", "")
        table.add_row(
            one.caller, f"{one.corrections:,}", f"{one.doubted:,}", *others,
            f"{one.p_adjusted:.1g}",
        )  # fmt: skip
    console.print(table)
    if len(callers) > _MOST_CALLERS:
        say(console, f"and {len(callers) - _MOST_CALLERS:,} more callers")


def _habits(console: Console, habits: Sequence[CallerHabit]) -> None:
    if not habits:
        return
    table = new_table(
        "Changes that one caller alone makes so often; none of them is taken unseen",
        "caller", "change", "times", "others", "p, corrected",
    )  # fmt: skip
    for one in habits[:_MOST_CALLERS]:
        table.add_row(
            one.caller, f"{one.served} → {one.corrected}",
            f"{one.times:,} of {one.corrections:,}", f"{one.others_times:,} of {one.others:,}",
            f"{one.p_adjusted:.1g}",
        )  # fmt: skip
    console.print(table)
    if len(habits) > _MOST_CALLERS:
        say(console, f"and {len(habits) - _MOST_CALLERS:,} more changes")


def _withdrawn(console: Console, n: int) -> None:
    if n:
        say(console, f"Taken back: {n:,} examples that were taken unseen, and are doubted now")


def _next(console: Console, workspace: "Workspace", gathering: Gathering) -> None:
    at = _at(workspace)
    if gathering.queued:
        say(
            console,
            'Next: write accept, keep, drop or the right answer under "right" of '
            f"{workspace.queue} or {workspace.queue_table}, then type burnish gather --take FILE"
            f"{at}",
        )
    if gathering.free or gathering.labelled:
        say(console, f"Next: burnish gather --take-corrections{at}")
    if gathering.gathered and not gathering.queued:
        say(console, f"Next: burnish retune{at}")


def _at(workspace: "Workspace") -> str:
    """The flag that names the workspace again, where it is not the folder one stands in."""
    folder = str(workspace.folder)
    return "" if folder == "." else f" --workspace {shlex.quote(folder)}"
