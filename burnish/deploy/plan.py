"""The plan of a deployment: engine, card, memory, replicas and probes, each with its reason.

A pure function of facts that the pipeline gathers; reads and writes nothing.
"""

from dataclasses import dataclass
from math import ceil

from burnish.deploy.engines import CARD_SHARE, SHARED_GIB
from burnish.deploy.names import check_image, label
from burnish.deploy.schedule import cron_line, webhook_port, why_so_often
from burnish.deploy.targets import TARGETS
from burnish.errors import DeployError
from burnish.records import Decision, MemoryEstimate
from burnish.records.deploy_plan import (
    Choice,
    DeployPlan,
    DeployTarget,
    EngineName,
    Every,
    ModelSource,
    Resources,
)

SMALL = 500_000_000
"""Parameters up to which a model is served without a GPU unless one is asked for."""
NO_GPU = "none"
LONGEST_REASON = 240
"""Letters of a reason, which stands in tags and annotations of every cloud."""
_HOST_GIB = 4
"""What an engine on a GPU holds in the host's memory beside the weights it is loading."""
_MARGIN = 1.25
"""Of a process on a CPU, which is killed where its memory is up."""
_READ_GIB = 0.1
"""GiB a second that a slow network volume gives."""
_WARM_UP = {"vllm": 180, "tgi": 180, "transformers": 60}
"""Seconds to import, compile and capture graphs."""
_CPUS = 4


@dataclass(frozen=True)
class Facts:
    """What a plan follows from.

    Attributes:
        packages: name → version that the verdict was measured with.
        parameters: of the merged model.
        context: tokens of prompt and answer together that the task needs at most.
        answers: to be given at once.
        on_card, in_process: what serving so many takes on a GPU, and without one.
        cards: (name, GiB) of cards one can rent, the smallest first.
        gpu: a card's name, "none", or None for what fits.
        image: of the gateway; None names it after the task.
        overruled: why a verdict other than ship is set aside; "" is not.
        context_asked: the context was named, not derived.
        every: how often `burnish watch` runs, where the target runs it.
        webhook: the URL that it posts alarms to; "" is none.
    """

    target: DeployTarget
    task_name: str
    burnish: str
    packages: dict[str, str]
    run: str
    report: str
    decision: Decision
    reason: str
    model: ModelSource
    parameters: int
    context: int
    answers: int
    on_card: MemoryEstimate
    in_process: MemoryEstimate
    cards: tuple[tuple[str, float], ...]
    replicas: tuple[int, int] = (1, 3)
    gpu: str | None = None
    image: str | None = None
    overruled: str = ""
    context_asked: bool = False
    every: Every = "hour"
    webhook: str = ""


def make_plan(facts: Facts) -> DeployPlan:
    """The plan for a target.

    Raises:
        DeployError: the verdict is not ship and nothing overrules it, the target cannot fetch the
            model from where it lies, or no card holds it.
    """
    _refuse_unproved(facts)
    if len(facts.overruled) > LONGEST_REASON:
        raise DeployError(
            f"The reason for overruling has {len(facts.overruled):,} letters; {LONGEST_REASON} fit "
            "into every manifest.",
            hint="say it shorter",
        )
    target = TARGETS[facts.target]
    if facts.model.kind not in target.sources:
        raise DeployError(
            f"{facts.target} cannot fetch a model from {facts.model.uri}.",
            hint=f"name it with --model as one of: {', '.join(target.sources)}"
            f"{'; ' + target.copy_first if target.copy_first else ''}",
        )
    low, high = facts.replicas
    if not 1 <= low <= high:
        raise DeployError(
            f"From {low} to {high} replicas is no range.", hint="name --replicas 1-3, say"
        )
    on_card, why = _wants_card(facts, target.needs_card)
    engine: EngineName = ("tgi" if facts.target == "tgi" else "vllm") if on_card else "transformers"
    resources = _resources(facts, engine)
    name = label(facts.task_name)
    return DeployPlan(
        target=facts.target,
        task_name=_encodable(facts.task_name),
        name=name,
        image=check_image(facts.image or f"burnish-{name}:{facts.burnish}"),
        burnish=facts.burnish,
        packages=facts.packages,
        run=facts.run,
        report=facts.report,
        decision=facts.decision,
        reason=_encodable(facts.reason),
        overruled="" if facts.decision == "ship" else _encodable(facts.overruled.strip()),
        model=facts.model,
        parameters=facts.parameters,
        engine=engine,
        context=facts.context,
        replicas=facts.replicas,
        schedule=cron_line(name, facts.every) if target.watches else "",
        webhook_port=webhook_port(facts.webhook) if target.watches else None,
        resources=resources,
        choices=tuple(_choices(facts, engine, why, resources)),
    )


