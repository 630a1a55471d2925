"""The loss picture: what it says, and that it says it in the same bytes each time."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from burnish.errors import TrainingError
from burnish.train.curve import _smoothed, draw_loss_curve

SVG = "{http://www.w3.org/2000/svg}"


def metrics(epochs: int = 3, steps: int = 10) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for step in range(1, epochs * steps + 1):
        epoch = step / steps
        lines.append({"step": step, "epoch": epoch, "loss": 2 / step, "learning_rate": 1e-4})
        if step % steps == 0:
            lines.append({"step": step, "epoch": epoch, "validation_loss": 0.5 + abs(epoch - 2)})
    return lines


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_text_stays_text_and_names_the_axes() -> None:
    found = texts(draw_loss_curve(metrics(), 2))
    assert "epoch (30 optimiser steps)" in found
    assert "loss per answer token (nats)" in found
    assert "training, mean of 5 steps" in found


def test_every_validation_is_labelled_and_the_kept_epoch_is_named() -> None:
    found = texts(draw_loss_curve(metrics(), 2))
    assert found.count("1.500") == 2
    assert found.count("0.500") == 1
    assert "kept: epoch 2" in found


def test_no_epoch_is_marked_when_none_was_kept() -> None:
    assert not [text for text in texts(draw_loss_curve(metrics(), None)) if "kept" in text]


def test_many_validations_keep_only_the_labels_that_matter() -> None:
    found = texts(draw_loss_curve(metrics(epochs=20, steps=2), 2))
    assert {"1.500", "0.500", "18.500"} <= set(found)
    assert "9.500" not in found


def test_same_metrics_same_bytes_without_a_date() -> None:
    first, second = draw_loss_curve(metrics(), 2), draw_loss_curve(metrics(), 2)
    assert first == second
    assert "<metadata" not in first


def test_ink_follows_the_page() -> None:
    svg = draw_loss_curve(metrics(), 2)
    assert "currentColor" in svg
    assert "#123456" not in svg


def test_a_resumed_run_draws_the_later_line_of_a_repeated_step() -> None:
    repeated = metrics()
    repeated.insert(5, {"step": 3, "epoch": 0.3, "loss": 99.0, "learning_rate": 1e-4})
    repeated.append({"step": 3, "epoch": 0.3, "loss": 2 / 3, "learning_rate": 1e-4})
    assert draw_loss_curve(repeated, 2) == draw_loss_curve(metrics(), 2)


def test_losses_that_are_not_finite_leave_gaps_that_are_counted() -> None:
    broken = metrics()
    broken[0]["loss"] = float("nan")
    assert "epoch (30 optimiser steps; 1 without a finite loss)" in texts(
        draw_loss_curve(broken, 2)
    )


@pytest.mark.parametrize("lines", [metrics(1, 1), metrics(1, 1)[:1], metrics(1, 1)[1:]])
def test_one_step_is_enough(lines: list[dict[str, Any]]) -> None:
    assert ET.fromstring(draw_loss_curve(lines, 1)).tag == f"{SVG}svg"


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(TrainingError, match="1 lines, but none with a finite loss"):
        draw_loss_curve([{"step": 1, "epoch": 0.1, "loss": float("nan")}], None)


def test_smoothing_neither_lags_nor_bends_a_straight_line() -> None:
    line = [float(value) for value in range(30)]
    assert _smoothed(line, 7) == pytest.approx(line)
    assert _smoothed([0.0, 3.0, 0.0], 3) == pytest.approx([0.0, 1.0, 0.0])


def test_the_module_imports_neither_matplotlib_nor_torch() -> None:
    code = (
        "import sys, burnish.train.curve; "
        "sys.exit(bool({'matplotlib', 'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
