"""Ranking: a pure function whose every candidate says why it is where it is."""

from typing import Any

import pytest

from burnish.base.catalogue import Catalogue
from burnish.base.machine import Card, cards
from burnish.base.ranking import IN_ROWS, rank
from burnish.base.speed import Speed
from burnish.records import Candidate, DatasetFacts, Device, Machine, Place, Shortlist, Task

LAPTOP = Machine(cpu="a CPU", cores=8, memory_gib=16)
WORKSTATION = Machine(
    cpu="a CPU",
    cores=16,
    memory_gib=64,
    devices=(Device(kind="cuda", name="RTX 4090", memory_gib=24),),
)
SLOW = Speed(
    device="a CPU", float32=300, bfloat16=150, thin=100, blocks=100, bandwidth=12, passes=12
)
FAST = Speed(
    device="RTX 4090", float32=30_000, bfloat16=66_000, thin=66_000, blocks=66_000, bandwidth=1000,
    passes=1000,
)  # fmt: skip


def shortlist(
    facts: DatasetFacts | None = None, machine: Machine = LAPTOP, **keys: Any
) -> Shortlist:
    data = {"source": "x.csv", "inputs": "text", "output": "answer"}
    kind = keys.pop("kind", "summarize")
    metric = {"summarize": "rougeL", "classify": "macro_f1"}[kind]
    task = Task.model_validate({"name": "t", "kind": kind, "metric": metric, "data": data, **keys})
    speed = FAST if machine.devices else SLOW
    return rank(task, Catalogue(), machine, facts or DatasetFacts(), speed=speed)


def one(found: Shortlist, name: str) -> Candidate:
    return next(each for each in found.candidates if each.name == name)


def test_every_model_is_ranked_or_rejected_with_a_reason() -> None:
    found = shortlist(use="commercial")
    assert len(found.candidates) == len(Catalogue()) + 2
    ranks = [each.rank for each in found.candidates if each.rank is not None]
    assert ranks == list(range(1, len(ranks) + 1))
    for each in found.candidates:
        assert each.reasons if each.rank else each.rejected, each.name
        if each.way == "tune":
            assert each.licence is not None
            assert each.serving is not None
        if each.rank and each.way == "tune":
            assert each.place is not None
            assert each.place.seconds > 0


def test_the_same_input_gives_the_same_list() -> None:
    assert shortlist() == shortlist()


def test_a_forbidding_licence_is_out_unless_overruled_or_for_research() -> None:
    assert "licence" in one(shortlist(use="commercial"), "ministral-8b").rejected[0]
    assert one(shortlist(use="research"), "ministral-8b").rank
    assert one(shortlist(use="any"), "ministral-8b").rank
    assert one(shortlist(use="commercial", allow_licence=True), "ministral-8b").rank


def test_languages_are_asked_for() -> None:
    found = shortlist(needs={"languages": ["de", "hi"]})
    assert one(found, "smollm2-135m").rejected == ("Its model card does not list de, hi.",)
    assert one(found, "llama-3.1-8b").rank
    assert one(found, "qwen3-0.6b").rank  # over a hundred languages


def test_long_examples_need_long_contexts() -> None:
    facts = DatasetFacts(measured=True, prompt_tokens=(3000, 6000), answer_tokens=(100, 300))
    found = shortlist(facts, train={"max_length": 8192})
    assert "6,300 tokens" in one(found, "phi-3-mini").rejected[0]
    assert not one(found, "qwen3-8b").rejected


def test_private_work_stays_here() -> None:
    found = shortlist(needs={"private": True})
    assert all(
        each.place is None or each.place.here for each in found.candidates if each.rank is not None
    )
    assert "private" in one(found, "llama-3.3-70b").rejected[0]
    assert one(found, "a larger model, prompted").rejected


def test_what_trains_here_stands_before_what_is_rented() -> None:
    ranked = [each for each in shortlist().candidates if each.rank and each.way == "tune"]
    here = [each.place.here for each in ranked if each.place]
    assert here == sorted(here, reverse=True)
    assert any(here)


def test_a_better_machine_is_offered_larger_models() -> None:
    best = next(each for each in shortlist(machine=WORKSTATION).candidates if each.way == "tune")
    assert best.place is not None
    assert best.place.device == "RTX 4090"
    assert 3e9 < best.parameters < 10e9
    small = next(each for each in shortlist().candidates if each.way == "tune")
    assert small.parameters < best.parameters


