"""Tasks of EleutherAI's lm-evaluation-harness, answered by a model in this process.

Reads the tasks that come with the harness, a folder of one's own, and their data, which `datasets`
fetches from the hub unless HF_HUB_OFFLINE is set. Writes nothing. The harness is an optional
package, so it is imported where it is needed.
"""

import copy
import difflib
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from burnish.engines.engine import Engine, ModelEngine
from burnish.errors import EvaluationError

BATCH = 4
"""Prompts run at once. Their logits are held whole: 300 tokens each of a vocabulary of 50,000 are a
quarter of a gigabyte in float32."""


class Metric(NamedTuple):
    """The metric of a task that is compared."""

    name: str
    higher_is_better: bool


@dataclass(frozen=True)
class Scored:
    """What one model scored on one task.

    Attributes:
        version: of the task.
        shots: worked examples put before each prompt.
        values: the metric of each example alone, by the example's place in the task's data.
    """

    metric: Metric
    version: str
    shots: int
    values: dict[int, float]


@dataclass(frozen=True)
class Harness:
    """Tasks that are known and whose data is at hand; `load_harness` makes it.

    Attributes:
        names: tasks, groups and tags as the brief names them.
        metrics: what is compared, of each single task.
        limit: examples of each task.
        version: of the harness.
    """

    names: tuple[str, ...]
    metrics: dict[str, Metric]
    limit: int
    seed: int
    version: str
    manager: Any

    def answer(self, engine: Engine, tokenizer: Any) -> dict[str, Scored]:
        """Ask a model every task: greedy, without a chat template, as the harness does by itself.

        Args:
            tokenizer: of the model, a transformers tokenizer.

        Raises:
            EvaluationError: the engine has no model here, the harness stops, or it leaves
                examples without a score.
        """
        if not isinstance(engine, ModelEngine):
            raise EvaluationError("Tasks of lm-evaluation-harness need a model in this process.")
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM

        with _quiet(), engine.stock() as model:
            asked = HFLM(
                pretrained=model,
                tokenizer=copy.deepcopy(tokenizer),  # it may be given a padding token
                batch_size=BATCH,
                softmax_dtype="float32",
            )
            try:
                found = simple_evaluate(
                    model=asked,
                    tasks=list(self.names),
                    task_manager=self.manager,
                    limit=self.limit,
                    log_samples=True,
                    bootstrap_iters=0,
                    gen_kwargs={"do_sample": False},
                    random_seed=self.seed,
                    numpy_random_seed=self.seed,
                    torch_random_seed=self.seed,
                    fewshot_random_seed=self.seed,
                )
            except Exception as error:  # whatever a task's own code comes up with
                raise EvaluationError(
                    f"lm-evaluation-harness stopped at {', '.join(self.names)}: {_said(error)}",
                    hint="mend the task, or take it out of evaluate.harness",
                ) from error
        return {name: _scored(name, metric, found) for name, metric in self.metrics.items()}


def load_harness(names: Sequence[str], folder: Path | None, *, limit: int, seed: int) -> Harness:
    """Find tasks and their data; nothing is answered.

    Args:
        names: tasks, groups and tags; groups are answered task by task.
        folder: of tasks of one's own, in the harness's YAML form.

    Raises:
        EvaluationError: the harness is not installed, or with every task that it does not know,
            whose data is not at hand, or that cannot be compared.
    """
    if find_spec("lm_eval") is None:
        raise EvaluationError(
            "evaluate.harness names tasks, but lm-evaluation-harness is not installed.",
            hint='pip install "burnish[harness]", or take the tasks out of evaluate.harness',
        )
    if folder is not None and not folder.is_dir():
        raise EvaluationError(
            f"evaluate.harness_tasks is {folder}, which is no folder.",
            hint="name the folder that holds the YAML files of your tasks",
        )
    from lm_eval import __version__
    from lm_eval.tasks import TaskManager

    with _quiet():
        manager = TaskManager(include_path=None if folder is None else str(folder))
        loaded, faults = _load(manager, names)
    metrics: dict[str, Metric] = {}
    for name, task in loaded.items():
        try:
            metrics[name] = _metric(task)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise EvaluationError(
            "evaluate.harness names tasks that cannot be asked.",
            faults=faults,
            hint="lm_eval ls tasks lists those that come with the harness; their data is fetched "
            "from the hub unless HF_HUB_OFFLINE is set",
        )
    return Harness(tuple(names), metrics, limit, seed, __version__, manager)


def _load(manager: Any, names: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Single tasks by name, their data read; and a line for each name that cannot be had."""
    loaded: dict[str, Any] = {}
    faults = []
    for name in names:
        if name not in manager.all_tasks:
            near = difflib.get_close_matches(name, manager.all_tasks, n=1)
            faults.append(f"{name}: unknown{f'; did you mean {near[0]}?' if near else ''}")
            continue
        try:
            found = manager.load([name])["tasks"]
        except Exception as error:  # of the hub, of a missing file, or of the task's own code
            faults.append(f"{name}: its data or its form cannot be read: {_said(error)}")
            continue
        if twice := sorted(loaded.keys() & found.keys()):
            faults.append(f"{name}: {', '.join(twice)} is named twice")
        loaded |= found
    return loaded, faults


def _metric(task: Any) -> Metric:
    """The first of a task's metrics that is a mean over examples.

    Raises:
        ValueError: there is none, or the task cannot be answered here.
    """
    if getattr(task, "UNSAFE_CODE", False):
        raise ValueError("it runs code that the model writes, which Burnish does not")
    if getattr(task, "MULTIMODAL", False):
        raise ValueError("it has pictures or sounds in its prompts")
    named = task.aggregation()
    for name, aggregation in named.items():
        if getattr(aggregation, "__name__", "") == "mean":
            return Metric(name, bool(task.higher_is_better().get(name, True)))
    raise ValueError(
        f"none of its metrics is a mean over examples ({', '.join(named)}), so there is nothing to "
        "pair"
    )


def _scored(name: str, metric: Metric, found: Any) -> Scored:
    """One task out of the harness's results; of several filters of the answers, the first."""
    samples = found["samples"][name]
    first = samples[0]["filter"]
    rows = [each for each in samples if each["filter"] == first]
    values = {each["doc_id"]: each.get(metric.name, math.nan) for each in rows}
    wrong = sum(not isinstance(v, int | float) or not math.isfinite(v) for v in values.values())
    if wrong:
        raise EvaluationError(
            f"{name}: {wrong} of {len(values)} examples have no number as {metric.name}.",
            hint="take it out of evaluate.harness",
        )
    return Scored(
        metric,
        str(found["versions"].get(name, "")),
        int(found["n-shot"].get(name) or 0),
        {place: float(value) for place, value in values.items()},
    )


def _said(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error).strip() or repr(error)).splitlines()[0][:300]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the harness's bars and notices from the terminal, where Burnish shows its progress."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield
