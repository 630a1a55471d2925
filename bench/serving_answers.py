"""Are a served run's answers those of its evaluation? Over each engine, word for word.

    python bench/serving_answers.py WORKSPACE [--n 32] [--engine transformers --engine vllm] [--two]

Answers the newest run's validation examples as an evaluation does, then asks a gateway for the same
over each engine (with --two, the run before it is served beside it, and asked by its name): by the
task endpoint, and by the chat endpoint with the openai client (Python, and
Node where NODE_MODULES names a folder with its package), of examples that fit whole: the task
endpoint cuts an input as training does, and a chat is sent as it stands. vLLM is found by
BURNISH_VLLM_PYTHON.
Prints a Markdown table; exits with 1 where an answer differs.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from openai import APIStatusError, OpenAI

from burnish import pipeline
from burnish.chat.messages import MessageRenderer
from burnish.evaluate.answering import answer_examples
from burnish.pipeline.data import renderer_of
from burnish.pipeline.stepping import task_of
from burnish.pipeline.steps import _engine
from burnish.records import Answer, BaseChoice, Dataset, Example, Run, Task
from burnish.store import Workspace, read_split

_NODE = """
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2] + "/v1", apiKey: "none", maxRetries: 0 });
const asked = JSON.parse(process.argv[3]);
const whole = await client.chat.completions.create(asked);
let streamed = "";
for await (const chunk of await client.chat.completions.create({ ...asked, stream: true }))
  streamed += chunk.choices[0]?.delta?.content ?? "";
