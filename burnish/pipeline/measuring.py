"""The models that a brief names to measure answers: found before, loaded when answers are there.

Reads the brief and model folders; writes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, cast

from burnish.records import Task
from burnish.store import Workspace

if TYPE_CHECKING:
    from burnish.base.encoders import FoundEncoder
    from burnish.evaluate.model_metrics import MeasuringModels


def find_measuring(workspace: Workspace, task: Task) -> "list[FoundEncoder]":
    """The models on disk; none where the brief names none.

    Raises:
        BaseModelError: one cannot be had, or cannot measure what it is named for.
    """
    if task.evaluate.bertscore is None and task.evaluate.nli is None:
        return []
    from burnish.base.catalogue import Catalogue
    from burnish.base.encoders import find_encoders

    return find_encoders(task.evaluate, Catalogue(workspace.catalogue))


def fingerprints(task: Task) -> dict[str, str | None]:
    """Setting → hash of the weights in the folder it names, so that a change is noticed."""
    from burnish.base.resolve import local_fingerprint

    named = {"bertscore": task.evaluate.bertscore, "nli": task.evaluate.nli}
    return {name: local_fingerprint(model) for name, model in named.items() if model is not None}


def measuring_models(task: Task, found: "Sequence[FoundEncoder]") -> "MeasuringModels":
    """What loads each model, on the device of the brief, and frees it afterwards."""
    from burnish.evaluate.model_metrics import MeasuringModels

    makers = {one.record.measure: _maker(task, one) for one in found}
    return MeasuringModels(
        records=tuple(one.record for one in found),
        encoder=makers.get("bertscore"),
        entailment=makers.get("nli"),
    )


def _maker(task: Task, one: "FoundEncoder") -> Callable[[], AbstractContextManager[Any]]:
    @contextmanager
    def load() -> Iterator[Any]:
        from burnish.base.load import choose_device
        from burnish.engines.encoders import Encoder, Entailment
        from burnish.engines.memory import release_memory

        device = str(choose_device(task.train.device))
        release_memory()
        if one.record.measure == "nli":
            yield Entailment(one.path, device)
        else:
            yield Encoder(one.path, cast(int, one.record.layer), device)

    return load
