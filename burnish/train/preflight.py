"""Before any weight moves: what the model will see and learn, what it takes, what looks odd.

Reads rendered splits; writes preflight.html into the folder of the run.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from burnish.chat.render import Encoded
from burnish.pages.templates import templates
from burnish.records import Cost, LicenceVerdict, Piece, Preflight, ShownExample, Task
from burnish.store.files import write_text
from burnish.train.splits import RenderedSplit, RenderedSplits

FILE = "preflight.html"
LEARNING_RATES = {"full": (1e-6, 1e-4), "adapter": (1e-5, 2e-3)}
"""Usual peak rates of AdamW: full tuning around 1e-5 to 5e-5 (Ouyang et al. 2022; Touvron et al.
2023, 2e-5), adapters about ten times as high (Hu et al. 2021, 2e-4; Schulman et al. 2025, "LoRA
Without Regret"). The ranges leave a factor of five to ten around them."""
FEW_STEPS = 20
MANY_TRUNCATED = 0.1
"""Share of examples that are cut or left out from which it is said."""

Decode = Callable[[Sequence[int]], str]


def make_preflight(
    task: Task,
    splits: RenderedSplits,
    *,
    decode: Decode,
    licence: LicenceVerdict | None,
    cost: Cost,
) -> Preflight:
    """The picture of a run to come.

    Args:
        decode: token ids → text, special tokens included.
        licence: what the base's licence says to the brief's use.
        cost: what it will take on this machine.
    """
    settings, train, validation = task.train, splits.train, splits.validation
    steps = -(-len(train.examples) // settings.batch_size) * settings.epochs
    shown = _shown(train, decode)
    return Preflight(
        task_name=task.name,
        base=task.base,
        licence=licence,
        method=settings.method,
        learning_rate=settings.learning_rate,
        epochs=settings.epochs,
        train_examples=len(train.examples),
        validation_examples=len(validation.examples),
        truncated=len(train.truncated) + len(validation.truncated),
        untrained=len(train.untrained) + len(validation.untrained),
        steps=steps,
        tokens_per_epoch=train.tokens,
        trained_tokens=train.trained_tokens,
        longest=max(len(example.ids) for example in train.examples),
        cost=cost,
        warnings=tuple(_warnings(task, splits, steps, shown, licence, cost)),
        shown=shown,
    )


def write_preflight(folder: Path, preflight: Preflight) -> Path:
    """Write the picture as a page; its path."""
    page = templates("burnish.train").get_template(FILE).render(flight=preflight)
    write_text(folder / FILE, page)
    return folder / FILE


def _shown(split: RenderedSplit, decode: Decode) -> tuple[ShownExample, ...]:
    """The shortest, the median and the longest example; fewer where there are fewer."""
    order = sorted(range(len(split.examples)), key=lambda at: (len(split.examples[at].ids), at))
    places = {"median": len(order) // 2, "shortest": 0, "longest": len(order) - 1}
    names = {place: which for which, place in places.items()}
    return tuple(
        ShownExample.model_validate(
            {
                "id": split.ids[order[place]],
                "which": names[place],
                "truncated": split.examples[order[place]].truncated,
                **_pieces(split.examples[order[place]], decode),
            }
        )
        for place in sorted(names)
    )


def _pieces(example: Encoded, decode: Decode) -> dict[str, object]:
    """Text by text, whether it is trained, and the end token."""
    pieces = []
    tokens = zip(example.ids, example.trained, strict=True)
    for trained, run in groupby(tokens, key=lambda token: token[1]):
        pieces.append(Piece(text=decode([number for number, _ in run]), trained=trained))
    return {
        "tokens": len(example.ids),
        "trained_tokens": sum(example.trained),
        "end_token": decode(example.ids[-1:]) if example.trained[-1] else None,
        "pieces": tuple(pieces),
    }


def _warnings(
    task: Task,
    splits: RenderedSplits,
    steps: int,
    shown: Sequence[ShownExample],
    licence: LicenceVerdict | None,
    cost: Cost,
) -> list[str]:
    said = []
    needed = cost.memory.total if cost.memory else 0.0
    if needed > cost.available_gib:
        said.append(
            f"Training needs about {needed:.1f} GiB and {cost.device} has "
            f"{cost.available_gib:.1f}: lower train.max_length or take a smaller base."
        )
    rate = task.train.learning_rate
    kind = "full" if str(task.train.method) == "full" else "adapter"
    low, high = LEARNING_RATES[kind]
    if not low <= rate <= high:
        name = "full tuning" if kind == "full" else "adapters"
        side = "above" if rate > high else "below"
        said.append(
            f"A learning rate of {rate:g} lies {side} what is usual for {name} "
            f"({low:g} to {high:g})."
        )
    if any(each.end_token is None for each in shown):
        said.append("An example does not end with a trained token: the model may not learn to end.")
    train, validation = splits.train, splits.validation
    total = sum(len(each.examples) + len(each.untrained) for each in (train, validation))
    for count, what in (
        (len(train.untrained) + len(validation.untrained), "left out, as no answer token fits"),
        (len(train.truncated) + len(validation.truncated), "cut"),
    ):
        if count > MANY_TRUNCATED * total:
            said.append(
                f"{count:,} of {total:,} examples are {what}: raise train.max_length "
                f"({task.train.max_length})."
            )
    if steps < FEW_STEPS:
        said.append(
            f"There are {steps} optimiser steps in all: raise train.epochs or lower "
            "train.batch_size."
        )
    if licence and licence.use == "commercial" and licence.allowed == "unknown":
        said.append("The licence of the base is not known; read it before commercial use.")
    return said
