"""What is known before training: the mask that is shown, the warnings, and where it is written."""

from pathlib import Path
from typing import Any

import pytest
from small_task import small_workspace

from burnish import pipeline
from burnish.base.energy import power_limit
from burnish.chat.render import Encoded
from burnish.cli.main import main
from burnish.records import (
    Cost,
    DataSettings,
    Event,
    LicenceVerdict,
    MemoryEstimate,
    Preflight,
    Run,
    Task,
    TrainSettings,
)
from burnish.train.preflight import make_preflight, write_preflight
from burnish.train.splits import RenderedSplit, RenderedSplits

COST = Cost(device="a CPU", available_gib=8.0, energy="not measurable here")


def encoded(prompt: int, answer: int, *, end: bool = True) -> Encoded:
    ids = [*range(100, 100 + prompt), *range(200, 200 + answer), 9]
    trained = [False] * prompt + [True] * answer + [end]
    return Encoded(ids, trained, truncated=prompt > 50)


def split(examples: list[Encoded], untrained: int = 0) -> RenderedSplit:
    return RenderedSplit(
        ids=tuple(f"e{at}" for at in range(len(examples))),
        examples=examples,
        truncated=tuple(f"e{at}" for at, one in enumerate(examples) if one.truncated),
        untrained=tuple(f"u{at}" for at in range(untrained)),
    )


def flight(
    examples: list[Encoded], *, untrained: int = 0, cost: Cost = COST, **settings: Any
) -> Preflight:
    task = Task(
        name="t", kind="generate", metric="chrf", data=DataSettings(source="x.csv"),
        train=TrainSettings(**{"epochs": 20, **settings}),
    )  # fmt: skip
    splits = RenderedSplits(split(examples, untrained), split(examples[:1]), "", "d")
    return make_preflight(
        task, splits, decode=lambda ids: " ".join(map(str, ids)), licence=None, cost=cost
    )


SOUND = [encoded(prompt, 3) for prompt in (7, 5, 30, 6, 8)]


def test_the_shortest_the_median_and_the_longest_are_shown_with_their_mask() -> None:
    made = flight(SOUND)
    assert [(each.which, each.id, each.tokens) for each in made.shown] == [
        ("shortest", "e1", 9), ("median", "e0", 11), ("longest", "e2", 34),
    ]  # fmt: skip
    assert [(piece.text, piece.trained) for piece in made.shown[0].pieces] == [
        ("100 101 102 103 104", False),
        ("200 201 202 9", True),
    ]
    assert made.shown[0].trained_tokens == 4
    assert made.shown[0].end_token == "9"
    assert made.steps == 20
    assert made.warnings == ()
    assert [len(flight(SOUND[:n]).shown) for n in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learning_rate": 0.1}, "learning rate of 0.1 lies above what is usual for adapters"),
        ({"learning_rate": 1e-6}, "lies below"),
        ({"epochs": 1}, "There are 1 optimiser steps in all"),
        ({"untrained": 2}, "2 of 8 examples are left out"),
        (
            {"cost": COST.model_copy(update={"memory": MemoryEstimate(weights=9.0)})},
            "needs about 9.0 GiB and a CPU has 8.0",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_looks_odd_is_said(settings: dict[str, Any], words: str) -> None:
    assert any(words in warning for warning in flight(SOUND, **settings).warnings)


def test_cut_inputs_and_an_untrained_end_are_said() -> None:
    made = flight([*SOUND, encoded(60, 3)])
    assert any("2 of 7 examples" in warning or "cut" in warning for warning in made.warnings)
    assert made.shown[-1].truncated
    endless = flight([encoded(5, 3, end=False)])
    assert endless.shown[0].end_token is None
    assert any("may not learn to end" in warning for warning in endless.warnings)


def test_the_page_marks_what_is_trained_and_escapes_the_rest(tmp_path: Path) -> None:
    made = flight(SOUND).model_copy(
        update={
            "licence": LicenceVerdict(licence="x", name="<b>", use="any", allowed="conditions"),
            "cost": COST.model_copy(update={"seconds": 600.0, "watt_hours": 3.25}),
        }
    )
    page = write_preflight(tmp_path, made).read_text()
    assert "<mark>200 201 202 9</mark>" in page
    assert "&lt;b&gt;" in page
    assert "about 10 min" in page
    assert "at most 3.2 Wh" in page


def test_power_is_told_only_where_the_system_tells_it(tmp_path: Path) -> None:
    assert power_limit(tmp_path) is None
    for number, name in enumerate(("package-0", "package-1", "psys")):
        zone = tmp_path / f"intel-rapl:{number}"
        zone.mkdir()
        (zone / "name").write_text(f"{name}\n")
        (zone / "constraint_0_power_limit_uw").write_text("65000000\n")
    part = tmp_path / "intel-rapl:0:0"
    part.mkdir()
    assert power_limit(tmp_path) == 130.0
    (tmp_path / "intel-rapl:1" / "constraint_0_power_limit_uw").unlink()
    assert power_limit(tmp_path) is None


def test_a_dry_run_trains_nothing_and_the_run_takes_its_place(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = small_workspace(tmp_path, tiny_base, epochs=1, learning_rate=0.01)
    with pytest.raises(SystemExit) as end:
        main(["train", "--dry-run", "-w", str(tmp_path)])
    out = capsys.readouterr().out
    assert end.value.code in (0, None)
    assert "«" in out
    assert "<|im_end|>»" in out
    assert "energy: " in out
    assert "learning rate of 0.01 lies above" in out
    assert workspace.records(Run) == []
    (page,) = tmp_path.glob("runs/*/preflight.html")
    events: list[Event] = []
    run = pipeline.run_train(workspace, progress=events.append)
    assert workspace.path(run, "preflight.html") == page
    (shown,) = [event.preflight for event in events if event.preflight]
    assert shown.train_examples == run.train_examples
    assert shown.trained_tokens == run.trained_tokens
    assert shown.steps == run.steps
    assert shown.cost.memory is not None
    assert shown.cost.memory.total > 0
