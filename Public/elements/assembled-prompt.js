// SPDX-License-Identifier: Apache-2.0
// <assembled-prompt>: the prompt as the model will see it: which stretch comes from where, and how much room it takes.

import { h } from "../lib/dom.js";

export class AssembledPrompt extends HTMLElement {
  /** Shows an entry of `assembled`. `context`: the model's, in tokens. */
  show(assembled, context) {
    const tokens = assembled.tokens ?? assembled.token_ids.length;
    const room = assembled.context_length ?? context;
    const meter = h("meter", { min: 0, max: room ?? tokens, value: String(tokens), "aria-label": "Room that the prompt takes" });
    this.replaceChildren(
      h("p", { class: "room" }, meter, ` ${tokens} tokens${room ? ` of ${room}` : ""}`,
        assembled.budget_tokens ? `, ${assembled.budget_tokens} allowed` : ""),
      h("div", { class: "assembled", tabIndex: 0, role: "group", "aria-label": "The assembled prompt" },
        pieces(assembled).map(({ span, text }) => (span ? stretch(span, text) : text))));
  }

  clear(text = "") {
    this.replaceChildren(h("p", { class: "quiet" }, text));
  }
}

// Positions count Unicode scalars.
function pieces({ text, spans }) {
  const scalars = Array.from(text);
  const result = [];
  let at = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start < at) continue;
    if (span.start > at) result.push({ text: scalars.slice(at, span.start).join("") });
    result.push({ span, text: scalars.slice(span.start, span.end).join("") });
    at = span.end;
  }
  if (at < scalars.length) result.push({ text: scalars.slice(at).join("") });
  return result;
}

function stretch({ kind, index, token_start: from, token_end: to }, text) {
  const title = `${kind}${index === undefined ? "" : ` ${index + 1}`}`;
  const count = to === undefined ? "" : `, ${to - from} tokens`;
  return h("span", { class: `span ${kind}`, title: title + count },
    h("span", { class: "span-label" }, title), text);
}

customElements.define("assembled-prompt", AssembledPrompt);
