"""Licences: a verdict for each use, with clauses, and a refusal where they contradict the brief."""

import re

import pytest

from burnish.base.licences import judge, known_key, read_licences, refuse_contradiction, sentence
from burnish.errors import BaseModelError


@pytest.mark.parametrize(
    ("licence", "commercial", "research"),
    [
        ("apache-2.0", "yes", "yes"),
        ("mit", "yes", "yes"),
        ("llama3.1", "conditions", "conditions"),
        ("gemma", "conditions", "conditions"),
        ("qwen", "conditions", "conditions"),
        ("qwen-research", "no", "conditions"),
        ("mrl", "no", "conditions"),
        ("cc-by-nc-4.0", "no", "yes"),
        ("somebody's", "unknown", "unknown"),
    ],
)
def test_verdicts(licence: str, commercial: str, research: str) -> None:
    assert judge(licence, "commercial").allowed == commercial
    assert judge(licence, "any").allowed == commercial
    assert judge(licence, "research").allowed == research


def test_every_condition_has_a_clause_and_every_licence_a_source() -> None:
    for key, licence in read_licences().items():
        assert licence.url.startswith("https://"), key
        assert re.search(r"\d{4}-\d\d-\d\d$", licence.read), key
        assert all(each.clause and each.text.endswith(".") for each in licence.condition), key
        if licence.commercial == "conditions":
            assert licence.condition, key
        if licence.commercial == "no":
            assert "purpose" in {each.kind for each in licence.condition}, key


@pytest.mark.parametrize(
    ("licence", "kind", "words"),
    [
        ("llama3.1", "users", "700 million"),
        ("llama3.1", "naming", "Built with Llama"),
        ("llama3", "outputs", "improve another language model"),
        ("qwen", "users", "100 million"),
        ("gemma", "use", "prohibited use policy"),
    ],
)
def test_conditions_in_plain_words(licence: str, kind: str, words: str) -> None:
    texts = [each.text for each in judge(licence, "commercial").conditions if each.kind == kind]
    assert any(words in text for text in texts)


def test_gated_weights_ask_for_access_first() -> None:
    kinds = [each.kind for each in judge("llama3.1", "any", gated=True).conditions]
    assert kinds[0] == "access"
    assert "access" not in [each.kind for each in judge("llama3.1", "any").conditions]


def test_a_contradiction_is_refused_and_can_be_overruled() -> None:
    forbidden = judge("mrl", "commercial")
    with pytest.raises(BaseModelError) as caught:
        refuse_contradiction(forbidden, "ministral-8b", overruled=False)
    assert "does not allow commercial use" in caught.value.message
    assert "section 3.2" in caught.value.faults[0]
    assert "allow_licence: true" in caught.value.hint
    refuse_contradiction(forbidden, "ministral-8b", overruled=True)


@pytest.mark.parametrize(
    ("licence", "use"),
    [("mrl", "any"), ("mrl", "research"), ("llama3.1", "commercial"), ("who knows", "commercial")],
)
def test_what_is_no_contradiction_is_not_refused(licence: str, use: str) -> None:
    refuse_contradiction(judge(licence, use), "a-base", overruled=False)  # type: ignore[arg-type]


def test_other_spellings_are_known() -> None:
    assert known_key("Apache-2.0") == "apache-2.0"
    assert known_key("Apache License 2.0") == "apache-2.0"
    assert known_key("tongyi-qianwen") == "qwen"
    assert known_key("my own") == "my own"


def test_the_verdict_in_a_line() -> None:
    assert sentence(judge("mrl", "any")) == "commercial use: no (Mistral AI Research License)"
    assert "yes, with conditions" in sentence(judge("llama3.3", "commercial"))
