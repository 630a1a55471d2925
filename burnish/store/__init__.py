"""The workspace on disk: atomic files, paths, records, the sealed test split, the database."""

from burnish.store.seal import open_test, outline, read_split
from burnish.store.workspace import Workspace

__all__ = ["Workspace", "open_test", "outline", "read_split"]
