"""What `burnish history` prints: the tree of records, who answered, one run, two, and prunings.

Reads histories; writes to standard output.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from burnish.cli.show import clean, new_table, say, screen
from burnish.records import (
    Answering,
    DataChange,
    DatasetLine,
    Difference,
    History,
    Mirrored,
    Period,
    Pruning,
    ReportLine,
    RunComparison,
    RunHistory,
    RunLine,
    Score,
    TrainSettings,
    Weighed,
)

MOST = 12
"""Rows of a table of what happened, the newest; --json has all."""
MOST_LETTERS = 60
MOST_OF_BASE = 40
_DEFAULTS = TrainSettings().model_dump(mode="json")
_COLOURS = {"ship": "green", "don't ship": "red", "not enough data": "yellow"}


def whole(found: History, *, brief: bool = False) -> None:
    """Print all of a workspace, newest last."""
    console = screen()
    if brief:
        say(console, _in_a_line(found))
        return
    _tree(console, found)
    _tables(console, found)
    _faults(console, found.faults)
    say(console, _in_a_line(found))


def one_run(found: RunHistory, *, brief: bool = False) -> None:
    """Print one run in full."""
    console = screen()
    run = found.run
    if brief:
        say(console, f"{run.id}: {_about_run(run)}")
        return
    _tree(console, found.history)
    settings = new_table("Settings, bold where they are not the default", "key", "value")
    usual = {f"train.{key}": value for key, value in _DEFAULTS.items()}
    for key, value in found.settings.items():
        if value is not None:
            style = "bold" if value != usual.get(key, value) else None
            settings.add_row(*_row(key, _value(value)), style=style)
    console.print(settings)
    figures = new_table("Training", "figure", "value")
    for key, value in found.figures.items():
        if value:
            figures.add_row(*_row(key, _value(value)))
    console.print(figures)
    for each in found.scores:
        metrics = list(dict.fromkeys(m for scores in each.systems.values() for m in scores))
        table = new_table(f"Report {each.report}, {each.n:,} test examples", "system", *metrics)
        for name, scores in each.systems.items():
            cells = [_score(scores.get(metric)) for metric in metrics]
            table.add_row(*_row(name, *cells), style="bold" if name == "tuned" else None)
        console.print(table)
    for report in found.history.reports:
        if report.reason:
            say(console, f"Report {report.id}: {report.decision}. {report.reason}")
    _tables(console, found.history)
    if found.whole is not None:
        told = "are those that were recorded" if found.whole else "WERE CHANGED since"
        say(console, f"The weights of run {run.id} {told}.")
    if run.pruned:
        say(console, f"Pruned on {_when(run.pruned.at)}: {run.pruned.why}.")
    _faults(console, found.history.faults)


def comparison(found: RunComparison, *, brief: bool = False) -> None:
    """Print two runs beside each other."""
    console = screen()
    if brief:
        say(console, found.reason)
        return
    names = found.one.id, found.other.id
    runs = new_table("Runs", "", *names)
    for label, cells in (
        ("made", [_when(run.at) for run in (found.one, found.other)]),
        ("what", [_about_run(run) for run in (found.one, found.other)]),
        ("answers", [_standing(run) if run.role else "no" for run in (found.one, found.other)]),
        ("data set", [run.dataset or "gone" for run in (found.one, found.other)]),
        ("report", [report.id if report else "none" for report in found.reports]),
        ("verdict", [(report and report.decision) or "none" for report in found.reports]),
    ):
        runs.add_row(*_row(label, *cells))
    console.print(runs)
    if found.settings:
        table = new_table("Settings that differ", "key", *names)
        for each in found.settings:
            table.add_row(*_row(each.key, _value(each.one), _value(each.other)))
        console.print(table)
    else:
        say(console, "All settings are the same.")
    _data(console, found.data)
    if found.scores:
        table = new_table("Tuned, on the test split", "metric", *names, "difference")
        for pair in found.scores:
            gap = "–"
            if pair.difference:
                gap = _gap(pair.difference)
            name = pair.metric if pair.test == "test" else f"{pair.metric}, fresh test"
            table.add_row(*_row(name, _score(pair.one), _score(pair.other), gap))
        console.print(table)
    _faults(console, found.faults)
    say(console, found.reason)
    if found.same_test and not any(pair.difference for pair in found.scores):
        say(console, f"Next: burnish history {names[0]} {names[1]} --paired opens the test split")


def pruning(found: Pruning, *, brief: bool = False) -> None:
    """Print what goes and what stays."""
    console = screen()
    size = _size(found.freed)
    if brief:
        say(console, f"{size} {'removed' if found.done else 'would be removed'}")
        return
    if found.staying:
        console.print(_weighed("Stays", found.staying))
    if found.going:
        console.print(_weighed("Removed" if found.done else "Would be removed", found.going))
    for note in found.notes:
        say(console, f"Note: {note}")
    if not found.going:
        say(console, "Nothing is to be removed.")
    elif found.done:
        say(console, f"{size} removed; records, figures and reports stay.")
    else:
        say(console, f"Nothing was touched. {size} would be removed.")
        say(console, "Next: burnish history --prune --yes")


def mirrored(found: Mirrored, *, brief: bool = False) -> None:
    """Print what stands in MLflow's registry."""
    console = screen()
    line = (
        f"{found.model} at {found.registry}: {len(found.versions)} versions, {found.made} new, "
        f"{found.changed} changed"
    )
    if not brief:
        table = new_table("MLflow's model registry", "version", "run", "alias")
        aliases = {version: alias for alias, version in found.aliases.items()}
        for run, version in sorted(found.versions.items(), key=lambda item: item[1]):
            table.add_row(*_row(str(version), run, aliases.get(version, "")))
        console.print(table)
    for note in found.notes:
        say(console, f"Note: {note}")
    say(console, line)


