"""The shortlist on the command line: what is printed, as JSON and for people, and how fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from burnish.cli.main import main

BRIEF = """\
name: tickets
kind: classify
metric: macro_f1
use: commercial
needs: {languages: [en], price_per_hour: 2}
data: {source: tickets.csv, inputs: text, output: label}
"""
SPEED = (
    '{"device": "%s", "float32": 300, "bfloat16": 150, "thin": 100, "blocks": 100, '
    '"bandwidth": 12, "memory": 12}'
)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A workspace with a brief, and the calibration of this machine."""
    from burnish.base.machine import read_machine
    from burnish.base.speed import measured_device

    (tmp_path / "burnish.yaml").write_text(BRIEF)
    (tmp_path / "speed.json").write_text(SPEED % measured_device(read_machine()))
    return tmp_path


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert not end.value.code


def test_json_gives_every_model_its_licence_memory_time_and_reasons(
    task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("base", "--list", "--json", "--workspace", str(task))
    found = json.loads(capsys.readouterr().out)
    tuned = [each for each in found["candidates"] if each["way"] == "tune"]
    assert len(tuned) >= 45
    for each in tuned:
        assert each["licence"]["allowed"] in ("yes", "conditions", "no", "unknown")
        assert each["places"][0]["memory"]["total"] > 0
        assert each["places"][0]["seconds"] > 0
        assert each["reasons"]
        assert each["rank"] or each["rejected"]


def test_people_see_an_order_reasons_and_what_is_out(
    task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("base", "--list", "--workspace", str(task))
    out = capsys.readouterr().out
    assert "This machine:" in out
    assert "Commercial use: yes (Apache License 2.0)." in out
    assert "Not on the list:" in out
    assert "Its licence allows no commercial use (Mistral AI Research License" in out
    assert "a classic classifier" in out
    assert "Assumed: burnish data has not run" in out
    assert "Next: write base: " in out


def test_quiet_prints_a_name(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("base", "--list", "--quiet", "--workspace", str(task))
    name = capsys.readouterr().out.strip()
    assert "\n" not in name
    assert name


def test_a_faulty_catalogue_of_ones_own_is_one_message(
    task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (task / "catalogue.toml").write_text("[[model]]\nname = 'x'\n")
    with pytest.raises(SystemExit) as end:
        main(["base", "--list", "--workspace", str(task)])
    assert end.value.code == 2
    assert "entry 1 (x): `num_hidden_layers`: missing." in capsys.readouterr().err


def test_refreshing_without_a_hub_is_one_message(
    task: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(*_: object, **__: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", shut)
    with pytest.raises(SystemExit) as end:
        main(["base", "--list", "--refresh", "--workspace", str(task)])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert "The hub cannot be reached" in err
    assert "leave out --refresh" in err


def test_the_list_needs_no_torch(task: Path) -> None:
    code = (
        "import sys\nfrom burnish.cli.main import main\n"
        f"try:\n    main(['base', '--list', '--workspace', {str(task)!r}])\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print([name for name in ('torch', 'transformers', 'peft') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
