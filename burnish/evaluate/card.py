"""The model card: what the tuned model is, how it came about, what it scores and where it ends.

The front matter is the hub's: `model-index` as huggingface_hub's ModelCardData writes and reads it
(https://huggingface.co/docs/hub/model-cards). Reads the records; returns the text, writes nothing.
"""

from typing import Any

from burnish.evaluate.markdown import environment
from burnish.evaluate.verdict import METRIC_NAMES
from burnish.records import BaseChoice, Dataset, Report, Run, Score, Task, TaskKind

HUB_TASKS: dict[TaskKind, str] = {
    "classify": "text-classification",
    "summarize": "summarization",
    "answer": "question-answering",
    "extract": "text-generation",
    "generate": "text-generation",
}
"""The hub's names for what was measured; the model itself is one for text-generation."""

HUB_METRICS = {
    "accuracy": "accuracy", "macro_f1": "f1", "micro_f1": "f1", "rouge1": "rouge",
    "rouge2": "rouge", "rougeL": "rouge", "rougeLsum": "rouge", "exact_match": "exact_match",
    "token_f1": "f1", "field_f1": "f1", "chrf": "chrf", "bleu": "bleu",
    "perplexity": "perplexity", "bertscore_f1": "bertscore", "bertscore_precision": "bertscore",
    "bertscore_recall": "bertscore",
}  # fmt: skip
"""Ids of metrics on the hub; a metric without one keeps its own name."""

HUB_LICENCES = (
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-4.0",
    "cc-by-nc-4.0", "cc0-1.0", "gpl-3.0", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3",
    "gemma", "openrail", "bigscience-openrail-m", "unknown",
)  # fmt: skip
"""The hub's ids of licences that bases have; any other is "other" with its name."""


def render_card(
    *, task: Task, report: Report, dataset: Dataset, run: Run, base: BaseChoice, hub_id: str
) -> str:
    """The card as it may stand in README.md beside the adapter or the model.

    Args:
        report: with a verdict and a tuned system.
        hub_id: the base on the hub, "" where it has no place there.
    """
    tuned = next(system for system in report.systems if system.name == "tuned")
    text = (
        environment()
        .get_template("card.md.jinja")
        .render(
            task=task,
            report=report,
            dataset=dataset,
            run=run,
            base=base,
            hub_id=hub_id,
            verdict=report.verdict,
            tuned=tuned,
            others=[system for system in report.systems if system.name != "tuned"],
            names={name: METRIC_NAMES.get(name, name) for name in tuned.scores},
        )
    )
    front = _front_matter(task, report, dataset, run, base, hub_id, tuned.scores)
    return f"---\n{front}\n---\n\n{text}"


def _library(run: Run) -> str | None:
    """What loads the weights; a provider gives none."""
    if run.provider is not None:
        return None
    return "transformers" if run.weights == "model" else "peft"


def _front_matter(
    task: Task,
    report: Report,
    dataset: Dataset,
    run: Run,
    base: BaseChoice,
    hub_id: str,
    scores: dict[str, Score],
) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=HUB_TASKS[task.kind],
            dataset_type=task.name,
            dataset_name=f"{task.name}, sealed test split",
            dataset_split="test",
            dataset_revision=dataset.splits["test"].sha256,
            metric_type=HUB_METRICS.get(name, name),
            metric_name=METRIC_NAMES.get(name, name),
            metric_value=round(score.value, 6),
            metric_args={"low": round(score.low, 6), "high": round(score.high, 6), "n": score.n},
        )
        for name, score in scores.items()
    ]
    licence = base.licence.lower()
    fields: dict[str, Any] = {
        "license": licence if licence in HUB_LICENCES else "other",
        "library_name": _library(run),
        "pipeline_tag": "text-generation",
        "base_model": hub_id or None,
        "language": list(task.needs.languages) or None,
        "tags": ["burnish", run.settings.method, task.kind],
        "model_name": task.name,
        "eval_results": results,
    }
    if fields["license"] == "other":
        fields["license_name"] = base.licence
    return str(ModelCardData(**fields).to_yaml()).strip()
