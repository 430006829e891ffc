"""The documents are true: every command in them runs, and every file that they name exists. The example plug-in of
CONTRIBUTING.md is tried in test_throw_away_plugins.py."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from bench.__main__ import NAMES
from engine.settings import read
from tests.conformance._sandboxes import opened

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md")


RUN = {
    "make run": "test_make_run_opens_the_studio",
    "make sandbox-image": "test_make_sandbox_image_gives_the_image_that_the_engine_takes",
    "make clean": "test_make_clean_takes_away_only_what_was_made",
}
"""Which test here really runs a command. Those of the engine run in the README's order."""
LEFT_OUT = {
    "make test": "it is what runs these tests",
    "make lint": ".ci/run calls it just before the tests",
    "make test-long": ".ci/run calls it after the tests, with fewer clicks and a shorter search",
    "make consumers": "it installs each consumer in an environment of its own, some with torch",
    "make bench": "it takes minutes, and its figures mean nothing beside other tests",
}
"""Why a command is not run here; that make knows it is tested all the same."""


def commands(document: str) -> list[str]:
    """Return the command lines of a document's shell blocks, without their comments."""
    text = (ROOT / document).read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("docs")
    kept = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    return {**kept, "TURNWRIGHT_HOME": str(folder), "TURNWRIGHT_SANDBOX": "local"}


def until_there(path: Path, seconds: float = 30) -> None:
    """Wait for a file; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.1)


async def docker_answers() -> None:
    """Skip the test loudly where none does; fail it in CI."""
    await (await opened("docker")).aclose()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_readme_commands_work_in_their_order(home: dict[str, str]) -> None:
    found = [c for c in commands("README.md") if c.startswith(".venv/bin/python -m engine ")]
    assert len(found) >= 8
    folder = home["TURNWRIGHT_HOME"]
    for command in found:
        arguments = command.split()[3:]
        here = [f"{folder}/{a}" if a in ("train.jsonl", "environment.zip") else a for a in arguments]
        done = subprocess.run(
            [sys.executable, "-m", "engine", *here], cwd=ROOT, env=home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.stdout.strip(), command


def test_every_documented_command_is_run_or_left_out_for_a_reason() -> None:
    """Also every target of the Makefile, documented or not."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "".join((ROOT / d).read_text() for d in DOCUMENTS)
    named = set(re.findall(r"`make ([\w-]+)`", text)) | set(re.findall(r"^make ([\w-]+)", text, re.MULTILINE))
    assert named <= targets
    every = {f"make {target}" for target in targets} | {c for d in DOCUMENTS for c in commands(d)}
    others = {c for c in every if not c.startswith(".venv/bin/python -m engine ")}
    assert others == RUN.keys() | LEFT_OUT.keys()
    assert not RUN.keys() & LEFT_OUT.keys()
    assert all(callable(globals().get(test)) for test in RUN.values())
    proof = (ROOT / ".ci" / "run").read_text().splitlines()
    assert {"make lint", "make test"} <= set(proof)
    assert proof[-1].endswith(" make test-long")


