// SPDX-License-Identifier: Apache-2.0
// <token-text>: an answer, token by token, shaded by probability. One stop of Tab; arrows move from token to token.

import { h, rove } from "../lib/dom.js";
import { PieceJoiner, percent, shade, spelled } from "../lib/tokens.js";

// A browser lays out a paragraph as a whole. So that a long answer costs no more for each token than a short one, it is
// cut, where a line begins anyway, into blocks of about so many tokens.
const blockSize = 160;

/**
 * Fires, with `detail` `{ index, element }`: `point` when a token is hovered or focused, `choose` when it is pressed;
 * and `leave` when the pointer goes.
 */
export class TokenText extends HTMLElement {
  tokens = [];
  #joiner = new PieceJoiner();
  #waiting = [];
  #frame = null;
  #isQuiet = false;
  #hovered = null;
  #hoverTimer = null;
  #last = this;
  #width = 0;
  #resizes = new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === this.#width) return;
    this.#width = contentRect.width;
    this.#cut();
  });

  constructor() {
    super();
    this.addEventListener("copy", (event) => copyText(this, event));
    this.addEventListener("pointermove", (event) => this.#hover(event));
    this.addEventListener("focusin", (event) => this.#fire("point", event.target, event));
    this.addEventListener("click", (event) => this.#fire("choose", event.target, event));
    this.addEventListener("pointerleave", () => {
      this.#unhover();
      this.dispatchEvent(new CustomEvent("leave"));
    });
    this.addEventListener("keydown", (event) => this.#move(event));
  }

  connectedCallback() {
    if (!this.hasAttribute("role")) this.setAttribute("role", "group");
    this.#resizes.observe(this.parentElement);
  }

  disconnectedCallback() {
    this.#resizes.disconnect();
  }

  /**
   * Shows these tokens alone. `isOpen`: more may follow. `fork`: where a branch left its parent; the token there was
   * chosen by hand.
   */
  show(tokens, { isOpen, fork = null }) {
    this.clear();
    this.append(...this.#make(tokens, 0));
    this.tokens = [...tokens];
    if (!isOpen) this.end();
    this.#cut();
    if (fork !== null) {
      const chosen = this.querySelectorAll(".t")[fork];
      chosen?.classList.add("chosen");
      chosen?.setAttribute("aria-label", `${chosen.getAttribute("aria-label")}, chosen by hand`);
    }
    this.#openTab();
  }

  clear() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    this.#waiting = [];
    this.#joiner = new PieceJoiner();
    this.tokens = [];
    this.#last = this;
    this.replaceChildren();
  }

  /** Adds tokens of a stream, once per frame. */
  add(tokens) {
    this.#waiting.push(...tokens);
    this.tokens.push(...tokens);
    this.#frame ??= requestAnimationFrame(() => this.flush());
  }

  /** Draws at once what waits for the next frame. */
  flush() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    const first = this.tokens.length - this.#waiting.length;
    this.#last.append(...this.#make(this.#waiting, first));
    this.#waiting = [];
    const open = this.#last === this ? this.querySelectorAll(":scope > .t") : this.#last.children;
    if (open.length >= blockSize) this.#startBlock([...open]);
    if (first === 0) this.#openTab();
  }

  /** Draws what waits, and what the last token left open: no token follows. */
  end() {
    this.flush();
    const rest = this.#joiner.end();
    if (rest) [...this.querySelectorAll(".t")].at(-1)?.append(rest);
  }

  /** Marks a token, such as the first that differs; null takes the mark away. */
  mark(index, title = "") {
    this.querySelector(".marked")?.classList.remove("marked");
    const element = index === null ? null : this.querySelectorAll(".t")[index];
    element?.classList.add("marked");
    if (element && title) element.title = title;
  }

  /** Moves the focus to a token, without `point` for it. */
  focusToken(index) {
    const element = this.querySelectorAll(".t")[index];
    if (!element) return;
    this.querySelector('.t[tabindex="0"]')?.setAttribute("tabindex", "-1");
    element.tabIndex = 0;
    this.#isQuiet = true;
    element.focus();
    this.#isQuiet = false;
  }

  #openTab() {
    const first = this.querySelector(".t");
    if (first && !this.querySelector('.t[tabindex="0"]')) first.tabIndex = 0;
  }

  // Lets a new block begin with the last line of the tokens of the open one.
  #startBlock(open) {
    const start = lineStarts(open).at(-1);
    if (start === undefined) return;
    this.#last = h("div", { class: "block" }, open.slice(start));
    this.append(this.#last);
    outdent(this.#last);
  }

  // Cuts the whole text anew, for the width that it has.
  #cut() {
    const all = [...this.querySelectorAll(".t")];
    if (all.length < blockSize || all[0].getClientRects().length === 0) return;
    this.replaceChildren(...all);
    const bounds = [];
    for (const start of lineStarts(all)) if (start - (bounds.at(-1) ?? 0) >= blockSize) bounds.push(start);
    const blocks = bounds.map((start, index) => h("div", { class: "block" }, all.slice(start, bounds[index + 1])));
    this.append(...blocks);
    this.#last = blocks.at(-1) ?? this;
    blocks.forEach(outdent);
  }

  #make(tokens, first) {
    return tokens.map((token, place) => {
      if (token.isEnd) return ending(token, first + place);
      const text = this.#joiner.add(token);
      const element = h("span", {
        class: `t p${shade(token.processed ?? token.raw)} r${shade(token.raw)}${text === "" ? " piece" : ""}`,
        role: "button", tabIndex: -1, "data-index": first + place,
        "aria-label": `${spelled(text)}, ${percent(token.processed ?? token.raw)}`,
      }, text);
      return element;
    });
  }

  // A pointer that rests for a moment on a token; text that comes to lie under one that rests anyway does not count.
  #hover(event) {
    if (event.pointerType === "touch" || event.target === this.#hovered) return;
    this.#unhover();
    this.#hovered = event.target;
    this.#hoverTimer = setTimeout(() => this.#fire("point", event.target, event), 80);
  }

  #unhover() {
    clearTimeout(this.#hoverTimer);
    this.#hovered = null;
  }

  #fire(name, target, event) {
    const element = target.closest?.(".t");
    if (!element || !this.contains(element) || this.#isQuiet) return;
    const index = Number(element.dataset.index);
    this.dispatchEvent(new CustomEvent(name, { detail: { index, element, byKey: event.type === "focusin" } }));
  }

  #move(event) {
    const current = event.target.closest(".t");
    if (!current || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#fire("choose", current, event);
      return;
    }
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      this.#moveLine(current, event);
      return;
    }
    rove([...this.querySelectorAll(".t")], current, event, { vertical: false });
  }

  // To the token of the line above or below that stands nearest.
  #moveLine(current, event) {
    event.preventDefault();
    const from = current.getBoundingClientRect();
    const isDown = event.key === "ArrowDown";
    let best = null;
    for (const element of this.querySelectorAll(".t")) {
      const box = element.getBoundingClientRect();
      const down = isDown ? box.top - from.top : from.top - box.top;
      if (down < from.height / 2) continue;
      const distance = down * 1000 + Math.abs(box.left - from.left);
      if (best === null || distance < best.distance) best = { element, distance };
    }
    if (!best) return;
    current.tabIndex = -1;
    best.element.tabIndex = 0;
    best.element.focus();
  }
}

