/* The turn viewer: turns of one trajectory, a rail to move on, marks by key or button; turn_parts.js and
   turn_remarks.js stand before it.

   Every mark is an entry {n, turn, rating | verdict | tag | note | undo, seen} of an append-only log that is sent as state; `seen`
   is what its giver saw in its place, so that another tab's mark is never overwritten unseen. However the messages are coalesced none is lost; the server answers with the highest n that it stored (`seen`), and the log
   is trimmed to what is newer. What is not acknowledged also lies in localStorage, so marks pressed right before a tab
   closes or a server stops are sent by the next viewer that opens.

   Every key of the page is taken here, and so are the clicks on its ways to another trajectory and beside the turns: a
   redraw replaces those buttons one by one, and for a moment old ones stand beside new ones. This viewer stays, and
   lets a press through only while the title, the turns and what is beside them show one trajectory, whose number the
   press carries. Text is written through textContent only: nothing in a trajectory becomes markup. */

const VERDICTS = { accept: ["Accept", "✓"], reject: ["Reject", "✕"], fix: ["Fix", "✎"] };
const NO_VERDICT = "Only turns of the assistant get a verdict";
const FLUSH_MS = 250;
const KEPT = "turnwright.marks.";
const ORPHANED_MS = 3000;
const HELD_MS = 3000;
const TURN_MS = 5000;
const TOLD_MS = 4000;
const WAYS = { go_next: "next", go_previous: "previous", go_unreviewed: "unreviewed" };
const KEY_WAYS = { n: "next", N: "unreviewed", p: "previous", y: "unreviewed" };
const instances = new WeakMap();

class Viewer {
  constructor(root) {
    this.root = root;
    this.log = [];
    this.n = 0;
    this.asked = [];
    this.client = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");
    this.current = 0;
    this.timer = null;
    this.sent = -FLUSH_MS * 2;
    this.unsent = false;
    this.held = null;
    this.left = null;
    this.told = null;
    this.drawn = "";
    this.focused = 0;
    this.remarks = new Remarks(this);
    this.onkey = (event) => this.key(event);
    this.onhide = () => (this.remarks.commit(), this.flush());
    this.onclick = (event) => this.guard(event) || this.hold(event);
    this.onpress = (event) => this.guard(event);
    this.adopting = setTimeout(() => this.adopt(), ORPHANED_MS);
    window.addEventListener("keydown", this.onkey, true);
    window.addEventListener("pointerdown", this.onhide, true);
    window.addEventListener("pointerdown", this.onpress, true);
    window.addEventListener("click", this.onclick, true);
    window.addEventListener("pagehide", this.onhide);
    document.addEventListener("visibilitychange", this.onhide);
  }

  close() {
    clearTimeout(this.adopting);
    clearTimeout(this.held?.timer);
    this.remarks.commit();
    this.flush();
    window.removeEventListener("keydown", this.onkey, true);
    window.removeEventListener("pointerdown", this.onhide, true);
    window.removeEventListener("pointerdown", this.onpress, true);
    window.removeEventListener("click", this.onclick, true);
    window.removeEventListener("pagehide", this.onhide);
    document.removeEventListener("visibilitychange", this.onhide);
  }

  update({ data, setStateValue }) {
    this.send = setStateValue;
    const signature = JSON.stringify([data.trajectory, data.turns]);
    if (this.data && signature !== this.drawn) this.remarks.commit(); // what is being written belongs to what is drawn
    if (this.data && data.trajectory !== this.trajectory) this.remarks.leave();
    this.data = data;
    if (data.client === this.client) {
      this.log = this.log.filter((entry) => entry.n > data.seen);
      this.keep();
    }
    if (signature !== this.drawn) this.draw(signature);
    if (data.trajectory !== this.trajectory) {
      this.focused = data.focus[0];
      this.trajectory = data.trajectory;
      this.asked = [];
      this.current = data.turns.length ? data.start : 0;
      this.move(this.current, { scroll: data.start > 0 });
    } else if (data.focus[0] > this.focused) {
      this.focused = data.focus[0];
      this.move(data.focus[1]);
    }
    this.paint();
    if (this.held && !this.log.length) this.release();
  }

