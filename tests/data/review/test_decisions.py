"""Decisions: every word a person may write, every fault with its line, and the newer wins."""

import pytest

from burnish.data.review.decisions import decided, findings_in, merged
from burnish.errors import DataError
from burnish.records import Finding, Review

IDS = frozenset("123456")
LABELS = ("lost card", "top up")


def finding(
    name: str, decision: str, *, kind: str = "label-error", suggestion: str = ""
) -> Finding:
    return Finding.model_validate(
        {
            "kind": kind, "rows": (f"a.csv row {name}", "a.csv row 2"), "ids": (name, "2"),
            "text": "text", "score": 0.5, "reason": "why", "suggestion": suggestion,
            "decision": decision,
        }
    )  # fmt: skip


def review(name: str, action: str, answer: str = "", *, kind: str = "label-error") -> Review:
    return Review.model_validate(
        {"id": name, "kind": kind, "action": action, "answer": answer, "row": f"a.csv row {name}"}
    )


def refused(findings: list[Finding]) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        decided(findings, IDS, LABELS)
    assert "answer: " in caught.value.hint
    return caught.value.faults


@pytest.mark.parametrize(
    ("decision", "suggestion", "expected"),
    [
        ("accept", "answer: top up", ("answer", "top up")),
        (" Accept ", "drop", ("drop", "")),
        ("accept", "mask", ("mask", "")),
        ("keep", "drop", ("keep", "")),
        ("DROP", "", ("drop", "")),
        ("mask", "", ("mask", "")),
        ("answer: top up", "drop", ("answer", "top up")),
        ("Answer:two\nlines", "", ("answer", "two\nlines")),
        ("answer: a wholly new label", "", ("answer", "a wholly new label")),
    ],
)
def test_each_word_becomes_a_review_of_the_first_row(
    decision: str, suggestion: str, expected: tuple[str, str]
) -> None:
    assert decided([finding("1", decision, suggestion=suggestion)], IDS, LABELS) == [
        review("1", *expected)
    ]


def test_findings_without_a_decision_are_passed_over_and_reviews_are_sorted() -> None:
    made = decided([finding("3", "drop"), finding("9", ""), finding("1", "keep")], IDS, LABELS)
    assert made == [review("1", "keep"), review("3", "drop")]


def test_all_faults_come_together_with_their_lines() -> None:
    faults = refused(
        [
            finding("1", "delete"),
            finding("2", "accept"),
            finding("3", "accept", suggestion="look at it"),
            finding("7", "drop"),
            finding("4", "answer:  "),
            finding("5", "answer: top upp"),
            finding("6", "drop"),
            finding("6", "answer: lost card", kind="conflict"),
            Finding(
                kind="imbalance", rows=(), ids=(), text="", score=1, reason="r", decision="drop"
            ),
        ]
    )
    expected = [
        ("line 1", '"delete"; expected "accept", "keep", "drop", "mask" or "answer: "'),
        ("line 2", "suggests nothing"),
        ("line 3", 'the suggestion "look at it" is nothing that can be done'),
        ("line 4", 'no example with the id "7"'),
        ("line 5", 'expected "accept"'),
        ("line 6", 'did you mean "top up"?'),
        ("line 9", "about no single row"),
        ("line 8", 'but line 7 says "drop" of the same example (a.csv row 6)'),
    ]
    assert len(faults) == len(expected)
    for fault, (line, words) in zip(faults, expected, strict=True):
        assert fault.startswith(f"findings.jsonl {line}: ")
        assert words in fault


@pytest.mark.parametrize(
    ("first", "second"),
    [("drop", "mask"), ("keep", "drop"), ("answer: a", "answer: b"), ("drop", "answer: a")],
)
def test_what_cannot_both_hold_contradicts(first: str, second: str) -> None:
    refused([finding("1", first), finding("1", second, kind="personal-data")])
    refused([finding("1", first), finding("1", second)])


def test_what_can_both_hold_stays_beside_each_other() -> None:
    both = [finding("1", "answer: top up"), finding("1", "mask", kind="personal-data")]
    kept = finding("1", "keep", kind="near-duplicate")
    assert [r.action for r in decided([*both, kept], IDS, LABELS)] == ["answer", "keep", "mask"]
    refused([finding("1", "keep"), finding("1", "mask")])
    assert decided([finding("1", "drop"), finding("1", "drop")], IDS, LABELS) == [
        review("1", "drop")
    ]


def test_the_newer_review_wins() -> None:
    old = [review("2", "drop"), review("1", "keep"), review("3", "mask", kind="personal-data")]
    new = [
        review("2", "answer", "top up"),
        review("3", "drop", kind="near-duplicate"),
        review("4", "keep"),
    ]
    assert merged(old, new) == [
        review("1", "keep"),
        review("2", "answer", "top up"),
        review("3", "drop", kind="near-duplicate"),
        review("4", "keep"),
    ]
    assert merged(merged(old, new), new) == merged(old, new)
    assert merged([], [review("1", "drop"), review("1", "keep")]) == [review("1", "keep")]
    beside = [review("1", "answer", "a"), review("1", "mask", kind="personal-data")]
    assert merged(beside[:1], beside[1:]) == beside


def test_an_edited_file_is_read_with_its_lines() -> None:
    lines = [finding(name, "drop").model_dump_json() for name in "12"]
    text = "\ufeff" + lines[0] + "\r\n\n" + lines[1] + "\n"
    read = findings_in(text)
    assert [(number, found.ids[0]) for number, found in read] == [(1, "1"), (3, "2")]
    with pytest.raises(DataError) as caught:
        decided([found for _, found in read], {}, lines=[1, 3], name="f.jsonl")
    assert [fault[:15] for fault in caught.value.faults] == ["f.jsonl line 1:", "f.jsonl line 3:"]


def test_broken_lines_are_named_together() -> None:
    good = finding("1", "").model_dump_json()
    broken = [good.replace('"decision":""', '"decision":drop'), good.replace("0.5", "2"), "[]"]
    with pytest.raises(DataError) as caught:
        findings_in("\n".join([good, *broken]))
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        f"findings.jsonl line {number}" for number in (2, 3, 4)
    ]
    assert "score" in caught.value.faults[1]
