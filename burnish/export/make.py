"""Make one export: write the files, load them back, prove them, and only then let them stand.

Reads a run through the loaders it is given; writes into the record's folder:

adapter/, model/ or recipe/    the files, with README.md; in .making/ until they are proved
.proof/                        the tuned weights' logits, while the proof is going on
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import AutoTokenizer, PreTrainedModel

from burnish.chat.render import Renderer
from burnish.engines.local import LocalEngine
from burnish.engines.memory import release_memory
from burnish.errors import ExportError
from burnish.export.adapter import write_adapter
from burnish.export.card import loading, render_readme
from burnish.export.forms import FORMS
from burnish.export.gguf_file import read_gguf, refuse_unsupported, write_gguf
from burnish.export.merged import read_merged, write_merged
from burnish.export.modelfile import write_modelfile
from burnish.export.parity import (
    Tuned,
    check_merge,
    make_probes,
    prove,
    read_tuned,
    refuse_other_prompts,
)
from burnish.export.recipes import write_recipe
from burnish.records import BaseChoice, Event, Example, Export, Parity, Progress, Run, Task
from burnish.store import Workspace
from burnish.store.files import disk_errors, sha256_tree, write_text

Model = PreTrainedModel | PeftModel


@dataclass(frozen=True)
class Source:
    """A run to export, and how its models are loaded; all of them in float32.

    Attributes:
        task: the brief as it was for the run.
        hub_id: the base on the hub; "" where it has no place there.
        card: model-card.md of the run's report; None where there is none.
        weights: the run's folder of what was trained.
        renderer: over the base's tokenizer.
        end: token ids that end an answer.
        tuned: the base with what a folder of trained weights holds.
        merged: the same as one model.
        answer: greedy answers to examples, as evaluation asks for them.
    """

    task: Task
    run: Run
    base: BaseChoice
    hub_id: str
    card: str | None
    weights: Path
    renderer: Renderer
    end: Sequence[int]
    validation: list[Example]
    training: list[Example]
    tuned: Callable[[Path], Model]
    merged: Callable[[], PreTrainedModel]
    answer: Callable[[LocalEngine, Renderer, Sequence[Example]], list[str]]


def make_export(
    workspace: Workspace, record: Export, source: Source, *, prompts: int, progress: Progress
) -> Export:
    """Write, prove and complete a started export; on any failure no file of it stays.

    Args:
        prompts: most validation prompts to prove it over.

    Raises:
        ExportError: the form does not take this run, or a bound is broken.
    """
    began = time.monotonic()
    folder = workspace.path(record)
    fresh, proof = folder / ".making", folder / ".proof"
    for left in (fresh, proof, folder / record.folder):
        shutil.rmtree(left, ignore_errors=True)
    try:
        with disk_errors(folder):
            fresh.mkdir(parents=True)
            proof.mkdir()
            making = _Making(record, source, fresh, proof, prompts, progress)
            record, how = making.recipe() if record.folder == "recipe" else making.proved()
            page = render_readme(record, source.run, source.task.name, source.card, how)
            write_text(fresh / "README.md", page)
            files = {f"{record.folder}/{name}": seal for name, seal in sha256_tree(fresh).items()}
            size = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file())
            fresh.rename(folder / record.folder)
    finally:
        for left in (fresh, proof):
            shutil.rmtree(left, ignore_errors=True)
    seconds = round(time.monotonic() - began, 1)
    return workspace.complete(record, {"files": files, "size": size, "seconds": seconds})


@dataclass
class _Making:
    """One export under way."""

    record: Export
    source: Source
    fresh: Path
    proof: Path
    prompts: int
    progress: Progress

    def recipe(self) -> tuple[Export, str]:
        """Write a recipe; the record so far, and how the recipe is used."""
        source = self.source
        self._check_prompts(source.renderer)
        how = write_recipe(self.fresh, self.record.form, source.renderer, source.training)
        unproved = "a recipe quantises nothing by itself, and was not run on a GPU here"
        return self.record.model_copy(update={"unproved": unproved}), how

    def proved(self) -> tuple[Export, str]:
        """Write the files and prove them; the record so far, and how they are loaded."""
        source, record = self.source, self.record
        self._check_prompts(source.renderer)
        if record.form == "adapter" and source.run.weights != "adapter":
            raise ExportError(
                f"Run {source.run.id} trained all weights (train.method: full): it has no adapter.",
                hint="burnish export --form merged",
            )
        self._tell("the tuned weights answer")
        examples = source.validation[: self.prompts]
        engine = LocalEngine(source.tuned(source.weights), source.end)
        device = engine.model.device
        if record.form == "gguf":
            config: Any = engine.model.config
            refuse_unsupported(config, source.renderer.tokenizer, longest=self._longest())
        tuned = read_tuned(
            engine, source.renderer, make_probes(source.renderer, examples),
            lambda engine, renderer: source.answer(engine, renderer, examples), self.proof,
        )  # fmt: skip
        del engine
        release_memory()
        merge, notes = self._write(tuned)
        release_memory()
        self._tell("the exported files answer")
        model, tokenizer, end = self._read()
        renderer = Renderer(tokenizer, source.task)
        prompt_hash = self._check_prompts(renderer)
        if make_probes(renderer, examples) != tuned.probes:
            raise ExportError("The exported tokenizer writes the reference answers otherwise.")
        parity = self._prove(
            LocalEngine(model.to(device), end), renderer, tuned, merge, prompt_hash
        )
        done = record.model_copy(update={"parity": parity, "notes": (*record.notes, *notes)})
        return done, loading(done, self._file_name())

    def _prove(
        self,
        engine: LocalEngine,
        renderer: Renderer,
        tuned: Tuned,
        merge: float | None,
        prompt_hash: str,
    ) -> Parity:
        examples = self.source.validation[: self.prompts]
        bounds = FORMS[self.record.form].precisions[self.record.precision]
        if bounds is None:
            raise ValueError(f"{self.record.form} has no bounds")
        return prove(
            engine, renderer, tuned,
            lambda engine, renderer: self.source.answer(engine, renderer, examples),
            prompt_hash=prompt_hash, bounds=bounds, merge=merge,
        )  # fmt: skip

    def _write(self, tuned: Tuned) -> tuple[float | None, list[str]]:
        """Write the files; the largest logit difference of the merge, and what to know of them."""
        source, tokenizer = self.source, self.source.renderer.tokenizer
        if self.record.form == "adapter":
            write_adapter(source.weights, self.fresh, base=source.hub_id or source.base.name)
            tokenizer.save_pretrained(str(self.fresh))
            return None, []
        self._tell("merging")
        model = source.merged()
        merge = check_merge(LocalEngine(model, source.end), tuned)
        self._tell("writing")
        if self.record.form == "merged":
            write_merged(model, tokenizer, source.end, self.fresh, self.record.precision)
            return merge, []
        context = min(source.base.context_length or self._longest(), self._longest())
        file, task = self._file_name(), source.task
        text, notes = write_modelfile(
            file, tokenizer, system=task.prompt.system,
            stops=[str(_token(tokenizer, index)) for index in source.end],
            context=context, longest_answer=task.evaluate.max_new_tokens,
        )  # fmt: skip
        write_text(self.fresh / "Modelfile", text)
        about = {
            "general.name": task.name,
            "general.description": f"{source.base.name}, tuned by Burnish in run {source.run.id}",
            "general.license": source.base.licence,
            "burnish.run": source.run.id,
            "burnish.prompt_hash": source.run.prompt_hash,
        }
        path = self.fresh / file
        notes += write_gguf(model, tokenizer, source.end, path, self.record.precision, about)
        return merge, notes

    def _read(self) -> tuple[Model, Any, Sequence[int]]:
        """What was written, from disk: the model, its tokenizer, and what ends its answers."""
        if self.record.form == "merged":
            return read_merged(self.fresh)
        if self.record.form == "gguf":
            return read_gguf(self.fresh / self._file_name())
        tokenizer = AutoTokenizer.from_pretrained(str(self.fresh), local_files_only=True)
        return self.source.tuned(self.fresh), tokenizer, self.source.end

    def _check_prompts(self, renderer: Renderer) -> str:
        found = renderer.prompt_hash(self.source.validation)
        refuse_other_prompts(found, self.source.run.prompt_hash)
        return found

    def _longest(self) -> int:
        """Tokens of the longest prompt and answer together."""
        return self.source.task.train.max_length + self.source.task.evaluate.max_new_tokens

    def _file_name(self) -> str:
        return f"{self.source.task.name}-{self.record.precision}.gguf"

    def _tell(self, doing: str) -> None:
        self.progress(Event("export", doing))


def _token(tokenizer: Any, index: int) -> Any:
    return tokenizer.convert_ids_to_tokens(index)
