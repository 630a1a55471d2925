"""How far each proved form of export is from its run; the table of docs/export.md.

    python bench/exports.py WORKSPACE [PROMPTS]

Writes the newest complete run of the workspace in every form to a temporary folder, loads it back
and compares, as `burnish export` does; the tuned weights read the prompts once for all forms.
Nothing is refused here, so that a form beyond its bounds shows its figures too; and a merge whose
scale is off by a tenth stands in the table as well.
"""

import json
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import AutoTokenizer

from burnish.chat.render import Renderer
from burnish.engines.local import LocalEngine
from burnish.engines.memory import release_memory
from burnish.export.adapter import write_adapter
from burnish.export.forms import FORMS
from burnish.export.gguf_file import read_gguf, write_gguf
from burnish.export.make import Source
from burnish.export.merged import read_merged, write_merged
from burnish.export.parity import make_probes, measure_gap, read_tuned
from burnish.pipeline.exporting import PROMPTS, _parents, _source, find_run
from burnish.pipeline.stepping import task_of
from burnish.store import Workspace


def main(folder: str, prompts: int = PROMPTS) -> None:
    """Print a row as each form is done."""
    workspace = Workspace(folder)
    run = find_run(workspace, None)
    source = _source(workspace, task_of(workspace), *_parents(workspace, run)[:2], run, None)
    examples = source.validation[:prompts]

    def answer(engine: LocalEngine, renderer: Renderer) -> list[str]:
        return source.answer(engine, renderer, examples)

    with TemporaryDirectory() as place:
        probes = make_probes(source.renderer, examples)
        engine = LocalEngine(source.tuned(source.weights), source.end)
        tuned = read_tuned(engine, source.renderer, probes, answer, Path(place))
        del engine
        print(f"| form | MB | largest | mean | KL, nats | equal of {len(examples)} | seconds |")
        print("|---|---|---|---|---|---|---|", flush=True)
        wrong = ("merged, scale × 1.1", "float32")
        proved = [(form, kind) for form in FORMS for kind, held in FORMS[form].precisions.items()
                  if held is not None]  # fmt: skip
        for form, precision in [*proved, wrong]:
            release_memory()
            began = time.monotonic()
            fresh = Path(place) / "fresh"
            model, tokenizer, end = _written(source, form, precision, fresh)
            size = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file()) / 1e6
            engine = LocalEngine(model, end)
            gap = measure_gap(engine, tuned)
            found = answer(engine, Renderer(tokenizer, source.task))
            equal = sum(one == other for one, other in zip(found, tuned.answers, strict=True))
            shutil.rmtree(fresh)
            print(
                f"| {form} {precision} | {size:,.1f} | {gap.largest:.2g} | {gap.mean:.2g} | "
                f"{gap.mean_kl:.2g} | {equal} | {time.monotonic() - began:.0f} |",
                flush=True,
            )
            del engine, model


def _written(source: Source, form: str, precision: str, fresh: Path) -> tuple[Any, Any, list[int]]:
    tokenizer = source.renderer.tokenizer
    fresh.mkdir()
    if form == "adapter":
        write_adapter(source.weights, fresh, base=source.base.name)
        return source.tuned(fresh), tokenizer, list(source.end)
    model = source.merged() if form in FORMS else _wrongly_merged(source, fresh / "scaled")
    if form == "gguf":
        write_gguf(model, tokenizer, source.end, fresh / "a.gguf", precision, {})
        return read_gguf(fresh / "a.gguf")
    write_merged(model, tokenizer, source.end, fresh, precision)
    model, _, end = read_merged(fresh)
    return model, AutoTokenizer.from_pretrained(str(fresh)), end


def _wrongly_merged(source: Source, folder: Path) -> Any:
    """The adapter merged as if its lora_alpha were a tenth larger."""
    shutil.copytree(source.weights, folder)
    path = folder / "adapter_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"lora_alpha": settings["lora_alpha"] * 1.1}))
    model: Any = source.tuned(folder)
    shutil.rmtree(folder)
    return model.merge_and_unload()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
