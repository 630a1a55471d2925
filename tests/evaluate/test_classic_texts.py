"""TextRank and spans, on texts one can check by eye."""

import pytest

from burnish.evaluate.classic_texts import rank, sentence, span
from burnish.records import Example


def example(**inputs):
    return Example(id="e", source="f", row=1, inputs=inputs, answer="", references=("",))


def test_textrank_takes_the_sentences_that_the_others_repeat_in_their_order():
    text = (
        "Good morning to you all. The knee hurts since May. A brace helps the knee a little. "
        "Lunch was soup. The knee hurts when she climbs, and the brace slips."
    )
    assert rank(example(text=text)) == (
        "The knee hurts since May. A brace helps the knee a little. "
        "The knee hurts when she climbs, and the brace slips."
    )
    assert rank(example(text="One. Two.")) == "One. Two."
    assert rank(example(text=" ")) == ""
    assert rank(example(text="Aa. Bb. Cc. Dd. Ee.")) == "Aa. Bb. Cc."


CONTEXT = (
    "The bridge was designed by Maria Lopez. It was opened at a cost of $4,200 in May 1932. "
    "Engineers call it the singing bridge because of the wind."
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who designed the bridge?", "Maria Lopez"),
        ("When was it opened at a cost?", "May 1932"),
        ("How much did it cost, opened in May?", "$4,200"),
        ("Why do engineers call the bridge singing?", "because of the wind"),
    ],
)
def test_a_span_is_of_the_kind_that_is_asked_for(question, answer):
    found = span(example(question=question, context=CONTEXT))
    assert found in sentence(example(question=question, context=CONTEXT))
    assert found == answer


def test_without_such_a_span_the_longest_run_of_new_words_is_taken():
    found = span(
        example(question="Who likes the soup?", context="the soup was liked by many guests.")
    )
    assert found == "was liked by many guests"
    assert span(example(question="soup", context="soup soup soup")) == "soup soup soup"
