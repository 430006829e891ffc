"""Every kind of button of the studio: the page where it is pressed and the stored effect of a press."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Error, Locator, Page, expect
from sqlalchemy import func, select

from engine.types import Recipe
from storage import tables
from storage.exporting import exports
from storage.generating import batches
from tests.e2e.conftest import Studio, ready

UNDER = """(node, [x, y]) => {
  let there = document.elementFromPoint(x, y);
  while (there?.shadowRoot?.elementFromPoint(x, y)) there = there.shadowRoot.elementFromPoint(x, y);
  return node.contains(there) || Boolean(there?.contains(node));
}"""
"""Tells whether a node is what the browser shows at a point; a label may stand over the control that it names."""


@dataclass
class Ground:
    """Where the clicks fall: a studio with a batch that runs, and the browser's page."""

    studio: Studio
    page: Page
    batch: int
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    seen: list[str] = field(default_factory=list)
    """What the page showed one after the other, where nothing is stored."""

    def visit(self, path: str) -> None:
        self.page.goto(self.studio.url + path)
        ready(self.page)

    def rows(self, table: Any) -> int:
        """Return how many rows a table of the database has."""
        with self.studio.database.read() as session:
            return int(session.scalar(select(func.count()).select_from(table)) or 0)

    def press(self, target: Locator) -> None:
        """Press like a hand: go there, hold the button down for a moment, let it go."""
        until = time.monotonic() + 15
        while not self._aim(target):
            assert time.monotonic() < until, f"there is no {target}"
        self.page.mouse.down()
        time.sleep(self.dice.uniform(0, 0.12))
        self.page.mouse.up()

    def _aim(self, target: Locator) -> bool:
        """Move the mouse to the middle of a control; return whether it is there. It is not while the control is being
        replaced or moves away because something above it comes: a hand then looks again before it presses."""
        try:
            target.scroll_into_view_if_needed(timeout=5_000)
            box = target.bounding_box(timeout=1_000)
            if box is None:
                return False
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            self.page.mouse.move(x, y)
            return bool(target.evaluate(UNDER, [x, y], timeout=1_000))
        except Error:
            return False


@dataclass(frozen=True)
class Kind:
    """One kind of button. `go` opens its page; `press` does it once; `effect` counts what presses left behind, each
    one more; a `press` may take several `clicks`, the first of which asks a question."""

    go: Callable[[Ground], Any]
    press: Callable[[Ground], Any]
    effect: Callable[[Ground], int]
    clicks: int = 1


def key(name: str, tag: str = "button") -> Callable[[Ground], Any]:
    """Return the press of the first control whose key begins so."""
    return lambda ground: ground.press(ground.page.locator(f'[class*="st-key-{name}"] {tag}').first)


def exports_page(ground: Ground) -> None:
    """Open the exports page with exports that wait, so it polls each second."""
    while ground.rows(tables.export) < 60:
        exports.create_export(ground.studio.database, Recipe(name="Waits"))
    ground.visit("/exports")


def trajectory_page(ground: Ground) -> None:
    ground.visit("/trajectory?id=1")
    ground.page.locator(".viewer .turn").first.wait_for()


def batch_page(ground: Ground) -> None:
    if batches.get_batch(ground.studio.database, ground.batch).status == "paused":
        batches.command(ground.studio.database, ground.batch, "resume")
    ground.page.goto(f"{ground.studio.url}/batch?id={ground.batch}")  # it polls, so it is hardly ever at rest
    ground.page.locator('[class*="st-key-cancel_"] button').wait_for()


def tool_page(ground: Ground) -> None:
    ground.visit("/tool?domain=retail&name=orders.py")
    ground.page.get_by_role("button", name="Try it").wait_for()


def changes(ground: Ground) -> int:
    return ground.rows(tables.review_event)


def deleted(ground: Ground) -> int:
    return -ground.rows(tables.export)


def delete_newest(ground: Ground) -> None:
    """Delete the newest export and say yes, once the one deleted before has left the list and all has moved up."""
    newest = exports.list_exports(ground.studio.database, limit=1)[0].id
    first = ground.page.locator('[class*="st-key-delete_"]').first
    expect(first).to_have_class(re.compile(rf"\bst-key-delete_{newest}\b"))
    ground.press(ground.page.locator(f".st-key-delete_{newest} button"))
    ground.press(ground.page.locator(f".st-key-delete_{newest}_yes button"))


def verdict(ground: Ground) -> None:
    place = ground.dice.randrange(2)
    chosen = ground.page.locator('[class*="st-key-verdict_"] button').nth(place)
    if "Active" in (chosen.get_attribute("kind") or chosen.get_attribute("data-testid") or ""):
        chosen = ground.page.locator('[class*="st-key-verdict_"] button').nth(1 - place)
    ground.press(chosen)


def tag(ground: Ground) -> None:
    pills = ground.page.locator('[class*="st-key-tags_"] button')
    ground.press(pills.nth(ground.dice.randrange(6)))


