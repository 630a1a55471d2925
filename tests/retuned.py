"""A workspace whose run serves, and examples that were gathered since: for tests of re-tuning.

    place = served(tmp_path, base)
    gather(place, 60, label="c")

A tiny model learns the task for real: three kinds of words, one label each.
"""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from burnish import pipeline
from burnish.brief.file import read_brief, write_brief
from burnish.records import (
    CheckSettings,
    DataSettings,
    EvaluateSettings,
    Example,
    Gathered,
    PromptSettings,
    RetuneSettings,
    ServeSettings,
    Task,
    TrainSettings,
)
from burnish.store import Workspace
from burnish.store.files import append_lines

WORDS = {
    "a": ["ward", "nurse", "chart", "fever"],
    "b": ["ship", "sail", "rope", "deck"],
    "c": ["disk", "byte", "chip", "code"],
}
ENGINE = "openai-compatible:http://127.0.0.1:9/v1:m"


def text(chance: random.Random, label: str, at: int) -> str:
    """A text of a label, unlike all others."""
    return " ".join(chance.choices(WORDS[label], k=4)) + f" {at}"


def served(folder: Path, base: Path, *, report: bool = True, **train: Any) -> Workspace:
    """A run on labels a and b that answers all requests, at a server of another's.

    Args:
        report: it was evaluated before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(0)
    labels = [chance.choice("ab") for _ in range(120)]
    rows = [{"text": text(chance, one, at), "label": one} for at, one in enumerate(labels)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "method": "full", "learning_rate": 3e-3, "epochs": 6, "dtype": "float32",
        "max_length": 200, "early_stopping_patience": 0, "save_steps": 10,
    }  # fmt: skip
    task = Task(
        name="sort",
        kind="classify",
        metric="accuracy",
        base=str(base),
        data=DataSettings(
            source="rows.jsonl", inputs=("text",), output=("label",),
            train_fraction=0.5, validation_fraction=0.15, test_fraction=0.35,
        ),
        checks=CheckSettings(near_duplicates="off", label_errors="off"),
        prompt=PromptSettings(system="Sort:\n- a\n- b", template="{text}", shots=1),
        train=TrainSettings.model_validate(settings | train),
        evaluate=EvaluateSettings(
            max_new_tokens=8, batch_size=16, resamples=300, systems=("zero-shot", "tuned")
        ),
        serve=ServeSettings(
            engine=ENGINE, consent="examples may leave this machine for 127.0.0.1"
        ),
        retune=RetuneSettings(least_examples=20, stage_requests=40, most_loss=0.2),
    )  # fmt: skip
    place = Workspace(folder)
    write_brief(place.brief, task)
    (pipeline.run_evaluate if report else pipeline.run_train)(place)
    pipeline.promote(place, None, overrule="a test")
    return place


def gather(place: Workspace, n: int, *, label: str = "c", says: str = "", start: int = 0) -> None:
    """Examples that a person settled, one a minute.

    Args:
        label: what their words belong to.
        says: what the person said instead; random labels where it is "?".
    """
    chance = random.Random(start)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    lines = []
    for at in range(start, start + n):
        right = chance.choice("abc") if says == "?" else says or label
        when = (first + timedelta(minutes=at)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        example = Example(
            id=f"exchange:ex-{at}", source="gathered.jsonl", row=at + 1,
            inputs={"text": text(chance, label, 1000 + at)}, answer=right, references=(right,),
            labels=(right,), time=when,
        )  # fmt: skip
        lines.append(
            Gathered(example=example, exchange=f"ex-{at}", at=when, by="person", taken_at=when)
        )
    append_lines(place.gathered, lines)


def set_brief(place: Workspace, section: str, **values: Any) -> None:
    """Change some keys of a section of the brief."""
    task = read_brief(place.brief)
    changed = getattr(task, section).model_copy(update=values)
    write_brief(place.brief, task.model_copy(update={section: changed}))
