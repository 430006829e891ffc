"""Using Streamlit's controls in a browser, by the keys of their widgets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as TooSlow

from tests.e2e.conftest import ready

COUNT = """() => {
  window.answers = 0;
  window.counting?.disconnect();
  const app = document.querySelector('[data-testid="stApp"]');
  window.counting = new MutationObserver(() => { window.answers += app.dataset.testScriptState === "notRunning"; });
  window.counting.observe(app, { attributeFilter: ["data-test-script-state"] });
}"""


@contextmanager
def answered(page: Page, seconds: float = 5.0) -> Iterator[None]:
    """Do something that makes the page's script run, and go on when that has ended.

    `ready` alone may look before the script has begun. What changes nothing has no answer, and goes on after `seconds`.
    """
    page.evaluate(COUNT)
    yield
    with suppress(TooSlow):
        page.wait_for_function("() => window.answers > 0", timeout=seconds * 1000)
    ready(page)


def fill(page: Page, key: str, text: str) -> None:
    """Type into a text or number field and wait for the page's answer."""
    field = page.locator(f".st-key-{key} input").first
    with answered(page):
        field.fill(text)
        field.press("Enter")


def choose(page: Page, key: str, option: str | re.Pattern[str]) -> None:
    """Choose in a select box. A rerun of the page may close the list just when it opens, so it is opened again."""
    pick(page, page.locator(f".st-key-{key} input"), option)


def pick(page: Page, box: Locator, option: str | re.Pattern[str]) -> None:
    """Choose an option of a select box that is given as an element."""
    wanted = page.get_by_role("option", name=option)
    for _ in range(4):
        ready(page)
        box.click()
        try:
            wanted.first.click(timeout=3_000)
        except TooSlow:
            page.keyboard.press("Escape")
        else:
            ready(page)
            return
    raise AssertionError(f"there is no option {option!r}")
