/* A press counts for the button that it was begun on.

   Streamlit replaces buttons while it draws a page anew, and moves them when something above them comes or goes. A
   mouse that is pressed on one node and released on another makes no click, so the press would be lost: here it is given
   to the button that took the place of the first one, or that has moved away. And a tab that is pressed while
   an earlier press of its list is still being answered is turned back by that answer: it is pressed once more. */

const PRESSABLE = 'button, a[href], summary, [role="tab"], [role="menuitem"], [role="option"], [role="radio"], [role="checkbox"]';
const STILL = 6; // pixels that a hand moves between press and release
const TURNED_MS = 2000; // in which an earlier answer may still come

function nodeOf(event) {
  return event.composedPath()[0].closest?.(PRESSABLE) ?? null;
}

/* What is drawn in the place of a node has the same key, or without a key the same words. */
function markOf(node) {
  const holder = node.closest('[class*="st-key-"]');
  const key = holder && [...holder.classList].find((name) => name.startsWith("st-key-"));
  const alike = holder ? [...holder.querySelectorAll(node.tagName)] : [];
  return { tag: node.tagName, key, place: alike.indexOf(node), text: node.textContent, href: node.getAttribute("href") };
}

function twinOf({ tag, key, place, text, href }) {
  const scope = key ? document.getElementsByClassName(key)[0] : document;
  const alike = [...(scope?.querySelectorAll(tag) ?? [])].filter((node) => node.getAttribute("href") === href);
  const same = alike.filter((node) => node.textContent === text);
  if (same.length === 1 || !key) return same.length === 1 ? same[0] : null;
  return alike.length === 1 ? alike[0] : null;
}

function live(node, mark) {
  return node.isConnected ? node : twinOf(mark);
}

/* keep a tab chosen until earlier answers have come, or the next press */
function keep(began, stale, until = performance.now() + TURNED_MS) {
  if (stale() || performance.now() > until) return;
  const tab = live(began.node, began.mark);
  if (tab?.getAttribute("aria-selected") === "false" && !tab.hasAttribute("aria-disabled")) tab.click();
  setTimeout(keep, 50, began, stale, until);
}

function guard() {
  let down = null;
  let clicked = null;
  let presses = 0;
  window.addEventListener("pointerdown", (event) => {
    const node = event.button === 0 && event.isPrimary ? nodeOf(event) : null;
    down = node && { node, mark: markOf(node), x: event.clientX, y: event.clientY };
    clicked = null;
    presses++;
  }, true);
  for (const other of ["keydown", "popstate"]) window.addEventListener(other, () => presses++, true);
  window.addEventListener("click", (event) => (clicked = nodeOf(event)), true);
  window.addEventListener("pointerup", (event) => {
    const began = down;
    down = null;
    if (!began || Math.hypot(event.clientX - began.x, event.clientY - began.y) > STILL) return;
    const number = presses;
    setTimeout(() => {
      const node = live(began.node, began.mark);
      if (node && !clicked && !node.disabled) node.click();
      if (node?.getAttribute("role") === "tab") keep(began, () => presses !== number);
    }, 0);
  }, true);
  window.addEventListener("pointercancel", () => (down = null), true);
}

export default function () {
  if (window.turnwrightGuard) return;
  window.turnwrightGuard = true;
  guard();
}
