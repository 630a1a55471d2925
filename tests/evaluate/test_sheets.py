"""Blind sheets: what they hide, that sides and order are drawn, and the way there and back."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from burnish.errors import DataError, EvaluationError
from burnish.evaluate.people import majority, middle_grade, sum_up_votes
from burnish.evaluate.sheet import Sheets
from burnish.evaluate.sheet_file import read_sheet, write_sheet
from burnish.records import (
    Answer,
    AnsweredExample,
    DataSettings,
    EvaluateSettings,
    PassMark,
    Report,
    SystemResult,
    Task,
    Verdict,
    Vote,
)
from burnish.store import Workspace
from burnish.store.votes import read_votes, save_votes

SYSTEMS = ("classic", "few-shot", "tuned")


def task_for(**people: Any) -> Task:
    fields: dict[str, Any] = {
        "name": "t", "kind": "generate", "metric": "chrf", "data": DataSettings(source="a"),
        "people": people,
    }  # fmt: skip
    return Task.model_validate(fields)


def report_of(strongest: str | None = "few-shot") -> Report:
    verdict = Verdict(decision="ship", reason="r", metric="chrf", mark=0, strongest=strongest)
    return Report(
        id="r1", status="complete", inputs_hash="i", parents={}, seed=0, started_at="t",
        packages={}, hash="h" * 64, task_name="t", task_kind="generate", metric="chrf",
        pass_mark=PassMark(), settings=EvaluateSettings(), verdict=verdict,
        systems=tuple(SystemResult(name=name, description=name, scores={}) for name in SYSTEMS),
    )  # fmt: skip


def lines_of(n: int = 40) -> list[AnsweredExample]:
    return [
        AnsweredExample(
            id=f"e{at}", row=at, inputs={"text": f"=input {at}"}, references=("r",),
            answers={name: Answer(text=f"{name[:2]}{at}, \"a\"\nb") for name in SYSTEMS},
        )
        for at in range(n)
    ]  # fmt: skip


def sheets_of(n: int = 40, **people: Any) -> Sheets:
    return Sheets(task_for(**people), report_of(), lines_of(n))


def test_sides_and_order_are_drawn_anew_for_every_rater_and_the_same_every_time() -> None:
    sheets = sheets_of(200, examples=200)
    anna, ben = sheets.items("anna"), sheets.items("ben")
    assert [item.key for item in anna] == [
        item.key for item in sheets_of(200, examples=200).items("anna")
    ]
    assert [item.example for item in anna] != [item.example for item in ben]
    first = [item.shown[0] == "tuned" for item in anna]
    assert 70 < sum(first) < 130
    other = {item.example: item.shown for item in ben}
    assert 70 < sum(other[item.example] == item.shown for item in anna) < 130


def test_all_pairs_of_the_systems_asked_for_and_each_to_grade() -> None:
    sheets = sheets_of(7, systems=SYSTEMS, sheets=("pairwise", "rubric"), examples=5)
    items = sheets.items("anna")
    assert len(items) == len(sheets) == 5 * 3 + 5 * 3
    assert [item.sheet for item in items] == ["pairwise"] * 15 + ["rubric"] * 15
    assert len({item.key for item in items}) == 30


def test_more_examples_hold_the_fewer_ones() -> None:
    few = {item.example for item in sheets_of(40, examples=10).items("a")}
    assert few < {item.example for item in sheets_of(40, examples=20).items("a")}


def test_equal_answers_are_left_out_and_counted() -> None:
    lines = lines_of(4)
    answers = lines[0].answers | {"tuned": Answer(text="same"), "few-shot": Answer(text="same ")}
    lines[0] = lines[0].model_copy(update={"answers": answers})
    sheets = Sheets(task_for(), report_of(), lines)
    assert (len(sheets), sheets.equal) == (3, 1)


def test_systems_that_were_not_measured_are_refused() -> None:
    with pytest.raises(EvaluationError, match="no answers of zero-shot"):
        Sheets(task_for(systems=("tuned", "zero-shot")), report_of(), lines_of())
    with pytest.raises(EvaluationError, match="no other system"):
        Sheets(task_for(), report_of(strongest=None), lines_of())


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_sheet_goes_out_blind_and_comes_back_with_its_votes(tmp_path: Path, suffix: str) -> None:
    sheets = sheets_of(12, sheets=("pairwise", "rubric"))
    path = tmp_path / f"sheet.{suffix}"
    n = write_sheet(path, sheets, "anna")
    assert n == 12 * 3
    text = path.read_text(encoding="utf-8-sig")
    for hidden in ("tuned", "few-shot"):
        assert hidden not in text
    rows = parse(text, suffix)
    for row in rows[:20]:
        if row["answer_2"]:
            row["vote"] = "1" if row["answer_1"].startswith("tu") else "2"
        else:
            row["vote"] = "5.0" if row["answer_1"].startswith("tu") else "2"
    path.write_text(spell(rows, suffix), encoding="utf-8")
    votes, empty = read_sheet(path, sheets, "2026-11-01T00:00:00Z")
    assert (len(votes), empty) == (20, 16)
    pairs = [vote for vote in votes if vote.sheet == "pairwise"]
    assert len(pairs) == 12
    assert {vote.value for vote in pairs} == {"tuned"}
    assert {(vote.systems[0], vote.value) for vote in votes if vote.sheet == "rubric"} <= {
        ("tuned", "5"), ("few-shot", "2"),
    }  # fmt: skip


def parse(text: str, suffix: str) -> list[dict[str, str]]:
    if suffix == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def spell(rows: list[dict[str, str]], suffix: str, delimiter: str = ";") -> str:
    """As it may come back: a spreadsheet of another country separates by semicolons."""
    if suffix == "jsonl":
        return "".join(json.dumps(row) + "\n\n" for row in rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return "\ufeff" + out.getvalue()


def test_what_a_spreadsheet_would_run_is_made_inert(tmp_path: Path) -> None:
    write_sheet(tmp_path / "s.csv", sheets_of(3), "anna")
    rows = parse((tmp_path / "s.csv").read_text(encoding="utf-8-sig"), "csv")
    assert {row["input"][:2] for row in rows} == {"'="}


def test_all_faults_of_a_sheet_are_told_together_and_nothing_is_taken_over(tmp_path: Path) -> None:
    sheets = sheets_of(8)
    path = tmp_path / "sheet.jsonl"
    write_sheet(path, sheets, "anna")
    rows = parse(path.read_text(), "jsonl")
    changes = [{"vote": "1"}, {"vote": "A"}, {"vote": "2", "item": "0" * 16},
               {"vote": "1", "rater": " "}, {"vote": "3"}]  # fmt: skip
    rows = [row | change for row, change in zip(rows, changes, strict=False)]
    rows.append(rows[0])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError) as told:
        read_sheet(path, sheets, "t")
    assert [fault[:7] for fault in told.value.faults] == [f"line {n}:" for n in range(2, 7)]
    assert "expected 1, 2 or tie" in told.value.faults[0]
    assert "a second time, first on line 1" in told.value.faults[4]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.txt", b"", "ends in .csv or .jsonl"),
        ("s.csv", b"item;vote\n", "no column rater"),
        ("s.csv", b"", "no column item, rater, vote"),
        ("s.csv", "item,rater,vote\nä".encode("latin-1"), "not UTF-8"),
        ("s.jsonl", b"[1]\n", "line 1, is not a JSON object"),
        ("s.jsonl", b"{", "line 1, is not a JSON object"),
    ],
)
def test_files_that_are_no_sheets(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_sheet(tmp_path / name, sheets_of(), "t")


def vote(example: str, rater: str, value: str, sheet: str = "pairwise", **more: Any) -> Vote:
    systems = ("few-shot", "tuned") if sheet == "pairwise" else ("tuned",)
    fields = {"report": "h", "sheet": sheet, "example": example, "systems": systems,
              "rater": rater, "value": value, "at": "t"}  # fmt: skip
    return Vote.model_validate(fields | more)


def test_the_newest_vote_of_a_rater_on_an_item_counts(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    save_votes(workspace, [vote("e1", "anna", "tuned"), vote("e1", "ben", "tie")])
    save_votes(workspace, [vote("e1", "anna", "few-shot", at="u"), vote("e2", "anna", "tie")])
    save_votes(workspace, [vote("e1", "anna", "tuned", report="other")])
    found = read_votes(workspace, "h")
    assert {(one.example, one.rater, one.value) for one in found} == {
        ("e1", "anna", "few-shot"), ("e1", "ben", "tie"), ("e2", "anna", "tie"),
    }  # fmt: skip


def test_votes_are_summed_up() -> None:
    votes = [vote(f"e{n}", rater, "tuned" if n % 4 else "few-shot") for n in range(20)
             for rater in ("anna", "ben")]  # fmt: skip
    votes += [vote(f"e{n}", "anna", "4", "rubric") for n in range(20)]
    votes += [vote(f"e{n}", "ben", "5" if n % 2 else "4", "rubric") for n in range(20)]
    found = sum_up_votes("h", votes, resamples=300)
    assert found.raters == {"anna": 40, "ben": 40}
    (rate,) = found.win_rates
    assert (rate.wins, rate.ties, rate.losses, rate.rate.value) == (30, 0, 10, 0.75)
    assert rate.rate.low > 0.5
    assert list(found.strengths) == ["tuned", "few-shot"]
    assert found.choice_alpha is not None
    assert found.choice_alpha.value == 1
    assert found.grades["tuned"].value == 4.25
    assert found.grade_alpha is not None
    assert found.grade_alpha.value < 0.1


def test_without_votes_there_is_nothing_to_sum_up() -> None:
    found = sum_up_votes("h", [])
    assert (found.raters, found.win_rates, found.choice_alpha) == ({}, (), None)


@pytest.mark.parametrize(
    ("said", "most"),
    [("aab", "a"), ("ab", "tie"), ("a", "a"), (("tie", "a", "tie"), "tie"), ("aabb", "tie")],
)
def test_most_people(said: Any, most: str) -> None:
    assert majority(dict(enumerate(said))) == most


def test_the_middle_grade() -> None:
    assert middle_grade({"a": "1", "b": "4", "c": "5"}) == 4
    assert middle_grade({"a": "1", "b": "4"}) == 1
