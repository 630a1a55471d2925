"""What the gateway costs, how much it takes on, and what it loses when things die.

    python bench/serving.py overhead      its share of an answer, 64 callers, an engine of 250 ms
    python bench/serving.py throughput    requests a second, 64 callers, an instant engine
    python bench/serving.py promotions    1,000 promotions and rollbacks under load
    python bench/serving.py kills         50 SIGKILLs of the gateway under load
    python bench/serving.py soak          30 minutes of mixed load, the engine killed every minute
    python bench/serving.py idle          10,000 idle connections
    python bench/serving.py keys          does a nearly right key take longer to refuse?
    python bench/serving.py clients       what asking an engine costs with aiohttp and with httpx

Gateway, engine and callers share this machine's cores; the request log is on and masked. Each
prints a line or a table; with --json, the figures.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import resource
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median

import uvloop
from callers import CHAT, MESSAGES, Ask, Caller, Heard, call
from stage import HERE, Gateway, engine_of, gateway_over, prepared, started

from burnish.records import Route
from burnish.store.database import connect
from burnish.store.exchanges import read_exchanges, read_feedback
from burnish.store.keys import Keyring, make_key
from burnish.store.traffic import change_traffic, current_traffic, roll_back

CALLERS = 64


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=sorted(WHAT))
    parser.add_argument("--seconds", type=float, help="of each part, or of the whole soak")
    parser.add_argument("--times", type=int, help="repeats, promotions or kills")
    parser.add_argument("--database", help="URL of another database than SQLite")
    arguments = parser.parse_args()
    if arguments.database:
        os.environ["BURNISH_DATABASE"] = arguments.database
    given = {
        name: value
        for name in ("seconds", "times")
        if (value := getattr(arguments, name)) is not None
    }
    uvloop.run(WHAT[arguments.what](**given))


async def overhead(seconds: float = 20, times: int = 3) -> None:
    """Latency through the gateway, less that of the bare engine, alternating."""
    found: dict[str, list[Heard]] = {"engine": [], "gateway": []}
    with engine_of(delay=0.25) as engine, gateway_over([{"id": "one", "url": engine}]) as gateway:
        for _ in range(times):
            for name, url in (("engine", engine), ("gateway", gateway.url)):
                found[name].append(await call(url, CALLERS, seconds))
    print("| | median, ms | p99, ms | requests/s |\n|---|---|---|---|")
    shares = {}
    for name, runs in found.items():
        half, most = (median(run.percentile(share) for run in runs) for share in (0.5, 0.99))
        rate = median(len(run.seconds) / seconds for run in runs)
        shares[name] = half, most
        print(f"| {name} | {half:.1f} | {most:.1f} | {rate:.0f} |")
    pairs = zip(shares["gateway"], shares["engine"], strict=True)
    more = [f"{with_it - without:.1f}" for with_it, without in pairs]
    print(f"| overhead | {more[0]} | {more[1]} | |")
    _refuse_faults(*(run for runs in found.values() for run in runs))


async def throughput(seconds: float = 20, times: int = 3) -> None:
    """Requests a second through the gateway over an instant engine."""
    with engine_of() as engine, gateway_over([{"id": "one", "url": engine}]) as gateway:
        await call(gateway.url, CALLERS, 2)
        runs = [await call(gateway.url, CALLERS, seconds) for _ in range(times)]
        bare = await call(engine, CALLERS, seconds)
        rates = sorted(len(run.seconds) / seconds for run in runs)
        print(
            f"{median(rates):.0f} requests/s (of {', '.join(f'{rate:.0f}' for rate in rates)}); "
            f"the engine alone {len(bare.seconds) / seconds:.0f}"
        )
        _refuse_faults(*runs)
        await asyncio.sleep(3)
        logged, texts = _logged(gateway)
    asked = sum(len(run.seconds) for run in runs)
    print(f"{logged} exchanges logged, {texts} with their texts; {asked} answered while measured")


async def promotions(seconds: float = 3600, times: int = 1000) -> None:
    """Every state of the traffic holds within a second, and no answer is lost or mixed."""
    with engine_of(text="a a a a") as one, engine_of(text="b b b b") as two:
        rows = [{"id": "a", "url": one}, {"id": "b", "url": two}]
        with gateway_over(rows) as gateway:
            await _both_known(gateway)
            over = asyncio.Event()
            load = asyncio.create_task(
                call(gateway.url, 16, seconds, _mixed, check=_one_version, until=over)
            )
            waits = [
                await asyncio.to_thread(_change, gateway.folder, number) for number in range(times)
            ]
            over.set()
            heard = await load
    waits.sort()
    print(
        f"{times} changes; in force after {1000 * median(waits):.0f} ms at the median, "
        f"{1000 * waits[-1]:.0f} ms at most; {len(heard.seconds)} answers, "
        f"statuses {heard.statuses}, {len(heard.faults)} mixed or broken"
    )
    _refuse_faults(heard)


async def kills(seconds: float = 3, times: int = 50) -> None:
    """Kill the gateway at random moments; look for acknowledged feedback in the log."""
    chance, acknowledged = random.Random(0), set()
    with engine_of() as engine, tempfile.TemporaryDirectory() as held:
        folder = prepared(Path(held), [{"id": "one", "url": engine}])
        for number in range(times):
            with started(folder) as gateway:
                until = asyncio.Event()
                load = asyncio.create_task(
                    call(gateway.url, 8, 60, _with_feedback(), check=_clean_status, until=until)
                )
                await asyncio.sleep(chance.uniform(0.3, seconds))
                gateway.process.kill()
                until.set()
                acknowledged |= set((await load).kept)
            if number % 10 == 9:
                print(f"{number + 1} kills, {len(acknowledged)} acknowledged", flush=True)
        database = connect(folder / "burnish.db")
        kept = {one.id for one in read_feedback(database)}
        exchanges = {one.id for one in read_exchanges(database)}
        orphans = {one.exchange for one in read_feedback(database)} - exchanges
    lost = acknowledged - kept
    print(
        f"{times} kills: {len(acknowledged)} acknowledged feedbacks, {len(lost)} lost; "
        f"{len(exchanges)} exchanges, {len(orphans)} feedbacks without one"
    )
    if lost or orphans or not acknowledged:
        raise SystemExit(1)


async def soak(seconds: float = 1800, times: int = 0) -> None:
    """Mixed load while the engine is killed every minute."""
    with tempfile.TemporaryDirectory() as held:
        folder = prepared(Path(held), [{"id": "one", "engine": "vllm", "weights": "w"}])
        stand_in = folder / "python"
        engine = HERE / "instant_engine.py"
        stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} {engine} --delay 0.05 "$@"\n')
        stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
        os.environ["BURNISH_VLLM_PYTHON"] = str(stand_in)
        with started(folder) as gateway:
            feed = _with_feedback()
            load = asyncio.create_task(
                call(gateway.url, 32, seconds, feed, check=_clean_status, pause=0.05)
            )
            memory, killed, began = [], 0, time.monotonic()
            while not load.done():
                await asyncio.wait({load}, timeout=60 if seconds >= 300 else 5)
                memory.append(gateway.memory())
                print(f"{time.monotonic() - began:.0f} s  {memory[-1]:.0f} MiB", flush=True)
                killed += _kill_engine(gateway)
            heard = await load
            await asyncio.sleep(3)
            database = connect(folder / "burnish.db")
            lost = set(heard.kept) - {one.id for one in read_feedback(database)}
    print(
        f"{seconds:.0f} s, engine killed {killed} times: statuses {heard.statuses}, "
        f"{len(heard.faults)} other; {len(heard.kept)} feedbacks acknowledged, {len(lost)} lost; "
        f"memory {memory[0]:.0f} MiB after the first minute, {memory[-1]:.0f} at the end"
    )
    _refuse_faults(heard)
    if lost or 0 in heard.statuses:
        raise SystemExit(1)


async def idle(seconds: float = 30, times: int = 10_000) -> None:
    """Open idle connections, and ask beside them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, times + 1000), hard))
    with engine_of() as engine, gateway_over([{"id": "one", "url": engine}]) as gateway:
        before = gateway.memory()
        host, _, port = gateway.url.removeprefix("http://").rpartition(":")
        held, began = [], time.monotonic()
        for number in range(times):
            one = socket.create_connection((host, int(port)), timeout=5)
            one.setblocking(False)
            held.append(one)
            if number % 100 == 0:
                await asyncio.sleep(0)
        opened = time.monotonic() - began
        most = gateway.process.num_fds()
        beside = await call(gateway.url, 1, 3)
        await asyncio.sleep(max(0.0, 12 - (time.monotonic() - began)))
        closed = sum(_is_closed(one) for one in held)
        print(
            f"{times} idle connections opened in {opened:.1f} s: at most {most} held, {closed} "
            f"closed by the gateway after {time.monotonic() - began:.0f} s; beside them "
            f"{len(beside.seconds)} answers, statuses {beside.statuses}; memory {before:.0f} to "
            f"{gateway.memory():.0f} MiB"
        )
        for one in held:
            one.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def keys(seconds: float = 0, times: int = 20) -> None:
    """Time to refuse keys that are wrong from their first character, or in their last alone."""
    chance, medians = random.Random(0), []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as held:
            database = connect(Path(held) / "burnish.db")
            _, right = make_key(database, "one", ["answer"])
            ring = Keyring(database)
            database.dispose()
        at = right.index("-", 3) + 1  # where the secret begins
        wrong = [
            right[:place] + ("B" if right[place] == "A" else "A") + right[place + 1 :]
            for place in (at, len(right) - 1)
        ]
        spent: list[list[int]] = [[], []]
        for _ in range(20_000):
            for which in chance.sample((0, 1), 2):
                began = time.perf_counter_ns()
                ring.find(wrong[which])
                spent[which].append(time.perf_counter_ns() - began)
        medians.append(tuple(map(median, spent)))
    apart = sorted(last - first for first, last in medians)
    print(
        f"{times} keys: {median(first for first, _ in medians):.0f} ns where the first character "
        f"is wrong; {median(apart):+.0f} ns ({apart[0]:+.0f} to {apart[-1]:+.0f}) in the last alone"
    )


