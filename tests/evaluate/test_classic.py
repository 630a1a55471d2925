"""The classic baselines, on sentences one can check by eye and on real data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from burnish.evaluate.classic import answer_classic
from burnish.records import METRICS, DataSettings, Example, Message, Task


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("BURNISH_DATA")
    if not folder:
        pytest.skip("set BURNISH_DATA to the folder of real data to run this test")
    return Path(folder)


def task_of(kind, **settings):
    return Task(name="t", kind=kind, metric=METRICS[kind][0], data=DataSettings(), **settings)


def example(inputs, answer="", labels=(), history=()):
    return Example(
        id="e", source="f", row=1, inputs=inputs, history=history,
        answer=answer, references=(answer,), labels=labels,
    )  # fmt: skip


def labelled(text, *labels):
    return example({"text": text}, "\n".join(labels) or "none", labels)


def texts_of(kind, train, test, labels=(), seed=0, **settings):
    found = answer_classic(task_of(kind, **settings), labels, train, test, seed)
    assert found is not None
    answers, description, tried = found
    assert tried == ()
    assert description.endswith(".")
    return [answer.text for answer in answers], answers


def test_classify_learns_words_and_gives_a_probability():
    train = [labelled(f"my card number {n} is lost", "card") for n in range(10)]
    train += [labelled(f"the exchange rate on day {n}", "rate") for n in range(10)]
    test = [labelled("lost cards"), labelled("exchanging at which rates")]
    texts, answers = texts_of("classify", train, test, ("card", "rate"))
    assert texts == ["card", "rate"]
    assert all(0.5 < answer.probability <= 1 for answer in answers)
    assert [answer.value for answer in answers] == texts


def test_classify_with_one_label_or_without_words_needs_no_regression():
    assert texts_of("classify", [labelled("x", "a")] * 3, [labelled("y")], ("a",))[0] == ["a"]
    smileys = [labelled(":-)", "good"), labelled(":-(", "bad")] * 5
    assert texts_of("classify", smileys, [labelled(":-(")], ("bad", "good"))[0] == ["bad"]


def test_several_labels_are_given_each_on_its_own():
    train = [
        labelled(f"{n} {words}", *labels)
        for n in range(12)
        for words, labels in (
            ("cold weather", ("always", "cold")),
            ("wet weather", ("always", "wet")),
            ("cold and wet weather", ("always", "cold", "wet")),
            ("weather", ("always",)),
        )
    ]
    labels = ("always", "cold", "unseen", "wet")
    tests = [labelled("wet cold weather"), labelled("weather")]
    texts, answers = texts_of("classify", train, tests, labels, multi_label=True)
    assert texts == ["always\ncold\nwet", "always"]
    assert answers[0].value == ["always", "cold", "wet"]
    none = [labelled("x"), labelled("y")]
    assert texts_of("classify", none, [labelled("x")], labels, multi_label=True)[0] == ["none"]


def test_summarize_takes_three_sentences_of_the_longest_input():
    test = [example({"title": "No. Not this.", "text": "One. Two!\nThree 3.5 mg? Four is cut."})]
    assert texts_of("summarize", [], test)[0] == ["One. Two! Three 3.5 mg?"]
    assert texts_of("summarize", [], [example({"text": " "})])[0] == [""]


def test_summarize_reads_the_chat_too():
    history = (Message(role="user", content="A long chat. It goes on. And on. And on."),)
    found = texts_of("summarize", [], [example({"x": "short"}, history=history)])[0]
    assert found == ["A long chat. It goes on. And on."]


def test_answer_finds_the_sentence_of_the_question():
    context = "The Panthers lost. Their defense, led by Short, gave up 308 points. Ward had four."
    test = [example({"question": "How many points did the defense give up?", "context": context})]
    assert texts_of("answer", [], test)[0] == ["Their defense, led by Short, gave up 308 points."]


def test_answer_without_a_context_takes_the_nearest_question():
    train = [example({"q": "capital of France"}, "Paris"), example({"q": "tallest hill"}, "K2")]
    assert texts_of("answer", train, [example({"q": "France's capital?"})])[0] == ["Paris"]


@pytest.mark.parametrize("kind", ["extract", "generate"])
def test_the_nearest_training_answer_is_copied(kind):
    train = [
        example({"text": "book a table in Rome"}, '{"city": "Rome"}'),
        example({"text": "play some jazz"}, '{"genre": "jazz"}'),
    ]
    test = [example({"text": "playing jazz music"}), example({"text": "a table for two, Rome"})]
    texts, answers = texts_of(kind, train, test * 200)
    assert texts == ['{"genre": "jazz"}', '{"city": "Rome"}'] * 200
    assert answers[0].value == ({"genre": "jazz"} if kind == "extract" else '{"genre": "jazz"}')


@pytest.mark.parametrize("kind", ["classify", "extract", "generate", "answer"])
def test_there_is_no_baseline_without_training_text(kind):
    test = [example({"text": "x"})]
    for train in ([], [example({"text": " "}, "a", ("a",))]):
        assert answer_classic(task_of(kind), ("a",), train, test, 0) is None


def test_classify_does_well_on_real_intents_and_repeats_itself(data):
    def read(name, labels, step):
        with (data / "classification-banking77" / name).open() as lines:
            rows = [json.loads(line) for line in lines]
        return [labelled(r["text"], r["label"]) for r in rows if r["label"] in labels][::step]

    labels = ("card_arrival", "card_linking", "exchange_rate", "lost_or_stolen_card")
    train, test = read("train.jsonl", labels, 6), read("test.jsonl", labels, 2)
    texts, answers = texts_of("classify", train, test, labels)
    right = sum(text == each.answer for text, each in zip(texts, test, strict=True))
    assert right / len(test) > 0.9
    assert texts_of("classify", train, test, labels)[1] == answers


def test_importing_the_module_does_not_import_scikit_learn():
    code = "import sys, burnish.evaluate.classic_labels; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_best_on_validation_stands_for_all_and_all_are_told():
    train = [labelled(f"{n} lorem ipsum", "often") for n in range(30)]
    train += [labelled(f"{n} zebra crossing", "rare") for n in range(2)]
    validation = [labelled("zebra crossing", "rare"), labelled("lorem", "often")] * 10
    task = task_of("classify")
    found = answer_classic(
        task, ("often", "rare"), train, [labelled("a zebra crossing")], 0, validation
    )
    assert [answer.text for answer in found.answers] == ["rare"]
    assert {each.name for each in found.tried} == {
        "TF-IDF + logistic regression", "nearest", "majority",
    }  # fmt: skip
    scores = [each.score.value for each in found.tried]
    assert scores == sorted(scores, reverse=True)
    assert [each.chosen for each in found.tried] == [True, False, False]
    assert found.tried[-1].name == "majority"
    assert found.tried[-1].score.value == pytest.approx(1 / 3)  # macro-F1 of always "often"
    assert {each.score.n for each in found.tried} == {20}


def test_majority_wins_where_words_mislead():
    train = [labelled("same words", "a")] * 9 + [labelled(f"{n} odd", "b") for n in range(3)]
    validation = [labelled("odd", "a")] * 5
    found = answer_classic(
        task_of("classify").model_copy(update={"metric": "accuracy"}),
        ("a", "b"), train, [labelled("odd")], 0, validation,
    )  # fmt: skip
    assert found.answers[0].text == "a"
    assert found.answers[0].probability == 0.75
    assert "most frequent" in found.description
