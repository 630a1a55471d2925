"""Novelty: far from every training text, and quickly told by unknown words."""

import random

import pytest

from burnish.gather.novelty import Novelty

WORDS = [
    "card", "refund", "shop", "money", "lost", "bank", "account", "pin", "code", "transfer",
    "abroad", "fee", "top", "up",
]  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> list[str]:
    chance = random.Random(3)
    return [" ".join(chance.sample(WORDS, 6)) for _ in range(300)]


@pytest.fixture(scope="module")
def novelty(texts: list[str]) -> Novelty:
    return Novelty(texts, seed=0)


def test_a_training_text_is_at_no_distance_and_a_strange_one_at_the_greatest(
    novelty: Novelty, texts: list[str]
) -> None:
    known, strange, half = novelty.distances(
        [texts[0], "quantum blockchain ledger", f"quantum blockchain {texts[0]}"]
    )
    assert known == pytest.approx(0, abs=1e-9)
    assert strange == 1
    assert 0.3 < half < 0.9
    assert novelty.strength(strange) == 1
    assert novelty.strength(known) == 0


def test_usual_texts_are_hardly_ever_novel(novelty: Novelty) -> None:
    chance = random.Random(4)
    fresh = [" ".join(chance.sample(WORDS, 6)) for _ in range(400)]
    novel = [one for one in novelty.distances(fresh) if novelty.strength(one) > 0]
    assert len(novel) < 0.05 * len(fresh)


def test_the_quick_distance_is_never_too_great(novelty: Novelty, texts: list[str]) -> None:
    asked = [texts[1], f"martian {texts[2]}", "martian crypto staking card", "card card card", ""]
    for text, exact in zip(asked, novelty.distances(asked), strict=True):
        assert novelty.at_least(text) <= exact + 1e-9
    assert novelty.at_least("martian crypto") == 1


def test_without_training_words_nothing_is_usual_and_nothing_fails() -> None:
    for texts in ([], ["", "  "], ["!!!"]):
        novelty = Novelty(texts, seed=0)
        assert novelty.distances(["card"]).tolist() == [1]
        assert novelty.strength(1.0) == 0
        assert novelty.vectors(["card"]).shape[0] == 1


def test_scripts_without_spaces_are_told_apart_by_their_characters() -> None:
    known = ["我想知道我的银行卡在哪里什么时候到达", "请问我的银行卡丢失了怎么办才可以补办"]
    near, far = Novelty(known, seed=0).distances(
        ["我的银行卡在哪里呢什么时候可以到达呀", "今天天气晴朗适合出门散步看电影吃饭"]
    )
    assert near < 0.6 < far
