"""Near pairs: exact similarity, few misses, and nothing that is not near."""

import random

import pytest

from burnish.data.checks.duplicates import MISSED, _bands, near_pairs, similarity, word_runs


def words(rng, n):
    return [f"w{rng.randrange(5000)}" for _ in range(n)]


def test_runs_fold_case_punctuation_and_white_space():
    assert word_runs("The  heart, is\nFINE.") == ["the heart is", "heart is fine"]
    assert word_runs("Is fine!") == ["is fine"]
    assert word_runs("…") == [""]


def test_similarity_is_jaccard():
    assert similarity(frozenset("abc"), frozenset("bcd")) == 0.5
    assert similarity(frozenset("ab"), frozenset("cd")) == 0.0


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.95])
def test_bands_miss_few_pairs_at_the_threshold(threshold):
    bands, rows = _bands(threshold)
    assert (1 - threshold**rows) ** bands <= MISSED
    assert bands * rows <= 128


def test_pairs_are_those_of_an_exact_search():
    rng = random.Random(3)
    texts = []
    for _ in range(120):
        base = words(rng, 80)
        texts.append(" ".join(base))
        for _ in range(rng.randrange(3)):
            edited = list(base)
            for _ in range(rng.randrange(1, 6)):
                edited[rng.randrange(80)] = "changed"
            texts.append(" ".join(edited))
    rng.shuffle(texts)
    runs = [frozenset(word_runs(text)) for text in texts]
    exact = {
        (i, j): value
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if (value := similarity(runs[i], runs[j])) >= 0.7
    }
    assert len(exact) > 60
    found = {(pair.first, pair.second): pair.similarity for pair in near_pairs(texts, 0.7)}
    assert found.items() <= exact.items()
    assert len(found) >= 0.98 * len(exact)


def test_texts_of_one_form_are_compared_with_the_first_ones():
    rng = random.Random(0)
    form = " ".join(words(rng, 60))
    texts = [f"{form} {number}" for number in range(200)]
    pairs = near_pairs(texts, 0.7)
    assert {pair.second for pair in pairs} == set(range(1, 200))
    assert len(pairs) < 200 * 199 / 2


def test_nothing_is_near_in_no_texts():
    assert near_pairs([], 0.7) == []
    assert near_pairs(["one text"], 0.7) == []
