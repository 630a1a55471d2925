"""How many planted errors do the data room's checks find, and at what place of their ranking?

    python bench/label_errors.py            everything
    python bench/label_errors.py labels     banking77, 5% of the labels flipped
    python bench/label_errors.py notes      the demo's visit notes and their answer key
    python bench/label_errors.py dialogues  contradictions planted in MTS-Dialog's references

Real data are found through the variable BURNISH_DATA (docs/data-sets.md). Every draw is seeded.
"""

import csv
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from burnish.data.checks.answer_errors import SHOWN, suspected_answers
from burnish.data.checks.label_errors import ranked_labels
from burnish.data.checks.signs import together
from burnish.data.clinic.notes import write_clinic
from burnish.facts.facts import common_words
from burnish.facts.sources import doubts
from burnish.facts.wording import UNITS, tokens_of
from burnish.records import Example, Task

FLIPPED = 0.05
TOP_LABELS = 0.075
TOP_NOTES = 0.1


def main(parts: list[str]) -> None:
    """Print the figures of each part asked for."""
    known = {"labels": flipped_labels, "notes": wrong_notes, "dialogues": contradictions}
    for part in parts or list(known):
        known[part]()


def rows_of(folder: str, split: str) -> list[dict[str, str]]:
    """The lines of a real data set."""
    path = Path(os.environ["BURNISH_DATA"]) / folder / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def flipped_labels(seeds: Iterable[int] = (0, 1, 2)) -> None:
    """banking77 with 5% of its labels changed at random to another of the 77."""
    rows = rows_of("classification-banking77", "train")
    labels = sorted({row["label"] for row in rows})
    task = Task.model_validate(
        {
            "name": "banking77", "kind": "classify", "metric": "macro_f1",
            "data": {"source": "train.jsonl", "inputs": "text", "output": "label"},
        }
    )  # fmt: skip
    for seed in seeds:
        rng = random.Random(seed)
        flipped = set(rng.sample(range(len(rows)), round(FLIPPED * len(rows))))
        examples = []
        for at, row in enumerate(rows):
            label = row["label"]
            if at in flipped:
                label = rng.choice([other for other in labels if other != label])
            examples.append(
                Example(
                    id=str(at), source="train.jsonl", row=at + 1, inputs={"text": row["text"]},
                    answer=label, references=(label,), labels=(label,),
                )
            )  # fmt: skip
        began = time.process_time()
        ranked = ranked_labels(task, examples, seed=seed)
        took = time.process_time() - began
        top = {int(judged.example.id) for judged in ranked[: int(TOP_LABELS * len(rows))]}
        suspected = {int(judged.example.id) for judged in ranked if judged.suspected}
        restored = sum(
            judged.answer == rows[int(judged.example.id)]["label"]
            for judged in ranked
            if int(judged.example.id) in flipped
        )
        print(
            f"banking77, seed {seed}: {len(top & flipped) / len(flipped):.1%} of "
            f"{len(flipped)} flipped labels in the top {TOP_LABELS:.1%} of {len(ranked):,} rows; "
            f"confident learning suspects {len(suspected):,}: "
            f"recall {len(suspected & flipped) / len(flipped):.1%}, "
            f"precision {len(suspected & flipped) / len(suspected):.1%}; the suggestion is the "
            f"label before the flip in {restored / len(flipped):.1%}; {took:.0f} s of one core",
            flush=True,
        )


def wrong_notes(seeds: Iterable[int] = range(6)) -> None:
    """The demo's notes (seed 0) and others of the same generator, against their answer keys."""
    task = Task.model_validate(
        {
            "name": "notes", "kind": "summarize", "metric": "rougeL",
            "data": {"source": "visit-notes.csv", "inputs": "note", "output": "summary"},
        }
    )  # fmt: skip
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            notes, key = write_clinic(Path(folder), n=320, seed=seed)
            with notes.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            faults = [json.loads(line) for line in key.read_text("utf-8").splitlines()]
        examples = [
            Example(
                id=row["visit_id"], source="visit-notes.csv", row=number,
                inputs={"note": row["note"]}, answer=row["summary"], references=(row["summary"],),
            )
            for number, row in enumerate(rows, 1)
        ]  # fmt: skip
        wrong = {f["row"]: f["details"]["change"] for f in faults if f["kind"] == "wrong-answer"}
        ranked = suspected_answers(task, examples)
        top = {example.row for example, _ in ranked[: int(TOP_NOTES * len(ranked))]}
        shown = {example.row for example, signs in ranked if together(signs) >= SHOWN}
        planted.update(wrong.values())
        found.update(change for row, change in wrong.items() if row in top)
        print(
            f"visit notes, seed {seed}: {len(top & set(wrong))} of {len(wrong)} wrong answers in "
            f"the top {TOP_NOTES:.0%} of {len(ranked)} rows; {len(shown)} findings, "
            f"{len(shown & set(wrong))} of them planted",
            flush=True,
        )
    for change, count in sorted(planted.items()):
        print(f"  {change}: {found[change]} of {count} in the top {TOP_NOTES:.0%}")


