"""Rules of SQuAD v2 and of entity F1, written anew here, on a thousand random pairs each."""

import random
import re
import string
from collections import Counter

import pytest

from burnish.evaluate.json_metrics import measure_json
from burnish.evaluate.text_metrics import measure_spans

SENTENCE = "the a an A. fever Fever! 3.5 mg no history — of it's the-a"
WORDS = SENTENCE.split(" ")


def tokens(text):
    bare = "".join(each for each in text.lower() if each not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def squad_v2(text, references):
    """Exact match and F1 as the official script of SQuAD v2 has them."""
    wanted = [tokens(each) for each in references if tokens(each)] or [[]]
    given = tokens(text)
    exact, overlap = [], []
    for words in wanted:
        exact.append(float(words == given))
        same = (Counter(given) & Counter(words)).total()
        if not given or not words:
            overlap.append(float(given == words))
        elif not same:
            overlap.append(0.0)
        else:
            precision, recall = same / len(given), same / len(words)
            overlap.append(2 * precision * recall / (precision + recall))
    return max(exact), max(overlap)


def test_spans_follow_the_rules_of_squad_v2():
    chance = random.Random(0)
    texts = [" ".join(chance.choices(WORDS, k=chance.randint(0, 4))) for _ in range(1000)]
    references = [
        tuple(" ".join(chance.choices(WORDS, k=chance.randint(1, 3))) for _ in range(number))
        for number in chance.choices([1, 2, 3], k=1000)
    ]
    found = measure_spans(texts, references)
    theirs = [squad_v2(text, several) for text, several in zip(texts, references, strict=True)]
    assert sum(not tokens(each) for several in references for each in several) > 100
    assert found["exact_match"].per_example.tolist() == [exact for exact, _ in theirs]
    assert found["token_f1"].per_example == pytest.approx([f1 for _, f1 in theirs], abs=1e-12)


@pytest.mark.parametrize(
    ("text", "references", "exact", "f1"),
    [("", ("the",), 1, 1), ("fever", ("the",), 0, 0), ("", ("the", "fever"), 0, 0)],
)
def test_where_nothing_is_to_be_said_saying_nothing_is_right(text, references, exact, f1):
    found = measure_spans([text], [references])
    assert (found["exact_match"].score, found["token_f1"].score) == (exact, f1)


def tagged(chance):
    """Slots, as spans of words, and their texts; every word is another one."""
    spans, at = {}, 0
    while at < 10:
        stop = at + chance.randint(1, 3)
        if chance.random() < 0.5:
            spans[f"slot{chance.randint(0, 2)}"] = (at, stop)
        at = stop
    return spans, {name: " ".join(map(str, range(*span))) for name, span in spans.items()}


def test_field_f1_counts_as_entity_f1_does():
    chance = random.Random(1)
    pairs = [(tagged(chance), tagged(chance)) for _ in range(1000)]
    given, right = ([pair[side][1] or None for pair in pairs] for side in (0, 1))
    found = measure_json(given, [[one] for one in right], None)["field_f1"]
    said, wanted = (
        {(row, *slot) for row, pair in enumerate(pairs) for slot in pair[side][0].items()}
        for side in (0, 1)
    )
    hits = len(said & wanted)
    assert hits > 20
    assert found.score == pytest.approx(2 * hits / (len(said) + len(wanted)))
