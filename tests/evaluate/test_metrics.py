"""Metrics against their reference libraries, on random and on real pairs."""

import json
import math
import os
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer
from sklearn import metrics as sk
from sklearn.preprocessing import MultiLabelBinarizer

from burnish.errors import EvaluationError
from burnish.evaluate.label_metrics import NOT_A_LABEL, confusion_matrix, label_scores
from burnish.evaluate.measured import precision, recall
from burnish.evaluate.metrics import measure
from burnish.records import METRICS, Answer, DataSettings, Example, Task

SENTENCE = (
    "the a an patient Patient's denies reports chest pain pains running runs 3 3.5 mg, daily. "
    "Doctor: no history of hypertension (mild) don't — Zürich 日本 fever! \n"
)
WORDS = SENTENCE.split(" ")


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("BURNISH_DATA")
    if not folder:
        pytest.skip("set BURNISH_DATA to the folder of real data to run this test")
    return Path(folder)


def task_of(kind, **settings):
    return Task(name="t", kind=kind, metric=METRICS[kind][0], data=DataSettings(), **settings)


def example(*references, labels=()):
    return Example(
        id="e", source="f.csv", row=7, answer=references[0] if references else "",
        references=references, labels=labels,
    )  # fmt: skip


def scored(kind, written, references, **settings):
    examples = [example(*several) for several in references]
    answers = [Answer(text=text) for text in written]
    return measure(task_of(kind, **settings), (), answers, examples)


def random_pairs(n, seed, references=3):
    """Answers that share words with their one to three references; some empty."""
    chance = random.Random(seed)
    written, several = [], []
    for _ in range(n):
        base = chance.choices(WORDS, k=chance.randint(1, 25))
        texts = []
        for _ in range(chance.randint(1, references) + 1):
            words = [chance.choice(WORDS) if chance.random() < 0.3 else word for word in base]
            texts.append(" ".join(words[: chance.randint(1, len(words))]))
        written.append("" if chance.random() < 0.05 else texts[0])
        several.append(tuple(texts[1:]))
    return written, several


def mts_pairs(data, n=12):
    with (data / "summarisation-mts-dialog" / "test.jsonl").open() as lines:
        rows = [json.loads(line) for _, line in zip(range(n), lines, strict=False)]
    written = ["\n".join(row["dialogue"].split("\n")[:3]) for row in rows]
    return written, [(row["section_text"],) for row in rows]


def e2e_pairs(data, n=200):
    with (data / "generation-e2e-restaurants" / "test.jsonl").open() as lines:
        texts = [json.loads(line)["text"] for _, line in zip(range(n), lines, strict=False)]
    return texts, [(texts[place - 1], texts[place - 2]) for place in range(n)]


# labels


def single_label(seed=0, n=400, size=12):
    """`size` labels, of which one never occurs in the references and answers may be outside."""
    chance = np.random.default_rng(seed)
    labels = tuple(f"label {place}" for place in range(size))
    right = chance.integers(0, size - 1, n)
    given = np.where(chance.random(n) < 0.6, right, chance.integers(0, size + 2, n))
    names = [*labels, "no such label", ""]
    return labels, [names[place] for place in right], [names[place] for place in given]


def measure_single(labels, right, given):
    examples = [example(label, labels=(label,)) for label in right]
    answers = [Answer(text=f" {text}\n") for text in given]
    return measure(task_of("classify"), labels, answers, examples), examples


@pytest.mark.parametrize("seed", range(5))
def test_single_label_metrics_equal_scikit_learn(seed):
    labels, right, given = single_label(seed)
    found, _ = measure_single(labels, right, given)
    macro = sk.f1_score(right, given, labels=labels, average="macro", zero_division=0)
    assert found["macro_f1"].score == pytest.approx(macro, abs=1e-12)
    assert found["accuracy"].score == pytest.approx(sk.accuracy_score(right, given), abs=1e-12)
    micro = sk.f1_score(right, given, average="micro")
    assert found["micro_f1"].score == pytest.approx(micro, abs=1e-12)
    assert list(found) == list(METRICS["classify"])


