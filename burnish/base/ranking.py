"""Ranks what could do the task: bases to tune, a larger model to prompt, a classic classifier.

A pure function of the brief, the catalogue, this machine and the data's lengths; reads and writes
nothing. Every candidate says why it stands where it stands; a rejected one says why it is out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log2

from burnish.base.catalogue import ANY_LANGUAGE, Model
from burnish.base.duration import answer_seconds
from burnish.base.licences import judge, sentence
from burnish.base.memory import serving_memory
from burnish.base.places import Work, places
from burnish.base.precision import precision
from burnish.base.speed import Speed
from burnish.records import (
    Candidate,
    DatasetFacts,
    LicenceVerdict,
    Machine,
    Place,
    Shortlist,
    Task,
)

IN_ROWS = frozenset(
    {"llama", "mistral", "mixtral", "qwen2", "qwen3", "phi3", "gpt2", "gemma2", "gemma3_text"}
)
"""Families that share rows (burnish.engines.rows.FAMILIES, without importing torch)."""
FEW_EXAMPLES = 100
"""Below so many training examples a prompt with some of them is worth trying first."""
_LARGE = log2(80)
"""Eight billion parameters, as the score counts them."""
_REASONS_FIRST = "r1-distill"


def rank(
    task: Task,
    models: Iterable[Model],
    machine: Machine,
    facts: DatasetFacts,
    *,
    speed: Speed,
    here: frozenset[str] = frozenset(),
) -> Shortlist:
    """The shortlist for a task.

    What trains on this machine in time stands before what needs a rented card. Within each, a
    plain score decides: twice the size is worth a point (half a point above eight billion), a
    year of age costs a third, training or answering twice as long half, a card of twice the
    memory one; a licence with conditions and a missing chat template cost too.

    Args:
        speed: of this machine.
        here: names of models whose weights are on this machine already.
    """
    judged = [_judge(task, model, machine, facts, speed, model.name in here) for model in models]
    good = sorted((one for one in judged if not one.rejected), key=lambda one: -one.score)
    out = sorted((one for one in judged if one.rejected), key=lambda one: one.candidate.parameters)
    listed = [one.candidate for one in good]
    others = [_prompting(task, facts), _classic(task, facts)]
    for place, one in sorted(others, key=lambda other: other[0]):
        if not one.rejected:
            listed.insert(min(place, len(listed)), one)
    ranked = [one.model_copy(update={"rank": at}) for at, one in enumerate(listed, start=1)]
    rejected = [one.candidate for one in out] + [one for _, one in others if one.rejected]
    return Shortlist(
        task_name=task.name,
        task_kind=task.kind,
        use=task.use,
        machine=machine,
        facts=facts,
        assumptions=_assumptions(task, facts),
        candidates=(*ranked, *rejected),
    )


@dataclass(frozen=True)
class _Judged:
    candidate: Candidate
    score: float

    @property
    def rejected(self) -> bool:
        return bool(self.candidate.rejected)


def _judge(
    task: Task, model: Model, machine: Machine, facts: DatasetFacts, speed: Speed, is_here: bool
) -> _Judged:
    verdict = judge(model.licence, task.use, gated=model.gated)
    work = Work.of(task, facts, shares_rows=model.figures.model_type in IN_ROWS)
    found = places(model.figures, work, machine, speed, task.needs.price_per_hour)
    usable = [place for place in found if place.here or not task.needs.private]
    chosen = _choose_place(usable, task.needs.hours)
    long_prompt, long_answer = facts.prompt_tokens[1], facts.answer_tokens[1]
    serving = serving_memory(model.figures, context=long_prompt + long_answer)
    seconds = None
    if chosen is not None:
        on_cpu = chosen.here and not machine.devices
        seconds = answer_seconds(
            model.figures,
            prompt=long_prompt,
            new=long_answer,
            speed=work.speed_at(chosen, speed),
            precision=precision(task.train.dtype, machine.features, on_cpu=on_cpu),
        )
    rejected = [
        *_licence_faults(task, verdict),
        *_language_faults(task, model),
        *_context_faults(model, work),
        *_place_faults(task, found, usable, chosen),
    ]
    limit = task.needs.seconds_per_answer
    if limit is not None and seconds is not None and seconds > limit:
        rejected.append(
            f"A long answer takes about {seconds:.1f} s on {chosen.device if chosen else ''}; the "
            f"brief allows {limit:g} s."
        )
    reasons = _reasons(model, verdict, chosen, is_here)
    candidate = Candidate(
        rank=None,
        way="tune",
        name=model.name,
        hub=model.hub,
        parameters=model.parameters,
        active_parameters=model.active_parameters,
        context_length=model.figures.max_position_embeddings,
        languages=model.languages,
        licence=verdict,
        on_disk=is_here,
        method="lora" if found else None,
        place=chosen,
        places=tuple(found),
        serving=serving,
        seconds_per_answer=None if seconds is None else round(seconds, 2),
        reasons=tuple(reasons),
        rejected=tuple(rejected),
    )
    return _Judged(candidate, _score(model, verdict, chosen, seconds, is_here))


def _score(
    model: Model,
    verdict: LicenceVerdict,
    place: Place | None,
    seconds: float | None,
    is_here: bool,
) -> float:
    """Higher is better; see `rank`."""
    size = log2(model.parameters / 1e8)
    score = min(size, _LARGE) + max(size - _LARGE, 0) / 2
    if place is not None:
        score -= 0.5 * log2(1 + place.seconds / 600)
        score += 100 if place.here else -log2(max(place.memory.total / 24, 1))
    if seconds is not None:
        score -= 0.5 * log2(1 + seconds / 2)
    if model.released:
        score += (int(model.released[:4]) - 2023 + int(model.released[5:7]) / 12) / 3
    score -= {"yes": 0.0, "conditions": 0.3, "unknown": 0.5, "no": 1.0}[verdict.allowed]
    score -= 0.2 if model.gated else 0.0
    score -= 0.0 if model.chat_template is not False else 1.5
    score -= 1.5 if model.name.startswith(_REASONS_FIRST) else 0.0
    score -= 0.0 if model.figures.model_type in IN_ROWS else 0.3
    return score + (0.5 if is_here else 0.0)


def _reasons(
    model: Model, verdict: LicenceVerdict, place: Place | None, is_here: bool
) -> list[str]:
    reasons = []
    if place is not None:
        hours = _hours(place.seconds)
        cost = f", about {place.cost:.2f} at your price" if place.cost is not None else ""
        where = "here" if place.here else f"on {place.device}, rented"
        reasons.append(f"LoRA takes {place.memory.total:.1f} GiB and {hours} {where}{cost}.")
    if is_here:
        reasons.append("Its weights are on this machine already.")
    reasons.append(f"{sentence(verdict)[0].upper()}{sentence(verdict)[1:]}.")
    always = [each for each in verdict.conditions if each.when == "always"]
    reasons += [f"{each.text} ({each.clause})" for each in always]
    if model.chat_template is False:
        reasons.append("It has no chat template: Burnish's plain one would be used.")
    if model.name.startswith(_REASONS_FIRST):
        reasons.append("It was made to reason at length before it answers.")
    if model.figures.model_type not in IN_ROWS:
        reasons.append("Its family trains one example a row, without a shared prefix: slower.")
    return reasons


def _licence_faults(task: Task, verdict: LicenceVerdict) -> list[str]:
    if not verdict.contradicts or task.allow_licence:
        return []
    clause = next((each.clause for each in verdict.conditions if each.kind == "purpose"), "")
    return [f"Its licence allows no {task.use} use ({verdict.name}, {clause})."]


def _language_faults(task: Task, model: Model) -> list[str]:
    if not model.languages or ANY_LANGUAGE in model.languages:
        return []
    missing = [code for code in task.needs.languages if code not in model.languages]
    if not missing:
        return []
    return [f"Its model card does not list {', '.join(missing)}."]


def _context_faults(model: Model, work: Work) -> list[str]:
    limit = model.figures.max_position_embeddings
    if work.longest <= limit:
        return []
    return [f"A long example has {work.longest:,} tokens; it reads {limit:,}."]


def _place_faults(
    task: Task, found: list[Place], usable: list[Place], chosen: Place | None
) -> list[str]:
    if chosen is not None:
        return []
    if usable and all(place.cards > 1 for place in usable):
        return [f"LoRA needs {usable[0].device}; Burnish trains on one device."]
    if usable:
        quickest = min(usable, key=lambda place: place.seconds)
        return [
            f"LoRA takes {_hours(quickest.seconds)} on {quickest.device}; the brief allows "
            f"{task.needs.hours:g} h."
        ]
    if not found:
        return ["LoRA needs more than eight of the largest cards."]
    least = min(found, key=lambda place: place.memory.total)
    return [
        f"LoRA needs {least.memory.total:.1f} GiB, more than this machine has, and the brief is "
        "private."
    ]


def _choose_place(usable: list[Place], hours: float) -> Place | None:
    """Here if it is done in time, else the first place where it is."""
    in_time = [place for place in usable if place.seconds <= hours * 3600 and place.cards <= 1]
    return next((place for place in in_time if place.here), in_time[0] if in_time else None)


def _prompting(task: Task, facts: DatasetFacts) -> tuple[int, Candidate]:
    """The alternative to tuning: a larger model and a good prompt."""
    few = facts.train_examples < FEW_EXAMPLES
    reasons = [
        f"{facts.train_examples:,} training examples are few: a prompt may do as well."
        if few
        else "No training; measure it first, as the mark to beat.",
        "Every request costs, and its text leaves this machine.",
        "Name it as base: openai-compatible:URL:MODEL to compare it in the same report.",
    ]
    rejected: tuple[str, ...] = ()
    if task.needs.private:
        rejected = ("The brief is private: no text may leave this machine.",)
    name = "a larger model, prompted"
    candidate = Candidate(
        rank=None, way="prompt", name=name, reasons=tuple(reasons), rejected=rejected
    )
    return (0 if few else 3), candidate


def _classic(task: Task, facts: DatasetFacts) -> tuple[int, Candidate]:
    """TF-IDF with logistic regression, which `burnish evaluate` measures anyway."""
    rejected: tuple[str, ...] = ()
    if task.kind != "classify":
        rejected = (f"It chooses labels, and {task.kind} writes text.",)
    per_label = facts.train_examples / facts.labels if facts.labels else 0.0
    reasons = ["It trains in seconds and answers in milliseconds, on any machine."]
    if per_label:
        reasons.append(
            f"{per_label:.0f} examples a label are {'enough' if per_label >= 10 else 'few'} for it."
        )
    reasons.append("burnish evaluate measures it beside the tuned model and says which is better.")
    candidate = Candidate(
        rank=None,
        way="classic",
        name="a classic classifier",
        reasons=tuple(reasons),
        rejected=rejected,
    )
    return (1 if not per_label or per_label >= 10 else 4), candidate


def _assumptions(task: Task, facts: DatasetFacts) -> tuple[str, ...]:
    """What was not known, in sentences."""
    said = []
    if not facts.measured:
        said.append(
            f"burnish data has not run: {facts.train_examples:,} training examples of "
            f"{facts.prompt_tokens[0]:,} + {facts.answer_tokens[0]:,} tokens were assumed."
        )
    else:
        said.append("Tokens were counted as a quarter of the letters; a tokenizer may differ.")
    if not task.needs.languages:
        said.append("No languages stand under needs: in the brief; none was asked for.")
    if task.use == "any":
        said.append("use: any stands in the brief; no licence was refused.")
    return tuple(said)


def _hours(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
