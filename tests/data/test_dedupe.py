"""Duplicates, leaks and conflicts: what goes, what stays, what is only said."""

from collections import Counter

import pytest

from burnish.data import dedupe
from burnish.data.build import build
from burnish.data.checks.duplicates import Near
from burnish.records import CheckSettings, DataSettings, Review, Table, Task

NOTE = (
    "Patient reports a dull ache in the left knee for three weeks, worse on stairs and after long "
    "walks, no swelling, no fever. Takes ibuprofen 400 mg twice a day with some relief. Knee is "
    "stable, slightly warm, full range of motion. Plan: physiotherapy and review in one month."
)


def task(kind="summarize", metric="rougeL", inputs=("text",), **checks):
    data = DataSettings(
        source="f.jsonl", inputs=inputs, output=("answer",), allow_small=True, group=None
    )
    return Task(name="t", kind=kind, metric=metric, data=data, checks=CheckSettings(**checks))


def table(rows, path="f.jsonl"):
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return Table(path, "jsonl", "utf-8", columns, rows, list(range(1, len(rows) + 1)))


def filler(n, start=0):
    """Rows that are nowhere near each other."""
    return [
        {"text": " ".join(f"w{at}x{word}" for word in range(30)), "answer": f"answer {at % 3}"}
        for at in range(start, start + n)
    ]


def built(rows, reviews=(), **options):
    return build(task(**options), {"source": table(rows + filler(20))}, reviews)


def dropped(result):
    return {(drop.row, drop.reason): drop for drop in result.dropped}


def kinds(result):
    return Counter(finding.kind for finding in result.findings)


def split_of(result, row):
    return next(
        name for name, pool in result.splits.items() for e in pool if e.row == row
    )  # fmt: skip


def test_a_note_typed_again_is_dropped_for_the_longer_answer():
    rows = [
        {"text": NOTE, "answer": "Knee pain, physiotherapy."},
        {"text": "Hello! " + NOTE.upper(), "answer": "Knee pain, physiotherapy. Knee."},
    ]
    result = built(rows, similarity=0.7)
    drop = dropped(result)[1, "near-duplicate"]
    assert drop.kept == "f.jsonl row 2"
    assert drop.details["similarity"] > 0.9
    (finding,) = result.findings
    assert (finding.kind, finding.rows) == ("near-duplicate", ("f.jsonl row 1", "f.jsonl row 2"))
    assert "its answer is longer" in finding.reason


def test_the_answer_of_most_stays():
    texts = [NOTE, NOTE.replace("dull", "mild"), NOTE.replace("stairs", "steps")]
    answers = ["Knee pain.", "Knee pain.", "Knee pain; long pain knee pain pain knee."]
    rows = [{"text": t, "answer": a} for t, a in zip(texts, answers, strict=True)]
    result = built(rows, similarity=0.4)
    gone = {drop.row: drop for drop in result.dropped}
    assert 3 in gone
    assert gone[3].details["why"] == "it has the answer of most"
    assert len(gone) == 2


def test_the_row_that_most_others_are_near_stays():
    words = NOTE.split()
    copies = []
    for at in range(0, len(words) - 2, 9):
        edited = list(words)
        edited[at] = edited[at + 2] = "changed"
        copies.append({"text": " ".join(edited), "answer": "Knee pain."})
    rows = [*copies, {"text": NOTE, "answer": "Knee pain."}]
    result = built(rows, similarity=0.75)
    assert {drop.kept for drop in result.dropped} == {f"f.jsonl row {len(rows)}"}
    assert len(result.dropped) == len(copies)
    assert {drop.details["why"] for drop in result.dropped} == {"more rows are near it"}


def test_another_number_is_another_note():
    rows = [
        {"text": NOTE, "answer": "Knee pain."},
        {"text": NOTE.replace("400 mg", "800 mg"), "answer": "Knee pain."},
    ]
    result = built(rows)
    assert result.dropped == []
    assert split_of(result, 1) == split_of(result, 2)


def test_another_summary_is_kept_beside():
    rows = [
        {"text": NOTE, "answer": "Ibuprofen 400 mg for the left knee."},
        {"text": NOTE + " Thanks.", "answer": "Come back in a month, please."},
    ]
    result = built(rows)
    assert result.dropped == []
    assert kinds(result) == {}


def test_another_label_is_a_conflict():
    rows = [{"text": NOTE, "answer": "knee"}, {"text": NOTE + " Thanks.", "answer": "hip"}]
    result = built(rows, kind="classify", metric="accuracy")
    assert result.dropped == []
    (finding,) = result.findings
    assert finding.kind == "conflict"
    assert "the answers differ" in finding.reason
    assert split_of(result, 1) == split_of(result, 2)


