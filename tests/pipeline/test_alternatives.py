"""All alternatives at once, chosen on validation, on a tiny base; and a second seed beside it."""

from pathlib import Path

from test_pipeline import workspace_for

from burnish import pipeline
from burnish.records import SystemResult
from burnish.store import Workspace


def changed(workspace: Workspace, old: str, new: str) -> None:
    text = workspace.brief.read_text()
    assert old in text
    workspace.brief.write_text(text.replace(old, new))


def by_name(systems: tuple[SystemResult, ...]) -> dict[str, SystemResult]:
    return {system.name: system for system in systems}


def test_all_alternatives_reach_the_report(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base, "classify")
    changed(
        workspace,
        "  resamples: 200\n",
        "  resamples: 200\n  search: true\n  search_examples: 5\n  systems: [zero-shot, few-shot, "
        "few-shot-similar, improved-prompt, classic, tuned]\n",
    )
    report = pipeline.run(workspace)
    found = by_name(report.systems)
    assert list(found) == [
        "zero-shot", "few-shot", "few-shot-similar", "improved-prompt", "classic", "tuned",
    ]  # fmt: skip
    names = {one.name for one in found["few-shot"].tried}
    assert names == {f"{count} examples" for count in (1, 3, 5, 8)}
    assert {one.name for one in found["few-shot-similar"].tried} == names
    assert "the brief's own" in {one.name for one in found["improved-prompt"].tried}
    assert "majority" in {one.name for one in found["classic"].tried}
    assert all(
        sum(one.chosen for one in system.tried) == 1
        for system in report.systems
        if system.name not in ("zero-shot", "tuned")
    )
    assert found["tuned"].reliability is not None
    assert found["tuned"].writing is not None
    assert found["tuned"].writing.tokens is not None
    assert all(each.p_adjusted is not None for each in report.differences)
    assert report.caution == ""
    assert report.seeds is None

    again = pipeline.run_evaluate(workspace, force=True)
    assert "look 2 at the test split" in again.caution
    assert again.hash == report.hash

    changed(workspace, "seed: 0", "seed: 1")
    other = pipeline.run(workspace)
    assert other.seeds is not None
    assert other.seeds.seeds == (0, 1)
    assert not other.seeds.same_test