// The indices of the tokens with which lines begin, without the first.
function lineStarts(tokens) {
  const starts = [];
  let line = null;
  tokens.forEach((token, index) => {
    const top = [...token.getClientRects()].at(-1)?.top;
    if (top === undefined) return;
    if (line !== null && top > line + 4) starts.push(index);
    line = top;
  });
  return starts;
}

// The space before a word hangs at the end of the line before; in a block of its own it would stand at the beginning.
function outdent(block) {
  const text = block.querySelector(".t")?.firstChild;
  if (!text?.data?.startsWith(" ")) return;
  const range = document.createRange();
  range.setStart(text, 0);
  range.setEnd(text, 1);
  block.style.textIndent = `-${range.getBoundingClientRect().width}px`;
}

// Blocks are no lines: what is copied is the text alone.
function copyText(element, event) {
  const selection = getSelection();
  if (selection.rangeCount !== 1 || !element.contains(selection.getRangeAt(0).commonAncestorContainer)) return;
  event.clipboardData.setData("text/plain", selection.getRangeAt(0).cloneContents().textContent);
  event.preventDefault();
}

// The token that ended the text, which is no part of it.
function ending(token, index) {
  return h("span", {
    class: "t ended", role: "button", tabIndex: -1, "data-index": index, "data-spelling": token.text,
    "aria-label": `${token.text}, the end`,
  });
}

customElements.define("token-text", TokenText);
