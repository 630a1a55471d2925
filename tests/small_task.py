"""A workspace with a small task for a tiny base, for tests of what happens around training."""

import json
import random
from pathlib import Path
from typing import Any

from burnish.brief.file import write_brief
from burnish.records import DataSettings, EvaluateSettings, PromptSettings, Task, TrainSettings
from burnish.store import Workspace

WORDS = ["ward", "nurse", "chart", "pulse", "fever", "cough", "sleep", "diet", "walk"]
STEPS = 6
"""Optimiser steps of an epoch, with 60 rows (48 to learn from) in batches of 8."""


def small_workspace(folder: Path, base: Path, *, n: int = 60, **train: Any) -> Workspace:
    """A brief over n notes to be shortened; keywords are settings of training."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(0)
    texts = [" ".join(chance.choices(WORDS, k=8)) + f" {at}" for at in range(n)]
    rows = [{"text": text, "answer": " ".join(text.split()[:2])} for text in texts]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"dtype": "float32", "epochs": 2, "r": 2, "max_length": 300, "save_steps": 4}
    task = Task(
        name="short",
        kind="summarize",
        metric="rougeL",
        base=str(base),
        data=DataSettings(source="rows.jsonl", inputs=("text",), output=("answer",)),
        prompt=PromptSettings(system="Shorten.", template="{text}", shots=1),
        train=TrainSettings(**{**settings, "early_stopping_patience": 0, **train}),
        evaluate=EvaluateSettings(max_new_tokens=8, batch_size=4, resamples=200),
    )
    workspace = Workspace(folder)
    write_brief(workspace.brief, task)
    return workspace