def _encodable(text: str) -> str:
    """Text as a file can hold it: what a terminal passed on undecoded becomes ?."""
    return text.encode("utf-8", "replace").decode()


def _refuse_unproved(facts: Facts) -> None:
    if facts.decision != "ship" and not facts.overruled.strip():
        raise DeployError(
            f"The verdict of report {facts.report} is {facts.decision!r}, so this model is not "
            f"deployed: {facts.reason}",
            hint='improve it and type burnish run, or give the reason with --overrule "…", which '
            "is then written into every manifest",
        )


def _wants_card(facts: Facts, needs_card: bool) -> tuple[bool, str]:
    """Whether the engine gets a GPU, and why."""
    size = f"{facts.parameters / 1e6:,.0f} million parameters"
    if facts.gpu == NO_GPU:
        if needs_card:
            raise DeployError(
                f"The container of {facts.target} runs on a GPU alone.",
                hint="leave --gpu out, or deploy it with --to kubernetes --gpu none",
            )
        return False, "--gpu none asks for no GPU"
    if facts.gpu is not None:
        return True, f"--gpu {facts.gpu} asks for one"
    if needs_card:
        return True, f"the container of {facts.target} runs on a GPU alone"
    if facts.parameters <= SMALL:
        return False, f"a CPU is enough for {size} (up to {SMALL / 1e6:.0f}); --gpu CARD changes it"
    return True, f"{size} are slow on a CPU (it is taken up to {SMALL / 1e6:.0f})"


def _resources(facts: Facts, engine: EngineName) -> Resources:
    on_card = engine != "transformers"
    memory = facts.on_card if on_card else facts.in_process
    fitting = _fitting(facts) if on_card else ()
    host = memory.weights + _HOST_GIB + SHARED_GIB if on_card else memory.total * _MARGIN
    seconds = _WARM_UP[engine] + memory.weights / _READ_GIB
    return Resources(
        memory=memory,
        answers=facts.answers,
        cpus=_CPUS,
        memory_gib=ceil(host),
        disk_gib=ceil(memory.weights * 1.2) + 1,
        card=fitting[0][0] if fitting else "",
        card_gib=fitting[0][1] if fitting else 0.0,
        fitting=tuple(name for name, _ in fitting),
        starts_within=ceil(seconds / 10) * 10,
    )


def _fitting(facts: Facts) -> tuple[tuple[str, float], ...]:
    """The cards that hold the model, the smallest first; of a named one, it and larger ones."""
    cards = facts.cards
    if facts.gpu is not None:
        names = [name for name, _ in cards]
        if facts.gpu not in names:
            raise DeployError(
                f"There is no card called {facts.gpu!r}.",
                hint=f"name one of {', '.join(names)}, or {NO_GPU}",
            )
        cards = cards[names.index(facts.gpu) : names.index(facts.gpu) + 1]
    needed = facts.on_card.total
    found = tuple((name, gib) for name, gib in cards if gib * CARD_SHARE >= needed)
    if not found:
        largest = cards[-1]
        raise DeployError(
            f"Serving takes {needed:.1f} GiB on one card, and {largest[0]} gives "
            f"{largest[1] * CARD_SHARE:.1f} of its {largest[1]:g} GiB.",
            hint="answer less at once with --answers 1, name a shorter --context, or a larger card",
        )
    return found


