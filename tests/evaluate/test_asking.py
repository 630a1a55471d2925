"""Asking a chat engine: what it wrote, what is kept, and what a label may look like."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from burnish.chat.messages import MessageRenderer
from burnish.engines.engine import Said
from burnish.errors import ServerError
from burnish.evaluate.asking import ask_examples, spelled
from burnish.records import Answer, DataSettings, Example, Message, Task, Usage

LABELS = ("Billing", "Delivery", "on hold")


class Parrot:
    """A chat engine that says what it was told, and fails when its breath is out."""

    def __init__(self, breath: int = 10**6) -> None:
        self.breath = breath
        self.asked: list[str] = []

    def answer(
        self,
        chats: Sequence[Sequence[Message]],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        heard: Callable[[int, Said], None] | None = None,
    ) -> list[Said]:
        said = {}
        for place in reversed(range(len(chats))):
            if self.breath == 0:
                raise ServerError("out of breath")
            self.breath -= 1
            text = chats[place][-1].content
            self.asked.append(text)
            said[place] = Said(text, len(text) < max_new_tokens, Usage(seconds=len(text)))
            if heard is not None:
                heard(place, said[place])
        return [said[place] for place in range(len(chats))]


def ask(
    engine: Parrot, texts: Sequence[str], parts: Path, **fields: object
) -> tuple[list[Answer], list[Usage]]:
    kind = {"kind": "classify", "metric": "accuracy"} | fields
    task = Task.model_validate({"name": "t", "data": DataSettings(source="a"), **kind})
    examples = [
        Example(id=str(i), source="a", row=i, inputs={"text": text}, answer="x", references=("x",))
        for i, text in enumerate(texts)
    ]
    return ask_examples(
        task, LABELS, examples, engine=engine, renderer=MessageRenderer(task), shots=(),
        parts=parts, tell=lambda done: None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("Billing", "Billing"),
        (" billing.\n", "Billing"),
        ('"Delivery"', "Delivery"),
        ("**ON HOLD**", "on hold"),
        ("It is billing", "It is billing"),
        ("Billing, Delivery", "Billing, Delivery"),
        ("", ""),
        ("...", "..."),
    ],
)
def test_a_label_counts_but_for_case_quotes_and_a_full_stop(written: str, label: str) -> None:
    assert spelled(written, LABELS) == label


def test_labels_alike_but_for_case_are_told_apart_exactly() -> None:
    assert spelled("us", ("US", "us")) == "us"
    assert spelled("Us", ("US", "us")) == "Us"


def test_answers_keep_their_order_and_what_they_took(tmp_path: Path) -> None:
    texts = [f"{'x' * n}" for n in range(1, 301)]
    engine = Parrot()
    answers, usage = ask(engine, texts, tmp_path / "p.jsonl", kind="generate", metric="chrf")
    assert [answer.text for answer in answers] == texts
    assert [one.seconds for one in usage] == list(range(1, 301))
    assert [answer.stopped for answer in answers] == [n < 256 for n in range(1, 301)]
    assert {answer.nll for answer in answers} == {answers[0].probability} == {None}


def test_several_labels_stand_one_a_line(tmp_path: Path) -> None:
    answers, _ = ask(
        Parrot(), ["billing\n'On hold'\nother", "none"], tmp_path / "p.jsonl", multi_label=True
    )
    assert answers[0].value == ["Billing", "on hold", "other"]
    assert answers[1].value == []


def test_what_was_answered_before_a_failure_is_not_asked_again(tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(10)]
    first = Parrot(breath=4)
    with pytest.raises(ServerError):
        ask(first, texts, tmp_path / "p.jsonl")
    with (tmp_path / "p.jsonl").open("ab") as file:
        file.write(b'{"index": 3, "ans')  # cut off in the middle
    second = Parrot()
    answers, usage = ask(second, texts, tmp_path / "p.jsonl")
    assert sorted(first.asked + second.asked) == texts
    assert [answer.text for answer in answers] == texts
    assert len(usage) == 10
