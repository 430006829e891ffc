"""axe-core on a page: names, roles, contrast, structure.

`STREAMLITS_OWN` lists what Streamlit draws and offers no option to mend. Nothing of ours is on it.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
STREAMLITS_OWN = (
    ("list", '[data-testid="stSidebarNav"]'),  # the menu's sections are divs inside its list
    ("listitem", '[data-testid="stSidebarNav"]'),
    ("color-contrast", "kbd"),  # the hint of a shortcut on a button is faded
    ("color-contrast", '[data-testid="stButtonGroup"]'),  # a chosen pill's text has the colour that fills buttons
    ("svg-img-alt", '[data-testid="stMetricChart"]'),  # a sparkline has no name
)
FIND = """async ([own]) => {
    const found = await axe.run(document, {resultTypes: ['violations']});
    const theirs = (rule, target) => {
        let place = document, one = null;
        for (const part of [target].flat(3)) {
            one = place.querySelector(part);
            place = one && one.shadowRoot || place;
        }
        return one && own.some(([name, held]) => name === rule && one.closest(held));
    };
    return found.violations.flatMap(one => one.nodes
        .filter(node => !theirs(one.id, node.target))
        .map(node => ({rule: one.id, html: node.html.slice(0, 160), target: String(node.target).slice(0, 200),
                       why: node.failureSummary.slice(0, 300)})));
}"""


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong, each with its rule, the element and why."""
    page.evaluate(AXE)
    found = page.evaluate(FIND, [[list(pair) for pair in STREAMLITS_OWN]])
    return [f"{one['rule']}: {one['html']}\n  {one['why']}" for one in found]
