"""A process is identified by machine, id and start time; one that cannot be checked is never taken for dead."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest

from engine.liveness import has_ended, holder_name, lives, process_name
from tests.needs import missing

ASK = "import sys; from engine.liveness import has_ended, lives; print(has_ended(sys.argv[1]), lives(sys.argv[1]))"


def test_a_holder_lives_as_long_as_its_process() -> None:
    own = holder_name()
    assert (lives(own), has_ended(own)) == (True, False)
    assert own != holder_name(), "two engines in one process are two holders"
    code = "from engine.liveness import holder_name; print(holder_name(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        other = process.stdout.readline().decode().strip()
        assert (lives(other), has_ended(other)) == (True, False)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert has_ended(other), "killed and not yet collected"
    assert has_ended(other)


def test_a_number_that_was_given_again_is_another_process() -> None:
    name, _, random = holder_name().partition("/")
    assert has_ended(f"{name.rpartition('-')[0]}-1/{random}")


def test_a_process_of_another_namespace_is_not_taken_for_dead() -> None:
    """Two containers of one host may have the same host name, and each its own numbers."""
    if shutil.which("unshare") is None or os.getuid() != 0:
        missing("No process namespace can be made: that takes unshare and root.")
    inside = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", ASK, holder_name()]
    told = subprocess.run(inside, capture_output=True, text=True, check=False)
    if "Operation not permitted" in told.stderr:
        missing("No process namespace can be made here.")
    assert told.stdout.split() == ["False", "None"], told.stderr


@pytest.mark.parametrize("name", [None, "", "nonsense", f"{socket.gethostname()}:999999:0badcafe"])
def test_what_cannot_be_known_has_not_ended(name: str | None) -> None:
    assert not has_ended(name)


def test_the_name_of_a_process_says_when_it_began() -> None:
    assert lives(process_name()) is True
    assert lives(f"{process_name().rpartition('-')[0]}-1") is False
