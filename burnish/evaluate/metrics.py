"""The metrics of a task, measured on one system's answers.

The reference implementations are scikit-learn, rouge-score, sacrebleu and the official SQuAD v1.1
script; scores equal theirs, from 0 to 1.

Reads answers and examples; writes nothing.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from burnish.chat import answers as texts
from burnish.errors import EvaluationError
from burnish.evaluate.faithfulness import KINDS as FAITHFUL_KINDS
from burnish.evaluate.faithfulness import measure_faithfulness
from burnish.evaluate.json_metrics import measure_json
from burnish.evaluate.label_metrics import measure_labels
from burnish.evaluate.measured import Array, Measured, of_means, ratio
from burnish.evaluate.text_metrics import (
    ROUGE,
    measure_bleu,
    measure_chrf,
    measure_rouge,
    measure_spans,
)
from burnish.records import METRICS, Answer, Example, Task


def measure(
    task: Task,
    labels: tuple[str, ...],
    answers: Sequence[Answer],
    examples: Sequence[Example],
    by_models: Mapping[str, Measured] | None = None,
) -> dict[str, Measured]:
    """Every metric of `METRICS[task.kind]`, and what stands beside them.

    That is "faithfulness" (summarize and answer), `by_models`, and "perplexity" where every answer
    has its `nll`.

    Args:
        labels: the label set (classify); empty for other kinds.
        answers: one per example, in the order of `examples`; only `text`, `nll`, `tokens` are read.
        by_models: as `burnish.evaluate.model_metrics` measured the same answers.

    Raises:
        EvaluationError: no examples; an example without a reference or with a label outside the
            set; a JSON Schema that is none.
        ValueError: `answers` and `examples` differ in number (a bug of the caller).
    """
    if len(answers) != len(examples):
        raise ValueError(f"{len(answers)} answers for {len(examples)} examples")
    _check(examples)
    written = [answer.text for answer in answers]
    values = [texts.parse(task, text) for text in written]
    references = [example.references for example in examples]
    found: dict[str, Measured] = {}
    if task.kind == "classify":
        given = [tuple(value) if task.multi_label else (value,) for value in values]
        found = measure_labels(labels, given, examples)
    elif task.kind == "extract":
        expected = [[texts.parse(task, text) for text in several] for several in references]
        found = measure_json(values, expected, task.json_schema)
    elif task.kind == "answer":
        found = measure_spans(written, references)
    elif task.kind == "summarize":
        found = measure_rouge(ROUGE, written, references)
    elif task.kind == "generate":
        found = {
            "chrf": measure_chrf(written, references),
            "bleu": measure_bleu(written, references),
            **measure_rouge(("rougeL",), written, references),
            "exact_match": _exact(values, references),
        }
    chosen: dict[str, Measured] = {name: found[name] for name in METRICS[task.kind]}
    if task.kind in FAITHFUL_KINDS:
        chosen["faithfulness"] = measure_faithfulness(written, examples)
    chosen |= by_models or {}
    perplexity = _perplexity(answers)
    return chosen if perplexity is None else {**chosen, "perplexity": perplexity}


def _check(examples: Sequence[Example]) -> None:
    if not examples:
        raise EvaluationError(
            "There is no example to measure on.", hint="build the data set with a test split"
        )
    faults = [
        f"{example.source}, row {example.row}: no accepted answer"
        for example in examples
        if not example.references
    ]
    if faults:
        raise EvaluationError(
            f"{len(faults)} of {len(examples)} test examples have no accepted answer to compare "
            "with; every example needs one.",
            faults=faults,
            hint="fill in or remove these rows and build the data set again",
        )


def _exact(values: Sequence[str], references: Sequence[Sequence[str]]) -> Measured:
    return of_means(
        "exact_match",
        [
            float(any(value == text.strip() for text in several))
            for value, several in zip(values, references, strict=True)
        ],
    )


def _perplexity(answers: Sequence[Answer]) -> Measured | None:
    """exp of the mean negative log-likelihood per reference token.

    An answer's own score is the geometric mean of its tokens' probabilities.
    """
    pairs = [(answer.nll, answer.tokens) for answer in answers]
    known = [(nll, tokens) for nll, tokens in pairs if nll is not None and tokens]
    if len(known) < len(pairs):
        return None
    statistics = np.array(known, dtype=np.float64)
    alone = np.exp(-ratio(statistics[:, 0], statistics[:, 1]))
    return Measured("perplexity", statistics, _exp_mean, alone, bounds=(1.0, math.inf))


def _exp_mean(sums: Array) -> Array:
    result: Array = np.exp(sums[..., 0] / sums[..., 1])
    return result
