"""The results on the screen: every record and the proposal of a brief, for people and as JSON.

Reads records; writes to standard output. Everything that comes from data goes through `clean`, so
that a label cannot move the cursor.
"""

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from burnish.records import BaseChoice, Dataset, Difference, Report, Run, Score

if TYPE_CHECKING:
    from burnish.brief.propose import Proposal, Question
    from burnish.store import Workspace

WIDTH_OF_FILES = 120
"""Columns where standard output is no terminal."""
MOST_LABELS = 20
MOST_LETTERS = 100
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_COLOURS = {"ship": "green", "don't ship": "red", "not enough data": "yellow"}


def clean(text: str) -> str:
    """The text with every control character but the line end made visible as �."""
    return _CONTROL.sub("\ufffd", text.replace("\t", " "))


def as_json(value: BaseModel) -> None:
    """Print one JSON object, in ASCII where standard output cannot show more."""
    text = value.model_dump_json(indent=2)
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        text = json.dumps(json.loads(text), indent=2)
    print(text)


def outcome(workspace: "Workspace", record: Dataset | BaseChoice | Run | Report) -> None:
    """Print what came out in one line."""
    match record:
        case Dataset():
            line = f"{_sizes(record)} examples: {workspace.path(record)}"
        case BaseChoice():
            line = f"{record.name}: {record.path or record.licence}"
        case Run():
            tuned = record.provider
            line = tuned.model if tuned else str(workspace.path(record, record.weights))
        case Report():
            line = f"{record.verdict.decision}: {record.verdict.reason}" if record.verdict else ""
    say(screen(), line)


def record(workspace: "Workspace", record: Dataset | BaseChoice | Run | Report) -> None:
    """Print what a step made, and where it lies."""
    console = screen()
    match record:
        case Dataset():
            _dataset(console, workspace, record)
        case BaseChoice():
            _base(console, record)
        case Run():
            _run(console, workspace, record)
        case Report():
            _report(console, workspace, record)


def proposal(proposal: "Proposal", path: Path, *, questions: "Iterable[Question]" = ()) -> None:
    """Print what was inferred and why, what is doubtful, advice, and the next command.

    Args:
        path: of the brief that was written.
        questions: those that nobody was asked; each is shown with the flag that answers it.
    """
    console = screen()
    table = new_table("", "setting", "value", "why")
    for key, value, why in proposal.reasons:
        table.add_row(_text(key), _text(_short(value)), _text(why))
    if proposal.reasons:
        console.print(table)
    for question in questions:
        others = [choice for choice in question.choices if choice != question.default]
        flags = " or ".join(f"--{question.key} {shlex.quote(choice)}" for choice in others)
        say(console, f"{question.prompt} Taken: {question.default}. To change it: {flags}")
    _advice(console, proposal.advice)
    say(console, f"Written: {path}")
    folder = "" if path.parent == Path() else f" --workspace {shlex.quote(str(path.parent))}"
    say(console, f"Next: burnish run{folder}")


def _dataset(console: Console, workspace: "Workspace", dataset: Dataset) -> None:
    table = new_table("Examples", "split", "examples", "file")
    for name, split in dataset.splits.items():
        sealed = " (sealed)" if name == "test" else ""
        path = str(workspace.path(dataset, split.file))
        table.add_row(_text(name + sealed), _text(f"{split.n:,}"), _text(path))
    console.print(table)
    if dataset.labels:
        console.print(_labels(dataset))
        if (more := len(dataset.labels) - MOST_LABELS) > 0:
            say(console, f"and {more:,} more labels, none with more examples")
    say(console, f"Rows read: {dataset.rows_read:,}")
    if dataset.dropped:
        total = sum(dataset.dropped.values())
        say(console, f"Dropped: {total:,}, listed in {workspace.path(dataset, 'dropped.jsonl')}")
        for reason, n in sorted(dataset.dropped.items(), key=lambda item: (-item[1], item[0])):
            say(console, f"  {n:>6,}  {reason}")
    if dataset.cleaned:
        rules = ", ".join(f"{rule} {n:,}" for rule, n in dataset.cleaned.items())
        say(console, f"Texts cleaned: {rules} (burnish data --show-changes prints them)")
    if dataset.findings:
        say(console, f"Found, listed in {workspace.path(dataset, 'findings.jsonl')}:")
        for kind, n in dataset.findings.items():
            say(console, f"  {n:>6,}  {kind}")
    _advice(console, dataset.advice)
    say(console, f"Report: {workspace.path(dataset, 'data.html')}")


