"""Ten years of security advisories through the gateway: the whole loop, drift to roll-out.

    python bench/replay.py [--folder DIR] [--most 150]

A model is tuned on the advisories of 2015–2020 (RustSec; BURNISH_DATA/drift-rustsec-advisories) and
served. Those of 2021–2025 are asked of the gateway in the order of their dates, half a year at a
time; the log's times are then set to the advisories' own, and `burnish watch` judges the half
year. After an alarm what is worth labelling is gathered, a person's part is played by the
advisories' true labels, and `burnish retune` proposes, tunes, judges on the later slice and, where
that says ship, rolls the new run out by stages.

Prints what happened, and draws docs/replay.png.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import httpx
from sqlalchemy import update

from burnish import pipeline
from burnish.errors import RetuneError
from burnish.pipeline.retune import rollout
from burnish.records import Event as Progressed
from burnish.records import Queued, Watch
from burnish.store import Workspace
from burnish.store.database import ExchangeRow, connect
from burnish.store.files import read_lines, write_lines

DATA = Path(os.environ.get("BURNISH_DATA", "../shared/data")) / "drift-rustsec-advisories"
PICTURE = Path("docs/replay.png")
SPLIT, HALF_YEAR = "2021-01-01", timedelta(days=182.625)
SETTINGS = {
    "name": "advisories", "goal": "Say what kind of security advisory a text is.",
    "kind": "classify", "metric": "accuracy", "inputs": ["title", "text"], "output": ["label"],
    "id": "id", "allow_small": True, "epochs": 4,
    "data.train_fraction": 0.6, "data.test_fraction": 0.3, "train.max_length": 512,
    "evaluate.systems": ["zero-shot", "classic", "tuned"], "evaluate.max_new_tokens": 16,
    "serve.keep_days": 5000, "watch.window_days": HALF_YEAR / timedelta(days=1),
    "watch.false_alarms": 0.01, "retune.auto": "full", "retune.least_examples": 150,
    "retune.most_loss": 0.1,  # 76 old test examples cannot show less
    "retune.stages": [0.5, 1.0],
    "retune.stage_requests": 20,
    "retune.stage_margin": 0.25,  # what 20 requests without an error can show
}  # fmt: skip
"""Half a year may spend six months of the rate: a false alarm in every 17th half year."""


class Event(NamedTuple):
    """Something to be drawn: when, in the advisories' time, and what."""

    at: str
    what: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="To keep the workspace in, and to go on in.")
    parser.add_argument("--most", type=int, default=150, help="Labels a person gives at a time.")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in (DATA / "stream.jsonl").open()]
    workspace = Workspace(arguments.folder or Path(mkdtemp()))
    tuned(workspace, [row for row in rows if row["date"] < SPLIT])
    later = [row for row in rows if row["date"] >= SPLIT]
    with gateway(workspace) as url:
        known = set(asked_so_far(workspace).values())
        for begin, end in half_years(later):
            if any(row["id"] in known for row in later if day(row) >= end):
                continue  # an earlier call went on from here
            part = [row for row in later if begin <= day(row) < end]
            if {row["id"] for row in part} - known:
                replay(workspace, url, part)
            outcome = pipeline.run_watch(workspace, now=end)
            tell_windows(outcome.judged)
            if any(one.alarm for one in outcome.judged):
                gather(workspace, {row["id"]: row for row in rows}, arguments.most)
            if rollout.under_way(workspace) is None and not rolled_out(workspace):
                again(workspace, end)
    draw(workspace, later)
    print(f"drawn: {PICTURE}; the workspace: {workspace.folder}")


def half_years(rows: list[dict[str, Any]]) -> Iterator[tuple[datetime, datetime]]:
    begin = day(rows[0])
    while any(day(row) >= begin for row in rows):
        yield begin, begin + HALF_YEAR
        begin += HALF_YEAR


def asked_so_far(workspace: Workspace) -> dict[str, str]:
    """Exchange → advisory."""
    path = workspace.folder / "asked.json"
    return json.loads(path.read_text()) if path.exists() else {}


def happened(workspace: Workspace, at: datetime, what: str) -> None:
    """Keep something for the picture."""
    with (workspace.folder / "happened.jsonl").open("a") as file:
        file.write(json.dumps(Event(at.date().isoformat(), what)) + "\n")


def rolled_out(workspace: Workspace) -> bool:
    return bool(rollout.read_stage_decisions(workspace))