def test_label_scores_and_confusion_equal_scikit_learn():
    labels, right, given = single_label()
    found, examples = measure_single(labels, right, given)
    scores = label_scores(labels, found["macro_f1"])
    theirs = sk.precision_recall_fscore_support(right, given, labels=labels, zero_division=0)
    ours = np.array([[s.precision, s.recall, s.f1, s.n] for s in scores]).T
    assert np.allclose(ours, theirs)
    confusion = confusion_matrix(labels, given, examples)
    matrix = [[confusion[row].get(column, 0) for column in labels] for row in labels]
    assert np.array_equal(matrix, sk.confusion_matrix(right, given, labels=labels))
    outside = sum(label not in labels for label in given)
    assert outside > 0
    assert sum(row.get(NOT_A_LABEL, 0) for row in confusion.values()) == outside


@pytest.mark.parametrize("seed", range(5))
def test_multi_label_metrics_equal_scikit_learn(seed):
    chance = np.random.default_rng(seed)
    labels = ("a", "b", "c", "d", "never")
    right = [tuple(np.array(labels[:4])[chance.random(4) < 0.4]) for _ in range(300)]
    flips = chance.random((300, 4)) < 0.2
    given = [
        tuple(name for name, flip in zip(labels, row, strict=False) if (name in some) != flip)
        for some, row in zip(right, flips, strict=True)
    ]
    examples = [example("\n".join(some) or "none", labels=some) for some in right]
    answers = [Answer(text="\n".join(some) or "none") for some in given]
    found = measure(task_of("classify", multi_label=True), labels, answers, examples)
    binary = MultiLabelBinarizer(classes=labels)
    y, p = binary.fit_transform(right), binary.fit_transform(given)
    assert found["accuracy"].score == pytest.approx(sk.accuracy_score(y, p))
    for average in ("micro", "macro"):
        theirs = sk.f1_score(y, p, average=average, zero_division=0)
        assert found[f"{average}_f1"].score == pytest.approx(theirs, abs=1e-12)


def test_a_label_outside_the_set_counts_as_given_and_wrong():
    found = measure(
        task_of("classify", multi_label=True), ("a", "b"),
        [Answer(text="a\nwhatever")], [example("a", labels=("a",))],
    )  # fmt: skip
    assert found["accuracy"].score == 0
    assert found["micro_f1"].score == pytest.approx(2 / 3)


def test_resampled_macro_f1_does_not_sink_for_labels_a_resample_lacks():
    labels = tuple(f"l{place}" for place in range(60))
    right = [label for label in labels for _ in range(2)]
    found, _ = measure_single(labels, right, right)
    chance = np.random.default_rng(0)
    draws = chance.multinomial(120, np.full(120, 1 / 120), size=50) @ found["macro_f1"].statistics
    assert np.allclose(found["macro_f1"].value(draws), 1.0)


def test_a_reference_outside_the_label_set_is_refused_with_its_row():
    with pytest.raises(EvaluationError) as caught:
        measure(task_of("classify"), ("a",), [Answer(text="a")], [example("z", labels=("z",))])
    assert caught.value.faults == ("f.csv, row 7: label 'z'",)


# text


@pytest.mark.parametrize("source", ["random", "mts"])
def test_rouge_equals_rouge_score(source, request):
    if source == "random":
        written, references = random_pairs(150, seed=1)
    else:
        written, references = mts_pairs(request.getfixturevalue("data"))
    found = scored("summarize", written, references)
    for kind in METRICS["summarize"]:
        scorer = RougeScorer([kind], use_stemmer=True)
        theirs = [
            max(scorer.score(reference, text)[kind].fmeasure for reference in several)
            for text, several in zip(written, references, strict=True)
        ]
        assert np.allclose(found[kind].per_example, theirs, atol=1e-12)
        assert found[kind].score == pytest.approx(np.mean(theirs), abs=1e-12)


