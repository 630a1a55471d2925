"""Systems: forms are chosen on validation, and only the chosen one sees the test split."""

from contextlib import contextmanager

import pytest

from burnish.chat.messages import MessageRenderer
from burnish.engines.engine import Said
from burnish.evaluate.systems import Systems
from burnish.records import (
    METRICS,
    DataSettings,
    EvaluateSettings,
    Example,
    PromptSettings,
    Task,
    Usage,
)


class Pupil:
    """Answers rightly where the chat has what it needs; else it says nothing."""

    def __init__(self, knows):
        self.knows = knows
        self.asked = []

    def answer(self, chats, *, max_new_tokens, stop=(), heard=None):
        said = []
        for place, chat in enumerate(chats):
            self.asked.append(chat)
            text = chat[-1].content.upper() if self.knows(chat) else "no idea"
            said.append(Said(text, True, Usage(seconds=1.0)))
            if heard is not None:
                heard(place, said[-1])
        return said


def examples_of(name, n):
    return [
        Example(
            id=f"{name} {i}", source=name, row=i, inputs={"text": f"{name} word {i}"},
            answer=f"{name} word {i}".upper(), references=(f"{name} word {i}".upper(),),
        )
        for i in range(n)
    ]  # fmt: skip


def answered(system, pupil, tmp_path, *, validation=7, told=None, **evaluate):
    task = Task(
        name="t", kind="generate", metric=METRICS["generate"][0], data=DataSettings(),
        prompt=PromptSettings(system="Write capitals.", shots=2),
        evaluate=EvaluateSettings(resamples=200, **evaluate),
    )  # fmt: skip

    @contextmanager
    def engine_of(name):
        assert name == system
        yield pupil

    systems = Systems(
        task, (), examples_of("train", 9), examples_of("validation", validation), engine_of,
        MessageRenderer(task), tmp_path,
    )  # fmt: skip
    heard = [] if told is None else told
    return systems.answer(system, examples_of("test", 3), lambda *said: heard.append(said))


def turns(chat):
    return sum(turn.role == "assistant" for turn in chat)


def test_few_shot_without_a_search_asks_for_nothing_on_validation(tmp_path):
    pupil = Pupil(lambda chat: True)
    found = answered("few-shot", pupil, tmp_path)
    assert [answer.text for answer in found.answers] == [f"TEST WORD {i}" for i in range(3)]
    assert len(pupil.asked) == 3
    assert {turns(chat) for chat in pupil.asked} == {2}
    assert found.tried == ()
    assert "2 worked examples" in found.description


def test_a_search_takes_the_number_that_is_best_on_validation(tmp_path):
    pupil = Pupil(lambda chat: turns(chat) == 5)
    told = []
    found = answered("few-shot", pupil, tmp_path, search=True, search_examples=5, told=told)
    assert {turns(chat) for chat in pupil.asked[-3:]} == {5}
    assert len(pupil.asked) == 5 * 5 + 3
    best, *others = found.tried
    assert (best.name, best.chosen, best.score.value) == ("5 examples", True, pytest.approx(1))
    assert {each.name for each in others} == {f"{n} examples" for n in (1, 2, 3, 8)}
    assert not any(each.chosen for each in others)
    assert best.score.n == 5
    assert ("tries prompts on validation", 25, 25) in told
    assert told[-1] == ("answers", 3, 3)
    assert not any("test" in chat[-1].content for chat in pupil.asked[:-3])


def test_the_improved_prompt_is_the_best_instruction_on_validation(tmp_path):
    pupil = Pupil(lambda chat: "professional writer" in chat[0].content)
    found = answered("improved-prompt", pupil, tmp_path)
    assert [answer.text for answer in found.answers] == [f"TEST WORD {i}" for i in range(3)]
    assert found.tried[0].name == "expert"
    assert "professional writer" in found.description
    assert {turns(chat) for chat in pupil.asked} == {0}


def test_of_equal_instructions_the_briefs_own_is_kept(tmp_path):
    found = answered("improved-prompt", Pupil(lambda chat: False), tmp_path)
    chosen = next(each for each in found.tried if each.chosen)
    assert chosen.name == "the brief's own"


def test_a_search_without_validation_keeps_the_first_form(tmp_path):
    pupil = Pupil(lambda chat: True)
    found = answered("few-shot", pupil, tmp_path, search=True, validation=0)
    assert found.tried == ()
    assert {turns(chat) for chat in pupil.asked} == {2}


def test_similar_shots_differ_from_input_to_input(tmp_path):
    pupil = Pupil(lambda chat: True)
    answered("few-shot-similar", pupil, tmp_path)
    shown = {tuple(turn.content for turn in chat[1:-1]) for chat in pupil.asked}
    assert len(shown) > 1
    assert all(chat[-2].content.endswith(chat[-1].content[-1]) for chat in pupil.asked)


def test_what_is_answered_is_not_asked_again(tmp_path):
    first = answered(
        "improved-prompt", Pupil(lambda chat: "Use every" in chat[0].content), tmp_path
    )
    again = Pupil(lambda chat: False)
    assert answered("improved-prompt", again, tmp_path) == first
    assert again.asked == []
