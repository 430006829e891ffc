/* How one turn is drawn: text, values, calls, a correction. Text is written through textContent only. */

const ROLE_NAMES = { system: "System", user: "User", assistant: "Assistant", tool: "Tool" };
const PROSE_OPEN = { system: 400, user: 2400, assistant: 4000, tool: 4000 };

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/* ---------------------------------------------------------------- values */

function scalar(value) {
  const kind = value === null ? "null" : typeof value;
  return el("span", { class: `value ${kind}`, text: JSON.stringify(value) });
}

function label(key) {
  return key === null ? null : el("span", { class: "key", text: `${key}: ` });
}

/* A collapsible tree of a JSON value. Children are built when a branch is opened for the first time. */
function tree(value, key, depth) {
  if (value === null || typeof value !== "object") return el("div", { class: "leaf" }, label(key), scalar(value));
  const entries = Array.isArray(value) ? value.map((item, i) => [i, item]) : Object.entries(value);
  const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  if (!entries.length) return el("div", { class: "leaf" }, label(key), el("span", { class: "value", text: size }));
  const body = el("div", { class: "branch" });
  const fill = () => {
    if (!body.childNodes.length) body.append(...entries.map(([name, item]) => tree(item, name, depth + 1)));
  };
  const details = el("details", { ontoggle: fill }, el("summary", {}, label(key), el("span", { class: "size", text: size })), body);
  if (depth === 0 || (depth === 1 && entries.length <= 6)) {
    details.open = true;
    fill();
  }
  return details;
}

function shown(text) {
  const trimmed = text.trim();
  if (/^[[{][^]*\d{16}/.test(trimmed)) return el("pre", { text }); // JavaScript would change the last digits of such a number
  if (trimmed.startsWith("{") || trimmed.startsWith("[")) {
    try {
      return el("div", { class: "json" }, tree(JSON.parse(trimmed), null, 0));
    } catch {
      return el("pre", { text });
    }
  }
  return el("pre", { class: "prose", text });
}

function prose(text, role = "assistant") {
  if (text.length <= PROSE_OPEN[role]) return el("p", { class: "prose", text });
  const cut = text.slice(0, 240).trimEnd() + " …";
  return el(
    "details", { class: "long" },
    el("summary", { text: `Show all (${text.length.toLocaleString("en-US")} characters): ${cut}` }),
    el("p", { class: "prose", text }),
  );
}

/* ---------------------------------------------------------------- one turn */

function callCard(call, tag) {
  const written = call.raw ?? call.exact ?? null; // exact: whole numbers whose last digits JavaScript would change
  const body = written === null ? el("div", { class: "json" }, tree(call.arguments, null, 0)) : el("pre", { text: written });
  return el(
    "div", { class: "call", "data-link": call.id },
    el("div", { class: "callhead" }, el("span", { class: "tag", text: tag }), el("code", { text: call.name }),
      call.raw === null ? null : el("span", { class: "chip bad", text: "Not a JSON object" })),
    body,
  );
}

function fixedCard(turn, viewer) {
  if (!turn.fix) return null;
  return el(
    "div", { class: "fixed" },
    el("div", { class: "fixhead", text: "Your correction, used instead of the turn above" },
      turn.fix.unverified ? el("span", { class: "chip", text: "unverified: never played in a sandbox" }) : null),
    turn.fix.content ? prose(turn.fix.content) : null,
    ...turn.fix.calls.map((call) => callCard(call, viewer.tags.get(call.id) || "•")),
    ...turn.fix.results.map((result) => el("div", { class: "call" }, el("div", { class: "callhead" }, el("code", { text: `${result.name} →` })), shown(result.content))),
  );
}

/* What the turn states and nobody gave, or an earlier result contradicts: the words, then why. */
function claimList(claims) {
  return el("ul", { class: "claims", "aria-label": "Claims that do not hold" }, ...claims.map((claim) =>
    el("li", { class: claim.warns ? "warns" : undefined },
      el("q", { text: claim.quote }), el("span", { text: `: ${claim.why}${claim.warns ? " (not certain)" : ""}` }))));
}

function article(turn, viewer) {
  const tag = turn.call_id ? viewer.tags.get(turn.call_id) : null;
  const head = el(
    "header", {},
    el("span", { class: "number", text: `#${turn.index}` }),
    el("span", { class: "role", text: ROLE_NAMES[turn.role] }),
    tag ? el("span", { class: "tag", text: tag }) : null,
    turn.name ? el("code", { text: turn.name }) : null,
    turn.fault ? el("span", { class: "chip bad", text: turn.fault.replaceAll("_", " ") }) : null,
    turn.train ? null : el("span", { class: "chip", text: "not trained on" }),
    turn.left_out ? el("span", { class: "chip bad", text: turn.left_out }) : null,
    ...turn.notes.map((note) => el("span", { class: "chip note", text: note })),
    turn.took ? el("span", { class: "caption", text: turn.took }) : null,
    el("span", { class: "marks" }),
  );
  const node = el(
    "article",
    {
      class: `turn ${turn.role}` + (tag ? " tied" : ""), id: `turn-${turn.index}`, "data-turn": turn.index,
      "data-link": turn.call_id, "aria-label": `Turn ${turn.index}, ${ROLE_NAMES[turn.role]}`,
      onclick: (event) => viewer.move(turn.index, { scroll: false, keep: event.target.closest("summary, button") }),
    },
    head,
  );
  if (turn.reasoning) {
    node.append(el("details", { class: "reasoning" }, el("summary", { text: "Reasoning" }), el("p", { class: "prose", text: turn.reasoning })));
  }
  if (turn.content) node.append(turn.role === "tool" ? shown(turn.content) : prose(turn.content, turn.role));
  if (!turn.content && !turn.calls.length && !turn.reasoning) node.append(el("p", { class: "empty", text: "Empty text" }));
  if (turn.cut) {
    node.append(el("button", { type: "button", class: "quiet", text: `Show the rest (${turn.size.toLocaleString("en-US")} characters)`,
      onclick: () => viewer.ask(turn.index) }));
  }
  if (turn.claims.length) node.append(claimList(turn.claims));
  node.append(...turn.calls.map((call) => callCard(call, viewer.tags.get(call.id))));
  node.append(el("div", { class: "said", hidden: true }));
  const fix = fixedCard(turn, viewer);
  if (fix) node.append(fix);
  return node;
}

