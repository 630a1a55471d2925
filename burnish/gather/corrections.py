"""Corrections: what callers said the answer should have been, and what speaks against it.

Reads corrections and what an independent judge says of them; writes nothing. A flag is a sentence;
a correction with one never becomes an example unless a person settles it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from burnish.facts.placeholders import PLACEHOLDER
from burnish.records import CallerDoubt, CallerHabit, Example

_SHOWN = 60


@dataclass(frozen=True)
class Correction:
    """One caller's word on one exchange.

    Attributes:
        exchange, at: as logged; `caller` is the one who corrected.
        example: the exchange with the corrected answer.
        served: the answer that was given.
        key: digest of its input; equal means the same input.
        own: the label comes from whoever holds the workspace (`burnish watch --labels`), and is
            believed.
    """

    exchange: str
    at: str
    caller: str
    example: Example
    served: str
    key: bytes
    own: bool = False

    @property
    def unit(self) -> tuple[str, bytes, str]:
        """What counts once however often it is sent: caller, input and answer."""
        return self.caller, self.key, self.example.answer

    @property
    def change(self) -> tuple[str, str] | None:
        """The label that was given and the one it should be; None where answers are no label."""
        if not self.example.labels:
            return None
        return " ".join(self.served.split()), " ".join(self.example.answer.split())


@dataclass(frozen=True)
class Doubt:
    """What an independent judge says of a correction.

    Attributes:
        score: how much it doubts it, from 0 to 1; ranks corrections and compares callers.
        reason: in a sentence, where it doubts it; else "".
    """

    score: float
    reason: str = ""

    @property
    def doubted(self) -> bool:
        """Whether it should be looked at."""
        return bool(self.reason)


def flagged(
    corrections: Sequence[Correction],
    doubts: Sequence[Doubt | None],
    callers: Sequence[CallerDoubt],
    habits: Sequence[CallerHabit] = (),
    *,
    labels: Sequence[str] = (),
    learned: Mapping[bytes, str] | None = None,
    approvals: Mapping[str, Sequence[str]] | None = None,
) -> list[tuple[str, ...]]:
    """The flags of each correction, in their order.

    Args:
        doubts: of the same corrections, in the same order; None where nothing can be said.
        callers: those whose corrections are doubted more than others'.
        habits: changes that one caller alone makes so often.
        labels: the label set (classify); others need a person.
        learned: digest of an input → the answer that the data set has for it.
        approvals: exchange → callers who said that its answer was right.
    """
    said = {doubt.caller: caller_sentence(doubt) for doubt in callers}
    alone = {(one.caller, (one.served, one.corrected)): habit_sentence(one) for one in habits}
    against = _contradictions(corrections, approvals or {})
    found: list[tuple[str, ...]] = []
    for correction, doubt, contradiction in zip(corrections, doubts, against, strict=True):
        if correction.own:
            found.append(())
            continue
        flags = [said.get(correction.caller, "")]
        if correction.change:
            flags.append(alone.get((correction.caller, correction.change), ""))
        flags += [doubt.reason if doubt else "", contradiction]
        flags.append(_unknown_label(correction, labels))
        flags.append(_other_than_learned(correction, learned or {}))
        flags.append(_confused_numbers(correction))
        found.append(tuple(flag for flag in flags if flag))
    return found


def caller_sentence(doubt: CallerDoubt) -> str:
    """What is to be said of a caller."""
    mine = f"{doubt.doubted:,} of the {doubt.corrections:,} corrections of caller {doubt.caller}"
    against = f"{doubt.others_doubted:,} of {doubt.others:,} of the others'"
    if not doubt.others:
        against = "too few others correct to compare with"
    return f"An independent judge doubts {mine}, {against} (p = {doubt.p_adjusted:.1g}, corrected)."


def habit_sentence(habit: CallerHabit) -> str:
    """What is to be said of a change that one caller alone makes so often."""
    change = f'"{_short(habit.served)}" into "{_short(habit.corrected)}"'
    return (
        f"{habit.times:,} of the {habit.corrections:,} corrections of caller {habit.caller} change "
        f"{change}, {habit.others_times:,} of {habit.others:,} of the others' "
        f"(p = {habit.p_adjusted:.1g}, corrected)."
    )


def _contradictions(
    corrections: Sequence[Correction], approvals: Mapping[str, Sequence[str]]
) -> list[str]:
    """Where other answers were given to the same input, or others approved what was corrected."""
    by_input: dict[bytes, list[Correction]] = defaultdict(list)
    for one in corrections:
        by_input[one.key].append(one)
    sentences = []
    for one in corrections:
        others = [o for o in by_input[one.key] if o.example.answer != one.example.answer]
        others.sort(key=lambda other: not other.own)
        approving = [name for name in approvals.get(one.exchange, ()) if name != one.caller]
        if others:
            other = others[0]
            who = "The same caller" if other.caller == one.caller else f"Caller {other.caller}"
            who = "A label of your own" if other.own else who
            sentences.append(f'{who} says "{_short(other.example.answer)}" of the same input.')
        elif approving:
            sentences.append(f"Caller {approving[0]} approved the answer that was given.")
        else:
            sentences.append("")
    return sentences


def _unknown_label(correction: Correction, labels: Sequence[str]) -> str:
    strange = [label for label in correction.example.labels if label not in labels]
    return f'The data set has no label "{_short(strange[0])}".' if labels and strange else ""


def _other_than_learned(correction: Correction, learned: Mapping[bytes, str]) -> str:
    answer = learned.get(correction.key)
    if answer is None or answer == correction.example.answer:
        return ""
    return f'The data set says "{_short(answer)}" to the same input.'


def _confused_numbers(correction: Correction) -> str:
    """The log masks an exchange and its feedback each by itself, and counts anew in each."""
    answer = _numbers(correction.example.answer)
    text = _numbers(correction.example.text)
    if not answer or (answer | text) <= {"1"}:
        return ""
    return "It names masked people or numbers, which may be counted otherwise than in the input."


def _numbers(text: str) -> set[str]:
    return {number for _, number in PLACEHOLDER.findall(text)}


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]}…"
