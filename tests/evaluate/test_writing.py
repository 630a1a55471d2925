"""Empty answers, refusals, loops and lengths."""

import pytest

from burnish.evaluate.writing import count_writing, refuses, repetition
from burnish.records import Answer, Example


def example(answer="one two three"):
    return Example(id="e", source="f", row=1, answer=answer, references=(answer,))


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry",
        "Sorry, I do not know.",
        "As an AI language model, I",
        "I cannot provide a summary of this note.",
        "Unfortunately, I don't have the text.",
        "I don't have enough information to answer.",
    ],
)
def test_refusals_are_told_by_their_beginning(text):
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "The patient says she is sorry she cannot help.",
        "I cannot feel my left arm since Monday.",
        "Aspirin 81 mg",
        "",
        "Sorrel is a herb.",
    ],
)
def test_other_answers_are_none(text):
    assert not refuses(text)


def test_counts():
    loop = "and so on and on " * 10
    answers = [
        Answer(text=" \n"),
        Answer(text="I'm sorry, I can't."),
        Answer(text=loop, stopped=False),
        Answer(text="one two three"),
    ]
    found = count_writing(answers, [example()] * 4, lambda text: len(text.split()) * 2)
    assert (found.n, found.empty, found.refusals, found.cut, found.looping) == (4, 1, 1, 1, 1)
    assert found.words == 3.5
    assert found.reference_words == 3
    assert found.tokens == pytest.approx(2 * (0 + 4 + 50 + 3) / 4)
    assert found.repetition == pytest.approx(repetition(loop.strip()) / 4)
    assert count_writing(answers, [example()] * 4).tokens is None


def test_a_refusal_that_is_the_right_answer_is_none():
    text = "I cannot provide a dose."
    assert count_writing([Answer(text=text)], [example(text)]).refusals == 0


def test_repetition_by_hand():
    assert repetition("a b c d a b c d") == pytest.approx(1 / 5)
    assert repetition("a b c") == 0
    assert repetition("x " * 40) > 0.9
