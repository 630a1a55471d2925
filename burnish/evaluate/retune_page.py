"""A re-tune in Markdown: why, what it should bring, what it came to, and what comes next.

Reads a Retune record; returns the text and writes nothing.
"""

from burnish.evaluate.markdown import environment
from burnish.evaluate.verdict import METRIC_NAMES
from burnish.records import Difference, Retune, Score


def render_retune(retune: Retune) -> str:
    """The whole text; the same record gives the same bytes."""
    made = environment()
    made.filters |= {"scored": _scored, "gap": _gap}
    gain = retune.gain
    return made.get_template("retune.md.jinja").render(
        retune=retune,
        metric=METRIC_NAMES.get(retune.metric, retune.metric),
        curve=list(zip(gain.sizes, gain.scores, strict=True)) if gain else [],
    )


def _scored(score: Score) -> str:
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def _gap(difference: Difference) -> str:
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