def test_slow_training_and_slow_answers_are_out() -> None:
    rushed = shortlist(needs={"hours": 0.01, "private": True})
    assert "the brief allows 0.01 h" in one(rushed, "smollm2-135m").rejected[0]
    quick = shortlist(needs={"seconds_per_answer": 3, "private": True})
    assert any("A long answer takes" in why for why in one(quick, "qwen3-0.6b").rejected)


def test_time_follows_the_mean_example_where_it_is_known() -> None:
    lengths = {"prompt_tokens": (100, 900), "answer_tokens": (20, 120)}
    typical = one(shortlist(DatasetFacts(measured=True, **lengths)), "smollm2-135m").place
    facts = DatasetFacts(measured=True, mean_tokens=240.0, **lengths)
    mean = one(shortlist(facts), "smollm2-135m").place
    assert typical is not None
    assert mean is not None
    assert 1.7 < mean.seconds / typical.seconds < 2.5


def test_a_shared_prefix_saves_time_where_rows_are_shared() -> None:
    lengths = {"prompt_tokens": (300, 320), "answer_tokens": (5, 9)}
    alone = shortlist(DatasetFacts(measured=True, **lengths))
    shared = shortlist(DatasetFacts(measured=True, shared_tokens=280, **lengths))
    for name, saves in (("smollm2-135m", True), ("granite-3.3-2b", False)):
        before, after = one(alone, name).place, one(shared, name).place
        assert before is not None
        assert after is not None
        assert (after.seconds < before.seconds / 2) == saves


def test_a_price_becomes_a_cost() -> None:
    place = one(shortlist(needs={"price_per_hour": 2.0}), "qwen3-8b").place
    assert place is not None
    assert place.cost == pytest.approx(2.0 * place.seconds / 3600, abs=0.006)
    free = one(shortlist(), "qwen3-8b").place
    assert free is not None
    assert free.cost is None


def test_few_examples_put_prompting_first() -> None:
    few = shortlist(DatasetFacts(measured=True, train_examples=40))
    assert few.candidates[0].way == "prompt"
    assert "40 training examples are few" in few.candidates[0].reasons[0]
    assert shortlist().candidates[0].way == "tune"


def test_a_classic_classifier_is_offered_for_labels_alone() -> None:
    facts = DatasetFacts(measured=True, train_examples=480, labels=20)
    found = one(shortlist(facts, kind="classify"), "a classic classifier")
    assert found.rank == 2
    assert "24 examples a label" in found.reasons[1]
    assert one(shortlist(), "a classic classifier").rejected


def test_models_for_several_cards_are_out_but_say_how_many() -> None:
    huge = one(shortlist(), "mixtral-8x22b")
    assert "Burnish trains on one device" in huge.rejected[0]
    assert huge.places[0].cards > 1


def test_what_was_assumed_is_said() -> None:
    assert "burnish data has not run" in shortlist().assumptions[0]
    measured = shortlist(DatasetFacts(measured=True), use="commercial", needs={"languages": ["en"]})
    assert measured.assumptions == (
        "Tokens were counted as a quarter of the letters; a tokenizer may differ.",
    )


def test_families_that_share_rows_are_those_of_the_engine() -> None:
    from burnish.engines.rows import FAMILIES

    assert IN_ROWS == FAMILIES


def test_cards_have_sources_and_are_in_order() -> None:
    names = [card.name for card in cards()]
    wanted = "RTX 4070, RTX 4080, RTX 4090, RTX 5090, RTX A6000, L4, L40S, H100, H200, MI300X"
    assert set(wanted.split(", ")) <= set(names)
    assert any(name.startswith("A100 40") for name in names)
    assert any(name.startswith("Apple") for name in names)
    assert [card.memory for card in cards()] == sorted(card.memory for card in cards())
    assert all(isinstance(card, Card) and card.source for card in cards())


def test_rows_shrink_until_a_training_fits() -> None:
    def place(gib: float) -> Place:
        machine = LAPTOP.model_copy(update={"memory_gib": gib})
        found = one(shortlist(machine=machine), "qwen3-0.6b").place
        assert found is not None
        return found

    ample, tight, tiny = place(32.0), place(11.0), place(8.0)
    assert ample.here
    assert tight.here
    assert tight.memory.activations < 0.6 * ample.memory.activations
    assert tight.memory.total <= 0.8 * 11 < ample.memory.total
    assert not tiny.here, "a row is no shorter than an example"
