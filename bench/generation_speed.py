"""How fast Burnish writes answers on this CPU beside transformers' generate and vLLM.

    python bench/generation_speed.py WORKSPACE [--dtype float32] [--repeats 3]

The newest run's merged weights answer its first validation prompts greedily, each engine in a
process of its own, in turn; loading and a first batch are not counted. transformers generates in
batches of 16 sorted by length; vLLM (its CPU build, found by VLLM_PYTHON) gets all prompts at once,
prefix cache on, as many sequences together as --together says. Prints a Markdown table of medians
and how many answers are word for word those of Burnish; let nothing else run.

Where WORKSPACE holds no brief one is made there from MTS-Dialog (BURNISH_DATA, docs/data-sets.md):
LoRA on 200 training examples for an epoch, with the 200 test dialogues as the validation split.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answers = list[list[int]]
"""Token ids of each prompt's answer, without the end token."""
BATCH = 16


def main() -> None:
    """Compare, or answer as one of the engines (--as)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path, help="with --as: the folder of model and prompts")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--longest", type=int, default=128, help="tokens of an answer")
    parser.add_argument("--together", type=int, default=64, help="sequences that vLLM runs at once")
    parser.add_argument("--engines", nargs="+", choices=_ENGINES, default=list(_ENGINES))
    parser.add_argument("--as", dest="engine", choices=_ENGINES)
    given = parser.parse_args()
    if given.engine:
        print(json.dumps(_measured(given)))
        return
    if not (given.workspace / "burnish.yaml").exists():
        _make(given.workspace)
    with tempfile.TemporaryDirectory() as held:
        _prepare(given, Path(held))
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in given.engines}
        for _ in range(given.repeats):
            for name in given.engines:
                found[name].append(_apart(given, name, held))
    _print(given, found)


def _make(folder: Path) -> None:
    """Tune on MTS-Dialog, with its test dialogues as the validation split."""
    from burnish import pipeline
    from burnish.brief.file import write_brief
    from burnish.records import CheckSettings, DataSettings, PromptSettings, Task, TrainSettings
    from burnish.store import Workspace

    source = Path(os.environ["BURNISH_DATA"]) / "summarisation-mts-dialog"
    folder.mkdir(parents=True, exist_ok=True)
    files = {"train": ("train", 200), "validation": ("test", 200), "test": ("validation", 100)}
    for split, (name, most) in files.items():
        lines = (source / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:most]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    task = Task(
        name="mts", kind="summarize", metric="rougeL",
        data=DataSettings(
            **{split: f"{split}.jsonl" for split in files},
            inputs=("dialogue",), output=("section_text",),
        ),
        prompt=PromptSettings(system="Summarise the dialogue as a section of a clinical note."),
        checks=CheckSettings(near_duplicates="off"), train=TrainSettings(epochs=1),
    )  # fmt: skip
    workspace = Workspace(folder)
    write_brief(workspace.brief, task)
    pipeline.run_data(workspace)
    pipeline.run_base(workspace)
    pipeline.run_train(workspace)


def _prepare(given: argparse.Namespace, folder: Path) -> None:
    """Write the merged model, its tokenizer and the prompts."""
    from burnish.base.load import end_tokens, load_merged
    from burnish.pipeline.data import renderer_of
    from burnish.pipeline.stepping import task_of
    from burnish.records import BaseChoice, Dataset, Run
    from burnish.store import Workspace, read_split

    workspace = Workspace(given.workspace)
    task = task_of(workspace)
    run = [one for one in workspace.records(Run) if one.status == "complete"][-1]
    dataset = next(d for d in workspace.records(Dataset) if d.hash == run.parents["dataset"])
    chosen = next(b for b in workspace.records(BaseChoice) if b.hash == run.parents["base"])
    renderer = renderer_of(task, chosen)
    examples = read_split(workspace, dataset, "validation")[: given.n]
    prompts = [renderer.prompt(example, answer_tokens=0).ids for example in examples]
    end = end_tokens(Path(chosen.path), renderer.tokenizer)
    wide = task.train.model_copy(update={"dtype": "float32"})
    load_merged(chosen, wide, workspace.path(run, run.weights)).save_pretrained(str(folder))
    renderer.tokenizer.save_pretrained(str(folder))
    (folder / "prompts.json").write_text(json.dumps({"prompts": prompts, "end": end}))


def _apart(given: argparse.Namespace, engine: str, folder: str) -> dict[str, Any]:
    """What an engine's own process measures."""
    python = os.environ.get("VLLM_PYTHON", sys.executable) if engine == "vllm" else sys.executable
    line = [python, __file__, folder, "--as", engine]
    for name in ("dtype", "longest", "together"):
        line += [f"--{name}", str(getattr(given, name))]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _measured(given: argparse.Namespace) -> dict[str, Any]:
    asked = json.loads((given.workspace / "prompts.json").read_text())
    prompts, end = asked["prompts"], asked["end"]
    write = _ENGINES[given.engine](given, end)
    write(prompts[:BATCH])
    began = time.monotonic()
    answers = write(prompts)
    return {"seconds": time.monotonic() - began, "answers": answers}


