"""What `burnish watch` compares: the reference of a run, and windows of the request log.

Reads data sets, reports, the request log and feedback. With reference: log it keeps the exchanges
that it compares with in watches/reference.jsonl, since the log forgets them.
"""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from burnish.errors import SealError, WorkspaceError
from burnish.records import (
    Answer,
    AnsweredExample,
    Dataset,
    Example,
    Exchange,
    Feedback,
    Gauge,
    Message,
    Report,
    Run,
    Task,
)
from burnish.store import Workspace, read_split
from burnish.store.exchanges import pass_exchanges, pick_exchanges, read_feedback
from burnish.store.files import count_lines, read_lines, write_lines

if TYPE_CHECKING:
    from burnish.watch.judging import Side
    from burnish.watch.reading import Read, Reader
    from burnish.watch.samples import Embed, Seen

LABELLED = "labels"
"""The caller under whose name delayed labels stand among the feedback."""
JUDGED = "judge"
"""The caller under whose name the judge's grades stand there."""
_MOST_SECONDS = 1000
_GOOD = 4


@dataclass(frozen=True)
class Passage:
    """A span of the log without its texts.

    Attributes:
        requests: all that callers saw.
        run: that answered most.
        chosen: ids of a random sample of those with texts.
        gauge: of that run; ratings are not in it.
    """

    requests: int
    run: str
    chosen: list[str]
    gauge: Gauge


def passage(engine: Engine, since: str, until: str, most: int) -> Passage:
    """Pass over a span of the log once; memory does not grow with it.

    The sample is by the hash of the id, so it is the same whenever it is drawn.
    """
    counts: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    chosen: list[tuple[int, str]] = []
    seconds: dict[str, list[tuple[int, float]]] = {}
    for one in pass_exchanges(engine, since, until):
        lot = -int.from_bytes(blake2b(one.id.encode(), digest_size=7).digest())
        counts[one.run] += 1
        failed[one.run] += one.status >= 500
        if one.readable:
            _keep(chosen, (lot, one.id), most)
        _keep(seconds.setdefault(one.run, []), (lot, one.seconds), _MOST_SECONDS)
    answering = [run for run, _ in counts.most_common() if run]
    run = answering[0] if answering else ""
    gauge = Gauge(
        n=counts[run], failed=failed[run], seconds=tuple(value for _, value in seconds.get(run, ()))
    )
    return Passage(counts.total(), run, [name for _, name in chosen], gauge)


def _keep(heap: list[Any], item: Any, most: int) -> None:
    heappush(heap, item) if len(heap) < most else heappushpop(heap, item)


def window_side(
    reader: "Reader", engine: Engine, passed: Passage, said: dict[str, list[Feedback]]
) -> "tuple[Side, Read]":
    """A window of the log, as it is compared."""
    from burnish.watch.judging import Side

    exchanges = pick_exchanges(engine, passed.chosen)
    read = reader.exchanges(exchanges)
    rated = [
        rating for one in exchanges for rating in _ratings(reader.task, one, said.get(one.id, ()))
    ]
    own = [one for one in exchanges if one.run == passed.run]
    grades = tuple(
        rating.score
        for one in own
        for rating in said.get(one.id, ())
        if rating.caller == JUDGED and rating.score is not None
    )
    said_of = {"good": sum(rated), "bad": len(rated) - sum(rated), "grades": grades}
    gauge = passed.gauge.model_copy(update=said_of)
    scores = label_scores(reader, own, said)
    return Side(read.seen, read.answered(passed.run), scores, gauge), read


def feedback_by_exchange(engine: Engine) -> dict[str, list[Feedback]]:
    """All feedback, by the exchange that it is about."""
    found: dict[str, list[Feedback]] = {}
    for one in read_feedback(engine):
        found.setdefault(one.exchange, []).append(one)
    return found


def label_scores(
    reader: "Reader", exchanges: Sequence[Exchange], said: dict[str, list[Feedback]]
) -> list[float]:
    """The score of each answer whose right answer became known later, from 0 to 1."""
    from burnish.chat.answers import parse, target_of
    from burnish.evaluate.metrics import measure

    answers, examples = [], []
    for one in exchanges:
        labels = [each for each in said.get(one.id, ()) if each.caller == LABELLED]
        if not labels or one.answer is None:
            continue
        output = (reader.task.data.output or ("answer",))[:1]
        target = target_of(reader.task, {output[0]: labels[-1].answer})
        answers.append(Answer(text=one.answer, value=parse(reader.task, one.answer)))
        examples.append(
            Example(
                id=one.id, source="log", row=0, inputs={"request": one.request or ""},
                answer=target.text, references=target.references, labels=target.labels,
            )
        )  # fmt: skip
    if not examples:
        return []
    task = reader.task.model_copy(update={"json_schema": reader.json_schema})
    labels_known = {label for example in examples for label in example.labels}
    known = tuple(sorted({*reader.labels, *labels_known}))
    return [
        float(value) for value in measure(task, known, answers, examples)[task.metric].per_example
    ]


def _ratings(task: Task, exchange: Exchange, said: Sequence[Feedback]) -> list[bool]:
    """Whether callers found the answer good, by thumb, score or correction."""
    from burnish.chat.answers import parse

    found = []
    for one in said:
        if one.caller in (LABELLED, JUDGED):
            continue
        if one.thumb is not None:
            found.append(one.thumb == "up")
        elif one.score is not None:
            found.append(one.score >= _GOOD)
        elif one.answer is not None:
            found.append(one.answer in (exchange.answer, parse(task, exchange.answer or "")))
    return found


