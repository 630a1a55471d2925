"""A workspace that is carried elsewhere to serve: brief, records and tokenizer, but no examples.

Serving proves that the brief renders the prompts of the run's tuning, and needs validation examples
for it. Where they stay behind, the proof is made before: carried.json holds its outcome with the
SHA-256 of all that prompts depend on, so that what was changed since does not count as proved.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from burnish.records import Run
from burnish.store.files import sha256_file

CARRIED = "carried.json"


class Carried(BaseModel):
    """What was proved before a workspace was carried.

    Attributes:
        run: id of the run that is served.
        prompt_hash: of the validation prompts, as the brief and the tokenizer rendered them.
        files: path below the workspace → SHA-256.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    prompt_hash: str
    files: dict[str, str]


def is_proved(folder: Path, run: Run) -> bool:
    """Whether a workspace was carried with a proof of this run's prompts that still holds."""
    try:
        found = Carried.model_validate_json((folder / CARRIED).read_bytes())
    except (OSError, ValidationError):
        return False
    if (found.run, found.prompt_hash) != (run.id, run.prompt_hash):
        return False
    return bool(found.files) and all(
        (folder / name).is_file() and sha256_file(folder / name) == seal
        for name, seal in found.files.items()
    )