def day(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["date"]).replace(tzinfo=UTC)


def tuned(workspace: Workspace, rows: list[dict[str, Any]]) -> None:
    """The first model, on what was known by the end of 2020."""
    columns = ("id", "title", "text", "label")
    source = workspace.folder / "advisories.jsonl"
    workspace.folder.mkdir(parents=True, exist_ok=True)
    source.write_text(
        "".join(json.dumps({key: row[key] for key in columns}) + "\n" for row in rows)
    )
    if not workspace.brief.exists():
        found = pipeline.init({"source": str(source)}, workspace, dict(SETTINGS))
        pipeline.write_proposal(workspace, found)
    report = pipeline.run(workspace, progress=told)
    scores = {one.name: one.scores["accuracy"] for one in report.systems}
    listed = ", ".join(f"{name} {one.value:.3f}" for name, one in scores.items())
    print(f"tuned on {len(rows)} advisories of 2015–2020; accuracy on its test: {listed}; "
          f"verdict: {report.verdict.decision if report.verdict else ''}", flush=True)  # fmt: skip


@contextmanager
def gateway(workspace: Workspace) -> Iterator[str]:
    """`burnish serve`, ready; ended after the block."""
    command = [sys.executable, "-c", "from burnish.cli.main import main; main()", "serve",
               "--workspace", str(workspace.folder), "--port", "0", "--quiet", "--overrule",
               "the replay is about what comes after"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        url = ""
        while not url and process.stderr and (line := process.stderr.readline()):
            url = line.split("Listening at ")[1].split(";")[0] if "Listening at" in line else ""
        ready(url)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ready(url: str) -> None:
    """Wait until everyone who is to answer is there."""
    for _ in range(600):
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise SystemExit("the gateway is not ready after five minutes")


def replay(workspace: Workspace, url: str, rows: list[dict[str, Any]]) -> None:
    """Ask half a year's advisories, and set the log's times to theirs."""
    asked: dict[str, dict[str, Any]] = {}
    right = 0
    for place, row in enumerate(rows):
        answer = httpx.post(
            f"{url}/v1/tasks/advisories", json={"title": row["title"], "text": row["text"]},
            timeout=120,
        )  # fmt: skip
        answer.raise_for_status()
        asked[answer.json()["id"]] = row
        right += answer.json()["answer"] == row["label"]
        if place % 20 == 19 or place == len(rows) - 1:
            written(workspace, set(asked))
            staged(workspace, day(row))
    database = connect(workspace.database)
    with database.begin() as connection:
        for place, (exchange, row) in enumerate(asked.items()):
            at = day(row) + timedelta(seconds=place)
            stamp = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            change = update(ExchangeRow).where(ExchangeRow.id == exchange).values(at=stamp)
            connection.execute(change)
    database.dispose()
    known = asked_so_far(workspace) | {name: row["id"] for name, row in asked.items()}
    (workspace.folder / "asked.json").write_text(json.dumps(known))
    print(f"\n{rows[0]['date']} to {rows[-1]['date']}: {len(rows)} asked, {right / len(rows):.1%} "
          f"right", flush=True)  # fmt: skip


def written(workspace: Workspace, wanted: set[str]) -> None:
    """Wait until the log holds them, which a process of its own writes."""
    from burnish.store.exchanges import pick_exchanges

    database = connect(workspace.database)
    while len(pick_exchanges(database, sorted(wanted))) < len(wanted):
        time.sleep(0.1)
    database.dispose()


def staged(workspace: Workspace, at: datetime) -> None:
    """Take a run on its way one step on."""
    if rollout.under_way(workspace) is None:
        return
    decision = rollout.advance(workspace)
    if decision is not None:
        print(f"  {decision.action}, at {decision.share:.0%}: {decision.reason}", flush=True)
        if decision.action != "wait":
            happened(workspace, at, f"{decision.action} at {decision.share:.0%}")


def gather(workspace: Workspace, rows: dict[str, dict[str, Any]], most: int) -> None:
    """What a person does: label the queue, here by the advisories' own labels."""
    pipeline.run_gather(workspace, most=most)
    names = asked_so_far(workspace)
    queue = [
        line.model_copy(update={"right": rows[names[line.exchange]]["label"]})
        for line in read_lines(workspace.queue, Queued)
    ]
    write_lines(workspace.queue, queue)
    taken = pipeline.take_gathered(workspace, workspace.queue)
    why = Counter(reason for line in queue for reason in line.why)
    print(f"  labelled {taken.taken}: {', '.join(f'{n} {name}' for name, n in why.items())}; "
          f"{taken.gathered} gathered so far", flush=True)  # fmt: skip


def again(workspace: Workspace, at: datetime) -> None:
    """Propose, tune, judge, and begin the roll-out where the verdict allows it."""
    try:
        done = pipeline.run_retune(workspace, progress=told)
    except RetuneError as error:
        print(f"  not yet: {error.message}", flush=True)
        return
    print(f"  proposed: {' '.join(done.why)}", flush=True)
    if done.gain:
        print(f"  expected gain {done.gain.expected:+.3f} [{done.gain.low:+.3f}, "
              f"{done.gain.high:+.3f}]: {done.gain.measured}", flush=True)  # fmt: skip
    for one in done.compared:
        print(f"  on the {one.test} test: serving {one.serving.value:.3f}, "
              f"new {one.new.value:.3f}, difference {one.difference.value:+.3f} "
              f"[{one.difference.low:+.3f}, "
              f"{one.difference.high:+.3f}], n = {one.difference.n}", flush=True)  # fmt: skip
    print(f"  {done.decision}: {done.reason} {done.promoted}", flush=True)
    happened(workspace, at, f"re-tune: {done.decision}")


def tell_windows(judged: tuple[Watch, ...]) -> None:
    """What the half year's windows showed."""
    for one in judged:
        print(f"  {one.since[:10]} to {one.until[:10]}, {one.windows} window(s): p = "
              f"{one.p_value:.3g}, alarm at {one.threshold:.3g}"
              f"{': ALARM' if one.alarm else ''}", flush=True)  # fmt: skip
        if one.explanation:
            for sentence in one.explanation.sentences:
                print(f"    {sentence}", flush=True)


def told(event: Progressed) -> None:
    """The end of each step."""
    if event.finished:
        print(f"  [{event.step}] {event.message}", flush=True)


def draw(workspace: Workspace, rows: list[dict[str, Any]]) -> None:
    """Surprise, shares of labels and accuracy over time, with what was done."""
    from matplotlib.figure import Figure

    from burnish.store.exchanges import pick_exchanges
    from burnish.watch.page import surprise

    figure = Figure(figsize=(9, 8), layout="constrained")
    top, middle, low = figure.subplots(3, 1, sharex=True)
    for one in pipeline.watches(workspace):
        span = [datetime.fromisoformat(each) for each in (one.since, one.until)]
        colour = "#d55e00" if one.alarm else "#0072b2"
        top.plot(span, [surprise(one)] * 2, color=colour, linewidth=4 if one.windows == 1 else 2)
    top.axhline(1, color="grey", linestyle="--", linewidth=1)
    top.set_ylabel("surprise (alarm above 1)")
    names, truth = asked_so_far(workspace), {row["id"]: row["label"] for row in rows}
    database = connect(workspace.database)
    answers = {names[one.id]: one.answer for one in pick_exchanges(database, sorted(names))}
    database.dispose()
    middles, counts, right = [], [], []
    for begin, end in half_years(rows):
        part = [row["id"] for row in rows if begin <= day(row) < end]
        middles.append(begin + HALF_YEAR / 2)
        counts.append(Counter(truth[name] for name in part))
        right.append(100 * sum(answers[name] == truth[name] for name in part) / len(part))
    labels = sorted({name for count in counts for name in count})
    shares = [[100 * count[name] / count.total() for count in counts] for name in labels]
    middle.stackplot(middles, shares, labels=labels, alpha=0.8)
    middle.set_ylabel("true labels, %")
    middle.legend(loc="lower left", fontsize=8)
    low.plot(middles, right, "o-", color="#0072b2")
    low.set_ylabel("answers right, %")
    for line in (workspace.folder / "happened.jsonl").open():
        at, what = json.loads(line)
        low.axvline(datetime.fromisoformat(at), color="#cc79a7", linewidth=1, linestyle=":")
        low.annotate(what, (datetime.fromisoformat(at), low.get_ylim()[0]), rotation=90,
                     fontsize=8, va="bottom", ha="right")  # fmt: skip
    figure.suptitle("RustSec advisories replayed: tuned on 2015–2020, served from 2021 on")
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