  draw(signature) {
    const { turns } = this.data;
    this.drawn = signature;
    this.tags = new Map();
    for (const turn of turns) for (const call of turn.calls) this.tags.set(call.id, String(this.tags.size + 1));
    this.rail = el("div", { class: "rail", role: "listbox", tabindex: "0", "aria-label": "Turns", "aria-orientation": "vertical" },
      ...turns.map((turn) => el("div", {
        class: `stop ${turn.role}`, role: "option", id: `stop-${turn.index}`, "data-turn": turn.index, "aria-selected": "false",
        title: `Turn ${turn.index}: ${ROLE_NAMES[turn.role]}`, onclick: () => this.move(turn.index),
      }, el("span", { class: "place", text: String(turn.index) }), el("span", { class: "mark" }))));
    this.list = el("div", { class: "list" }, ...turns.map((turn) => article(turn, this)));
    this.list.addEventListener("mouseover", (event) => this.tie(event.target.closest("[data-link]")));
    this.list.addEventListener("mouseleave", () => this.tie(null));
    this.status = el("span", { class: "status", role: "status", "aria-live": "polite" });
    const scroll = this.root.querySelector(".list")?.scrollTop ?? 0;
    const writing = this.remarks.writing();
    this.root.querySelector(".viewer")?.remove();
    this.root.append(el("div", { class: "viewer" }, this.toolbar(), this.remarks.node, el("div", { class: "body" }, this.rail, this.list)));
    this.list.scrollTop = scroll;
    writing?.focus({ preventScroll: true });
  }

  toolbar() {
    const button = (text, title, onclick, extra = {}) => el("button", { type: "button", title, onclick, text, ...extra });
    const group = (name, ...buttons) => el("div", { class: "group", role: "group", "aria-label": name }, ...buttons);
    const rate = [1, 2, 3, 4, 5].map((value) =>
      button(String(value), `Rate this turn ${value} of 5 (key ${value})`, () => this.mark({ rating: value }), { "data-rating": value, "aria-pressed": "false" }));
    const decide = Object.entries(VERDICTS).map(([name, [word, sign]]) =>
      button(`${sign} ${word}`, `${word} this turn (key ${name[0].toUpperCase()})`, () => this.mark({ verdict: name }), { "data-verdict": name, "aria-pressed": "false" }));
    return el(
      "div", { class: "toolbar", role: "toolbar", "aria-label": "Marks for the current turn" },
      group("Move", button("↑", "Previous turn (key K)", () => this.step(-1), { "aria-label": "Previous turn" }),
        button("↓", "Next turn (key J)", () => this.step(1), { "aria-label": "Next turn" })),
      el("div", { class: "group deciding", role: "group", "aria-label": "Verdict on this turn" },
        el("span", { class: "caption", text: "This turn" }), el("span", { class: "group verdicts" }, ...decide),
        el("span", { class: "group none" }, el("span", { class: "caption", title: NO_VERDICT, text: "No verdict: it is not trained" }),
          button("Take the mark away", "Take rating and verdict of this turn away (key 0)", () => this.mark({ rating: null, verdict: null }), { class: "clear" }))),
      group("Rating of this turn", ...rate),
      group("History", button("↶ Undo", "Undo your last change, wherever it was (key U)", () => this.mark({ undo: true }))),
      this.status,
    );
  }

  /* moving is local: nothing is sent */
  move(index, { scroll = true, keep = false } = {}) {
    const last = this.data.turns.length - 1;
    this.current = Math.max(0, Math.min(last, index));
    if (keep) return this.paint();
    if (scroll) {
      this.list.querySelector(`#turn-${this.current}`)?.scrollIntoView({ block: "nearest", behavior: "instant" });
      this.rail.querySelector(`#stop-${this.current}`)?.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    }
    this.paint();
  }

  step(by, role = null) {
    let index = this.current + by;
    while (role && this.data.turns[index] && this.data.turns[index].role !== role) index += by;
    if (this.data.turns[index]) this.move(index);
  }

  /* A verdict counts in exports on the whole (turn null) and on turns of the assistant. */
  decides(turn) {
    return turn === null || this.data.turns[turn]?.role === "assistant";
  }

  decide(verdict, turn) {
    if (this.decides(turn)) this.mark({ verdict }, turn);
    else this.tell(NO_VERDICT);
  }

  /* the page is on its way to another trajectory: asked for, or drawn in part */
  turning() {
    if (this.left && (!this.log.some((entry) => entry.n === this.left.n) || performance.now() - this.left.at > TURN_MS)) this.left = null;
    const title = document.querySelector('[data-testid="stMain"] h1')?.textContent.match(/\d+/)?.[0];
    const beside = [...document.querySelectorAll('[class*="st-key-beside_"]')].map((node) => node.className.match(/st-key-beside_(\d+)/)[1]);
    return Boolean(this.left) || [title, ...beside].some((number) => Number(number) !== this.trajectory);
  }

  refuse() {
    this.tell(`The page is turning away from trajectory ${this.trajectory}: nothing was done. Press again.`);
  }

  tell(text) {
    clearTimeout(this.told?.timer);
    this.told = { text, timer: setTimeout(() => ((this.told = null), this.paint()), TOLD_MS) };
    this.paint();
  }

