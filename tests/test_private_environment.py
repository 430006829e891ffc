"""No key in an environment that another process can read: the engine's, the studio's and those of what they start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import settings
from engine.private_environment import handed_over, harmless
from tests.engines import engine, until

KEY = "sk-not-a-real-key-0123456789"
ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "engine" / "private_environment.py"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Only Linux shows environments in /proc.")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", KEY)
    monkeypatch.setenv("DATABASE_PASSWORD", KEY)


def below(pid: int) -> Iterator[int]:
    """Yield a process and all processes below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from below(int(child))


def shown(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def test_a_running_engine_shows_no_key(tmp_path: Path) -> None:
    process = engine(tmp_path)
    try:
        until((tmp_path / "turnwright.db").exists, 30)
        assert b"TURNWRIGHT_HOME" in shown(process.pid)
        assert not [pid for pid in below(process.pid) if KEY.encode() in shown(pid)]
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("anew", [True, False])
def test_the_engine_itself_still_has_its_keys(anew: bool) -> None:
    code = (
        "from engine.private_environment import hide; hide(); import os; from engine import settings; "
        "print(settings.key('SOME_API_KEY'), 'TURNWRIGHT_HANDED' in os.environ, open('/proc/self/environ').read())"
    )
    command = [sys.executable, "-c", code]
    if anew:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    else:
        with handed_over() as (environment, rest):
            done = subprocess.run(
                command, cwd=ROOT, env=environment, pass_fds=(rest,), capture_output=True, text=True, check=True
            )
    has, handed, environment_text = done.stdout.split(" ", 2)
    assert (has, handed) == (KEY, "False")
    assert KEY not in environment_text


def test_options_of_the_command_line_survive() -> None:
    code = "import sys; from engine.private_environment import hide; hide(); print(sys.argv[1:], sys.flags.dev_mode)"
    command = [sys.executable, "-X", "dev", "-W", "ignore", "-c", code, "a b", "--c"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "['a b', '--c'] True\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can become another user.")
@pytest.mark.parametrize("closed", [True, False])
def test_a_process_of_the_same_user_reads_nothing_of_a_closed_one(closed: bool) -> None:
    """The twin that does not close is read, so the attack is a real one."""
    python, become = shutil.which("python3", path="/usr/bin"), shutil.which("setpriv")
    if python is None or become is None:
        pytest.fail("This test needs the system's python3 and setpriv.")
    nobody = [become, "--reuid", "65534", "--regid", "65534", "--clear-groups", python, "-c"]
    rest = "close_to_others()" if closed else "None"
    kept = f"exec({MODULE.read_text()!r}); print({rest}, flush=True); import time; time.sleep(60)"
    environment = {"PATH": os.defpath, "SOME_API_KEY": KEY}
    with subprocess.Popen([*nobody, kept], env=environment, cwd="/", stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "None\n"
            attack = f"print(open('/proc/{process.pid}/environ').read()); open('/proc/{process.pid}/mem', 'rb')"
            done = subprocess.run([*nobody, attack], cwd="/", capture_output=True, text=True, check=False)
        finally:
            process.kill()
    assert (KEY in done.stdout) is not closed
    assert ("PermissionError" in done.stderr) is closed


def test_what_is_harmless() -> None:
    names = harmless()
    assert "PATH" in names
    assert not {"SOME_API_KEY", "DATABASE_PASSWORD"} & set(names)


@pytest.mark.parametrize("name", ["TURNWRIGHT_SECRET", "TURNWRIGHT_TOKEN", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY"])
def test_secrets_of_ours_and_of_others_are_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid")
    assert name not in harmless()
    assert name not in settings.child_environment()
    assert settings.child_environment(PYTHON="p")["HTTPS_PROXY"] == "http://proxy.invalid"


def test_an_environment_that_no_pipe_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        monkeypatch.setenv(f"LARGE_{number}", "x" * 100_000)
    with pytest.raises(OSError, match="larger than a pipe"), handed_over():
        pass
