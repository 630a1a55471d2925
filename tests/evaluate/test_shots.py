"""Worked examples: how many, which, and in what order."""

from burnish.evaluate.shots import choose_shots, counts_tried, similar_shots, with_shots
from burnish.records import METRICS, DataSettings, EvaluateSettings, Example, PromptSettings, Task


def task_of(kind="generate", shots=2, search=False):
    return Task(
        name="t", kind=kind, metric=METRICS[kind][0], data=DataSettings(),
        prompt=PromptSettings(shots=shots), evaluate=EvaluateSettings(search=search),
    )  # fmt: skip


def example(text, answer="x", *labels):
    return Example(
        id=text, source="f", row=1, inputs={"text": text}, answer=answer, references=(answer,),
        labels=labels,
    )  # fmt: skip


TRAIN = [example(f"{topic} number {n}") for topic in ("cats", "dogs", "birds") for n in range(5)]


def test_each_input_gets_the_examples_most_like_it_the_most_similar_last():
    found = similar_shots(task_of(), TRAIN, [example("dogs number 3"), example("the birds")])
    assert found[0][-1].id == "dogs number 3"
    assert all(shot.id.startswith("dogs") for shot in found[0])
    assert all(shot.id.startswith("birds") for shot in found[1])
    assert [len(shots) for shots in found] == [2, 2]


def test_long_examples_are_not_shown():
    long = [example("zebra " * 200 + str(n)) for n in range(3)]
    found = similar_shots(task_of(), [*TRAIN, *long], [example("zebra")])
    assert not {shot.id for shot in found[0]} & {each.id for each in long}
    assert {e.id for e in similar_shots(task_of(), long, [example("zebra 1")])[0]} == {
        each.id for each in long[:2]
    }


def test_without_texts_everyone_gets_the_same():
    blank = [example(" " * (n + 1), str(n)) for n in range(6)]
    found = similar_shots(task_of(), blank, [example("a"), example("b")])
    assert found == [choose_shots(task_of(), blank)] * 2


def test_a_search_tries_several_numbers_and_without_one_there_is_the_briefs():
    assert counts_tried(task_of(), TRAIN) == [2]
    assert counts_tried(task_of(search=True), TRAIN) == [2, 1, 3, 5, 8]
    assert counts_tried(task_of(search=True, shots=0), TRAIN[:4]) == [1, 3]
    assert counts_tried(task_of(search=True, shots=3), TRAIN) == [3, 1, 5, 8]


def test_fewer_shots_are_the_beginning_of_more():
    few, many = (choose_shots(with_shots(task_of(), count), TRAIN) for count in (3, 5))
    assert many[:3] == few


def test_shots_of_a_classifier_differ_in_label():
    train = [example(f"{n}", "a", "a") for n in range(20)] + [example("1", "b", "b")]
    shown = choose_shots(task_of("classify"), train)
    assert {shot.answer for shot in shown} == {"a", "b"}
