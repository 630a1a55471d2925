"""Report in Markdown and JSON, and the model card as the hub's own classes read it."""

import json
import re
from pathlib import Path

import pytest
from evaluate.test_report import NASTY, Page, records
from huggingface_hub import ModelCard

from burnish.evaluate.card import render_card
from burnish.evaluate.markdown import plain, render_markdown
from burnish.evaluate.pages import add_judgements, render_json, write_pages
from burnish.records import (
    Biases,
    Calibration,
    Estimate,
    JudgeReport,
    PeopleReport,
    Report,
    Score,
    Task,
    WinRate,
)
from burnish.store.files import write_lines, write_text


def given(**changes):
    made = records(**changes)
    return {name: made[name] for name in ("task", "report", "dataset", "run", "base")}


def card(hub_id="HuggingFaceTB/SmolLM2-135M-Instruct", **changes):
    return ModelCard(render_card(**given(**changes), hub_id=hub_id), ignore_metadata_errors=False)


def test_the_hub_reads_the_card_with_every_score() -> None:
    made = card()
    tuned = given()["report"].systems[-1]
    assert made.data.license == "apache-2.0"
    assert made.data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert made.data.library_name == "peft"
    assert made.data.model_name == "tickets"
    results = {each.metric_name: each for each in made.data.eval_results}
    assert results["Macro-F1"].metric_value == pytest.approx(tuned.scores["macro_f1"].value)
    assert results["Macro-F1"].metric_type == "f1"
    assert results["Macro-F1"].task_type == "text-classification"
    assert results["Macro-F1"].metric_args["n"] == 3
    assert results["Macro-F1"].dataset_split == "test"
    assert len(results) == len(tuned.scores)


def test_the_card_has_data_method_limits_licence_and_scores() -> None:
    text = card().text
    for title in ("Verdict", "Scores", "How to ask it", "Data", "Method", "Limits", "Licence"):
        assert f"\n## {title}\n" in text
    assert "not enough data" in text
    assert "| Macro-F1 | 0.800 [0.700, 0.800] | 0.500 [0.400, 0.500] |" in text


def test_a_base_that_is_not_on_the_hub_is_named_in_words_alone() -> None:
    made = card(hub_id="")
    assert made.data.base_model is None
    assert "smollm2-135m" in made.text


def test_a_licence_the_hub_does_not_know_is_other_with_its_name() -> None:
    parts = given()
    parts["base"] = parts["base"].model_copy(update={"licence": "acme-9"})
    made = ModelCard(render_card(**parts, hub_id=""))
    assert made.data.license == "other"
    assert made.data.license_name == "acme-9"


def test_planted_text_breaks_neither_tables_nor_front_matter() -> None:
    nasty = f"{NASTY} | a\n---\n| b"
    made = card(nasty=nasty)
    assert made.data.license == "apache-2.0"
    assert "\n---\n" not in made.text
    markdown = render_markdown(**given(nasty=nasty))
    assert not re.search(r"(?<!\\)<[a-z/!]", made.text + markdown)
    rows = [line for line in markdown.splitlines() if line.startswith("| macro")]
    assert all(line.replace("\\|", "").count("|") == 7 for line in rows)


def test_tables_are_unbroken() -> None:
    lines = render_markdown(**given()).splitlines()
    for place, line in enumerate(lines):
        if line.startswith("| ---"):
            assert lines[place - 1].count("|") == line.count("|")
            assert lines[place + 1].startswith("| ")
    assert "# tickets: not enough data" in lines[0]
    assert any(line.startswith("| tuned | 0.800 [0.700, 0.800] | 3.5") for line in lines)
    assert "\n\n\n" not in "\n".join(lines)


def test_marks_of_markdown_are_escaped() -> None:
    assert plain("a|b\n*c* <d>") == r"a\|b \*c\* \<d\>"


def test_json_holds_the_records_and_no_path_of_this_machine() -> None:
    parts = given()
    text = render_json(**parts)
    read = json.loads(text)
    assert Report.model_validate(read["report"]) == parts["report"]
    assert Task.model_validate(read["task"]) == parts["task"]
    assert "/somewhere" not in text


def test_all_files_stand_beside_the_report(tmp_path: Path) -> None:
    write_pages(tmp_path, **records(), hub_id="")
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.html",
        "report.md",
        "report.json",
        "model-card.md",
    }


