"""Preparing examples: cleaning, people's decisions and personal data, before anything is compared.

Reads examples one at a time; spools what it changed. The order is fixed: texts are cleaned, answers
corrected by people take the place of the old ones, then personal data are masked.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from burnish.chat.answers import label_text, target_of
from burnish.data.checks.cleaning import Cleaner, find_boilerplate
from burnish.data.spool import Spool
from burnish.errors import DataError
from burnish.records import Change, CleaningRule, Example, Review, Table, Task

_PERSONAL = ("mask", "replace", "drop")


class Preparation:
    """What happens to every example on its way in.

    Attributes:
        changes: each text that was changed, with what it was.
        cleaned: cleaning rule → texts it changed.
        mapping: example id → stand-in → what it stands for, with `checks.keep_mapping` alone.
        reviewed: ids of the examples that a decision was found for.
    """

    def __init__(self, task: Task, tables: Iterable[Table], reviews: Sequence[Review] = ()) -> None:
        self._task = task
        self.changes: Spool[Change] = Spool(Change)
        self.cleaned: Counter[CleaningRule] = Counter()
        self.mapping: dict[str, dict[str, str]] = {}
        self.reviewed: set[str] = set()
        self._reviews: dict[str, list[Review]] = defaultdict(list)
        for review in reviews:
            self._reviews[review.id].append(review)
        rules = task.checks.cleaning
        self._cleaner = Cleaner(rules)
        self._of_column = dict.fromkeys(task.data.inputs, self._cleaner)
        if "boilerplate" in rules:
            tables = list(tables)
            for name in task.data.inputs:
                lines = find_boilerplate(_texts(tables, name))
                self._of_column[name] = Cleaner(rules, lines)
        self._personal: Any = None
        if task.checks.personal_data in _PERSONAL or any(r.action == "mask" for r in reviews):
            from burnish.data.personal.personal_data import PersonalData

            self._personal = PersonalData(ner_model=task.checks.ner_model, seed=task.seed)

    def __call__(self, example: Example) -> Example | str:
        """The example as it is to be learned, or the reason why it is left out."""
        actions: dict[str, Review] = {}
        if reviews := self._reviews.get(example.id):
            self.reviewed.add(example.id)
            actions = {review.action: review for review in reviews}
        if "drop" in actions:
            return "dropped by a person"
        example = self._clean(example)
        if "answer" in actions:
            example = self._answered(example, actions["answer"])
        texts = [*example.inputs.values(), *(turn.content for turn in example.history)]
        if not any(texts):
            return "empty input"
        if not example.answer:
            return "empty answer"
        return self._without_personal_data(example, masked="mask" in actions)

    def _clean(self, example: Example) -> Example:
        before: dict[str, str] = {}
        changed: dict[str, tuple[tuple[CleaningRule, ...], str]] = {}

        def clean(field: str, text: str, cleaner: Cleaner) -> str:
            new, rules = cleaner.clean(text)
            if rules:
                before[field], changed[field] = text, (rules, new)
            return new

        inputs = {
            name: clean(name, text, self._of_column.get(name, self._cleaner))
            for name, text in example.inputs.items()
        }
        turns = [
            clean(f"turn {at}", turn.content, self._cleaner)
            for at, turn in enumerate(example.history, 1)
        ]
        labels = tuple(clean("answer", label, self._cleaner) for label in example.labels)
        references = example.references
        if self._task.kind in ("summarize", "answer", "generate"):
            references = tuple(clean("answer", text, self._cleaner) for text in references)
            references = tuple(dict.fromkeys(text for text in references if text))
        elif self._task.kind == "classify" and labels != example.labels:
            references = (label_text(labels) if self._task.multi_label else labels[0],)
        if not changed:
            return example
        for field, (rules, after) in changed.items():
            self.cleaned.update(rules)
            self.changes.append(
                Change(
                    source=example.source, row=example.row, field=field, rules=rules,
                    before=before[field], after=after,
                )
            )  # fmt: skip
        history = tuple(
            turn.model_copy(update={"content": text})
            for turn, text in zip(example.history, turns, strict=True)
        )
        return example.model_copy(
            update={
                "inputs": inputs,
                "history": history,
                "labels": labels,
                "references": references,
                "answer": references[0] if references else "",
            }
        )

    def _answered(self, example: Example, review: Review) -> Example:
        """The example with a person's answer in place of its own."""
        try:
            target = target_of(self._task, {"answer": review.answer})
        except ValueError as error:
            raise DataError(
                f'decisions.jsonl gives {review.row or review.id} the answer "{review.answer}", '
                f"which is none for {self._task.kind}: {error}.",
                hint="mend that line of decisions.jsonl, or delete it",
            ) from error
        return example.model_copy(
            update={
                "answer": target.text, "references": target.references, "labels": target.labels,
            }
        )  # fmt: skip

    def _without_personal_data(self, example: Example, *, masked: bool) -> Example | str:
        policy = self._task.checks.personal_data
        if self._personal is None or (policy not in _PERSONAL and not masked):
            return example
        act = self._personal.replace if policy == "replace" else self._personal.mask
        done, mapping = act(example)
        if not mapping:
            return example
        if policy == "drop":
            return "personal data"
        if self._task.checks.keep_mapping:
            self.mapping[example.id] = mapping
        rule = "replaced" if policy == "replace" else "masked"
        for name, text in done.inputs.items():
            self._note(example, name, rule, text, changed=text != example.inputs[name])
        for at, (old, new) in enumerate(zip(example.history, done.history, strict=True), 1):
            self._note(example, f"turn {at}", rule, new.content, changed=old != new)
        self._note(example, "answer", rule, done.answer, changed=done.answer != example.answer)
        return done  # type: ignore[no-any-return]

    def _note(self, example: Example, field: str, rule: str, after: str, *, changed: bool) -> None:
        if changed:
            self.changes.append(
                Change(
                    source=example.source, row=example.row, field=field, rules=(rule,),
                    before="", after=after,
                )
            )  # fmt: skip


def _texts(tables: Iterable[Table], column: str) -> Iterator[str]:
    """The text cells of a column, in all files."""
    for table in tables:
        for row in table.rows:
            value = row.get(column)
            if isinstance(value, str):
                yield value
