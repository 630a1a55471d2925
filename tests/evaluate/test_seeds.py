"""Seed variance: which runs count as the same task, and what is told of them."""

import pytest

from burnish.evaluate.seeds import seed_spread
from burnish.records import (
    Dataset,
    EvaluateSettings,
    PassMark,
    PromptSettings,
    Report,
    Run,
    Score,
    Split,
    SystemResult,
    TrainSettings,
)
from burnish.store import Workspace


def fields(name, seed=0, **parents):
    return {
        "id": name, "status": "complete", "inputs_hash": name, "parents": parents, "seed": seed,
        "started_at": f"2026-11-01T09:00:{len(name):02d}", "packages": {}, "hash": f"hash-{name}",
    }  # fmt: skip


def run_of(name, seed, **settings):
    return Run(
        **fields(name, seed), settings=TrainSettings(**settings), prompt=PromptSettings(), base="b"
    )


def dataset_of(name, test="t"):
    split = Split(file="test.jsonl", n=9, sha256=test)
    return Dataset(**fields(name), splits={"test": split}, rows_read=9, dropped={})


def report_of(name, run, score, dataset="data", metric="rougeL"):
    scored = Score(metric=metric, value=score, low=0, high=1, n=9)
    return Report(
        **fields(name, run=f"hash-{run}", dataset=f"hash-{dataset}"), task_name="t",
        task_kind="summarize", metric=metric, pass_mark=PassMark(), settings=EvaluateSettings(),
        systems=(SystemResult(name="tuned", description="", scores={metric: scored}),),
    )  # fmt: skip


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def spread(workspace, kept, own=("r0", 0, 0.50), dataset="data"):
    for record in kept:
        workspace.write(record)
    name, seed, score = own
    return seed_spread(
        workspace, report_of(f"report-{name}", name, score), run_of(name, seed), dataset_of(dataset)
    )


def test_runs_that_differ_in_their_seed_alone_are_gathered(workspace):
    kept = [dataset_of("data"), run_of("r1", 1), run_of("r2", 2)]
    kept += [report_of("a", "r1", 0.40), report_of("b", "r2", 0.60)]
    found = spread(workspace, kept)
    assert (found.seeds, found.same_test) == ((0, 1, 2), True)
    assert (found.mean, found.deviation) == pytest.approx((0.5, 0.1))
    assert (found.low, found.high) == (0.4, 0.6)


def test_other_settings_metrics_and_the_same_seed_do_not_count(workspace):
    kept = [dataset_of("data"), run_of("r1", 1, epochs=9), run_of("r2", 2), run_of("r3", 0)]
    kept += [report_of("a", "r1", 0.4), report_of("b", "r2", 0.4, metric="rouge1")]
    kept += [report_of("c", "r3", 0.1), report_of("dd", "gone", 0.1)]
    assert spread(workspace, kept) is None


def test_the_newest_report_of_a_seed_counts_and_other_test_splits_are_told(workspace):
    kept = [dataset_of("data"), dataset_of("other", "u"), run_of("r1", 1)]
    kept += [report_of("a", "r1", 0.1, "other"), report_of("bbb", "r1", 0.7, "other")]
    found = spread(workspace, kept)
    assert (found.low, found.high, found.same_test) == (0.5, 0.7, False)
