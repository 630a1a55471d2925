"""The adapter form: what training wrote, naming its base instead of a path of this machine."""

import json
import shutil
from pathlib import Path

from burnish.store.files import write_text


def write_adapter(weights: Path, folder: Path, *, base: str) -> None:
    """Copy an adapter.

    Args:
        base: what the adapter goes over, as its settings should name it.
    """
    shutil.copytree(weights, folder, dirs_exist_ok=True)
    path = folder / "adapter_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = base
    write_text(path, json.dumps(settings, indent=2, sort_keys=True) + "\n")
