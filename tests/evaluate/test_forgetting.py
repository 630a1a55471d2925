"""Forgetting: rules that tell right from wrong answers, and a warning where much was lost."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from evaluate.test_report import Page, records

from burnish.chat.render import Renderer
from burnish.engines.engine import Said, Written
from burnish.evaluate.card import render_card
from burnish.evaluate.forgetting import _Kept, compare_kept, measure_forgetting, warned
from burnish.evaluate.general_set import INSTRUCTIONS, TEXTS
from burnish.evaluate.markdown import render_markdown
from burnish.evaluate.report import render_report
from burnish.records import DataSettings, EvaluateSettings, Task, Verdict

CHECKS = {each.id: each.check for each in INSTRUCTIONS}


def task(**settings: float) -> Task:
    return Task(
        name="t", kind="summarize", metric="rougeL", data=DataSettings(),
        evaluate=EvaluateSettings.model_validate({"resamples": 400, **settings}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "right", "wrong"),
    [
        ("sum", "7 plus 5 is 12.", "7 plus 5 is 112."),
        ("upper", "RIVER", "River"),
        ("lower", "lamp", "Lamp"),
        ("one word", "Apple", "An apple"),
        ("bullets", "- red\n- blue\n- green", "red, blue, green"),
        ("numbered", "1. cat\n2. dog\n3. cow\n4. pig", "1. cat\n2. dog"),
        ("two lines", "Rain falls.\n\nIt is wet.", "Rain falls."),
        ("begin", "Yesterday it rained.", "It rained yesterday."),
        ("end", "When do trains leave?", "Trains leave."),
        ("json", 'Here: ```{"name": "Al", "age": 3}```', '{"name": "Al"}'),
        ("json one", '{"city": "Rome"}', "city: Rome"),
        ("no comma", "Bread is good.", "Bread, fresh, is good."),
        ("no comma", "Bread is good.", ""),
        ("spanish", "¡Buenos días!", "Good day"),
        ("sorted", "apple, fig, pear", "pear, fig, apple"),
        ("two keywords", "A fox in the snow.", "A fox in the woods."),
        ("no digits", "Twelve", "12"),
    ],
)
def test_rules_tell_right_from_wrong(prompt: str, right: str, wrong: str) -> None:
    assert CHECKS[prompt](right)
    assert not CHECKS[prompt](wrong)


def test_the_set_is_of_the_size_it_says_and_no_empty_answer_passes() -> None:
    assert 40 <= len(INSTRUCTIONS) <= 60
    assert len(CHECKS) == len(INSTRUCTIONS)
    assert len(TEXTS) == 10
    assert not any(check("") for check in CHECKS.values())


def kept(loss: float, passed: int, seed: int = 0) -> _Kept:
    chance = np.random.default_rng(seed)
    tokens = np.full(len(TEXTS), 80.0)
    losses = tokens * (loss + 0.1 * chance.random(len(TEXTS)))
    right = [place < passed for place in range(len(INSTRUCTIONS))]
    return _Kept(np.stack([losses, tokens], axis=1), right)


def test_the_rise_is_that_of_perplexity_with_its_interval() -> None:
    found = compare_kept(task(), kept(2.0, 30), kept(2.1, 30))
    assert found.rise == pytest.approx(math.exp(0.1) - 1)
    assert found.rise_low <= found.rise <= found.rise_high
    assert found.tuned_perplexity / found.base_perplexity == pytest.approx(1 + found.rise)
    assert found.warning == ""


def test_a_rise_above_what_the_brief_allows_is_warned_of() -> None:
    assert (
        "perplexity on general texts rose"
        in compare_kept(task(), kept(2.0, 30), kept(2.5, 30)).warning
    )
    allowed = compare_kept(task(most_forgetting=1.0), kept(2.0, 30), kept(2.5, 30))
    assert allowed.warning == ""


def test_lost_prompts_are_warned_of_where_chance_does_not_explain_them() -> None:
    few = compare_kept(task(), kept(2.0, 30), kept(2.0, 28))
    assert (few.warning, len(few.lost), few.gained) == ("", 2, ())
    many = compare_kept(task(), kept(2.0, 30), kept(2.0, 15))
    assert "15 of 48 general prompts are answered as asked, where the base had 30" in many.warning
    better = compare_kept(task(), kept(2.0, 15), kept(2.0, 30))
    assert better.warning == ""


class Tokens:
    """A tokenizer of one token a character."""

    chat_template = "x"
    eos_token, eos_token_id = "\0", 0
    all_special_tokens = ["\0"]

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}

    def apply_chat_template(self, conversation: list[dict[str, str]], **_: object) -> str:
        return "|".join(turn["content"] for turn in conversation) + "|"

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        return "".join(map(chr, ids))


class Speaker:
    """An engine that always says the same, and finds every token equally likely."""

    def __init__(self, says: str, nats: float) -> None:
        self.says, self.nats, self.prompts = says, nats, list[str]()

    def write(self, prompts: Sequence[list[int]], **_: object) -> list[Written]:
        self.prompts += ["".join(map(chr, prompt)) for prompt in prompts]
        return [Written([ord(letter) for letter in self.says], True) for _ in prompts]

    def choose(self, *_: object) -> list[list[float]]:
        raise AssertionError("no labels are asked for")

    def losses(self, prompts: Sequence[list[int]], references: Sequence[list[int]]) -> list[float]:
        assert [p + r for p, r in zip(prompts, references, strict=True)] == [
            [ord(letter) for letter in text] for text in TEXTS
        ]
        return [self.nats * len(reference) for reference in references]


def test_both_models_are_asked_without_the_tasks_instruction() -> None:
    engines = {"zero-shot": Speaker("12", 2.0), "tuned": Speaker("Paris", 2.0)}

    @contextmanager
    def engine_of(system: str) -> Iterator[Speaker]:
        yield engines[system]

    told: list[str] = []
    found = measure_forgetting(task(), engine_of, Renderer(Tokens(), task()), told.append)
    assert found is not None
    assert told == ["zero-shot", "tuned"]
    assert engines["tuned"].prompts == [f"{each.prompt}|" for each in INSTRUCTIONS]
    assert "sum" in found.lost
    assert "france" in found.gained
    assert found.base_perplexity == pytest.approx(math.exp(2.0))


def test_a_server_scores_nothing_so_nothing_is_compared() -> None:
    class Server:
        def answer(self, chats: Sequence[object], **_: object) -> list[Said]:
            raise AssertionError("it is not asked")

    @contextmanager
    def engine_of(_: str) -> Iterator[Server]:
        yield Server()

    assert measure_forgetting(task(), engine_of, Renderer(Tokens(), task()), lambda _: None) is None


def test_the_warning_follows_the_verdicts_reason_and_changes_no_decision() -> None:
    verdict = Verdict(decision="ship", reason="It is better.", metric="rougeL", mark=0.5)
    found = compare_kept(task(), kept(2.0, 30), kept(2.5, 30))
    told = warned(verdict, found)
    assert told.decision == "ship"
    assert told.reason == f"It is better. {found.warning}"
    assert warned(verdict, None) == verdict
    assert warned(verdict, compare_kept(task(), kept(2.0, 30), kept(2.0, 30))) == verdict


def test_it_stands_in_every_form_of_the_report() -> None:
    found = compare_kept(task(), kept(2.0, 30), kept(2.5, 20))
    given = records()
    given["report"] = given["report"].model_copy(update={"forgetting": found})
    assert found.warning in Page(render_report(**given)).text
    parts = {name: given[name] for name in ("task", "report", "dataset", "run", "base")}
    assert "20 of 48" in render_card(**parts, hub_id="")
    assert "| of 48 general prompts answered as asked | 30 | 20 | -10" in render_markdown(**parts)