def _choices(facts: Facts, engine: EngineName, why: str, given: Resources) -> list[Choice]:
    """Every decision with its reason, in the order in which one asks."""
    verdict = _encodable(facts.reason)
    if facts.decision != "ship":
        verdict = f"overruled: {_encodable(facts.overruled.strip())} (it said: {verdict})"
    found = [
        Choice(about="verdict", chosen=facts.decision, why=verdict),
        Choice(about="engine", chosen=engine, why=_why_engine(engine, why)),
        Choice(about="model", chosen=facts.model.uri, why=_WHY_SOURCE[facts.model.kind]),
        Choice(
            about="context",
            chosen=f"{facts.context} tokens",
            why="as asked"
            if facts.context_asked
            else "the longest example of training and the longest answer of evaluation; more "
            "would only keep memory from being used",
        ),
        Choice(
            about="memory",
            chosen=f"{given.memory.total:.1f} GiB {'on the card' if given.card else 'of memory'}",
            why=f"{_parts(given.memory)}; {given.answers} answers at once",
        ),
    ]
    if given.card:
        found.append(
            Choice(
                about="card",
                chosen=given.card,
                why=f"{'asked for' if facts.gpu else 'the smallest'}: {CARD_SHARE:.0%} of its "
                f"{given.card_gib:g} GiB, which the engine takes, hold the estimate",
            )
        )
    found += [
        Choice(
            about="container",
            chosen=f"{given.cpus} CPUs, {given.memory_gib} GiB, {given.disk_gib} GiB of disk",
            why=_why_host(given),
        ),
        _replicas(facts),
        Choice(
            about="start",
            chosen=f"within {given.starts_within} s",
            why=f"{_WARM_UP[engine]} s to warm up, and the weights at {_READ_GIB} GiB/s of a slow "
            "volume; only then is a silent engine started anew",
        ),
    ]
    if TARGETS[facts.target].watches:
        chosen = f"every {facts.every}"
        found.append(Choice(about="watch", chosen=chosen, why=why_so_often(facts.every)))
    return found


def _replicas(facts: Facts) -> Choice:
    low, high = facts.replicas
    if not TARGETS[facts.target].grows:
        return Choice(about="replicas", chosen="1", why="one machine runs one engine")
    why = "one answers while nobody waits, more come as requests wait; --replicas changes it"
    return Choice(
        about="replicas",
        chosen=f"{low} to {high}",
        why=why if facts.replicas == (1, 3) else "as asked",
    )


_WHY_SOURCE = {
    "folder": "the merged model of this machine; engines read it and never write",
    "pvc": "a volume that is there already, read and never written",
    "s3": "fetched once, before the engine starts, so that the engine needs no credentials",
    "gs": "fetched once, before the engine starts, so that the engine needs no credentials",
    "az": "fetched once, before the engine starts, so that the engine needs no credentials",
    "hf": "fetched once from the hub, before the engine starts",
}


def _why_engine(engine: EngineName, why: str) -> str:
    told = {
        "vllm": "continuous batching on a GPU",
        "transformers": "transformers serve with continuous batching, on CPUs",
        "tgi": "as asked; the project is archived, so vLLM (--to compose) has the longer future",
    }[engine]
    return f"{told}: {why}"


def _why_host(given: Resources) -> str:
    if given.card:
        return (
            f"the weights while they are loaded, {_HOST_GIB} GiB for the libraries and "
            f"{SHARED_GIB} GiB of shared memory; the disk holds a copy of the weights"
        )
    return f"the estimate and a quarter; CPUs are asked for, not limited; {_DISK}"


_DISK = "the disk holds a copy of the weights"


def _parts(memory: MemoryEstimate) -> str:
    """What an estimate is made of, in a phrase."""
    named = {
        "weights": memory.weights,
        "keys and values": memory.cache,
        "logits": memory.logits,
        "buffers": memory.buffers,
        "libraries and gaps": memory.slack,
    }
    return ", ".join(f"{name} {size:.2f}" for name, size in named.items() if size >= 0.005)
