"""Every error Burnish raises on purpose.

    BurnishError                 the user's mistake or the machine's limit: exit code 2
    ├── BriefError               the brief (burnish.yaml) contradicts itself or the data
    ├── DataError                a file of examples cannot be used as it is
    ├── SealError                the test split was asked for by something other than an evaluation
    ├── BaseModelError           the base model cannot be found, trusted or loaded
    ├── TrainingError            training cannot start, or stopped before its end
    │   └── Interrupted          … because it was asked to: exit code 128 + the signal's number
    ├── EvaluationError          an evaluation cannot be trusted, so it is not made
    ├── ExportError              an export would not be what was tuned, so it is not made
    ├── DeployError              a deployment cannot be planned or written as asked
    ├── ServingError             a run may not or cannot be served
    ├── RetuneError              there is nothing to tune again on, or something stands in the way
    ├── ServerError              a server does not answer, refuses, or answers nonsense
    └── WorkspaceError           the workspace's folder cannot be read or written

Anything else that escapes is a bug: exit code 3 with its traceback.
"""

from collections.abc import Iterable


class BurnishError(Exception):
    """A failure that the user can mend.

    Args:
        message: what was found and what was expected, in one or two sentences.
        faults: every single fault, one line each (with row and column where there is one).
        hint: what to type or change next.
    """

    def __init__(self, message: str, *, faults: Iterable[str] = (), hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.faults = tuple(faults)
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message, *(f"  - {fault}" for fault in self.faults)]
        if self.hint:
            lines.append(f"Next: {self.hint}")
        return "\n".join(lines)


class BriefError(BurnishError):
    """The brief contradicts itself or the data it names."""


class DataError(BurnishError):
    """A file of examples cannot be used as it is."""


class SealError(BurnishError):
    """The sealed test split was asked for outside an evaluation, or it was changed."""


class BaseModelError(BurnishError):
    """The base model cannot be found, trusted or loaded."""


class TrainingError(BurnishError):
    """Training cannot start, or stopped before its end."""


class Interrupted(TrainingError):  # noqa: N818 - nothing went wrong
    """Training was asked to stop, and stopped with a checkpoint to go on from.

    Args:
        signal: the number of the signal that asked; 0 where the time given to it was up.
    """

    def __init__(self, message: str, *, hint: str = "", signal: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.signal = signal


class EvaluationError(BurnishError):
    """An evaluation cannot be trusted, so it is not made."""


class ExportError(BurnishError):
    """An export would not be what was tuned, or cannot be made, so there is none."""


class DeployError(BurnishError):
    """A deployment cannot be planned or written as asked."""


class ServingError(BurnishError):
    """A run may not be served, or the gateway cannot start."""


class RetuneError(BurnishError):
    """There is too little to tune again on, or something stands in the way of it."""


class ServerError(BurnishError):
    """A server does not answer, refuses a request, or answers nonsense.

    Args:
        status: the HTTP status it answered with; None where there was no answer.
        param: the field of the request that it refused, where it said so.
        unsure: the request may have been carried out although no answer came back.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int | None = None,
        param: str = "",
        unsure: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.param = param
        self.unsure = unsure


class WorkspaceError(BurnishError):
    """The workspace's folder cannot be read or written."""
