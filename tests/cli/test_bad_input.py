"""What users get wrong: every mistake ends with code 2, one clear message and nothing half-written.

And what only looks wrong: odd but sound files must come through to a data set.
"""

import io
import json
import os
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from small_disk import mounted

from burnish.cli.main import QUIET_LIBRARIES, main
from burnish.records import Dataset
from burnish.store import Workspace

LABELS = ("billing", "delivery", "access")
ROWS = [(f"my order {i} came {i * 7} days late", LABELS[i % 3]) for i in range(90)]
BRIEF = """\
name: tickets
kind: classify
metric: macro_f1
data:
  source: {source}
  inputs: [text]
  output: label
"""
OWN = """\
name: tickets
kind: classify
metric: macro_f1
data:
  train: {train}
  test: {test}
  inputs: [text]
  output: label
"""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for key in (*QUIET_LIBRARIES, "BURNISH_DEBUG"):
        monkeypatch.setenv(key, "")  # so that teardown removes what main() sets
        monkeypatch.delenv(key)
    monkeypatch.chdir(tmp_path)


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def burnish(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command: its exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return int(end.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def refused(burnish: Call) -> Callable[..., str]:
    """Run a command that must be refused with these words, and leave everything as it was."""

    def call(*arguments: object, says: tuple[str, ...], then: str = "Next: ") -> str:
        before = files()
        code, out, err = burnish(*arguments)
        assert code == 2, err
        assert out == ""
        assert "Traceback" not in err
        assert sum(line.startswith("Error: ") for line in err.splitlines()) == 1
        assert then in err
        assert not [word for word in says if word not in err], err
        assert max(map(len, err.splitlines())) < 500
        assert files() == before
        assert not list(Path().glob("**/datasets/*"))
        return err

    return call


def files() -> dict[str, bytes]:
    """Path → content of every file in the folder but the locks."""
    found = (path for path in Path().rglob("*") if path.is_file() and path.name != ".burnish.lock")
    return {str(path): path.read_bytes() for path in found}


def csv(rows: list[tuple[str, str]] = ROWS, header: str = "text,label") -> str:
    return "\n".join([header, *(f"{text},{label}" for text, label in rows)]) + "\n"


def write(name: str, content: str | bytes) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("examples.csv", csv())
    return buffer.getvalue()


def with_empty(n: int) -> str:
    return csv([(text, "" if i < n else label) for i, (text, label) in enumerate(ROWS)])


ACCENTS = csv([(f"{text} Größe", label) for text, label in ROWS])
UNREADABLE = {
    "empty": ("", "is empty", "CSV"),
    "blank": ("\n \n\n", "is empty", "CSV"),
    "mark alone": (b"\xef\xbb\xbf", "is empty", "CSV"),
    "header alone": ("text,label\n", "columns (text, label) but no rows", "at least one row"),
    "picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(99), "is a PNG image", "expected CSV"),
    "archive": (zipped(), "is a zip archive", "Unpack it first"),
    "noise": (bytes(range(256)) * 9, "is a binary file", "expected CSV"),
    "UTF-16LE": (csv().encode("utf-16-le"), "UTF-16 text without", "iconv -f UTF-16LE"),
    "UTF-16BE": (csv().encode("utf-16-be"), "UTF-16 text without", "iconv -f UTF-16BE"),
    "broken UTF-8": (
        ACCENTS[:600].encode() + b"\xff\xfe\xc3" + ACCENTS[600:].encode(),
        "is not UTF-8", "line ", "byte 0xff", "iconv",
    ),
    "ambiguous": (
        csv([(f"{text} \xcf\xd0\xc8", label) for text, label in ROWS]).encode("koi8-r", "replace")
        + "\xe0\xc1,ac\n".encode("latin-1") + bytes([0x81, 0x8D, 0x8F]) + b",x\n",
        "no other encoding fits it beyond doubt", "iconv",
    ),
    "ragged": (csv() + "a,b,c\nd\n", "row 91 (line 92): 3 cells", "row 92 (line 93): 1 cells"),
    "open quote": (csv() + '"never closed,x\n' + csv(), "row 91 (line 92): a quote is opened"),
    "two of a name": (csv(header="text,text"), "columns 1, 2 are all named 'text'"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read(refused: Callable[..., str], name: str) -> None:
    content, *says = UNREADABLE[name]
    write("in/data.csv", content)
    refused("init", "in/data.csv", "-w", "new", says=("in/data.csv", *says))
    write("ws/burnish.yaml", BRIEF.format(source="../in/data.csv"))
    refused("data", "-w", "ws", says=("in/data.csv", *says))


def test_a_file_that_is_not_there(refused: Callable[..., str]) -> None:
    write("in/tickets.csv", csv())
    write("burnish.yaml", BRIEF.format(source="in/tikets.csv"))
    meant = ("There is no file in/tikets.csv", "Did you mean in/tickets.csv?")
    refused("data", says=meant)
    refused("run", "--json", says=meant)
    refused("init", "in/tikets.csv", "-w", "new", says=meant)
    refused("init", "in/zzz", "-w", "new", says=("no file in/zzz", "in holds tickets.csv"))
    refused("init", "on/tickets.csv", "-w", "new", says=("the folder on does not exist",))
    refused("init", "in", "-w", "new", says=("in is a folder", "Name a file: in/tickets.csv"))
    refused("init", "", "-w", "new", says=("neither a file nor a folder",))
    refused("init", "x" * 300, "-w", "new", says=("cannot be read: File name too long",))


def test_a_path_too_long_in_the_brief(refused: Callable[..., str]) -> None:
    write("burnish.yaml", BRIEF.format(source="x" * 300 + ".csv"))
    refused("data", says=("File name too long",), then="Error: ")


UNUSABLE = {
    "one column": (
        "text\n" + "".join(f"{text}\n" for text, _ in ROWS),
        ("has one column, 'text'", "add the column of answers"),
        ('no column "label" (data.output)', 'it has "text"'),
    ),
    "no answer at all": (
        with_empty(90),
        ("No column looks like the answer", "label: empty", "a column of their own"),
        ("90 of the 90 rows", "90 empty answer", "data.csv row 1: empty answer", "and 7"),
    ),
    "the same answer everywhere": (
        csv([(text, "late") for text, _ in ROWS]),
        ("No column looks like the answer", "label: text, 1 distinct in 90 rows"),
        ('All 90 examples have the one label "late"', "name another column as `output`"),
    ),
    "too many empty answers": (
        with_empty(10), (), ("10 of the 90 rows", "at most 10% may", "row 10: empty answer"),
    ),
    "three examples": (
        csv(ROWS[:3]), (), ("3 usable examples were found; at least 50 are needed", "6 are the le"),
    ),
    "a label seen once": (
        csv([*ROWS, ("a single one", "lonely")]), (),
        ('"lonely": 1 (', "data.csv row 91)", "merge these labels"),
    ),
    "a huge cell": (
        csv([*ROWS, ("x" * 100_000, "billing")]), (),
        ('row 91, column "text": 100,000 characters', "1 cell of", "longer than 50,000"),
    ),
    "a huge label": (
        csv([*ROWS, ("x", "y" * 100_000)]), (),
        ('row 91, column "label": 100,000 characters', "… (100,000 characters)"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSABLE)
def test_examples_that_cannot_be_used(
    burnish: Call, refused: Callable[..., str], name: str
) -> None:
    content, proposing, building = UNUSABLE[name]
    write("in/data.csv", content)
    if proposing:
        refused("init", "in/data.csv", "-w", "new", says=proposing)
        write("ws/burnish.yaml", BRIEF.format(source="../in/data.csv"))
    else:
        assert burnish("init", "in/data.csv", "-w", "ws")[0] == 0
    refused("data", "-w", "ws", says=building)
    refused("run", "-w", "ws", "--json", says=building)


BRIEFS = {
    "unknown columns": (
        BRIEF.format(source="data.csv").replace("text", "txt").replace("label", "lable"),
        'no column "txt" (data.inputs); nearest: "text"', 'no column "lable"', '"text", "label"',
    ),
    "unknown keys": (
        BRIEF.format(source="data.csv") + "  lables: [a]\ntrian: {epochs: 3}\n",
        "burnish.yaml has 2 faults", "line 8: `data.lables` is unknown; did you mean `data.labels`",
        "line 9: `trian` is unknown; did you mean `train`?",
    ),
    "many faults": (
        "name: my tickets\nkind: clasify\ndata:\n  source: data.csv\n  inputs: [text]\n"
        "  output: label\n  test_fraction: 2\ntrain: {epochs: no, learning_rate: fast}\n"
        "pass_mark: {at_least: 3, over: null}\n",
        "has 7 faults", "line 1: `name`", "Did you mean classify?", "`metric` is missing",
        "line 7: `data.test_fraction` is 2; expected less than 1", "`train.epochs` is false",
        "`train.learning_rate` is 'fast'; expected a number", "a score that cannot be reached",
    ),
    "no YAML": (
        BRIEF.format(source="[data.csv"), "is not YAML", "line 6, column 9", "mend burnish.yaml",
    ),
    "a tab": (
        BRIEF.format(source="data.csv").replace("  inputs", "\tinputs"), "line 6, column 1: a tab",
    ),
    "nothing": ("", "burnish.yaml is empty", "burnish init FILE"),
    "a list": ("- a\n- b\n", "is a list", "expected keys and values"),
    "no text": (b"\x89PNG\0\0", "is not UTF-8 text"),
    "the same file twice": (
        OWN.format(train="data.csv", test="./data.csv"), "line 6", "are the same file",
    ),
    "a copy as test": (
        OWN.format(train="data.csv", test="copy.csv"),
        "Nothing is left of the train file", "(90 also in test)",
    ),
    "ids in both files": (
        OWN.format(train="a.csv", test="b.csv") + "  id: id\n",
        'The id column "id" does not name each example: 30 of its values',
        '"11": ', "a.csv row 12, ", "b.csv row 12", "and 10 more", "leave out `id`",
    ),
    "no columns named": (
        "name: t\nkind: classify\nmetric: accuracy\ndata: {source: data.csv}\n",
        "`data.inputs` is missing", "`data.output` is missing",
    ),
    "labels nobody has": (
        BRIEF.format(source="data.csv") + "  labels: [biling, access]\n",
        '"biling"; nearest: "billing"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BRIEFS)
def test_a_brief_that_cannot_be_followed(refused: Callable[..., str], name: str) -> None:
    content, *says = BRIEFS[name]
    for copy in ("data.csv", "copy.csv"):
        write(copy, csv())
    numbered = [f"{i},{text},{label}\n" for i, (text, label) in enumerate(ROWS)]
    write("a.csv", "id,text,label\n" + "".join(numbered))
    write("b.csv", "id,text,label\n" + "".join(line.replace("my", "a") for line in numbered[:30]))
    write("burnish.yaml", content)
    refused("data", says=tuple(says))
    refused("run", "--json", says=tuple(says))


@pytest.mark.parametrize("command", ["run", "data", "base", "train", "evaluate"])
def test_no_brief(refused: Callable[..., str], command: str) -> None:
    refused(command, says=("There is no brief at burnish.yaml", "burnish init FILE, where"))
    says = ("There is no brief at my ws/burnish.yaml", "burnish init FILE --workspace 'my ws'")
    refused(command, "--json", "-w", "my ws", says=says)


def test_a_brief_is_not_replaced_without_force(refused: Callable[..., str], burnish: Call) -> None:
    write("data.csv", csv())
    write("burnish.yaml", "name: mine\n")
    for more in ([], ["--json"], ["--yes"]):
        refused("init", "data.csv", *more, says=("burnish.yaml stands already", "--force"))
    assert burnish("init", "data.csv", "--force")[0] == 0
    assert b"source: data.csv" in files()["burnish.yaml"]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--set", "nonsense"], ["'nonsense': expected KEY=VALUE", "--set train.r=8"]),
        (["--set", "=3"], ["'=3': expected KEY=VALUE"]),
        (["--set", "train.r=[1"], ["is not YAML"]),
        (["--set", "train.rr=8"], ["`train.rr` is unknown; did you mean `train.r`?"]),
        (["--set", "train=3"], ["`train` is a section"]),
        (["--set", "train.r=abc"], ["`train.r` is 'abc'; expected a whole number"]),
        (["--set", "train.r=-1", "--epochs", "0"], ["`train.r` is -1", "`train.epochs` is 0"]),
        (["--set", "data.inputs=3"], ["`data.inputs` is 3; expected a list"]),
        (["--set", "data.output=[1, 2]"], ["`data.output[1]` is 1; expected text"]),
        (["--set", "data.source=other.csv"], ["`data.source` is the file that is read"]),
        (["--set", "prompt.system={a: b}"], ["`prompt.system` is a section"]),
        (["--kind", "clasify"], ["`kind` is 'clasify'", "Did you mean classify?"]),
        (["--metric", "bleu"], ["`metric` is bleu, which does not measure classify"]),
        (["--inputs", "txt"], ["has no column 'txt'", "did you mean 'text'?"]),
        (["--output", "lable"], ["has no column 'lable'", "did you mean 'label'?"]),
        (["--labels", "access,biling"], ["no row has the label 'biling'; did you mean 'billing'"]),
        (["--name", "my task"], ["`name` is 'my task'", "without spaces"]),
        (["--over", "gpt"], ["`pass_mark.over` is 'gpt'; expected zero-shot"]),
    ],
)
def test_flags_that_make_no_sense(
    refused: Callable[..., str], flags: list[str], says: list[str]
) -> None:
    write("data.csv", csv())
    refused("init", "data.csv", *flags, "--json", says=tuple(says))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rnu"], ["No such command 'rnu'", "Did you mean 'run'?"]),
        (["run", "--wings"], ["No such option: --wings"]),
        (["run", "data.csv"], ["unexpected extra argument"]),
        (["init", "data.csv", "--epochs", "three"], ["--epochs", "integer"]),
        (["init", "--test", "data.csv"], ["stand without --train"]),
        (["init"], ["No file of examples is named", "burnish init FILE"]),
    ],
)
def test_command_lines_that_make_no_sense(
    refused: Callable[..., str], arguments: list[str], says: list[str]
) -> None:
    write("data.csv", csv())
    refused(*arguments, says=tuple(says), then="burnish")


def test_the_same_file_as_train_and_test(refused: Callable[..., str]) -> None:
    write("data.csv", csv())
    says = ("`data.train` and `data.test` are the same file",)
    refused("init", "--train", "data.csv", "--test", "./data.csv", says=says)


@pytest.mark.parametrize("arguments", [["run"], ["data", "--json"], ["init", "data.csv"]])
@pytest.mark.parametrize("place", ["file", "file/inside"])
def test_a_workspace_that_is_a_file(
    refused: Callable[..., str], arguments: list[str], place: str
) -> None:
    write("data.csv", csv())
    write("file", "mine")
    refused(*arguments, "-w", place, says=("is not a folder", "--workspace"))


def test_two_commands_in_one_workspace(refused: Callable[..., str]) -> None:
    write("data.csv", csv())
    write("burnish.yaml", BRIEF.format(source="data.csv"))
    with Workspace(".").locked():
        for command in ("data", "run", "base"):
            refused(command, says=("Another burnish command is working in", "wait for it"))


def test_a_record_that_is_damaged(burnish: Call) -> None:
    write("data.csv", csv())
    write("burnish.yaml", BRIEF.format(source="data.csv"))
    for damaged in (b"\xff\0", b"{}", b""):
        write("datasets/abc/record.json", damaged)
        code, out, err = burnish("data", "--json")
        assert (code, out) == (2, "")
        assert "abc/record.json is not a record" in err
        assert "move datasets/abc away" in err


# Disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB of its own."""
    with mounted(tmp_path / "disk", "512k") as folder:
        yield folder


def test_a_disk_that_fills_up(burnish: Call, small_disk: Path) -> None:
    write("data.csv", csv([(f"{text} and so on" * 9, label) for text, label in ROWS * 40]))
    write("disk/burnish.yaml", BRIEF.format(source="../data.csv"))
    code, out, err = burnish("data", "-w", "disk", "--json")
    assert (code, out) == (2, "")
    assert "The disk is full: disk/datasets/" in err
    assert not [left for left in Workspace("disk").records(Dataset) if left.status == "complete"]
    assert not list(small_disk.glob("**/.*.jsonl.*"))
    brief = files()["disk/burnish.yaml"]
    with suppress(OSError):
        write("disk/rest", bytes(1 << 20))
    code, out, err = burnish("init", "data.csv", "-w", "disk", "--force")
    assert (code, out) == (2, "")
    assert "The disk is full: disk/burnish.yaml" in err
    assert files()["disk/burnish.yaml"] == brief
    (small_disk / "rest").unlink()
    write("data.csv", csv())
    code, _, err = burnish("data", "-w", "disk", "--quiet")
    assert code == 0, err


def test_a_file_larger_than_the_limit() -> None:
    write("data.csv", csv())
    write("burnish.yaml", BRIEF.format(source="data.csv"))

    def limited(most: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from burnish.cli.main import main; main()", "data", "--json"],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = limited(8_000)
    assert (done.returncode, done.stdout) == (2, "")
    assert "train.jsonl could not be written: it is larger than" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [left for left in Workspace(".").records(Dataset) if left.status == "complete"]
    assert not list(Path().glob("datasets/**/.*"))


def test_a_workspace_that_may_only_be_read(
    refused: Callable[..., str], request: pytest.FixtureRequest
) -> None:
    write("data.csv", csv())
    folder = write("disk/burnish.yaml", BRIEF.format(source="../data.csv")).parent
    folder.chmod(0o555)
    if os.access(folder, os.W_OK):
        shutil.rmtree(folder)
        folder = request.getfixturevalue("small_disk")
        write("disk/burnish.yaml", BRIEF.format(source="../data.csv"))
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        for command in (["data"], ["run", "--json"], ["init", "data.csv", "--force"]):
            refused(*command, "-w", "disk", says=("disk", "could not be"), then="ead")
        refused("init", "data.csv", "-w", "disk/new", says=("disk/new",), then="ead")
    finally:
        if not os.path.ismount(folder):
            folder.chmod(0o755)


# Base models


@pytest.fixture
def workspace() -> Callable[[str], None]:
    """A workspace whose brief names a base."""

    def make(base: str) -> None:
        write("data.csv", csv())
        write("burnish.yaml", BRIEF.format(source="data.csv") + f"base: {base}\n")

    return make


def no_base(burnish: Call) -> str:
    """The message of `burnish base`, after which no record looks finished."""
    code, out, err = burnish("base", "--json")
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert sum(line.startswith("Error: ") for line in err.splitlines()) == 1
    assert "Next: " in err
    for record in Path("bases").glob("*/record.json"):
        assert json.loads(record.read_bytes())["status"] == "failed"
    return err


def test_bases_that_cannot_be_used(burnish: Call, workspace: Callable[[str], None]) -> None:
    pickle = b"\x80\x02}q\0."
    for name in ("pickled/config.json", "mixed/config.json"):
        write(name, "{}")
    for name in ("pickled/pytorch_model.bin", "mixed/pytorch_model.bin"):
        write(name, pickle)
    for name in ("mixed/model.safetensors", "bare/model.safetensors"):
        write(name, bytes(8))
    write("notes.txt", "no model")
    write("fake.gguf", "no model")
    wrong = {
        "./pickled": "holds pytorch_model.bin: such files can run code",
        "mixed": "holds pytorch_model.bin: such files can run code",
        "bare": "bare is not a model folder: config.json",
        "notes.txt": "notes.txt is neither a model folder nor a GGUF file",
        "./nowhere": "./nowhere is neither a model folder nor a GGUF file",
        "fake.gguf": "fake.gguf cannot be read as a GGUF model",
        "gpt5": "There is no base model called 'gpt5'",
        "a/b/c": "There is no base model called 'a/b/c'",
    }
    for base, says in wrong.items():
        workspace(base)
        assert says in no_base(burnish)


@pytest.mark.parametrize("offline", [True, False])
def test_a_hub_that_cannot_be_reached(
    burnish: Call,
    refused: Callable[..., str],
    workspace: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    offline: bool,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    says = ("There is no file nobody/nothing", "the hub cannot be reached")
    refused("init", "nobody/nothing", "-w", "new", says=says)
    workspace("nobody/nothing")
    said = no_base(burnish)
    assert "nobody/nothing is not in the hub's cache" in said
    assert ("HF_HUB_OFFLINE is set" in said) == offline
    assert time.monotonic() - began < 15


# Odd, but sound


def excel() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in [("text", "label"), *ROWS]:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def parquet() -> bytes:
    import pyarrow
    import pyarrow.parquet

    texts, labels = zip(*ROWS, strict=True)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": labels}), buffer)
    return buffer.getvalue()


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def turns(role: str, user: str, model: str, content: str) -> list[list[dict[str, str]]]:
    return [
        [{role: user, content: text}, {role: model, content: f"Sorry, {label}."}]
        for text, label in ROWS
    ]


TEXT = ROWS[0][0]
SOUND = {
    "mark and CRLF": (
        "data.csv",
        b"\xef\xbb\xbftext,label\r\n"
        + "".join(f'"{text},\r\n""so"" on",{label}\r\n' for text, label in ROWS).encode(),
        {"text": f'{TEXT},\n"so" on'},
    ),
    "semicolons": (
        "data.csv", csv([(f"{text}, or so", label) for text, label in ROWS], "text,label")
        .replace(",billing", ";billing").replace(",delivery", ";delivery")
        .replace(",access", ";access").replace("text,label", "text;label"),
        {"text": f"{TEXT}, or so"},
    ),
    "tabs": ("data.tsv", csv().replace(",", "\t"), {"text": TEXT}),
    "UTF-16": ("data.csv", ACCENTS.encode("utf-16"), {"text": f"{TEXT} Größe"}),
    "Latin-1": ("data.csv", ACCENTS.encode("latin-1"), {"text": f"{TEXT} Größe"}),
    "Excel": ("data.xlsx", excel, {"text": TEXT}),
    "Parquet": ("data.parquet", parquet, {"text": TEXT}),
    "nested answers": (
        "data.json",
        json.dumps([{"text": text, "answer": {"kind": label, "lines": [{"n": 1}, {"n": None}]}}
                    for text, label in ROWS]),
        {"text": TEXT},
    ),
    "right to left": (
        "data.csv", csv([(f"شاشة مكسورة {i}", ("فاتورة", "توصيل")[i % 2]) for i in range(90)]),
        {"text": "شاشة مكسورة 0"},
    ),
    "emoji": (
        "data.csv", csv([(f"👩‍👩‍👧‍👦 broken {i} 🖨️", "😀😡"[i % 2]) for i in range(90)]),
        {"text": "👩‍👩‍👧‍👦 broken 0 🖨️"},
    ),
    "an odd name": ("data.csv", csv(header='"my {text} ""here"", now",label'),
                    {'my {text} "here", now': TEXT}),
    "a name of braces": ("data.csv", csv(header="{a}},label"), {"{a}}": TEXT}),
    "a name of the brief": ("data.csv", csv(header="data,label"), {"data": TEXT}),
    "a name that is YAML": ("data.csv", csv(header="- null: # yes,label"), {"- null: # yes": TEXT}),
    "rows twice": ("data.csv", csv(ROWS + ROWS[:30]), {"text": TEXT}),
    "OpenAI chats": (
        "data.jsonl",
        jsonl([{"messages": m} for m in turns("role", "user", "assistant", "content")]),
        {},
    ),
    "ShareGPT": (
        "data.json",
        json.dumps([{"conversations": m} for m in turns("from", "human", "gpt", "value")]),
        {},
    ),
    "Alpaca": (
        "data.json",
        json.dumps([{"instruction": "Be polite.", "input": text, "output": f"Please, {text}"}
                    for text, _ in ROWS]),
        {"input": TEXT},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_odd_but_sound_files(burnish: Call, name: str) -> None:
    file, content, inputs = SOUND[name]
    write(f"in/{file}", content() if callable(content) else content)
    code, _, err = burnish("init", f"in/{file}", "-w", "ws", "--json")
    assert code == 0, err
    code, out, err = burnish("data", "-w", "ws", "--json")
    assert code == 0, err
    made = Dataset.model_validate_json(out)
    assert sum(split.n for split in made.splits.values()) == 90
    assert made.dropped == ({"exact duplicate": 30} if name == "rows twice" else {})
    examples = [
        json.loads(line)
        for split in made.splits.values()
        for line in Workspace("ws").path(made, split.file).read_text("utf-8").splitlines()
    ]
    if inputs:
        assert inputs in [example["inputs"] for example in examples if example["row"] in (1, 91)]
    else:
        assert {example["history"][0]["role"] for example in examples} == {"user"}
        assert all(example["answer"].startswith("Sorry, ") for example in examples)
    if name == "Latin-1":
        assert any("read as cp1252" in sentence for sentence in made.advice)


def test_two_thousand_rows_with_150_labels(burnish: Call) -> None:
    write(
        "data.csv",
        csv([(f"order {i} came {i * 7} days late", f"topic {i % 150}") for i in range(2000)]),
    )
    assert burnish("init", "data.csv", "--json")[0] == 0
    code, out, err = burnish("data", "--json")
    assert code == 0, err
    made = Dataset.model_validate_json(out)
    assert len(made.labels) == 150
    assert sum(split.n for split in made.splits.values()) == 2000
    assert all(len(split.labels) == 150 for split in made.splits.values())


def test_what_the_reader_noted_reaches_the_user(burnish: Call) -> None:
    write("data.csv", ACCENTS.encode("latin-1"))
    _, out, _ = burnish("init", "data.csv")
    assert "Advice: data.csv: The text is not UTF-8; it was read as cp1252." in out


def test_a_workspace_behind_a_link(burnish: Call) -> None:
    write("data.csv", csv())
    Path("far/away").mkdir(parents=True)
    Path("link").symlink_to("far/away")
    assert burnish("init", "data.csv", "-w", "link", "--quiet")[0] == 0
    code, _, err = burnish("data", "-w", "link", "--quiet")
    assert code == 0, err


def test_paths_are_shown_as_the_brief_spells_them(burnish: Call) -> None:
    write("data.csv", csv())
    write("deep/ws/burnish.yaml", BRIEF.format(source="../../data.csv"))
    code, out, err = burnish("data", "-w", "deep/ws", "--json")
    assert code == 0
    assert "data: reading ../../data.csv" in err
    made = Dataset.model_validate_json(out)
    line = Workspace("deep/ws").path(made, "train.jsonl").read_text("utf-8").partition("\n")[0]
    assert json.loads(line)["source"] == "../../data.csv"