@dataclass(frozen=True)
class References:
    """What windows are compared with, by the run that answers.

    Attributes:
        log: the first weeks of the log, with reference: log.
    """

    workspace: Workspace
    task: Task
    log: "tuple[Exchange, ...]" = ()

    def reader(self, run: str) -> "Reader":
        """Reads requests and answers of a run."""
        from burnish.watch.reading import Reader

        dataset = self._dataset(run)
        return Reader(
            self.task,
            labels=dataset.labels if dataset else (),
            json_schema=self.task.json_schema or (dataset.json_schema if dataset else None),
            any_endpoint=bool(self.log),
        )

    def side(self, run: str) -> "tuple[Side, str]":
        """The reference of a run, without its gauge, and what it is in words."""
        from burnish.watch.judging import Side

        reader = self.reader(run)
        tested = self._answers(run)
        scores = [one.answers["tuned"].score for one in tested]
        answered = self._test_answers(reader, tested)
        if self.log:
            read = reader.exchanges(self.log)
            own = read.answered(run)
            words = f"{len(read.seen):,} requests of the log's first weeks"
            if own:
                return Side(read.seen, own, scores), words
            return Side(read.seen, answered, scores), f"{words}, answers of the test split"
        examples = self._examples(run)
        words = f"{len(examples):,} examples of the tuning, {len(answered):,} test answers"
        return Side([reader.example(one) for one in examples], answered, scores), words

    def _examples(self, run: str) -> list[Example]:
        """Training and validation examples, each once; of many, a random sample."""
        dataset = self._dataset(run)
        if dataset is None:
            return []
        try:
            found = [
                *read_split(self.workspace, dataset, "train"),
                *read_split(self.workspace, dataset, "validation"),
            ]
        except (SealError, WorkspaceError):
            return []
        once = list({one.id: one for one in found}.values())
        most = self.task.watch.most_texts
        if len(once) > most:
            once = random.Random(self.task.seed).sample(once, most)
        return self._masked(dataset, once)

    def _masked(self, dataset: Dataset, examples: list[Example]) -> list[Example]:
        """The examples as the log would hold them: masked, and kept so beside the windows.

        Else every request with a personal datum in it would be unlike every example.
        """
        from burnish.pipeline.masking import mask_texts

        path = self.workspace.masked_examples(dataset)
        if path.exists() and count_lines(path) == len(examples):
            return read_lines(path, Example)
        given = [
            json.dumps(one.inputs or [turn.model_dump() for turn in one.history])
            for one in examples
        ]
        texts = mask_texts([(text, None) for text in given], ner_model=self.task.checks.ner_model)
        masked = [
            one.model_copy(update=_filled(json.loads(text or "{}")))
            for one, (text, _) in zip(examples, texts, strict=True)
        ]
        write_lines(path, masked)
        return masked

    def _test_answers(self, reader: "Reader", tested: Sequence[AnsweredExample]) -> "list[Seen]":
        """What the run wrote to its test split, masked as the log's answers are."""
        from burnish.pipeline.masking import mask_texts

        answers = [one.answers["tuned"] for one in tested]
        if self.task.kind != "classify":
            texts = [(None, one.text) for one in answers]
            masked = mask_texts(texts, ner_model=self.task.checks.ner_model)
            answers = [
                one.model_copy(update={"text": text or ""})
                for one, (_, text) in zip(answers, masked, strict=True)
            ]
        return [reader.answer(one.id, made) for one, made in zip(tested, answers, strict=True)]

    def _answers(self, run: str) -> list[AnsweredExample]:
        """What the run answered to its test split, by its newest report."""
        found = self._run(run)
        for report in reversed(self.workspace.records(Report)):
            path = self.workspace.path(report, "answers.jsonl")
            mine = found and report.parents.get("run") == found.hash
            if mine and report.status == "complete" and path.is_file():
                lines = read_lines(path, AnsweredExample)
                return [line for line in lines if "tuned" in line.answers]
        return []

    def _run(self, name: str) -> Run | None:
        return next((one for one in self.workspace.records(Run) if one.id == name), None)

    def _dataset(self, run: str) -> Dataset | None:
        found = self._run(run)
        wanted = found.parents.get("dataset") if found else None
        return next((one for one in self.workspace.records(Dataset) if one.hash == wanted), None)


def _filled(value: Any) -> dict[str, Any]:
    """The fields of an example that its logged request holds."""
    if isinstance(value, list):
        return {"history": tuple(Message.model_validate(turn) for turn in value)}
    return {"inputs": value}


def log_reference(workspace: Workspace, engine: Engine, task: Task, until: str) -> list[Exchange]:
    """The exchanges of the log's first weeks; kept beside the windows once they are over."""
    path = workspace.watch_reference
    if not path.exists():
        passed = passage(engine, "", until, task.watch.most_texts)
        write_lines(path, pick_exchanges(engine, passed.chosen))
    return read_lines(path, Exchange)


def embedder(name: str | None) -> "Embed | None":
    """Texts → vectors by a sentence-transformers model; None without a name."""
    if name is None:
        return None
    from burnish.data.checks.meaning import embed

    return lambda texts: embed(texts, name)
