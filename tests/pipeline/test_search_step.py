"""Searches and seeds over a tiny base, and a proposal written into the brief."""

from pathlib import Path

import pytest
from small_task import small_workspace

from burnish import pipeline
from burnish.brief.edit import set_values
from burnish.brief.file import read_brief
from burnish.cli.main import main
from burnish.errors import BriefError
from burnish.records import Run
from burnish.store import Workspace

BRIEF = """\
# mine
name: a
kind: generate
metric: chrf
data: {{source: x.csv, inputs: text, output: label}}
{train}
# the end
"""


def written(folder: Path, train: str) -> Path:
    path = folder / "burnish.yaml"
    path.write_text(BRIEF.format(train=train))
    return path


def test_values_change_in_place_and_all_else_stays(tmp_path: Path) -> None:
    train = "train:\n    # why\n    epochs: 4   # four\n    learning_rate: 1.0e-3\n"
    path = written(tmp_path, train)
    set_values(path, {"train.learning_rate": 3e-5, "train.epochs": 2, "train.r": 8})
    wanted = BRIEF.format(
        train="train:\n    # why\n    r: 8\n    epochs: 2   # four\n    learning_rate: 3.0e-05\n"
    )
    assert path.read_text() == wanted
    settings = read_brief(path).train
    assert (settings.learning_rate, settings.epochs, settings.r) == (3e-5, 2, 8)


def test_a_missing_section_is_added_and_one_in_braces_is_left(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    set_values(path, {"train.epochs": 7})
    assert read_brief(path).train.epochs == 7
    path = written(tmp_path, "train: {epochs: 1}")
    before = path.read_text()
    with pytest.raises(BriefError, match="lines of its own") as refused:
        set_values(path, {"train.epochs": 7})
    assert refused.value.faults == ("train.epochs: 7",)
    assert path.read_text() == before


def test_a_search_shares_nothing_with_the_run_and_its_proposal_is_taken(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = small_workspace(tmp_path, tiny_base, epochs=1)
    report = pipeline.run_search(workspace, trials=3)
    assert [trial.number for trial in report.trials] == [1, 2, 3]
    assert workspace.records(Run) == []
    inner = Workspace(workspace.search(report.id))
    assert len(inner.records(Run)) == 3
    assert (inner.folder / "search.json").exists()
    with pytest.raises(SystemExit) as end:
        main(["train", "--search", "3", "--take", "-w", str(tmp_path)])
    assert end.value.code in (0, None)
    out = capsys.readouterr().out
    assert "(the brief)" in out
    assert f"Written to {workspace.brief}" in out
    settings = read_brief(workspace.brief).train
    assert report.best is not None
    assert (settings.learning_rate, settings.r) == (report.best.learning_rate, report.best.r)
    again = pipeline.run_search(workspace, trials=3)
    assert again.trials == report.trials  # the taken settings go on with the same search


def test_no_minutes_leave_no_trial(tmp_path: Path, tiny_base: Path) -> None:
    report = pipeline.run_search(small_workspace(tmp_path, tiny_base), trials=2, minutes=0)
    assert report.out_of_time
    assert report.trials == ()
    assert report.best is None


def test_seeds_are_runs_on_the_same_data(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = small_workspace(tmp_path, tiny_base, epochs=1)
    report = pipeline.run_seeds(workspace, seeds=2)
    assert report.seeds == (0, 1)
    runs = {run.id: run for run in workspace.records(Run)}
    assert [runs[name].seed for name in report.runs] == [0, 1]
    assert len({run.parents["dataset"] for run in runs.values()}) == 1
    assert report.validation_loss[0] != report.validation_loss[1]
    assert report.mean == pytest.approx(sum(report.validation_loss) / 2)
    assert pipeline.run_train(workspace).id == report.runs[0]
    with pytest.raises(SystemExit):
        main(["train", "--seeds", "2", "-w", str(tmp_path)])
    assert "standard deviation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--search", "2", "--seeds", "2"], "--search and --seeds do not go together"),
        (["--take"], "--take goes with --search alone"),
        (["--minutes", "3"], "--minutes goes with --search alone"),
    ],
)
def test_flags_that_contradict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "-w", str(tmp_path), *flags])
    assert end.value.code == 2
    assert words in capsys.readouterr().err