let refused = 0;
try { await client.chat.completions.create({ ...asked, model: "nobody" }); }
catch (error) { refused = error.status; }
console.log(JSON.stringify({ whole: whole.choices[0].message.content, streamed, refused }));
"""


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--n", type=int, default=32)
    parser.add_argument("--engine", action="append")
    parser.add_argument("--two", action="store_true")
    arguments = parser.parse_args()
    workspace = Workspace(arguments.workspace)
    task = task_of(workspace)
    runs = [one for one in workspace.records(Run) if one.status == "complete"]
    examples, wanted, whole = _evaluated(workspace, task, runs[-1], arguments.n)
    other = _evaluated(workspace, task, runs[-2], arguments.n)[1] if arguments.two else []
    talks, others = [examples[at] for at in whole], [other[at] for at in whole if other]
    print("| engine | n | task endpoint | chat | stream | Node | errors | answers/s |")
    print("|---|---|---|---|---|---|---|---|")
    differ = False
    for engine in arguments.engine or ["transformers"]:
        with _serving(workspace, engine, runs if arguments.two else runs[-1:]) as url:
            row = _compared(url, task, examples, wanted, whole)
            print(f"| {engine} | {len(examples)} | {' | '.join(row[0])} |", flush=True)
            beside = _beside(url, task, talks, others) if other else 0
        if other:
            print(f"  the run beside it: {beside} of {len(others)} chats equal")
        differ = differ or row[1] or beside != len(others)
    raise SystemExit(int(differ))


def _evaluated(
    workspace: Workspace, task: Task, run: Run, n: int
) -> tuple[list[Example], list[Answer], list[int]]:
    """Validation examples, the answers an evaluation would have of the run, and which of the
    examples, eight at most, fit whole."""
    dataset = next(d for d in workspace.records(Dataset) if d.hash == run.parents["dataset"])
    chosen = next(b for b in workspace.records(BaseChoice) if b.hash == run.parents["base"])
    examples = read_split(workspace, dataset, "validation")[:n]
    parts, renderer = _fresh_file(), renderer_of(task, chosen)
    with _engine(workspace, task, chosen, run, "tuned") as engine:
        answers = answer_examples(
            task, dataset.labels, examples, engine=engine, renderer=renderer, shots=(),
            parts=parts, tell=lambda _: None,
        )  # fmt: skip
    parts.unlink()
    room = task.evaluate.max_new_tokens
    whole = [
        at
        for at, example in enumerate(examples)
        if not renderer.prompt(example, answer_tokens=room).truncated
    ]
    return examples, answers, whole[:8]


def _fresh_file() -> Path:
    """A file for finished parts that is new each time."""
    return Path(f"/tmp/serving-answers-{os.getpid()}.jsonl")


@contextmanager
def _serving(workspace: Workspace, engine: str, runs: list[Run]) -> Iterator[str]:
    """`burnish serve` over one engine; its URL, once ready. The last run gets all requests."""
    pipeline.promote(workspace, runs[-1].id, engine=engine, overrule="bench", reason="bench")
    for run in runs[-2:-1]:
        pipeline.promote(workspace, run.id, shadow=True, engine=engine, overrule="bench")
    burnish = str(Path(sys.executable).with_name("burnish"))
    line = [burnish, "serve", "--workspace", str(workspace.folder), "--port", "8765", "--quiet"]
    process = subprocess.Popen(line)
    url = "http://127.0.0.1:8765"
    try:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(url + "/readyz").status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(120)


def _compared(
    url: str, task: Task, examples: list[Example], wanted: list[Answer], fit: list[int]
) -> tuple[list[str], bool]:
    began = time.monotonic()
    told = [
        httpx.post(f"{url}/v1/tasks/{task.name}", json=example.inputs, timeout=300).json()
        for example in examples
    ]
    speed = len(examples) / (time.monotonic() - began)
    pairs = list(zip(told, wanted, strict=True))
    by_task = sum(one.get("text") == answer.text for one, answer in pairs)
    away = [
        abs(answer.probability - (one.get("probability") or 0))
        for one, answer in pairs
        if answer.probability is not None
    ]
    client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=300)
    texts = [wanted[at].text for at in fit]
    chats = [_chat(task, examples[at]) for at in fit]
    whole = [
        client.chat.completions.create(**chat).choices[0].message.content or "" for chat in chats
    ]
    streamed = [
        "".join(
            chunk.choices[0].delta.content or ""
            for chunk in client.chat.completions.create(**chat, stream=True)
            if chunk.choices
        )
        for chat in chats
    ]
    refused = [
        _status(client, chats[0] | more) for more in ({"model": "no"}, {"max_tokens": 10**8})
    ]
    node = _node(url, chats[0])
    counts = [
        (by_task, len(examples)),
        (sum(map(str.__eq__, whole, texts)), len(fit)),
        (sum(map(str.__eq__, streamed, texts)), len(fit)),
    ]
    of_node = "-"
    if node is not None:
        right = task.kind == "classify" or node == {
            "whole": texts[0],
            "streamed": texts[0],
            "refused": 404,
        }
        of_node = "equal" if right else f"differs: {node}"
    if task.kind == "classify":  # a chat writes a label, which need not be the likeliest
        counts = counts[:1]
    cells = [f"{equal} of {n} equal" for equal, n in counts]
    cells += ["-"] * (3 - len(cells))
    cells[0] += f", probabilities within {max(away):.1e}" if away else ""
    cells += [of_node, ", ".join(map(str, refused)), f"{speed:.2f}"]
    differ = any(equal != n for equal, n in counts) or of_node not in ("-", "equal")
    return cells, differ or refused != [404, 400]


def _beside(url: str, task: Task, examples: list[Example], wanted: list[Answer]) -> int:
    """Of the other run's answers, those that the gateway gives when it is asked by name."""
    client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=300)
    chats = [_chat(task, example) for example in examples]
    answers = client.chat.completions.create(**chats[0]).system_fingerprint
    names = [card.id for card in client.models.list()]
    (other,) = (one for one in names if "@" in one and not one.endswith(f"@{answers}"))
    texts = [
        client.chat.completions.create(**chat | {"model": other}).choices[0].message.content
        for chat in chats
    ]
    return sum(text == one.text for text, one in zip(texts, wanted, strict=True))


def _chat(task: Task, example: Example) -> dict[str, Any]:
    turns = MessageRenderer(task).messages(example)
    return {
        "model": task.name,
        "messages": [turn.model_dump() for turn in turns],
        "max_tokens": task.evaluate.max_new_tokens,
    }


def _status(client: OpenAI, chat: dict[str, Any]) -> int:
    try:
        client.chat.completions.create(**chat)
    except APIStatusError as error:
        return error.status_code
    return 200


def _node(url: str, chat: dict[str, Any]) -> dict[str, Any] | None:
    """What the Node client hears; None where there is none."""
    folder = os.environ.get("NODE_MODULES")
    if folder is None:
        return None
    script = Path(folder) / "asks.mjs"
    script.write_text(_NODE)
    done = subprocess.run(
        ["node", str(script), url, json.dumps(chat)],
        capture_output=True, text=True, cwd=folder, timeout=300,
    )  # fmt: skip
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {"error": done.stderr[-300:]}


if __name__ == "__main__":
    main()
