// SPDX-License-Identifier: Apache-2.0
// <lane-card>: one setting and what it gave.

import { h } from "../lib/dom.js";
import { explain, letter } from "../lib/comparison.js";
import { wordDiff } from "../lib/diff.js";
import { brief } from "../lib/sweeps.js";
import { spelled } from "../lib/tokens.js";
import "./token-text.js";

/**
 * Fires `rename` (detail: the name), `edit`, `duplicate`, `remove`, `move` (detail: -1 or 1), `drop-lane` (detail: the
 * index of the lane that was dragged here), and those of its tokens: `point`, `choose`, `leave`.
 */
export class LaneCard extends HTMLElement {
  #parts = {};
  #index = 0;

  /** Draws the lane at `index` of `count`. */
  attach(lane, index, count) {
    this.#index = index;
    const own = letter(index);
    const fire = (name, detail) => this.dispatchEvent(new CustomEvent(name, { detail }));
    const button = (title, symbol, work, disabled = false) => h("button", {
      type: "button", class: "clear", "aria-label": `${title} lane ${own}`, title, onclick: work, disabled,
    }, symbol);
    const handle = h("button", {
      type: "button", class: "handle", draggable: "true", "aria-label": `Lane ${own}: drag, or move with the arrow keys`,
      title: "Drag, or move with the arrow keys",
      onkeydown: (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
        if (!step) return;
        event.preventDefault();
        fire("move", step);
      },
      ondragstart: (event) => {
        event.dataTransfer.setData("application/x-temper-lane", String(index));
        event.dataTransfer.effectAllowed = "move";
      },
    }, own);
    this.#parts = {
      settings: h("p", { class: "settings" }, brief(lane.settings)),
      text: h("token-text", { "aria-label": `Tokens of lane ${own}: arrows move, Enter shows more` }),
      words: h("div", { class: "words" }),
      why: h("p", { class: "why" }),
      end: h("p", { class: "quiet end" }),
      handle,
    };
    this.replaceChildren(
      h("div", { class: "lane-head" }, handle,
        h("input", {
          type: "text", value: lane.name, "aria-label": `Name of lane ${own}`, placeholder: "no name", maxlength: 200,
          oninput: (event) => fire("rename", event.target.value),
        }),
        button("Levers of", "✎", () => fire("edit")), button("Duplicate", "+", () => fire("duplicate"), count >= 8),
        button("Remove", "×", () => fire("remove"), count <= 2)),
      this.#parts.settings,
      h("div", { class: "paper" }, this.#parts.text, this.#parts.words), this.#parts.why, this.#parts.end);
    this.#parts.words.hidden = true;
    for (const name of ["point", "choose", "leave"]) {
      this.#parts.text.addEventListener(name, (event) => fire(name, event.detail));
    }
    this.ondragover = (event) => {
      if (event.dataTransfer.types.includes("application/x-temper-lane")) event.preventDefault();
    };
    this.ondrop = (event) => {
      event.preventDefault();
      fire("drop-lane", Number(event.dataTransfer.getData("application/x-temper-lane")));
    };
  }

  get text() {
    return this.#parts.text;
  }

  focusHandle() {
    this.#parts.handle.focus();
  }

  set settings(settings) {
    this.#parts.settings.textContent = brief(settings);
  }

  clear() {
    this.#parts.text.clear();
    this.#parts.words.replaceChildren();
    this.#parts.why.replaceChildren();
    this.#parts.end.textContent = "";
  }

  /** Shows a choice from its first token. */
  show(choice) {
    this.#parts.text.show(choice.tokens, { isOpen: !choice.finish });
    this.finish(choice);
  }

  /** Adds tokens of the choice that is shown. */
  grow(choice, tokens) {
    this.#parts.text.add(tokens);
    if (choice.finish) this.finish(choice);
  }

  /** Shows how the choice ended and where it left lane A. */
  finish(choice) {
    if (choice.finish) this.#parts.text.end();
    else this.#parts.text.flush();
    const { divergence } = choice;
    if (divergence) {
      this.#parts.text.mark(divergence.step, "The first token that differs from lane A");
      this.#parts.why.replaceChildren(h("span", { class: "symbol", "aria-hidden": "true" }, "≠ "),
        ...explain(divergence, this.#index).map((piece) => (typeof piece === "string" ? piece
          : piece.stage ? h("b", {}, piece.stage) : h("code", {}, spelled(piece.token)))));
    } else if (this.#index > 0 && choice.finish) {
      this.#parts.why.replaceChildren(h("span", { "aria-hidden": "true" }, "= "), "the same as lane A, token by token.");
    }
    if (choice.finish) {
      this.#parts.end.textContent = `${choice.tokens.length} tokens, ${choice.finish === "length" ? "length" : "ended"}`;
    }
  }

  /** Shows the words that differ from lane A's, or the tokens again if `reference` is null. */
  showWords(choice, reference) {
    this.#parts.words.hidden = reference === null;
    this.#parts.text.hidden = reference !== null;
    if (reference === null) return;
    this.#parts.words.replaceChildren(...wordDiff(reference, choice.text).map(({ kind, text }) => {
      if (kind === "same") return text;
      return h(kind === "only-b" ? "ins" : "del", {}, text);
    }));
  }
}

customElements.define("lane-card", LaneCard);
