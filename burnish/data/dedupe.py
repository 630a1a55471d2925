"""Duplicates, leaks and conflicts: which rows repeat others, and what follows from that.

Reads rows, and texts from the spool; writes nothing. What leaves and what is found goes to the
ledger. A row of the user's own test file is never dropped for being near another.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from burnish.data.checks.duplicates import Near, near_pairs, similarity, word_runs
from burnish.data.examples import place
from burnish.data.ledger import Ledger
from burnish.data.rows import Row
from burnish.records import Example, FindingKind, Task

Pools = dict[str, list[Row]]
"""Name of a file's role ("source", "train", "validation", "test") → its rows."""

_PROTECTED = ("test", "validation")
_ONE_ANSWER = ("classify", "extract")
_NUMBER = re.compile(r"\w*\d\w*")
_WORD = re.compile(r"\w+")


@dataclass
class Deduplicated:
    """What is left.

    Attributes:
        pools: without the rows that were dropped.
        ties: rows that are near each other, most alike first, to be kept in one split.
    """

    pools: Pools
    ties: list[tuple[Row, Row]] = field(default_factory=list)


def deduplicate(task: Task, pools: Pools, spool: Sequence[Example], ledger: Ledger) -> Deduplicated:
    """Drops duplicates and leaks, as the brief's `checks:` have it, and reports conflicts.

    In order: exact duplicates; rows of the user's own files that recur in a more protected one;
    near-duplicates and, where a model is named, inputs that mean the same.
    """
    pools = {name: _without_exact(pool, ledger) for name, pool in pools.items()}
    _remove_exact_leaks(pools, ledger)
    _report_conflicts(task, pools, ledger)
    done = Deduplicated(pools)
    checks = task.checks
    if checks.near_duplicates != "off":
        _apply(
            task, done, spool, ledger, "near-duplicate",
            lambda texts: near_pairs(texts, checks.similarity, seed=task.seed),
        )  # fmt: skip
    if checks.meaning:
        from burnish.data.checks.meaning import same_meaning

        model, least = checks.meaning, checks.meaning_similarity
        _apply(
            task,
            done,
            spool,
            ledger,
            "same-meaning",
            lambda texts: same_meaning(texts, model, least),
        )
    return done


def _without_exact(pool: Sequence[Row], ledger: Ledger) -> list[Row]:
    """One row of each input and answer.

    The first row stays. Where rows differ in case, white space, id or group, the choice among
    them goes by content, not by row, so that the order of rows changes nothing.
    """
    same: dict[tuple[bytes, bytes], list[Row]] = defaultdict(list)
    for row in pool:
        same[row.input, row.answer].append(row)
    kept = []
    for rows in same.values():
        first, *others = sorted(
            rows, key=lambda row: (row.content, row.id, row.group or "", row.row)
        )
        kept.append(first)
        for other in others:
            ledger.drop(other, "exact duplicate", kept=first)
            ledger.find(
                "exact-duplicate", (other, first), 1.0,
                f"Has the input and the answer of {place(first)}; dropped.", suggest="",
            )  # fmt: skip
    return kept


def _remove_exact_leaks(pools: Pools, ledger: Ledger) -> None:
    """Takes from the user's train what recurs in validation or test, from validation what in test.

    Test rows are never touched.
    """
    for protected, others in (("test", ("validation", "train")), ("validation", ("train",))):
        places: dict[bytes, Row] = {}
        for row in sorted(pools.get(protected, []), key=lambda row: row.row):
            places.setdefault(row.input, row)
        for name in others:
            leaked = [row for row in pools.get(name, []) if row.input in places]
            for row in leaked:
                origin = places[row.input]
                ledger.drop(row, f"also in {protected}", kept=origin)
                ledger.find(
                    "leak", (row, origin), 1.0,
                    f"Has the input of {place(origin)} in {protected}; dropped.", suggest="",
                )  # fmt: skip
            if leaked:
                pools[name] = [row for row in pools[name] if row.input not in places]


