"""Recompute a report's scores from its answers.jsonl with the reference libraries alone.

    python bench/rescore.py my-task/reports/<id>

Prints every score beside the reference library's and exits with 1 if any differs by more than
1e-9. Nothing of Burnish is imported.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import sacrebleu
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, f1_score

Answers = list[tuple[str, list[str], dict[str, Any]]]


def main(folder: Path) -> int:
    """Compare all scores that a reference library can give; the number that differ."""
    record = json.loads((folder / "record.json").read_text())
    lines = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    wrong = 0
    print(f"{'system':12}{'metric':12}{'report':>12}{'reference':>12}")
    for system in record["systems"]:
        answers = [
            (line["answers"][system["name"]]["text"], line["references"],
             line["answers"][system["name"]])
            for line in lines
        ]  # fmt: skip
        for metric, score in system["scores"].items():
            reference = rescore(metric, answers, record["task_kind"])
            if reference is None:
                continue
            same = abs(score["value"] - reference) <= 1e-9
            wrong += not same
            mark = "" if same else "  <- differs"
            print(f"{system['name']:12}{metric:12}{score['value']:12.6f}{reference:12.6f}{mark}")
    print(f"{len(lines)} examples; {wrong} scores differ")
    return wrong


def rescore(metric: str, answers: Answers, kind: str) -> float | None:
    """The score by the metric's reference library; None where there is none here."""
    given = [text for text, _, _ in answers]
    if metric.startswith("rouge"):
        scorer = RougeScorer([metric], use_stemmer=True)
        best = [
            max(scorer.score(reference, text)[metric].fmeasure for reference in references)
            for text, references, _ in answers
        ]
        return sum(best) / len(best)
    first = [references[0] for _, references, _ in answers]
    if metric == "accuracy":
        return float(accuracy_score(first, given))
    if metric in ("macro_f1", "micro_f1"):
        average = metric.split("_")[0]
        return float(f1_score(first, given, average=average, zero_division=0))
    if metric in ("bleu", "chrf"):
        most = max(len(references) for _, references, _ in answers)
        columns = [
            [references[at] if at < len(references) else None for _, references, _ in answers]
            for at in range(most)
        ]
        scorer = sacrebleu.BLEU() if metric == "bleu" else sacrebleu.CHRF()
        return float(scorer.corpus_score([text.strip() for text in given], columns).score) / 100
    if metric == "perplexity":
        losses = [answer["nll"] for _, _, answer in answers]
        return math.exp(sum(losses) / sum(answer["tokens"] for _, _, answer in answers))
    return None


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
