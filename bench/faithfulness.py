"""How many contradictions planted in MTS-Dialog's references does `faithfulness` see?

    python bench/faithfulness.py            the table, over both halves of the rows
    python bench/faithfulness.py misses N   N missed and N false ones of the half developed on

One fact is changed in about half of those references that hold one: a number, a dose, a name, a
side, or whether something is denied. The others stay as they are and count as free of errors,
though the data have some: what the dialogue never says counts against precision here.

A change is found where an answer has a certain doubt at its place that the unchanged reference
does not have. Precision is over answers, were half of them wrong: the share of doubted answers that
were changed. "All five" counts changes as they fall (negations can be changed in most references);
"kinds alike" counts the five kinds equally. The rules were developed on rows with an even ID; the
others were left alone.

Real data are found through the variable BURNISH_DATA (docs/data-sets.md). Every draw is seeded.
"""

import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from burnish.facts.facts import Fact, common_words
from burnish.facts.sources import Doubt, Source
from burnish.facts.sources import doubts as doubts_of
from burnish.facts.wording import UNITS, tokens_of

KINDS = ("number", "dose", "name", "side", "negation")
SEEDS = (0, 1, 2)
NEAR_BEFORE, NEAR_AFTER = 25, 60
"""Characters around a change in which a doubt counts as being about it."""

_NUMBER = re.compile(r"(?<![\w./,:])\d+(?:\.\d+)?(?![\w./,:]*\d)")
_SIDE = re.compile(r"(?<!she )(?<!he )(?<!has )(?<!had )(?<!was )\b(left|right)\b", re.IGNORECASE)
_FLIPS = (
    (r"\b[Dd]en(?:ies|ied) (any )?", "reports "),
    (r"\bNo (?=[a-z]{4,})", "Has "),
    (r"\b(has|had|[Tt]here is|[Tt]here are|with) no ", r"\1 "),
    (r"\b(is|was|are|were|does|did|has|had|do|have) not ", r"\1 "),
    (r"\bwithout (any )?", "with "),
    (r"\b[Nn]egative for ", "positive for "),
    (r"\b(?:[Rr]eports|complains of|complaining of|admits to) ", "denies "),
    (r"(?<!not )\b(has|had) (a|an|some) ", r"\1 no "),
)


class Planted(NamedTuple):
    """A reference with one fact changed; kind "" where none could be."""

    text: str
    kind: str
    at: int


class Case(NamedTuple):
    """One row, changed or not, and what was doubted in it."""

    row: dict[str, str]
    planted: Planted
    changed: bool
    doubts: list[Doubt]
    found: bool


def main(arguments: list[str]) -> None:
    """Print the table, or single cases."""
    path = Path(os.environ["BURNISH_DATA"]) / "summarisation-mts-dialog" / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    if arguments[:1] == ["misses"]:
        show(list(cases(rows, 0, half=0)), int(arguments[1]))
        return
    halves = [[case for seed in SEEDS for case in cases(rows, seed, half)] for half in (0, 1)]
    tell("developed on", halves[0])
    tell("left alone", halves[1])
    tell("of both halves", [*halves[0], *halves[1]])


def cases(rows: Sequence[dict[str, str]], seed: int, half: int) -> Iterator[Case]:
    """Rows that hold a fact, about half of them changed."""
    common = common_words(text for row in rows for text in (row["section_text"], row["dialogue"]))
    names = sorted({name for row in rows for name in _names(row["section_text"], common)})
    rng = random.Random(seed)
    for row in rows:
        planted = changed(rng, row["section_text"], names, common)
        change = rng.random() < 0.5
        if not planted.kind or int(row["ID"]) % 2 != half:
            continue
        source = Source(row["dialogue"])
        usual = [d for d in doubts_of(row["section_text"], source, common) if d.certain]
        if not change:
            yield Case(row, planted, False, usual, False)
            continue
        doubted = [d for d in doubts_of(planted.text, source, common) if d.certain]
        known = {_key(doubt.fact) for doubt in usual}
        near = range(planted.at - NEAR_BEFORE, planted.at + NEAR_AFTER)
        found = any(d.fact.at in near and _key(d.fact) not in known for d in doubted)
        yield Case(row, planted, True, doubted, found)


