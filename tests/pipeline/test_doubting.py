"""The judge of corrections: labels, several labels, written answers, and who cannot sway it."""

import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from gatherings import LABELS, text_of

from burnish.data.checks.label_errors import read_by
from burnish.data.clinic.notes import write_clinic
from burnish.data.reading.readers import read
from burnish.gather.corrections import Correction, Doubt
from burnish.pipeline.gather.doubting import doubts_of
from burnish.records import Example, Task

CHANCE = random.Random(14)


def task(kind: str = "classify", **brief: Any) -> Task:
    metric = {"classify": "macro_f1", "extract": "field_f1"}.get(kind, "rougeL")
    data = {"source": "a.csv", "inputs": ["text"], "output": ["label"]}
    return Task.model_validate({"name": "t", "kind": kind, "metric": metric, "data": data, **brief})


def example(text: str, answer: str, labels: tuple[str, ...] = (), name: str = "") -> Example:
    return Example(id=name or text, source="a.csv", row=0, inputs={"text": text}, answer=answer,
                   references=(answer,), labels=labels)  # fmt: skip


def corrected(text: str, served: str, answer: str, labels: tuple[str, ...] = ()) -> Correction:
    made = example(text, answer, labels, name=f"exchange:{text}")
    return Correction(exchange=text, at="", caller="c1", example=made, served=served,
                      key=text.encode())  # fmt: skip


def trusted() -> list[Example]:
    return [example(text_of(label, CHANCE), label, (label,)) for label in LABELS for _ in range(30)]


def doubt(brief: Task, known: Sequence[Example], *corrections: Correction) -> list[Doubt | None]:
    return doubts_of(brief, known, corrections, seed=0)


def test_a_right_correction_is_believed_and_a_wrong_one_is_not() -> None:
    text = text_of("refund", CHANCE)
    right, wrong, new = doubt(
        task(), trusted(), corrected(text, "card", "refund", ("refund",)),
        corrected(text, "refund", "pin", ("pin",)),
        corrected(text, "refund", "fraud", ("fraud",)),
    )  # fmt: skip
    assert right is not None
    assert (right.score, right.doubted) == (0, False)
    assert wrong is not None
    assert wrong.score > 0.9
    assert wrong.reason.startswith("To a classifier of trusted examples it reads like refund (")
    assert new is None, "of a label that it never met it knows nothing"


def test_without_enough_trusted_examples_nothing_is_judged() -> None:
    one = corrected("where is my refund", "card", "refund", ("refund",))
    assert doubt(task(), [], one) == [None]
    assert doubt(task(), [example("a b c", "card", ("card",))], one) == [None]
    assert doubt(task(), trusted()) == []


def test_what_others_say_does_not_sway_what_is_read() -> None:
    known = trusted()
    asked = [example(text_of("refund", CHANCE), "pin", ("pin",)) for _ in range(200)]
    poisoned = read_by(task(), known, asked, seed=0)
    honest = [one.model_copy(update={"answer": "refund", "labels": ("refund",)}) for one in asked]
    plain = read_by(task(), known, honest, seed=0)
    assert poisoned is not None
    assert plain is not None
    assert np.array_equal(poisoned.shares, plain.shares)
    best = [poisoned.labels[column] for column in poisoned.shares.argmax(axis=1)]
    assert best.count("refund") > 190


def test_of_several_labels_what_was_added_or_taken_away_is_judged() -> None:
    brief = task(multi_label=True)
    known = []
    for at in range(120):
        labels = tuple(sorted({LABELS[at % 4], LABELS[(at // 4) % 4]}))
        text = " ".join(text_of(label, CHANCE) for label in labels)
        known.append(example(text, "\n".join(labels), labels))
    both = f"{text_of('card', CHANCE)} {text_of('pin', CHANCE)}"
    added, taken, odd = doubt(
        brief, known, corrected(both, "card", "card\npin", ("card", "pin")),
        corrected(both, "card\npin", "card", ("card",)),
        corrected(both, "card\npin", "card\nfraud\npin", ("card", "fraud", "pin")),
    )  # fmt: skip
    assert added is not None
    assert not added.doubted
    assert taken is not None
    assert taken.reason.startswith("It takes away the label pin;")
    assert odd is None


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    path, _ = write_clinic(tmp_path_factory.mktemp("clinic"), n=160, seed=3)
    return [
        Example(id=row["visit_id"], source="n", row=at, inputs={"text": row["note"]},
                answer=row["summary"], references=(row["summary"],))
        for at, row in enumerate(read(path).rows)
    ]  # fmt: skip


def test_a_summary_of_another_note_is_doubted(notes: list[Example]) -> None:
    known, asked = notes[:120], notes[120:150]
    wrong = [
        corrected(one.text, one.answer, other.answer)
        for one, other in zip(asked, asked[::-1], strict=True)
    ]
    right = [
        corrected(one.text, other.answer, one.answer)
        for one, other in zip(asked, asked[::-1], strict=True)
    ]
    doubts = doubt(task("summarize"), known, *wrong, *right)
    doubted = [found is not None and found.doubted for found in doubts]
    assert sum(doubted[:30]) >= 27
    assert sum(doubted[30:]) <= 1
    assert next(d for d in doubts if d and d.doubted).reason.startswith("The corrected answer ")


def test_json_that_the_text_does_not_hold_is_doubted() -> None:
    names = ["aspirin", "ibuprofen", "codeine", "heparin", "insulin", "morphine"]
    known = [
        example(f"the {drug} was given at {at} mg in the ward",
                json.dumps({"drug": drug, "dose": str(at)}))
        for at in range(10, 40) for drug in names[:2]
    ]  # fmt: skip
    text = "the heparin was given at 77 mg in the ward"
    wrong = json.dumps({"drug": "morphine", "dose": "5"})
    right = json.dumps({"drug": "heparin", "dose": "77"})
    lie, truth, prose = doubt(
        task("extract"), known, corrected(text, right, wrong), corrected(text, wrong, right),
        corrected(text, "no JSON at all", right),
    )  # fmt: skip
    assert lie is not None
    assert lie.doubted
    assert truth is not None
    assert not truth.doubted
    assert prose is not None
    assert not prose.doubted
