"""How much of a poisoned stream of corrections would become examples unseen?

    python bench/poisoned_feedback.py            labels: banking77
    python bench/poisoned_feedback.py notes      written answers: the demo's visit notes
    python bench/poisoned_feedback.py few        labels, where there are a few dozen corrections
    python bench/poisoned_feedback.py daily      labels, taken each day with what is known by then

A served model learns from the trusted examples and answers 4,000 other questions. Forty callers
correct six of ten wrong answers; 6% of their corrections are wrong too, and for each hundred they
"correct" three answers that were right. One more caller is hostile: its corrections are 5% of all.

    random      it gives right answers another label, drawn at random
    likely      … the label that the judge itself finds likeliest after the right one
    pair        … always one label into one other, the pair that is confused most easily
    mixed       half of its corrections are honest, the others as in random
    smart       half of its corrections are honest, the others as in pair

The attackers of likely, pair and smart know the judge: they choose by what it reads.
Real data are found through the variable BURNISH_DATA (docs/data-sets.md). Every draw is seeded.
"""

import json
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from burnish.data.build import build
from burnish.data.checks.label_errors import read_by
from burnish.data.clinic.notes import write_clinic
from burnish.data.reading.readers import read
from burnish.gather.callers import caller_habits, doubted_callers
from burnish.gather.corrections import Correction, flagged
from burnish.pipeline.gather.doubting import doubts_of
from burnish.records import DataSettings, Example, Task

TRUSTED = (1000, 3000, 8000)
SEEDS = range(5)
ASKED, CALLERS = 4000, 40
CORRECTED, MISTAKEN, SPURIOUS, HOSTILE = 0.6, 0.06, 0.03, 0.05
ATTACKS = ("random", "likely", "pair", "mixed", "smart")
ENEMY = "enemy"
DAYS = 20

