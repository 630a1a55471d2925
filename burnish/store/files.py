"""Files that are whole or absent: every write goes to a temporary name first, then is renamed.

A full disk, a read-only folder and the like become a WorkspaceError with one clear message.
"""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar

from pydantic import BaseModel, ValidationError

from burnish.errors import WorkspaceError

Line = TypeVar("Line", bound=BaseModel)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8; the file is replaced at once or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data`; the file is replaced at once or not at all; `mode` is who may read it."""
    with _replacing(path, mode) as file:
        file.write(data)


@contextmanager
def _replacing(path: Path, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """A file to write into, which takes the place of `path` when all went well."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise


def write_lines(path: Path, lines: Iterable[BaseModel]) -> None:
    """Write one JSON object a line; the file is replaced at once or not at all."""
    with _replacing(path) as file:
        file.writelines(line.model_dump_json().encode() + b"\n" for line in lines)


def read_lines(path: Path, model: type[Line], *, most: int | None = None) -> list[Line]:
    """Read a JSONL file that Burnish wrote, or its first `most` lines.

    Raises:
        WorkspaceError: the file is missing or a line is not what it should be.
    """
    lines: list[Line] = []
    number = 0
    try:
        with path.open("rb") as file:
            for line in islice(file, most):
                number += 1
                if line.strip():
                    lines.append(model.model_validate_json(line))
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise WorkspaceError(
            f"{path}, line {number}, is not a {model.__name__}: it was changed by hand.",
            hint="repeat the step that made it with --force",
        ) from error
    return lines


def count_lines(path: Path) -> int:
    """Lines of a file that Burnish wrote."""
    with disk_errors(path), path.open("rb") as file:
        return sum(1 for _ in file)


def read_finished_lines(path: Path, model: type[Line]) -> list[Line]:
    """Read a JSONL file that may have been cut off in the middle of its last line."""
    if not path.exists():
        return []
    lines: list[Line] = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            lines.append(model.model_validate_json(line))
        except ValidationError:
            break
    return lines


def append_lines(path: Path, lines: Iterable[BaseModel]) -> None:
    """Append one JSON object a line and bring it to disk."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write("".join(line.model_dump_json() + "\n" for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())


def sha256_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with disk_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_tree(folder: Path) -> dict[str, str]:
    """SHA-256 of every file under `folder`, by path relative to it, in sorted order."""
    return {
        str(path.relative_to(folder)): sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into one clear message."""
    try:
        yield
    except OSError as error:
        raise WorkspaceError(*_explain(path, error)) from error


def _explain(path: Path, error: OSError) -> tuple[str]:
    safe = "Nothing that stood is lost."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (f"The disk is full: {path} could not be written. {safe}",)
    if error.errno == errno.EFBIG:
        reason = "it is larger than this system lets a file be"
        return (f"{path} could not be written: {reason}. {safe}",)
    return (f"{path} could not be read or written: {error.strerror or error}.",)
