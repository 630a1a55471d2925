"""Progress of the steps on standard error: live bars at a terminal, plain lines elsewhere.

Reads Events; writes a line per step that changes in place, or a few lines per step.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import Progress as Bars
from rich.progress import (
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Column
from rich.text import Text

from burnish.cli.show import clean
from burnish.cli.show_preflight import show_preflight
from burnish.records import Preflight
from burnish.records.event import Event, Progress, silent

FIRST_LINE_AFTER = 5.0
"""Seconds until a plain step's first line in between; each further one takes twice as long."""


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[Progress]:
    """A Progress that shows events on standard error while the block runs."""
    if quiet:
        yield silent
        return
    console = Console(file=sys.stderr, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines(
            lambda line: print(line, file=sys.stderr, flush=True),
            picture=lambda flight: show_preflight(console, flight),
        )
        return
    with live(console) as progress:
        yield progress


class Lines:
    """Progress as plain lines: the start and the end of each step, and about ten in three hours.

    Args:
        write: takes one line without its end.
        clock: seconds.
        picture: shows what is known before training.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        picture: Callable[[Preflight], None] | None = None,
    ) -> None:
        self._write = write
        self._picture = picture
        self._clock = clock
        self._started: dict[str, float] = {}
        self._wait: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Write the event's line, if it is due."""
        now = self._clock()
        first = event.step not in self._started
        began = self._started.setdefault(event.step, now)
        wait = self._wait.setdefault(event.step, FIRST_LINE_AFTER)
        if event.preflight and self._picture:
            self._picture(event.preflight)
        elif event.notice:
            self._write(f"{event.step}: {_summary(event)}")
        elif event.finished:
            took = "" if event.skipped else f" ({_duration(now - began)})"
            self._write(f"{event.step}: {_summary(event)}{took}")
            del self._started[event.step], self._wait[event.step]
        elif first:
            self._write(f"{event.step}: {_summary(event)}")
        elif now - began >= wait:
            self._wait[event.step] = 2 * (now - began)
            share = f"{event.done / event.total:.0%}, " if event.total else ""
            self._write(f"{event.step}: {share}{_summary(event)}")


@contextmanager
def live(console: Console) -> Iterator[Progress]:
    """A line per step that changes in place; an unfinished one is marked when the block fails."""
    spinner = "dots" if console.encoding.startswith("utf") else "line"
    bars = Bars(
        _Mark(spinner),
        TextColumn("{task.fields[step]}", markup=False),
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(ratio=1, overflow="fold"),
        ),
        _Bar(),
        TimeElapsedColumn(),
        console=console,
        expand=True,
        refresh_per_second=5,
    )
    tasks: dict[str, TaskID] = {}

    def progress(event: Event) -> None:
        if event.preflight:
            show_preflight(console, event.preflight)
            return
        if event.notice:
            console.print(Text(f"{event.step}: {_summary(event)}", style="yellow"))
            return
        if event.step not in tasks:
            tasks[event.step] = bars.add_task("", total=None, step=event.step, mark="", share=None)
        mark, share = "", event.done / event.total if event.total else None
        if event.finished:
            mark, share = "–" if event.skipped else "✓", None
        summary = _summary(event, curve=console.encoding.startswith("utf"))
        bars.update(tasks[event.step], description=summary, mark=mark, share=share)
        if event.finished:
            bars.update(tasks[event.step], total=1, completed=1)

    with bars:
        try:
            yield progress
        except BaseException:
            for task in bars.tasks:
                if not task.fields["mark"]:
                    bars.update(task.id, mark="✗")
                    bars.stop_task(task.id)
            raise


class _Mark(ProgressColumn):
    """A spinner, or the mark of a step that ended."""

    def __init__(self, spinner: str) -> None:
        super().__init__()
        self._spinner = Spinner(spinner)

    def render(self, task: Task) -> RenderableType:
        """The first cell of a step's line."""
        mark = str(task.fields["mark"])
        if not mark:
            return self._spinner.render(task.get_time())
        return Text(mark, style={"✓": "green", "✗": "red"}.get(mark, "dim"))


class _Bar(ProgressColumn):
    """A bar for work that is under way and whose end is known."""

    def render(self, task: Task) -> ProgressBar | Text:
        """The bar cell of a step's line."""
        share = task.fields["share"]
        return Text() if share is None else ProgressBar(total=1, completed=share, width=10)


def _summary(event: Event, curve: bool = False) -> str:
    """The event in a line; the curve of the losses, where it has one, only if it can be drawn."""
    figures = {name: value for name, value in event.figures.items() if curve or name != "curve"}
    parts = [event.message]
    parts += [value if name == "curve" else f"{name} {value}" for name, value in figures.items()]
    if event.skipped:
        parts.append("unchanged, not repeated")
    return clean(" · ".join(part for part in parts if part)).replace("\n", " ")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    minutes = f"{rest // 60}:{rest % 60:02}"
    return f"{hours}:{minutes:0>5}" if hours else minutes
