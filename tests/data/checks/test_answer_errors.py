"""Wrong answers come first, with what was seen; sound ones stay out of the findings."""

import json
import random
from pathlib import Path

import pytest

from burnish.data.checks.answer_errors import answer_errors, suspected_answers
from burnish.data.clinic.notes import write_clinic
from burnish.data.reading.readers import read
from burnish.records import Example, Message, Task

CITIES = ["Arlen", "Brockway", "Camden", "Dunmore", "Elgin", "Fargo", "Galway", "Hobart"]
THINGS = ["boiler", "window", "garden", "kitchen", "staircase", "chimney", "bathroom", "cellar"]


def task(kind: str = "summarize", metric: str = "rougeL") -> Task:
    return Task.model_validate(
        {
            "name": "jobs", "kind": kind, "metric": metric,
            "data": {"source": "jobs.csv", "inputs": ["text"], "output": "answer"},
        }
    )  # fmt: skip


def example(number: int, text: str, answer: str, **more: str) -> Example:
    return Example(
        id=f"e{number}", source="jobs.csv", row=number, inputs={"text": text, **more},
        answer=answer, references=(answer,),
    )  # fmt: skip


def jobs(n: int = 64) -> list[Example]:
    """Repair jobs and their summaries, all supported."""
    made = []
    for at in range(n):
        city, thing = CITIES[at % 8], THINGS[(at // 8) % 8]
        cost, days = 1000 + 7 * at, 3 + at % 5
        text = (
            f"We went out to the customer in {city} about the {thing}, which was broken, and it "
            f"took the crew {days} days. The {thing} works again; the bill comes to ${cost}."
        )
        made.append(
            example(at, text, f"Repaired the {thing} in {city} within {days} days, ${cost}.")
        )
    return made


def with_answer(examples: list[Example], at: int, answer: str) -> list[Example]:
    changed = examples[at].model_copy(update={"answer": answer, "references": (answer,)})
    return [*examples[:at], changed, *examples[at + 1 :]]


def test_sound_answers_give_no_findings() -> None:
    assert answer_errors(task(), jobs()) == []


def test_a_wrong_number_is_named_with_what_the_input_has() -> None:
    examples = with_answer(jobs(), 5, "Repaired the boiler in Fargo within 9 days, $1035.")
    (found,) = answer_errors(task(), examples)
    assert (found.kind, found.rows, found.ids) == ("answer-error", ("jobs.csv row 5",), ("e5",))
    assert 'says "9 days", the input has "3 days"' in found.reason
    assert found.text.startswith("We went out")
    assert 0.5 <= found.score <= 1


def test_a_name_that_the_input_lacks_is_named() -> None:
    examples = with_answer(jobs(), 5, "Repaired the boiler in Geneva within 3 days, $1035.")
    (found,) = answer_errors(task(), examples)
    assert 'says "Geneva", the input does not' in found.reason


def test_missing_facts_say_little_where_most_answers_hold_some() -> None:
    """Written from knowledge, not from the input: nothing can be concluded."""
    free = [example(n, f"Tell me of {c} no. {n}", f"It has {n + 50} parks.") for n, c in
            enumerate(CITIES * 4)]  # fmt: skip
    assert answer_errors(task("generate", "chrf"), free) == []


def test_an_answer_copied_from_another_row_names_its_owner() -> None:
    text = "Two goats, Ada and Bo, ate the red scarf that Mrs. Lund had hung out on the line."
    answer = "Goats ate the red scarf which Mrs. Lund had hung out on her line."
    examples = with_answer([*jobs(), example(99, text, answer)], 12, answer)
    first, *others = answer_errors(task(), examples)
    assert first.rows == ("jobs.csv row 12", "jobs.csv row 99")
    assert first.ids == ("e12", "e99")
    assert "has the same answer as jobs.csv row 99, whose input is another" in first.reason
    assert others == []


def test_a_stock_phrase_is_no_copy() -> None:
    phrase = "Nothing of note was seen and the customer signed the form."
    examples = jobs()
    for at in range(0, 30, 3):
        examples = with_answer(examples, at, phrase)
    assert not any("same answer" in f.reason for f in answer_errors(task(), examples))


def test_an_odd_length_is_told() -> None:
    rng = random.Random(0)
    examples = [
        example(n, " ".join(["alpha beta gamma"] * 10), " ".join(["alpha"] * rng.randint(8, 12)))
        for n in range(60)
    ]
    ranked = suspected_answers(task(), with_answer(examples, 7, " ".join(["alpha beta"] * 300)))
    assert ranked[0][0].id == "e7"
    assert "unusually long: 600 words for 30 of input" in ranked[0][1][0].reason


def test_a_high_loss_lifts_an_answer() -> None:
    losses = {f"e{n}": 1 + 0.01 * (n % 7) for n in range(60)} | {"e9": 6.0}
    ranked = suspected_answers(task(), jobs(), losses=losses)
    assert ranked[0][0].id == "e9"
    assert ranked[0][1][0].reason == "surprises the model: 6.00 nats a token, the median is 1.03"
    assert suspected_answers(task(), jobs(), losses={}) != ranked


def test_a_span_that_the_context_lacks() -> None:
    asked = [
        example(n, f"The {thing} stands in {city} since {1900 + n}.", city, question="Where?")
        for n, (city, thing) in enumerate(zip(CITIES * 4, THINGS * 4, strict=True))
    ]
    assert answer_errors(task("answer", "token_f1"), asked) == []
    (found,) = answer_errors(task("answer", "token_f1"), with_answer(asked, 3, "Geneva"))
    assert found.reason.startswith('the answer "Geneva" does not stand in the context')


def test_a_value_that_the_text_lacks() -> None:
    filled = [
        example(
            n,
            f"Book {n + 2} seats in {city}",
            json.dumps({"city": city, "seats": n + 2, "by": "x"}),
        )
        for n, city in enumerate(CITIES * 4)
    ]
    extract = task("extract", "field_f1")
    assert answer_errors(extract, filled) == []
    wrong = with_answer(filled, 3, json.dumps({"city": "Geneva", "seats": 5, "by": "x"}))
    (found,) = answer_errors(extract, wrong)
    assert found.reason == 'city is "Geneva", which the text lacks'


def test_what_was_said_before_counts_as_input() -> None:
    chats = [
        job.model_copy(update={"inputs": {}, "history": (said,)})
        for job in jobs()
        for said in [Message(role="user", content=job.inputs["text"])]
    ]
    assert answer_errors(task("generate", "chrf"), chats) == []


def test_the_order_of_rows_changes_nothing() -> None:
    examples = with_answer(jobs(), 5, "Repaired the boiler in Geneva within 9 days, $1035.")
    examples = with_answer(examples, 12, examples[33].answer)
    shuffled = random.Random(2).sample(examples, len(examples))
    assert suspected_answers(task(), examples) == suspected_answers(task(), shuffled)
    assert answer_errors(task(), examples) == answer_errors(task(), shuffled)


@pytest.mark.parametrize("kind", ["summarize", "answer", "generate"])
@pytest.mark.parametrize(
    "examples",
    [[], jobs(1), [example(n, "?!", "...") for n in range(3)], [example(0, "\x00²", "½ 1.2.3/")]],
)
def test_little_or_odd_data_do_no_harm(kind: str, examples: list[Example]) -> None:
    metric = {"summarize": "rougeL", "answer": "token_f1", "generate": "chrf"}[kind]
    assert len(suspected_answers(task(kind, metric), examples)) == len(examples)


def test_tasks_with_labels_have_no_answer_errors() -> None:
    assert answer_errors(task("classify", "accuracy"), jobs()) == []


def test_wrong_answers_of_the_demo_come_first(tmp_path: Path) -> None:
    notes, key = write_clinic(tmp_path)
    table = read(notes)
    faults = [json.loads(line) for line in key.read_text("utf-8").splitlines()]
    wrong = {fault["row"] for fault in faults if fault["kind"] == "wrong-answer"}
    examples = [
        example(number, str(row["note"]), str(row["summary"]))
        for number, row in enumerate(table.rows, 1)
    ]
    ranked = suspected_answers(task(), examples)
    top = {each.row for each, _ in ranked[: len(ranked) // 10]}
    assert len(top & wrong) >= 0.8 * len(wrong)
