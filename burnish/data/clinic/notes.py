"""The data of `burnish demo`: invented clinic visit notes with summaries, and planted faults.

Writes visit-notes.csv (visit_id, note, summary) and visit-notes.key.jsonl, the answer key: one line
for each planted fault, so that what a check finds can be scored. The words are clinic.toml's.
Everything is invented; the same seed and n give the same bytes on every platform.
"""

import csv
import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from burnish.data.clinic.words import (
    NOTE_WORDS,
    Visit,
    draw_visit,
    load_words,
    overlap,
    shingles,
)
from burnish.errors import DataError
from burnish.store.files import write_text

SMALLEST = 40
"""The fewest rows that hold every kind of fault."""

_MOST_ALIKE = 0.5
"""Two visits' notes share at most this part of their 5-word runs (Jaccard)."""


@dataclass(eq=False)
class _Row:
    """A row in the making: `fault` is what the key will say of it, `source` what it copies."""

    note: str
    summary: str
    visit: Visit
    kind: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    source: "_Row | None" = None


def write_clinic(folder: Path, *, n: int = 320, seed: int = 0) -> tuple[Path, Path]:
    """Write the demo's notes and the key of their faults.

    Of 320 rows, 12 are exact duplicates, 12 near-duplicates, 16 have a wrong answer and 25 hold
    invented personal data; another n scales these. No row has two faults, and the original of a
    duplicate, which stands above it, has none.

    Each line of the key has `row` (1 for the first row of data), `kind` ("exact-duplicate",
    "near-duplicate", "wrong-answer" or "personal-data"), `of` (the original's row, for duplicates,
    else null) and `details`: the `edits` of a near-duplicate; `change`, `was` and `now` of a wrong
    answer; `strings` with `type` and `text` of personal data.

    Returns:
        The paths of visit-notes.csv and visit-notes.key.jsonl.

    Raises:
        DataError: n is too small to hold every kind of fault.
    """
    if n < SMALLEST:
        raise DataError(
            f"{n} rows cannot hold every kind of planted fault; at least {SMALLEST} can.",
            hint=f"ask for {SMALLEST} rows or more; the demo uses 320",
        )
    rng = random.Random(seed)
    words = load_words()
    rows = _shuffled(rng, _planted(rng, words, n))
    notes, key = folder / "visit-notes.csv", folder / "visit-notes.key.jsonl"
    write_text(notes, _csv(rows))
    write_text(key, _key(rows))
    return notes, key


def _planted(rng: random.Random, words: dict[str, Any], n: int) -> list[_Row]:
    """`n` rows, faults and all, duplicates last."""
    exact = near = max(1, round(n * 12 / 320))
    wrong, personal = round(n * 0.05), round(n * 25 / 320)
    rows = [_Row(v.note, v.summary, v) for v in _visits(rng, words, n - exact - near)]
    free = rng.sample(rows, len(rows))
    for row in _take(free, personal, lambda row: _room(row) >= 15):
        _add_personal_data(rng, words["personal"], row)
    for change in _changes(rng, wrong):
        usable = change != "laterality" or any(map(_is_sided, free))
        change = change if usable else "number"
        fits = _is_sided if change == "laterality" else _is_any
        _make_wrong(rng, _take(free, 1, fits)[0], change, rows)
    near_originals = _take(free, near, lambda row: _room(row) >= 12)
    edited = [_near_duplicate(rng, words["near_duplicate"], row) for row in near_originals]
    copies = [
        _Row(row.note, row.summary, row.visit, "exact-duplicate", {}, row)
        for row in _take(free, exact, _is_any)
    ]
    return rows + copies + edited


def _take(free: list[_Row], count: int, fits: Callable[[_Row], bool]) -> list[_Row]:
    """Remove the first `count` fitting rows from `free`."""
    taken = [row for row in free if fits(row)][:count]
    free[:] = [row for row in free if row not in taken]
    return taken


def _room(row: _Row) -> int:
    return NOTE_WORDS[-1] - len(row.note.split())


def _is_sided(row: _Row) -> bool:
    return bool(re.search(r"\b(left|right)\b", row.summary))


def _is_any(_: _Row) -> bool:
    return True


def _visits(rng: random.Random, words: dict[str, Any], count: int) -> list[Visit]:
    """Visits spread evenly over the cases, no two notes alike."""
    visits: list[Visit] = []
    told: dict[str, list[frozenset[tuple[str, ...]]]] = {}
    deck: list[dict[str, Any]] = []
    while len(visits) < count:
        if not deck:
            deck = rng.sample(words["case"], len(words["case"]))
        visit = draw_visit(rng, words, deck[-1])
        runs = shingles(visit.note)
        others = told.setdefault(visit.family, [])
        if all(overlap(runs, other) < _MOST_ALIKE for other in others):
            others.append(runs)
            visits.append(visit)
            deck.pop()
    return visits


