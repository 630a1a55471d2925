"""The shortlist of bases on the screen: candidates in order, why, and why the others are out."""

from collections import defaultdict

from rich.console import Console

from burnish.cli.show import _text, new_table, say, screen
from burnish.records import Candidate, Shortlist

MOST_SHOWN = 10
_ALLOWED = {"yes": "yes", "conditions": "with conditions", "no": "no", "unknown": "unknown"}


def shortlist(found: Shortlist, *, brief: bool = False) -> None:
    """Print a shortlist.

    Args:
        brief: the first candidate's name alone.
    """
    console = screen()
    listed = [one for one in found.candidates if one.rank is not None]
    if brief:
        say(console, listed[0].name if listed else "nothing fits")
        return
    _machine(console, found)
    if listed:
        _candidates(console, listed[:MOST_SHOWN])
    if (more := len(listed) - MOST_SHOWN) > 0:
        say(console, f"and {more} more (--json names them all)\n")
    for one in listed[:3]:
        say(console, f"{one.rank}. {one.name}")
        for reason in one.reasons:
            say(console, f"   - {reason}")
    _rejected(console, [one for one in found.candidates if one.rank is None])
    for assumption in found.assumptions:
        say(console, f"Assumed: {assumption}")
    tunable = [one for one in listed if one.way == "tune"]
    if tunable:
        say(console, f"Next: write base: {tunable[0].name} into burnish.yaml, then burnish run")


def _machine(console: Console, found: Shortlist) -> None:
    machine = found.machine
    devices = ", ".join(f"{each.name} {each.memory_gib:.0f} GiB" for each in machine.devices)
    features = f" ({', '.join(machine.features)})" if machine.features else ""
    say(
        console,
        f"This machine: {machine.cpu}, {machine.cores} cores{features}, "
        f"{machine.memory_gib:.0f} GiB; {devices or 'no GPU'}",
    )
    facts = found.facts
    say(
        console,
        f"The data: {facts.train_examples:,} training examples; {facts.prompt_tokens[0]:,} + "
        f"{facts.answer_tokens[0]:,} tokens, long ones {facts.prompt_tokens[1]:,} + "
        f"{facts.answer_tokens[1]:,}",
    )


def _candidates(console: Console, listed: list[Candidate]) -> None:
    columns = ("", "model", "parameters", "licence", "where", "memory", "training", "cost")
    table = new_table("Bases", *columns, "an answer")
    for one in listed:
        place = one.place
        cells = [
            str(one.rank),
            one.name,
            _size(one.parameters) if one.parameters else "–",
            _ALLOWED[one.licence.allowed] if one.licence else "–",
            ("here" if place.here else place.device) if place else "–",
            f"{place.memory.total:.1f} GiB" if place else "–",
            _duration(place.seconds) if place else "–",
            f"{place.cost:.2f}" if place and place.cost is not None else "–",
            f"{one.seconds_per_answer:.1f} s" if one.seconds_per_answer is not None else "–",
        ]
        table.add_row(*map(_text, cells))
    console.print(table)


def _rejected(console: Console, rejected: list[Candidate]) -> None:
    """Rejected candidates, those with the same reasons in one line."""
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for one in rejected:
        alike[one.rejected].append(one.name)
    if alike:
        say(console, "\nNot on the list:")
    for reasons, names in alike.items():
        say(console, f"   {', '.join(names)}: {' '.join(reasons)}")


def _size(parameters: int) -> str:
    return f"{parameters / 1e9:.3g} B" if parameters >= 1e9 else f"{parameters / 1e6:.0f} M"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
