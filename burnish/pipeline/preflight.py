"""The preflight of a run: its cost by the arithmetic of the base room, its picture by training's.

Reads the base's config.json and this machine; writes speed.json of the workspace, once.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from burnish.errors import BaseModelError
from burnish.records import BaseChoice, Cost, DatasetFacts, Preflight, Task
from burnish.store import Workspace

if TYPE_CHECKING:
    from burnish.chat.render import Renderer
    from burnish.train.splits import RenderedSplits

_NO_ENERGY = "not measurable here"


def preflight_of(
    workspace: Workspace,
    task: Task,
    chosen: BaseChoice,
    splits: "RenderedSplits",
    renderer: "Renderer",
) -> Preflight:
    """What is known of a run before any weight moves."""
    from burnish.train.preflight import make_preflight

    def decode(ids: Any) -> str:
        return str(renderer.tokenizer.decode(ids, skip_special_tokens=False))

    cost = cost_of(workspace, task, chosen, facts_of(splits))
    return make_preflight(task, splits, decode=decode, licence=chosen.verdict, cost=cost)


def cost_of(workspace: Workspace, task: Task, chosen: BaseChoice, facts: DatasetFacts) -> Cost:
    """Memory, time and energy of training on the device that it will run on."""
    from burnish.base.duration import training_seconds
    from burnish.base.energy import power_limit
    from burnish.base.figures import read_figures
    from burnish.base.machine import read_machine
    from burnish.base.memory import training_memory
    from burnish.base.places import Work, in_all, on, room
    from burnish.base.ranking import IN_ROWS
    from burnish.base.speed import calibrate, read_speed

    machine, settings = read_machine(), task.train
    on_cpu = settings.device == "cpu" or not machine.devices
    device = machine.cpu if on_cpu else machine.devices[0].name
    available = machine.memory_gib if on_cpu else machine.devices[0].memory_gib
    try:
        figures = read_figures(Path(chosen.path))
        work = Work.of(task, facts, shares_rows=figures.model_type in IN_ROWS)
        cores, most = machine.cores if on_cpu else 0, room(machine, on_cpu=on_cpu)
        plan = on(figures, work, most, cores=cores, features=machine.features)
        memory = in_all(training_memory(figures, plan), plan, on_cpu=on_cpu)
    except BaseModelError:  # a family whose tensors nobody has counted
        return Cost(device=device, available_gib=available, energy=_NO_ENERGY)
    if on_cpu and machine.devices:
        speed = calibrate(machine.model_copy(update={"devices": ()}))
    else:
        speed = read_speed(workspace.speed, machine)
    seconds = training_seconds(figures, plan, tokens=work.tokens, length=work.length, speed=speed)
    watts = power_limit() if on_cpu else None
    return Cost(
        device=device,
        memory=memory,
        tokens_per_row=plan.tokens if plan.tokens < work.row else None,
        available_gib=available,
        seconds=round(seconds, 1),
        watt_hours=None if watts is None else round(watts * seconds / 3600, 2),
        energy=f"the processors' limit of {watts:g} W, for that time" if watts else _NO_ENERGY,
    )


def fitted(task: Task, cost: Cost) -> Task:
    """The same with rows that fit this machine's memory."""
    if cost.tokens_per_row is None:
        return task
    train = task.train.model_copy(update={"tokens_per_row": cost.tokens_per_row})
    return task.model_copy(update={"train": train})


def facts_of(splits: "RenderedSplits") -> DatasetFacts:
    """Lengths as they were rendered: the median example, the longest, and the mean."""
    examples = splits.train.examples
    answers = sorted(sum(example.trained) for example in examples)
    prompts = sorted(len(example.ids) - sum(example.trained) for example in examples)
    first, last = min(example.ids for example in examples), max(example.ids for example in examples)
    shared = next(
        (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)) - 1,
    )
    middle = len(examples) // 2
    return DatasetFacts(
        measured=True,
        train_examples=len(examples),
        prompt_tokens=(prompts[middle], prompts[-1]),
        answer_tokens=(answers[middle], answers[-1]),
        shared_tokens=max(0, shared),
        mean_tokens=splits.train.tokens / len(examples),
    )