def toolbar(ground: Ground) -> None:
    ground.press(ground.page.locator('.toolbar [data-rating][aria-pressed="false"]').nth(ground.dice.randrange(4)))


def rating_key(ground: Ground) -> None:
    pressed = ground.page.locator('.toolbar [data-rating][aria-pressed="true"]')
    now = pressed.first.inner_text() if pressed.count() else "0"
    ground.page.keyboard.press(ground.dice.choice([k for k in "12345" if k != now]))


def dialogs(ground: Ground) -> int:
    """Count openings and closings: a dialog that is open is one more than one that is closed."""
    return ground.page.get_by_role("dialog").count()


def open_or_close(ground: Ground) -> None:
    dialog = ground.page.get_by_role("dialog")
    keep = dialog.get_by_role("button", name="Keep it")
    ground.press(keep if dialog.count() else ground.page.locator('[class*="st-key-cancel_"] button').first)


def page_number(ground: Ground) -> int:
    current = ground.page.locator('.st-key-pager [aria-current="page"], .st-key-pager [aria-current="true"]')
    return int(current.first.inner_text()) if current.count() else -1


def next_or_previous(ground: Ground) -> None:
    ways = ground.page.locator(
        '.st-key-pager button:enabled:is([aria-label="Next page"], [aria-label="Previous page"])'
    )
    ground.press(ways.nth(ground.dice.randrange(ways.count())))


def personas_page(ground: Ground) -> None:
    ground.visit("/personas")


def line(ground: Ground) -> int:
    """Return how many sample lines the card of the first persona has shown one after the other."""
    text = ground.page.locator('[class*="st-key-persona_card_"]').first.inner_text()
    if not ground.seen or ground.seen[-1] != text:
        ground.seen.append(text)
    return len(ground.seen)


def choose_from_menu(ground: Ground) -> None:
    """Open the form for a copy by the menu of a card, or close it."""
    dialog = ground.page.get_by_role("dialog")
    if dialog.count():
        ground.press(dialog.get_by_role("button", name="Close"))
        return
    ground.press(ground.page.locator('[class*="st-key-more_"] button').first)
    ground.press(
        ground.page.get_by_role("menuitem", name="Duplicate").or_(ground.page.get_by_role("option", name="Duplicate"))
    )


def tab_pressed_last(ground: Ground) -> int:
    """Return how often the tab that was pressed last is the one that stays open."""
    for _ in range(2):
        tab = ground.page.locator('.st-key-facts_tab [role="tab"]').nth(int(ground.seen[-1]) if ground.seen else 0)
        if tab.get_attribute("aria-selected") != "true":
            return len(ground.seen) - 1
        ground.page.wait_for_timeout(300)
    return len(ground.seen)


def three_tabs(ground: Ground) -> None:
    """Press three tabs in a row, so that a press falls on the answer to the one before."""
    tabs = ground.page.locator('.st-key-facts_tab [role="tab"]')
    place = int(ground.seen[-1]) if ground.seen else 0
    for _ in range(3):
        place = ground.dice.choice([n for n in range(3) if n != place])
        ground.press(tabs.nth(place))
        time.sleep(ground.dice.uniform(0, 0.25))
    ground.seen.append(str(place))


def domain_page(ground: Ground) -> None:
    ground.visit("/domain?id=retail")
    ground.page.on("download", lambda download: ground.seen.append(download.suggested_filename))


def downloads(ground: Ground) -> int:
    ground.page.wait_for_timeout(1)  # only then does the browser's news arrive
    return len(ground.seen)


def shown(selector: str) -> Callable[[Ground], int]:
    """Return how many such parts the page shows."""
    return lambda ground: ground.page.locator(selector).count()


KINDS: dict[str, Kind] = {
    "button of a page that polls": Kind(exports_page, key("build_export"), lambda g: g.rows(tables.export)),
    "button in a part that polls": Kind(exports_page, delete_newest, deleted, clicks=2),
    "segments in a part": Kind(trajectory_page, verdict, changes),
    "pills in a part": Kind(trajectory_page, tag, changes),
    "button of the viewer": Kind(trajectory_page, toolbar, changes),
    "key": Kind(trajectory_page, rating_key, changes),
    "dialog over a page that polls": Kind(batch_page, open_or_close, dialogs),
    "button whose answer is polled": Kind(
        tool_page, key("try_", "button:has-text('Try it')"), lambda g: g.rows(tables.request)
    ),
    "button of a card": Kind(personas_page, key("another_"), line),
    "menu": Kind(personas_page, choose_from_menu, dialogs),
    "pages of a list": Kind(lambda g: g.visit("/queue?size=10"), next_or_previous, page_number),
    "popover": Kind(lambda g: g.visit("/queue"), key("filter_more"), shown('[data-testid="stPopoverBody"]')),
    "tabs": Kind(trajectory_page, three_tabs, tab_pressed_last, clicks=3),
    "expander of a page that polls": Kind(
        batch_page, lambda g: g.press(g.page.locator("summary").last), shown("details[open]")
    ),
    "download": Kind(domain_page, key("export_retail"), downloads),
}
