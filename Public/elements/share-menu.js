// SPDX-License-Identifier: Apache-2.0
// <share-menu>: a link, the request as code, the results as files.

import { announce, freshID, h } from "../lib/dom.js";
import { asCurl, asPython, copy } from "../lib/export.js";
import { stringify } from "../lib/json.js";

export class ShareMenu extends HTMLElement {
  #source;
  #menu;
  #button;

  /**
   * `source.link()`: the page's own address, a promise, null if it is too long. `source.request()`: `{ path, body }`, or
   * null if the form cannot be read. `source.files()`: pairs of a title and what saves the file.
   */
  attach(source) {
    this.#source = source;
    const id = freshID("share");
    this.#menu = h("div", { id, popover: true, class: "menu", role: "group", "aria-label": "Share" });
    this.#button = h("button", { type: "button", class: "quiet", popovertarget: id }, "Share");
    this.#menu.addEventListener("toggle", (event) => {
      this.#button.setAttribute("aria-expanded", String(event.newState === "open"));
      if (event.newState === "open") this.#place();
    });
    this.#menu.addEventListener("beforetoggle", (event) => {
      if (event.newState === "open") this.#fill();
    });
    this.#button.setAttribute("aria-expanded", "false");
    this.replaceChildren(this.#button, this.#menu);
  }

  #fill() {
    const code = (write) => () => {
      const request = this.#source.request();
      return request && write(request.path, request.body);
    };
    const copies = [
      ["Copy link", () => this.#source.link()],
      ["Copy as curl", code(asCurl)],
      ["Copy as Python", code(asPython)],
      ["Copy as JSON", code((path, body) => stringify(body, 2))],
    ];
    this.#menu.replaceChildren(
      ...copies.map(([title, make], index) => h("button", {
        type: "button", autofocus: index === 0, onclick: () => this.#copy(title, make),
      }, title)),
      ...this.#source.files().map(([title, save]) => h("button", {
        type: "button", onclick: () => { this.#menu.hidePopover(); save(); },
      }, title)));
  }

  async #copy(title, make) {
    const text = await make();
    this.#menu.hidePopover();
    if (text === null || text === undefined) {
      announce(title === "Copy link" ? "This is too long for a link. Save it as a file." : "Mend the marked field first.");
    } else if (await copy(text)) {
      announce(`Copied: ${title.replace("Copy ", "")}`);
    } else {
      this.#showText(title, text);
    }
  }

  // Where the browser keeps the clipboard from the page, as on a plain http address of another machine.
  #showText(title, text) {
    const area = h("textarea", { rows: 12, readonly: true, "aria-label": title, value: text });
    const dialog = h("dialog", { onclose: () => dialog.remove() }, h("p", {}, "Copy this:"), area,
      h("form", { method: "dialog" }, h("button", {}, "Close")));
    document.body.append(dialog);
    dialog.showModal();
    area.select();
  }

  #place() {
    const box = this.#button.getBoundingClientRect();
    const left = Math.max(8, Math.min(box.right - this.#menu.offsetWidth, innerWidth - this.#menu.offsetWidth - 8));
    this.#menu.style.left = `${left}px`;
    const below = box.bottom + 4;
    const fits = below + this.#menu.offsetHeight < innerHeight;
    this.#menu.style.top = `${fits ? below : Math.max(8, box.top - this.#menu.offsetHeight - 4)}px`;
  }
}

customElements.define("share-menu", ShareMenu);
