"""The demo's notes are what they claim to be, and the key of their faults tells the truth."""

import csv
import hashlib
import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from burnish.data.clinic.notes import SMALLEST, write_clinic
from burnish.data.clinic.words import Drug, load_words, overlap, shingles
from burnish.errors import DataError

HOUSE_FORMAT = re.compile(
    r"Complaint: [^|:]+, \d+ (day|week|month)s? \| "
    r"Findings: BP \d{2,3}/\d{2,3}, [^|:]+, [^|:]+ \| "
    r"Assessment: [^|:]+ \| Plan: [^|:]+; [^|:]+ \| Follow-up: \d+ (day|week|month)s?"
)
COUNTS = {"exact-duplicate": 12, "near-duplicate": 12, "wrong-answer": 16, "personal-data": 25}
PINNED = ["4647cfb12cc521b4", "5134950bc373459b"]
PATTERNS = {
    "phone": r"\b\d{3}\b.{0,2}555-01\d\d",
    "email": r"\S+@\S+",
    "birth": r"\b(19|20)\d\d-\d\d-\d\d\b|\b\d\d/\d\d/(19|20)\d\d\b",
    "record": r"\b\d{8}\b",
}


class Demo(NamedTuple):
    rows: list[dict[str, str]]
    key: list[dict[str, Any]]

    def row(self, number: int) -> dict[str, str]:
        return self.rows[number - 1]

    def faults(self, kind: str) -> list[dict[str, Any]]:
        return [fault for fault in self.key if fault["kind"] == kind]

    def sound(self) -> list[dict[str, str]]:
        faulty = {fault["row"] for fault in self.key}
        return [row for number, row in enumerate(self.rows, 1) if number not in faulty]


def read(notes: Path, key: Path) -> Demo:
    with notes.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Demo(rows, [json.loads(line) for line in key.read_text("utf-8").splitlines()])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return read(*write_clinic(tmp_path_factory.mktemp("clinic")))


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:[./]\d+)*", text))


def test_same_seed_gives_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_clinic(tmp_path / "a", n=60, seed=3)]
    again = [path.read_bytes() for path in write_clinic(tmp_path / "b", n=60, seed=3)]
    other = [path.read_bytes() for path in write_clinic(tmp_path / "c", n=60, seed=4)]
    assert first == again
    assert first[0] != other[0]
    assert b"\r" not in first[0]


def test_bytes_of_the_demo_are_pinned(tmp_path: Path) -> None:
    """Another platform, Python or hash seed must not change the demo; a change here is meant."""
    digests = [
        hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in write_clinic(tmp_path)
    ]
    assert digests == PINNED


def test_counts_and_columns(demo: Demo) -> None:
    assert len(demo.rows) == 320
    assert list(demo.rows[0]) == ["visit_id", "note", "summary"]
    assert len({row["visit_id"] for row in demo.rows}) == 320
    assert Counter(fault["kind"] for fault in demo.key) == COUNTS


@pytest.mark.parametrize("seed", range(6))
def test_smallest_has_every_fault(tmp_path: Path, seed: int) -> None:
    small = read(*write_clinic(tmp_path, n=SMALLEST, seed=seed))
    assert len(small.rows) == SMALLEST
    assert Counter(fault["kind"] for fault in small.key) == {
        "exact-duplicate": 2, "near-duplicate": 2, "wrong-answer": 2, "personal-data": 3,
    }  # fmt: skip
    assert all(fault["details"]["strings"] for fault in small.faults("personal-data"))


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="39 rows"):
        write_clinic(tmp_path, n=SMALLEST - 1)
    assert not list(tmp_path.iterdir())


def test_faults_lie_in_disjoint_rows_and_originals_are_sound(demo: Demo) -> None:
    touched = [fault["row"] for fault in demo.key]
    touched += [fault["of"] for fault in demo.key if fault["of"] is not None]
    assert len(touched) == len(set(touched))
    assert all(1 <= number <= 320 for number in touched)


def test_duplicates_equal_or_resemble_the_original_above_them(demo: Demo) -> None:
    for fault in demo.faults("exact-duplicate") + demo.faults("near-duplicate"):
        copy, original = demo.row(fault["row"]), demo.row(fault["of"])
        assert fault["of"] < fault["row"]
        assert copy["summary"] == original["summary"]
        if fault["kind"] == "exact-duplicate":
            assert copy["note"] == original["note"]
        else:
            assert copy["note"] != original["note"]
            assert fault["details"]["edits"]
            assert overlap(shingles(copy["note"]), shingles(original["note"])) > 0.65


