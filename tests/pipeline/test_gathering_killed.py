"""Gathering that is killed at any moment loses no decision, and leaves no half file."""

import os
import random
import signal
import time
from pathlib import Path

from gatherings import Log, ordinary, text_of, workspace_of

from burnish import pipeline
from burnish.pipeline.gather.gathering import read_gathered
from burnish.records import Queued
from burnish.store import Workspace
from burnish.store.files import read_lines, write_lines

KILLS = 12


def rights(workspace: Workspace) -> dict[str, str]:
    lines = read_lines(workspace.queue, Queued)
    return {line.exchange: line.right for line in lines if line.right}


def test_twelve_kills_lose_no_decision(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    log = Log(workspace)
    chance = random.Random(5)
    ordinary(log, 100)
    for at in range(30):
        log.ask(text_of("card", chance), "card", id=f"unsure{at}", probability=0.2)
    for at in range(20):
        name = log.ask(text_of("refund", chance), "card", id=f"wrong{at}")
        log.say(name, f"c{at % 5}", answer="refund")
    log.write()
    pipeline.run_gather(workspace)
    lines = [
        line.model_copy(update={"right": "keep" if line.exchange.startswith("unsure") else ""})
        for line in read_lines(workspace.queue, Queued)
    ]
    file = tmp_path / "decided.jsonl"
    write_lines(file, lines)
    write_lines(workspace.queue, lines)
    began = time.monotonic()
    pipeline.run_gather(workspace)
    seconds = time.monotonic() - began
    for kill in range(KILLS):
        child = os.fork()
        if not child:
            try:
                pipeline.run_gather(workspace)
                pipeline.take_gathered(workspace, file)
                pipeline.take_corrections(workspace)
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0, 3) * seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        taken = {one.exchange for one in read_gathered(workspace)}
        assert set(rights(workspace)) | taken >= {f"unsure{at}" for at in range(30)}, kill
    pipeline.take_gathered(workspace, file)
    pipeline.take_corrections(workspace)
    taken = [one.exchange for one in read_gathered(workspace)]
    assert sorted(taken) == sorted(
        [*(f"unsure{at}" for at in range(30)), *(f"wrong{at}" for at in range(20))]
    )
    assert rights(workspace) == {}