def _add_personal_data(rng: random.Random, lists: dict[str, list[str]], row: _Row) -> None:
    """Put one or two sentences with invented personal data among those of the note."""
    first, last = rng.choice(lists[f"first_{row.visit.sex}"]), rng.choice(lists["last"])
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), 2025 - row.visit.age
    host = rng.choice(["example.com", "example.org", "example.net"])
    area, line = rng.choice(lists["area_codes"]), f"555-01{rng.randint(0, 99):02d}"
    street, town = rng.choice(lists["streets"]), rng.choice(lists["towns"])
    strings = {
        "name": f"{first} {last}",
        "phone": rng.choice([f"({area}) {line}", f"{area}-{line}", f"+1 {area} {line}"]),
        "email": rng.choice([f"{first}.{last}@{host}", f"{first[0]}{last}{day}@{host}"]).lower(),
        "birth": rng.choice([f"{month:02d}/{day:02d}/{year}", f"{year}-{month:02d}-{day:02d}"]),
        "record": f"{rng.randint(0, 9_999_999):08d}",
        "address": f"{rng.randint(2, 980)} {street}, {town}",
    }
    templates = rng.sample(lists["sentences"], rng.choice([1, 1, 2]))
    note, used = row.note, set()
    for template in templates:
        sentence = template.format(**strings)
        if len(f"{note} {sentence}".split()) in NOTE_WORDS:
            note = _insert(rng, note, sentence)
            used |= {name for name in strings if f"{{{name}}}" in template}
    row.note, row.kind = note, "personal-data"
    row.details = {
        "strings": [{"type": name, "text": text} for name, text in strings.items() if name in used]
    }


def _insert(rng: random.Random, note: str, sentence: str) -> str:
    """Put a sentence before, between or after those of the note ("H. pylori" is not an end)."""
    sentences = re.split(r"(?<=\w\w[.!?]) ", note)
    sentences.insert(rng.randint(0, len(sentences)), sentence)
    return " ".join(sentences)


def _changes(rng: random.Random, count: int) -> list[str]:
    """Which mistake each wrong answer gets: all kinds in turn."""
    kinds = [*_MISTAKES, "summary"]
    turns = [kind for _ in range(count) for kind in rng.sample(kinds, len(kinds))]
    return turns[:count]


def _make_wrong(rng: random.Random, row: _Row, change: str, rows: list[_Row]) -> None:
    """Give the row a summary that its note contradicts."""
    if change == "summary":
        others = [other.visit for other in rows if other.visit.family != row.visit.family]
        was, now = row.summary, rng.choice(others).summary
    else:
        was, now = _MISTAKES[change](rng, row.visit, rows)
    row.summary = re.sub(rf"\b{re.escape(was)}\b", now, row.summary)
    row.kind, row.details = "wrong-answer", {"change": change, "was": was, "now": now}


def _wrong_drug(rng: random.Random, visit: Visit, rows: list[_Row]) -> tuple[str, str]:
    names = {drug.name for row in rows for drug in row.visit.drugs}
    others = sorted(name for name in names if name.lower() not in visit.note.lower())
    return visit.drugs[-1].name, rng.choice(others)


def _wrong_dose(rng: random.Random, visit: Visit, _: list[_Row]) -> tuple[str, str]:
    drug = visit.drugs[-1]
    doses = [f"{float(drug.dose) * factor:.10g}" for factor in (0.5, 2, 3, 5, 10)]
    now = rng.choice([dose for dose in doses if not re.search(rf"\b{dose}\b", visit.note)])
    return f"{drug.amount(drug.dose)} {drug.frequency}", f"{drug.amount(now)} {drug.frequency}"


def _wrong_number(rng: random.Random, visit: Visit, _: list[_Row]) -> tuple[str, str]:
    systolic, diastolic = map(int, visit.bp.split("/"))
    shift = rng.choice([-24, -18, 22, 28])
    return f"BP {visit.bp}", f"BP {systolic + shift}/{diastolic + shift // 2}"


def _wrong_side(_: random.Random, visit: Visit, __: list[_Row]) -> tuple[str, str]:
    return visit.side, {"left": "right", "right": "left"}[visit.side]


_MISTAKES: dict[str, Callable[[random.Random, Visit, list[_Row]], tuple[str, str]]] = {
    "drug": _wrong_drug,
    "dose": _wrong_dose,
    "number": _wrong_number,
    "laterality": _wrong_side,
}


def _near_duplicate(rng: random.Random, lists: dict[str, Any], row: _Row) -> _Row:
    """The same visit typed again with light edits; the facts and the summary stay."""
    tokens, edits = row.note.split(" "), []
    possible = [(old, new) for old, new in lists["swaps"] if old in tokens]
    for old, new in rng.sample(possible, min(len(possible), rng.randint(1, 2))):
        tokens[row.note.split(" ").index(old)] = new
        edits.append(f"word: {old} -> {new}")
    note = " ".join(tokens)
    for edit in rng.sample(["greeting", "closing", "casing", "punctuation"], rng.randint(1, 2)):
        if edit == "greeting":
            note = f"{rng.choice(lists['greetings'])} {note}"
        elif edit == "closing":
            note = f"{note} {rng.choice(lists['closings'])}"
        elif edit == "casing":
            note = note.upper() if note == note.lower() else note.lower()
        else:
            note = re.sub(r"(?<=\w\w)\. ", rng.choice(["; ", ", ", ".. "]), note)
        edits.append(edit)
    return _Row(note, row.summary, row.visit, "near-duplicate", {"edits": edits}, row)


def _shuffled(rng: random.Random, rows: list[_Row]) -> list[_Row]:
    """The rows in another order, each copy below its original."""
    order = rng.sample(rows, len(rows))
    for copy in rows:
        if copy.source is not None:
            first, second = order.index(copy.source), order.index(copy)
            if second < first:
                order[first], order[second] = copy, copy.source
    return order


def _csv(rows: list[_Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["visit_id", "note", "summary"])
    writer.writerows([f"V{1000 + i}", row.note, row.summary] for i, row in enumerate(rows, 1))
    return text.getvalue()


def _key(rows: list[_Row]) -> str:
    number = {id(row): i for i, row in enumerate(rows, 1)}
    lines = [
        {
            "row": number[id(row)],
            "kind": row.kind,
            "of": number[id(row.source)] if row.source else None,
            "details": row.details,
        }
        for row in rows
        if row.kind
    ]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