def _tree(console: Console, found: History) -> None:
    root = Tree(Text(clean(found.task_name), style="bold"), guide_style="dim")
    known = {one.id for one in found.datasets}
    for dataset in found.datasets:
        node = root.add(_dataset(dataset))
        for run in found.runs:
            if run.dataset == dataset.id:
                _add_run(node, found, run)
    strays = [run for run in found.runs if run.dataset not in known]
    if strays:
        node = root.add(Text("data set gone", style="red"))
        for run in strays:
            _add_run(node, found, run)
    console.print(root)


def _add_run(parent: Tree, found: History, run: RunLine) -> None:
    style = {"champion": "bold green", "challenger": "bold yellow"}.get(run.role or "", "")
    label = Text.assemble((f"run {run.id}", style or "bold"), f"  {_when(run.at)}")
    if run.role:
        label.append(f"  {_standing(run)}", style=style)
    label.append(f"\n{clean(_about_run(run))}")
    node = parent.add(label)
    for report in found.reports:
        if report.run == run.id:
            node.add(_report(report))
    for export in found.exports:
        if export.run == run.id:
            state = {"there": _size(export.bytes)}.get(export.weights, export.weights)
            told = f"export {export.id}  {_when(export.at)}  {export.form} {export.precision}"
            node.add(Text(f"{told}, {state}", style=_style_of(export.status)))
    for one in found.deployments:
        if one.run == run.id:
            text = f"deployment {one.id}  {_when(one.at)}  on {one.engine}"
            text += f", answers {_share(one.share)}" if one.share else ""
            text += ", gets copies" if one.shadow else ""
            text += f", overruled: {clean(one.overruled)}" if one.overruled else ""
            node.add(Text(text, style=_style_of(one.status)))


def _dataset(one: DatasetLine) -> Text:
    sizes = ", ".join(f"{n:,} {name}" for name, n in one.splits.items())
    text = Text.assemble((f"data set {one.id}", "bold"), f"  {_when(one.at)}\n{clean(sizes)}")
    if one.extends:
        text.append(f", extends {one.extends}")
    if one.status != "complete":
        text.append(f", {one.status}", style="red")
    return text


def _report(one: ReportLine) -> Text:
    text = Text(f"report {one.id}  {_when(one.at)}  ")
    if one.decision:
        text.append(one.decision, style=_COLOURS[one.decision])
    else:
        text.append(one.status, style=_style_of(one.status))
    if one.score:
        text.append(f", {one.score.metric} {_score(one.score)}")
    return text


def _tables(console: Console, found: History) -> None:
    if found.periods:
        title = _title("Who answered, ★ the champion", found.periods)
        table = new_table(title, "", "from", "until", "who", "why")
        table.columns[3].no_wrap = True
        for period in found.periods[-MOST:]:
            until = _when(period.until) if period.until else "now"
            cells = [str(period.number), _when(period.since), until, _who(period), _reason(period)]
            table.add_row(*_row(*cells))
        console.print(table)
    stages = [one for one in found.stages[:-1] if one.action != "wait"] + [*found.stages[-1:]]
    if stages:
        table = new_table(_title("Stages", stages), "at", "run", "share", "action", "why")
        for stage in stages[-MOST:]:
            share = f"{_share(stage.share)} → {_share(stage.to)}"
            cells = [_when(stage.at), stage.run, share, stage.action, stage.reason]
            table.add_row(*_row(*cells))
        console.print(table)
    if found.watches:
        title = _title("Windows watched", found.watches)
        table = new_table(title, "from", "until", "requests", "p", "what moved")
        for one in found.watches[-MOST:]:
            told = " ".join(["ALARM.", *one.sentences[:2]]) if one.alarm else one.error or ""
            cells = [_when(one.since), _when(one.until), f"{one.requests:,}", f"{one.p_value:.3f}"]
            table.add_row(*_row(*cells, told), style="red" if one.alarm else None)
        console.print(table)
    if found.retunes:
        title = _title("Re-tunes", found.retunes)
        columns = ("at", "serving", "new run", "examples", "decision", "what came of it")
        table = new_table(title, *columns)
        for each in found.retunes[-MOST:]:
            gaps = [f"{one.test} test {_gap(one.difference)}." for one in each.compared]
            told = " ".join(filter(None, (*gaps, each.promoted, each.reason, *each.why[:1])))
            cells = [_when(each.at), each.serving, each.run or "–", f"{each.new_examples:,}"]
            table.add_row(*_row(*cells, each.decision or each.status, told))
        console.print(table)


