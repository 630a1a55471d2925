"""Candidates: which exchanges are kept in mind while the request log streams by.

Reads exchanges; writes nothing. Of every input one exchange is kept, without its texts. Where more
come than memory should hold, the fullest groups give up their least: a group is a day, a caller and
a label, so that no flood of one kind pushes the others out.
"""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from burnish.chat.answers import parse
from burnish.gather.asked import asked
from burnish.records import Example, Exchange, Task, Why

WEIGHTS: dict[Why, float] = {
    "corrected": 0.8, "negative feedback": 0.6, "disagreed": 0.6, "uncertain": 0.6, "novel": 0.6,
}  # fmt: skip
"""How much each reason says by itself, at its strongest; they add up as independent ones would."""

LEAST = 0.5
"""Strength from which an answer counts as uncertain or disagreed."""

KNOWN = "an input of the data set, or one that is settled"
"""Why an exchange is left out that has nothing to teach."""

_BUCKETS = 64

Strengths = dict[Why, float]
"""Reason → how strong it is, from 0 to 1."""


@dataclass(slots=True)
class Candidate:
    """An exchange in short.

    Attributes:
        exchange, at, caller, deployment, probability: as logged.
        key: digest of its input; equal means the same input.
        label: what was answered, in short, as a group to balance over.
        strengths: why it may be worth a look.
        alike: exchanges with the same input, itself among them, as far as they were met.
    """

    exchange: str
    at: str
    caller: str
    deployment: str
    probability: float | None
    key: bytes
    label: str
    strengths: Strengths = field(default_factory=dict)
    alike: int = 1

    @property
    def score(self) -> float:
        """What all reasons say together, from 0 to 1 (noisy or)."""
        doubt = 1.0
        for why, strength in self.strengths.items():
            doubt *= 1 - WEIGHTS[why] * strength
        return 1 - doubt

    @property
    def why(self) -> tuple[Why, ...]:
        """The reasons, strongest first."""
        said = {why: WEIGHTS[why] * strength for why, strength in self.strengths.items()}
        return tuple(sorted((why for why in said if said[why] > 0), key=lambda why: -said[why]))

    @property
    def rank(self) -> tuple[float, bytes, str]:
        """Order by score; equal ones by a lot that their content draws."""
        return -self.score, self.key, self.exchange


class Pool:
    """At most twice `most` candidates, one for each input; `kept` are the best of them.

    Args:
        most: candidates that stay in the end.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[bytes, Candidate] = {}
        self.over = 0

    def offer(self, one: Candidate) -> None:
        """Take a candidate into account; of equal inputs the better one stays, or the newer."""
        other = self._held.get(one.key)
        if other is not None:
            better, worse = (other, one) if other.score > one.score else (one, other)
            better.alike = one.alike + other.alike
            for why, strength in worse.strengths.items():
                better.strengths[why] = max(strength, better.strengths.get(why, 0.0))
            one = better
        self._held[one.key] = one
        if len(self._held) > 2 * self._most:
            self._prune()

    def kept(self) -> list[Candidate]:
        """The candidates, best first."""
        self._prune()
        return sorted(self._held.values(), key=lambda one: one.rank)

    def _prune(self) -> None:
        if len(self._held) <= self._most:
            return
        groups: dict[tuple[int, ...], list[Candidate]] = defaultdict(list)
        for one in self._held.values():
            groups[_group(one)].append(one)
        places = [
            (place, one.rank, one.key)
            for members in groups.values()
            for place, one in enumerate(sorted(members, key=lambda one: one.rank))
        ]
        stay = {key for _, _, key in sorted(places)[: self._most]}
        self.over += len(self._held) - len(stay)
        self._held = {key: one for key, one in self._held.items() if key in stay}


def _group(one: Candidate) -> tuple[int, ...]:
    """Day, caller and label, each as one of 64."""
    parts = (one.at[:10], one.caller, one.label)
    return tuple(zlib.crc32(part.encode("utf-8", "surrogatepass")) % _BUCKETS for part in parts)


@dataclass(frozen=True)
class Marks:
    """What callers and shadow deployments said of exchanges, by exchange.

    Attributes:
        negative: exchanges with a thumb down or a score of 1 or 2.
        corrected: exchanges that a caller gave another answer to.
        shadows: what shadow deployments answered, with the deployment.
    """

    negative: frozenset[str] = frozenset()
    corrected: frozenset[str] = frozenset()
    shadows: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


def candidates(
    task: Task,
    exchanges: Iterable[Exchange],
    marks: Marks,
    pool: Pool,
    *,
    key_of: Callable[[Example], bytes],
    novelty_of: Callable[[str], float],
    labels: int,
    known: Callable[[bytes, bool], bool],
) -> tuple[int, dict[str, int]]:
    """Offer every usable exchange to the pool.

    Args:
        key_of: digest of an example's input.
        novelty_of: text → strength of "novel", told quickly.
        labels: how many there are, where answers are one label of a set; else 0.
        known: whether an input needs no label any more, given whether it was corrected.

    Returns:
        How many exchanges callers saw, and reason → how many were left out.
    """
    seen, left_out = 0, defaultdict[str, int](int)
    for exchange in exchanges:
        if exchange.shadow:
            continue
        seen += 1
        example = asked(task, exchange)
        if isinstance(example, str):
            left_out[example] += 1
            continue
        key = key_of(example)
        corrected = exchange.id in marks.corrected
        if known(key, corrected):
            left_out[KNOWN] += 1
            continue
        strengths: Strengths = {
            "corrected": float(corrected),
            "negative feedback": float(exchange.id in marks.negative),
            "disagreed": _disagreed(task, example.answer, marks.shadows.get(exchange.id, ())),
            "uncertain": uncertain(exchange.probability, labels),
            "novel": novelty_of(example.text),
        }
        pool.offer(
            Candidate(
                exchange=exchange.id, at=exchange.at, caller=exchange.caller,
                deployment=exchange.deployment, probability=exchange.probability, key=key,
                label=short_label(example.answer),
                strengths={why: value for why, value in strengths.items() if value > 0},
            )
        )  # fmt: skip
    return seen, dict(left_out)


def uncertain(probability: float | None, labels: int) -> float:
    """How uncertain a chosen label is: 0 where the label's share is half of what lies above chance
    or more, 1 at chance."""
    if probability is None or labels < 2:
        return 0.0
    open_ = (1 - probability) / (1 - 1 / labels)
    return open_ if open_ >= LEAST else 0.0


def _disagreed(task: Task, answer: str, others: Iterable[tuple[str, str]]) -> float:
    most = max((difference(task, answer, other) for other, _ in others), default=0.0)
    return most if most >= LEAST else 0.0


def differs(task: Task, one: str, other: str) -> bool:
    """Whether two answers disagree."""
    return difference(task, one, other) >= LEAST


def difference(task: Task, one: str, other: str) -> float:
    """How far two answers differ: 0 or 1 for labels and JSON, the share of words for texts."""
    if task.kind in ("classify", "extract"):
        first, second = parse(task, one), parse(task, other)
        if first is None or second is None:
            return float(one.strip() != other.strip())
        return float(first != second)
    words, others = set(one.casefold().split()), set(other.casefold().split())
    shared = len(words & others)
    return 1 - 2 * shared / (len(words) + len(others)) if words or others else 0.0


def short_label(answer: str) -> str:
    """An answer as a group: a label as it stands, of longer answers a digest."""
    if len(answer) <= 100:
        return answer
    return hashlib.blake2b(answer.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
