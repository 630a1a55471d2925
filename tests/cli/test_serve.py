"""The commands around serving: keys, traffic, and what they say of mistakes."""

import json
from pathlib import Path

import pytest
from small_task import small_workspace
from typer.testing import CliRunner

from burnish.cli.main import app
from burnish.errors import BurnishError

RUNNER = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, tiny_base: Path) -> str:
    """A workspace with a brief alone."""
    small_workspace(tmp_path, tiny_base)
    return str(tmp_path)


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(folder: str) -> None:
    made = RUNNER.invoke(app, ["keys", "add", "shop", "-w", folder, "--json"])
    key = json.loads(made.output)
    secret = key["key"].split("-", 2)[2]
    assert key["scopes"] == ["answer", "feedback"]
    listed = RUNNER.invoke(app, ["keys", "list", "-w", folder]).output
    assert "shop" in listed
    assert secret not in listed
    assert "counts no more" in RUNNER.invoke(app, ["keys", "revoke", "shop", "-w", folder]).output
    assert "revoked" in RUNNER.invoke(app, ["keys", "list", "-w", folder]).output


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["serve"], "No run is complete"),
        (["serve", "--host", "0.0.0.0"], "no API key was ever made"),
        (["promote"], "No run is complete"),
        (["rollback"], "nothing to roll back"),
        (["keys", "add", "x", "--scope", "all"], "There is no scope all"),
        (["keys", "revoke", "nobody"], "No key named nobody"),
    ],
)
def test_each_mistake_gives_one_message(folder: str, line: list[str], said: str) -> None:
    done = RUNNER.invoke(app, [*line, "-w", folder])
    assert isinstance(done.exception, BurnishError)
    assert said in done.exception.message
    assert done.exception.hint


def test_a_folder_without_a_brief_is_refused_and_stays_empty(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["keys", "list", "-w", str(tmp_path)])
    assert isinstance(done.exception, BurnishError)
    assert list(tmp_path.iterdir()) == []


def test_no_traffic_yet_is_an_empty_list(folder: str) -> None:
    assert json.loads(RUNNER.invoke(app, ["traffic", "-w", folder, "--json"]).output) == []
