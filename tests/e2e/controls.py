"""Using Streamlit's controls in a browser, by the keys of their widgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from playwright.sync_api import Locator, Page, expect
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


def segment(page: Page, name: str) -> None:
    """Choose one of a row of segments."""
    with answered(page):
        page.get_by_test_id("stButtonGroup").get_by_text(name, exact=True).click()


def shown(page: Page, text: str, seconds: float = 15) -> None:
    """Wait until a text can be seen; a badge with help holds its text twice."""
    expect(page.get_by_text(text).first).to_be_visible(timeout=seconds * 1000)


def area(page: Page, path: str) -> Locator:
    """Return the editor of a domain's file."""
    tail = path.replace("/", "-").replace(".", "-")
    return page.locator(
        f'[class*="st-key-code"][class*="{tail}"] textarea, [class*="st-key-prose"][class*="{tail}"] textarea'
    )


def edit(page: Page, path: str, change: Callable[[str], str]) -> None:
    """Change the text of an editor the way a person does, and take it over."""
    box = area(page, path)
    expect(box).not_to_have_value("")  # the browser draws an editor a moment before its text
    text = box.input_value()
    changed = change(text)
    assert changed != text
    with answered(page):
        box.fill(changed)
        shown(page, "Press Ctrl+Enter to apply")
        box.press("Control+Enter")
    shown(page, "unsaved")


def click_bar(page: Page, bar: Locator) -> None:
    """Click the middle of a bar; Plotly listens on the plot, not on the shape."""
    bar.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = bar.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(200)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
