"""Pages on a database of 100,000 trajectories, in a real Chromium, beside the bounds that we set ourselves.

    python -m bench.pages [--rows 100000]

Prints each figure beside its bound: list load under 100 KB of data and 4 s cold, page turn under 0.8 s, a key in the
viewer under 100 ms, a verdict in the database 0.8 s after its key, memory of the studio under 350 MB with 5 tabs open.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from engine.settings import ROOT, child_environment

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
PORT = 8599


@contextmanager
def studio(home: Path) -> Any:
    """Start the studio without an engine; yield its process."""
    environment = child_environment(TURNWRIGHT_HOME=str(home), TURNWRIGHT_ENGINE="off")
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(PORT)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.2)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def memory(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def print_figure(what: str, value: float, bound: float, unit: str) -> None:
    print(f"{what:<44}{value:>9.3g} {unit:<4} bound {bound:g} {unit}: {value / bound:.2f} of it", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not executable:
        print("No Chromium: install it, or name it in the environment variable CHROMIUM.")
        sys.exit(1)
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command = [sys.executable, "-m", "bench.make_database", str(home / "turnwright.db"), "--rows", str(rows)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        with studio(home) as process, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
            try:
                measure(browser, process.pid, home / "turnwright.db")
            finally:
                browser.close()


def until_stored(page: Any, file: Path) -> float:
    """Give a verdict by key to one assistant turn after the other; return the median seconds until each is stored."""
    taken = []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        events = lambda: database.execute("SELECT count(*) FROM review_event").fetchone()[0]  # noqa: E731
        for key in "arararara":
            page.keyboard.press("Shift+J")  # only turns of the assistant have a verdict
            page.wait_for_timeout(600)
            before, start = events(), time.perf_counter()
            page.keyboard.press(key)
            while events() == before:
                if time.perf_counter() - start > 10:
                    raise SystemExit("A verdict was not stored within ten seconds.")
                time.sleep(0.002)
            taken.append(time.perf_counter() - start)
    return sorted(taken)[len(taken) // 2]


def measure(browser: Any, pid: int, database: Path) -> None:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    received = 0

    def count(socket: Any) -> None:
        def add(frame: Any) -> None:
            nonlocal received
            received += len(frame) if isinstance(frame, bytes | str) else 0

        socket.on("framereceived", add)

    page.on("websocket", count)
    address = f"http://127.0.0.1:{PORT}"

    def timed(act: Callable[[], Any], then: Callable[[], Any]) -> float:
        start = time.perf_counter()
        act()
        then()
        return time.perf_counter() - start

    grid = lambda: page.wait_for_selector('[role="gridcell"]', state="attached", timeout=60_000)  # noqa: E731
    print_figure("queue, cold load", timed(lambda: page.goto(f"{address}/queue"), grid), 4, "s")
    page.wait_for_selector(IDLE)
    print_figure("queue, data sent to the browser", received / 1e3, 100, "KB")
    first = page.locator('[role="gridcell"]').nth(1).inner_text()
    other = f"() => [...document.querySelectorAll('[role=gridcell]')][1]?.textContent !== {first!r}"
    turned = timed(
        lambda: page.locator(".st-key-page button", has_text="2").first.click(), lambda: page.wait_for_function(other)
    )
    print_figure("queue, page turn", turned, 0.8, "s")
    for name in ("scores", "funnel", "batches", "exports", ""):
        took = timed(lambda name=name: page.goto(f"{address}/{name}"), lambda: page.wait_for_selector(IDLE))  # type: ignore[misc]
        print_figure(f"{name or 'overview'}, load", took, 4, "s")
    page.goto(f"{address}/trajectory?id=100")
    page.wait_for_selector(".viewer .turn", timeout=60_000)
    page.wait_for_selector(IDLE)
    moved = """viewer => new Promise(done => {
        const before = viewer.querySelector('[aria-selected=true]');
        const start = performance.now();
        document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true, composed: true}));
        const look = () => {
            const now = viewer.querySelector('[aria-selected=true]');
            const took = performance.now() - start;
            now !== before || took > 2000 ? done(took) : requestAnimationFrame(look);
        };
        look();
    })"""
    print_figure(
        "viewer, key to change", float(page.evaluate(moved, page.locator(".viewer").element_handle())), 100, "ms"
    )
    print_figure("viewer, key to stored verdict", until_stored(page, database), 0.8, "s")
    for _ in range(4):
        extra = page.context.new_page()
        extra.goto(f"{address}/queue")
        extra.wait_for_selector('[role="gridcell"]', state="attached", timeout=60_000)
    print_figure("studio, memory with 5 tabs", memory(pid), 350, "MB")


if __name__ == "__main__":
    main()
