"""Tasks of lm-evaluation-harness: found before they are asked, scored example by example."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harnesses import Asked, mean, nanmean, single, write_tasks
from tiny import tiny_model, tiny_tokenizer

from burnish.engines.harness import Harness, load_harness
from burnish.engines.local import LocalEngine
from burnish.errors import EvaluationError

needs_harness = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="lm_eval is not installed"
)


class Stock:
    """An engine that has nothing but its model."""

    @contextmanager
    def stock(self) -> Iterator[str]:
        yield "the model"


def load(asked: Asked, patched: pytest.MonkeyPatch, *names: str) -> Harness:
    asked.install(patched)
    return load_harness(names, None, limit=5, seed=3)


def test_each_example_has_the_first_filters_value_of_the_first_mean(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    task = single(perplexity=nanmean, acc=mean, acc_norm=mean)
    asked = Asked({"sums": task}, [{"sums": [1.0, 0, True]}])
    harness = load(asked, monkeypatch, "sums")
    found = harness.answer(Stock(), {"a": "tokenizer"})["sums"]  # type: ignore[arg-type]
    assert found.metric.name == "acc"
    assert found.values == {0: 1.0, 1: 0.0, 2: 1.0}
    assert (found.version, found.shots) == ("1.0", 0)
    (given,) = asked.calls
    assert given["model"]["pretrained"] == "the model"
    assert given["limit"] == 5
    assert given["gen_kwargs"] == {"do_sample": False}
    assert {given[f"{kind}_seed"] for kind in ("random", "fewshot_random", "torch_random")} == {3}
    assert "of the harness" not in "".join(capfd.readouterr())


def test_without_the_package_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("burnish.engines.harness.find_spec", lambda _: None)
    with pytest.raises(EvaluationError, match=r"not installed(.|\n)*burnish\[harness\]"):
        load_harness(["arc_easy"], None, limit=5, seed=0)


def test_all_that_cannot_be_asked_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    code, pictures = single(acc=mean), single(acc=mean)
    code.UNSAFE_CODE, pictures.MULTIMODAL = True, True
    tasks = {
        "arc_easy": single(acc=mean), "far": ConnectionError("Couldn't reach 'far' on the Hub"),
        "group": {"arc_easy": single(acc=mean)}, "code": code, "pictures": pictures,
        "wikitext": single(word_perplexity=nanmean),
    }  # fmt: skip
    with pytest.raises(EvaluationError) as caught:
        load(
            Asked(tasks, []), monkeypatch,
            "arc_easi", "arc_easy", "far", "group", "code", "pictures", "wikitext",
        )  # fmt: skip
    assert caught.value.faults == (
        "arc_easi: unknown; did you mean arc_easy?",
        "far: its data or its form cannot be read: Couldn't reach 'far' on the Hub",
        "group: arc_easy is named twice",
        "code: it runs code that the model writes, which Burnish does not",
        "pictures: it has pictures or sounds in its prompts",
        "wikitext: none of its metrics is a mean over examples (word_perplexity), so there is "
        "nothing to pair",
    )


def test_a_folder_of_tasks_must_be_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Asked({}, []).install(monkeypatch)
    with pytest.raises(EvaluationError, match="which is no folder"):
        load_harness(["sums"], tmp_path / "none", limit=5, seed=0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ValueError("No docs!\nin detail"), "stopped at sums: No docs!\nNext"),
        ({"sums": [1.0, float("nan"), "x"]}, "sums: 2 of 3 examples have no number as acc"),
    ],
)
def test_what_goes_wrong_while_asking_is_one_message(
    monkeypatch: pytest.MonkeyPatch, answer: Any, said: str
) -> None:
    harness = load(Asked({"sums": single(acc=mean)}, [answer]), monkeypatch, "sums")
    with pytest.raises(EvaluationError, match=said):
        harness.answer(Stock(), None)  # type: ignore[arg-type]


@needs_harness
def test_the_real_harness_scores_as_the_engine_does(tmp_path: Path) -> None:
    """Prompts of many lengths, so that padding would show in either answer."""
    tokenizer = tiny_tokenizer()
    engine = LocalEngine(tiny_model("llama"), [1], own=True)
    questions = [f"What is {a} plus {'one ' * a}?" for a in range(1, 10)]
    prompts = [tokenizer(question)["input_ids"] for question in questions]
    written = [one.ids for one in engine.write(prompts, max_new_tokens=6)]
    choices = [" two", " three", " four"]
    endings = [tokenizer(choice)["input_ids"] for choice in choices]
    likely = [max(range(3), key=row.__getitem__) for row in engine.choose(prompts, endings)]
    rows = [
        {
            "question": question,
            "choices": choices,
            "answer": best if place % 3 else (best + 1) % 3,
            "written": tokenizer.decode(ids, skip_special_tokens=True),
        }
        for place, (question, best, ids) in enumerate(zip(questions, likely, written, strict=True))
    ]
    folder = write_tasks(tmp_path / "tasks", rows)
    harness = load_harness(["sums", "copies"], folder, limit=8, seed=0)
    found = harness.answer(engine, tokenizer)
    assert found["sums"].values == {place: float(place % 3 > 0) for place in range(8)}
    assert found["copies"].values == dict.fromkeys(range(8), 1.0)
    assert [one.ids for one in engine.write(prompts, max_new_tokens=6)] == written

    with pytest.raises(EvaluationError) as caught:
        load_harness(["sums", "arc_easy", "summs"], folder, limit=8, seed=0)
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["arc_easy", "summs"]