TASK = Task.model_validate(
    {
        "name": "banking77", "kind": "classify", "metric": "macro_f1",
        "data": {"source": "train.jsonl", "inputs": "text", "output": "label"},
    }
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """A correction, and whether it is right and meant well."""

    correction: Correction
    right: bool
    hostile: bool


@dataclass(frozen=True)
class World:
    """Trusted examples, questions with their true and served labels, and what the judge reads."""

    trusted: list[Example]
    texts: list[str]
    true: list[str]
    served: list[str]
    labels: list[str]
    shares: NDArray[np.float64]


def main(part: str) -> None:
    """Print the figures of a part."""
    known = {
        "labels": poisoned_labels, "few": poisoned_few, "notes": poisoned_notes,
        "daily": poisoned_daily,
    }  # fmt: skip
    known[part]()


def example(name: str, text: str, label: str, column: str = "text") -> Example:
    return Example(
        id=name, source="train.jsonl", row=0, inputs={column: text}, answer=label,
        references=(label,), labels=(label,),
    )  # fmt: skip


def world_of(seed: int, trusted: int, asked_of: int = ASKED) -> World:
    """Questions answered by a linear SVM on words, which learned from the trusted examples."""
    folder = Path(os.environ["BURNISH_DATA"]) / "classification-banking77"
    rows = [
        json.loads(line)
        for name in ("train", "test")
        for line in (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    random.Random(seed).shuffle(rows)
    learned, asked = rows[:trusted], rows[trusted : trusted + asked_of]
    examples = [example(str(at), row["text"], row["label"]) for at, row in enumerate(learned)]
    words = TfidfVectorizer(sublinear_tf=True)
    model = LinearSVC().fit(
        words.fit_transform([row["text"] for row in learned]), [row["label"] for row in learned]
    )
    texts = [row["text"] for row in asked]
    served = model.predict(words.transform(texts)).tolist()
    reading = read_by(TASK, examples, [example(t, t, "") for t in texts], seed=TASK.seed)
    assert reading is not None  # noqa: S101
    true = [row["label"] for row in asked]
    return World(examples, texts, true, served, list(reading.labels), reading.shares)


def stream_of(world: World, attack: str, seed: int) -> list[Said]:
    """The corrections of all callers."""
    chance = random.Random(f"{seed} {attack}")
    callers = [f"caller {chance.randrange(CALLERS)}" for _ in world.texts]
    wrong = [at for at, label in enumerate(world.served) if label != world.true[at]]
    good = [at for at, label in enumerate(world.served) if label == world.true[at]]
    said = []
    for at in wrong:
        if chance.random() < CORRECTED:
            slip = chance.random() < MISTAKEN
            label = likely(world, at, chance) if slip else world.true[at]
            said.append(correct(world, at, label, callers[at]))
    spurious = chance.sample(good, round(SPURIOUS * len(said)))
    said += [correct(world, at, likely(world, at, chance), callers[at]) for at in spurious]
    met = {one.correction.exchange for one in said}
    good = [at for at in good if str(at) not in met]
    rest = [at for at in wrong if str(at) not in met]
    n = round(HOSTILE / (1 - HOSTILE) * len(said))
    return said + enemy(world, attack, n, good, rest, chance)


def enemy(
    world: World, attack: str, n: int, good: list[int], wrong: list[int], chance: random.Random
) -> list[Said]:
    """What the hostile caller says: n corrections, or as many as the attack finds prey for."""
    chance.shuffle(good)
    honest = n // 2 if attack in ("mixed", "smart") else 0
    said = [correct(world, at, world.true[at], ENEMY) for at in wrong[:honest]]
    left = n - len(said)
    if attack in ("pair", "smart"):
        label, other = confused_pair(world, good)
        prey = [at for at in good if world.true[at] == label][:left]
        return said + [correct(world, at, other, ENEMY, hostile=True) for at in prey]
    for at in good[:left]:
        others = [label for label in world.labels if label != world.true[at]]
        label = likely(world, at) if attack == "likely" else chance.choice(others)
        said.append(correct(world, at, label, ENEMY, hostile=True))
    return said


def likely(world: World, at: int, chance: random.Random | None = None) -> str:
    """The label that reads likeliest and is not true; or one of the first three of these."""
    order = [world.labels[column] for column in world.shares[at].argsort()[::-1]]
    others = [label for label in order if label not in (world.true[at], world.served[at])]
    return chance.choice(others[:3]) if chance else others[0]


def confused_pair(world: World, good: Sequence[int]) -> tuple[str, str]:
    """The label whose questions read most like one other label, and that one."""
    best = (0.0, "", "")
    for label in world.labels:
        rows = [at for at in good if world.true[at] == label]
        if len(rows) >= 20:
            means = world.shares[rows].mean(axis=0)
            means[world.labels.index(label)] = 0
            best = max(best, (float(means.max()), label, world.labels[int(means.argmax())]))
    return best[1], best[2]


def correct(world: World, at: int, label: str, caller: str, *, hostile: bool = False) -> Said:
    text = world.texts[at]
    correction = Correction(
        exchange=str(at), at="", caller=caller, example=example(f"exchange:{at}", text, label),
        served=world.served[at], key=text.casefold().encode(),
    )  # fmt: skip
    return Said(correction, label == world.true[at], hostile)


@dataclass
class Outcome:
    """Of one stream: shares and counts by what the corrections were."""

    hostile: int
    doubted: float
    by_caller: bool
    slipped: int
    honest: int
    honest_flagged: float
    mistakes: int
    mistakes_flagged: float
    accused: int


def assess(task: Task, trusted: Sequence[Example], said: Sequence[Said]) -> Outcome:
    """What `burnish gather` makes of the corrections."""
    corrections = [one.correction for one in said]
    doubts = doubts_of(task, trusted, corrections, seed=task.seed)
    callers, habits = doubted_callers(corrections, doubts), caller_habits(corrections)
    labels = sorted({label for one in trusted for label in one.labels})
    flags = flagged(corrections, doubts, callers, habits, labels=labels)
    accused = {one.caller for one in (*callers, *habits)}
    bad = [at for at, one in enumerate(said) if one.hostile]
    well = [at for at, one in enumerate(said) if one.right]
    slips = [at for at, one in enumerate(said) if not one.right and not one.hostile]
    share = lambda rows: sum(bool(flags[at]) for at in rows) / max(1, len(rows))  # noqa: E731
    return Outcome(
        hostile=len(bad),
        doubted=sum(bool(doubts[at] and doubts[at].doubted) for at in bad) / max(1, len(bad)),
        by_caller=ENEMY in accused,
        slipped=sum(not flags[at] for at in bad),
        honest=len(well),
        honest_flagged=share(well),
        mistakes=len(slips),
        mistakes_flagged=share(slips),
        accused=len(accused - {ENEMY}),
    )


HEAD = (
    "| {0} | attack | hostile, all seeds | doubted one by one | caller flagged | not flagged | "
    "right ones flagged | honest mistakes flagged | honest callers flagged |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def row(name: str, attack: str, found: Sequence[Outcome]) -> str:
    total = sum(one.hostile for one in found)
    slipped = sum(one.slipped for one in found)
    weigh = lambda part, n: (  # noqa: E731
        sum(getattr(one, part) * getattr(one, n) for one in found)
        / max(1, sum(getattr(one, n) for one in found))
    )
    return (
        f"| {name} | {attack} | {total} | {weigh('doubted', 'hostile'):.3f} | "
        f"{sum(one.by_caller for one in found)} of {len(found)} | {slipped} | "
        f"{weigh('honest_flagged', 'honest'):.3f} | "
        f"{weigh('mistakes_flagged', 'mistakes'):.3f} | "
        f"{sum(one.accused for one in found)} of {CALLERS * len(found)} |"
    )


def poisoned_labels() -> None:
    """banking77: five attacks, three numbers of trusted examples, five seeds."""
    print(HEAD.format("trusted"), flush=True)
    for trusted in TRUSTED:
        worlds = [world_of(seed, trusted) for seed in SEEDS]
        for attack in ATTACKS:
            found = [
                assess(TASK, world.trusted, stream_of(world, attack, seed))
                for seed, world in zip(SEEDS, worlds, strict=True)
            ]
            print(row(f"{trusted:,}", attack, found), flush=True)
        right = [np.mean([s == t for s, t in zip(w.served, w.true, strict=True)]) for w in worlds]
        print(f"{trusted:,} trusted: the served model is right in {np.mean(right):.3f}", flush=True)


def poisoned_few() -> None:
    """The same with a tenth of the questions, so that no caller can stand out."""
    print(HEAD.format("trusted"), flush=True)
    worlds = [world_of(seed, 3000, ASKED // 10) for seed in range(20)]
    for attack in ATTACKS:
        found = [
            assess(TASK, world.trusted, stream_of(world, attack, seed))
            for seed, world in enumerate(worlds)
        ]
        print(row("3,000", attack, found), flush=True)


def poisoned_daily() -> None:
    """Corrections are taken each day, and taken back where their caller is found out later."""
    print("| trusted | attack | hostile | taken at some time | taken at the end |")
    print("|---|---|---|---|---|")
    for trusted in TRUSTED:
        worlds = [world_of(seed, trusted) for seed in SEEDS]
        for attack in ATTACKS:
            n = ever = left = 0
            for seed, world in zip(SEEDS, worlds, strict=True):
                said = stream_of(world, attack, seed)
                random.Random(seed).shuffle(said)
                corrections = [one.correction for one in said]
                doubts = doubts_of(TASK, world.trusted, corrections, seed=TASK.seed)
                met: set[int] = set()
                taken: set[int] = set()
                for day in range(1, DAYS + 1):
                    now = round(day / DAYS * len(said))
                    callers = doubted_callers(corrections[:now], doubts[:now])
                    habits = caller_habits(corrections[:now])
                    flags = flagged(corrections[:now], doubts[:now], callers, habits)
                    taken = {at for at, flag in enumerate(flags) if not flag and said[at].hostile}
                    met |= taken
                n += sum(one.hostile for one in said)
                ever += len(met)
                left += len(taken)
            print(f"| {trusted:,} | {attack} | {n} | {ever} | {left} |", flush=True)


def poisoned_notes() -> None:
    """The demo's visit notes: served summaries are wrong here and there, and so are corrections."""
    print(HEAD.format("notes"), flush=True)
    found = []
    for seed in SEEDS:
        task, examples, wrong = notes_of(seed)
        chance = random.Random(seed)
        trusted, asked = examples[:300], examples[300:]
        said = []
        for at, one in enumerate(asked):
            if one.id in wrong:
                continue  # nobody knows what is right of these
            caller = f"caller {chance.randrange(CALLERS)}"
            bad = chance.choice(asked).answer
            if chance.random() < 0.3:  # the answer was wrong, and is corrected
                said.append(note(one, bad, one.answer, caller, at, right=True))
        n = round(HOSTILE / (1 - HOSTILE) * len(said))
        for at, one in enumerate(chance.sample([e for e in asked if e.id not in wrong], n)):
            lie = chance.choice([e for e in asked if e.id != one.id]).answer
            said.append(note(one, one.answer, lie, ENEMY, 10_000 + at, right=False))
        found.append(assess(task, trusted, said))
    print(row("300", "another note's", found), flush=True)


def notes_of(seed: int) -> tuple[Task, list[Example], set[str]]:
    """Notes with their summaries, and the ids of those whose summary is wrong by the key."""
    with tempfile.TemporaryDirectory() as folder:
        notes, key = write_clinic(Path(folder), n=1500, seed=seed)
        data = DataSettings(source=str(notes), inputs=("note",), output=("summary",), id="visit_id")
        task = Task(name="notes", kind="summarize", metric="rougeL", data=data, seed=seed)
        built = build(task, {"source": read(notes)})
        faults = [json.loads(line) for line in key.read_text("utf-8").splitlines()]
    rows = {fault["row"] for fault in faults if fault["kind"] == "wrong-answer"}
    examples = list(built.examples)
    return task, examples, {one.id for one in examples if one.row in rows}


def note(one: Example, served: str, answer: str, caller: str, at: int, *, right: bool) -> Said:
    corrected = one.model_copy(
        update={"id": f"exchange:{at}", "answer": answer, "references": (answer,)}
    )
    correction = Correction(
        exchange=str(at), at="", caller=caller, example=corrected, served=served,
        key=f"{at}".encode(),
    )  # fmt: skip
    return Said(correction, right, hostile=not right)


if __name__ == "__main__":
    main((sys.argv[1:] or ["labels"])[0])
