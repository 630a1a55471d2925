"""Around a finished data set: decisions taken over, versions compared, examples exported.

Reads datasets/<id>/; writes decisions.jsonl, and the files that an export names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from burnish.errors import BriefError, DataError
from burnish.pipeline.data import read_reviews
from burnish.pipeline.stepping import task_of
from burnish.records import Change, Dataset, Finding, Review, SplitName
from burnish.store import Workspace, outline, read_split
from burnish.store.files import disk_errors, read_lines, write_bytes, write_lines

if TYPE_CHECKING:
    from burnish.data.review.diff import DatasetDiff

_SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def fix_data(workspace: Workspace, file: Path) -> list[Review]:
    """Take over the decisions that people wrote into a findings.jsonl, or made in another tool.

    They are added to decisions.jsonl, and the next `run_data` applies them.

    Args:
        file: a findings.jsonl with `decision` filled in, or what Prodigy or Label Studio exports of
            the tasks that `export_data` wrote.

    Raises:
        DataError: listing every decision that cannot be taken over, with its line.
    """
    from burnish.data.review.decisions import merged, taken_over

    with workspace.locked():
        dataset = _newest(workspace)
        if not file.is_file():
            raise DataError(
                f"There is no file {file}.",
                hint=f"fill in {workspace.path(dataset, 'findings.jsonl')}, or a copy of it, and "
                "name that",
            )
        with disk_errors(file):
            text = file.read_text(encoding="utf-8", errors="replace")
        known = {finding.ids[0] for finding in _findings(workspace, dataset) if finding.ids}
        known |= {e.id for name in _SPLITS for e in outline(workspace, dataset, name)}
        new = taken_over(text, known, dataset.labels, name=str(file))
        write_lines(workspace.decisions, merged(read_reviews(workspace), new))
        return new


def diff_data(workspace: Workspace, older: str, newer: str) -> "DatasetDiff":
    """What changed between two versions of the data set, named by their ids.

    Of the test split no text is read, only whether texts differ.
    """
    from burnish.data.review.diff import diff

    one, other = (
        {name: outline(workspace, dataset, name) for name in ("test",)}
        | {name: read_split(workspace, dataset, name) for name in ("train", "validation")}
        for dataset in (_named(workspace, older), _named(workspace, newer))
    )
    return diff(one, other)


def export_data(
    workspace: Workspace, output: Path, *, format: str, split: str = "train"
) -> list[Path]:
    """Write a split as another tool reads it; the paths of the files written.

    Beside Label Studio's tasks stands the configuration of their interface.

    Raises:
        BriefError: there is no such format or split. SealError: the test split was asked for.
        DataError: there is no data set yet, or no example to write.
    """
    from burnish.data.review.export import ExportFormat, export_files

    formats: tuple[ExportFormat, ...] = get_args(ExportFormat)
    chosen = next((known for known in formats if known == format), None)
    if chosen is None or split not in _SPLITS:
        raise BriefError(
            f"There is no {'split ' + split if chosen else 'format ' + format}.",
            hint=f"choose a format of {', '.join(formats)}, and --split train or validation",
        )
    task, dataset = task_of(workspace), _newest(workspace)
    wanted: Literal["train", "validation"] = split  # type: ignore[assignment]  # the seal refuses test
    examples = read_split(workspace, dataset, wanted)
    contents = export_files(task, dataset, examples, chosen).values()
    paths = [output, output.with_suffix(".xml")][: len(contents)]
    for path, content in zip(paths, contents, strict=True):
        write_bytes(path, content)
    return paths


def read_changes(workspace: Workspace) -> Iterator[Change]:
    """Every text of the newest data set that cleaning or masking changed."""
    yield from read_lines(workspace.path(_newest(workspace), "changes.jsonl"), Change)


def _findings(workspace: Workspace, dataset: Dataset) -> list[Finding]:
    return read_lines(workspace.path(dataset, "findings.jsonl"), Finding)


def _newest(workspace: Workspace) -> Dataset:
    found = [one for one in workspace.records(Dataset) if one.status == "complete"]
    if not found:
        raise DataError(f"{workspace.folder} holds no data set yet.", hint="burnish data")
    return found[-1]


def _named(workspace: Workspace, name: str) -> Dataset:
    found = [one for one in workspace.records(Dataset) if one.status == "complete"]
    for dataset in found:
        if dataset.id == name:
            return dataset
    held = ", ".join(dataset.id for dataset in found) or "none"
    raise DataError(
        f"There is no data set {name}; complete ones: {held}.", hint="name two of these"
    )