async def clients(seconds: float = 5, times: int = 3) -> None:
    """Requests a second of one process that asks an instant engine, 64 at once."""
    import aiohttp
    import httpx

    body = json.dumps({"model": "short", "messages": MESSAGES}).encode()
    head = {"Content-Type": "application/json"}
    found: dict[str, list[float]] = {"aiohttp": [], "httpx": []}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    with engine_of() as engine:
        async with aiohttp.ClientSession() as one, httpx.AsyncClient(limits=limits) as other:

            async def by_aiohttp() -> None:
                async with one.post(engine + CHAT, data=body, headers=head) as answer:
                    await answer.read()

            async def by_httpx() -> None:
                await other.post(engine + CHAT, content=body, headers=head)

            for _ in range(times):
                for name, ask in (("aiohttp", by_aiohttp), ("httpx", by_httpx)):
                    found[name].append(await _rate(ask, seconds))
    print(", ".join(f"{name} {median(rates):.0f} requests/s" for name, rates in found.items()))


async def _rate(ask: Callable[[], Awaitable[None]], seconds: float) -> float:
    n, began = 0, time.monotonic()

    async def again() -> None:
        nonlocal n
        while time.monotonic() - began < seconds:
            await ask()
            n += 1

    await asyncio.gather(*(again() for _ in range(CALLERS)))
    return n / (time.monotonic() - began)


