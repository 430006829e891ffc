"""A PostgreSQL server for tests: the one of TURNWRIGHT_TEST_POSTGRES, or one of our own on a free loopback port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import missing


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a server on which databases may be made; skip (fail in CI) when there is none."""
    given = os.environ.get("TURNWRIGHT_TEST_POSTGRES")
    if given:
        yield given
        return
    binaries = _binaries()
    if binaries is None:
        missing("NO POSTGRESQL: no initdb found; install postgresql or set TURNWRIGHT_TEST_POSTGRES")
    owner = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="turnwright-postgres-"))
    if owner:
        shutil.chown(folder, owner)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, log = folder / "data", folder / "log"
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(log)]
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=60"
    quiet = {"check": True, "user": owner, "cwd": folder, "stdout": subprocess.DEVNULL}
    subprocess.run(
        [str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"], **quiet
    )
    try:
        subprocess.run([*control, "-o", options, "start"], **quiet)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet | {"check": False})
        shutil.rmtree(folder, ignore_errors=True)