def test_unplanted_rows_differ_clearly(demo: Demo) -> None:
    copies = {fault["row"] for fault in demo.key if fault["of"] is not None}
    runs = [shingles(row["note"]) for i, row in enumerate(demo.rows, 1) if i not in copies]
    assert max(overlap(left, right) for left, right in combinations(runs, 2)) < 0.6


def test_personal_data_stands_in_its_note_and_nowhere_else(demo: Demo) -> None:
    found = set()
    for fault in demo.faults("personal-data"):
        note, strings = demo.row(fault["row"])["note"], fault["details"]["strings"]
        assert strings
        assert all(string["text"] in note for string in strings)
        for kind, pattern in PATTERNS.items():
            listed = [string for string in strings if string["type"] == kind]
            assert bool(re.search(pattern, note)) == bool(listed)
        found |= {string["type"] for string in strings}
    assert found == {"name", "phone", "email", "birth", "record", "address"}
    lists = load_words()["personal"]
    names = "|".join(lists["first_F"] + lists["first_M"] + lists["last"])
    personal = {fault["row"] for fault in demo.faults("personal-data")}
    for number, row in enumerate(demo.rows, 1):
        if number not in personal:
            text = row["note"] + row["summary"]
            assert not any(re.search(pattern, text) for pattern in PATTERNS.values())
            assert not re.search(rf"\b({names})\b", text)


def test_wrong_answers_are_contradicted_by_their_notes(demo: Demo) -> None:
    changes = Counter()
    for fault in demo.faults("wrong-answer"):
        row, details = demo.row(fault["row"]), fault["details"]
        changes[details["change"]] += 1
        assert details["was"] != details["now"]
        assert re.search(rf"\b{re.escape(details['now'])}\b", row["summary"])
        right = re.sub(rf"\b{re.escape(details['now'])}\b", details["was"], row["summary"])
        assert HOUSE_FORMAT.fullmatch(right)
        assert numbers(right) <= numbers(row["note"])
        if details["change"] == "drug":
            assert details["was"] in row["note"].lower()
            assert details["now"] not in row["note"].lower()
        elif details["change"] == "laterality":
            assert not re.search(rf"\b{details['now']}\b", row["note"].lower())
        else:
            assert not numbers(details["now"]) <= numbers(row["note"])
    assert set(changes) == {"drug", "dose", "number", "laterality", "summary"}
    assert max(changes.values()) <= 4


def test_sound_summaries_follow_from_their_notes(demo: Demo) -> None:
    drugs = {
        Drug.parse(text).name
        for case in load_words()["case"]
        for plan in case["plans"]
        for text in plan.split("; ")
    }
    for row in demo.sound():
        note, summary = row["note"].lower(), row["summary"]
        assert HOUSE_FORMAT.fullmatch(summary)
        assert numbers(summary) <= numbers(note)
        assert all(drug.lower() in note for drug in drugs if f" {drug} " in summary)
        sides = {"right": r"\b(right|rt|r)\b", "left": r"\b(left|lt|l)\b"}
        for side, said in sides.items():
            if re.search(rf"\b{side}\b", summary):
                assert re.search(said, note)


def test_lengths(demo: Demo) -> None:
    for row in demo.rows:
        assert 50 <= len(row["note"].split()) <= 95
        assert 25 <= len(row["summary"].split()) <= 40


def test_notes_vary(demo: Demo) -> None:
    notes = [row["note"].lower().split() for row in demo.sound()]
    fours = [tuple(note[i : i + 4]) for note in notes for i in range(len(note) - 3)]
    assert len(set(fours)) / len(fours) > 0.5
    assert len({case["family"] for case in load_words()["case"]}) >= 14
    assessments = {row["summary"].split(" | ")[2] for row in demo.sound()}
    assert len(assessments) >= 35
    assert len({row["summary"] for row in demo.sound()}) == len(demo.sound())


def test_asides_never_reach_a_summary(demo: Demo) -> None:
    words = load_words()
    background = {Drug.parse(text).name.lower() for text in words["background_drugs"]}
    told = 0
    for row in demo.sound():
        told += any(drug in row["note"].lower() for drug in background)
        assert not any(drug in row["summary"].lower() for drug in background)
        assert not re.search(r"parking|insurance|puppy|weather|elevator", row["summary"].lower())
    assert told > 50


def test_canonical_wordings_of_a_case_are_its_own() -> None:
    """Two ways to say one thing must not lead to two canonical wordings within a case."""
    for case in load_words()["case"]:
        for key in ("complaints", "findings", "orders", "advice"):
            said = [phrase for text in case[key] for phrase in text.split(" | ")]
            assert len(said) == len(set(said))
