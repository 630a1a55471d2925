"""The report page: one HTML file that shows a verdict and everything it rests on.

Reads the records of all steps and the answered examples; returns the page as text and writes
nothing. The page needs no network: its style, script, pictures and answers stand inside it.
"""

import base64
import hashlib
import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any, NamedTuple

from markupsafe import Markup

from burnish.errors import EvaluationError
from burnish.evaluate.judged import judge_figures, people_figures
from burnish.evaluate.reliability_plot import draw_reliability
from burnish.pages.templates import templates
from burnish.records import (
    AnsweredExample,
    BaseChoice,
    Dataset,
    Difference,
    JudgeReport,
    LabelScore,
    PassMark,
    PeopleReport,
    Report,
    Run,
    Score,
    SystemResult,
    Task,
)

LOWER_IS_BETTER = frozenset({"contradicted", "perplexity"})
MOST_LABELS_IN_MATRIX = 12
MOST_CONFUSIONS = 20
MOST_SLICES = 40
ROW = 50  # pixels of the score chart that one system takes


def render_report(
    *,
    task: Task,
    report: Report,
    dataset: Dataset,
    run: Run,
    base: BaseChoice,
    answers: list[AnsweredExample],
    loss_svg: str,
    judge: JudgeReport | None = None,
    people: PeopleReport | None = None,
) -> str:
    """The whole page as HTML text; the same records give the same bytes.

    Args:
        report: with a verdict and a tuned system. Its `hash` may still be None.
        answers: every example of the test split, in the order to show; they stand in the page as
            JSON (`<script id="answers">`), each as `AnsweredExample` dumps it without defaults.
        loss_svg: the loss picture of `run`, as `draw_loss_curve` made it; "" leaves it out.
        judge, people: what they said about the answers since, where they did.

    Raises:
        EvaluationError: when the report has no verdict or no tuned score to show, or when
            `loss_svg` is not an SVG without scripts.
    """
    tuned = next((system for system in report.systems if system.name == "tuned"), None)
    if report.verdict is None or tuned is None or report.metric not in tuned.scores:
        raise EvaluationError(
            f"Report {report.id} has no verdict with a tuned {report.metric} to show.",
            hint="burnish evaluate",
        )
    environment = templates("burnish.evaluate")
    environment.filters |= FILTERS
    return environment.get_template("report.html").render(
        task=task,
        report=report,
        dataset=dataset,
        run=run,
        base=base,
        verdict=report.verdict,
        tuned=tuned,
        metrics=all_metrics(report),
        lower_is_better=LOWER_IS_BETTER,
        best=_best(report),
        chart=_score_chart(report, report.verdict.mark),
        per_label=_weakest_first(tuned.per_label),
        other_f1=_other_f1(report),
        matrix=_matrix(tuned, dataset.labels),
        most_slices=MOST_SLICES,
        confusions=_confusions(tuned)[:MOST_CONFUSIONS],
        confusion_count=len(_confusions(tuned)),
        calibrated=[system for system in report.systems if system.reliability],
        plots=[
            (system.name, draw_reliability(system.name, system.reliability))
            for system in report.systems
            if system.reliability
        ],
        written=[system for system in report.systems if system.writing],
        loss_svg=_inline_svg(loss_svg),
        answers=_script_json("[" + ",\n".join(map(_dump, answers)) + "]"),
        answer_count=len(answers),
        monospaced=task.kind in ("classify", "extract"),
        judge=judge,
        people=people,
        judge_figures=judge_figures(judge) if judge else [],
        people_figures=people_figures(people) if people else [],
        settings=_settings(run),
        other_versions=_other_versions(report, run),
    )


class Cell(NamedTuple):
    """One cell of the confusion matrix: a count, its share of the row, and whether it is right."""

    times: int
    share: float
    right: bool


class Matrix(NamedTuple):
    """References down, predictions across; the last column may gather answers that are no label."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    elsewhere: bool


class Confusion(NamedTuple):
    """A pair of labels that was mixed up, and its share of the reference's examples."""

    reference: str
    prediction: str
    times: int
    share: float


def all_metrics(report: Report) -> list[str]:
    """Every metric any system has, the primary one first."""
    found = (metric for system in report.systems for metric in system.scores)
    return list(dict.fromkeys([report.metric, *found]))