KINDS = ("number", "dose", "name", "side", "negation")

_NUMBER = re.compile(r"(?<![\w./,:])\d+(?:\.\d+)?(?![\w./,:]*\d)")
_SIDE = re.compile(r"(?<!she )(?<!he )(?<!has )(?<!had )(?<!was )\b(left|right)\b", re.IGNORECASE)
_FLIPS = (
    (r"\b[Dd]enies (any )?", "reports "), (r"\bNo (?=[a-z]{4,})", "Has "), (r"(?<=has )no ", ""),
    (r"(?<=[Tt]here is )no ", ""), (r"\bwithout (any )?", "with "), (r"(?<=with )no ", ""),
    (r"\b([Rr]eports|complains of|complaining of|admits to) ", "denies "),
    (r"(?<=has |had )(?=(a |an |some )?[a-z]{5,}(?<!ed) )", "no "),
)  # fmt: skip


def contradictions(seeds: Iterable[int] = (0, 1, 2)) -> None:
    """One fact changed in half of those MTS-Dialog references that hold one.

    The unchanged half counts as free of errors, though the data have some: what the dialogue never
    says counts against precision here.
    """
    rows = rows_of("summarisation-mts-dialog", "train")
    common = common_words(text for row in rows for text in (row["section_text"], row["dialogue"]))
    names = sorted({name for row in rows for name in _names(row["section_text"], common)})
    for seed in seeds:
        rng = random.Random(seed)
        planted: Counter[str] = Counter()
        found: Counter[str] = Counter()
        false: Counter[str] = Counter()
        unchanged = 0
        for row in rows:
            text, kind, at = _changed(rng, row["section_text"], names, common)
            if not kind:
                continue
            change = rng.random() < 0.5
            answer = text if change else row["section_text"]
            doubted = [d for d in doubts(answer, row["dialogue"], common) if d.certain]
            if change:
                planted[kind] += 1
                found[kind] += any(at - 25 <= doubt.fact.at <= at + 60 for doubt in doubted)
            else:
                unchanged += 1
                false["all"] += bool(doubted)
                false["but negations"] += any(d.fact.kind != "negation" for d in doubted)
        print(f"MTS-Dialog, seed {seed}: {planted.total()} changed, {unchanged} unchanged")
        for kind in KINDS:
            print(f"  {kind}: {found[kind]} of {planted[kind]} found")
        for label, kinds in (("all", KINDS), ("but negations", KINDS[:-1])):
            hits, total = sum(found[k] for k in kinds), sum(planted[k] for k in kinds)
            wrong = false[label] / unchanged
            print(
                f"  {label}: recall {hits / total:.1%}; {wrong:.1%} of the unchanged doubted; "
                f"precision, were half the rows wrong, {hits / (hits + wrong * total):.1%}",
                flush=True,
            )


def _names(text: str, common: Collection[str]) -> list[str]:
    return [
        token.text
        for token in tokens_of(text)
        if token.is_word and token.is_name and token.text.casefold() not in common
    ]


def _changed(
    rng: random.Random, text: str, names: Sequence[str], common: Collection[str]
) -> tuple[str, str, int]:
    """The text with one fact changed, the kind of fact and its place; "" where none can be."""
    for kind in rng.sample(KINDS, len(KINDS)):
        choices = _choices(rng, kind, text, names, common)
        if choices:
            start, end, now = rng.choice(choices)
            return text[:start] + now + text[end:], kind, start
    return text, "", 0


def _choices(
    rng: random.Random, kind: str, text: str, names: Sequence[str], common: Collection[str]
) -> list[tuple[int, int, str]]:
    """Every change of one kind: start, end, and what is put there."""
    if kind == "negation":
        return [(m.start(), m.end(), now) for rule, now in _FLIPS for m in re.finditer(rule, text)]
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
        numbered = (
            re.match(r"[.)](\s|$)", text[match.end() :]) and not text[: match.start()].strip()
        )
        if dose == (kind == "dose") and not numbered:
            value = float(match[0])
            now = rng.choice([value * 2, value * 10, value + rng.randint(1, 9)])
            found.append((match.start(), match.end(), f"{now if now != value else 3:.10g}"))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
