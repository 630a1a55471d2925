"""The picture before training, for a terminal: sizes, cost, warnings, and three examples.

Reads a Preflight; prints to the console it is given. Tokens with a loss are green and stand between
« and »; all else is dim.
"""

from rich.console import Console
from rich.text import Text

from burnish.cli.show import clean
from burnish.records import Piece, Preflight, ShownExample

MOST_READ = 280
"""Letters of a stretch without a loss that are shown: half from its start, half from its end."""
MOST_LEARNED = 400
_LICENCE = {
    "yes": "allowed",
    "conditions": "allowed under conditions",
    "no": "not allowed",
    "unknown": "not known",
}


def show_preflight(console: Console, flight: Preflight) -> None:
    """Print the picture."""
    facts = {
        "base": _base(flight),
        "tuning": f"{flight.method}, learning rate {flight.learning_rate:g}, "
        f"{flight.epochs} epoch{'' if flight.epochs == 1 else 's'}, {flight.steps:,} steps",
        "examples": f"{flight.train_examples:,} to learn from, {flight.validation_examples:,} to "
        f"validate with; {flight.truncated:,} cut to fit, {flight.untrained:,} left out",
        "tokens": f"{flight.tokens_per_epoch:,} an epoch, {flight.trained_tokens:,} with a loss; "
        f"the longest example has {flight.longest:,}",
        "cost": _cost(flight),
    }
    width = max(map(len, facts))
    for name, value in facts.items():
        _print(console, Text(f"{name:<{width}}  {clean(value)}"))
    for example in flight.shown:
        _print(console, _example(example))
    for warning in flight.warnings:
        _print(console, Text(f"Warning: {clean(warning)}", style="yellow"))


def _base(flight: Preflight) -> str:
    if flight.licence is None:
        return flight.base
    use = "commercial" if flight.licence.use == "any" else flight.licence.use
    return f"{flight.base} ({flight.licence.name}; {use} use {_LICENCE[flight.licence.allowed]})"


def _cost(flight: Preflight) -> str:
    cost = flight.cost
    parts = []
    if cost.memory is not None:
        rows = f", {cost.tokens_per_row} tokens at once" if cost.tokens_per_row else ""
        parts.append(f"about {cost.memory.total:.1f} of {cost.available_gib:.1f} GiB{rows}")
    if cost.seconds is not None:
        parts.append(f"about {_duration(cost.seconds)}")
    if cost.watt_hours is not None:
        parts.append(f"at most {cost.watt_hours:.1f} Wh ({cost.energy})")
    else:
        parts.append(f"energy: {cost.energy}")
    unknown = "" if cost.memory else "memory and time not known for this architecture, "
    return f"{unknown}{', '.join(parts)}; on {cost.device}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _example(example: ShownExample) -> Text:
    cut = ", its input cut" if example.truncated else ""
    text = Text(
        f"— {example.which} example: {example.tokens:,} tokens, {example.trained_tokens:,} with a "
        f"loss{cut}\n",
        style="bold",
    )
    for piece in example.pieces:
        text.append(_shortened(piece), style="not bold green" if piece.trained else "not bold dim")
    if example.end_token is None:
        text.append("\n(it does not end with a trained token)", style="not bold yellow")
    return text


def _shortened(piece: Piece) -> str:
    most = MOST_LEARNED if piece.trained else MOST_READ
    whole = clean(piece.text)
    shown = whole if len(whole) <= most else f"{whole[: most // 2]} […] {whole[-most // 2 :]}"
    return f"«{shown}»" if piece.trained else shown


def _print(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True, highlight=False)