def _best(report: Report) -> set[tuple[str, str]]:
    """(system, metric) of the best scores as printed, where several systems have the metric."""
    best = set()
    for metric in all_metrics(report):
        values = {s.name: s.scores[metric].value for s in report.systems if metric in s.scores}
        if len(values) > 1:
            top = min(values.values()) if metric in LOWER_IS_BETTER else max(values.values())
            shown = _number(top, metric)
            best |= {(name, metric) for name in values if _number(values[name], metric) == shown}
    return best


def _number(value: float, metric: str = "") -> str:
    return f"{value:.1f}" if metric == "perplexity" else f"{value:.3f}"


def _interval(score: Score | Difference) -> str:
    return f"[{_number(score.low, score.metric)}, {_number(score.high, score.metric)}]"


def _signed(value: float, metric: str) -> str:
    return ("+" if value > 0 else "−" if value < 0 else "±") + _number(abs(value), metric)


def _signed_interval(difference: Difference) -> str:
    ends = (_signed(end, difference.metric) for end in (difference.low, difference.high))
    return f"[{', '.join(ends)}]"


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _outcome(difference: Difference) -> str:
    """In a word, what the interval of a difference says about the tuned system."""
    if difference.low <= 0 <= difference.high:
        return "undecided"
    return "better" if (difference.low > 0) != (difference.metric in LOWER_IS_BETTER) else "worse"


