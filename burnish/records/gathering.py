"""Gathering: what one look at the request log found, and what one taking over of answers did."""

from pydantic import BaseModel, ConfigDict

from burnish.records.retune import Why


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CallerDoubt(_Part):
    """A caller whose corrections an independent judge doubts more than others'.

    Attributes:
        corrections: different ones of this caller; `doubted` of them.
        others: of all other callers; 0 where they are too few to compare with.
        p_value: that the judge doubts this caller's by chance so much more (Mann and Whitney); of
            more than half of them being doubted, where there are too few others.
        p_adjusted: corrected over all callers (Holm).
    """

    caller: str
    corrections: int
    doubted: int
    others: int
    others_doubted: int
    p_value: float
    p_adjusted: float


class CallerHabit(_Part):
    """A change of one label into another that one caller makes far more often than others do.

    Attributes:
        served, corrected: the label that was given, and the one that the caller wants.
        times: so often by this caller, of `corrections` different ones; by all others
            `others_times`, of `others`.
        p_adjusted: corrected over all callers and changes (Holm).
    """

    caller: str
    served: str
    corrected: str
    times: int
    corrections: int
    others_times: int
    others: int
    p_value: float
    p_adjusted: float


class Gathering(_Part):
    """What `burnish gather` found in the request log.

    Attributes:
        task_name: of the brief.
        since: from when on the log was read; "" is all of it.
        exchanges: that callers saw; `left_out` says why some cannot be used.
        worth: inputs that are worth a label, each counted once, before the queue was cut.
        queued: lines of queue.jsonl without a decision; `why` counts their reasons.
        decided: lines with a person's decision, which were kept.
        corrections: by callers, of exchanges that are no examples yet; `doubted` have a flag, and
            `free` can be taken with --take-corrections, of several of one input one.
        labelled: exchanges with a label of your own (`burnish watch --labels`) that are no examples
            yet.
        no_answers: corrections that are no answer of this task.
        callers: whose corrections are doubted more than others'.
        habits: changes that one caller alone makes so often.
        withdrawn: examples taken unseen from callers who were doubted since; they are in the queue
            again.
        gathered: examples in gathered.jsonl.
        notes: what else a person should know.
        files: what was written.
    """

    task_name: str
    since: str = ""
    exchanges: int = 0
    left_out: dict[str, int] = {}
    worth: int = 0
    queued: int = 0
    why: dict[Why, int] = {}
    decided: int = 0
    corrections: int = 0
    doubted: int = 0
    free: int = 0
    labelled: int = 0
    no_answers: int = 0
    callers: tuple[CallerDoubt, ...] = ()
    habits: tuple[CallerHabit, ...] = ()
    withdrawn: int = 0
    gathered: int = 0
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class Taken(_Part):
    """What became examples, and what did not.

    Attributes:
        taken: new examples; `changed` have another answer than before, `unchanged` the same.
        dropped: exchanges that a person does not want; they stay out of the queue.
        undecided: lines without a decision.
        flagged: corrections that were not taken, as a person has to see them.
        withdrawn: as in `Gathering`.
        new_labels: labels that the data set does not have.
        gathered: examples in gathered.jsonl now.
    """

    task_name: str
    taken: int = 0
    changed: int = 0
    unchanged: int = 0
    dropped: int = 0
    undecided: int = 0
    flagged: int = 0
    withdrawn: int = 0
    new_labels: tuple[str, ...] = ()
    callers: tuple[CallerDoubt, ...] = ()
    habits: tuple[CallerHabit, ...] = ()
    gathered: int = 0