WHAT = {
    "overhead": overhead, "throughput": throughput, "promotions": promotions, "kills": kills,
    "soak": soak, "idle": idle, "keys": keys, "clients": clients,
}  # fmt: skip


def _mixed() -> Iterator[Ask]:
    """Chats, streams and tasks in turn."""
    chat = {"model": "short", "messages": MESSAGES}
    return itertools.cycle(
        [(CHAT, chat), (CHAT, chat | {"stream": True}), ("/v1/tasks/short", {"text": "a note"})]
    )


def _with_feedback():  # type: ignore[no-untyped-def]
    """Each caller asks, and then says something of its own answer."""

    def asks() -> Iterator[Ask]:
        for ask in _mixed():
            yield ask
            name = _LAST.get("id")
            if name:
                yield ("/v1/feedback", {"exchange": name, "thumb": "up", "comment": "good"})

    return asks


_LAST: dict[str, str] = {}


def _clean_status(status: int, headers: dict[str, str], content: bytes) -> str | None:
    """An answer, or a 503 that says when to come back."""
    if status == 200:
        name = json.loads(content).get("id", "") if content.startswith(b"{") else ""
        if name.startswith("ex-"):
            _LAST["id"] = name
        whole = b"[DONE]" in content or b'"error"' in content
        return None if content.startswith(b"{") or whole else f"cut stream: {content[-80:]!r}"
    if status == 503 and "retry-after" in headers and b'"error"' in content:
        return None
    return f"{status}: {content[:200]!r}"


