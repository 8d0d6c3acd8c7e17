// SPDX-License-Identifier: Apache-2.0
// <token-panel>: what is known of the place of one token, beside it: what else could have stood there, how likely it was
// to the model itself and after the stages, and a way to go on with it.

import { h, rove } from "../lib/dom.js";
import { removingStage } from "./stage-table.js";
import { nameAlternatives, percent, spelled } from "../lib/tokens.js";

/** Fires `branch` with `detail` `{ index, alternative }`, and `leave` with the index when Escape closes it. */
export class TokenPanel extends HTMLElement {
  #index = null;
  #anchor = null;
  #timer = null;

  constructor() {
    super();
    this.addEventListener("pointerenter", () => clearTimeout(this.#timer));
    this.addEventListener("pointerleave", () => this.closeSoon());
    this.addEventListener("focusout", (event) => {
      if (!this.contains(event.relatedTarget) && event.relatedTarget !== this.#anchor) this.close();
    });
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        this.close();
        this.dispatchEvent(new CustomEvent("leave", { detail: this.#index }));
      } else {
        rove([...this.querySelectorAll(".alternative")], event.target.closest(".alternative"), event);
      }
    });
  }

  connectedCallback() {
    this.hidden = true;
    this.setAttribute("role", "dialog");
    this.setAttribute("aria-label", "What could have stood here");
  }

  /** Opens for a token. `extra`: more about the place, as elements. `canBranch`: whether alternatives can be taken. */
  async open({ token, index, anchor, model, canBranch, extra = null }) {
    clearTimeout(this.#timer);
    this.#index = index;
    this.#anchor = anchor;
    this.#draw(token, canBranch, extra);
    this.hidden = false;
    this.#place();
    if (!token.top.some((other) => other.text === null)) return;
    try {
      await nameAlternatives(token, model);
    } catch {
      return; // their ids stand there
    }
    if (this.#index === index && !this.hidden && !this.contains(document.activeElement)) {
      this.#draw(token, canBranch, extra);
    }
  }

  focusFirst() {
    this.querySelector(".alternative")?.focus();
  }

  /** Whether there was something to close. */
  close() {
    clearTimeout(this.#timer);
    const wasOpen = !this.hidden;
    this.hidden = true;
    return wasOpen;
  }

  /** Closes if the pointer does not come back. */
  closeSoon() {
    clearTimeout(this.#timer);
    if (this.contains(document.activeElement)) return;
    this.#timer = setTimeout(() => this.close(), 250);
  }

  #draw(token, canBranch, extra) {
    const rows = token.top.map((other, place) => this.#row(token, other, place, canBranch));
    this.replaceChildren(
      h("p", { class: "title" }, h("code", {}, spelled(token.text)),
        h("span", { class: "quiet" }, `token ${this.#index + 1}, id ${token.id}`)),
      ...(extra ? [extra] : []),
      h("div", { class: "columns", "aria-hidden": "true" },
        h("span", {}, canBranch ? "Alternatives" : "Likeliest"), h("span", {}, "model"), h("span", {}, "drawn from")),
      h("div", { class: "alternatives", role: "group", "aria-label": "Alternatives" }, rows),
      h("p", { class: "quiet" }, canBranch ? "Choose one to go on from here with it." : "Of the likeliest tokens here."));
  }

  #row(token, other, place, canBranch) {
    const isChosen = other.id === token.id;
    const gone = other.processed === null && token.processed !== null;
    const stage = gone ? removingStage(token.trace, other.id) : null;
    const left = !gone ? percent(other.processed) : stage ? `✕ ${stage}` : token.complete?.processed ? "removed"
      : token.complete ? "not listed" : "–";
    const text = other.text === null ? `id ${other.id}` : spelled(other.text);
    const label = `${text}: model ${percent(other.raw)}, drawn from ${left}${isChosen ? ", taken" : ""}`;
    const bar = h("span", { class: "bar" });
    bar.style.inlineSize = `${Math.exp(other.raw ?? -Infinity) * 100}%`;
    return h("button", {
      type: "button", class: `alternative${isChosen ? " taken" : ""}`, "aria-label": label,
      tabIndex: place === 0 ? 0 : -1, disabled: !canBranch,
      onclick: () => {
        this.close();
        this.dispatchEvent(new CustomEvent("branch", { detail: { index: this.#index, alternative: other } }));
      },
    }, h("span", { class: "name" }, isChosen ? "▸ " : "", h("code", {}, text)),
    h("span", { class: "raw" }, bar, h("span", {}, percent(other.raw))),
    h("span", { class: gone ? "left gone" : "left", title: stage ? `removed by ${stage}` : null }, left));
  }

  // Below its token, or above it where there is no room; on narrow screens the style puts it at the foot.
  #place() {
    const box = this.#anchor.getBoundingClientRect();
    const width = this.offsetWidth;
    const height = this.offsetHeight;
    const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - width - 8));
    const fits = box.bottom + height + 8 < innerHeight || box.top < height + 8;
    this.style.left = `${left + scrollX}px`;
    this.style.top = `${(fits ? box.bottom + 4 : box.top - height - 4) + scrollY}px`;
  }
}

customElements.define("token-panel", TokenPanel);
