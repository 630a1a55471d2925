"""What gathering stands on: the data set that is served, and what callers said of its answers.

Reads the brief, datasets/<id>/, gathered.jsonl, queue.jsonl and the database; writes nothing.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from burnish.errors import DataError
from burnish.pipeline.gather.doubting import doubts_of
from burnish.pipeline.retune.extending import is_withdrawn, read_gathered, without_repeats
from burnish.pipeline.watch.sides import LABELLED
from burnish.records import (
    CallerDoubt,
    CallerHabit,
    Dataset,
    Deployment,
    Event,
    Example,
    Exchange,
    Gathered,
    Progress,
    Run,
    Task,
)
from burnish.store import Workspace, read_split
from burnish.store.exchanges import pick_exchanges
from burnish.store.feedback import each_feedback
from burnish.store.seal import sealed_inputs
from burnish.store.traffic import current_traffic

if TYPE_CHECKING:
    from burnish.gather.corrections import Correction
    from burnish.gather.settling import Answers

MOST_CORRECTED = 20_000
"""Corrected exchanges that are looked at; of more, the newest."""

MOST_CHARACTERS = 100_000_000
"""Texts that are in memory together."""

_AT_ONCE = 1000
_LOW_SCORE, _HIGH_SCORE = 2, 4


@dataclass(frozen=True)
class Ground:
    """The data set behind what answers now, and what was gathered on top of it.

    Attributes:
        test_inputs: the old test examples without their answers.
    """

    task: Task
    dataset: Dataset
    train: list[Example]
    validation: list[Example]
    test_inputs: list[Example]
    gathered: list[Gathered]

    @classmethod
    def of(cls, workspace: Workspace, task: Task, engine: Engine) -> "Ground":
        """What a workspace stands on now.

        Raises:
            DataError: there is no data set yet.
        """
        dataset = _served_dataset(workspace, engine)
        gathered = read_gathered(workspace)
        held = {one.example.id for one in gathered}
        train, validation = (
            [
                example
                for example in without_repeats(read_split(workspace, dataset, name))
                if not is_withdrawn(example, held)
            ]
            for name in ("train", "validation")
        )
        inputs = sealed_inputs(workspace, dataset, "test")
        return cls(task, dataset, train, validation, inputs, gathered)

    @cached_property
    def answers(self) -> "Answers":
        """What counts as an answer: labels that a person introduced count too."""
        from burnish.gather.settling import Answers

        more = {x for one in self.gathered if one.by == "person" for x in one.example.labels}
        labels = (
            tuple(sorted({*self.dataset.labels, *more})) if self.task.kind == "classify" else ()
        )
        return Answers(self.task, labels, self.task.json_schema or self.dataset.json_schema)

    @cached_property
    def learned(self) -> dict[bytes, str]:
        """Digest of an input → the answer that is learned for it, or will be."""
        taken = [one.example for one in self.gathered]
        return {key_of(example): example.answer for example in [*self.train, *taken]}

    @cached_property
    def held_out(self) -> frozenset[bytes]:
        """Digests of inputs that are chosen or tested with."""
        return frozenset(map(key_of, [*self.validation, *self.test_inputs]))

    @cached_property
    def trusted(self) -> list[Example]:
        """Examples that no caller's word made; of many a sample by content."""
        from burnish.data.examples import content_hash

        unseen = {one.example.id for one in self.gathered if one.by == "feedback"}
        people = [one.example for one in self.gathered if one.by == "person"]
        known = {e.id: e for e in [*self.train, *self.validation, *people] if e.id not in unseen}
        return sorted(known.values(), key=content_hash)[: self.task.checks.most_rows]


@dataclass(frozen=True)
class Assessed:
    """What callers said.

    Attributes:
        corrections: of exchanges that the brief of today can read, by exchange and caller.
        flags: of the same corrections, in the same order.
        callers: whose corrections are doubted more than others'.
        habits: changes that one caller alone makes so often.
        negative: exchanges with a thumb down, a low score, or a correction that is no answer.
        no_answers: corrections that are no answer of this task.
        notes: what else a person should know.
    """

    corrections: "list[Correction]"
    flags: list[tuple[str, ...]]
    callers: list[CallerDoubt]
    habits: list[CallerHabit]
    negative: frozenset[str]
    no_answers: int
    notes: tuple[str, ...] = ()


def key_of(example: Example) -> bytes:
    """Digest of an example's input; equal means the same input, but for case and white space."""
    from burnish.data.examples import input_key

    text = input_key(example).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def assess(ground: Ground, engine: Engine, progress: Progress) -> Assessed:
    """Every correction in the log, with what speaks against it."""
    from burnish.gather.callers import caller_habits, doubted_callers
    from burnish.gather.corrections import flagged

    said, negative, over = _said(engine)
    heard, left = _heard(ground, engine, said)
    corrections = heard.corrections
    approvals = _approvals(engine, {one.exchange for one in corrections}, heard.approving)
    if corrections:
        progress(Event("gather", f"judging {len(corrections):,} corrections of callers"))
    doubts = doubts_of(ground.task, ground.trusted, corrections, seed=ground.task.seed)
    callers, habits = doubted_callers(corrections, doubts), caller_habits(corrections)
    flags = flagged(
        corrections, doubts, callers, habits,
        labels=ground.answers.labels, learned=ground.learned, approvals=approvals,
    )  # fmt: skip
    note = (
        f"Of the corrected exchanges the newest {len(said) - left:,} were looked at; "
        f"{over + left:,} older ones were not."
    )
    disliked = frozenset(negative | heard.no_answers)
    return Assessed(
        corrections=corrections, flags=flags, callers=callers, habits=habits, negative=disliked,
        no_answers=len(heard.no_answers), notes=(note,) if over + left else (),
    )  # fmt: skip


_Said = dict[str, dict[str, Any]]
"""Exchange → caller → the answer that it gave last."""


def _said(engine: Engine) -> tuple[_Said, set[str], int]:
    """What was corrected, what was disliked, and how many corrected exchanges are too many."""
    said: _Said = {}
    negative: set[str] = set()
    over = 0
    for one in each_feedback(engine):
        if one.thumb == "down" or (one.score is not None and one.score <= _LOW_SCORE):
            negative.add(one.exchange)
        if one.answer is None:
            continue
        by_caller = said.pop(one.exchange, {})
        said[one.exchange] = by_caller | {one.caller: one.answer}
        if len(said) > MOST_CORRECTED:
            del said[next(iter(said))]
            over += 1
    return said, negative, over


@dataclass
class _Heard:
    """Corrections, exchange → callers who repeated the answer given, and what was no answer."""

    corrections: "list[Correction]" = field(default_factory=list)
    approving: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    no_answers: set[str] = field(default_factory=set)


def _heard(ground: Ground, engine: Engine, said: _Said) -> tuple[_Heard, int]:
    """What was said, the newest first as far as memory goes; and how many exchanges are left."""
    from burnish.gather.asked import asked

    heard = _Heard()
    characters = looked = 0
    for exchange in picked(engine, list(said)[::-1]):
        if characters > MOST_CHARACTERS:
            break
        looked += 1
        example = asked(ground.task, exchange)
        if isinstance(example, Example):
            characters += len(example.text)
            _hear(ground, exchange, example, said[exchange.id], heard)
    heard.corrections.sort(key=lambda one: (one.at, one.exchange, one.caller))
    return heard, len(said) - looked if characters > MOST_CHARACTERS else 0


def _hear(
    ground: Ground, exchange: Exchange, example: Example, by_caller: dict[str, Any], heard: _Heard
) -> None:
    from burnish.gather.candidates import difference
    from burnish.gather.corrections import Correction

    key = key_of(example)
    for caller, value in by_caller.items():
        try:
            target = _caller_target(ground.answers, value)
        except ValueError:
            heard.no_answers.add(exchange.id)
            continue
        own = caller == LABELLED
        if not own and difference(ground.task, example.answer, target.text) == 0:
            heard.approving[exchange.id].add(caller)
            continue
        fields = {"answer": target.text, "references": target.references, "labels": target.labels}
        one = Correction(
            exchange=exchange.id, at=exchange.at, caller=caller, served=example.answer,
            example=example.model_copy(update=fields), key=key, own=own,
        )  # fmt: skip
        heard.corrections.append(one)


def picked(engine: Engine, names: Sequence[str]) -> Iterator[Exchange]:
    """Exchanges by id, a thousand in memory at once."""
    for start in range(0, len(names), _AT_ONCE):
        yield from pick_exchanges(engine, names[start : start + _AT_ONCE])


def _caller_target(answers: "Answers", value: Any) -> Any:
    """A caller's answer as it is learned; a label that differs in case alone is the known one."""
    classify = answers.task.kind == "classify"
    if isinstance(value, list) and classify:
        value = "\n".join(map(str, value))
    elif isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    target = answers.target(str(value), new=classify)
    by_case = {label.casefold(): label for label in answers.labels}
    labels = [by_case.get(label.casefold(), label) for label in target.labels]
    if tuple(labels) == target.labels:
        return target
    return answers.target("\n".join(sorted(labels)), new=True)


def _approvals(
    engine: Engine, corrected: set[str], approving: dict[str, set[str]]
) -> dict[str, list[str]]:
    """Corrected exchange → callers who approved the answer that was given, sorted."""
    if corrected:
        for one in each_feedback(engine):
            liked = one.thumb == "up" or (one.score is not None and one.score >= _HIGH_SCORE)
            if liked and one.answer is None and one.exchange in corrected:
                approving[one.exchange].add(one.caller)
    return {name: sorted(callers) for name, callers in approving.items()}


def _served_dataset(workspace: Workspace, engine: Engine) -> Dataset:
    """The data set of the run that answers most, or else the newest."""
    complete = [one for one in workspace.records(Dataset) if one.status == "complete"]
    if not complete:
        raise DataError(
            f"{workspace.folder} holds no data set yet, so nothing can be told apart from it.",
            hint="burnish run",
        )
    traffic = current_traffic(engine)
    if traffic is None:
        return complete[-1]
    most = max(traffic.routes, key=lambda route: route.share).deployment
    runs = {one.run for one in workspace.records(Deployment) if one.id == most}
    parents = {one.parents.get("dataset") for one in workspace.records(Run) if one.id in runs}
    return next((one for one in complete[::-1] if one.hash in parents), complete[-1])
