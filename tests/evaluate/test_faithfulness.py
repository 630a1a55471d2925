"""What answers say that their inputs do not: counted, and shown with its place."""

import pytest

from burnish.evaluate.compare import score_system
from burnish.evaluate.faithfulness import doubted_spans, measure_faithfulness, novelty
from burnish.records import Answer, DataSettings, EvaluateSettings, Example, Message, Task

NOTE = "Doctor: Any fever?\nPatient: No. I take 20 mg of Zolinex for my left knee, says Dr. Kumar."


def example(text: str = NOTE, reference: str = "20 mg of Zolinex.") -> Example:
    return Example(
        id="1", source="f", row=1, inputs={"dialogue": text}, answer=reference,
        references=(reference,),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind", "span"),
    [
        ("Takes 40 mg of Zolinex.", "dose", "40 mg"),
        ("Seen by Dr. Miller, who agrees.", "name", "Miller"),
        ("Pain in the  right  knee.", "side", "right knee"),
        ("He reports fever.", "negation", "fever"),
        ("Takes qexapril.", "drug", "qexapril"),
    ],
)
def test_a_contradiction_is_found_with_its_kind_and_place(
    answer: str, kind: str, span: str
) -> None:
    (spans,) = doubted_spans([answer], [example()])
    assert kind in {each.kind for each in spans}
    found = next(each for each in spans if each.kind == kind)
    assert found.text == span
    assert span.split()[0] in answer[found.start : found.end]


def test_what_the_input_says_is_not_doubted() -> None:
    assert doubted_spans(["Takes 20 mg Zolinex, left knee. No fever."], [example()]) == [()]


def test_faithfulness_is_the_share_of_answers_without_doubt() -> None:
    written = ["Takes 20 mg.", "Takes 40 mg.", "", "Dr. Miller and 60 mg."]
    measured = measure_faithfulness(written, [example()] * 4)
    assert measured.per_example.tolist() == [1, 0, 1, 0]
    assert measured.score == 0.5


def test_novelty_is_the_share_of_word_pairs_that_are_new() -> None:
    assert novelty(["any fever", "fever any"], [example()] * 2) == 0.5
    assert novelty(["Any Fever?"], [example()]) == 0
    assert novelty(["", "one"], [example()] * 2) == 0


def test_a_chat_is_looked_up_as_a_whole() -> None:
    chat = Example(
        id="1", source="f", row=1, history=(Message(role="user", content="I take 20 mg."),),
        answer="x", references=("x",),
    )  # fmt: skip
    assert doubted_spans(["20 mg", "30 mg"], [chat, chat])[0] == ()
    assert len(doubted_spans(["30 mg"], [chat])[0]) == 1


@pytest.mark.parametrize("kind", ["summarize", "answer", "classify", "generate"])
def test_it_stands_beside_the_metrics_of_summaries_and_answers_alone(kind: str) -> None:
    task = Task.model_validate(
        {"name": "t", "kind": kind, "metric": "accuracy", "data": DataSettings(),
         "evaluate": EvaluateSettings(resamples=200)}
    )  # fmt: skip
    given = example().model_copy(update={"labels": ("20 mg of Zolinex.",)})
    labels = given.labels if kind == "classify" else ()
    result = score_system(task, labels, "tuned", "It.", [Answer(text="Takes 40 mg.")], [given])
    found = kind in ("summarize", "answer")
    assert ("faithfulness" in result.scores) == found
    assert (result.novelty is not None) == found
    if found:
        assert result.scores["faithfulness"].value == 0