def _labels(dataset: Dataset) -> Table:
    """Label × split counts, the most frequent label first."""
    splits = dataset.splits.values()
    table = new_table("Labels", "label", *dataset.splits)
    ordered = sorted(
        dataset.labels, key=lambda label: (-sum(s.labels.get(label, 0) for s in splits), label)
    )
    for label in ordered[:MOST_LABELS]:
        counts = [_text(f"{split.labels.get(label, 0):,}") for split in splits]
        table.add_row(_text(_short(label)), *counts)
    return table


def _base(console: Console, base: BaseChoice) -> None:
    if base.source == "provider":
        _facts(console, {"base": base.name, "licence": base.licence, "source": base.source})
        return
    _facts(
        console,
        {
            "base": base.name,
            "parameters": _magnitude(base.parameters),
            "context": f"{base.context_length:,} tokens",
            "licence": base.licence,
            "source": base.source + (f", revision {base.revision}" if base.revision else ""),
            "path": base.path,
        },
    )


def _run(console: Console, workspace: "Workspace", run: Run) -> None:
    if run.provider is not None:
        job = run.provider
        billed = "unknown" if job.billed_tokens is None else f"{job.billed_tokens:,}"
        _facts(
            console,
            {
                "tuned model": job.model,
                "job": f"{job.job} at {job.host}",
                "consent": job.consent,
                "examples": f"{run.train_examples:,} train, {run.validation_examples:,} validation",
                "time": f"{run.seconds:,.0f} s",
                "tokens billed": billed,
                "losses": str(workspace.path(run, "metrics.jsonl")),
            },
        )
        return
    left_out = {
        "cut to max_length": len(run.truncated),
        "left out, no room for the answer": len(run.untrained),
    }
    _facts(
        console,
        {
            "steps": f"{run.steps:,}" + (f" (taken up {run.resumed}×)" if run.resumed else ""),
            "best epoch": f"{run.best_epoch} of {len(run.validation_loss)}",
            "validation loss": ", ".join(f"{loss:.3f}" for loss in run.validation_loss),
            **{name: f"{n:,} examples" for name, n in left_out.items() if n},
            "time": f"{run.seconds:,.0f} s on {run.device or 'an unknown device'}",
            "tokens/s": f"{run.tokens_per_second:,.0f}",
            "peak memory": f"{run.peak_memory_gib:.1f} GiB",
            run.weights: str(workspace.path(run, run.weights)),
            "loss curve": str(workspace.path(run, "loss.svg")),
        },
    )


def _report(console: Console, workspace: "Workspace", report: Report) -> None:
    console.print(_fitting(console, lambda gap: _scores(report, gap)))
    say(console, f"n = {report.n:,} test examples, the same for all; [95% interval]\n")
    if report.differences:
        console.print(_fitting(console, lambda gap: _differences(report, gap)))
        say(console, f"paired over the {report.n:,} examples; [95% interval]\n")
    if report.usage:
        console.print(_usage(report))
    if report.verdict is not None:
        decision = report.verdict.decision
        console.print(
            Panel(
                _text(report.verdict.reason),
                title=_text(f"Verdict: {decision}", f"bold {_COLOURS[decision]}"),
                title_align="left",
                border_style=_COLOURS[decision],
            )
        )
    _advice(console, _dataset_advice(workspace, report))
    if report.seeds is not None:
        seeds = report.seeds
        say(
            console,
            f"Over {len(seeds.seeds)} seeds, tuned {seeds.metric} is {seeds.mean:.3f} on average "
            f"({seeds.low:.3f} to {seeds.high:.3f}, standard deviation {seeds.deviation:.3f}).",
        )
    if len(report.openings) > 1:
        say(
            console,
            report.caution
            or f"The test split was opened {len(report.openings)} times; each further look at it "
            "makes the scores a little too good:",
        )
        for opening in report.openings:
            say(console, f"  {opening.at}  {opening.reason}")
    say(console, f"Report: {workspace.path(report, 'report.html')}")