  /* to another trajectory, once what was marked on this one is stored */
  go(way, change = {}) {
    if (this.turning()) return this.refuse();
    this.mark({ ...change, go: way }, null);
    this.left = { n: this.n, at: performance.now() };
    this.flush(true);
  }

  /* Say whether a press of the mouse was dealt with here: a way to another trajectory, or something beside the turns of
     one that is being left. */
  guard(event) {
    const node = event.composedPath().find((one) => one.matches?.('[class*="st-key-go_"], [class*="st-key-accept_next_"], [class*="st-key-beside_"]'));
    const pressed = event.composedPath().find((one) => one.tagName === "BUTTON");
    if (!node || pressed?.disabled) return false;
    const [, kind] = node.className.match(/st-key-(go_[a-z]+|accept_next|beside)/);
    if (kind === "beside" && !this.turning()) return false;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.type !== "click" || (kind !== "beside" && !pressed)) return true;
    if (kind === "beside") this.refuse();
    else if (kind === "accept_next") this.go("unreviewed", { verdict: "accept" });
    else this.go(WAYS[kind]);
    return true;
  }

  /* the first mark after a pause leaves at once, the rest of a burst together every FLUSH_MS */
  mark(change, turn = this.current) {
    if (!this.data.turns.length && turn !== null) return;
    // a note was written on what was drawn then; an undo means the last change, wherever it was
    if (!("note" in change) && !change.undo && this.turning()) return this.refuse();
    this.unsent = true;
    const now = turn === null ? this.whole() : this.marks().get(turn) ?? {};
    const seen = Object.fromEntries(["rating", "verdict"].filter((name) => name in change).map((name) => [name, now[name] ?? null]));
    this.log.push({ n: ++this.n, trajectory: this.trajectory, turn, seen, ...change });
    this.keep();
    if (performance.now() - this.sent > FLUSH_MS) this.flush();
    else if (!this.timer) this.timer = setTimeout(() => this.flush(), FLUSH_MS);
    this.paint();
  }

  keep() {
    if (this.log.length) localStorage.setItem(KEPT + this.client, JSON.stringify({ at: Date.now(), log: this.log }));
    else localStorage.removeItem(KEPT + this.client);
  }

  /* take over what a closed tab left behind; an undo is not repeated, since it may have been done, and no page turned */
  adopt() {
    for (const name of Object.keys(localStorage).filter((key) => key.startsWith(KEPT) && key !== KEPT + this.client)) {
      const left = JSON.parse(localStorage.getItem(name));
      if (Date.now() - left.at < ORPHANED_MS) continue;
      localStorage.removeItem(name);
      this.log.push(...left.log.filter((entry) => !entry.undo && (!entry.go || entry.verdict)).map(({ go, ...entry }) => ({ ...entry, n: ++this.n })));
      this.unsent = true;
    }
    this.keep();
    this.flush();
    this.paint();
  }

  /* A change of page drops the message that still waits at the server, so a link is followed once every mark is stored. */
  hold(event) {
    const link = event.composedPath().find((node) => node.tagName === "A" && node.href);
    const elsewhere = event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link?.target === "_blank";
    if (!link || elsewhere || !this.log.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    clearTimeout(this.held?.timer);
    this.held = { link, timer: setTimeout(() => this.release(), HELD_MS) };
    this.flush();
  }

  release() {
    const { link, timer } = this.held;
    clearTimeout(timer);
    this.held = null;
    window.removeEventListener("click", this.onclick, true);
    if (link.isConnected) link.click();
    else window.location.assign(link.href);
    window.addEventListener("click", this.onclick, true);
  }

  ask(turn) {
    this.asked = [...new Set([...this.asked, turn])];
    this.flush(true);
  }

  flush(force = false) {
    clearTimeout(this.timer);
    this.timer = null;
    if (!this.send || (force !== true && !this.unsent)) return;
    this.sent = performance.now();
    this.unsent = false;
    this.send("work", { client: this.client, trajectory: this.trajectory, log: this.log, full: this.asked });
  }

  /* what the server stored, with what it has not stored yet on top */
  marks() {
    const marks = new Map(Object.entries(this.data.marks).map(([turn, mark]) => [Number(turn), { ...mark }]));
    for (const { trajectory, turn, rating, verdict, tag, on, note, undo } of this.log) {
      if (trajectory !== this.trajectory || turn === null || undo) continue;
      const mark = marks.get(turn) ?? {};
      if (rating !== undefined) mark.rating = rating;
      if (verdict !== undefined) mark.verdict = verdict;
      if (tag !== undefined) mark.tags = [...(mark.tags ?? []).filter((one) => one !== tag), ...(on ? [tag] : [])];
      if (note !== undefined) mark.note = note;
      marks.set(turn, mark);
    }
    return marks;
  }

  whole() {
    const last = this.log.findLast((entry) => entry.trajectory === this.trajectory && entry.turn === null && entry.verdict !== undefined);
    return last ?? this.data.whole;
  }

  paint() {
    const marks = this.marks();
    for (const turn of this.data.turns) {
      const mark = marks.get(turn.index) ?? {};
      const [word, sign] = VERDICTS[mark.verdict] ?? ["", ""];
      const stop = this.rail.children[turn.index];
      const node = this.list.children[turn.index];
      const here = turn.index === this.current;
      stop.setAttribute("aria-selected", String(here));
      stop.setAttribute("aria-label", [`Turn ${turn.index}`, ROLE_NAMES[turn.role], word, mark.rating ? `rated ${mark.rating} of 5` : "", mark.tags?.join(", "), mark.note ? "with a note" : ""].filter(Boolean).join(", "));
      stop.lastChild.textContent = sign + (mark.rating ?? "");
      stop.dataset.verdict = mark.verdict ?? "";
      stop.classList.toggle("remarked", Boolean(mark.tags?.length || mark.note));
      showRemarks(node, mark);
      node.classList.toggle("current", here);
      node.dataset.verdict = mark.verdict ?? "";
      node.querySelector(".marks").textContent = [sign && `${sign} ${word}`, mark.rating && `${mark.rating} of 5`].filter(Boolean).join("  ·  ");
    }
    this.rail.setAttribute("aria-activedescendant", `stop-${this.current}`);
    const mark = marks.get(this.current) ?? {};
    for (const button of this.root.querySelectorAll("[data-rating]")) button.setAttribute("aria-pressed", String(Number(button.dataset.rating) === mark.rating));
    for (const button of this.root.querySelectorAll(".toolbar [data-verdict]")) button.setAttribute("aria-pressed", String(button.dataset.verdict === mark.verdict));
    this.remarks.paint(this.current, mark, this.data.known);
    const deciding = this.root.querySelector(".deciding");
    deciding.querySelector(".verdicts").classList.toggle("away", !this.decides(this.current));
    deciding.querySelector(".none").classList.toggle("away", this.decides(this.current));
    deciding.querySelector(".clear").hidden = this.decides(this.current) || !mark.verdict;
    const count = this.data.turns.length;
    this.status.textContent = this.told?.text ?? `Turn ${this.current} of ${count ? count - 1 : 0} · ${this.log.length ? "Saving…" : "Saved"}`;
    this.status.dataset.pending = this.log.length;
    this.status.classList.toggle("refused", Boolean(this.told));
  }

  tie(target) {
    const link = target?.dataset.link;
    for (const node of this.list.querySelectorAll("[data-link]")) node.classList.toggle("linked", Boolean(link) && node.dataset.link === link);
  }

  key(event) {
    if (this.remarks.key(event)) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
    const way = KEY_WAYS[event.key.length === 1 ? (event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase()) : ""];
    const covered = document.querySelector('[role="dialog"]');
    if (covered ? !way : !way && !this.act(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // none of these keys reaches a button of the page, old or new
    if (way && !covered && !event.repeat) this.go(way, event.key.toLowerCase() === "y" ? { verdict: "accept" } : {});
  }

  act(event) {
    const inRail = event.composedPath().includes(this.rail);
    const whole = event.shiftKey ? null : this.current; // the Shift key itself: Caps Lock gives capitals too
    if (event.key >= "1" && event.key <= "5" && event.key.length === 1) return this.mark({ rating: Number(event.key) }), true;
    switch (event.key.length === 1 ? event.key.toLowerCase() : event.key) {
      case "j": return this.step(1, event.shiftKey ? "assistant" : null), true;
      case "k": return this.step(-1, event.shiftKey ? "assistant" : null), true;
      case "ArrowDown": case "ArrowRight": return inRail && (this.step(1), true);
      case "ArrowUp": case "ArrowLeft": return inRail && (this.step(-1), true);
      case "Home": return inRail && (this.move(0), true);
      case "End": return inRail && (this.move(this.data.turns.length - 1), true);
      case "0": return this.mark({ rating: null, verdict: null }), true;
      case "a": return this.decide("accept", whole);
      case "r": return this.decide("reject", whole);
      case "f": return this.decide("fix", whole);
      case "t": return !event.shiftKey && this.remarks.openTags();
      case "m": return !event.shiftKey && this.remarks.openNote();
      case "u": return !event.shiftKey && (this.mark({ undo: true }), true);
      default: return false;
    }
  }
}

export default function (component) {
  const root = component.parentElement;
  let viewer = instances.get(root);
  if (!viewer) {
    viewer = new Viewer(root);
    instances.set(root, viewer);
  }
  viewer.update(component);
  return () => {
    viewer.close();
    instances.delete(root);
  };
}