@pytest.mark.parametrize("command", LEFT_OUT)
def test_make_knows_what_the_others_would_do(command: str) -> None:
    done = subprocess.run([*command.split(), "-n"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    named = re.findall(r"^\.venv/bin/(?:python -m )?(\w+)", done.stdout, re.MULTILINE)
    assert {"test": "pytest", "test-long": "pytest", "lint": "mypy", "bench": "bench", "consumers": "tests"}[
        command.split()[1]
    ] in named


def test_what_proves_a_boundary_is_there() -> None:
    named = re.findall(r"`(tests/[\w./]+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) >= 8
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_starts(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")


def test_make_clean_takes_away_only_what_was_made(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for made in (".venv/bin", ".mypy_cache", ".turnwright"):
        (tmp_path / made).mkdir(parents=True)
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert {path.name for path in tmp_path.iterdir()} == {"Makefile", ".turnwright"}


@pytest.mark.parametrize("uv", ["works", "is missing", "fails"])
def test_what_uv_cannot_install_pip_does(tmp_path: Path, uv: str) -> None:
    """With stand-ins for both, which write down what they are asked."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "assets/sandbox").mkdir(parents=True)
    for name in ("requirements.txt", "assets/sandbox/requirements.txt"):
        (tmp_path / name).touch()
    tools = tmp_path / ".venv/bin"
    tools.mkdir(parents=True)
    answer = {"works": "exit 0", "is missing": "exit 1", "fails": '[ "$3" = --version ]'}[uv]
    index = 'if [ "$1 $2" = "config get" ]; then echo "$OWN_INDEX"; fi'
    for name, does in (("python", f"{answer}"), ("pip", index)):
        told = f'echo "{name} $* $UV_DEFAULT_INDEX" >> asked'
        (tools / name).write_text(f"#!/bin/sh\n{told}\n{does}\n")
        (tools / name).chmod(0o755)
    environment = {**os.environ, "OWN_INDEX": "own-index"}
    environment.pop("PIP_INDEX_URL", None)
    subprocess.run(["make", ".venv/ready"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    asked = [line.removesuffix(" own-index").rstrip() for line in (tmp_path / "asked").read_text().splitlines()]
    by_uv = "python -m uv pip install -q --python .venv/bin/python -r requirements.txt"
    assert f"{by_uv} own-index" in (tmp_path / "asked").read_text().splitlines()
    assert by_uv in asked
    assert ("pip install -q uv" in asked) == (uv == "is missing")
    assert ("pip install -q -r requirements.txt" in asked) == (uv != "works")
    assert (tmp_path / ".venv/ready").exists()


@pytest.mark.docker
def test_make_sandbox_image_gives_the_image_that_the_engine_takes(home: dict[str, str]) -> None:
    asyncio.run(docker_answers())
    done = subprocess.run(["make", "sandbox-image"], cwd=ROOT, env=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert read().image in done.stdout
    found = subprocess.run(["docker", "image", "inspect", read().image], capture_output=True, check=False)
    assert found.returncode == 0


@pytest.mark.slow
def test_a_batch_that_reached_its_budget_goes_on_with_resume(home: dict[str, str], tmp_path: Path) -> None:
    """As the README says of `resume NUMBER` and `work`."""
    few = "domains: [retail]\ntrajectories: 60\nconcurrency: 2\nbudget: {seconds: 0.01}\n"
    (tmp_path / "few.yaml").write_text(few)
    alone = {**home, "TURNWRIGHT_HOME": str(tmp_path)}
    for arguments, status, told in (
        (("run", str(tmp_path / "few.yaml")), 1, "time budget of 0.01 s is reached"),
        (("resume", "1", "--seconds", "0"), 0, "batch 1: done"),
        (("work", "--once"), 0, ""),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "engine", *arguments],
            cwd=ROOT, env=alone, capture_output=True, text=True, check=False, timeout=90,
        )  # fmt: skip
        assert done.returncode == status, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert told in done.stdout


@pytest.mark.slow
def test_make_run_opens_the_studio(home: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**home, "TURNWRIGHT_ENGINE": "off"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}"], cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        end = time.monotonic() + 90
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
                    assert answer.read() == b"ok"
                until_there(Path(home["TURNWRIGHT_HOME"]) / "logs" / "sandbox-image.log")
                break
            except OSError:
                assert time.monotonic() < end, (tmp_path / "log").read_text()
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.3)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    paths = re.findall(r"`((?:engine|storage|assets|tests|bench|pages)/[\w./-]*)`", text)
    missing = [p for p in (*links, *paths) if not (ROOT / p.rstrip("/")).exists()]
    assert missing == []


def test_the_command_line_says_what_to_do_about_bad_input(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("domains: [nowhere]\ncolour: red\n")
    for arguments, told in (
        (("run", str(tmp_path / "bad.yaml")), "colour"),
        (("run", str(tmp_path / "none.yaml")), "cannot be read"),
        (("validate", str(tmp_path)), "domain.yaml"),
        (("list", "nonsense"), "Choose one of"),
        (("show", "999999"), "no trajectory 999999"),
        (("export", "--out", str(tmp_path / "x.zip"), "--split", "train=0.5"), "sum to 1"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "engine", *arguments],
            cwd=ROOT,
            env=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, arguments
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_an_unknown_sandbox_is_named_by_check_and_fails_a_batch(home: dict[str, str], tmp_path: Path) -> None:
    wrong = {**home, "TURNWRIGHT_SANDBOX": "nope"}
    (tmp_path / "few.yaml").write_text("domains: [retail]\ntrajectories: 1\n")
    for arguments in (("check",), ("run", str(tmp_path / "few.yaml"))):
        command = [sys.executable, "-m", "engine", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=wrong, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "'nope'" in done.stdout
        assert "docker, local" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