def _report_conflicts(task: Task, pools: Pools, ledger: Ledger) -> None:
    """Equal inputs with different answers, for the kinds that have one right answer."""
    if task.kind not in _ONE_ANSWER:
        return
    for pool in pools.values():
        same: dict[bytes, list[Row]] = defaultdict(list)
        for row in pool:
            same[row.input].append(row)
        for rows in same.values():
            if len(rows) > 1:
                first, *others = sorted(rows, key=lambda row: (row.source, row.row))
                places = " and ".join(place(other) for other in others)
                ledger.find(
                    "conflict", (first, *others), 1.0,
                    f"The same input has another answer in {places}; at most one is right.",
                    suggest="",
                )  # fmt: skip


def _apply(
    task: Task,
    done: Deduplicated,
    spool: Sequence[Example],
    ledger: Ledger,
    kind: FindingKind,
    pairs_of: Callable[[Sequence[str]], list[Near]],
) -> None:
    """Find pairs over all pools at once; drop, tie and report them."""
    role = {row.at: name for name, pool in done.pools.items() for row in pool}
    rows = [row for pool in done.pools.values() for row in pool]
    pairs = [
        (rows[pair.first], rows[pair.second], pair.similarity)
        for pair in pairs_of(_Texts(spool, rows))
    ]
    pairs.sort(key=lambda pair: (-pair[2], pair[0].content, pair[1].content))
    removes = task.checks.near_duplicates == "drop"
    drops = removes and kind == "near-duplicate"
    alike = Likeness(task, spool, by_words=kind == "near-duplicate")
    gone: set[int] = set()
    inner = []
    for one, other, value in pairs:
        if not alike.inputs(one, other):
            done.ties.append((one, other))  # a shared context, say, with another question
        elif role[one.at] != role[other.at]:
            if not {one.at, other.at} & gone:
                gone |= _leak(one, other, value, role, kind, ledger, drop=removes)
        elif one.input != other.input:  # equal inputs are exact duplicates, conflicts or references
            inner.append((one, other, value, alike.all(one, other)))
    inner = [pair for pair in inner if not {pair[0].at, pair[1].at} & gone]
    if drops:
        gone |= _drop_near(
            [
                (one, other, value)
                for one, other, value, agreeing in inner
                if agreeing and role[one.at] not in _PROTECTED
            ],
            ledger,
        )
    for one, other, value, agreeing in inner:
        done.ties.append((one, other))
        if not {one.at, other.at} & gone:
            _report(task, one, other, value, kind, ledger, agreeing=agreeing)
    done.pools = {
        name: [row for row in pool if row.at not in gone] for name, pool in done.pools.items()
    }


def _leak(
    one: Row, other: Row, value: float, role: dict[int, str], kind: FindingKind, ledger: Ledger,
    *, drop: bool,
) -> set[int]:  # fmt: skip
    """A pair across the user's own files: the less protected row goes, if anything does."""
    order = (*_PROTECTED, "train")
    safe, leaked = sorted((one, other), key=lambda row: order.index(role[row.at]))
    if ledger.kept(leaked, "leak"):
        return set()
    where, how = role[safe.at], "means the same as" if kind == "same-meaning" else "nearly repeats"
    done = "; dropped" if drop else ""
    ledger.find(
        "leak", (leaked, safe), value,
        f"{how.capitalize()} {place(safe)} in {where} (similarity {value:.2f}){done}.",
        suggest="" if drop else "drop",
    )  # fmt: skip
    if not drop:
        return set()
    ledger.drop(leaked, f"near-duplicate in {where}", kept=safe, similarity=round(value, 3))
    return {leaked.at}


def _drop_near(pairs: Sequence[tuple[Row, Row, float]], ledger: Ledger) -> set[int]:
    """Of each cluster of near-duplicates, the rows that are near one that is kept.

    Kept first: the answer that most rows of the cluster have, then the row that most others are
    near, then the longer answer, then the order of content. A row goes only if it is itself near a
    kept one, so chains do not collapse.
    """
    near: dict[int, dict[int, float]] = defaultdict(dict)
    rows: dict[int, Row] = {}
    for one, other, value in pairs:
        near[one.at][other.at] = near[other.at][one.at] = value
        rows |= {one.at: one, other.at: other}
    gone: set[int] = set()
    for cluster in _clusters(near):
        answers = Counter(rows[at].answer for at in cluster)
        ranked = sorted(
            (rows[at] for at in cluster),
            key=lambda row: (-answers[row.answer], -len(near[row.at]), -row.words, row.content),
        )
        kept: list[Row] = []
        for row in ranked:
            beside = next((other for other in kept if other.at in near[row.at]), None)
            if beside is None or ledger.kept(row, "near-duplicate"):
                kept.append(row)
                continue
            value = near[row.at][beside.at]
            why = _why_kept(beside, row, answers, len(near[beside.at]) - len(near[row.at]))
            ledger.drop(row, "near-duplicate", kept=beside, similarity=round(value, 3), why=why)
            ledger.find(
                "near-duplicate", (row, beside), value,
                f"Nearly repeats {place(beside)} (similarity {value:.2f}), which stays: {why}.",
                suggest="",
            )  # fmt: skip
            gone.add(row.at)
    return gone


