"""One invented clinic visit put into words: a hurried note and its strict summary.

Reads clinic.toml, which lies beside it; writes nothing. A visit is drawn as facts first; the note
then says each fact in one of several ways, the summary always in the canonical one.
"""

import random
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

NOTE_WORDS = range(50, 96)
SUMMARY_WORDS = range(25, 41)
"""How many words a note and a summary may have, split at white space."""

_DRUG = re.compile(
    r"(?:(?P<action>start|increase|reduce|continue|stop) )?(?P<name>[A-Za-z -]+) "
    r"(?:(?P<old>[\d.]+)>)?(?P<dose>[\d.]+) ?"
    r"(?P<unit>mg|mcg|units|puffs|sprays|drops?|% cream|% gel) "
    r"(?P<frequency>[a-z ]+?)(?: for (?P<days>\d+) days)?"
)


@dataclass(frozen=True)
class Drug:
    """A drug and what is done with it; `old` is the dose before a change."""

    action: str
    name: str
    old: str
    dose: str
    unit: str
    frequency: str
    days: str

    @classmethod
    def parse(cls, text: str) -> "Drug":
        """Read "increase lisinopril 10>20 mg daily" and the like."""
        match = _DRUG.fullmatch(text)
        if match is None:
            raise ValueError(f"clinic.toml: {text!r} is not 'action name dose unit frequency'")
        return cls(**{key: value or "" for key, value in match.groupdict().items()})

    def __str__(self) -> str:
        course = f" for {self.days} days" if self.days else ""
        to = " to" if self.old else ""
        return f"{self.action} {self.name}{to} {self.amount(self.dose)} {self.frequency}{course}"

    def amount(self, dose: str, space: str = " ") -> str:
        """A dose with its unit."""
        return dose + ("" if self.unit.startswith("%") else space) + self.unit


@dataclass(frozen=True)
class Visit:
    """The facts of one visit, in their canonical wording, and the note that tells them."""

    family: str
    age: int
    sex: str
    side: str
    complaint: str
    duration: str
    bp: str
    measure: str
    finding: str
    assessment: str
    drugs: tuple[Drug, ...]
    order: str
    follow: str
    note: str

    @property
    def summary(self) -> str:
        """The visit in the house format."""
        plan = "; ".join([*map(str, self.drugs), self.order])
        return (
            f"Complaint: {self.complaint}, {self.duration} | "
            f"Findings: BP {self.bp}, {self.measure}, {self.finding} | "
            f"Assessment: {self.assessment} | Plan: {plan} | Follow-up: {self.follow}"
        )


def load_words() -> dict[str, Any]:
    """All of clinic.toml."""
    return tomllib.loads(files("burnish.data.clinic").joinpath("clinic.toml").read_text("utf-8"))


def draw_visit(rng: random.Random, words: dict[str, Any], case: dict[str, Any]) -> Visit:
    """Draw one visit of a case, of a length within `NOTE_WORDS` and `SUMMARY_WORDS`."""
    while True:
        visit = _Writer(rng, words, case).visit()
        lengths = len(visit.note.split()), len(visit.summary.split())
        if lengths[0] in NOTE_WORDS and lengths[1] in SUMMARY_WORDS:
            return visit


