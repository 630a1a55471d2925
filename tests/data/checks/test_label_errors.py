"""Wrong labels come first, with the right one suggested; what cannot be judged is said."""

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from burnish.data.checks.label_errors import label_errors, ranked_labels, unjudged_labels
from burnish.records import Example, Task

WORDS = {
    "card": "card chip swipe pin contactless plastic".split(),  # noqa: SIM905
    "loan": "loan interest mortgage borrow repay rate".split(),  # noqa: SIM905
    "app": "app login screen update phone crash".split(),  # noqa: SIM905
}


def task(*, several: bool = False) -> Task:
    return Task.model_validate(
        {
            "name": "desk", "kind": "classify", "metric": "micro_f1", "multi_label": several,
            "data": {"source": "desk.csv", "inputs": "text", "output": "label"},
        }
    )  # fmt: skip


def example(number: int, text: str, labels: Sequence[str], group: str | None = None) -> Example:
    answer = "\n".join(labels) or "none"
    return Example(
        id=f"e{number}", source="desk.csv", row=number, inputs={"text": text}, answer=answer,
        references=(answer,), labels=tuple(labels), group=group,
    )  # fmt: skip


def desk(n: int = 120, wrong: Sequence[int] = ()) -> list[Example]:
    """Requests whose words tell their label; those numbered in `wrong` have the next label."""
    rng = random.Random(0)
    names = sorted(WORDS)
    made = []
    for number in range(n):
        name = names[number % 3]
        said = " ".join([*rng.sample(WORDS[name], 3), "please", f"ref{number}"])
        given = names[(number + 1) % 3] if number in wrong else name
        made.append(example(number, said, [given]))
    return made


def test_flipped_labels_come_first_with_the_right_one_suggested() -> None:
    wrong = [5, 40, 77, 101]
    found = label_errors(task(), desk(wrong=wrong), seed=0)
    assert {finding.rows[0] for finding in found[:4]} == {f"desk.csv row {n}" for n in wrong}
    first = next(finding for finding in found if finding.ids == ("e5",))
    assert first.suggestion == "answer: loan"
    assert first.reason.startswith("labelled app (0.0")
    assert ", reads like loan (0." in first.reason
    assert first.score > 0.8
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)


def test_sound_labels_are_left_alone() -> None:
    assert label_errors(task(), desk(), seed=0) == []


def test_neither_order_nor_a_second_run_changes_anything() -> None:
    examples = desk(wrong=[3, 50])
    shuffled = random.Random(1).sample(examples, len(examples))
    first = ranked_labels(task(), examples, seed=4)
    assert first == ranked_labels(task(), shuffled, seed=4)
    assert first != ranked_labels(task(), examples, seed=5)
    assert len(first) == len(examples)


def test_a_group_never_vouches_for_itself() -> None:
    """Ten copies of a wrong label in one group would prove each other right."""
    copies = [
        example(200 + n, f"card chip pin copy{n}", ["loan"], "one customer") for n in range(9)
    ]
    same = [example(300 + n, "card chip pin", ["loan"]) for n in range(9)]
    for wrong in (copies, same):
        found = label_errors(task(), [*desk(), *wrong], seed=0)
        assert {finding.ids[0] for finding in found} >= {e.id for e in wrong}


def test_labels_too_few_to_judge_are_said_and_not_suspected() -> None:
    lone = [example(500, "something else entirely", ["fraud"])]
    pair = [example(501 + n, f"invoice tax number{n}", ["tax"], "firm") for n in range(2)]
    examples = [*desk(), *lone, *pair]
    judged = {each.example.id for each in ranked_labels(task(), examples, seed=0)}
    assert judged == {f"e{n}" for n in range(120)}
    (sentence,) = unjudged_labels(task(), examples)
    assert "fraud (1), tax (2)" in sentence
    assert unjudged_labels(task(), desk()) == ()


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(
    "examples",
    [
        [],
        desk(1),
        desk(2),
        [example(n, f"word{n}", ["same"]) for n in range(9)],
        [example(n, f"word{n}", [f"label{n}"]) for n in range(9)],
        [example(n, "!!! ???" + "!" * n, ["ab"[n % 2]]) for n in range(9)],
        [example(n, f"word{n}", ["ab"[n % 2]], "one group") for n in range(9)],
        [example(n, "the same text", ["ab"[n % 2]]) for n in range(9)],
    ],
)
def test_data_too_small_or_too_odd_never_crash(examples: list[Example], several: bool) -> None:
    assert isinstance(label_errors(task(several=several), examples, seed=0), list)
    assert isinstance(unjudged_labels(task(several=several), examples), tuple)


def test_of_several_labels_the_doubtful_one_is_named() -> None:
    rng = random.Random(3)
    examples = []
    for number in range(160):
        labels = sorted(rng.sample(sorted(WORDS), rng.choice([0, 1, 1, 2])))
        said = [word for label in labels for word in rng.sample(WORDS[label], 4)]
        examples.append(example(number, " ".join([*said, "hello", f"ref{number}"]), labels))
    lacking = next(e for e in examples if e.labels == ("card", "loan"))
    having = next(e for e in examples if e.labels == ("app",))
    planted = {
        lacking.id: lacking.model_copy(update={"labels": ("loan",), "answer": "loan"}),
        having.id: having.model_copy(update={"labels": ("app", "card"), "answer": "app\ncard"}),
    }
    found = label_errors(task(several=True), [planted.get(e.id, e) for e in examples], seed=0)
    by_id = {finding.ids[0]: finding for finding in found[:4]}
    assert by_id[lacking.id].suggestion == "answer: card\nloan"
    assert by_id[lacking.id].reason.startswith("lacks the label card")
    assert by_id[having.id].suggestion == "answer: app"
    assert by_id[having.id].reason.startswith("has the label card")


def test_tasks_without_labels_have_no_label_errors() -> None:
    written = task().model_copy(update={"kind": "summarize"})
    assert label_errors(written, desk(), seed=0) == []


@pytest.mark.skipif(
    "BURNISH_DATA" not in os.environ, reason="needs BURNISH_DATA: docs/data-sets.md"
)
def test_flips_in_real_questions_are_near_the_top() -> None:
    path = Path(os.environ["BURNISH_DATA"]) / "classification-banking77" / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    names = sorted({row["label"] for row in rows})[:12]
    rows = [row for row in rows if row["label"] in names]
    rng = random.Random(0)
    flipped = set(rng.sample(range(len(rows)), round(0.05 * len(rows))))
    examples = []
    for number, row in enumerate(rows):
        others = [name for name in names if name != row["label"]]
        given = rng.choice(others) if number in flipped else row["label"]
        examples.append(example(number, row["text"], [given]))
    ranked = ranked_labels(task(), examples, seed=0)
    top = {each.example.row for each in ranked[: int(0.075 * len(ranked))]}
    assert len(top & flipped) >= 0.95 * len(flipped)