def _why_kept(kept: Row, gone: Row, answers: Counter[bytes], nearer: int) -> str:
    if answers[kept.answer] != answers[gone.answer]:
        return "it has the answer of most"
    if nearer:
        return "more rows are near it"
    return "its answer is longer" if kept.words != gone.words else "first by content"


def _report(
    task: Task, one: Row, other: Row, value: float, kind: FindingKind, ledger: Ledger,
    *, agreeing: bool,
) -> None:  # fmt: skip
    """A pair of which both rows stay."""
    what = "mean the same" if kind == "same-meaning" else "are nearly the same"
    if task.kind in _ONE_ANSWER and one.answer != other.answer:
        ledger.find(
            "conflict", (one, other), value,
            f"The input and that of {place(other)} {what} ({value:.2f}), the answers differ.",
            suggest="",
        )  # fmt: skip
        return
    if agreeing:
        ledger.find(
            kind, (one, other), value,
            f"Input and answer {what} as in {place(other)} (similarity {value:.2f}); "
            "kept in one split.",
            suggest="drop",
        )  # fmt: skip


def _clusters(near: dict[int, dict[int, float]]) -> Iterable[list[int]]:
    """Connected components, each in rising order."""
    seen: set[int] = set()
    for start in sorted(near):
        if start in seen:
            continue
        cluster, open_ = [], [start]
        seen.add(start)
        while open_:
            at = open_.pop()
            cluster.append(at)
            fresh = [other for other in near[at] if other not in seen]
            seen.update(fresh)
            open_ += fresh
        yield sorted(cluster)


class Likeness:
    """Whether two near rows are alike in every input, and in all that decides.

    A question about the same page is another question, and "40 mg" is not "20 mg", however many
    words the whole texts share.

    Args:
        by_words: every input must share its word runs too; embeddings judge the whole text.
    """

    def __init__(self, task: Task, spool: Sequence[Example], *, by_words: bool) -> None:
        self._task, self._spool, self._by_words = task, spool, by_words
        self._least = task.checks.similarity

    def inputs(self, one: Row, other: Row) -> bool:
        """Every input column is near the other's."""
        if not self._by_words:
            return True
        first, second = self._spool[one.at].inputs, self._spool[other.at].inputs
        return len(first) < 2 or all(self._near(first[name], second[name]) for name in first)

    def all(self, one: Row, other: Row) -> bool:
        """Equal numbers in the inputs, and answers that fit, too."""
        if one.answer != other.answer and self._task.kind in _ONE_ANSWER:
            return False
        first, second = self._spool[one.at], self._spool[other.at]
        if _numbers(first.text) != _numbers(second.text):
            return False
        if one.answer == other.answer:
            return True
        words = [frozenset(_WORD.findall(example.answer.casefold())) for example in (first, second)]
        same = _numbers(first.answer) == _numbers(second.answer)
        return same and similarity(*words) >= self._least

    def _near(self, text: str, other: str) -> bool:
        runs = frozenset(word_runs(text)), frozenset(word_runs(other))
        return text == other or similarity(*runs) >= self._least


class _Texts(Sequence[str]):
    """What the model reads of each row, as one text."""

    def __init__(self, spool: Sequence[Example], rows: Sequence[Row]) -> None:
        self._spool, self._rows = spool, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: int) -> str:  # type: ignore[override]
        return self._spool[self._rows[at].at].text


def _numbers(text: str) -> Counter[str]:
    return Counter(_NUMBER.findall(text.casefold()))
