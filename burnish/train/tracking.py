"""Trackers: W&B, MLflow, TensorBoard and trackio, with the brief, the data set and the verdict.

The losses go there through transformers' own integrations. Reads and writes trackers.json in the
run's folder: under which id each tracker knows the run, so that a resumed run and the verdict go
to the same place. Keys are read by the trackers from the environment and stand nowhere.
"""

import importlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from burnish.errors import TrainingError
from burnish.records import Run, Task, TrainSettings
from burnish.store.files import write_text

FILE = "trackers.json"
FOLDER = "trackers"
MOST_LETTERS = 4000
"""Of one tag; MLflow takes no more than 5,000."""


def refuse_missing_trackers(settings: TrainSettings) -> None:
    """Raise TrainingError where the brief names a tracker that is not installed."""
    missing = [name for name in settings.report_to if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"train.report_to names {', '.join(missing)}, which is not installed.",
            hint=f"pip install {' '.join(missing)}, or take it out of train.report_to",
        )


@contextmanager
def tracked(folder: Path, task: Task, run: Run, *, dataset: str) -> Iterator[list[TrainerCallback]]:
    """Open the brief's trackers for a run, and close them whatever happens.

    Args:
        folder: of the run.
        dataset: id of the data set.

    Yields:
        What the trainer needs beside its own integrations.
    """
    names = task.train.report_to
    if not names:
        yield []
        return
    refuse_missing_trackers(task.train)
    known: dict[str, dict[str, str]] = {}
    if (folder / FILE).exists():
        known = json.loads((folder / FILE).read_text(encoding="utf-8"))
    title = f"{task.name}-{folder.name}"
    before = os.environ.get("TENSORBOARD_LOGGING_DIR")
    if "tensorboard" in names and before is None:
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / FOLDER / "tensorboard")
    notes = {
        "brief": task.model_dump(mode="json"), "dataset": dataset, "run": run.id,
        "base": run.base, "parents": run.parents,
    }  # fmt: skip
    try:
        for name in names:
            known[name] = _OPEN[name](folder, task.name, title, known.get(name, {}))
        if "trackio" in known:  # it forgets a run's notes when the run is opened again
            known["trackio"]["notes"] = json.dumps(notes)
        write_text(folder / FILE, json.dumps(known, indent=2) + "\n")
        yield [_Notes(names, known, folder, notes)]
    finally:
        if before is None:
            os.environ.pop("TENSORBOARD_LOGGING_DIR", None)
        for name in names:
            _close(name)


def attach_verdict(folder: Path, verdict: Mapping[str, str | float]) -> list[str]:
    """Tell the trackers that know a run how its evaluation ended.

    Args:
        folder: of the run.
        verdict: name → value, such as {"verdict": "ship", "tuned rougeL": 0.41}.

    Returns:
        A sentence for each tracker that could not be told: the evaluation stands without it.
    """
    if not (folder / FILE).exists():
        return []
    faults = []
    known: dict[str, dict[str, str]] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    for name, place in known.items():
        try:
            try:
                _TELL[name](folder, place, verdict)
            finally:
                _close(name)
        except Exception as error:  # whatever a service or its library comes up with
            faults.append(f"{name} was not told the verdict: {error}")
    return faults


class _Notes(TrainerCallback):
    """Puts brief and data set beside the losses, once the integrations are there."""

    def __init__(
        self,
        names: tuple[str, ...],
        known: dict[str, dict[str, str]],
        folder: Path,
        notes: dict[str, Any],
    ) -> None:
        self._names, self._known, self._folder, self._notes = names, known, folder, notes

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Write the notes to every tracker."""
        for name in self._names:
            if name in ("wandb", "trackio"):
                _module(name).config.update({"burnish": self._notes}, allow_val_change=True)
            elif name == "mlflow":
                _module(name).set_tags(_tags(self._notes))
            else:
                _write_texts(self._folder, self._known[name], self._notes)


def _open_wandb(folder: Path, project: str, title: str, known: dict[str, str]) -> dict[str, str]:
    place = {
        "project": known.get("project") or os.environ.get("WANDB_PROJECT") or project,
        "id": known.get("id") or secrets.token_hex(4),
    }
    _init_wandb(folder, place, title)
    return place


def _init_wandb(folder: Path, place: dict[str, str], title: str | None) -> Any:
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    return _module("wandb").init(
        project=place["project"],
        id=place["id"],
        name=title,
        resume="allow",
        dir=os.environ.get("WANDB_DIR") or str(folder / FOLDER),
        mode=os.environ.get("WANDB_MODE") or ("online" if _has_wandb_key() else "offline"),
    )


def _has_wandb_key() -> bool:
    """Whether W&B would not have to ask for a key; without one its files stay here."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    file = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    return file.is_file() and "wandb" in file.read_text(encoding="utf-8", errors="replace")