def tell(name: str, given: Sequence[Case]) -> None:
    """Recall by kind and for all together, with precision."""
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    false: Counter[str] = Counter()
    unchanged = 0
    for case in given:
        if case.changed:
            planted[case.planted.kind] += 1
            found[case.planted.kind] += case.found
        else:
            unchanged += 1
            kinds = {doubt.fact.kind for doubt in case.doubts}
            false["all five"] += bool(kinds)
            false["but negation"] += bool(kinds - {"negation"})
            false.update(kinds)
    print(
        f"MTS-Dialog, rows {name}, {len(SEEDS)} seeds: {planted.total()} changed, "
        f"{unchanged} unchanged"
    )
    for kind in KINDS:
        share = _share(found, planted, kind)
        print(f"  {kind:12} {found[kind]:4} of {planted[kind]:4} found, {share}")
    parts = [found[kind] / planted[kind] for kind in KINDS if planted[kind]]
    for label, recall, wrong in (
        ("all five", found.total() / planted.total(), false["all five"] / unchanged),
        ("kinds alike", sum(parts) / len(parts), false["all five"] / unchanged),
        (
            "but negation",
            sum(found[kind] for kind in KINDS[:-1]) / sum(planted[kind] for kind in KINDS[:-1]),
            false["but negation"] / unchanged,
        ),
    ):
        print(
            f"  {label:12} recall {recall:.1%}, precision {recall / (recall + wrong):.1%} "
            f"({wrong:.1%} of the unchanged doubted)"
        )
    shown = ", ".join(f"{kind} {count}" for kind, count in false.most_common() if " " not in kind)
    print(f"  unchanged answers doubted, by kind of fact: {shown}", flush=True)


def show(found: Sequence[Case], n: int) -> None:
    """Single cases that went wrong, to look at."""
    missed = [case for case in found if case.changed and not case.found]
    false = [case for case in found if not case.changed and case.doubts]
    for case in missed[:n]:
        at = case.planted.at
        print(f"\nMISSED {case.planted.kind}: …{case.planted.text[max(0, at - 60) : at + 90]}…")
        print(case.row["dialogue"][:1500])
    for case in false[:n]:
        print(f"\nFALSE {case.row['section_text'][:600]}")
        for doubt in case.doubts:
            print(f"  {doubt.fact.kind}: {doubt.fact.text!r} against {doubt.found!r}")
        print(case.row["dialogue"][:1500])


def changed(
    rng: random.Random, text: str, names: Sequence[str], common: Collection[str]
) -> Planted:
    """The text with one fact changed, the kind of fact and its place."""
    for kind in rng.sample(KINDS, len(KINDS)):
        choices = _choices(rng, kind, text, names, common)
        if choices:
            start, end, now = rng.choice(choices)
            return Planted(text[:start] + now + text[end:], kind, start)
    return Planted(text, "", 0)


def _choices(
    rng: random.Random, kind: str, text: str, names: Sequence[str], common: Collection[str]
) -> list[tuple[int, int, str]]:
    """Every change of one kind: start, end, and what is put there."""
    if kind == "negation":
        return [
            (match.start(), match.end(), match.expand(now))
            for rule, now in _FLIPS
            for match in re.finditer(rule, text)
        ]
    if kind == "side":
        other = {"left": "right", "right": "left"}
        return [(m.start(), m.end(), other[m[0].lower()]) for m in _SIDE.finditer(text)]
    if kind == "name":
        others = [name for name in names if name.casefold() not in text.casefold()]
        own = set(_names(text, common))
        return [
            (token.at, token.at + len(token.text), rng.choice(others))
            for token in tokens_of(text)
            if token.text in own
        ]
    found = []
    for match in _NUMBER.finditer(text):
        unit = re.match(r"[ -]?([A-Za-z%]+)", text[match.end() :])
        dose = unit is not None and unit[1].lower() in UNITS
        numbered = re.match(r"[.)](\s|$)", text[match.end() :]) and re.search(
            r"(^|[.:;])\s*$", text[: match.start()]
        )
        if dose == (kind == "dose") and not numbered:
            value = float(match[0])
            now = rng.choice([value * 2, value * 10, value + rng.randint(1, 9)])
            found.append((match.start(), match.end(), f"{now if now != value else 3:.10g}"))
    return found


def _names(text: str, common: Collection[str]) -> list[str]:
    return [
        token.text
        for token in tokens_of(text)
        if token.is_word and token.is_name and token.text.casefold() not in common
    ]


def _key(fact: Fact) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return fact.kind, fact.values, fact.about


def _share(found: Counter[str], planted: Counter[str], kind: str) -> str:
    return f"{found[kind] / planted[kind]:.1%}" if planted[kind] else "none planted"


if __name__ == "__main__":
    main(sys.argv[1:])
