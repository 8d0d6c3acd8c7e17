// SPDX-License-Identifier: Apache-2.0
// <message-list>: the turns of a conversation, to be written.

import { h } from "../lib/dom.js";

const roles = ["system", "user", "assistant"];

/** Fires `edit` after each change. */
export class MessageList extends HTMLElement {
  #rows = h("ol", { class: "messages" });

  connectedCallback() {
    if (this.childElementCount) return;
    this.append(this.#rows, h("button", {
      type: "button", class: "quiet", onclick: () => {
        const last = this.messages.at(-1)?.role;
        this.#add({ role: last === "user" ? "assistant" : "user", content: "" }).querySelector("textarea").focus();
        this.#tell();
      },
    }, "Add a turn"));
  }

  get messages() {
    return [...this.#rows.children].map((row) => ({
      role: row.querySelector("select").value, content: row.querySelector("textarea").value,
    }));
  }

  set messages(messages) {
    this.#rows.replaceChildren();
    for (const message of messages) this.#add(message);
  }

  #add({ role, content }) {
    const select = h("select", { "aria-label": "Role", onchange: () => this.#tell() },
      roles.map((name) => h("option", { value: name }, name)));
    select.value = role;
    const row = h("li", { class: "message" }, select,
      h("textarea", { rows: 2, "aria-label": "What is said", value: content, oninput: () => this.#tell() }),
      h("button", {
        type: "button", class: "clear", "aria-label": "Remove this turn", title: "Remove", onclick: () => {
          const near = row.nextElementSibling ?? row.previousElementSibling;
          row.remove();
          (near?.querySelector("textarea") ?? this.querySelector("button.quiet")).focus();
          this.#tell();
        },
      }, "×"));
    this.#rows.append(row);
    return row;
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("edit"));
  }
}

customElements.define("message-list", MessageList);
