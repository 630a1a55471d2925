"""Which column is the answer, which are the inputs, which names and which groups the rows.

Reads columns; returns candidates with a score and a reason. Names weigh most, shapes decide
between them: an answer that shares the words of a longer text is a summary, one that stands in it
a short answer, one of few values a label.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from burnish.brief.columns import Column, as_json, contained, name_words, overlap, spaced
from burnish.records import TaskKind


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


_OUTPUT_NAMES = {
    2.0: _set("""label labels class intent intents target sentiment summary highlights tldr answer
        answers output completion response reply"""),
    1.8: _set("""category categories topic topics tag tags slots entities spans extraction json
        clauses"""),
    1.2: _set("""translation rewrite priority severity department queue outcome decision emotion
        gold"""),
    0.5: _set("note notes report code score rating stars preferred type status"),
}
_WEIGHTS = {name: weight for weight, names in _OUTPUT_NAMES.items() for name in names}
_INPUTS = _set("""text input inputs question query context passage document dialogue dialog
    conversation article transcript prompt instruction instructions message email body content
    sentence review utterance request title subject premise hypothesis ticket description evidence
    facts choices options paragraph story post tweet comment chat abstract""")
_ABOUT = _set("""id uid uuid guid identifier date time timestamp year created updated author url
    link version split index unnamed file filename path variant group annotator annotators pred
    prediction predicted model hash language lang masked template is has source confidence""")
_GROUPS = _set("""group conversation thread session patient user customer client doc document
    article case dialogue dialog author speaker visit encounter account""")
_FACTS = {"meaning representation", "mr", "facts", "triples", "attributes", "linearized input"}
_SUMMARIES = _set("summary highlights tldr abstract note notes report")
_INSTRUCTIONS = _set("instruction instructions prompt")
_ANSWERS = _set("answer answers")
_QUESTIONS = _set("question query")
_IDS = _set("id uid uuid guid identifier")


@dataclass(frozen=True)
class Candidate:
    """A possible output: its columns, the kind of task it would make, and why."""

    columns: tuple[str, ...]
    kind: TaskKind
    score: float
    why: str
    multi_label: bool = False


def output_candidates(columns: dict[str, Column]) -> list[Candidate]:
    """Every plausible output with its kind, the likeliest first; never one that does not vary."""
    found: list[Candidate] = []
    for column in columns.values():
        if column.form not in ("empty", "messages") and (column.distinct > 1 or column.n == 1):
            found += _as_outputs(column, columns)
    found += _fields_within_a_text(columns)
    return sorted(found, key=lambda candidate: -candidate.score)


def input_columns(columns: dict[str, Column], output: tuple[str, ...]) -> list[str]:
    """The columns a model would read to write the output: facts, or the free texts.

    A context comes before the question about it.
    """
    rest = [column for column in columns.values() if column.name not in output]
    if facts := [column.name for column in rest if is_facts(column)]:
        return facts
    useful = [
        column
        for column in rest
        if column.form == "text"
        and column.filled >= (0.1 if is_input_name(column.name) else 0.5)
        and not about(column.name)
    ]
    readable = [c for c in useful if not is_answer_name(c.name)]
    named = [c for c in readable if is_input_name(c.name) or c.prose]
    free = [c for c in named if not c.coded and not _is_heading(c)]
    chosen = free or named or readable or useful
    if not (free or named) and chosen:
        chosen = [max(chosen, key=lambda column: (column.median, column.distinct))]
    names = [column.name for column in chosen if column.distinct > 1]
    asked = [name for name in names if is_question(name)]
    return [name for name in names if name not in asked] + asked


def side_inputs(columns: dict[str, Column], taken: tuple[str, ...]) -> list[str]:
    """Short codes beside the inputs that may tell the model something."""
    return [
        column.name
        for column in columns.values()
        if column.name not in taken
        and column.form == "text"
        and column.coded
        and column.filled >= 0.9
        and not about(column.name)
        and not is_answer_name(column.name)
    ]


def id_column(tables: list[dict[str, Column]], taken: tuple[str, ...]) -> tuple[str | None, str]:
    """The column that names an example, and why it was taken or left out ("" if none is like it).

    An id must differ in every row of all files together.
    """
    why = ""
    for name, column in tables[0].items():
        words = name_words(name)
        if name in taken or not set(words[-1:]) & _IDS or column.longest > 12:
            continue
        if column.distinct < column.n:
            continue
        values: set[str] = set()
        rows = 0
        for each in tables:
            if name in each:
                values |= set(each[name].counts)
                rows += each[name].n
        if len(values) == rows:
            return name, f"differs in every one of {rows:,} rows"
        why = (
            f"`{name}` looks like an id, but its values repeat from file to file "
            f"({len(values):,} distinct in {rows:,} rows), so it names no example; left out"
        )
    return None, why


def group_column(columns: dict[str, Column], inputs: tuple[str, ...]) -> tuple[str | None, str]:
    """The column whose equal values should stay in one split, and why."""
    for name, column in columns.items():
        words = set(name_words(name))
        owner = words & _GROUPS and (words & _IDS or words <= _GROUPS) and name not in inputs
        if owner and column.longest <= 12 and 10 <= column.distinct < column.n * 0.95:
            return name, (
                f"{column.n:,} rows belong to {column.distinct:,}; rows of one should not stand in "
                "both training and test"
            )
    shared = [
        columns[name]
        for name in inputs
        if columns[name].median >= 4 and columns[name].filled >= 0.9
        and 10 <= columns[name].distinct < 0.8 * len(columns[name].present)
    ]  # fmt: skip
    if not shared:
        return None, ""
    column = max(shared, key=lambda each: each.median)
    return column.name, (
        f"{column.n:,} rows share {column.distinct:,} values; the same text should not stand in "
        "both training and test"
    )


def is_facts(column: Column) -> bool:
    """Facts written for a machine, as name[value], or named as such."""
    if column.form != "text":
        return False
    texts = [text for text in spaced(column.texts, 100) if text]
    marked = sum("[" in text and text.endswith("]") and "], " in text for text in texts)
    return _plain(column.name) in _FACTS or marked > 0.8 * max(len(texts), 1)


def is_question(name: str) -> bool:
    """Named as a question."""
    return bool(set(name_words(name)) & _QUESTIONS)


def is_input_name(name: str) -> bool:
    """Named as something to be read."""
    return _plain(name) in _INPUTS


def is_answer_name(name: str) -> bool:
    """Named as an answer of any kind, so never an input of its own accord."""
    exact = _WEIGHTS.get(_plain(name), 0)
    inner = max((_WEIGHTS.get(word, 0) for word in name_words(name)[-2:]), default=0)
    return _plain(name) not in _INPUTS and max(exact, inner) >= 1.8


def about(name: str) -> bool:
    """Named as something about the row, not of it: a date, a file, an annotator."""
    return bool(set(name_words(name)) & _ABOUT)


def _as_outputs(column: Column, columns: dict[str, Column]) -> Iterator[Candidate]:
    others = [each for each in columns.values() if each is not column and each.form == "text"]
    facts = any(is_facts(each) for each in others)
    asked = any(is_question(each.name) for each in others)
    weight = _name_weight(column, facts=facts) - (2.0 if column.filled < 0.5 else 0.0)
    words, name = set(name_words(column.name)), column.name
    if is_facts(column):
        return
    if column.form == "json" and words & _ANSWERS and _has_texts(column):
        yield _made(column, "answer", 2 + weight, "holds lists of answers")
    elif column.form == "json":
        score = 2 + weight - (2.5 if facts else 0)
        yield Candidate(_with_labels(column, columns), "extract", score, f"`{name}` holds JSON")
    elif column.form == "labels":
        why = f"`{name}` holds several of {len(column.atoms)} labels a cell"
        yield Candidate((name,), "classify", (1 + weight) * column.filled, why, multi_label=True)
    elif column.categorical:
        yield _made(column, "classify", 1 + weight, "has few values, short and repeated")
    elif column.form in ("text", "number"):
        yield from _as_text_outputs(column, others, weight, asked=asked, facts=facts)


def _as_text_outputs(
    column: Column, others: list[Column], weight: float, *, asked: bool, facts: bool
) -> Iterator[Candidate]:
    words = set(name_words(column.name))
    longest = max(others, key=lambda each: each.median, default=None)
    told = any(_plain(each.name) in _INSTRUCTIONS for each in others)
    if asked and words & _ANSWERS and column.median <= 12:
        yield _made(column, "answer", 2 + weight, "answers the question in a few words")
    elif longest and asked and contained(column.texts, longest) >= 0.7:
        yield _made(column, "answer", 1.5 + weight, f"stands word for word in `{longest.name}`")
    shorter = longest is not None and column.median < 0.75 * longest.median
    if longest and shorter and not told and not (asked and words & _ANSWERS):
        share = overlap(column, longest) if column.median >= 4 else 0.0
        if share >= 0.35 or words & _SUMMARIES:
            why = (
                f"is shorter than `{longest.name}` (about {column.median} words for "
                f"{longest.median}) and shares {share:.0%} of its longer words with it"
            )
            yield _made(column, "summarize", 1.5 + weight, why)
    why = "is the text to be written" if weight > 0 or facts else "is free text"
    yield _made(column, "generate", (2.0 if facts else 0.5) + weight, why)


def _made(column: Column, kind: TaskKind, score: float, why: str) -> Candidate:
    return Candidate((column.name,), kind, score, f"`{column.name}` {why}: {column.describe()}")


def _name_weight(column: Column, *, facts: bool) -> float:
    plain = _plain(column.name)
    exact = _WEIGHTS.get(plain, 0.0)
    inner = max((_WEIGHTS.get(word, 0.0) / 2 for word in name_words(column.name)), default=0.0)
    weight = exact or inner
    if plain in _INPUTS and not exact:
        weight -= 0.0 if facts else 1.0
    if about(column.name) and not exact:
        weight -= 1.0
    return weight


def _with_labels(column: Column, columns: dict[str, Column]) -> tuple[str, ...]:
    """The JSON column together with labels named as such: an intent beside its slots."""
    if not all(isinstance(as_json(value), dict) for value in spaced(column.present, 50)):
        return (column.name,)
    return tuple(
        each.name
        for each in columns.values()
        if each is column or (each.categorical and _WEIGHTS.get(_plain(each.name), 0) >= 1.8)
    )


def _fields_within_a_text(columns: dict[str, Column]) -> list[Candidate]:
    """Two columns or more whose short values stand in one free text: fields to extract."""
    texts = [column for column in columns.values() if column.form == "text"]
    longest = max(texts, key=lambda column: column.median, default=None)
    if longest is None or longest.median < 8 or any(is_question(each.name) for each in texts):
        return []
    fields = tuple(
        each.name
        for each in columns.values()
        if each is not longest
        and each.form in ("text", "number")
        and each.median <= 6
        and not set(name_words(each.name)) & _IDS
        and min(map(len, filter(None, each.texts)), default=0) >= 2
        and contained(each.texts, longest) >= 0.7
    )
    why = f"the values of {', '.join(fields)} stand word for word in `{longest.name}`"
    return [Candidate(fields, "extract", 2.5, why)] if len(fields) > 1 else []


def _has_texts(column: Column) -> bool:
    """SQuAD's form: {"text": ...} or a list of such."""
    cells = [as_json(value) for value in spaced(column.present, 50)]
    items = [item for cell in cells for item in (cell if isinstance(cell, list) else [cell])]
    return bool(items) and all(isinstance(item, dict) and "text" in item for item in items)


def _is_heading(column: Column) -> bool:
    """A title that many rows share says where a row comes from, not what it is."""
    return _plain(column.name) == "title" and column.distinct < 0.5 * column.n


def _plain(name: str) -> str:
    return " ".join(name_words(name))
