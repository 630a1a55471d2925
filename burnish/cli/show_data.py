"""What the subcommands of `burnish data` print: changes, decisions, differences.

Reads records; writes to standard output.
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from burnish.cli.show import clean, new_table, say, screen
from burnish.records import Change, Review

if TYPE_CHECKING:
    from burnish.data.review.diff import DatasetDiff
    from burnish.store import Workspace

CONTEXT = 40
"""Characters kept on both sides of what changed in a text."""


def changes(lines: Iterable[Change]) -> None:
    """Print every changed text as a difference: what went in red, what came in green."""
    console = screen()
    count = 0
    for change in lines:
        count += 1
        where = f"{change.source} row {change.row}, {change.field} ({', '.join(change.rules)})"
        console.print(Text(clean(where), style="bold"), soft_wrap=True)
        console.print(_marked(change), soft_wrap=True)
    say(console, f"{count:,} texts were changed" if count else "No text was changed.")


def reviews(workspace: "Workspace", taken: Sequence[Review]) -> None:
    """Print which decisions were taken over, and what to type next."""
    console = screen()
    for review in taken:
        answer = f": {review.answer}" if review.answer else ""
        say(console, f"{review.row or review.id}: {review.action}{answer} ({review.kind})")
    say(console, f"{len(taken):,} decisions stand in {workspace.decisions}")
    say(console, "Next: burnish data applies them")


def difference(found: "DatasetDiff") -> None:
    """Print what changed between two versions."""
    console = screen()
    sizes = new_table("Examples", "split", "before", "after")
    for split in dict.fromkeys([*found.sizes_before, *found.sizes_after]):
        before, after = (part.get(split, 0) for part in (found.sizes_before, found.sizes_after))
        sizes.add_row(split, f"{before:,}", f"{after:,}")
    console.print(sizes)
    say(console, f"{found.unchanged:,} examples are unchanged")
    for name, count in found.counts.items():
        if not count:
            continue
        say(console, f"{count:,} {name}:")
        for row in found.rows[name]:
            moved = f"{row.split_before or '–'} → {row.split_after or '–'}"
            texts = " → ".join(text for text in (row.before, row.after) if text)
            say(console, f"  {row.row} ({moved}) {' '.join(texts.split())[:160]}")
        if count > len(found.rows[name]):
            say(console, f"  and {count - len(found.rows[name]):,} more")
    for shift in found.labels[:10]:
        say(console, f"label {shift.label}: {shift.before:.1%} → {shift.after:.1%}")


def _marked(change: Change) -> Text:
    """The change within its surroundings; the new text alone where the old one was not kept."""
    if not change.before:
        return Text(clean(change.after))
    text = Text()
    matcher = difflib.SequenceMatcher(None, change.before, change.after, autojunk=False)
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind == "equal":
            text.append(_shortened(clean(change.before[start:end])))
            continue
        for part, style, sign in (
            (change.before[start:end], "red", "-"),
            (change.after[first:last], "green", "+"),
        ):
            if part:
                shown = part.encode("unicode_escape").decode() if part.isspace() else clean(part)
                text.append(f"[{sign}{shown}{sign}]", style=style)
    return text


def _shortened(text: str) -> str:
    if len(text) <= 2 * CONTEXT:
        return text
    return f"{text[:CONTEXT]} … {text[-CONTEXT:]}"