def _burnish(given: argparse.Namespace, end: list[int]) -> Callable[[Answers], Answers]:
    from burnish.engines.local import LocalEngine
    from burnish.evaluate.answering import batches
    from burnish.records import EvaluateSettings

    engine = LocalEngine(_model(given), end, own=True)
    size = EvaluateSettings().batch_size

    def write(prompts: Answers) -> Answers:
        answers: Answers = [[]] * len(prompts)
        for batch in batches(prompts, size):
            asked = [prompts[at] for at in batch]
            written = engine.write(asked, max_new_tokens=given.longest)
            for at, one in zip(batch, written, strict=True):
                answers[at] = list(one.ids)
        return answers

    return write


def _transformers(given: argparse.Namespace, end: list[int]) -> Callable[[Answers], Answers]:
    import torch

    model = _model(given)
    pad = min(end)

    def write(prompts: Answers) -> Answers:
        order = sorted(range(len(prompts)), key=lambda at: -len(prompts[at]))
        answers: Answers = [[]] * len(prompts)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            longest = max(len(prompts[at]) for at in batch)
            gaps = [longest - len(prompts[at]) for at in batch]
            ids = [[pad] * gap + prompts[at] for gap, at in zip(gaps, batch, strict=True)]
            seen = [[0] * gap + [1] * (longest - gap) for gap in gaps]
            out = model.generate(
                input_ids=torch.tensor(ids), attention_mask=torch.tensor(seen),
                max_new_tokens=given.longest, do_sample=False, eos_token_id=end, pad_token_id=pad,
            )  # fmt: skip
            for at, row in zip(batch, out[:, longest:].tolist(), strict=True):
                answers[at] = _before(row, end)
        return answers

    return write


def _vllm(given: argparse.Namespace, end: list[int]) -> Callable[[Answers], Answers]:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm import LLM, SamplingParams  # type: ignore[import-not-found]

    engine = LLM(
        model=str(given.workspace), dtype=given.dtype, max_model_len=4096,
        max_num_seqs=given.together, enable_prefix_caching=True,
    )  # fmt: skip
    asked = SamplingParams(temperature=0, max_tokens=given.longest, stop_token_ids=end)

    def write(prompts: Answers) -> Answers:
        engine.reset_prefix_cache()
        found = engine.generate(
            [{"prompt_token_ids": ids} for ids in prompts], asked, use_tqdm=False
        )
        return [_before(list(one.outputs[0].token_ids), end) for one in found]

    return write


def _model(given: argparse.Namespace) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    dtype = getattr(torch, given.dtype)
    return AutoModelForCausalLM.from_pretrained(str(given.workspace), dtype=dtype).eval()


def _before(ids: list[int], end: list[int]) -> list[int]:
    """Token ids before the first that ends an answer."""
    return ids[: next((at for at, one in enumerate(ids) if one in end), len(ids))]


_ENGINES = {"burnish": _burnish, "transformers": _transformers, "vllm": _vllm}


def _print(given: argparse.Namespace, found: dict[str, list[dict[str, Any]]]) -> None:
    wanted = found[given.engines[0]][0]["answers"]
    tokens = sum(map(len, wanted)) / len(wanted)
    print(f"{len(wanted)} prompts, {given.dtype}, {tokens:.0f} tokens an answer")
    print("| engine | answers/s (each repeat) | over it | answers equal |")
    print("|---|---|---:|---:|")
    median = {
        name: statistics.median(len(one["answers"]) / one["seconds"] for one in several)
        for name, several in found.items()
    }
    for name, several in found.items():
        each = ", ".join(f"{len(one['answers']) / one['seconds']:.2f}" for one in several)
        equal = sum(map(list.__eq__, several[0]["answers"], wanted))
        over = median[given.engines[0]] / median[name]
        print(f"| {name} | {median[name]:.2f} ({each}) | {over:.2f}× | {equal} of {len(wanted)} |")


if __name__ == "__main__":
    main()
