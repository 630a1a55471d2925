"""The command starts fast because it imports nothing heavy: asked of a fresh interpreter."""

import subprocess
import sys

import pytest

HEAVY = (
    "torch", "transformers", "peft", "datasets", "pandas", "numpy", "scipy", "sklearn",
    "matplotlib", "sqlalchemy", "yaml", "rich", "burnish.records", "burnish.pipeline",
)  # fmt: skip


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from burnish.cli.main import main\n"
        f"try:\n    main({arguments})\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('HEAVY', [name for name in {HEAVY} if name in sys.modules])"
    )
    assert python(code).splitlines()[-1] == "HEAVY []"


def test_the_list_of_commands_is_shown_without_pydantic() -> None:
    code = (
        "import sys\n"
        "from burnish.cli.main import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    print('pydantic' in sys.modules)"
    )
    assert python(code).splitlines()[-1] == "False"


def test_help_names_every_command() -> None:
    text = python("from burnish.cli.main import main; main(['--help'])")
    listed = [line.split()[0] for line in text.split("Commands:")[1].strip().splitlines()]
    in_order = ["demo", "init", "run", "data", "base", "train", "evaluate", "export"]
    assert listed[: len(in_order)] == in_order


def test_importing_the_cli_changes_nothing_around_it() -> None:
    code = (
        "import os, sys\n"
        "before = dict(os.environ), sys.excepthook\n"
        "import burnish.cli.main\n"
        "print((dict(os.environ), sys.excepthook) == before)"
    )
    assert python(code).strip() == "True"
