"""Fit: token counts against the renderer's own, limits, odd words and what is too long."""

import pytest
from tiny import tiny_tokenizer

from burnish.chat.render import Renderer
from burnish.data.checks.fit import (
    costly_words,
    length_histograms,
    measure,
    token_fit,
    too_long,
)
from burnish.records import DataSettings, Example, Message, Task


def renderer(**settings):
    task = Task(
        name="t", kind="summarize", metric="rougeL", data=DataSettings(inputs="text"), **settings
    )
    return Renderer(tiny_tokenizer(), task, max_length=64)


def example(text, answer="short", row=1, **more):
    return Example(
        id=f"e{row}", source="f.csv", row=row, inputs={"text": text}, answer=answer,
        references=(answer,), **more,
    )  # fmt: skip


def test_lengths_are_of_the_whole_prompt_and_of_the_answer_with_its_end():
    short, long = measure(renderer(), [example("a" * 10), example("a" * 500)])
    assert long[0] - short[0] == 490  # one token a byte, and nothing cut at 64
    assert short[1] == len("short") + 1
    assert short[0] == len(renderer().prompt(example("a" * 10), answer_tokens=0).ids)


def test_limits_percentiles_and_the_tokens_of_an_epoch():
    fit = token_fit([(n, 10) for n in range(1, 101)], (50, 200), max_length=100)
    assert [(cut.limit, cut.n, cut.share) for cut in fit.cuts] == [
        (50, 60, 0.6), (100, 10, 0.1), (200, 0, 0.0),
    ]  # fmt: skip
    assert fit.prompt == {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}
    assert fit.total["max"] == 110
    assert fit.tokens_per_epoch == sum(min(n + 10, 100) for n in range(1, 101))
    assert fit.seconds_per_epoch is None
    assert token_fit([(90, 10)], max_length=512, tokens_per_second=50.0).seconds_per_epoch == 2


def test_no_examples_are_no_failure():
    fit = token_fit([], max_length=512)
    assert (fit.n, fit.tokens_per_epoch, fit.total["max"]) == (0, 0, 0)
    assert length_histograms([]) == ()


def test_signs_of_many_tokens_come_first_and_numbers_stay_out():
    words = costly_words(renderer(), [example("naïve 🙂 12345 64y/o 😀😀 --- a"), example("🙂")])
    assert [word.word for word in words[:2]] == ["🙂", "😀😀"]
    assert (words[0].tokens, words[0].characters, words[0].times) == (5, 1, 2)
    assert not {"12345", "64y/o", "---"} & {word.word for word in words}
    assert not any(word.unknown for word in words)


def test_unknown_signs_are_named_as_such():
    class Half(type(tiny_tokenizer())):
        def __call__(self, text, **options):
            return {"input_ids": [2 if ord(sign) > 127 else 9 for sign in text]}

    inner = tiny_tokenizer()
    inner.__class__ = Half
    words = costly_words(Renderer(inner, renderer().task), [example("plain wörd")])
    assert words[0].word == "wörd"
    assert words[0].unknown


def test_too_long_examples_are_ranked_and_hopeless_ones_are_to_be_dropped():
    examples = [example("a" * 10, row=1), example("b" * 90, row=2), example("c" * 9, "d" * 80, 3)]
    lengths = [(40, 6), (120, 6), (39, 81)]
    hopeless, cut = too_long(examples, lengths, 64)
    assert (hopeless.rows, hopeless.suggestion, hopeless.score) == (("f.csv row 3",), "drop", 1.0)
    assert cut.kind == "length"
    assert cut.suggestion == ""
    assert "the last 62 tokens" in cut.reason
    assert too_long(examples[::-1], lengths[::-1], 64) == [hopeless, cut]


def test_histograms_count_every_example_once():
    examples = [example("word " * n, "w " * (n % 7), row=n) for n in range(1, 200)]
    examples.append(example("word " * 5000, row=999))
    inputs, answers = length_histograms(examples)
    assert sum(inputs.counts) == sum(answers.counts) == 200
    assert len(inputs.counts) == len(inputs.edges) - 1 <= 21
    assert inputs.counts[-1] == 1  # the outlier stands alone and does not flatten the rest
    assert inputs.edges[-1] == 5001
    assert answers.edges == (0, 1, 2, 3, 4, 5, 6, 7)


def test_turns_count_as_input_and_labels_have_no_histogram():
    chat = (Message(role="system", content="be kind"), Message(role="user", content="a b c"))
    (inputs, _) = length_histograms([example("", history=chat)])
    assert inputs.counts == (0, 0, 0, 1)
    assert len(length_histograms([example("a b", "yes", labels=("yes",))])) == 1


@pytest.mark.parametrize("words", [1, 9, 99, 1000])
def test_bars_hold_their_own_lengths(words):
    (inputs, _) = length_histograms([example("w " * words)] * 3)
    bar = next(at for at, count in enumerate(inputs.counts) if count)
    assert inputs.edges[bar] <= words < inputs.edges[bar + 1]
