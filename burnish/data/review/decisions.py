"""Decisions: from what a person wrote into findings.jsonl to the reviews a build applies.

Reads the findings with their `decision` fields and the examples they speak of; writes nothing.
Whatever cannot be done as written is reported together, with its line.
"""

import difflib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from pydantic import ValidationError

from burnish.chat.answers import NO_LABELS
from burnish.data.examples import Faults, shortened
from burnish.data.review.annotations import import_annotations
from burnish.records import Action, Finding, Review

_WORDS = '"accept", "keep", "drop", "mask" or "answer: " with the right answer'
_PLAIN: dict[str, Action] = {"keep": "keep", "drop": "drop", "mask": "mask"}
_ANSWER = "answer:"


def findings_in(text: str, *, name: str = "findings.jsonl") -> list[tuple[int, Finding]]:
    """The findings of a file that a person may have edited, each with its line (from 1).

    Blank lines are skipped.

    Raises:
        DataError: listing every line that is no finding any more.
    """
    found: list[tuple[int, Finding]] = []
    broken: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            found.append((number, Finding.model_validate_json(line)))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            broken.append(f"{name} line {number}: {f'{field}: ' * bool(field)}{first['msg']}")
    faults = Faults()
    if broken:
        count = "1 line is" if len(broken) == 1 else f"{len(broken):,} lines are"
        faults.add(
            f"{count} no finding any more; a decision is text between quotes, such as "
            '"decision": "drop".',
            broken,
            hint=f"mend {name}, or copy these lines again from the data set's own file",
        )
    faults.stop()
    return found


def taken_over(
    text: str, ids: Collection[str], labels: Sequence[str], *, name: str = "findings.jsonl"
) -> list[Review]:
    """What people decided, in a findings.jsonl or in the export of an annotation tool.

    Args:
        ids: of every example that may be decided on.
        labels: the label set (classify), against which slips of the pen are told.
        name: of the file, for messages.

    Raises:
        DataError: with every decision or annotation that cannot be used.
    """
    first = text.removeprefix("\ufeff").lstrip()[:2000]
    if '"suggestion"' in first and '"reason"' in first:
        found = findings_in(text, name=name)
        numbers = [number for number, _ in found]
        return decided([finding for _, finding in found], ids, labels, lines=numbers, name=name)
    reviews = import_annotations(text)
    faults = Faults()
    if strangers := [review.row or review.id for review in reviews if review.id not in ids]:
        faults.add(
            f"{name} holds annotations of examples that the data set does not have: "
            f"{len(strangers):,}.",
            strangers,
            hint="export this data set's tasks again, and annotate those",
        )
    faults.stop()
    return reviews


def decided(
    findings: Sequence[Finding],
    ids: Collection[str],
    labels: Sequence[str] = (),
    *,
    lines: Sequence[int] | None = None,
    name: str = "findings.jsonl",
) -> list[Review]:
    """What a person decided, sorted by id and kind; findings without a decision are passed over.

    A decision acts on a finding's first row alone. An example may be kept against one finding and
    changed on another, and be both masked and given another answer; anything else that differs
    contradicts.

    Args:
        findings: in the order of the file.
        ids: of every example that may be decided on.
        labels: the label set (classify).
        lines: the line each finding stands on; its place among the findings if not given.
        name: of the file, for messages.

    Raises:
        DataError: with every unknown word, acceptance of nothing, unknown id, label with a slip of
            the pen and contradiction.
    """
    numbers = lines or range(1, len(findings) + 1)
    wrong: list[str] = []
    made: dict[str, list[tuple[int, Review]]] = defaultdict(list)
    for number, finding in zip(numbers, findings, strict=True):
        if not finding.decision.strip():
            continue
        try:
            review = _review(finding, ids, labels)
        except ValueError as error:
            wrong.append(f"{name} line {number}: {error}")
            continue
        made[review.id].append((number, review))
    for reviews in made.values():
        wrong += _contradictions(reviews, name)
    faults = Faults()
    if wrong:
        count = "1 decision" if len(wrong) == 1 else f"{len(wrong):,} decisions"
        faults.add(
            f"{count} in {name} cannot be applied; nothing was changed.",
            wrong,
            hint=f"write {_WORDS}, or empty the decision, and run the same command again",
        )
    faults.stop()
    unique = {(review.id, review.kind): review for each in made.values() for _, review in each}
    return _sorted(unique.values())


