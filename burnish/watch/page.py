"""watch.html: all windows over time, and what moved in those that raised an alarm.

Reads records; returns the page and writes nothing. Foreign texts are escaped; nothing is fetched.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from markupsafe import Markup

from burnish.pages.templates import templates
from burnish.records import Task, Watch, WatchOutcome

_MOST_ALARMS = 10
_INK = "#123456"  # stands for currentColor, which matplotlib does not know
_CALM, _ALARM, _LEVEL = "#0072b2", "#d55e00", "#7b7b7b"


def watch_page(task: Task, watches: Sequence[Watch], outcome: WatchOutcome) -> str:
    """The page.

    Args:
        watches: all judged windows, oldest first; one at least.
        outcome: of the newest call.
    """
    alarms = [one for one in reversed(watches) if one.alarm]
    return (
        templates("burnish.watch")
        .get_template("watch.html")
        .render(
            task=task,
            watches=list(reversed(watches)),
            newest=watches[-1],
            alarms=alarms[:_MOST_ALARMS],
            more=max(0, len(alarms) - _MOST_ALARMS),
            outcome=outcome,
            timeline=Markup(draw_timeline(watches)),
        )
    )


def draw_timeline(watches: Sequence[Watch]) -> str:
    """An SVG: how surprising each window was, against what would be an alarm, over time.

    Single windows are dots in a line, windows judged together are bars over their span.
    """
    from matplotlib import style
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    singles = [one for one in watches if one.windows == 1]
    wide = [one for one in watches if one.windows > 1]
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        axes = figure.add_subplot()
        for one in wide:
            span = [_day(one.since), _day(one.until)]
            axes.plot(span, [surprise(one)] * 2, color=_ALARM if one.alarm else _CALM,
                      linewidth=3, alpha=0.6, solid_capstyle="butt")  # fmt: skip
        middles = [(_day(one.since) + _day(one.until)) / 2 for one in singles]
        axes.plot(middles, [surprise(one) for one in singles], color=_CALM, linewidth=1)
        for alarm, marker, colour in ((False, "o", _CALM), (True, "D", _ALARM)):
            there = [at for at, one in enumerate(singles) if one.alarm == alarm]
            axes.plot([middles[at] for at in there], [surprise(singles[at]) for at in there],
                      marker, color=colour, markersize=6)  # fmt: skip
        axes.axhline(1, color=_LEVEL, linestyle="--", linewidth=1)
        axes.text(0.01, 1, "alarm above this line", color=_INK, fontsize=9, va="bottom",
                  transform=axes.get_yaxis_transform())  # fmt: skip
        axes.set_ylabel("surprise")
        axes.set_ylim(bottom=0)
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis_date()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        buffer = StringIO()
        unwanted: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=unwanted)
    return buffer.getvalue().replace(_INK, "currentColor").split("?>", 1)[-1]


def _day(at: str) -> float:
    """Days since 1970, as matplotlib counts time."""
    return datetime.fromisoformat(at).timestamp() / 86_400


def surprise(watch: Watch) -> float:
    """log p over log threshold: 1 is the alarm."""
    if not 0 < watch.threshold < 1:
        return 0.0
    return math.log(max(watch.p_value, 1e-12)) / math.log(watch.threshold)


_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "burnish",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
