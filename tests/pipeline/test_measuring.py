"""Models that measure answers, from the brief to the report, and what is refused before."""

import json
import shutil
from pathlib import Path

import pytest
from small_task import small_workspace
from tiny import save_tiny_encoder

from burnish import pipeline
from burnish.base.catalogue import Catalogue
from burnish.base.encoders import find_encoders
from burnish.cli.main import QUIET_LIBRARIES, main
from burnish.errors import BaseModelError
from burnish.records import EvaluateSettings, Event, Report
from burnish.store import Workspace

LABELS = ("contradiction", "entailment", "neutral")
METRICS = {
    "entailed", "contradicted", "bertscore_f1", "bertscore_precision", "bertscore_recall",
}  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "bertscore": save_tiny_encoder(folder / "encoder"),
        "nli": save_tiny_encoder(folder / "nli", LABELS),
    }


def named(workspace: Workspace, **settings: object) -> None:
    """Write settings of evaluation into the brief."""
    text = workspace.brief.read_text()
    more = "".join(f"  {name}: {value}\n" for name, value in settings.items())
    assert "  resamples: 200\n" in text
    workspace.brief.write_text(text.replace("  resamples: 200\n", f"  resamples: 200\n{more}"))


def test_both_reach_the_report_and_not_the_verdict(
    tmp_path: Path, tiny_base: Path, models: dict[str, Path]
) -> None:
    workspace = small_workspace(tmp_path / "t", tiny_base, n=50, epochs=1)
    without = pipeline.run(workspace)
    assert not METRICS & set(without.systems[0].scores)
    assert "measuring" not in (workspace.path(without) / "record.json").read_text()
    nli = tmp_path / "nli"
    shutil.copytree(models["nli"], nli)
    named(workspace, bertscore=models["bertscore"], bertscore_layer=1, nli=nli)
    events: list[Event] = []
    report = pipeline.run(workspace, progress=events.append)
    assert {event.step for event in events if event.skipped} == {"data", "base", "train"}
    for system in report.systems:
        assert set(system.scores) >= METRICS
        for name in METRICS:
            score = system.scores[name]
            assert score.low <= score.value <= score.high
            assert score.n == report.n
    assert {each.metric for each in report.differences} >= METRICS
    assert report.verdict == without.verdict
    assert [(one.measure, one.layer) for one in report.measuring] == [
        ("bertscore", 1), ("nli", None),
    ]  # fmt: skip

    folder = workspace.path(report)
    held = json.loads((folder / "report.json").read_text())["report"]
    tuned = next(system for system in held["systems"] if system["name"] == "tuned")
    assert set(tuned["scores"]) >= METRICS
    text = (folder / "report.md").read_text()
    assert "| faithfulness | entailed | contradicted (lower is better) | bertscore_f1" in text
    assert "layer 1 of" in text
    page = (folder / "report.html").read_text()
    assert "no part of the verdict" in page
    assert "For contradicted and perplexity, below 0 is better" in page

    assert pipeline.run(workspace) == report  # skipped
    weights = nli / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 64
    weights.write_bytes(content)
    other = pipeline.run(workspace)
    assert other.id != report.id
    assert other.measuring[1].weights_sha256 != report.measuring[1].weights_sha256


def test_a_killed_measurement_keeps_the_answers(
    tmp_path: Path, tiny_base: Path, models: dict[str, Path]
) -> None:
    workspace = small_workspace(tmp_path / "t", tiny_base, n=50, epochs=1)
    named(workspace, **models)

    class StopError(Exception):
        pass

    def stop(event: Event) -> None:
        if event.message == "BERTScore":
            raise StopError

    with pytest.raises(StopError):
        pipeline.run(workspace, progress=stop)
    events: list[Event] = []
    report = pipeline.run(workspace, progress=events.append)
    assert len(workspace.records(Report)) == 1
    assert report.status == "complete"
    answered = [event for event in events if event.message == "tuned answers"]
    assert answered
    assert all(event.done == event.total for event in answered)  # nothing was written again


def test_a_model_that_cannot_measure_is_refused_before_any_work(
    tmp_path: Path,
    tiny_base: Path,
    models: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key in (*QUIET_LIBRARIES, "BURNISH_DEBUG"):
        monkeypatch.setenv(key, "")  # so that teardown removes what main() sets
        monkeypatch.delenv(key)
    cases: list[tuple[dict[str, object], str]] = [
        ({"nli": tmp_path / "absent"}, "evaluate.nli is"),
        ({"nli": "org/absent"}, "not in the hub's cache"),
        ({"nli": models["bertscore"]}, "entailment and contradiction were expected"),
        ({"bertscore": "absent"}, "evaluate.bertscore is absent"),
        ({"bertscore": models["bertscore"], "bertscore_layer": 3}, "has 2 layers"),
    ]
    for at, (settings, message) in enumerate(cases):
        workspace = small_workspace(tmp_path / str(at), tiny_base)
        named(workspace, **settings)
        for command in ("run", "evaluate"):
            with pytest.raises(SystemExit) as end:
                main([command, "-w", str(workspace.folder)])
            told = capsys.readouterr().err
            assert end.value.code == 2
            assert message in told
            assert sum(line.startswith("Error: ") for line in told.splitlines()) == 1
            assert "Traceback" not in told
            assert not list(workspace.folder.glob("datasets/*"))


def test_the_layer_is_bert_scores_own_where_it_knows_the_model(
    tmp_path: Path, models: dict[str, Path]
) -> None:
    def layer(folder: Path, **more: int) -> int | None:
        settings = EvaluateSettings(bertscore=str(folder), **more)
        return find_encoders(settings, Catalogue())[0].record.layer

    assert layer(models["bertscore"]) == 2
    assert layer(models["bertscore"], bertscore_layer=1) == 1
    known = tmp_path / "roberta-base"
    shutil.copytree(models["bertscore"], known)
    assert layer(known) == 2  # 10 in the table, but it has two
    config = json.loads((known / "config.json").read_text())
    (known / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 12}))
    assert layer(known) == 10
    (tmp_path / "m.gguf").write_bytes(b"")
    with pytest.raises(BaseModelError, match="GGUF"):
        layer(tmp_path / "m.gguf")
