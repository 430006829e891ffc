/* Draws a row of an export: its messages with what is trained of them, or its tokens. Text is written through textContent only. */

const ROLE_NAMES = { system: "System", user: "User", assistant: "Assistant", tool: "Tool" };
const MOST_SHOWN = 4000;

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function cut(text) {
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}… (${text.length.toLocaleString()} characters)` : text;
}

function markOf(trained) {
  if (trained === null) return null;
  return el("span", trained ? "mark trained" : "mark", trained ? "trained" : "read, not trained");
}

function messageNode(message) {
  const node = el("div", message.trained ? "message trained" : "message");
  const head = el("div", "head");
  head.append(el("strong", "", ROLE_NAMES[message.role] ?? (message.role || "Text")));
  const mark = markOf(message.trained);
  if (mark) head.append(mark);
  node.append(head);
  if (message.reasoning) node.append(el("pre", "reasoning", cut(message.reasoning)));
  if (message.text) node.append(el("pre", "", cut(message.text)));
  for (const call of message.calls) {
    const line = el("pre", "call");
    line.append(el("strong", "", call.name), ` ${cut(call.arguments)}`);
    node.append(line);
  }
  return node;
}

function partNodes(parts) {
  return parts.flatMap((part) => [
    ...(parts.length > 1 ? [el("h4", "", part.name)] : []),
    ...part.messages.map(messageNode),
  ]);
}

function tokenNodes(tokens, trained) {
  const node = el("pre", "tokens");
  tokens.forEach((token, place) => {
    const kind = trained === null ? "" : trained[place] ? " trained" : "";
    node.append(el("span", `${place % 2 ? "odd" : "even"}${kind}`, token));
  });
  return [node];
}

export default function ({ parentElement, data }) {
  const root = el("div", "row");
  root.append(...(data.parts ? partNodes(data.parts) : tokenNodes(data.tokens, data.trained)));
  parentElement.querySelector(".row")?.remove();
  parentElement.append(root);
}
