"""The folder of a deployment: its files, a README with what to type, and plan.json.

Everything is written beside the folder first and takes its place in one rename, so that there is
never half of it.
"""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from burnish.deploy.rendering import render
from burnish.deploy.targets import TARGETS
from burnish.errors import DeployError
from burnish.records.deploy_plan import DeployPlan
from burnish.store.files import disk_errors, write_bytes

PLAN = "plan.json"
_CONSTRAINTS = "constraints.txt"
_WHEEL = (
    "Burnish's wheel is in {folder}wheels: python -m pip wheel --no-deps --wheel-dir "
    "{folder}wheels PATH-OF-BURNISH."
)
_KEYS = (
    "Callers send the key as a bearer token; burnish keys lists and revokes keys. The gateway "
    "listens where others can reach it only once its database holds a key."
)
_NO_GATEWAY = (
    "Clients ask the engine itself here, with the whole prompt. To have the brief's prompt "
    "rendered, keys checked and traffic logged, run burnish serve --engine "
    "openai-compatible:URL:MODEL in front of it."
)


def make_files(plan: DeployPlan, carried: dict[str, bytes]) -> tuple[DeployPlan, dict[str, bytes]]:
    """All files of a plan, and the plan with their names and the commands.

    Args:
        carried: path → content of what the gateway's image has in its workspace.

    Raises:
        DeployError: the target has no machine for the model.
    """
    target = TARGETS[plan.target]
    texts = dict(target.files(plan))
    files: dict[str, bytes] = {}
    before = list(target.before)
    if image := next((name for name in texts if name.endswith(_CONSTRAINTS)), ""):
        folder = image.removesuffix(_CONSTRAINTS)
        files |= {f"{folder}workspace/{name}": content for name, content in carried.items()}
        before = [_WHEEL.format(folder=folder), *before]
    commands = target.commands(plan)
    plan = plan.model_copy(
        update={"commands": tuple(line for _, lines in commands for line in lines)}
    )
    texts["README.md"] = render(
        "shared/README.md.jinja",
        **{
            **dict(plan),
            "title": target.title,
            "before": before,
            "commands": [{"why": why, "lines": lines} for why, lines in commands],
            "after": _KEYS if target.gateway else _NO_GATEWAY,
        },
    )
    files |= {name: text.encode() for name, text in texts.items()}
    sizes = {name: len(content) for name, content in sorted(files.items())}
    plan = plan.model_copy(update={"files": sizes})
    files[PLAN] = (plan.model_dump_json(indent=2) + "\n").encode()
    return plan, files


def refuse_full(output: Path, *, force: bool) -> None:
    """Raise DeployError where the output is a file, or a folder with something in it.

    Args:
        force: replace a folder that an earlier deployment wrote.
    """
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise DeployError(f"{output} is no folder.", hint="name a new folder with --output")
    if not output.is_dir() or not any(output.iterdir()):
        return
    if not force:
        raise DeployError(
            f"{output} is not empty.", hint="name a new folder with --output, or add --force"
        )
    if not (output / PLAN).is_file():
        raise DeployError(
            f"{output} holds files that burnish deploy did not write ({PLAN} is missing), so it is "
            "not replaced.",
            hint="name a new folder with --output",
        )


def write_files(files: dict[str, bytes], output: Path) -> None:
    """Write all files or none; a folder that stands is replaced by a whole one."""
    output = output.absolute()
    with disk_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}."))
        old = staging.with_name(f"{staging.name}.old")
        try:
            for name, content in files.items():
                write_bytes(staging / name, content)
            staging.chmod(0o755)
            if output.exists():
                output.replace(old)
            try:
                staging.replace(output)
            except OSError:
                if old.exists():
                    old.replace(output)
                raise
        finally:
            with suppress(OSError):
                shutil.rmtree(staging)
            with suppress(OSError):
                shutil.rmtree(old)
