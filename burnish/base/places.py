"""Where a model can be trained: this machine, the smallest card that holds it, or several cards."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Work:
    """What is to be trained.

    Attributes:
        task: its training settings.
        longest: tokens of a long example, at most `max_length`.
        length: of a typical one.
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
        row = max(longest, settings.tokens_per_row) if shares_rows else longest
        shared = min(facts.shared_tokens, typical - 1) if shares_rows else 0
        own = typical - shared
        in_a_row = min(max((row - shared) // own, 1), settings.batch_size)
        runs = own + shared / in_a_row
        return cls(
            task=task,
            longest=longest,
            length=typical,
            row=row,
            answers=facts.answer_tokens[0] / runs,
            tokens=round(facts.train_examples * runs * settings.epochs),
        )

    def rows(self, cores: int) -> int:
        """Rows that run side by side; of a model that is trained whole, one at a time."""
        if self.task.train.method == "full":
            return 1
        return max(1, min(SIDE_BY_SIDE, cores, self.task.train.batch_size))

    def at_once(self, cores: int) -> int:
        """Tokens of the two rows that run side by side on several cores; the longest may be one."""
        beside = self.length if self.rows(cores) > 1 else 0
        return max(self.row, self.longest + beside)

    def plan(self, *, cores: int = 0, features: tuple[str, ...] = ()) -> Plan:
        """How Burnish trains it on so many cores with these features, or else on a card."""
        on_cpu, tokens = cores > 0, self.at_once(cores) if cores else self.row
        return plan_of(
            self.task.train,
            tokens,
            dtype=precision(self.task.train.dtype, features, on_cpu=on_cpu),
            answer_tokens=round(min(self.answers, 1.0) * tokens),
            example=self.longest,
            on_cpu=on_cpu,
            rows=self.rows(cores),
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
    plan = work.plan()
    needed = on_card(training_memory(figures, plan))
    for card in rented:
        if needed.total <= card.memory:
            found.append(_rented(figures, work, plan, card, 1, needed, price))
            break
    else:
        found += _several(figures, work, plan, rented, price)
    return found


def _here(figures: Figures, work: Work, machine: Machine, speed: Speed) -> Place | None:
    plan = work.plan(cores=0 if machine.devices else machine.cores, features=machine.features)
    needed = training_memory(figures, plan)
    if machine.devices:
        device, memory = machine.devices[0].name, machine.devices[0].memory_gib
        needed = on_card(needed)
    else:
        device, memory = "this machine's CPU", machine.memory_gib * _LEAVE
        needed = in_process(needed)
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
