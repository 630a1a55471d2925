"""From the request log to the queue: candidates, their reasons, and the lines that people see.

Reads the database; writes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from burnish.pipeline.gather.assessing import MOST_CHARACTERS, Assessed, Ground, key_of, picked
from burnish.records import Event, Example, Exchange, Progress, Queued, Task
from burnish.store.exchanges import read_exchanges
from burnish.store.feedback import newest_shadows

if TYPE_CHECKING:
    from burnish.gather.candidates import Candidate, Marks
    from burnish.gather.novelty import Novelty

MOST_CANDIDATES = 20_000
"""Inputs that are kept in mind while the log streams by."""

MOST_SHADOWS = 20_000
"""Answers of shadow deployments that are compared; of more, the newest."""

REPEATED = "nearly the same as another in the queue"
"""Why an exchange is left out that has nothing to add."""

_AT_ONCE = 1000
_TELL_EVERY = 50_000


@dataclass(frozen=True)
class Closed:
    """What needs no line any more.

    Attributes:
        exchanges: that are examples already, or were decided on.
        lines: that a person decided on.
    """

    exchanges: frozenset[str]
    lines: tuple[Queued, ...]


@dataclass(frozen=True)
class Found:
    """What the log holds that is worth a label.

    Attributes:
        lines: most worth it first, at most as many as were asked for.
        worth: inputs that are worth it, before the queue was cut.
        exchanges, left_out: what callers saw, and reason → how many of it cannot be used.
    """

    lines: list[Queued]
    worth: int
    exchanges: int
    left_out: dict[str, int]
    notes: tuple[str, ...]


def find(
    ground: Ground, assessed: Assessed, closed: Closed, engine: Engine,
    *, most: int, since: str, progress: Progress,
) -> Found:  # fmt: skip
    """Rank the log, and make lines of what is most worth a label."""
    from burnish.gather.candidates import KNOWN, Pool, candidates
    from burnish.gather.novelty import Novelty

    task = ground.task
    progress(Event("gather", "learning what is usual"))
    learned = [example.text for example in ground.train[: task.checks.most_rows]]
    novelty = Novelty(learned, seed=task.seed)
    corrected = _open_corrections(ground, assessed, closed)
    marks = _marks(assessed, corrected, engine, since)
    shut = {key_of(as_example(line)) for line in closed.lines}
    shut |= {one.key for one in assessed.corrections if one.own}

    def known(key: bytes, is_corrected: bool) -> bool:
        if key in ground.held_out or key in shut:
            return True
        return not is_corrected and key in ground.learned

    pool = Pool(MOST_CANDIDATES)
    seen, left_out = candidates(
        task,
        _told(read_exchanges(engine, since=since), progress),
        marks,
        pool,
        key_of=key_of,
        novelty_of=lambda text: novelty.strength(novelty.at_least(text)),
        labels=0 if task.multi_label else len(ground.answers.labels),
        known=known,
    )
    progress(Event("gather", "looking at what is uncertain, new, disagreed or disliked"))
    ranked = pool.kept()
    notes = _notes(pool.over, len(ranked))
    worth, examples = _worth(task, ranked, novelty, engine)
    worth, repeats = _without_repeats(ground, closed, worth, examples)
    left_out[KNOWN] = left_out.get(KNOWN, 0) + repeats[0]
    left_out[REPEATED] = repeats[1]
    chosen = _balanced(task, worth, examples, novelty, most)
    lines = [_line(task, one, examples[one.key], corrected[one.key], marks) for one in chosen]
    counted = {reason: n for reason, n in left_out.items() if n}
    return Found(lines, len(worth), seen, counted, notes)


def as_example(line: Queued) -> Example:
    """A line of the queue with the answer that was given, as an example without labels."""
    from burnish.gather.asked import SOURCE, example_id

    return Example(
        id=example_id(line.exchange), source=SOURCE, row=0, inputs=line.inputs,
        history=line.history, answer=line.answer, references=(line.answer,), time=line.at[:10],
    )  # fmt: skip


_Flagged = tuple[Any, tuple[str, ...]]
"""A correction with its flags."""


def _open_corrections(
    ground: Ground, assessed: Assessed, closed: Closed
) -> dict[bytes, list[_Flagged]]:
    """Digest of an input → corrections that are no examples yet and say something new."""
    found: dict[bytes, list[_Flagged]] = defaultdict(list)
    for correction, flags in zip(assessed.corrections, assessed.flags, strict=True):
        new = ground.learned.get(correction.key) != correction.example.answer
        if correction.exchange not in closed.exchanges and new and not correction.own:
            found[correction.key].append((correction, flags))
    return found


def _marks(
    assessed: Assessed, corrected: dict[bytes, list[_Flagged]], engine: Engine, since: str
) -> "Marks":
    from burnish.gather.candidates import Marks

    shadows: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in newest_shadows(engine, MOST_SHADOWS, since=since):
        shadows[one.exchange].append((one.answer, one.deployment))
    exchanges = {one.exchange for found in corrected.values() for one, _ in found}
    return Marks(assessed.negative, frozenset(exchanges), dict(shadows))


def _told(exchanges: Iterable[Exchange], progress: Progress) -> Iterator[Exchange]:
    for at, exchange in enumerate(exchanges):
        if at % _TELL_EVERY == 0:
            progress(Event("gather", f"reading the request log: {at:,} exchanges"))
        yield exchange


def _notes(over: int, looked: int) -> tuple[str, ...]:
    if not over:
        return ()
    return (
        f"Of more than {looked:,} different inputs these were looked at closely: the most worth "
        "it of each day, caller and label.",
    )


def _worth(
    task: Task, ranked: "Sequence[Candidate]", novelty: "Novelty", engine: Engine
) -> "tuple[list[Candidate], dict[bytes, Example]]":
    """The candidates with a reason, best first, and their examples; novelty is measured now."""
    from burnish.gather.asked import asked

    by_id = {one.exchange: one for one in ranked}
    worth: list[Candidate] = []
    examples: dict[bytes, Example] = {}
    characters = 0
    for start in range(0, len(ranked), _AT_ONCE):
        names = [one.exchange for one in ranked[start : start + _AT_ONCE]]
        read = [(by_id[one.id], asked(task, one)) for one in picked(engine, names)]
        usable = [(one, example) for one, example in read if isinstance(example, Example)]
        distances = novelty.distances([example.text for _, example in usable])
        for (one, example), distance in zip(usable, distances.tolist(), strict=True):
            one.strengths["novel"] = novelty.strength(distance)
            if one.why and characters < MOST_CHARACTERS:
                worth.append(one)
                examples[one.key] = example
                characters += len(example.text) + len(example.answer)
    return sorted(worth, key=lambda one: one.rank), examples


def _without_repeats(
    ground: Ground, closed: Closed, worth: "Sequence[Candidate]", examples: dict[bytes, Example]
) -> "tuple[list[Candidate], tuple[int, int]]":
    """Candidates that are near no example and no better candidate; and how many are near either.

    One that callers corrected may be near an example that is learned: it may be wrong.
    """
    learned = [*ground.train, *(one.example for one in ground.gathered)]
    held_out = [*ground.validation, *ground.test_inputs, *map(as_example, closed.lines)]
    everything = [*learned, *held_out, *(examples[one.key] for one in worth)]
    first = len(everything) - len(worth)
    near = _near(ground.task, everything, first)
    kept: list[Candidate] = []
    stays: set[int] = set()
    known = repeated = 0
    for at, one in enumerate(worth, first):
        corrected = one.strengths.get("corrected", 0) > 0
        if any(other < first and not (corrected and other < len(learned)) for other in near[at]):
            known += 1
        elif any(other in stays for other in near[at]):
            repeated += 1
        else:
            stays.add(at)
            kept.append(one)
    return kept, (known, repeated)


def _near(task: Task, examples: Sequence[Example], first: int) -> dict[int, list[int]]:
    """Place from `first` on → the places before it of examples that it nearly repeats."""
    from burnish.data.checks.duplicates import near_pairs
    from burnish.data.dedupe import Likeness
    from burnish.data.extend import comparable
    from burnish.data.rows import row_of

    near: dict[int, list[int]] = defaultdict(list)
    if task.checks.near_duplicates == "off":
        return near
    alike = Likeness(task, examples, by_words=True)
    for pair in near_pairs([e.text for e in examples], task.checks.similarity, seed=task.seed):
        if pair.second >= first:
            rows = [
                row_of(task, comparable(task, _blank(examples[at])), at)
                for at in (pair.first, pair.second)
            ]
            if alike.inputs(*rows):
                near[pair.second].append(pair.first)
    return near


def _blank(example: Example) -> Example:
    return example.model_copy(update={"answer": "", "references": (), "labels": ()})


def _balanced(
    task: Task,
    worth: "Sequence[Candidate]",
    examples: dict[bytes, Example],
    novelty: "Novelty",
    most: int,
) -> "list[Candidate]":
    """The first of them, spread over labels (or what the texts are about), callers and days."""
    from burnish.gather.queue import balanced, clusters

    if task.kind == "classify":
        about = [one.label for one in worth]
    else:
        vectors = novelty.vectors([examples[one.key].text for one in worth])
        about = clusters(vectors, seed=task.seed)
    groups = {
        one.key: (name, one.caller, one.at[:10]) for one, name in zip(worth, about, strict=True)
    }
    return balanced(worth, most, lambda one: groups[one.key])


def _line(
    task: Task,
    one: "Candidate",
    example: Example,
    corrected: Sequence[_Flagged],
    marks: "Marks",
) -> Queued:
    from burnish.gather.candidates import differs

    shadows = marks.shadows.get(one.exchange, ())
    said = dict.fromkeys((found.example.answer, found.caller) for found, _ in corrected)
    flags = dict.fromkeys(flag for _, found in corrected for flag in found)
    return Queued(
        exchange=one.exchange,
        at=one.at,
        deployment=one.deployment,
        caller=one.caller,
        inputs=example.inputs,
        history=example.history,
        answer=example.answer,
        probability=one.probability,
        corrections=tuple(said),
        shadows=tuple(x for x in shadows if differs(task, example.answer, x[0])),
        why=one.why,
        score=round(one.score, 4),
        flags=tuple(flags),
    )
