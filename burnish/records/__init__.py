"""The nouns: frozen pydantic records that the steps read and write."""

from burnish.records.answers import Answer, AnsweredExample
from burnish.records.event import Event, Progress, silent
from burnish.records.example import Dropped, Example, Message, Role
from burnish.records.record import Git, Record, canonical_hash
from burnish.records.steps import (
    BaseChoice,
    Dataset,
    Decision,
    Difference,
    LabelScore,
    Opening,
    Report,
    Run,
    Score,
    Split,
    SplitName,
    SystemResult,
    Verdict,
)
from burnish.records.table import Table
from burnish.records.task import (
    METRICS,
    DataSettings,
    EvaluateSettings,
    MetricName,
    PassMark,
    PromptSettings,
    SystemName,
    Task,
    TaskKind,
    TrainSettings,
)

__all__ = [
    "METRICS",
    "Answer",
    "AnsweredExample",
    "BaseChoice",
    "DataSettings",
    "Dataset",
    "Decision",
    "Difference",
    "Dropped",
    "EvaluateSettings",
    "Event",
    "Example",
    "Git",
    "LabelScore",
    "Message",
    "MetricName",
    "Opening",
    "PassMark",
    "Progress",
    "PromptSettings",
    "Record",
    "Report",
    "Role",
    "Run",
    "Score",
    "Split",
    "SplitName",
    "SystemName",
    "SystemResult",
    "Table",
    "Task",
    "TaskKind",
    "TrainSettings",
    "Verdict",
    "canonical_hash",
    "silent",
]
