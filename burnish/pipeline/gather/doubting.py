"""An independent judge of corrections: what was learned from trusted examples alone.

Reads examples; writes nothing. Labels are judged by a classifier of words and characters
(data/checks/label_errors.py), written answers by what their input supports
(data/checks/answer_errors.py). Nobody's correction is among what the judge learns from.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from burnish.gather.corrections import Correction, Doubt
from burnish.records import Example, Task

if TYPE_CHECKING:
    from burnish.data.checks.label_errors import Reading

ODDS = 2.0
"""How much likelier another label must be than the corrected one to doubt it."""

_WORSE = 0.1
"""How much more must speak against a correction than against the answer that was given."""


def doubts_of(
    task: Task, trusted: Sequence[Example], corrections: Sequence["Correction"], *, seed: int
) -> list["Doubt | None"]:
    """What the judge says of each correction, in their order; None where it cannot judge.

    Args:
        trusted: examples that no caller's word made.
    """
    if not corrections:
        return []
    if task.kind == "classify":
        return _doubted_labels(task, trusted, corrections, seed)
    return _doubted_answers(task, trusted, corrections)


def _doubted_labels(
    task: Task, trusted: Sequence[Example], corrections: Sequence["Correction"], seed: int
) -> list["Doubt | None"]:
    from burnish.data.checks.label_errors import read_by

    others = [correction.example for correction in corrections]
    reading = read_by(task, trusted, others, seed=seed)
    if reading is None:
        return [None] * len(corrections)
    judge = _doubt_several if task.multi_label else _doubt_one
    return [judge(reading, at, correction) for at, correction in enumerate(corrections)]


def _doubt_one(reading: "Reading", at: int, correction: "Correction") -> "Doubt | None":
    """By how much likelier than the corrected label another one is."""
    from burnish.gather.corrections import Doubt

    shares = reading.shares[at]
    best, label = int(shares.argmax()), correction.example.labels[0]
    if label not in reading.labels:
        return None
    given = float(shares[reading.labels.index(label)])
    score = 1 - given / float(shares[best])
    if given * ODDS >= shares[best]:
        return Doubt(score)
    return Doubt(
        score,
        f"To a classifier of trusted examples it reads like {_short(reading.labels[best])} "
        f"({shares[best]:.2f}), not {_short(label)} ({given:.2f}).",
    )


def _doubt_several(reading: "Reading", at: int, correction: "Correction") -> "Doubt | None":
    """By the label that speaks most against it, of those that the correction adds or takes away."""
    from burnish.gather.corrections import Doubt

    labels = set(correction.example.labels)
    moved = {line.strip() for line in correction.served.splitlines()} ^ labels
    judged = []
    for place, name in enumerate(reading.labels):
        if name in moved:
            share = float(reading.shares[at, place])
            judged.append((share if name in labels else 1 - share, name))
    if not judged:
        return None
    share, name = min(judged)
    if share * ODDS >= 1 - share:
        return Doubt(1 - share)
    done, reads = ("adds", "as if it had not") if name in labels else ("takes away", "as if it had")
    return Doubt(
        1 - share,
        f"It {done} the label {_short(name)}; to a classifier of trusted examples the input reads "
        f"{reads} ({1 - share:.2f}).",
    )


def _doubted_answers(
    task: Task, trusted: Sequence[Example], corrections: Sequence["Correction"]
) -> list["Doubt | None"]:
    """By what speaks against the correction and not against the answer that was given."""
    from burnish.chat.answers import parse
    from burnish.data.checks.answer_errors import SHOWN, suspected_answers
    from burnish.data.checks.signs import together
    from burnish.gather.corrections import Doubt

    examples = list(trusted)
    for at, one in enumerate(corrections):
        examples.append(one.example.model_copy(update={"id": f"corrected {at}"}))
        served = parse(task, one.served)
        if served:
            answer = served if isinstance(served, str) else json.dumps(served, ensure_ascii=False)
            fields = {"id": f"served {at}", "answer": answer, "references": (answer,)}
            examples.append(one.example.model_copy(update=fields))
    signs = {example.id: found for example, found in suspected_answers(task, examples)}
    doubts: list[Doubt | None] = []
    for at in range(len(corrections)):
        own = signs[f"corrected {at}"]
        score, beside = together(own), together(signs.get(f"served {at}", []))
        doubted = score >= SHOWN and score >= beside + _WORSE
        reason = f"The corrected answer {own[0].reason}." if doubted else ""
        doubts.append(Doubt(max(0.0, score - beside), reason))
    return doubts


def _short(label: str) -> str:
    return label if len(label) <= 60 else f"{label[:60]}…"
