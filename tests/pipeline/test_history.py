"""The history of a workspace: lineage, who answered, what is damaged, and two runs compared."""

import json
import shutil
from pathlib import Path

import pytest
from past import MERGED, Past, at, three_runs
from sqlalchemy import text

from burnish import pipeline
from burnish.errors import EvaluationError, WorkspaceError
from burnish.records import Against, Difference, Retune, Traffic
from burnish.store import Workspace
from burnish.store.database import connect


def test_everything_is_told_with_what_it_was_made_from(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    past.watch("window1", alarm=True, run="bbb2")
    past.retune("retune1", serving=past.run_of("bbb2"))
    found = pipeline.read_history(past.workspace)
    assert found.task_name == "short"
    assert [(one.id, one.extends) for one in found.datasets] == [("data1", ""), ("data2", "data1")]
    assert [(one.id, one.dataset) for one in found.runs] == [
        ("aaa1", "data1"), ("bbb2", "data1"), ("ccc3", "data2"),
    ]  # fmt: skip
    assert {one.best_loss for one in found.runs} == {1.25}
    assert {(one.id, one.run, one.dataset) for one in found.reports} >= {
        ("report1", "aaa1", "data1"), ("report3", "ccc3", "data2"),
    }  # fmt: skip
    assert [one.score.value for one in found.reports if one.score] == [0.25, 0.5, 0.75]
    assert [(one.run, one.bytes, one.weights) for one in found.exports] == [
        (run, MERGED, "there") for run in ("aaa1", "bbb2", "ccc3")
    ]
    assert [(one.run, one.share) for one in found.deployments] == [
        ("aaa1", 0), ("bbb2", 0.9), ("ccc3", 0.1),
    ]  # fmt: skip
    assert [one.sentences for one in found.watches] == [("Requests became longer.",)]
    assert found.retunes[0].serving == "bbb2"
    assert found.faults == ()


def test_champion_and_challenger_are_those_of_the_traffic(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    found = pipeline.read_history(past.workspace)
    assert (found.champion, found.challengers) == ("bbb2", ("ccc3",))
    assert [(one.id, one.role) for one in found.runs] == [
        ("aaa1", None), ("bbb2", "champion"), ("ccc3", "challenger"),
    ]  # fmt: skip
    # At half and half the one that was there before stays the champion.
    assert [one.champion for one in found.periods] == ["aaa1", "aaa1", "bbb2", "bbb2"]
    assert [(one.since, one.until) for one in found.periods] == [
        (at(20), at(21)), (at(21), at(22)), (at(22), at(23)), (at(23), None),
    ]  # fmt: skip
    assert [one.reason for one in found.periods] == ["the first", "half", "all of it", "a canary"]
    assert {one.back_to for one in found.periods} == {None}


def test_a_roll_back_and_a_run_with_copies_are_told(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    past.back(day=24, reason="more errors")
    past.traffic((past.deployments[1], 1), (past.deployments[0], 0), day=25)
    found = pipeline.read_history(past.workspace)
    assert [one.back_to for one in found.periods] == [None, None, None, None, 3, None]
    assert found.periods[4].reason == "more errors"
    assert found.challengers == ("aaa1",)
    run = found.runs[0]
    assert (run.role, run.share, run.shadow) == ("challenger", 0, True)
    past.back(day=26)
    past.back(day=27)
    backs = [one.back_to for one in pipeline.read_history(past.workspace).periods]
    assert backs[-2:] == [5, 2]


def test_two_deployments_of_one_run_count_together(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    again = past.deployment("deploy4", past.run_of("aaa1"))
    first, second = past.deployments[:2]
    past.traffic((first, 0.3), (second, 0.4), (again, 0.3), day=24)
    found = pipeline.read_history(past.workspace)
    assert (found.champion, found.challengers) == ("aaa1", ("bbb2",))
    assert found.runs[0].share == pytest.approx(0.6)


def test_what_is_damaged_or_gone_is_told_and_in_nobodys_way(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    (tmp_path / "runs" / "aaa1" / "record.json").write_text('{"id": "aaa1"')
    (tmp_path / "reports" / "report2" / "record.json").unlink()
    shutil.rmtree(tmp_path / "datasets" / "data2")
    shutil.rmtree(tmp_path / "deployments" / "deploy3")
    shutil.rmtree(tmp_path / "runs" / "bbb2" / "adapter")
    shutil.copytree(tmp_path / "exports" / "export1", tmp_path / "exports" / "copy")
    (tmp_path / "runs" / "later").mkdir()
    (tmp_path / "runs" / "later" / "preflight.html").write_text("a page")
    (tmp_path / "runs" / ".DS_Store").write_text("x")
    found = pipeline.read_history(past.workspace)
    told = "\n".join(found.faults)
    for expected in (
        "runs/aaa1/record.json is damaged",
        "reports/report2 holds no record.json",
        "The data set of run ccc3 is not",
        "Deployment deploy3 has answered, and its record is not",
        "The weights of run bbb2 are gone",
        "exports/copy holds the record of export1",
        "The run of report report1 is not",
        "The run of export export1 is not",
        "The run of deployment deploy1 is not",
    ):
        assert expected in told
    assert len(found.faults) == 9
    assert [one.id for one in found.runs] == ["bbb2", "ccc3"]
    assert found.runs[1].dataset == ""


@pytest.mark.parametrize("damage", ["bytes", "rows", "brief"])
def test_a_damaged_database_or_brief_is_told(tmp_path: Path, damage: str) -> None:
    past = three_runs(tmp_path)
    if damage == "bytes":
        for path in tmp_path.glob("burnish.db*"):
            path.write_bytes(b"no database at all " * 400)
    elif damage == "rows":
        engine = connect(past.workspace.database)
        with engine.begin() as connection:
            connection.execute(text("update traffic set routes = '[{}]'"))
        engine.dispose()
    else:
        past.workspace.brief.write_text("name: [")
    found = pipeline.read_history(past.workspace)
    (fault,) = found.faults
    assert ("brief" if damage == "brief" else "database") in fault
    assert len(found.runs) == 3
    assert len(found.periods) == (4 if damage == "brief" else 0)
    if damage != "brief":
        with pytest.raises(WorkspaceError, match="cannot be told who answers"):
            pipeline.prune(past.workspace)


def test_reading_makes_nothing(tmp_path: Path) -> None:
    past = Past(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert pipeline.read_history(past.workspace).runs == ()
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(WorkspaceError, match="no folder"):
        pipeline.read_history(Workspace(tmp_path / "datasets"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(WorkspaceError, match="is no workspace"):
        pipeline.read_history(Workspace(tmp_path / "empty"))
    assert list((tmp_path / "empty").iterdir()) == []


def test_one_run_in_full(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    found = pipeline.read_run_history(past.workspace, "bb")
    assert found.run.id == "bbb2"
    assert found.settings["train.learning_rate"] == 1e-3
    assert found.settings["prompt.system"] == "Shorten."
    assert found.figures["steps"] == 12
    assert found.whole is True
    assert found.scores[0].systems["tuned"]["rougeL"].value == 0.5
    about = found.history
    assert [one.id for one in about.datasets] == ["data1"]
    assert [one.id for one in (*about.reports, *about.exports, *about.deployments)] == [
        "report2", "export2", "deploy2",
    ]  # fmt: skip
    assert [one.number for one in about.periods] == [2, 3, 4]
    weights = tmp_path / "runs" / "bbb2" / "adapter" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert pipeline.read_run_history(past.workspace, "bbb2").whole is False
    with pytest.raises(WorkspaceError, match="No run has") as caught:
        pipeline.read_run_history(past.workspace, "zz")
    assert "ccc3" in caught.value.hint


def test_settings_and_data_that_differ(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    found = pipeline.compare_runs(past.workspace, "aaa1", "bbb2")
    (differing,) = found.settings
    assert (differing.key, differing.one, differing.other) == ("train.learning_rate", 5e-4, 1e-3)
    assert found.data is None
    found = pipeline.compare_runs(past.workspace, "aaa1", "ccc3")
    assert found.settings == ()
    assert found.data is not None
    assert found.data.before["train"] == 8
    assert found.data.after["train"] == 12
    assert found.data.counts is not None
    assert found.data.counts["added"] == 4
    assert found.data.unchanged == 4
    (tmp_path / "datasets" / "data2" / "train.jsonl").unlink()
    data = pipeline.compare_runs(past.workspace, "aaa1", "ccc3").data
    assert data is not None
    assert data.counts is None
    assert "train.jsonl" in data.told


def openings(workspace: Workspace) -> int:
    engine = connect(workspace.database)
    with engine.connect() as connection:
        found = connection.execute(text("select count(*) from test_openings")).scalar()
    engine.dispose()
    return int(found or 0)


def test_scores_stand_beside_each_other_until_they_are_paired(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    found = pipeline.compare_runs(past.workspace, "aaa1", "ccc3")
    (pair,) = found.scores
    assert (pair.one and pair.one.value, pair.other and pair.other.value) == (0.25, 0.75)
    assert pair.difference is None
    assert found.same_test
    assert "nobody has paired them" in found.reason
    assert openings(past.workspace) == 0
    paired = pipeline.compare_runs(past.workspace, "aaa1", "ccc3", paired=True)
    assert openings(past.workspace) == 1
    difference = paired.scores[0].difference
    assert difference is not None
    assert difference.value == pytest.approx(-0.5)
    assert difference.n == 4
    # What stands is used from then on, from either side.
    again = pipeline.compare_runs(past.workspace, "ccc3", "aaa1")
    assert again.scores[0].difference is not None
    assert again.scores[0].difference.value == pytest.approx(0.5)
    assert again.scores[0].difference.low == pytest.approx(-difference.high)
    assert openings(past.workspace) == 1


def test_an_old_pairing_does_not_stand_for_new_reports(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    pipeline.compare_runs(past.workspace, "aaa1", "ccc3", paired=True)
    past.report("report4", past.run_of("ccc3"), past.data("data2"), value=0.5)
    found = pipeline.compare_runs(past.workspace, "aaa1", "ccc3")
    assert [report and report.id for report in found.reports] == ["report1", "report4"]
    assert found.scores[0].difference is None


def test_a_retune_has_paired_them(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    made = past.retune("retune1", past.run_of("bbb2"), past.run_of("ccc3"))
    scores = [pipeline.read_run_history(past.workspace, run).scores[0].systems["tuned"]["rougeL"]
              for run in ("bbb2", "ccc3")]  # fmt: skip
    difference = Difference(
        metric="rougeL", other="bbb2", value=0.2, low=0.1, high=0.3, p_value=0.01, n=4
    )
    old = {"test": "old", "serving": scores[0], "new": scores[1], "difference": difference}
    fresh = old | {"test": "fresh", "difference": difference.model_copy(update={"value": 0.4})}
    past.workspace.write(Retune.model_validate(made.model_dump() | {"compared": (old, fresh)}))
    found = pipeline.compare_runs(past.workspace, "bbb2", "ccc3")
    assert found.scores[0].difference is not None
    assert found.scores[0].difference.value == -0.2
    assert found.reason.startswith("Run ccc3 is better")
    later = found.scores[1]
    assert (later.test, later.one, later.other) == ("fresh", scores[0], scores[1])
    assert later.difference is not None
    assert (later.difference.value, later.difference.other) == (-0.4, "ccc3")


def test_runs_on_other_tests_are_not_subtracted(tmp_path: Path) -> None:
    past = Past(tmp_path)
    first, second = past.dataset("data1"), past.dataset("data2")
    split = tmp_path / "datasets" / "data2" / "test.jsonl"
    split.write_text(split.read_text().replace("test 0", "test 9"))
    record = second.model_dump()
    record["splits"]["test"]["sha256"] = "another"
    second = past.add(type(second), "data2", {}, {
        key: record[key] for key in ("splits", "rows_read", "dropped")
    })  # fmt: skip
    for name, data in (("aaa1", first), ("bbb2", second)):
        past.report(f"on-{name}", past.run(name, data), data)
    found = pipeline.compare_runs(past.workspace, "aaa1", "bbb2")
    assert not found.same_test
    assert "different test examples" in found.reason
    assert found.scores[0].one is not None
    with pytest.raises(EvaluationError, match="not evaluated on the same"):
        pipeline.compare_runs(past.workspace, "aaa1", "bbb2", paired=True)
    past.run("ccc3", first)
    assert "Not evaluated yet: ccc3" in pipeline.compare_runs(past.workspace, "aaa1", "ccc3").reason
    with pytest.raises(EvaluationError, match="the same run"):
        pipeline.compare_runs(past.workspace, "aaa1", "aa")


def test_a_damaged_pairing_counts_for_nothing(tmp_path: Path) -> None:
    past = three_runs(tmp_path)
    pipeline.compare_runs(past.workspace, "aaa1", "ccc3", paired=True)
    path = tmp_path / "reports" / "report1" / "against-ccc3.json"
    assert Against.model_validate_json(path.read_bytes()).openings == 1
    path.write_text(json.dumps({"run": "aaa1"}))
    assert pipeline.compare_runs(past.workspace, "aaa1", "ccc3").scores[0].difference is None


def test_states_without_an_order_of_their_own_do_no_harm() -> None:
    from burnish.pipeline.history.standing import needed_to_roll_back, periods_of

    assert periods_of([], str) == []
    assert needed_to_roll_back([], [], 1) == set()
    state = Traffic(number=1, at=at(1), routes=())
    (period,) = periods_of([state], str)
    assert (period.champion, period.until) == ("", None)