def _one_version(status: int, headers: dict[str, str], content: bytes) -> str | None:
    """An answer of one deployment alone, whole."""
    named = headers.get("burnish-deployment")
    if status != 200:
        return f"{status}: {content[:200]!r}"
    if named is None:
        named = json.loads(content)["deployment"]
    other = b"b b" if named == "a" else b"a a"
    streamed = content.startswith(b"data:")
    if streamed:
        pieces = (b'"b "', b'"a "')
        wrong = pieces[named == "b"] in content or b"[DONE]" not in content
    else:
        wrong = other in content
    return f"mixed: {named} {content[:200]!r}" if wrong else None


async def _both_known(gateway: Gateway) -> None:
    database = connect(gateway.folder / "burnish.db")
    change_traffic(
        database,
        [Route(deployment="b", share=0.5), Route(deployment="a", share=0.5)],
        reason="warm",
    )
    while (state := current_traffic(database)) is None or state.applied_at is None:
        await asyncio.sleep(0.05)
    database.dispose()
    await Caller(gateway.url).ask(CHAT, {"model": "short", "messages": MESSAGES})


def _change(folder: Path, number: int) -> float:
    """Promote or roll back; the seconds until it is in force."""
    database = connect(folder / "burnish.db")
    began = time.monotonic()
    if number % 2 == 0:
        name = "a" if number % 4 == 0 else "b"
        change_traffic(database, [Route(deployment=name, share=1)], reason="on")
    else:
        roll_back(database, reason="back")
    while (state := current_traffic(database)) is None or state.applied_at is None:
        time.sleep(0.002)
    database.dispose()
    return time.monotonic() - began


def _kill_engine(gateway: Gateway) -> int:
    """Kill the engine that the gateway started; 1 where there was one."""
    for child in gateway.process.children(recursive=True):
        if any("instant_engine" in part for part in child.cmdline()):
            child.kill()
            return 1
    return 0


def _logged(gateway: Gateway) -> tuple[int, int]:
    database = connect(gateway.folder / "burnish.db")
    rows = list(read_exchanges(database))
    database.dispose()
    return len(rows), sum(one.request is not None for one in rows)


def _is_closed(one: socket.socket) -> bool:
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _refuse_faults(*runs: Heard) -> None:
    faults = [fault for run in runs for fault in run.faults]
    if faults:
        print("\n".join(faults[:10]))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
