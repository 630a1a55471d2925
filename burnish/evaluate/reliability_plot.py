"""The reliability plot: how sure the answers of a system were, and how often they were right.

Reads a reliability; returns SVG for the report and writes nothing.
"""

import xml.etree.ElementTree as ET

from markupsafe import Markup

from burnish.records import Reliability

SIZE, EDGE = 260, 34
"""Pixels of the square, and of the margin that holds its numbers."""


def draw_reliability(name: str, reliability: Reliability) -> Markup:
    """A dot for each bin with answers, its area by their number; on the diagonal is calibrated."""
    svg = ET.Element(
        "svg",
        {
            "class": "reliability", "role": "img",
            "viewBox": f"0 0 {SIZE + 2 * EDGE} {SIZE + 2 * EDGE}",
            "aria-label": _said(name, reliability),
        },
    )  # fmt: skip
    for step in (0.0, 0.5, 1.0):
        _line(svg, "grid", _x(step), _y(0), _x(step), _y(1))
        _line(svg, "grid", _x(0), _y(step), _x(1), _y(step))
        _text(svg, _x(step), _y(0) + 18, f"{step:g}", "middle")
        _text(svg, _x(0) - 8, _y(step) + 4, f"{step:g}", "end")
    _line(svg, "diagonal", _x(0), _y(0), _x(1), _y(1))
    for each in reliability.bins:
        if each.n:
            radius = 3 + 12 * (each.n / reliability.n) ** 0.5
            place = {"cx": f"{_x(each.confidence):.1f}", "cy": f"{_y(each.right):.1f}"}
            dot = ET.SubElement(svg, "circle", place | {"r": f"{radius:.1f}"})
            title = ET.SubElement(dot, "title")
            title.text = (
                f"{each.n} answers, probability {each.confidence:.2f}, right {each.right:.2f}"
            )
    _text(svg, _x(0.5), _y(0) + 32, "probability", "middle")
    _text(svg, _x(0), _y(1) - 10, "share right", "middle")
    return Markup(ET.tostring(svg, encoding="unicode"))


def _said(name: str, reliability: Reliability) -> str:
    bins = "; ".join(
        f"{each.confidence:.2f} sure, {each.right:.2f} right, {each.n} answers"
        for each in reliability.bins
        if each.n
    )
    return f"Reliability of {name}: {bins}."


def _x(share: float) -> float:
    return EDGE + share * SIZE


def _y(share: float) -> float:
    return EDGE + (1 - share) * SIZE


def _line(parent: ET.Element, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
    ends = {"x1": f"{x1:g}", "y1": f"{y1:g}", "x2": f"{x2:g}", "y2": f"{y2:g}"}
    ET.SubElement(parent, "line", {"class": kind, **ends})


def _text(parent: ET.Element, x: float, y: float, text: str, anchor: str) -> None:
    element = ET.SubElement(parent, "text", {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor})
    element.text = text
