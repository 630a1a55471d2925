"""Where a model can be trained: this machine, the smallest card that holds it, or several cards."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from burnish.base.duration import training_seconds
from burnish.base.figures import Figures
from burnish.base.machine import Card, cards
from burnish.base.memory import Plan, in_process, on_card, plan_of, training_memory
from burnish.base.precision import precision
from burnish.base.speed import SIDE_BY_SIDE, Speed
from burnish.records import DatasetFacts, Machine, MemoryEstimate, Place, Task

_LEAVE = 0.8
"""Share of a machine's memory that a training may take; the rest is the system's."""
_SEVERAL = (2, 4, 8)
SHORTEST = 256
"""Tokens of a row that is not cut further for want of memory."""


@dataclass(frozen=True)
class Work:
    """What is to be trained.

    Attributes:
        task: its training settings.
        longest: tokens of a long example, at most `max_length`.
        length: of the mean of them, where it is known, or else of a typical one.
        row: tokens that run at once.
        answers: share of the tokens that carry a loss.
        tokens: that are run, all epochs together; a prefix that a row shares runs once in it.
    """

    task: Task
    longest: int
    length: int
    row: int
    answers: float
    tokens: int

    @classmethod
    def of(cls, task: Task, facts: DatasetFacts, *, shares_rows: bool) -> "Work":
        """The work of a task on its data."""
        settings = task.train
        typical = min(facts.prompt_tokens[0] + facts.answer_tokens[0], settings.max_length)
        longest = min(facts.prompt_tokens[1] + facts.answer_tokens[1], settings.max_length)
        batch = settings.batch_size * (typical + longest) // 2
        row = max(longest, min(settings.tokens_per_row, batch)) if shares_rows else longest
        mean = facts.mean_tokens or typical
        shared = min(facts.shared_tokens, typical - 1) if shares_rows else 0
        own = mean - shared
        in_a_row = min(max((row - shared) // own, 1), settings.batch_size)
        runs = own + shared / in_a_row
        return cls(
            task=task,
            longest=longest,
            length=round(mean),
            row=row,
            answers=facts.answer_tokens[0] / typical * mean / runs,
            tokens=round(facts.train_examples * runs * settings.epochs),
        )

    def within(self, memory: float, needed: Callable[["Work"], float]) -> "Work":
        """The same, its rows halved until they fit; as long as an example and SHORTEST at least.

        Args:
            memory: that there is, GiB.
            needed: by the work, GiB.
        """
        work, least = self, max(self.longest, SHORTEST)
        while work.row > least and needed(work) > memory:
            work = replace(work, row=max(work.row // 2, least))
        return work

    def rows(self, cores: int) -> int:
        """Parts of a row that run side by side; of a model that is trained whole, one."""
        if self.task.train.method == "full":
            return 1
        return max(1, min(SIDE_BY_SIDE, cores, self.task.train.batch_size))

    def plan(self, *, cores: int = 0, features: tuple[str, ...] = ()) -> Plan:
        """How Burnish trains it on so many cores with these features, or else on a card."""
        on_cpu = cores > 0
        return plan_of(
            self.task.train,
            self.row,
            dtype=precision(self.task.train.dtype, features, on_cpu=on_cpu),
            answer_tokens=round(min(self.answers, 1.0) * self.row),
            example=self.longest,
            on_cpu=on_cpu,
            rows=self.rows(cores),
            accumulates=self.row < self.task.train.batch_size * self.length,
        )

    def speed_at(self, place: Place, speed: Speed) -> Speed:
        """The speed of a place; `speed` is this machine's."""
        if place.here:
            return speed
        return next(card.speed for card in cards() if place.device.endswith(card.name))


def places(
    figures: Figures, work: Work, machine: Machine, speed: Speed, price: float | None
) -> list[Place]:
    """This machine, if it has the memory, and the smallest rented card or cards that do.

    Args:
        price: per hour of a rented card.

    Raises:
        BaseModelError: the family is not known.
    """
    found = []
    if here := _here(figures, work, machine, speed):
        found.append(here)
    rented = [card for card in cards() if card.rented]
    for card in rented:
        plan = on(figures, work, card.memory)
        needed = on_card(training_memory(figures, plan))
        if needed.total <= card.memory:
            found.append(_rented(figures, work, plan, card, 1, needed, price))
            break
    else:
        found += _several(figures, work, on(figures, work, 0), rented, price)
    return found


def on(
    figures: Figures, work: Work, memory: float, *, cores: int = 0, features: tuple[str, ...] = ()
) -> Plan:
    """How the work is done on so many cores, or else on a card, with rows that fit the memory.

    Args:
        memory: that there is, GiB.

    Raises:
        BaseModelError: the family is not known.
    """

    def needed(work: Work) -> float:
        plan = work.plan(cores=cores, features=features)
        return in_all(training_memory(figures, plan), plan, on_cpu=cores > 0).total

    return work.within(memory, needed).plan(cores=cores, features=features)


def in_all(tensors: MemoryEstimate, plan: Plan, *, on_cpu: bool) -> MemoryEstimate:
    """What training takes beside the tensors too."""
    return in_process(tensors, rows=plan.rows) if on_cpu else on_card(tensors)


def room(machine: Machine, *, on_cpu: bool) -> float:
    """Memory for training on this machine's card or, less what others need, its CPU, GiB."""
    return machine.memory_gib * _LEAVE if on_cpu else machine.devices[0].memory_gib


def _here(figures: Figures, work: Work, machine: Machine, speed: Speed) -> Place | None:
    on_cpu = not machine.devices
    device = "this machine's CPU" if on_cpu else machine.devices[0].name
    memory, cores = room(machine, on_cpu=on_cpu), machine.cores if on_cpu else 0
    plan = on(figures, work, memory, cores=cores, features=machine.features)
    needed = in_all(training_memory(figures, plan), plan, on_cpu=on_cpu)
    if needed.total > memory:
        return None
    seconds = training_seconds(figures, plan, tokens=work.tokens, length=work.length, speed=speed)
    return Place(
        device=device,
        cards=len(machine.devices[:1]),
        here=True,
        memory=needed,
        seconds=round(seconds, 1),
    )


def _several(
    figures: Figures, work: Work, plan: Plan, rented: list[Card], price: float | None
) -> list[Place]:
    """The fewest of the smallest cards between which the model can be shared out."""
    for number in _SEVERAL:
        shared = Plan(**{**plan.__dict__, "cards": number})
        needed = on_card(training_memory(figures, shared))
        for card in rented:
            if needed.total <= card.memory:
                return [_rented(figures, work, plan, card, number, needed, price)]
    return []


def _rented(
    figures: Figures,
    work: Work,
    plan: Plan,
    card: Card,
    number: int,
    needed: MemoryEstimate,
    price: float | None,
) -> Place:
    seconds = training_seconds(
        figures, plan, tokens=work.tokens, length=work.length, speed=card.speed
    )
    seconds /= number
    return Place(
        device=card.name if number == 1 else f"{number} x {card.name}",
        cards=number,
        here=False,
        memory=needed,
        seconds=round(seconds, 1),
        cost=None if price is None else round(price * number * seconds / 3600, 2),
    )
