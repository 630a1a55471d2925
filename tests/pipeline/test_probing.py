"""Probing: bases on this machine scored on validation, resumed, ranked, and the seal untouched."""

import json
from pathlib import Path

import pytest
from small_task import small_workspace

from burnish import pipeline
from burnish.brief.file import read_brief, write_brief
from burnish.cli.main import main
from burnish.errors import BaseModelError
from burnish.records import Event
from burnish.store import Workspace


@pytest.fixture
def workspace(tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    # The embedded base, which may be installed or not, would take its time.
    monkeypatch.setattr("burnish.base.shortlist.is_here", lambda model: model.name == "absent")
    return small_workspace(tmp_path / "task", tiny_base)


def test_a_base_is_scored_on_validation_alone(workspace: Workspace, tiny_base: Path) -> None:
    told: list[Event] = []
    dataset = pipeline.run_data(workspace)
    workspace.path(dataset, "test.jsonl").unlink()  # who opens it, fails
    probe = pipeline.run_probe(workspace, examples=4, progress=told.append)
    (base,) = probe.bases
    assert base.name == str(tiny_base)
    assert {one.name for one in base.prompts} == {"zero-shot", "few-shot"}
    assert all(one.score.n == 4 and one.score.metric == "rougeL" for one in base.prompts)
    assert all(one.score.low <= one.score.value <= one.score.high for one in base.prompts)
    assert {one.name for one in probe.classic} == {"lead-3", "TextRank"}
    assert probe.available == 6
    assert probe.dataset == dataset.hash
    assert not workspace.database.exists()  # where openings are recorded
    assert any("few-shot" in event.message for event in told)


def test_what_stands_is_read_and_what_was_killed_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from burnish.engines.local import LocalEngine

    asked: list[int] = []
    write = LocalEngine.write

    def counted(self: LocalEngine, prompts: list[list[int]], **options: object) -> object:
        if len(asked) == 1:
            asked.append(-1)
            raise KeyboardInterrupt
        asked.append(len(prompts))
        return write(self, prompts, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalEngine, "write", counted)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_probe(workspace, examples=6)
    assert not list((workspace.folder / "probes").glob("*/probe.json"))
    first = pipeline.run_probe(workspace, examples=6)
    assert sum(number for number in asked if number > 0) == 12  # six for each prompt, none twice
    assert not (workspace.probe(first.id) / "parts").exists()
    before = len(asked)
    assert pipeline.run_probe(workspace, examples=6) == first
    assert len(asked) == before
    assert pipeline.run_probe(workspace, examples=5).id != first.id


def test_the_better_base_stands_first(
    workspace: Workspace, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import shutil

    other = tmp_path / "other-base"
    shutil.copytree(tiny_base, other)
    figures = json.loads((tiny_base / "config.json").read_text())
    keys = (
        "model_type", "num_hidden_layers", "hidden_size", "intermediate_size",
        "num_attention_heads", "num_key_value_heads", "vocab_size", "max_position_embeddings",
    )  # fmt: skip
    entry = {"name": str(other), "source": "me", "head_dim": 8} | {k: figures[k] for k in keys}
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    workspace.catalogue.write_text("[[model]]\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr("burnish.base.shortlist.is_here", lambda model: model.name == str(other))
    probe = pipeline.run_probe(workspace, examples=3)
    assert {base.name for base in probe.bases} == {str(tiny_base), str(other)}
    assert [base.rank for base in probe.bases] == [1, 2]
    scores = [base.prompts[0].score.value for base in probe.bases]
    assert scores == sorted(scores, reverse=True)


def test_nothing_on_this_machine_is_one_clear_message(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run_data(workspace)
    task = read_brief(workspace.brief).model_copy(update={"base": "qwen3-0.6b"})
    write_brief(workspace.brief, task)
    with pytest.raises(BaseModelError, match="No base of the shortlist"):
        pipeline.run_probe(workspace)


def test_the_command_prints_a_ranked_table(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["base", "--probe", "--probe-examples", "2", "-w", str(workspace.folder)])
    assert end.value.code in (0, None)
    out = capsys.readouterr().out
    assert "zero-shot" in out
    assert "few-shot" in out
    assert "2 of 6 validation examples" in out
    with pytest.raises(SystemExit):
        main(["base", "--probe", "--probe-examples", "2", "--json", "-w", str(workspace.folder)])
    found = json.loads(capsys.readouterr().out)
    assert found["bases"][0]["rank"] == 1
