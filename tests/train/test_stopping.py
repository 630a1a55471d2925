"""Ctrl-C and TERM: a checkpoint at the step, the same adapter after going on, handlers put back."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from small_task import STEPS, small_workspace

from burnish import pipeline
from burnish.errors import Interrupted
from burnish.records import Event, Run
from burnish.store import Workspace
from burnish.train.stopping import stop_requests

COMMAND = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from burnish.cli.main import main; main()",
]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Run:
    """The run that nothing disturbed."""
    return pipeline.run_train(small_workspace(tmp_path_factory.mktemp("calm"), tiny_base))


def test_the_first_signal_is_noted_and_the_second_acts() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with stop_requests() as requests:
        assert requests.asked() is None
        signal.raise_signal(signal.SIGINT)
        assert requests.asked() == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before[0])
    assert signal.getsignal(signal.SIGTERM) == before[1]


def test_a_time_that_is_up_asks_too_and_a_signal_after_it_is_the_first() -> None:
    with stop_requests(time.monotonic() + 3600) as requests:
        assert requests.asked() is None
    with stop_requests(time.monotonic()) as requests:
        assert requests.asked() == 0
        signal.raise_signal(signal.SIGTERM)
        assert requests.asked() == signal.SIGTERM


def test_signals_that_were_ignored_stay_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_requests() as requests:
            signal.raise_signal(signal.SIGINT)
            assert requests.asked() is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_set_no_handlers() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with stop_requests() as requests:
            seen.append((signal.getsignal(signal.SIGTERM), requests.asked()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, None)]


@pytest.mark.parametrize("stops", [(3, 8), (STEPS, 2 * STEPS)], ids=["mid-epoch", "ends of epochs"])
def test_stopped_and_resumed_equals_undisturbed(
    tmp_path: Path, tiny_base: Path, calm: Run, stops: tuple[int, ...]
) -> None:
    stopped = small_workspace(tmp_path / "stopped", tiny_base)
    told: list[Event] = []
    for at in stops:

        def progress(event: Event, at: int = at) -> None:
            told.append(event)
            if event.done == at and event.total:
                signal.raise_signal(signal.SIGTERM)

        with pytest.raises(Interrupted, match=f"after step {at} of {2 * STEPS}") as stop:
            pipeline.run_train(stopped, progress=progress)
        assert stop.value.signal == signal.SIGTERM
        (run,) = stopped.records(Run)
        assert run.status == "failed"
        assert run.error == stop.value.message
    done = pipeline.run_train(stopped)
    assert done.resumed == 1
    assert (done.hash, done.files) == (calm.hash, calm.files)
    assert any(event.notice and "asked to stop" in event.message for event in told)


def started(workspace: Workspace, *command: str) -> "subprocess.Popen[str]":
    """A command in a process of its own, once it trains."""
    process = subprocess.Popen(
        [*COMMAND, *command, "-w", str(workspace.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 240
    while not list(workspace.folder.glob("runs/*/metrics.jsonl")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [("train", signal.SIGINT, 130), ("run", signal.SIGTERM, 143)],
)
def test_commands_stop_with_a_checkpoint_and_the_code_of_the_signal(
    tmp_path: Path, tiny_base: Path, command: str, number: int, code: int
) -> None:
    workspace = small_workspace(tmp_path / "one", tiny_base, epochs=200, save_steps=1000)
    process = started(workspace, command)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (code, "")
    assert "Training stopped after step" in err
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert list(workspace.folder.glob("runs/*/checkpoints/checkpoint-*/complete.json"))


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, tiny_base: Path) -> None:
    workspace = small_workspace(tmp_path, tiny_base)
    asked = 0

    def progress(event: Event) -> None:
        nonlocal asked
        if event.total:
            asked += 1
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            pipeline.run_train(workspace, progress=progress)
    finally:
        signal.signal(signal.SIGINT, before)
    assert asked == 1
    assert pipeline.run_train(workspace).status == "complete"
