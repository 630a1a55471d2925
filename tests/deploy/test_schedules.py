"""`burnish watch` by cron and systemd: what is said and when, under names of all kinds."""

import configparser
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from deploy.plans import watch_files

from burnish.deploy.schedule import calendar, cron_line, webhook_port
from burnish.deploy.watching import in_crontab, in_unit
from burnish.errors import DeployError

ODD = [
    "a b",
    "it's",
    '"quoted"',
    "$HOME `id` $(id)",
    "100% of %h",
    "back\\slash",
    "ünï",
    "-rf",
    "#x",
]


def run_script(folder: Path, codes: dict[str, int], **changes: object) -> tuple[int, str]:
    """watch.sh with a burnish that says what it was called with; its code and what it said."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "burnish"
    cases = "".join(f"{name}) exit {code};;\n" for name, code in codes.items())
    program.write_text(
        '#!/bin/sh\necho "$1 of $3, $BURNISH_DATABASE"\necho a warning >&2\n'
        f"case $1 in\n{cases}esac\n"
    )
    program.chmod(0o755)
    given = {"workspace": folder, "program": program, "folder": folder} | changes
    for name, content in watch_files(**given).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    # As cron starts it: by the line of the crontab, in which \% is %.
    line = (folder / "crontab").read_text().split(maxsplit=5)[5].replace("\\%", "%")
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", ["plain", *ODD])
def test_nothing_is_said_without_an_alarm(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    assert run_script(folder, {"watch": 0}) == (0, "")
    code, said = run_script(folder, {"watch": 1})
    assert code == 1
    assert f"watch of {folder}, " in said
    assert "a warning" in said


def test_settings_come_from_a_file_that_is_yours(tmp_path: Path) -> None:
    (tmp_path / "watch.env").write_text("BURNISH_DATABASE='postgresql://a b'\n")
    assert "postgresql://a b" in run_script(tmp_path, {"watch": 2})[1]
    assert all(b"PASSWORD" not in content or name.endswith(".example")
               for name, content in watch_files().items())  # fmt: skip


def test_the_registry_is_told_whatever_the_watch_found(tmp_path: Path) -> None:
    codes = [
        run_script(tmp_path, {"watch": watch, "history": history}, mirror=True)[0]
        for watch, history in ((0, 0), (1, 0), (0, 2), (1, 2))
    ]
    assert codes == [0, 1, 2, 1]
    said = run_script(tmp_path, {"watch": 0, "history": 2}, mirror=True)[1]
    assert f"history of {tmp_path}" in said


@pytest.mark.parametrize("name", ODD)
def test_words_of_crontabs_and_units_stay_one_word(name: str) -> None:
    script = f"/srv/{name}/watch.sh"
    assert shlex.split(in_crontab(script).replace("\\%", "%")) == ["/bin/sh", script]
    assert "%" not in in_crontab(script).replace("\\%", "")
    inner = in_unit(script)[1:-1]
    plain = inner.replace("%%", "%").replace("$$", "$").replace('\\"', '"').replace("\\\\", "\\")
    assert plain == script


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("name", ["plain", *ODD])
def test_systemd_accepts_the_units(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    run_script(folder, {"watch": 0})
    units = sorted((folder / "systemd").iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", *map(str, units)], capture_output=True, text=True,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    units[0].write_text(units[0].read_text().replace("Nice=10", "Nice=ten"))
    broken = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(units[0])], capture_output=True, text=True,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert "nice priority" in broken.stderr


def test_units_hold_what_they_should() -> None:
    files = watch_files()
    timer = configparser.ConfigParser(interpolation=None)
    timer.read_string(files["systemd/burnish-watch-visit-notes.timer"].decode())
    assert timer["Timer"]["OnCalendar"] == calendar("visit-notes", "hour")
    assert timer["Timer"]["Persistent"] == "true"
    service = configparser.ConfigParser(interpolation=None)
    service.read_string(files["systemd/burnish-watch-visit-notes.service"].decode())
    assert service["Service"]["ExecStart"] == '/bin/sh "/srv/visit notes watched/watch.sh"'


def test_each_task_has_a_minute_of_its_own() -> None:
    minutes = {cron_line(f"task-{number}", "hour").split()[0] for number in range(40)}
    assert len(minutes) > 20
    assert all(0 <= int(minute) < 60 for minute in minutes)
    minute = cron_line("a", "day").split()[0]
    assert cron_line("a", "day") == f"{minute} 4 * * *"
    assert calendar("a", "day") == f"*-*-* 04:{int(minute):02d}:00"
    assert cron_line("a", "hour") == f"{minute} * * * *"


def test_ports_of_webhooks() -> None:
    assert webhook_port("") is None
    assert webhook_port("https://host/x") == 443
    assert webhook_port("http://host") == 80
    assert webhook_port("http://host:9000/x") == 9000


def test_a_path_that_ends_a_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="cannot be printed"):
        watch_files(folder=tmp_path / "a\nb")
