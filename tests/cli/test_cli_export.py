"""`burnish export` as a user types it: exit codes, what is printed, and where files go."""

import json
import sys
from pathlib import Path

import pytest

from burnish.cli.main import main
from burnish.store import Workspace

sys.path.insert(0, str(Path(__file__).parents[1] / "export"))

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    from exporting import save_base, trained  # type: ignore[import-not-found]

    folder = tmp_path_factory.mktemp("ready")
    return trained(folder / "task", save_base(folder / "base"))


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


def test_an_export_is_shown_with_its_figures_and_the_next_command(
    ready: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--workspace", str(ready.folder)]
    assert run("export", "--form", "gguf", "--precision", "q8_0", *place) == 0
    shown = capsys.readouterr().out
    assert "as gguf, Q8_0" in shown
    assert "mean KL divergence, nats" in shown
    assert "6 of 6" in shown
    assert "This run has not been evaluated" in shown
    assert "Next: ollama create tuned -f " in shown
    folder = Path(next(line for line in shown.splitlines() if "Files: " in line)[7:])
    assert (folder / "short-Q8_0.gguf").is_file()


def test_json_is_the_record_and_quiet_is_the_folder(
    ready: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--workspace", str(ready.folder)]
    assert run("export", "--form", "adapter", "--json", *place) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["form"], record["status"]) == ("adapter", "complete")
    assert record["parity"]["equal_answers"] == record["parity"]["n"]
    target = tmp_path / "out"
    assert run("export", "--form", "adapter", "--quiet", "--output", str(target), *place) == 0
    assert capsys.readouterr().out.strip() == str(target)
    assert (target / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--form", "ggml"], "There is no form 'ggml'"),
        (["--form", "gguf", "--precision", "Q4_K_M"], "has no precision 'Q4_K_M'"),
        (["--run", "nothing"], "names no single run"),
    ],
)
def test_mistakes_are_told_in_one_message(
    ready: Workspace, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run("export", *arguments, "--workspace", str(ready.folder)) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Next: " in told
    assert "Traceback" not in told