def _scores(report: Report, gap: str) -> Table:
    metrics = _metrics_of(report, (name for s in report.systems for name in s.scores))
    table = new_table("Systems on the sealed test split", "system", *metrics)
    for system in report.systems:
        cells = [_score(system.scores.get(metric), gap) for metric in metrics]
        table.add_row(_text(system.name), *cells, style="bold" if system.name == "tuned" else None)
    return table


def _differences(report: Report, gap: str) -> Table:
    metrics = _metrics_of(report, (difference.metric for difference in report.differences))
    table = new_table("Tuned minus the others", "other", *metrics)
    found = {(d.other, d.metric): d for d in report.differences}
    for other in dict.fromkeys(difference.other for difference in report.differences):
        cells = [_difference(found.get((other, metric)), gap) for metric in metrics]
        table.add_row(_text(other), *cells)
    return table


def _usage(report: Report) -> Table:
    columns = ("system", "seconds an answer", "95% within", "cost", "of 1,000 answers")
    table = new_table("What the servers' answers took", *columns)
    for name, used in report.usage.items():
        costs = ["unknown"] * 2
        if used.cost is not None:
            costs = [f"{used.cost:.4f}", f"{1000 * used.cost / used.n:.4f}"]
        seconds = [f"{used.mean_seconds:.2f}", f"{used.p95_seconds:.2f}"]
        table.add_row(*(_text(cell) for cell in (name, *seconds, *costs)))
    return table


def _metrics_of(report: Report, names: Iterable[str]) -> list[str]:
    """The names once each, the primary metric first."""
    found = list(dict.fromkeys(names))
    return sorted(found, key=lambda name: name != report.metric)


def _score(score: Score | None, gap: str) -> Text:
    if score is None:
        return _text("–", "dim")
    form = ".1f" if score.metric == "perplexity" else ".3f"
    return _text(f"{score.value:{form}}{gap}[{score.low:{form}}, {score.high:{form}}]")


def _difference(difference: Difference | None, gap: str) -> Text:
    if difference is None:
        return _text("–", "dim")
    form = "+.1f" if difference.metric == "perplexity" else "+.3f"
    value, low, high = difference.value, difference.low, difference.high
    return _text(f"{value:{form}}{gap}[{low:{form}}, {high:{form}}]")


def _fitting(console: Console, draw: Callable[[str], Table]) -> Table:
    """The table with each interval beside its figure, or below it where the screen is narrow."""
    beside = draw(" ")
    wide = console.options.update(max_width=10_000)
    fits = console.measure(beside, options=wide).maximum <= console.width
    return beside if fits else draw("\n")


def _dataset_advice(workspace: "Workspace", report: Report) -> tuple[str, ...]:
    """The advice of the data set that the report rests on."""
    parents = set(report.parents.values())
    found = [one.advice for one in workspace.records(Dataset) if one.hash in parents]
    return found[-1] if found else ()


def _advice(console: Console, sentences: Iterable[str]) -> None:
    for sentence in sentences:
        say(console, f"Advice: {sentence}")


def _facts(console: Console, facts: dict[str, str]) -> None:
    width = max(map(len, facts))
    for name, value in facts.items():
        say(console, f"{name:<{width}}  {value}")


def say(console: Console, line: str) -> None:
    """One line, never wrapped by hand: paths and commands can be copied whole."""
    console.print(_text(line), soft_wrap=True)


def screen() -> Console:
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal and console.width < WIDTH_OF_FILES:
        console.width = WIDTH_OF_FILES
    return console


def new_table(title: str, *columns: str) -> Table:
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    for column in columns:
        table.add_column(_text(column), overflow="fold")
    return table


def _text(value: str, style: str = "") -> Text:
    return Text(clean(value), style=style)


def _short(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= MOST_LETTERS else line[: MOST_LETTERS - 1] + "…"


def _sizes(dataset: Dataset) -> str:
    return " / ".join(f"{split.n:,}" for split in dataset.splits.values())


def _magnitude(n: int) -> str:
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if n >= size:
            return f"{n / size:.4g} {name}"
    return f"{n:,}"