def _title(name: str, rows: Sequence[object]) -> str:
    more = len(rows) - MOST
    return f"{name} (and {more:,} earlier; --json has them)" if more > 0 else name


def _who(period: Period) -> str:
    def named(one: Answering) -> str:
        return one.run or f"deployment {one.deployment}"

    parts = [
        f"{named(one)} {_share(one.share)}" + (" ★" if one.run == period.champion else "")
        for one in period.answering
    ]
    parts += [f"{named(one)} copies" for one in period.shadows]
    return "\n".join(parts)


def _reason(period: Period) -> str:
    back = f"rolled back to {period.back_to}. " if period.back_to is not None else ""
    if period.applied_at:
        return back + period.reason
    held = "no gateway has seen it yet" if period.until is None else "it never held"
    return f"{back}{period.reason} ({held})"


def _data(console: Console, change: DataChange | None) -> None:
    if change is None:
        say(console, "Both were tuned on the same data set.")
        return
    if change.before and change.after:
        table = new_table("Data sets", "split", change.one, change.other)
        for split in dict.fromkeys([*change.before, *change.after]):
            sizes = [f"{part.get(split, 0):,}" for part in (change.before, change.after)]
            table.add_row(*_row(split, *sizes))
        console.print(table)
    if change.counts is None:
        say(console, f"What differs between them cannot be told: {change.told}")
        return
    counts = ", ".join(f"{n:,} {name}" for name, n in change.counts.items() if n)
    say(console, f"{change.unchanged:,} examples are unchanged; {counts or 'nothing else differs'}")
    say(console, f"Next: burnish data diff {change.one} {change.other} shows them")


def _weighed(title: str, pieces: Sequence[Weighed]) -> Any:
    table = new_table(title, "what", "made", "size", "why")
    for one in pieces:
        of = f" of {one.run}" if one.kind == "export" else ""
        row = (f"{one.kind} {one.id}{of}", _when(one.at), _size(one.bytes), one.why)
        table.add_row(*_row(*row))
    return table


def _faults(console: Console, faults: Iterable[str]) -> None:
    for fault in faults:
        console.print(Text(clean(f"Damaged or gone: {fault}"), style="red"), soft_wrap=True)


def _in_a_line(found: History) -> str:
    complete = [run for run in found.runs if run.status == "complete"]
    line = f"{len(complete)} runs"
    line += f"; champion: {found.champion}" if found.champion else "; nobody answers"
    line += f"; challengers: {', '.join(found.challengers)}" if found.challengers else ""
    alarms = sum(one.alarm for one in found.watches)
    line += f"; {alarms} of {len(found.watches)} windows with an alarm" if found.watches else ""
    return line + (f"; {len(found.faults)} damaged or gone" if found.faults else "")


def _about_run(run: RunLine) -> str:
    """What kind of run it is, in a phrase."""
    base = run.base if len(run.base) <= MOST_OF_BASE else f"…{run.base[1 - MOST_OF_BASE :]}"
    parts = [f"{run.method} on {base}" if base else run.method]
    if run.status != "complete":
        parts.append(f"{run.status}: {run.error}" if run.error else run.status)
    elif run.best_loss is not None:
        parts.append(f"best loss {run.best_loss:.3f}")
    if run.continues:
        parts.append(f"continues {run.continues}")
    if run.weights == "pruned" and run.pruned:
        parts.append(f"weights pruned on {run.pruned.at[:10]}")
    elif run.weights == "missing":
        parts.append("weights gone")
    elif run.weights == "at a provider":
        parts.append("weights at a provider")
    elif run.bytes:
        parts.append(_size(run.bytes))
    return ", ".join(parts)


def _standing(run: RunLine) -> str:
    share = _share(run.share) if run.share else ""
    copies = "copies" if run.shadow else ""
    return " ".join(filter(None, (str(run.role), share, copies)))


def _score(score: Score | None) -> str:
    if score is None:
        return "–"
    form = ".1f" if score.metric == "perplexity" else ".3f"
    return _interval(score.value, score.low, score.high, form)


def _interval(value: float, low: float, high: float, form: str = ".3f") -> str:
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def _gap(difference: Difference) -> str:
    form = "+.1f" if difference.metric == "perplexity" else "+.3f"
    return _interval(difference.value, difference.low, difference.high, form)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _short(text)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_LETTERS else line[: MOST_LETTERS - 1] + "…"


def _when(at: str) -> str:
    """A time to the minute, in UTC, as it stands in the record."""
    return at[:16].replace("T", " ")


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 or not share else f"{share:.2%}"


def _size(n: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000 or unit == "GB":
            break
        n /= 1000
    return f"{n:,.0f} {unit}" if unit == "bytes" else f"{n:,.1f} {unit}"


def _style_of(status: str) -> str:
    return "" if status == "complete" else "red"


def _row(*cells: str) -> list[Text]:
    return [Text(clean(cell)) for cell in cells]
