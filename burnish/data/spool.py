"""A spool: lines that may be too many for memory, appended once and then read by place.

Writes an Arrow file without a name in the temporary folder (TMPDIR), which vanishes with the
process however that ends; reads it memory-mapped.
"""

import mmap
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Generic, TypeVar, overload

from pydantic import BaseModel

from burnish.store.files import disk_errors

Line = TypeVar("Line", bound=BaseModel)

_BATCH = 4096
"""Lines of one Arrow record batch."""


class Spool(Sequence[Line], Generic[Line]):
    """Lines of one model. Reading ends the writing of what was appended so far.

    Raises:
        WorkspaceError: the temporary folder is full or cannot be written.
    """

    def __init__(self, model: type[Line]) -> None:
        self._model = model
        self._pending: list[bytes] = []
        self._batches: list[Any] = []
        self._file: IO[bytes] | None = None

    def append(self, line: Line) -> int:
        """Take a line; its place, from 0."""
        self._pending.append(line.model_dump_json().encode())
        if len(self._pending) == _BATCH:
            self._flush()
        return len(self) - 1

    def __len__(self) -> int:
        return len(self._batches) * _BATCH + len(self._pending)

    @overload
    def __getitem__(self, at: int) -> Line: ...
    @overload
    def __getitem__(self, at: slice) -> list[Line]: ...
    def __getitem__(self, at: int | slice) -> Line | list[Line]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        batch, offset = divmod(at % len(self), _BATCH)
        if batch == len(self._batches):
            return self._model.model_validate_json(self._pending[offset])
        return self._model.model_validate_json(self._batches[batch][offset].as_py())

    def _flush(self) -> None:
        """Move a full batch to the file, and keep a view of it."""
        import pyarrow

        with disk_errors(Path(tempfile.gettempdir())):
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the spool
            lines = pyarrow.array(self._pending, type=pyarrow.large_binary())
            batch = pyarrow.record_batch([lines], names=["line"])
            start = self._file.seek(0, 2)
            start += -start % mmap.ALLOCATIONGRANULARITY  # a view may begin on a page alone
            self._file.seek(start)
            with pyarrow.ipc.new_stream(self._file, batch.schema) as stream:
                stream.write_batch(batch)
            self._file.flush()
            size = self._file.tell() - start
            view = mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_READ, offset=start)
        reader = pyarrow.ipc.open_stream(pyarrow.BufferReader(pyarrow.py_buffer(view)))
        self._batches.append(reader.read_next_batch().column(0))
        self._pending = []