def _pass_mark(mark: PassMark) -> str:
    if mark.over is None:
        return "a fixed score"
    return (
        f"{mark.at_least * 100:g}% above {mark.over}" if mark.at_least else f"that of {mark.over}"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def _cost(cost: float | None) -> str:
    return "unknown" if cost is None else f"{cost:,.2f}" if cost >= 1 else f"{cost:.4f}"


def _millions(count: int) -> str:
    return f"{count / 1e9:.2f} billion" if count >= 1e9 else f"{count / 1e6:.1f} million"


def _score_chart(report: Report, mark: float) -> Markup:
    """The primary metric of each system as a dot with whiskers, and the pass mark as a line.

    Horizontal positions are percentages, so the chart fits any width at one size of type.
    """
    scored = [s for s in report.systems if report.metric in s.scores]
    scores = [s.scores[report.metric] for s in scored]
    ticks = _ticks(min(mark, *(s.low for s in scores)), max(mark, *(s.high for s in scores)))

    def x(value: float) -> str:
        return f"{100 * (value - ticks[0]) / (ticks[-1] - ticks[0]):.2f}%"

    floor = ROW * len(scored) + 22
    svg = ET.Element("svg", {"class": "chart", "role": "img", "height": str(floor + 24)})
    said = [
        f"{s.name} {_number(c.value)} {_interval(c)}" for s, c in zip(scored, scores, strict=True)
    ]
    svg.set("aria-label", f"{report.metric}: {'; '.join(said)}; pass mark {_number(mark)}.")
    decimals = max(len(f"{tick:g}".partition(".")[2]) for tick in ticks)
    for tick in ticks:
        _line(svg, "grid", x(tick), x(tick), 22, floor)
        _text(svg, "tick", x(tick), floor + 17, f"{tick:.{decimals}f}")
    _line(svg, "mark", x(mark), x(mark), 18, floor)
    share = (mark - ticks[0]) / (ticks[-1] - ticks[0])
    side = "start" if share < 0.2 else "end" if share > 0.8 else "middle"
    _text(svg, f"mark {side}", x(mark), 11, f"pass mark {_number(mark)}")
    for place, (system, score) in enumerate(zip(scored, scores, strict=True)):
        top = 22 + ROW * place
        group = ET.SubElement(svg, "g", {"class": "tuned" if system.name == "tuned" else "other"})
        label = _text(group, "name", "0", top + 17, f"{system.name}  ")
        number = ET.SubElement(label, "tspan", {"class": "value"})
        number.text = f"{_number(score.value)} {_interval(score)}"
        _line(group, "whisker", x(score.low), x(score.high), top + 29, top + 29)
        for end in (score.low, score.high):
            _line(group, "whisker", x(end), x(end), top + 24, top + 34)
        ET.SubElement(group, "circle", {"cx": x(score.value), "cy": str(top + 29), "r": "6"})
    return Markup(ET.tostring(svg, encoding="unicode"))


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers at even steps that enclose both, at least 0.05 apart: three to seven."""
    low = max(0.0, min(low, high - 0.05))
    high = max(high, low + 0.05)
    rough = (high - low) / 5
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(size * magnitude for size in (1, 2, 5, 10) if size * magnitude >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 9) for place in range(first, last + 1)]


def _line(parent: ET.Element, kind: str, x1: str, x2: str, y1: int, y2: int) -> None:
    ends = {"x1": x1, "x2": x2, "y1": str(y1), "y2": str(y2)}
    ET.SubElement(parent, "line", {"class": kind, **ends})


def _text(parent: ET.Element, kind: str, x: str, y: int, text: str) -> ET.Element:
    element = ET.SubElement(parent, "text", {"class": kind, "x": x, "y": str(y)})
    element.text = text
    return element


def _weakest_first(labels: tuple[LabelScore, ...]) -> list[LabelScore]:
    return sorted(labels, key=lambda score: (score.f1, score.label))


def _other_f1(report: Report) -> dict[str, dict[str, float]]:
    """Other system → label → F1."""
    others = (system for system in report.systems if system.name != "tuned" and system.per_label)
    return {system.name: {score.label: score.f1 for score in system.per_label} for system in others}


def _matrix(tuned: SystemResult, labels: tuple[str, ...]) -> Matrix | None:
    """The confusion matrix, or None where there is none or it would be too wide to read."""
    columns = tuple(sorted({*labels, *tuned.confusion}))
    if not tuned.confusion or len(columns) > MOST_LABELS_IN_MATRIX:
        return None
    elsewhere = any(
        p not in columns and n for row in tuned.confusion.values() for p, n in row.items()
    )
    rows = []
    for reference in columns:
        counts = tuned.confusion.get(reference, {})
        total = sum(counts.values())
        cells = [
            Cell(counts.get(label, 0), counts.get(label, 0) / max(total, 1), label == reference)
            for label in columns
        ]
        if elsewhere:
            strays = total - sum(cell.times for cell in cells)
            cells.append(Cell(strays, strays / max(total, 1), False))
        rows.append((reference, tuple(cells)))
    return Matrix(columns, tuple(rows), elsewhere)


def _confusions(tuned: SystemResult) -> list[Confusion]:
    """Every pair of labels that was mixed up, the most frequent first."""
    pairs = [
        Confusion(reference, prediction, count, count / sum(row.values()))
        for reference, row in tuned.confusion.items()
        for prediction, count in row.items()
        if count and prediction != reference
    ]
    return sorted(pairs, key=lambda pair: (-pair.times, pair.reference, pair.prediction))


def _inline_svg(svg: str) -> Markup | None:
    """The picture without XML's prologue, as it may stand in HTML."""
    if not svg:
        return None
    try:
        root = ET.fromstring(svg)
    except ET.ParseError as error:
        raise EvaluationError(f"The loss picture is not an SVG: {error}.") from error
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    attributes = {name for element in root.iter() for name in element.attrib}
    if "script" in names or any(name.lower().startswith("on") for name in attributes):
        raise EvaluationError("The loss picture holds a script, so it is not one of Burnish's.")
    return Markup(svg[svg.index("<svg") :])


def _dump(example: AnsweredExample) -> str:
    return example.model_dump_json(exclude_defaults=True)


def _script_json(text: str) -> Markup:
    """JSON that can neither end its script element nor open another, and still parses the same."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _script_hash(script: str) -> str:
    """A script as a Content-Security-Policy names it; no other script of the page will run."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _settings(run: Run) -> list[tuple[str, Any, str]]:
    """(name, value, description) of each training setting that was used."""
    fields = type(run.settings).model_fields
    names = ("epochs",) if run.provider else tuple(fields)
    return [(name, getattr(run.settings, name), fields[name].description or "") for name in names]


def _other_versions(report: Report, run: Run) -> dict[str, str]:
    """Packages whose version was another one when the adapter was trained."""
    return {k: v for k, v in run.packages.items() if report.packages.get(k, v) != v}


FILTERS: dict[str, Callable[..., Any]] = {
    "number": _number,
    "interval": _interval,
    "signed": _signed,
    "signed_interval": _signed_interval,
    "p_value": _p_value,
    "outcome": _outcome,
    "pass_mark": _pass_mark,
    "seconds": _seconds,
    "cost": _cost,
    "millions": _millions,
    "script_hash": _script_hash,
}
