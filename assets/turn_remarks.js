/* Problem tags and a note for the current turn: one strip of a fixed size, whatever the number of turns.

   A tag goes out as a change ({tag, on}) and a note with what its writer saw in its place, so that two tabs on one
   trajectory never overwrite each other unseen. */

const TAG_LONGEST = 40;

function cleanTag(text) {
  return text.split(/\s+/).filter(Boolean).join(" ").slice(0, TAG_LONGEST).toLowerCase();
}

/* What is said of a turn, in its article. */
function showRemarks(article, mark) {
  const said = article.querySelector(".said");
  const signature = JSON.stringify([mark.tags ?? [], mark.note ?? ""]);
  if (said.dataset.shows === signature) return;
  said.dataset.shows = signature;
  said.hidden = !mark.tags?.length && !mark.note;
  said.replaceChildren(
    ...(mark.tags ?? []).map((tag) => el("span", { class: "problem", text: tag })),
    ...(mark.note ? [el("p", { class: "prose", text: mark.note })] : []),
  );
}

class Remarks {
  constructor(viewer) {
    this.viewer = viewer;
    this.turn = 0;
    this.tags = [];
    this.known = [];
    this.seen = "";
    this.active = 0;
    this.drawn = "";
    const button = (title, onclick) => el("button", { type: "button", title, onclick, "aria-expanded": "false" });
    this.tagButton = button("Tag a problem of this turn (key T)", () => (this.tagging.hidden ? this.openTags() : this.leave()));
    this.noteButton = button("Write a note on this turn (key M)", () => (this.note.hidden ? this.openNote() : this.leave()));
    this.tagButton.textContent = "+ Problem";
    this.chips = el("span", { class: "chips" });
    this.input = el("input", {
      type: "text", maxlength: TAG_LONGEST, role: "combobox", "aria-label": "Problem of this turn", "aria-controls": "problems",
      "aria-expanded": "true", "aria-autocomplete": "list", autocomplete: "off",
      placeholder: "Type to find or add · Enter chooses · Esc closes", oninput: () => this.choose(0),
    });
    this.options = el("div", { class: "problems", id: "problems", role: "listbox", "aria-label": "Problems", "aria-multiselectable": "true" });
    this.tagging = el("div", { class: "tagging", hidden: true }, this.input, this.options);
    this.note = el("textarea", {
      rows: "3", maxlength: "4000", "aria-label": "Note on this turn", hidden: true, onblur: () => this.commit(),
      placeholder: "What is wrong with this turn, or why it is good. Saved when you leave it; Esc closes",
    });
    this.node = el("div", { class: "remarks", role: "group", "aria-label": "Problems and note of the current turn" },
      el("div", { class: "strip" }, this.tagButton, this.chips, this.noteButton), this.tagging, this.note);
  }

  paint(turn, mark, known) {
    const elsewhere = turn !== this.turn;
    if (elsewhere) this.commit();
    this.turn = turn;
    this.tags = mark.tags ?? [];
    this.known = known;
    if (elsewhere || this.writing() !== this.note) {
      this.seen = mark.note ?? "";
      if (this.note.value !== this.seen) this.note.value = this.seen;
    }
    const signature = JSON.stringify([turn, this.tags, this.seen]);
    if (signature === this.drawn) return;
    this.drawn = signature;
    this.chips.replaceChildren(...this.tags.map((tag) => el("button", {
      type: "button", class: "problem", title: `Take "${tag}" off this turn`, "aria-label": `Take off: ${tag}`, text: `${tag} ✕`,
      onclick: () => this.toggle(tag),
    })));
    this.noteButton.textContent = this.seen ? `Note: ${this.seen}` : "Note";
    if (!this.tagging.hidden) this.choose(elsewhere ? 0 : this.active);
  }

  openTags() {
    this.leave();
    this.tagging.hidden = false;
    this.tagButton.setAttribute("aria-expanded", "true");
    this.input.value = "";
    this.choose(0);
    this.input.focus({ preventScroll: true });
    return true;
  }

  openNote() {
    this.leave();
    this.note.hidden = false;
    this.noteButton.setAttribute("aria-expanded", "true");
    this.note.focus({ preventScroll: true });
    return true;
  }

  /* the field of this strip that has the focus */
  writing() {
    const active = this.node.getRootNode().activeElement;
    return [this.input, this.note].find((field) => field === active);
  }

  leave() {
    this.commit();
    const inside = this.writing();
    this.tagging.hidden = true;
    this.note.hidden = true;
    this.tagButton.setAttribute("aria-expanded", "false");
    this.noteButton.setAttribute("aria-expanded", "false");
    if (inside) this.viewer.rail.focus({ preventScroll: true });
  }

  commit() {
    const note = this.note.value.trim();
    if (this.note.hidden || note === this.seen) return;
    const seen = this.seen;
    this.seen = note;
    this.viewer.mark({ note, seen: { note: seen } }, this.turn);
  }

  toggle(tag) {
    this.viewer.mark({ tag, on: !this.tags.includes(tag) }, this.turn);
  }

  /* tags that fit what is typed, and at the end what would be a new one */
  offered() {
    const typed = cleanTag(this.input.value);
    const all = [...new Set([...this.tags, ...this.known])];
    const fits = all.filter((tag) => tag.includes(typed)).sort((a, b) => b.startsWith(typed) - a.startsWith(typed));
    return typed && !all.includes(typed) ? [...fits, typed] : fits;
  }

  choose(active) {
    const offered = this.offered();
    this.active = offered.length ? (active + offered.length) % offered.length : 0;
    this.options.replaceChildren(...offered.map((tag, place) => el("div", {
      role: "option", id: `problem-${place}`, class: place === this.active ? "option active" : "option",
      "aria-selected": String(this.tags.includes(tag)), onclick: () => this.toggle(tag),
      text: (this.tags.includes(tag) ? "✓ " : this.known.includes(tag) || this.tags.includes(tag) ? "" : "+ ") + tag,
    })));
    this.input.setAttribute("aria-activedescendant", offered.length ? `problem-${this.active}` : "");
  }

  /* Say whether a key belongs to these fields. Then no shortcut of the page may see it: in here letters are text. */
  key(event) {
    const target = event.composedPath()[0];
    if (target !== this.input && target !== this.note) return false;
    event.stopImmediatePropagation();
    if (event.isComposing) return true;
    const done = event.key === "Escape" || (target === this.note && event.key === "Enter" && (event.ctrlKey || event.metaKey));
    if (done) this.leave();
    else if (target === this.input && event.key === "Enter") {
      const tag = this.offered()[this.active];
      if (!tag) return true;
      this.input.value = "";
      this.toggle(tag);
      this.choose(0);
    } else if (target === this.input && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      this.choose(this.active + (event.key === "ArrowDown" ? 1 : -1));
    } else return true;
    event.preventDefault();
    return true;
  }
}

