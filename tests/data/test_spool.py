"""Spools: what is appended comes back, over the borders of batches, and leaves no file behind."""

import tempfile
from pathlib import Path

import pytest

from burnish.data.spool import _BATCH, Spool
from burnish.errors import WorkspaceError
from burnish.records import Message


def message(number):
    return Message(role="user", content=f"line {number} \u2028 é")


@pytest.mark.parametrize("count", [0, 1, _BATCH - 1, _BATCH, _BATCH + 1, 2 * _BATCH + 7])
def test_lines_come_back_in_order(count):
    spool = Spool(Message)
    assert [spool.append(message(at)) for at in range(count)] == list(range(count))
    assert len(spool) == count
    assert list(spool) == [message(at) for at in range(count)]


def test_lines_are_read_by_place_and_more_can_be_appended():
    spool = Spool(Message)
    for at in range(_BATCH + 3):
        spool.append(message(at))
    assert spool[_BATCH - 1] == message(_BATCH - 1)
    assert spool[-1] == message(_BATCH + 2)
    assert spool[_BATCH - 1 : _BATCH + 1] == [message(_BATCH - 1), message(_BATCH)]
    spool.append(message(99))
    assert spool[_BATCH + 3] == message(99)
    with pytest.raises(IndexError):
        spool[_BATCH + 4]


def test_no_file_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = Spool(Message)
    for at in range(_BATCH):
        spool.append(message(at))
    assert list(tmp_path.iterdir()) == []
    assert spool[0] == message(0)


def test_a_folder_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    spool = Spool(Message)
    for at in range(_BATCH - 1):
        spool.append(message(at))
    with pytest.raises(WorkspaceError, match="absent"):
        spool.append(message(_BATCH))
    assert not Path(tmp_path / "absent").exists()
