// SPDX-License-Identifier: Apache-2.0
// <notice-box>: an error or a remark where it belongs, with what can be done about it.

import { APIError } from "../lib/api.js";
import { h } from "../lib/dom.js";

export class NoticeBox extends HTMLElement {
  #timer = null;

  connectedCallback() {
    this.hidden = this.childElementCount === 0;
  }

  clear() {
    clearInterval(this.#timer);
    this.hidden = true;
    this.replaceChildren();
    this.removeAttribute("role");
  }

  /** Says something that is no error. `actions`: pairs of a text and what it does. */
  say(text, actions = []) {
    this.#fill("remark", "status", [text], actions);
  }

  /** Shows an error; `retry` does again what failed, and `askKey` lets the visitor give a key. */
  fail(error, { retry = null, askKey = null } = {}) {
    const status = error instanceof APIError ? error.status : 0;
    const title = titles[status] ?? (status >= 500 ? "The server failed" : status ? "The server refused" : "No answer");
    const parts = [h("strong", {}, error instanceof APIError ? `${title}. ` : "Something went wrong. ")];
    if (error.field) parts.push(h("code", {}, error.param), " ");
    parts.push(error.message);
    const actions = [];
    if (status === 401 && askKey) actions.push(["Give a key", askKey]);
    if (retry && (status === 0 || status === 401 || status === 408 || status === 429 || status >= 500)) {
      actions.push(["Try again", retry]);
    }
    this.#fill("error", "alert", parts, actions);
    if (error.retryAfter) this.#countDown(error.retryAfter);
  }

  #fill(kind, role, parts, actions) {
    this.clear();
    this.className = kind;
    this.setAttribute("role", role);
    this.append(h("p", {}, parts), h("div", { class: "actions" }, actions.map(([text, work]) =>
      h("button", { type: "button", onclick: () => { this.clear(); work(); } }, text))));
    this.hidden = false;
  }

  #countDown(seconds) {
    const place = h("span", { class: "quiet" });
    this.querySelector("p").append(" ", place);
    const show = () => {
      place.textContent = seconds > 0 ? `The server asks to wait ${seconds} s.` : "";
      if (seconds-- <= 0) clearInterval(this.#timer);
    };
    show();
    this.#timer = setInterval(show, 1000);
  }
}

const titles = {
  400: "The request was refused", 401: "The server wants a key", 408: "It took too long", 413: "That is too much",
  429: "Too many requests", 503: "The server is busy",
};

customElements.define("notice-box", NoticeBox);
