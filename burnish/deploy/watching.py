"""`burnish watch` by cron, or by a timer of systemd, on the machine that has the workspace.

A pure function of a few facts; reads and writes nothing.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from burnish.deploy.names import label
from burnish.deploy.rendering import render
from burnish.deploy.schedule import calendar, cron_line, why_so_often
from burnish.deploy.writing import PLAN
from burnish.errors import DeployError
from burnish.records.deploy_plan import Choice, Every, WatchPlan

Commands = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class WatchFacts:
    """What the files follow from; all paths are absolute.

    Attributes:
        program: the burnish to run.
        folder: where the files will be.
        mirror: the brief names a registry of MLflow.
    """

    task_name: str
    burnish: str
    workspace: Path
    program: Path
    folder: Path
    every: Every
    mirror: bool


def make_watch_files(facts: WatchFacts) -> tuple[WatchPlan, dict[str, bytes]]:
    """The plan, and its files by their names.

    Raises:
        DeployError: a path has letters that would end a line.
    """
    for path in (facts.workspace, facts.program, facts.folder):
        if not str(path).isprintable():
            raise DeployError(
                f"The path {str(path)!r} has letters that cannot be printed.", hint="rename it"
            )
    name = label(facts.task_name)
    unit, script = f"burnish-watch-{name}", str(facts.folder / "watch.sh")
    commands = _commands(unit, script)
    plan = WatchPlan(
        task_name=facts.task_name,
        name=name,
        burnish=facts.burnish,
        workspace=str(facts.workspace),
        program=str(facts.program),
        schedule=cron_line(name, facts.every),
        calendar=calendar(name, facts.every),
        mirror=facts.mirror,
        folder=str(facts.folder),
        choices=tuple(_choices(facts, name)),
        commands=tuple(line for _, lines in commands for line in lines),
    )
    given = {
        **dict(plan),
        "often": {"hour": "hourly", "day": "daily"}[facts.every],
        "command": in_crontab(script),
        "script": in_unit(script),
        "commands": [{"why": why, "lines": lines} for why, lines in commands],
    }
    names = {
        "README.md": "README.md",
        "watch.sh": "watch.sh",
        "watch.env.example": "watch.env.example",
        "crontab": "crontab",
        f"systemd/{unit}.service": "service",
        f"systemd/{unit}.timer": "timer",
    }
    files = {
        file: render(f"cron/{template}.jinja", **given).encode() for file, template in names.items()
    }
    sizes = {file: len(content) for file, content in sorted(files.items())}
    plan = plan.model_copy(update={"files": sizes})
    return plan, files | {PLAN: (plan.model_dump_json(indent=2) + "\n").encode()}


def in_crontab(script: str) -> str:
    """A command of a crontab, where % is a line end unless a backslash stands before it."""
    return f"/bin/sh {shlex.quote(script)}".replace("%", "\\%")


def in_unit(script: str) -> str:
    """A word of ExecStart= (systemd.service, Command lines): $ and % stand twice."""
    escaped = script.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.replace("$", "$$").replace("%", "%%")}"'


def _commands(unit: str, script: str) -> Commands:
    # Lines of an earlier time go: they end with the same command.
    line = shlex.quote(in_crontab(script))
    return (
        ("Try it; 0 is no alarm, 1 an alarm:", ("sh watch.sh; echo $?",)),
        (
            "With cron: add the line to your crontab, once.",
            (f"(crontab -l 2>/dev/null | grep -vF {line}; cat crontab) | crontab -",),
        ),
        (
            "Or with systemd, also while you are not logged in:",
            (
                "mkdir -p ~/.config/systemd/user && cp systemd/* ~/.config/systemd/user",
                "systemctl --user daemon-reload",
                f"systemctl --user enable --now {unit}.timer",
                "loginctl enable-linger",
            ),
        ),
    )


def _choices(facts: WatchFacts, name: str) -> list[Choice]:
    found = [
        Choice(about="watch", chosen=f"every {facts.every}", why=why_so_often(facts.every)),
        Choice(
            about="minute",
            chosen=cron_line(name, facts.every).split()[0],
            why="by the task's name, so that several tasks do not look at the same moment",
        ),
        Choice(
            about="alarm",
            chosen="exit code 1",
            why="cron mails what was said, systemd marks the unit as failed; watch.webhook of the "
            "brief posts it elsewhere",
        ),
    ]
    if facts.mirror:
        found.append(
            Choice(
                about="mirror",
                chosen="after each look",
                why="history.mlflow stands in the brief, and a look may change who answers",
            )
        )
    return found
