"""A real studio and a real browser.

`studio` starts `streamlit run app.py` on a free loopback port with a home of its own and no engine, and stops it by
its process id; `studio_with_engine` starts the engine too. `page` is a Chromium page that fails the test when it asks
anything beyond loopback. `screenshot(name)` writes artifacts/screenshots/<name>.png, and a failed
test leaves what it saw in artifacts/screenshots/failed/.

Chromium is the executable that the environment variable CHROMIUM names, or `chromium` on the path. Without one these
tests are skipped loudly, and fail where CI is set.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, WebError, expect, sync_playwright

from storage.database import Database, open_database
from tests.needs import missing

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "artifacts" / "screenshots"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOCAL = re.compile(r"^(https?|wss?)://(127\.0\.0\.1|localhost)(:\d+)?/|^(data|blob|about|chrome):")
COMPLAINT = re.compile(
    r"fragment rerun was triggered|created with a default value|got an empty value|[Dd]eprecat|will be removed"
    r"|Couldn't find fragment|Uncaught app execution|Traceback|shortcut|alt text"
)
GONE_TAB = re.compile(
    r"^.*Exception in ASGI application\n"
    r"(?:\n|Traceback .*\n|During handling .*\n|  File \"[^\"]*site-packages[^\"]*\".*\n|    .*\n"
    r"|starlette\.websockets\.WebSocketDisconnected: .*\n)+?"
    r"starlette\.websockets\.WebSocketDisconnected: Cannot call \"send\" .*(?:\n|$)",
    re.MULTILINE,
)
"""What the server logs when a tab closes while it sends to it: Starlette's error for that is new to Streamlit."""
WIDE, NARROW = (1440, 900), (420, 860)
LONGEST = ("test_appearance", "test_faults", "test_generate", "test_hostile", "test_walk", "test_deep_links")
"""Files of browser tests in the order of the seconds they take, more than a minute each."""
expect.set_options(timeout=15_000)
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give out the files that take longest first, so that no process is left with one of them at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the browser showed when a test failed."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.failed and call.when == "call" and isinstance(page, Page) and not page.is_closed():
        (SHOTS / "failed").mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "-", item.name)
        with contextlib.suppress(Error):  # a page that hangs must not hide why the test failed
            page.screenshot(path=SHOTS / "failed" / f"{name}-{time.time_ns() // 10**9}.png", timeout=5_000)
    return report


def free_port(wanted: int = 0) -> int:
    """Return a loopback port that nothing listens on: the wanted one if it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def complaints_in(log: str) -> list[str]:
    """Return the lines that Streamlit complains in, each with the 40 that follow; not a tab's closing."""
    lines = GONE_TAB.sub("", log).splitlines()
    return ["\n".join(lines[n : n + 40]) for n, line in enumerate(lines) if COMPLAINT.search(line)]


@dataclass
class Studio:
    """A running studio, started by `module`. `database` is its database, opened as by a second process."""

    home: Path
    engine: bool
    port: int = 0
    module: str = "streamlit"
    process: subprocess.Popen[bytes] | None = None
    database: Database = field(init=False)

    def __post_init__(self) -> None:
        self.database = open_database(f"sqlite:///{self.home / 'turnwright.db'}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.home / "studio.log").read_text(errors="replace")

    @property
    def complaints(self) -> list[str]:
        """What Streamlit says in the log of how pages are written; ordinary clicks leave none of it."""
        return complaints_in(self.log)

    def start(self, seconds: float = 60.0) -> None:
        """Start the server and wait until it answers."""
        self.port = self.port or free_port()
        environment = {
            **{k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "TURNWRIGHT_SANDBOX")},
            "TURNWRIGHT_HOME": str(self.home),
            "TURNWRIGHT_ENGINE": "on" if self.engine else "off",
        }
        command = [sys.executable, "-m", self.module, "run", "app.py", "--server.port", str(self.port)]
        with (self.home / "studio.log").open("ab") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"The studio ended while starting:\n{self.log[-3000:]}")
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"The studio did not answer in {seconds:.0f} s:\n{self.log[-3000:]}")

    def stop(self) -> None:
        """Stop the server by its process id."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


@functools.cache
def port_of(kind: str) -> int:
    """Return a port for the studios of a kind, of which one runs at a time: the browser keeps their scripts."""
    return free_port()


def running(home: Path, engine: bool, kind: str = "", module: str = "streamlit") -> Iterator[Studio]:
    """Yield a studio, and stop it afterwards. Those of one `kind` have one port."""
    studio = Studio(home, engine, free_port(port_of(kind or f"engine {engine}")), module)
    studio.start()
    try:
        yield studio
    finally:
        studio.stop()
        studio.database.close()
    assert studio.complaints == [], "\n".join(studio.complaints)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio without an engine, shared by the tests of one file."""
    yield from running(tmp_path_factory.mktemp("studio"), engine=False)


