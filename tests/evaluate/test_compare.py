"""From answers to scores, differences and the verdict."""

import numpy as np
import pytest

from burnish.errors import EvaluationError
from burnish.evaluate.compare import assemble, score_system
from burnish.records import (
    METRICS,
    Answer,
    DataSettings,
    EvaluateSettings,
    Example,
    PassMark,
    Task,
)

LABELS = ("a", "b", "c")
DESCRIPTIONS = {name: f"The {name} system." for name in ("zero-shot", "few-shot", "tuned")}


def classify(**settings):
    return Task(
        name="t", kind="classify", metric="accuracy", data=DataSettings(),
        evaluate=EvaluateSettings(resamples=400), **settings,
    )  # fmt: skip


def examples_of(n):
    names = [LABELS[place % 3] for place in range(n)]
    return [
        Example(id=str(i), source="f", row=i, answer=x, references=(x,), labels=(x,))
        for i, x in enumerate(names)
    ]


def answers_of(examples, share, seed, **settings):
    chance = np.random.default_rng(seed)
    return [
        Answer(text=each.answer if chance.random() < share else "wrong", **settings)
        for each in examples
    ]


def compared(task, n=120, tuned=0.9, few=0.5, **settings):
    examples = examples_of(n)
    answers = {
        "zero-shot": answers_of(examples, 0.3, 1, **settings),
        "few-shot": answers_of(examples, few, 2),
        "tuned": answers_of(examples, tuned, 3, **settings),
    }
    return assemble(task, LABELS, answers, examples, DESCRIPTIONS), answers, examples


def test_a_clear_winner_ships_with_all_its_figures():
    task = classify(pass_mark=PassMark(at_least=0.2, over="zero-shot"))
    (systems, differences, verdict, per_example), answers, examples = compared(task)
    assert [system.name for system in systems] == ["zero-shot", "few-shot", "tuned"]
    assert systems[0].description == "The zero-shot system."
    assert verdict.decision == "ship"
    assert verdict.strongest == "few-shot"
    right = [float(x.text == e.answer) for x, e in zip(answers["tuned"], examples, strict=True)]
    assert per_example["tuned"] == right
    score = systems[2].scores["accuracy"]
    assert score.value == pytest.approx(np.mean(right))
    assert score.low < score.value < score.high
    assert score.n == 120
    assert verdict.mark == pytest.approx(1.2 * systems[0].scores["accuracy"].value)
    for each in differences:
        other = next(system for system in systems if system.name == each.other)
        gap = systems[2].scores[each.metric].value - other.scores[each.metric].value
        assert each.value == pytest.approx(gap)
    assert [(each.metric, each.other) for each in differences[:2]] == [
        ("accuracy", "zero-shot"), ("accuracy", "few-shot"),
    ]  # fmt: skip
    assert len(differences) == 2 * len(METRICS["classify"])


@pytest.mark.parametrize(
    ("tuned", "few", "mark", "decision"),
    [
        (0.9, 0.5, PassMark(at_least=0.7, over=None), "ship"),
        (0.5, 0.9, PassMark(at_least=0.2, over=None), "don't ship"),
        (0.5, 0.3, PassMark(at_least=0.9, over=None), "don't ship"),
        (0.5, 0.3, PassMark(at_least=2.0, over="zero-shot"), "don't ship"),
        (0.6, 0.59, PassMark(at_least=0.1, over=None), "not enough data"),
    ],
)
def test_decisions(tuned, few, mark, decision):
    comparison, _, _ = compared(classify(pass_mark=mark), tuned=tuned, few=few)
    assert comparison.verdict.decision == decision


def test_classify_has_label_scores_and_a_confusion_matrix():
    comparison, _, _ = compared(classify())
    tuned = comparison.systems[2]
    assert [each.label for each in tuned.per_label] == list(LABELS)
    assert sum(each.n for each in tuned.per_label) == 120
    assert sum(sum(row.values()) for row in tuned.confusion.values()) == 120


def test_a_metric_that_a_system_lacks_has_no_difference_to_it():
    comparison, _, _ = compared(classify(), nll=1.0, tokens=2)
    others = [each.other for each in comparison.differences if each.metric == "perplexity"]
    assert others == ["zero-shot"]
    assert "perplexity" not in comparison.systems[1].scores
    assert comparison.systems[2].scores["perplexity"].value == pytest.approx(np.exp(0.5))


def test_the_comparison_repeats_itself():
    assert compared(classify())[0] == compared(classify())[0]


@pytest.mark.parametrize("kind", list(METRICS))
def test_one_example_of_every_kind_is_never_enough_to_ship(kind):
    task = Task(
        name="t", kind=kind, metric=METRICS[kind][0], data=DataSettings(),
        evaluate=EvaluateSettings(resamples=200),
    )  # fmt: skip
    text = '{"a": "b c d e"}' if kind == "extract" else "b c d e"
    example = Example(
        id="1", source="f", row=1, answer=text, references=(text,),
        labels=(text,) if kind == "classify" else (),
    )  # fmt: skip
    answers = {"zero-shot": [Answer(text="")], "tuned": [Answer(text=text)]}
    labels = (text,) if kind == "classify" else ()
    comparison = assemble(task, labels, answers, [example], DESCRIPTIONS)
    assert comparison.verdict.decision == "not enough data"
    assert comparison.verdict.needed is not None
    assert comparison.per_example["tuned"] == pytest.approx([1.0])


def test_without_a_tuned_system_there_is_no_verdict_but_scores():
    examples = examples_of(9)
    answers = answers_of(examples, 0.5, 0)
    with pytest.raises(EvaluationError, match="tuned"):
        assemble(classify(), LABELS, {"zero-shot": answers}, examples, DESCRIPTIONS)
    result = score_system(classify(), LABELS, "zero-shot", "Base.", answers, examples)
    assert set(result.scores) == set(METRICS["classify"])


def test_a_mark_over_an_unmeasured_system_is_refused():
    examples = examples_of(9)
    answers = answers_of(examples, 0.5, 0)
    task = classify(pass_mark=PassMark(at_least=0.1, over="classic"))
    with pytest.raises(EvaluationError, match="classic"):
        assemble(task, LABELS, {"zero-shot": answers, "tuned": answers}, examples, DESCRIPTIONS)


def test_differences_carry_their_test_the_correction_and_what_n_could_show():
    comparison, _, _ = compared(classify(), tuned=0.6, few=0.5)
    found = {(each.metric, each.other): each for each in comparison.differences}
    zero, few = found["accuracy", "zero-shot"], found["accuracy", "few-shot"]
    assert (zero.test, few.test) == ("McNemar's mid-p test",) * 2
    assert found["macro_f1", "few-shot"].test == "permutation test"
    assert zero.p_value < few.p_value
    assert zero.p_adjusted == pytest.approx(2 * zero.p_value)
    assert few.p_adjusted == max(few.p_value, zero.p_adjusted)
    assert 0.1 < few.smallest < 0.3  # half of the examples are disagreed on
    assert found["macro_f1", "few-shot"].smallest == pytest.approx(few.smallest, rel=0.25)
