"""From gathered examples to a proposal, a new run, its verdict and its first requests."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from retuned import gather, served, set_brief
from sqlalchemy import select
from sqlalchemy.orm import Session

from burnish import pipeline
from burnish.brief.file import read_brief
from burnish.errors import DataError, EvaluationError, RetuneError, ServingError
from burnish.pipeline.retune.rollout import advance, read_stage_decisions, under_way
from burnish.records import Dataset, Deployment, Report, Retune, Run
from burnish.store import Workspace
from burnish.store.database import OpeningRow, connect

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    """A workspace whose run serves, and 60 examples of a label that it cannot know."""
    place = served(tmp_path_factory.mktemp("before"), tiny_base)
    gather(place, 60)
    return place.folder


@pytest.fixture(scope="module")
def after(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same, tuned again."""
    folder = tmp_path_factory.mktemp("after") / "w"
    shutil.copytree(before, folder)
    pipeline.run_retune(Workspace(folder), go=True)
    return Workspace(folder)


@pytest.fixture
def place(before: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(before, tmp_path / "w")
    return Workspace(tmp_path / "w")


def openings(place: Workspace) -> list[tuple[str, str]]:
    """Seal and reason of every opening."""
    engine = connect(place.database)
    with Session(engine) as session:
        rows = session.scalars(select(OpeningRow).order_by(OpeningRow.id)).all()
        found = [(row.dataset_hash, row.reason) for row in rows]
    engine.dispose()
    return found


def test_a_proposal_says_why_what_for_and_at_what_cost(place: Workspace) -> None:
    (run,) = place.records(Run)
    found = pipeline.run_retune(place)
    assert (found.status, found.decision, found.run) == ("complete", None, "")
    assert (found.serving, found.new_examples, found.fresh) == (run.id, 60, 30)
    assert found.new_labels == ("c",)
    assert found.why[:2] == (
        f"60 new examples since the data set of run {run.id}, of which 30, the latest, are for a "
        "fresh test.",
        "Labels it cannot know: c.",
    )
    assert found.gain is not None
    assert found.gain.scores[0] == 0.0  # all of them carry the new label
    assert found.gain.low > 0
    assert found.seconds > 0
    assert found.price is None
    assert "test answers" in found.cost_note
    page = place.path(found, "retune.md").read_text()
    assert "**Proposed.**" in page
    assert "Labels it cannot know: c." in page
    assert [one.id for one in place.records(Run)] == [run.id]
    assert len(openings(place)) == 1, "a proposal looks at no test"
    assert pipeline.run_retune(place) == found
    assert len(place.records(Retune)) == 1


def test_a_price_is_told_where_the_brief_has_one(place: Workspace) -> None:
    set_brief(place, "needs", price_per_hour=3600.0)
    found = pipeline.run_retune(place)
    assert found.price == pytest.approx(found.seconds, abs=0.01)


def test_too_few_examples_are_no_proposal(place: Workspace) -> None:
    set_brief(place, "retune", least_examples=61)
    with pytest.raises(RetuneError, match=r"60 examples were gathered .* 61 are needed") as caught:
        pipeline.run_retune(place, go=True)
    assert "burnish gather" in caught.value.hint
    assert place.records(Retune) == []
    place.gathered.unlink()
    set_brief(place, "retune", least_examples=1)
    with pytest.raises(RetuneError, match="0 examples were gathered"):
        pipeline.run_retune(place)


def test_examples_that_cannot_be_used_do_not_count(place: Workspace) -> None:
    lines = place.gathered.read_text().splitlines()
    same = [line.replace("exchange:ex-", "exchange:again-") for line in lines[:30]]
    place.gathered.write_text("\n".join([*lines[:30], *same]) + "\n")
    set_brief(place, "retune", least_examples=31)
    with pytest.raises(RetuneError, match="30 new examples can be used of 60 that were gathered"):
        pipeline.run_retune(place)


def test_nobody_to_be_better_than(place: Workspace) -> None:
    place.database.unlink()
    with pytest.raises(ServingError, match="Nobody answers here yet"):
        pipeline.run_retune(place)


def test_a_better_run_is_judged_on_both_tests(after: Workspace) -> None:
    serving, new = after.records(Run)
    found = after.records(Retune)[-1]
    old, extended = after.records(Dataset)
    assert (found.decision, found.run, found.serving) == ("ship", new.id, serving.id)
    assert [one.test for one in found.compared] == ["old", "fresh"]
    on_old, on_fresh = found.compared
    assert on_fresh.serving.value == 0.0  # it cannot know the label
    assert on_fresh.difference.low > 0
    assert on_old.reused
    assert not on_fresh.reused
    assert on_old.difference.low >= -0.2
    assert (on_old.new.n, on_fresh.new.n) == (old.splits["test"].n, 30)
    assert found.reason.startswith("Accuracy on the fresh test, 30 examples: +")
    assert new.parents["dataset"] == extended.hash
    assert found.parents["run"] == new.hash
    assert new.prompt.system == "Sort:\n- a\n- b\n- c"
    assert found.promoted == ""
    page = after.path(found, "retune.md").read_text()
    assert page.startswith(f"# Re-tune {found.id} of sort\n\n**ship**: Accuracy")
    assert f"burnish promote {new.id} --in-stages" in page
    assert f"| fresh | 30 | {on_fresh.new.value:.3f}" in page
    assert not after.path(found, "parts").exists()


def test_every_opening_stands_on_record(after: Workspace) -> None:
    (_, extended), found = after.records(Dataset), after.records(Retune)[-1]
    first, second = after.records(Report)
    new = after.records(Run)[-1]
    reason = f"re-tune {found.id}: run {new.id} against run {found.serving}"
    test, fresh = (extended.splits[name].sha256 for name in ("test", "fresh"))  # type: ignore[index]
    assert [(seal, said) for seal, said in openings(after) if said == reason] == [
        (test, reason), (fresh, reason),
    ]  # fmt: skip
    assert [seal for seal, _ in openings(after)].count(test) == 3
    assert found.openings == 2
    assert second.parents["run"] == new.hash
    assert len(second.openings) == 3
    assert first.n == second.n


def test_answers_are_those_of_an_ordinary_evaluation(after: Workspace) -> None:
    """The report made by burnish evaluate has the new run's answers to the same test."""
    found, report = after.records(Retune)[-1], after.records(Report)[-1]

    def read(path: Path, system: str) -> dict[str, str]:
        lines = map(json.loads, path.read_text().splitlines())
        return {line["id"]: line["answers"][system]["text"] for line in lines}

    mine = read(after.path(found, "old-answers.jsonl"), "new")
    assert mine == read(after.path(report, "answers.jsonl"), "tuned")


def test_nothing_is_promoted_unless_the_brief_says_so(after: Workspace) -> None:
    assert len(pipeline.traffic_states(after)) == 1
    again = pipeline.run_retune(after, go=True)
    assert again == after.records(Retune)[-1]
    assert len(after.records(Run)) == 2
    assert len(pipeline.traffic_states(after)) == 1


def test_its_verdict_counts_as_the_report_for_promotion(after: Workspace, tmp_path: Path) -> None:
    shutil.copytree(after.folder, tmp_path / "w")
    here = Workspace(tmp_path / "w")
    found = here.records(Retune)[-1]
    for report in here.records(Report):
        here.discard(report)
    done = pipeline.deploy(here, run=found.run)
    assert (done.retune, done.decision, done.overruled) == (found.id, "ship", "")
    assert done.parents["retune"] == found.hash
    with pytest.raises(ServingError, match="has no report"):
        pipeline.deploy(here, run=found.serving)


@pytest.mark.parametrize(("auto", "stages"), [("canary", (0.1,)), ("full", (0.1, 0.5, 1.0))])
def test_a_better_run_gets_its_first_requests_once(
    after: Workspace, tmp_path: Path, auto: str, stages: tuple[float, ...]
) -> None:
    shutil.copytree(after.folder, tmp_path / "w")
    here = Workspace(tmp_path / "w")
    set_brief(here, "retune", auto=auto)
    done = pipeline.run_retune(here)  # what was tuned and judged stands
    assert len(here.records(Run)) == 2
    way = under_way(here)
    assert way is not None
    assert (way.run, way.to, way.stages) == (done.run, 0.1, stages)
    assert "it was given 10% of the requests" in done.promoted
    assert done.promoted in here.path(done, "retune.md").read_text().replace("\\", "")
    assert done.hash == here.records(Retune)[-1].hash == after.records(Retune)[-1].hash
    assert pipeline.run_retune(here).promoted == done.promoted
    pipeline.rollback(here, reason="a hunch")
    advance(here)
    assert under_way(here) is None
    here.write(done.model_copy(update={"promoted": ""}))  # as if killed before it was written down
    assert pipeline.run_retune(here).promoted == done.promoted
    assert len(read_stage_decisions(here)) == 2, "a run that was taken back is not promoted again"


def test_a_second_retune_waits_while_one_is_on_its_way(after: Workspace, tmp_path: Path) -> None:
    shutil.copytree(after.folder, tmp_path / "w")
    here = Workspace(tmp_path / "w")
    set_brief(here, "retune", auto="canary")
    done = pipeline.run_retune(here)
    gather(here, 30, start=100)
    set_brief(here, "retune", auto="propose")
    proposal = pipeline.run_retune(here)
    assert (proposal.serving, proposal.new_examples) == (done.serving, 90)
    with pytest.raises(RetuneError, match=f"Run {done.run} is on its way"):
        pipeline.run_retune(here, go=True)


def test_the_next_retune_takes_the_new_run_for_the_one_to_beat(
    after: Workspace, tmp_path: Path
) -> None:
    shutil.copytree(after.folder, tmp_path / "w")
    here = Workspace(tmp_path / "w")
    first = here.records(Retune)[-1]
    for report in here.records(Report):
        here.discard(report)
    pipeline.promote(here, first.run)
    gather(here, 40, start=200)
    set_brief(here, "train", epochs=1)
    second = pipeline.run_retune(here, go=True)
    assert second.serving == first.run
    assert second.new_labels == ()
    on_old = second.compared[0]
    assert on_old.reused, "its answers to the old test stand in the re-tune that it came from"
    assert on_old.serving.value == first.compared[0].new.value
    assert second.openings == 4


def test_a_run_that_is_not_better_is_not_promoted(place: Workspace) -> None:
    """It goes on from the serving run by steps of no size: the same answers."""
    set_brief(place, "retune", auto="full", continue_adapter=True)
    set_brief(place, "train", learning_rate=1e-12, epochs=1)
    found = pipeline.run_retune(place)
    assert found.decision == "not enough data"
    assert found.continues
    serving, new = place.records(Run)
    assert new.parents["run"] == serving.hash
    assert found.compared[0].difference.value == 0.0
    assert (found.promoted, read_stage_decisions(place)) == ("", [])
    assert len(pipeline.traffic_states(place)) == 1
    with pytest.raises(ServingError, match=r"verdict on run .* is: not enough data"):
        pipeline.promote(place, new.id)
    assert len(place.records(Report)) == 1


def test_a_run_that_learned_nonsense_is_not_shipped(tmp_path: Path, before: Path) -> None:
    shutil.copytree(before, tmp_path / "w")
    here = Workspace(tmp_path / "w")
    here.gathered.unlink()
    gather(here, 80, label="a", says="b")
    set_brief(here, "retune", auto="canary", fresh_fraction=0.2)
    found = pipeline.run_retune(here)
    assert found.decision in ("don't ship", "not enough data")
    assert found.promoted == ""
    page = here.path(found, "retune.md").read_text()
    assert "It is not promoted." in page


def test_a_brief_whose_prompts_changed_is_refused_before_anything_is_opened(
    place: Workspace,
) -> None:
    set_brief(place, "data", inputs=("text",))
    tokenizer = Path(read_brief(place.brief).base)
    (run,) = place.records(Run)
    broken = run.model_copy(update={"prompt_hash": "0" * 64})
    place.write(broken)
    assert tokenizer.is_dir()
    before = openings(place)
    with pytest.raises(EvaluationError, match="Prompts now render otherwise"):
        pipeline.run_retune(place, go=True)
    assert openings(place) == before
    assert "failed" in {one.status for one in place.records(Retune)}


def test_killed_in_every_part_it_ends_as_if_undisturbed(before: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "calm", tmp_path / "killed"]
    for folder in folders:
        shutil.copytree(before, folder)
    script = Path(__file__).parents[1] / "killing_retune.py"
    done = subprocess.run(
        [sys.executable, str(script), *map(str, folders)],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["codes"] == [0, 9, 9, 9, 9, 0], done.stderr
    assert found["killed"] == found["calm"]
    assert {record[0] for record in found["calm"]["Retune"]} == {"complete"}


def test_only_unusable_examples_are_told(place: Workspace) -> None:
    lines = place.gathered.read_text().splitlines()
    place.gathered.write_text("\n".join(lines) + "\n")
    set_brief(place, "retune", least_examples=1)
    test = place.records(Dataset)[0]
    known = place.path(test, "train.jsonl").read_text().splitlines()[0]
    row = json.loads(known)
    one = json.loads(lines[0])
    one["example"] |= {"inputs": row["inputs"], "answer": row["answer"],
                       "references": row["references"], "labels": row["labels"]}  # fmt: skip
    place.gathered.write_text(json.dumps(one) + "\n")
    with pytest.raises(DataError, match="None of the 1 gathered examples can be used"):
        pipeline.run_retune(place)
    assert place.records(Deployment)