def test_equal_inputs_with_other_labels_are_a_conflict():
    rows = [{"text": "same", "answer": label} for label in ("a", "b")]
    result = built(rows, kind="classify", metric="accuracy", near_duplicates="off")
    (finding,) = result.findings
    assert (finding.kind, finding.score) == ("conflict", 1.0)
    assert finding.rows == ("f.jsonl row 1", "f.jsonl row 2")


def test_exact_duplicates_are_findings_too():
    rows = [{"text": "a  b", "answer": "c"}, {"text": "A b", "answer": "C"}]
    result = built(rows)
    assert kinds(result) == {"exact-duplicate": 1}
    assert Counter(drop.reason for drop in result.dropped) == {"exact duplicate": 1}


def test_a_question_on_the_same_page_is_another_question():
    questions = ["Where does it hurt?", "What does the patient take against it?"]
    rows = [{"page": NOTE * 3, "text": q, "answer": "left knee"} for q in questions]
    others = [{"page": f"{row['text']} page", **row} for row in filler(20)]
    brief = task("answer", "token_f1", ("page", "text"))
    result = build(brief, {"source": table(rows + others)})
    assert result.dropped == []
    assert result.findings == []
    assert split_of(result, 1) == split_of(result, 2)


@pytest.mark.parametrize(("mode", "gone", "found"), [("report", 0, 1), ("off", 0, 0)])
def test_what_the_brief_says_is_done(mode, gone, found):
    rows = [{"text": NOTE, "answer": "x"}, {"text": NOTE + " Thanks.", "answer": "x"}]
    result = built(rows, near_duplicates=mode)
    assert len(result.dropped) == gone
    assert len(result.findings) == found
    if found:
        assert result.findings[0].suggestion == "drop"
        assert split_of(result, 1) == split_of(result, 2)


def test_a_person_may_keep_a_near_duplicate():
    rows = [{"text": NOTE, "answer": "x"}, {"text": NOTE + " Thanks.", "answer": "x"}]
    first = built(rows)
    (finding,) = first.findings
    review = Review(id=finding.ids[0], kind="near-duplicate", action="keep")
    again = built(rows, [review])
    assert again.dropped == []
    assert again.findings == []


def test_near_rows_of_the_test_file_leave_train_and_never_test():
    train = [{"text": NOTE, "answer": "x"}, *filler(20)]
    test = [
        {"text": NOTE + " Thanks.", "answer": "x"},
        {"text": NOTE + " Many thanks.", "answer": "x"},
        *filler(6, 50),
    ]
    brief = task()
    result = build(brief, {"train": table(train, "train"), "test": table(test, "test")})
    assert [(d.source, d.row, d.reason) for d in result.dropped] == [
        ("train", 1, "near-duplicate in test")
    ]
    assert {(e.source, e.row) for e in result.splits["test"]} == {("test", n) for n in range(1, 9)}
    leaks = [f for f in result.findings if f.kind == "leak"]
    assert {leak.rows[0] for leak in leaks} == {"train row 1"}


def test_rows_of_the_same_meaning_stay_in_one_split(monkeypatch):
    monkeypatch.setattr(
        "burnish.data.checks.meaning.same_meaning",
        lambda texts, model, least: [Near(0, 1, 0.91)],
    )
    rows = [{"text": "my knee hurts", "answer": "x"}, {"text": "pain in the leg", "answer": "x"}]
    result = built(rows, meaning="some-model")
    (finding,) = result.findings
    assert (finding.kind, finding.score) == ("same-meaning", 0.91)
    assert result.dropped == []
    assert split_of(result, 1) == split_of(result, 2)


def test_a_chain_of_forms_can_still_be_split():
    words = [f"w{at}" for at in range(40)]
    rows = []
    for at in range(80):
        words[at % 40] = f"v{at}"
        rows.append({"text": " ".join(words), "answer": f"answer {at}"})
    result = build(task(), {"source": table(rows)})
    assert len(result.splits["test"]) == 8
    assert any("stand in different splits" in sentence for sentence in result.advice)


def test_the_order_of_rows_changes_nothing():
    rows = [
        {"text": NOTE.replace("knee", f"knee {'x' * n}"), "answer": "x"} for n in range(4)
    ] + filler(20)  # fmt: skip
    one = build(task(similarity=0.5), {"source": table(rows)})
    other = build(task(similarity=0.5), {"source": table(rows[::-1])})
    assert [e.inputs for e in one.splits["train"]] == [e.inputs for e in other.splits["train"]]
    assert len(one.dropped) == len(other.dropped) > 0


def test_numbers_are_told_from_words():
    assert dedupe._numbers("20 mg, b12 and H2O") == {"20": 1, "b12": 1, "h2o": 1}