def merged(old: Sequence[Review], new: Sequence[Review]) -> list[Review]:
    """All reviews, sorted; where two of one example cannot both hold, the newer stays.

    Within one sequence the later is the newer.
    """
    kept: dict[str, list[Review]] = defaultdict(list)
    for review in [*old, *new]:
        others = kept[review.id]
        kept[review.id] = [
            *(one for one in others if one.kind != review.kind and _agree(one, review)),
            review,
        ]
    return _sorted(review for reviews in kept.values() for review in reviews)


def _review(finding: Finding, ids: Collection[str], labels: Sequence[str]) -> Review:
    """The review of one finding; ValueError says what is wrong with its decision."""
    if not finding.ids:
        raise ValueError(
            f'"{shortened(finding.decision)}", but this finding is about no single row; expected '
            "an empty decision"
        )
    if finding.ids[0] not in ids:
        raise ValueError(
            f'the data set has no example with the id "{shortened(finding.ids[0])}"; expected '
            "findings of this data set"
        )
    action, answer = _action(finding)
    if answer and labels:
        _check_labels(answer, labels)
    row = finding.rows[0] if finding.rows else ""
    return Review(id=finding.ids[0], kind=finding.kind, action=action, answer=answer, row=row)


def _action(finding: Finding) -> tuple[Action, str]:
    """What a decision says is to be done, and the answer it gives."""
    decision = finding.decision.strip()
    if decision.casefold() == "accept":
        if not finding.suggestion.strip():
            raise ValueError(
                '"accept", but this finding suggests nothing; expected "keep", "drop", "mask" or '
                '"answer: " with the right answer'
            )
        suggested = _spoken(finding.suggestion)
        if suggested is None:
            raise ValueError(
                f'"accept", but the suggestion "{shortened(finding.suggestion)}" is nothing that '
                f"can be done; expected {_WORDS}"
            )
        return suggested
    spoken = _spoken(decision)
    if spoken is None:
        raise ValueError(f'"{shortened(decision)}"; expected {_WORDS}')
    return spoken


def _spoken(words: str) -> tuple[Action, str] | None:
    """(action, answer) of a decision or a suggestion, or None for other words."""
    words = words.strip()
    plain = _PLAIN.get(words.casefold())
    if plain:
        return plain, ""
    if words[: len(_ANSWER)].casefold() != _ANSWER:
        return None
    answer = words[len(_ANSWER) :].strip()
    return ("answer", answer) if answer else None


def _check_labels(answer: str, known: Sequence[str]) -> None:
    """ValueError for a label that is not known but nearly one that is; a new label may be meant."""
    for label in answer.split("\n"):
        if label.strip() in known or label.strip() == NO_LABELS:
            continue
        near = difflib.get_close_matches(label.strip(), known, n=1, cutoff=0.8)
        if near:
            raise ValueError(
                f'"answer: {shortened(label.strip())}" is no label of the data set; did you mean '
                f'"{near[0]}"?'
            )


def _contradictions(reviews: Sequence[tuple[int, Review]], name: str) -> list[str]:
    """A sentence for each decision that cannot hold beside an earlier one of the same example."""
    sentences = []
    for index, (number, review) in enumerate(reviews):
        for earlier, other in reviews[:index]:
            if not _agree(review, other):
                sentences.append(
                    f"{name} line {number}: {_said(review)}, but line {earlier} says "
                    f"{_said(other)} of the same example ({review.row or review.id}); expected one "
                    "decision"
                )
                break
    return sentences


def _agree(one: Review, other: Review) -> bool:
    """Whether two reviews of one example can both be applied."""
    if (one.action, one.answer) == (other.action, other.answer):
        return True
    actions = {one.action, other.action}
    if one.kind != other.kind and "keep" in actions:
        return "drop" not in actions
    return actions == {"mask", "answer"}


def _said(review: Review) -> str:
    if review.action == "answer":
        return f'"answer: {shortened(review.answer)}"'
    return f'"{review.action}"'


def _sorted(reviews: Iterable[Review]) -> list[Review]:
    return sorted(reviews, key=lambda review: (review.id, review.kind, review.action))