def official_squad(prediction, truths):
    """Exact match and F1, from the text of the official v1.1 script."""

    def normal(text):
        text = "".join(c for c in text.lower() if not re.match(r"[!-/:-@\[-`{-~]", c))
        return " ".join(w for w in re.sub(r"\b(?:the|an|a)\b", " ", text).split())

    best_exact, best_f1 = 0.0, 0.0
    for truth in truths:
        p, t = normal(prediction).split(), normal(truth).split()
        best_exact = max(best_exact, float(normal(prediction) == normal(truth)))
        same = sum(min(count, Counter(t)[word]) for word, count in Counter(p).items())
        if same:
            share_p, share_t = same / len(p), same / len(t)
            best_f1 = max(best_f1, 2 * share_p * share_t / (share_p + share_t))
    return best_exact, best_f1


def test_squad_metrics_equal_the_official_definition():
    written, references = random_pairs(400, seed=2)
    references = [tuple(f"{text} fever" for text in several) for several in references]
    written[:50] = [f"The {several[0].upper()}!" for several in references[:50]]
    found = scored("answer", written, references)
    theirs = [official_squad(*pair) for pair in zip(written, references, strict=True)]
    assert 0.1 < np.mean(theirs, axis=0)[0] < 0.9
    assert np.allclose(found["exact_match"].per_example, [each[0] for each in theirs])
    assert np.allclose(found["token_f1"].per_example, [each[1] for each in theirs])


def test_squad_by_hand():
    found = scored("answer", ["the Eiffel Tower, Paris", ""], [("An eiffel-tower",), ("a",)])
    # "eiffeltower" is one word; an article alone is nothing, and so is the empty answer (v2)
    assert found["token_f1"].per_example.tolist() == [0.0, 1.0]
    assert found["exact_match"].per_example.tolist() == [0.0, 1.0]


def corpus_scores(written, references):
    width = max(map(len, references))
    streams = [
        [several[place] if place < len(several) else None for several in references]
        for place in range(width)
    ]
    return {
        "bleu": sacrebleu.corpus_bleu(written, streams, force=True).score / 100,
        "chrf": sacrebleu.corpus_chrf(written, streams).score / 100,
    }


@pytest.mark.parametrize("source", ["random", "e2e", "one", "no match"])
def test_bleu_and_chrf_equal_sacrebleu(source, request):
    written, references = random_pairs(300, seed=3)
    if source == "e2e":
        written, references = e2e_pairs(request.getfixturevalue("data"))
    elif source == "one":
        written, references = ["A pub called Blue Spice."], [("Blue Spice is a pub.",)]
    elif source == "no match":
        written, references = ["x y", ""], [("a b",), ("c",)]
    found = scored("generate", written, references)
    for metric, score in corpus_scores(written, references).items():
        assert found[metric].score == pytest.approx(score, abs=1e-9)


def test_a_resample_of_bleu_and_chrf_equals_sacrebleu_on_the_resampled_corpus():
    written, references = random_pairs(20, seed=4)
    found = scored("generate", written, references)
    chance = np.random.default_rng(0)
    for _ in range(40):
        drawn = chance.integers(0, 20, size=chance.integers(1, 20))
        theirs = corpus_scores([written[i] for i in drawn], [references[i] for i in drawn])
        for metric, score in theirs.items():
            sums = found[metric].statistics[drawn].sum(axis=0)
            assert float(found[metric].value(sums)) == pytest.approx(score, abs=1e-9)


def test_values_are_vectorised_over_leading_axes():
    found = scored("generate", *random_pairs(6, seed=5))
    for measured in found.values():
        stacked = measured.value(measured.statistics.reshape(2, 3, -1))
        alone = [float(measured.value(row)) for row in measured.statistics]
        assert stacked.shape == (2, 3)
        assert np.allclose(stacked.ravel(), alone)


def test_exact_match_of_generated_text_is_stripped_equality():
    found = scored("generate", [" Yes \n", "yes"], [("No", "Yes"), ("Yes",)])
    assert found["exact_match"].per_example.tolist() == [1.0, 0.0]


