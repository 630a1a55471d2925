"""Flags: every sentence that keeps a correction from becoming an example unseen."""

from typing import Any

from burnish.gather.corrections import Correction, Doubt, flagged
from burnish.records import CallerDoubt, Example


def correction(exchange: str, answer: str, caller: str = "c1", **fields: Any) -> Correction:
    text = fields.pop("text", "where is my card")
    example = Example(id=f"exchange:{exchange}", source="request log", row=0,
                      inputs={"text": text}, answer=answer, references=(answer,),
                      labels=(answer,))  # fmt: skip
    known: dict[str, Any] = {
        "exchange": exchange, "at": "2026-10-01T08:00:00.000Z", "caller": caller,
        "example": example, "served": "pin", "key": exchange.encode(),
    }  # fmt: skip
    return Correction(**known | fields)


NOTHING = Doubt(0.1)


def flags(*corrections: Correction, **known: Any) -> list[tuple[str, ...]]:
    return flagged(corrections, [NOTHING] * len(corrections), [], **known)


def test_nothing_speaks_against_a_correction_that_nobody_doubts() -> None:
    assert flags(correction("a", "card"), labels=("card", "pin")) == [()]


def test_every_correction_of_a_doubted_caller_is_flagged_with_the_counts() -> None:
    doubt = CallerDoubt(caller="c1", corrections=30, doubted=28, others=600, others_doubted=240,
                        p_value=1e-9, p_adjusted=3e-8)  # fmt: skip
    own, other = flagged(
        [correction("a", "card"), correction("b", "card", "c2")], [NOTHING] * 2, [doubt]
    )
    assert other == ()
    assert own == (
        "An independent judge doubts 28 of the 30 corrections of caller c1, 240 of 600 of the "
        "others' (p = 3e-08, corrected).",
    )
    alone = doubt.model_copy(update={"others": 0, "others_doubted": 0})
    ((told,),) = flagged([correction("a", "card")], [NOTHING], [alone])
    assert "too few others" in told


def test_what_the_judge_says_is_a_flag() -> None:
    assert flagged([correction("a", "card")], [Doubt(0.9, "It reads like pin.")], []) == [
        ("It reads like pin.",)
    ]


def test_callers_who_contradict_each_other_are_both_flagged() -> None:
    same = {"key": b"same input"}
    first, second, third = flags(
        correction("a", "card", "c1", **same), correction("b", "refund", "c2", **same),
        correction("c", "card", "c3"),
    )  # fmt: skip
    assert first == ('Caller c2 says "refund" of the same input.',)
    assert second == ('Caller c1 says "card" of the same input.',)
    assert third == ()


def test_callers_who_agree_are_not_flagged_and_one_who_changes_its_mind_is() -> None:
    same = {"key": b"same input"}
    assert flags(correction("a", "card", "c1", **same), correction("b", "card", "c2", **same)) == [
        (), (),
    ]  # fmt: skip
    assert flags(correction("a", "card", **same), correction("b", "pin", **same))[0] == (
        'The same caller says "pin" of the same input.',
    )


def test_who_approved_the_answer_contradicts_who_corrected_it() -> None:
    approvals = {"a": ["c1", "c7"], "b": ["c1"]}
    first, second = flags(correction("a", "card"), correction("b", "card"), approvals=approvals)
    assert first == ("Caller c7 approved the answer that was given.",)
    assert second == (), "the same caller may change its mind"


def test_a_label_of_your_own_outweighs_callers() -> None:
    same = {"key": b"same input"}
    own, other = flags(
        correction("a", "card", "labels", own=True, **same), correction("b", "pin", **same)
    )
    assert own == ()
    assert other == ('A label of your own says "card" of the same input.',)


def test_labels_and_answers_that_the_data_set_does_not_have_are_flagged() -> None:
    assert flags(correction("a", "fraud"), labels=("card", "pin")) == [
        ('The data set has no label "fraud".',)
    ]
    assert flags(correction("a", "card"), learned={b"a": "pin"}) == [
        ('The data set says "pin" to the same input.',)
    ]
    assert flags(correction("a", "card"), learned={b"a": "card"}) == [()]


def test_masked_people_may_be_counted_otherwise_in_the_feedback() -> None:
    both = {"text": "[PERSON_1] met [PERSON_2]"}
    ((told,),) = flags(correction("a", "[PERSON_1] was met", **both))
    assert "counted otherwise" in told
    assert flags(correction("a", "[PERSON_1] called", text="[PERSON_1] rang")) == [()]
    assert flags(correction("a", "nobody", **both)) == [()]