class _Writer:
    """Draws the facts of one visit and says them in the style of one clinician."""

    def __init__(self, rng: random.Random, words: dict[str, Any], case: dict[str, Any]) -> None:
        self.rng, self.words, self.case = rng, words, case
        self.style = rng.choice(sorted(words["styles"]))
        self.templates: dict[str, Any] = words["styles"][self.style]
        self.short = self.style == "telegraphic"
        self.age = rng.randint(*_bounds(case["ages"]))
        self.sex = case.get("sex") or rng.choice("FM")
        self.side = rng.choice(["right", "left"])
        said = {"right": ["right", "R", "rt"], "left": ["left", "L", "lt"]}[self.side]
        self.said_side = rng.choice(said) if self.short else self.side
        self.space = rng.choice(["", " "]) if self.short else " "

    def visit(self) -> Visit:
        """All facts, and the note that says them."""
        complaint, said_complaint = self._phrase(self.rng.choice(self.case["complaints"]))
        duration, said_duration = self._interval(self.case["duration"])
        finding, said_finding = self._phrase(self.rng.choice(self.case["findings"]))
        assessment, said_assessment = self._phrase(self.case["assessment"])
        kind = self.rng.choice(
            ["order"] * len(self.case["orders"]) + ["advice"] * len(self.case["advice"])
        )
        order, said_order = self._phrase(
            self.rng.choice(self.case["orders" if kind == "order" else kind])
        )
        follow, said_follow = self._interval(self.case["follow"])
        slot, measure, said_measure = self._measure()
        bp = self._blood_pressure()
        drugs = tuple(map(Drug.parse, self.rng.choice(self.case["plans"]).split("; ")))
        normal = self.rng.choice(self.case["normal"])

        opening = self._opening(said_complaint, said_duration)
        body = [
            self._denials(),
            self._vitals(bp, said_measure if slot == "vitals" else ""),
            self._say("exam", finding=said_finding, normal=normal),
            *([self._say(slot, measure=said_measure)] if slot != "vitals" else []),
            *(self._taking(drug) for drug in drugs if drug.action != "start"),
        ]
        ending = [
            self._say("assessment", assessment=said_assessment),
            *map(self._plan, drugs),
            self._say(kind, order=said_order),
            self._say("follow", follow=said_follow),
        ]
        note = self._arrange(opening, body, ending, {drug.name for drug in drugs})
        return Visit(
            self.case["family"], self.age, self.sex,
            self.side,
            complaint, duration, bp, measure, finding, assessment, drugs, order, follow, note,
        )  # fmt: skip

    def _phrase(self, alternatives: str) -> tuple[str, str]:
        """The canonical wording, and the one for the note."""
        choices = alternatives.split(" | ")
        said = self.rng.choice(choices).format(side=self.said_side, **self._pronouns())
        return choices[0].format(side=self.side, **self._pronouns()), said

    def _interval(self, text: str) -> tuple[str, str]:
        numbers, unit = text.split(" ")
        number = self.rng.randint(*_bounds(numbers))
        unit = unit if number > 1 else unit.removesuffix("s")
        short = {"weeks": "wks", "week": "wk", "months": "mo", "month": "mo", "days": "d"}
        abbreviate = self.short and self.rng.random() < 0.4
        return f"{number} {unit}", f"{number} {short.get(unit, unit) if abbreviate else unit}"

    def _measure(self) -> tuple[str, str, str]:
        """The slot it is told in ("vitals", "lab", "score"), canonical wording, and the note's."""
        slot, _, rest = self.case["measure"].partition(" ")
        if slot not in ("lab", "score"):
            slot, rest = "vitals", self.case["measure"]
        name, limits = rest.rsplit(" ", 1)
        low, high = limits.split("-")
        decimals = len(low.partition(".")[2])
        scaled = self.rng.randint(int(low.replace(".", "")), int(high.replace(".", "")))
        value = f"{scaled / 10**decimals:.{decimals}f}"
        alternatives: str = self.words["measures"][name]
        forms = alternatives.replace("{v}", value).split(" | ")
        return slot, forms[0], self.rng.choice(forms)

    def _blood_pressure(self) -> str:
        return "/".join(str(self.rng.randint(*_bounds(r))) for r in self.case["bp"].split("/"))

    def _vitals(self, bp: str, measure: str) -> str:
        name = self.rng.choice(["BP", "BP"] if self.short else ["BP", "blood pressure"])
        rate = self.rng.randint(62, 92)
        parts = [] if "HR" in self.case["measure"] else [f"HR {rate}", f"pulse {rate}"]
        vitals = [f"{name} {bp}", *([self.rng.choice(parts)] if parts else [])]
        if self.rng.random() < 0.5:
            vitals.append(f"RR {self.rng.randint(12, 18)}")
        if measure:
            vitals.insert(self.rng.randint(0, len(vitals)), measure)
        return self._say("vitals", vitals=", ".join(vitals))

    def _opening(self, complaint: str, duration: str) -> str:
        adults = {"F": ["female", "woman"], "M": ["male", "man"]}[self.sex]
        who = self.rng.choice(self.templates["who"]).format(
            age=self.age, s=self.sex, sex=self.rng.choice(adults),
            gentle={"F": "lady", "M": "gentleman"}[self.sex],
        )  # fmt: skip
        a_who = who if self.short else f"{_article(self.age)} {who}"
        number, unit = duration.split(" ")
        return self._say(
            "open", complaint=complaint, duration=duration, who=who, a_who=a_who,
            A_who=a_who[0].upper() + a_who[1:],
            a_duration=f"{_article(int(number))} {number}-{unit.removesuffix('s')}",
        )  # fmt: skip

    def _denials(self) -> str:
        absent = self.rng.sample(self.case["denies"], self.rng.randint(2, 3))
        comma, last = ", ".join(absent[:-1]), absent[-1]
        joined = f"{comma}, {last}" if self.short else f"{comma} and {last}"
        return self._say("denies", no=joined, no_or=f"{comma} or {last}")

    def _taking(self, drug: Drug) -> str:
        return self._say("taking", drug=self._drug(drug, drug.old or drug.dose, course=False))

    def _plan(self, drug: Drug) -> str:
        return self._say(
            drug.action, drug=self._drug(drug, drug.dose), name=drug.name, old=drug.old,
            new=drug.amount(drug.dose, self.space), freq=self._frequency(drug),
        )  # fmt: skip

    def _drug(self, drug: Drug, dose: str, *, course: bool = True) -> str:
        days = self.rng.choice(["for", "x"]) + f" {drug.days} days" if drug.days and course else ""
        said = f"{drug.name} {drug.amount(dose, self.space)} {self._frequency(drug)} {days}"
        return said.rstrip()

    def _frequency(self, drug: Drug) -> str:
        forms = next(f for f in self.words["frequencies"] if f.split(" | ")[0] == drug.frequency)
        return self.rng.choice(str(forms).split(" | "))

    def _arrange(self, opening: str, body: list[str], ending: list[str], used: set[str]) -> str:
        """Sentences in one of several orders, with enough of what does not matter around them."""
        asides = self._asides(used)
        wanted = self.rng.randint(58, 90)
        first = self.rng.choice([body[1], asides[-1]])
        body.append(asides.pop())
        while asides and len(" ".join([opening, *body, *ending]).split()) < wanted:
            body.append(asides.pop())
        self.rng.shuffle(body)
        layout = self.rng.random()
        if layout < 0.6:
            order = [opening, *body, *ending]
        elif layout < 0.75:
            order = [first, opening, *(text for text in body if text != first), *ending]
        elif layout < 0.9:
            order = [opening, *ending[:-1], *body, ending[-1]]
        else:
            mixed = body + ending
            self.rng.shuffle(mixed)
            order = [opening, *mixed]
        return self._typed(" ".join(order))

    def _asides(self, used: set[str]) -> list[str]:
        """Sentences that must not reach the summary, in the order of use from the end."""
        other = [Drug.parse(text) for text in self._allowed("background_drugs")]
        drug = self.rng.choice([drug for drug in other if drug.name not in used])
        background = self._fill(
            self.rng.choice(self.words["background"]), meds=self._drug(drug, drug.dose)
        )
        lines = self.rng.sample(self._allowed("distractors"), 2)
        history = self.rng.sample(self._allowed("history"), 2)
        symptoms = self._allowed("others", self.case)
        more = [self._say("others", other=self.rng.choice(symptoms)), background, lines[0]]
        more += [*history, *([self.rng.choice(self.words["jobs"])] if self.age < 66 else [])]
        self.rng.shuffle(more)
        return [self._fill(text, n=self.rng.randrange(5, 45, 5)) for text in [*more, lines[1]]]

    def _allowed(self, key: str, source: dict[str, Any] | None = None) -> list[str]:
        avoid: list[str] = self.case.get("avoid", [])
        texts: list[str] = (source or self.words)[key]
        return [text for text in texts if not any(word.lower() in text.lower() for word in avoid)]

    def _say(self, slot: str, **parts: str) -> str:
        return self._fill(self.rng.choice(self.templates[slot]), **parts)

    def _fill(self, template: str, **parts: Any) -> str:
        text = template.format(side=self.said_side, **self._pronouns(), **parts)
        return text if self.short else text[0].upper() + text[1:]

    def _pronouns(self) -> dict[str, str]:
        he, him, his = {"F": ("she", "her", "her"), "M": ("he", "him", "his")}[self.sex]
        return {"he": he, "He": he.capitalize(), "him": him, "his": his}

    def _typed(self, note: str) -> str:
        """The note as hurried fingers leave it: some in lower case, some with a slip."""
        slips = {"patient": "pateint", "with": "wiht", "the": "teh", "and": "adn", "also": "aslo"}
        present = [word for word in slips if f" {word} " in note]
        if present and self.rng.random() < 0.2:
            slip = self.rng.choice(present)
            note = note.replace(f" {slip} ", f" {slips[slip]} ", 1)
        if self.short and self.rng.random() < 0.3:
            note = note.lower()
        return note


def _bounds(text: str) -> tuple[int, int]:
    low, high = text.split("-")
    return int(low), int(high)


def _article(number: int) -> str:
    return "an" if str(number).startswith("8") or number in (11, 18) else "a"


def shingles(note: str, size: int = 5) -> frozenset[tuple[str, ...]]:
    """The runs of `size` words of a note, in lower case and without punctuation at word ends."""
    words = re.findall(r"[\w%](?:[\w%/.-]*[\w%])?", note.lower())
    return frozenset(zip(*(words[start:] for start in range(size)), strict=False))


def overlap(left: frozenset[Any], right: frozenset[Any]) -> float:
    """Jaccard similarity of two sets."""
    return len(left & right) / max(1, len(left | right))