def test_faithfulness_stands_under_the_limits() -> None:
    parts = given()
    *others, tuned = parts["report"].systems
    score = Score(metric="faithfulness", value=0.75, low=0.5, high=0.9, n=3)
    tuned = tuned.model_copy(update={"scores": {**tuned.scores, "faithfulness": score}})
    parts["report"] = parts["report"].model_copy(update={"systems": (*others, tuned)})
    assert "in 25% of its test answers" in render_card(**parts, hub_id="")


def estimate(value: float, n: int = 40) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, n=n)


def said_by_people() -> PeopleReport:
    rate = WinRate(
        system="tuned", other="few-shot", wins=24, ties=6, losses=10, rate=estimate(0.675)
    )
    return PeopleReport(
        report="r" * 64, raters={"Anna Muster": 40, "ben": 38}, win_rates=(rate,),
        grades={"tuned": estimate(4.2), "few-shot": estimate(3.1)}, choice_alpha=estimate(0.61),
    )  # fmt: skip


def said_by_a_judge(*withheld: str, nasty: str = "") -> JudgeReport:
    biases = Biases(
        first=estimate(0.71), order_kappa=estimate(0.3), longer=None, longer_than_people=None,
        found=withheld,
    )  # fmt: skip
    pairs = Calibration(agreement=estimate(0.8), kappa=estimate(0.55), human_alpha=None)
    return JudgeReport(
        report="r" * 64, model=f"large-model{nasty}", systems=("tuned", "few-shot"),
        preferred=estimate(0.64), pairs=pairs, biases=biases, unread=2, withheld=withheld,
        decision=None if withheld else "ship",
    )  # fmt: skip


def folder_with(tmp_path: Path, judge: JudgeReport | None, people: PeopleReport | None) -> Path:
    write_pages(tmp_path, **records(), hub_id="")
    write_lines(tmp_path / "answers.jsonl", records()["answers"])
    for name, said in (("judge", judge), ("people", people)):
        if said is not None:
            write_text(tmp_path / f"{name}.json", said.model_dump_json())
    return tmp_path


def test_people_and_a_judge_enter_the_pages_afterwards(tmp_path: Path) -> None:
    reason = "It decides for the answer shown first in 71%."
    folder = folder_with(tmp_path, said_by_a_judge(reason), said_by_people())
    before = (folder / "model-card.md").read_bytes()
    assert add_judgements(folder, records()["loss_svg"])
    page = Page((folder / "report.html").read_text())
    markdown = (folder / "report.md").read_text()
    for text in (" ".join(page.text.split()), markdown):
        assert "78 votes of 2 people" in text
        assert "Anna" not in text
        assert "withheld" in text
        assert reason.rstrip(".") in text
        assert "verdict: ship" not in text
        assert all(figure in text for figure in ("68%", "[58%, 78%]", "0.550", "[0.450, 0.650]"))
    held = json.loads((folder / "report.json").read_text())
    assert JudgeReport.model_validate(held["judge"]) == said_by_a_judge(reason)
    assert held["people"]["raters"] == {"rater 1": 40, "rater 2": 38}
    assert (folder / "model-card.md").read_bytes() == before


def test_pages_with_nothing_said_stay_as_they_were_byte_for_byte(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, None, None)
    names = ("report.html", "report.md", "report.json")
    before = [(folder / name).read_bytes() for name in names]
    assert add_judgements(folder, records()["loss_svg"])
    assert [(folder / name).read_bytes() for name in names] == before


def test_what_comes_later_replaces_what_was_said_before(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, said_by_a_judge("Too few votes."), None)
    add_judgements(folder, "")
    assert "Nobody has voted" not in (folder / "report.html").read_text()
    write_text(folder / "judge.json", said_by_a_judge().model_dump_json())
    add_judgements(folder, "")
    text = (folder / "report.md").read_text()
    assert "Too few votes" not in text
    assert "It may decide: ship." in text


def test_a_judge_with_a_hostile_name_breaks_nothing(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, said_by_a_judge(NASTY, nasty=NASTY), said_by_people())
    add_judgements(folder, "")
    page = Page((folder / "report.html").read_text())
    assert len(page.all("script")) == 3
    assert NASTY.split()[0] in page.text
    markdown = (folder / "report.md").read_text()
    assert not re.search(r"(?<!\\)<[a-z/!]", markdown)
    for place, line in enumerate(markdown.splitlines()):
        if line.startswith("| ---"):
            assert markdown.splitlines()[place - 1].count("|") == line.count("|")


def test_a_folder_without_pages_gets_none(tmp_path: Path) -> None:
    assert not add_judgements(tmp_path, "")
    assert not list(tmp_path.iterdir())
