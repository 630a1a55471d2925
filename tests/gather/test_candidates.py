"""Candidates: reasons and their strength, and a pool that no flood of one kind fills."""

import hashlib
from typing import Any

import pytest

from burnish.gather.candidates import Candidate, Marks, Pool, candidates, difference, uncertain
from burnish.records import Exchange, Task


def task(kind: str = "classify", metric: str = "macro_f1") -> Task:
    data = {"source": "a.csv", "inputs": ["text"], "output": ["label"]}
    return Task.model_validate({"name": "t", "kind": kind, "metric": metric, "data": data})


def one(number: int, **fields: Any) -> Candidate:
    key = hashlib.sha256(str(number).encode()).digest()[:16]
    known: dict[str, Any] = {
        "exchange": f"ex-{number}", "at": "2026-10-01T08:00:00.000Z", "caller": "c",
        "deployment": "d", "probability": None, "key": key, "label": "yes",
        "strengths": {"uncertain": 0.5},
    }  # fmt: skip
    return Candidate(**known | fields)


def test_more_reasons_score_higher_and_the_strongest_is_told_first() -> None:
    both = one(1, strengths={"novel": 0.5, "corrected": 1.0})
    assert both.score > one(2, strengths={"corrected": 1.0}).score > one(3).score
    assert both.why == ("corrected", "novel")
    assert one(4, strengths={}).why == ()


def test_a_probability_is_uncertain_by_what_lies_above_chance() -> None:
    assert uncertain(0.49, 100) > 0
    assert uncertain(0.6, 100) == 0
    assert uncertain(0.6, 2) == pytest.approx(0.8)
    assert uncertain(0.8, 2) == 0
    assert uncertain(None, 2) == uncertain(0.1, 0) == 0


def test_equal_inputs_are_one_candidate_with_the_reasons_of_both() -> None:
    pool = Pool(10)
    first = one(1, exchange="a", strengths={"novel": 0.2})
    pool.offer(first)
    pool.offer(one(1, exchange="b", strengths={"negative feedback": 1.0}))
    (kept,) = pool.kept()
    assert (kept.exchange, kept.alike) == ("b", 2)
    assert set(kept.why) == {"novel", "negative feedback"}


def test_a_flood_of_one_caller_leaves_room_for_the_others() -> None:
    pool = Pool(50)
    for number in range(2000):
        pool.offer(one(number, caller="loud", strengths={"corrected": 1.0}))
    for number in range(2000, 2010):
        pool.offer(one(number, caller=f"quiet {number}", strengths={"novel": 0.1}))
    kept = pool.kept()
    assert len(kept) == 50
    assert pool.over == 1960
    assert sum(each.caller != "loud" for each in kept) == 10


def test_the_pool_does_not_depend_on_the_order_of_the_log() -> None:
    def kept(numbers: list[int]) -> set[str]:
        pool = Pool(20)
        for number in numbers:
            pool.offer(one(number, caller=f"c{number % 3}", label=f"l{number % 2}"))
        return {each.exchange for each in pool.kept()}

    forwards = kept(list(range(39)))
    assert forwards == kept(list(range(39))[::-1])
    assert len(forwards) == 20


def exchange(name: str, text: str, **fields: Any) -> Exchange:
    known = {"id": name, "at": "2026-10-01T08:00:00.000Z", "endpoint": "t", "status": 200,
             "seconds": 0.1, "request": f'{{"text": "{text}"}}', "answer": "yes"}  # fmt: skip
    return Exchange.model_validate(known | fields)


def test_shadows_are_no_requests_and_known_inputs_are_left_out() -> None:
    log = [
        exchange("a", "one", probability=0.2), exchange("b", "two"), exchange("c", "three"),
        exchange("a:d2", "one", shadow=True), exchange("e", "five", status=500),
    ]  # fmt: skip
    marks = Marks(frozenset({"b"}), frozenset(), {"a": [("no", "d2")], "b": [("yes", "d2")]})
    pool = Pool(10)
    seen, left_out = candidates(
        task(), log, marks, pool, key_of=lambda e: e.text.encode(), novelty_of=lambda _: 0.0,
        labels=2, known=lambda key, _: key == b"three",
    )  # fmt: skip
    assert seen == 4
    assert sum(left_out.values()) == 2
    assert {each.exchange: set(each.why) for each in pool.kept()} == {
        "a": {"uncertain", "disagreed"},
        "b": {"negative feedback"},
    }


def test_answers_differ_by_what_they_say() -> None:
    assert difference(task(), "yes", " yes ") == 0
    assert difference(task(), "yes", "no") == 1
    extract = task("extract", "field_f1")
    assert difference(extract, '{"a": 1, "b": 2}', '{"b": 2, "a": 1}') == 0
    assert difference(extract, "no JSON", "none either") == 1
    text = task("summarize", "rougeL")
    assert difference(text, "fever and cough", "Cough and fever") == 0
    assert difference(text, "fever and cough", "a broken leg") == 1
    assert 0 < difference(text, "fever and cough", "fever and a rash") < 1
