"""A run killed at random moments ends in the same records as an undisturbed one."""

import json
import random
import subprocess
import sys
from pathlib import Path

from burnish.brief.file import write_brief
from burnish.records import DataSettings, EvaluateSettings, PromptSettings, Task, TrainSettings

TESTS = Path(__file__).parents[1]
KILLS = 10


def test_ten_kills_end_in_the_same_record_hashes(tmp_path: Path) -> None:
    from tiny import save_tiny_base

    base = save_tiny_base(tmp_path / "base")
    chance = random.Random(1)
    words = ["ward", "nurse", "chart", "pulse", "fever", "cough", "sleep", "diet", "walk"]
    notes = [" ".join(chance.choices(words, k=12)) for _ in range(60)]
    (tmp_path / "notes.csv").write_text(
        "note,summary\n" + "".join(f"{note},{' '.join(note.split()[:3])}\n" for note in notes)
    )
    task = Task(
        name="killed",
        kind="summarize",
        metric="rougeL",
        base=str(base),
        data=DataSettings(source="../notes.csv", inputs=("note",), output=("summary",)),
        prompt=PromptSettings(system="Shorten.", template="{note}", shots=1),
        train=TrainSettings(epochs=2, save_steps=4, batch_size=4),
        evaluate=EvaluateSettings(max_new_tokens=48, batch_size=2, resamples=200),
    )
    write_brief(tmp_path / "brief" / "burnish.yaml", task)
    done = subprocess.run(
        [sys.executable, str(TESTS / "killing.py"), str(tmp_path), str(KILLS)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(result["left"]))
    assert len(result["left"]) == KILLS
    assert any("Report" not in left and left.get("Run") == "started" for left in result["left"])
    assert [[record[0] for record in records] for records in result["calm"].values()] == [
        ["complete"]
    ] * 4
    for workspace in result["killed"]:
        assert workspace == result["calm"]
