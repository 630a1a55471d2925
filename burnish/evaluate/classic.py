"""The classic baseline: what a team could have had without any language model.

    classify    the most frequent label; the label of the most similar training example; TF-IDF of
                words and characters with logistic regression
    summarize   lead-3: the first three sentences of the longest input; TextRank
    answer      the sentence of the context that shares most words with the question; the likeliest
                span of it; without a context, the answer of the most similar question
    extract     the answer of the most similar training example; rules from the schema
    generate    the answer of the most similar training example

Of several, the one with the best score on validation stands for all. Reads examples; writes
nothing. scikit-learn is imported inside functions: it starts slowly.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from burnish.chat.answers import parse
from burnish.evaluate import classic_labels, classic_texts
from burnish.evaluate.choosing import choose
from burnish.evaluate.classic_fields import fill_fields
from burnish.evaluate.similar import nearest, parts_of, text_of
from burnish.records import Answer, Example, Task, Tried


class Classic(NamedTuple):
    """The answers of the chosen baseline, what it is in a sentence, and all that were tried."""

    answers: list[Answer]
    description: str
    tried: tuple[Tried, ...]


class _Baseline(NamedTuple):
    """A name, a sentence, and the texts and probabilities it gives for examples."""

    name: str
    description: str
    answer: Callable[[Sequence[Example]], tuple[list[str], list[float | None]]]


def answer_classic(
    task: Task,
    labels: tuple[str, ...],
    train: Sequence[Example],
    test: Sequence[Example],
    seed: int,
    validation: Sequence[Example] = (),
) -> Classic | None:
    """The best baseline's answers to `test`, in its order.

    `Answer.probability` is that of the chosen label, for tasks with one label per example.

    Args:
        validation: what the baselines are compared on; without any the usual one of the kind is
            taken.

    Returns:
        None where the task has no classic baseline: nothing to learn from, or no text in it.
    """
    baselines = _baselines(task, labels, train, [*validation, *test], seed)
    if not baselines:
        return None
    # Both splits at once, so that each baseline learns once.
    both = {each.name: _answered(task, each, [*validation, *test]) for each in baselines}
    known = len(validation)
    best, tried = choose(
        task, labels, {name: answers[:known] for name, answers in both.items()}, validation
    )
    chosen = next(each for each in baselines if each.name == best)
    return Classic(both[best][known:], chosen.description, tried)


def _answered(task: Task, baseline: _Baseline, asked: Sequence[Example]) -> list[Answer]:
    texts, probabilities = baseline.answer(asked)
    return [
        Answer(text=text, value=parse(task, text), probability=probability)
        for text, probability in zip(texts, probabilities, strict=True)
    ]


def _baselines(
    task: Task,
    labels: tuple[str, ...],
    train: Sequence[Example],
    asked: Sequence[Example],
    seed: int,
) -> list[_Baseline]:
    """Those that the task allows, the usual one first."""
    if task.kind == "summarize":
        return [
            _Baseline(
                "lead-3",
                f"Lead-{classic_texts.LEAD}: the first {classic_texts.LEAD} sentences of the "
                "longest input.",
                _plain(classic_texts.lead),
            ),
            _Baseline(
                "TextRank",
                f"TextRank: the {classic_texts.LEAD} sentences of the longest input that are most "
                "like its others.",
                _plain(classic_texts.rank),
            ),
        ]
    if task.kind == "answer" and all(len(parts_of(example)) > 1 for example in asked):
        return [
            _Baseline(
                "sentence",
                "The sentence of the longest input that shares most words with the rest of the "
                "input.",
                _plain(classic_texts.sentence),
            ),
            _Baseline(
                "span",
                "In the sentence that shares most words with the question, the words of the kind "
                "that it asks for.",
                _plain(classic_texts.span),
            ),
        ]
    if not any(text_of(example).strip() for example in train):
        return []
    similar = _Baseline(
        "nearest",
        "The answer of the training example with the most similar input (TF-IDF).",
        lambda asked: (
            [train[at].answer for (at,) in nearest(train, asked, 1)],
            [None] * len(asked),
        ),
    )
    if task.kind == "classify":
        regression = _Baseline(
            "TF-IDF + logistic regression",
            classic_labels.describe(train, several=task.multi_label),
            lambda asked: classic_labels.regress(
                labels, train, asked, several=task.multi_label, seed=seed
            ),
        )
        majority = _Baseline(
            "majority",
            "The most frequent answer of the training examples, for every input.",
            lambda asked: classic_labels.most_frequent(train, asked),
        )
        return [regression, similar, majority]
    if task.kind == "extract":
        rules = _Baseline(
            "rules",
            "Rules from the schema: values of its lists and of training answers that stand in the "
            "input, and numbers where it asks for one.",
            lambda asked: (fill_fields(task.json_schema, train, asked), [None] * len(asked)),
        )
        return [similar, rules]
    return [similar]


def _plain(
    write: Callable[[Example], str],
) -> Callable[[Sequence[Example]], tuple[list[str], list[float | None]]]:
    return lambda asked: ([write(example) for example in asked], [None] * len(asked))