def test_every_score_of_an_example_lies_between_0_and_1():
    for kind in ("summarize", "answer", "generate"):
        for measured in scored(kind, *random_pairs(60, seed=6)).values():
            assert measured.per_example.min() >= 0
            assert measured.per_example.max() <= 1


# JSON

SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("text", "reference", "counts", "same"),
    [
        ('{"a": 1, "b": "x"}', {"b": "x", "a": 1}, (2, 2, 2), True),
        ('{"a": "1", "b": " X  y"}', {"a": 1.0, "b": "x y"}, (2, 2, 2), False),
        ('{"a": [1, 2, 2]}', {"a": [2, 1, 2]}, (3, 3, 3), False),
        ('{"a": [2, 2, 2]}', {"a": [2, 1, 2]}, (2, 3, 3), False),
        ('{"a": {"b": 1}}', {"a": {"c": 1}}, (0, 1, 1), False),
        ('{"a": []}', {"a": []}, (1, 1, 1), True),
        ('{"a": true}', {"a": 1}, (0, 1, 1), False),
        ('{"a": null}', {"a": None}, (1, 1, 1), True),
        ('Sure: {"a": 1}!', {"a": 1}, (1, 1, 1), True),
        ("no JSON", {"a": 1, "b": 2}, (0, 0, 2), False),
        ('{"a": ' + "[" * 400 + "]" * 400 + "}", {"a": 1}, (0, 1, 1), False),
    ],
)
def test_fields_are_counted_by_path_and_value(text, reference, counts, same):
    found = scored("extract", [text], [(json.dumps(reference),)])
    assert tuple(found["field_f1"].statistics[0]) == counts
    assert found["exact_match"].score == same
    assert found["valid_json"].score == (counts[1] > 0)


def test_field_f1_is_micro_averaged_with_precision_and_recall():
    references = [('{"a": 1}',), ('{"a": 1, "b": 2, "c": 3, "d": 4}',)]
    found = scored("extract", ['{"a": 1}', '{"a": 1, "z": 2}'], references)["field_f1"]
    sums = found.statistics.sum(axis=0)
    assert (precision(sums), recall(sums)) == (2 / 3, 2 / 5)
    assert found.score == pytest.approx(0.5)


def test_valid_json_asks_for_the_schema():
    texts = ['{"a": 1}', '{"a": "x"}', '{"b": 1}', "{", '{"a": 2']
    found = scored("extract", texts, [('{"a": 1}',)] * 5, json_schema=SCHEMA)
    assert found["valid_json"].per_example.tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("schema", [{"type": "no type"}, {"$ref": "http://example.org/s.json"}])
def test_a_schema_that_cannot_be_used_is_refused(schema):
    with pytest.raises(EvaluationError, match="json_schema"):
        scored("extract", ['{"a": 1}'], [('{"a": 1}',)], json_schema=schema)


# perplexity and refusals


def test_perplexity_is_over_tokens_and_only_where_every_answer_has_it():
    answers = [Answer(text="x", nll=2.0, tokens=1), Answer(text="x", nll=4.0, tokens=7)]
    examples = [example("x"), example("x")]
    found = measure(task_of("generate"), (), answers, examples)["perplexity"]
    assert found.score == pytest.approx(math.exp(6 / 8))
    assert np.allclose(found.per_example, [math.exp(-2), math.exp(-4 / 7)])
    without = measure(task_of("generate"), (), [answers[0], Answer(text="x")], examples)
    assert "perplexity" not in without


def test_no_example_and_no_reference_are_refused():
    with pytest.raises(EvaluationError, match="no example"):
        scored("generate", [], [])
    with pytest.raises(EvaluationError) as caught:
        measure(task_of("generate"), (), [Answer(text="x")], [example()])
    assert caught.value.faults == ("f.csv, row 7: no accepted answer",)


def test_answers_and_examples_must_match():
    with pytest.raises(ValueError, match="2 answers for 1 examples"):
        measure(task_of("generate"), (), [Answer(text="x")] * 2, [example("x")])