def _open_mlflow(folder: Path, project: str, title: str, known: dict[str, str]) -> dict[str, str]:
    mlflow = _at_mlflow(folder)
    mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or project)
    run = mlflow.start_run(run_id=known.get("id"), run_name=title)
    return {"id": run.info.run_id}


def _at_mlflow(folder: Path) -> Any:
    """MLflow, with the user's server or else a file in the run's folder."""
    mlflow = _module("mlflow")
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{(folder / FOLDER / 'mlflow.db').resolve()}"
    mlflow.set_tracking_uri(uri)
    return mlflow


def _open_tensorboard(
    folder: Path, project: str, title: str, known: dict[str, str]
) -> dict[str, str]:
    return {"folder": os.path.relpath(os.environ["TENSORBOARD_LOGGING_DIR"], folder)}


def _open_trackio(folder: Path, project: str, title: str, known: dict[str, str]) -> dict[str, str]:
    return {"project": project, "name": title}  # the integration opens it under these


def _tell_wandb(folder: Path, place: dict[str, str], verdict: Mapping[str, str | float]) -> None:
    run = _init_wandb(folder, place, None)
    run.summary.update(dict(verdict))


def _tell_mlflow(folder: Path, place: dict[str, str], verdict: Mapping[str, str | float]) -> None:
    client = _at_mlflow(folder).MlflowClient()
    for name, value in _tags(verdict).items():
        client.set_tag(place["id"], name, value)


def _tell_tensorboard(
    folder: Path, place: dict[str, str], verdict: Mapping[str, str | float]
) -> None:
    _write_texts(folder, place, verdict)


def _tell_trackio(folder: Path, place: dict[str, str], verdict: Mapping[str, str | float]) -> None:
    trackio = _module("trackio")
    config = {"burnish": {**json.loads(place["notes"]), **verdict}}
    trackio.init(project=place["project"], name=place["name"], resume="allow", config=config)
    trackio.log({f"burnish/{name}": value for name, value in verdict.items()})


def _write_texts(folder: Path, place: dict[str, str], notes: Mapping[str, Any]) -> None:
    """Write notes as TensorBoard's texts."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(log_dir=str(folder / place["folder"])) as writer:
        for name, value in notes.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            writer.add_text(f"burnish/{name}", text)


def _tags(notes: Mapping[str, Any]) -> dict[str, str]:
    """Notes as MLflow's tags, which are short texts: a section of the brief is a tag of its own."""
    tags = {}
    for name, value in notes.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, inner in parts:
            text = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
            cut = text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"
            tags[".".join(filter(None, ("burnish", name, part)))] = cut
    return tags


def _close(name: str) -> None:
    """End what a tracker has open; a later run in this process opens its own."""
    if name == "tensorboard":
        return
    module = _module(name)
    if name == "mlflow":
        module.end_run()
    elif name == "wandb" or module.context_vars.current_run.get() is not None:
        module.finish()


def _module(name: str) -> Any:
    return importlib.import_module(name)


_OPEN = {
    "wandb": _open_wandb,
    "mlflow": _open_mlflow,
    "tensorboard": _open_tensorboard,
    "trackio": _open_trackio,
}
_TELL = {
    "wandb": _tell_wandb,
    "mlflow": _tell_mlflow,
    "tensorboard": _tell_tensorboard,
    "trackio": _tell_trackio,
}