@pytest.fixture(scope="module")
def studio_with_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with its engine, shared by the tests of one file."""
    yield from running(tmp_path_factory.mktemp("studio"), engine=True)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with its engine and with something on every page, shared by all tests that only look."""
    from tests.e2e.filled_studio import fill

    for studio in running(tmp_path_factory.mktemp("filled"), engine=True, kind="filled"):
        fill(studio)
        yield studio


def chromium(own: str) -> str:
    """Return the browser's executable: the machine's, else Playwright's own. Without one: fail in CI, else skip."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found or Path(own).exists():
        return found or own
    missing("No Chromium: `playwright install chromium`, or name one in the environment variable CHROMIUM.")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole test session."""
    with sync_playwright() as playwright:
        executable = chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a page did that it should not have: requests beyond loopback, and errors of its scripts."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def following(self, context: BrowserContext) -> Iterator[Watch]:
        """Watch every page of a browser profile inside the `with`."""
        context.on("request", self._request)
        context.on("weberror", self._error)
        try:
            yield self
        finally:
            context.remove_listener("request", self._request)
            context.remove_listener("weberror", self._error)

    def _request(self, request: Request) -> None:
        if not LOCAL.match(request.url):
            self.foreign.append(request.url)
        elif request.is_navigation_request():
            self.origins.add(urlsplit(request.url)._replace(path="", query="", fragment="").geturl())

    def _error(self, error: WebError) -> None:
        self.errors.append(str(error.error))


@pytest.fixture
def watch() -> Watch:
    """What `page` did that it should not have."""
    return Watch()


@contextlib.contextmanager
def opened(browser: Browser, size: tuple[int, int] = WIDE) -> Iterator[BrowserContext]:
    """A new browser profile: light, of this window size. Its user wants no animation: nothing is seen half faded in."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="en-GB", color_scheme="light", reduced_motion="reduce"
    )
    context.set_default_timeout(30_000)
    try:
        yield context
    finally:
        context.close()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A profile for all tests, so that Streamlit's scripts are fetched once for each studio: 1440 x 900, light."""
    with opened(browser) as context:
        yield context


@pytest.fixture
def context(profile: BrowserContext, watch: Watch) -> Iterator[BrowserContext]:
    """The shared profile without anything that another test left in it: no page, no cookie, no storage."""
    with watch.following(profile):
        yield profile
    for page in profile.pages:
        page.close()
    profile.clear_cookies()
    blank = profile.new_page()
    cleaner = profile.new_cdp_session(blank)
    for origin in watch.origins:
        cleaner.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage,indexeddb"})
    blank.close()


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Iterator[Page]:
    """A page of a profile without a past; afterwards it asked nothing beyond loopback and had no script error."""
    yield context.new_page()
    assert watch.foreign == []
    assert watch.errors == []


def ready(page: Page) -> None:
    """Wait until the script of the page has ended."""
    page.wait_for_selector(IDLE)
    page.wait_for_function(
        f"() => !document.querySelector('[data-testid=\"stSkeleton\"]') && !!document.querySelector('{IDLE}')"
    )


def at_rest(page: Page, seconds: float = 0.6) -> None:
    """Wait until no script of the page has run for so long: what was just pressed may not have reached the server."""
    page.evaluate("window.turnwrightIdleSince = null")
    page.wait_for_function(
        f"""([quiet]) => {{
            const now = performance.now();
            if (!document.querySelector('{IDLE}')) window.turnwrightIdleSince = null;
            else window.turnwrightIdleSince ??= now;
            return window.turnwrightIdleSince !== null && now - window.turnwrightIdleSince > quiet * 1000;
        }}""",
        arg=[seconds],
    )


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return what `condition` gives once that is true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {condition}")
        time.sleep(0.05)
    return value


@pytest.fixture
def screenshot(page: Page) -> Callable[[str], Path]:
    """Write a picture of the page as artifacts/screenshots/<name>.png."""

    def shoot(name: str) -> Path:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(200)
        path = SHOTS / f"{name}.png"
        page.screenshot(path=path)
        return path

    return shoot
