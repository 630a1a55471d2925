"""A GGUF export in llama.cpp itself: does it render, tokenise and answer as the run does?

    python bench/llama_cpp.py ask WORKSPACE QUESTIONS.json [PROMPTS]
    python bench/llama_cpp.py answer FILE.gguf QUESTIONS.json

`ask` writes validation chats, their token ids by the one renderer, and the tuned weights' greedy
answers in float32. `answer` needs an environment with `xllamacpp` (llama.cpp's server as a module,
2026.10.11549) and nothing of Burnish; it prints how many prompts and answers are the same.
"""

import json
import sys
import urllib.request
from itertools import islice
from pathlib import Path
from typing import Any


def ask(folder: str, target: str, prompts: int = 32) -> None:
    """Write the questions."""
    from burnish.engines.local import LocalEngine
    from burnish.pipeline.exporting import _parents, _source, find_run
    from burnish.pipeline.stepping import task_of
    from burnish.store import Workspace

    workspace = Workspace(folder)
    run = find_run(workspace, None)
    source = _source(workspace, task_of(workspace), *_parents(workspace, run)[:2], run, None)
    # A cut input is cut by Burnish, before any engine: llama.cpp would get another prompt.
    whole = (
        e for e in source.validation if not source.renderer.prompt(e, answer_tokens=0).truncated
    )
    examples = list(islice(whole, prompts))
    answers = source.answer(
        LocalEngine(source.tuned(source.weights), source.end), source.renderer, examples
    )
    questions = [
        {
            "messages": [turn.model_dump() for turn in source.renderer.messages(example)],
            "ids": source.renderer.prompt(example, answer_tokens=0).ids,
            "answer": answer,
            "most": source.task.evaluate.max_new_tokens,
        }
        for example, answer in zip(examples, answers, strict=True)
    ]
    Path(target).write_text(json.dumps(questions))


def answer(file: str, asked: str) -> None:
    """Ask llama.cpp, and print what is the same."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = file
    settings.n_ctx, settings.n_parallel, settings.use_jinja = 2048, 1, True
    server = xllamacpp.Server(settings)
    questions = json.loads(Path(asked).read_text())
    same_prompt = same_answer = 0
    for question in questions:
        prompt = _post(server, "apply-template", {"messages": question["messages"]})["prompt"]
        text = {"content": prompt, "add_special": True, "parse_special": True}
        ids = _post(server, "tokenize", text)["tokens"]
        same_prompt += ids == question["ids"]
        greedy = {"prompt": ids, "temperature": 0, "top_k": 1, "n_predict": question["most"]}
        found = _post(server, "completion", {**greedy, "repeat_penalty": 1, "cache_prompt": False})
        same_answer += found["content"] == question["answer"]
        if ids != question["ids"] and same_prompt == 0:
            print("first other prompt:", ids[:40], question["ids"][:40])
    n = len(questions)
    print(f"{Path(file).name}: {same_prompt} of {n} prompts, {same_answer} of {n} answers the same")


def _post(server: Any, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{server.listening_address}/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=600) as reply:
        return json.loads(reply.read())


if __name__ == "__main__":
    act, *rest = sys.argv[1:]
    {"ask": ask, "answer": answer}[act](*rest[:2], *map(int, rest[2:]))
