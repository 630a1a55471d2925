"""`burnish history` as a user types it: the tree, one run, two, pruning; at 80 and 120 columns."""

import json
from pathlib import Path

import pytest
from past import Past, three_runs
from typer.testing import CliRunner

from burnish.cli import show
from burnish.cli.main import app
from burnish.errors import BriefError, BurnishError
from burnish.records import History, Pruned, Pruning, RunComparison, RunHistory

RUNNER = CliRunner()


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """Three runs, of which the second answers and the third has a tenth; an alarm, a re-tune."""
    made = three_runs(tmp_path, keep_runs=1, keep_days=0)
    made.watch("window1", alarm=True, run="bbb2")
    made.retune("retune1", serving=made.run_of("bbb2"))
    return made


def typed(past: Past, *words: str) -> str:
    done = RUNNER.invoke(app, ["history", *words, "-w", str(past.folder)])
    assert done.exception is None, done.exception
    return done.output


def test_the_whole_history(past: Past) -> None:
    text = typed(past)
    order = [
        "data set data1", "run aaa1", "report report1", "export export1", "run bbb2",
        "data set data2", "run ccc3", "Who answered", "Windows watched", "Re-tunes",
    ]  # fmt: skip
    assert sorted(order, key=text.index) == order
    assert "run bbb2  2026-10-04 08:00  champion 90%" in text
    assert "run ccc3  2026-10-06 08:00  challenger 10%" in text
    assert "ship, rougeL 0.500 [0.400, 0.600]" in text
    for expected in ("a canary", "bbb2 90% ★", "ALARM. Requests became longer.", "extends data1"):
        assert expected in text
    assert text.splitlines()[-1] == (
        "3 runs; champion: bbb2; challengers: ccc3; 1 of 1 windows with an alarm"
    )
    assert typed(past, "--quiet").strip() == text.splitlines()[-1]


@pytest.mark.parametrize("width", [80, 120])
def test_tables_and_trees_fit(past: Past, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    long = "a reason that somebody wrote down at length, since it will be asked for one day, " * 3
    past.traffic((past.deployments[0], 1), day=24, reason=long)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(show, "WIDTH_OF_FILES", width)
    for words in ((), ("bbb2",), ("aaa1", "ccc3"), ("--prune",)):
        drawn = [line for line in typed(past, *words).splitlines()
                 if line[:1] in (" ", "├", "└", "│")]  # fmt: skip
        assert drawn
        assert max(map(len, drawn)) <= width


def test_one_run_and_two(past: Past) -> None:
    text = typed(past, "bbb2")
    assert "train.learning_rate" in text
    assert "0.001" in text
    assert "The weights of run bbb2 are those that were recorded." in text
    assert "aaa1" not in text.split("Who answered")[0]
    text = typed(past, "aaa1", "bbb2")
    assert "Settings that differ" in text
    assert "train.learning_rate" in text
    assert "train.epochs" not in text
    assert "Both were tuned on the same data set." in text
    assert "--paired opens the test split" in text
    paired = typed(past, "aaa1", "bbb2", "--paired")
    assert "-0.250 [" in paired
    assert "--paired" not in paired


def test_json_is_the_record_and_nothing_else(past: Past) -> None:
    assert History.model_validate_json(typed(past, "--json")).champion == "bbb2"
    assert RunHistory.model_validate_json(typed(past, "bb", "--json")).run.id == "bbb2"
    compared = RunComparison.model_validate_json(typed(past, "aaa1", "ccc3", "--json"))
    assert compared.data is not None
    assert Pruning.model_validate_json(typed(past, "--prune", "--json")).done is False


def test_pruning_is_dry_until_it_is_said(past: Past) -> None:
    past.traffic((past.deployments[2], 1), day=24)
    text = typed(past, "--prune")
    assert "Would be removed" in text
    assert "Nothing was touched. 95.0 kB would be removed." in text
    assert "burnish rollback may bring it back" in text
    assert (past.folder / "runs" / "aaa1" / "adapter").exists()
    text = typed(past, "--prune", "--yes")
    assert "95.0 kB removed; records, figures and reports stay." in text
    assert not (past.folder / "runs" / "aaa1" / "adapter").exists()
    assert "weights pruned on" in typed(past)
    assert "Nothing is to be removed." in typed(past, "--prune")


def test_a_pruned_run_is_not_promoted(past: Past) -> None:
    mark = Pruned(at="2026-11-01T00:00:00Z", why="older than the newest 5", files={})
    past.workspace.mark_pruned(past.run_of("aaa1"), mark)
    done = RUNNER.invoke(app, ["promote", "aaa1", "--overrule", "x", "-w", str(past.folder)])
    assert isinstance(done.exception, BurnishError)
    assert "were pruned on 2026-11-01" in done.exception.message
    assert "burnish run" in done.exception.hint


def test_what_is_damaged_is_said_at_the_end(past: Past) -> None:
    (past.folder / "runs" / "aaa1" / "record.json").write_text("\x1b[2J")
    text = typed(past)
    assert "Damaged or gone: runs/aaa1/record.json is damaged" in text
    assert "run bbb2" in text


def test_what_people_wrote_moves_no_cursor(past: Past) -> None:
    past.traffic((past.deployments[0], 1), day=24, reason="\x1b[2Jgone\x07")
    assert "\x1b[2J" not in typed(past)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--yes"], "--yes stands without --prune"),
        (["--paired"], "--paired stands without two runs"),
        (["aaa1", "--paired"], "--paired stands without two runs"),
        (["--prune", "--mirror"], "More than one"),
        (["aaa1", "--prune"], "More than one"),
    ],
)
def test_words_that_cannot_stand_together(past: Past, words: list[str], said: str) -> None:
    done = RUNNER.invoke(app, ["history", *words, "-w", str(past.folder)])
    assert isinstance(done.exception, BriefError)
    assert said in done.exception.message
    assert done.exception.hint


def test_a_workspace_that_is_new_has_little_to_tell(tmp_path: Path) -> None:
    text = typed(Past(tmp_path))
    assert text.splitlines()[-1] == "0 runs; nobody answers"
    assert json.loads(typed(Past(tmp_path), "--json"))["runs"] == []
