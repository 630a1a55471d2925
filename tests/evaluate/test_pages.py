"""Report in Markdown and JSON, and the model card as the hub's own classes read it."""

import json
import re
from pathlib import Path

import pytest
from evaluate.test_report import NASTY, records
from huggingface_hub import ModelCard

from burnish.evaluate.card import render_card
from burnish.evaluate.markdown import plain, render_markdown
from burnish.evaluate.pages import render_json, write_pages
from burnish.records import Report, Score, Task


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
