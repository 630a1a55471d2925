"""The shortlist of bases for a workspace: reads its brief's needs, its last data set, this machine.

Weights are never downloaded. torch is imported, and speed.json written, only where there is a GPU
or the machine is to be measured; without speed.json a CPU's speed is guessed.
"""

from itertools import takewhile
from pathlib import Path
from statistics import quantiles

from burnish.base.catalogue import Catalogue, local_model
from burnish.base.machine import read_machine
from burnish.base.ranking import rank
from burnish.base.refresh import Refreshed, refresh
from burnish.base.resolve import is_here
from burnish.base.speed import Speed, estimate, known_speed, read_speed
from burnish.chat.messages import MessageRenderer
from burnish.records import Dataset, DatasetFacts, Machine, Shortlist, Task
from burnish.store import Workspace, read_split

LETTERS = 4
"""Letters a token, roughly: what is not tokenized yet is counted so."""


def make_shortlist(
    workspace: Workspace, task: Task, *, refreshing: bool = False, calibrate: bool = False
) -> Shortlist:
    """What could do the task, in order, with licence, memory and time of each.

    A folder or GGUF file that stands under `base:` is a candidate too.

    Args:
        refreshing: read every config.json from the hub first (see `burnish.base.refresh`).
        calibrate: measure this machine again.

    Raises:
        BaseModelError: the workspace's catalogue.toml has faults, or the hub cannot be reached.
    """
    said = (_told(refresh(workspace.catalogue, task.base)),) if refreshing else ()
    models = list(Catalogue(workspace.catalogue))
    here = {model.name for model in models if is_here(model)}
    own = Path(task.base).expanduser()
    if own.exists():
        models.append(local_model(own))
        here.add(models[-1].name)
    machine = read_machine()
    speed, guessed = _speed(workspace, machine, calibrate)
    facts = read_facts(workspace, task)
    found = rank(task, models, machine, facts, speed=speed, here=frozenset(here))
    return found.model_copy(update={"assumptions": (*said, *guessed, *found.assumptions)})


def _speed(workspace: Workspace, machine: Machine, measured: bool) -> tuple[Speed, tuple[str, ...]]:
    """How fast this machine is, and a sentence where that is a guess."""
    if measured:
        workspace.speed.unlink(missing_ok=True)
    if not measured and not machine.devices and known_speed(workspace.speed, machine) is None:
        said = (
            "This machine's speed was guessed in a moment: burnish train --dry-run measures it, or "
            "burnish base --list --force."
        )
        return estimate(machine), (said,)
    return read_speed(workspace.speed, machine), ()


def _told(done: Refreshed) -> str:
    """What a refresh found, in a sentence."""
    written = f"written: {', '.join(done.written)}" if done.written else "nothing had changed"
    unread = f"; not readable (gated?): {', '.join(done.unread)}" if done.unread else ""
    return f"{done.checked} models were read from the hub; {written}{unread}."


def read_facts(workspace: Workspace, task: Task) -> DatasetFacts:
    """Numbers and lengths of the training examples of the workspace's last data set."""
    made = [each for each in workspace.records(Dataset) if each.status == "complete"]
    if not made:
        return DatasetFacts(labels=len(task.data.labels))
    examples = read_split(workspace, made[-1], "train")
    renderer = MessageRenderer(task)
    prompts = ["".join(turn.content for turn in renderer.messages(each)) for each in examples]
    return DatasetFacts(
        measured=True,
        train_examples=len(examples),
        labels=len(made[-1].labels),
        prompt_tokens=_typical_and_long([len(prompt) // LETTERS for prompt in prompts]),
        answer_tokens=_typical_and_long([len(each.answer) // LETTERS for each in examples]),
        shared_tokens=_shared(prompts) // LETTERS,
    )


def _shared(prompts: list[str]) -> int:
    """Letters at the start of every prompt: those of the first and last in order suffice."""
    if len(prompts) < 2:
        return 0
    pairs = zip(min(prompts), max(prompts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _typical_and_long(sizes: list[int]) -> tuple[int, int]:
    """Median and 95th percentile, at least 1."""
    cuts = quantiles(sizes, n=20) if len(sizes) > 1 else [float(sizes[0])] * 19
    return max(1, round(cuts[9])), max(1, round(cuts[18]))
