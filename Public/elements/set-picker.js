// SPDX-License-Identifier: Apache-2.0
// <set-picker>: the example sets that the server keeps: opened, saved, removed.

import { call, get } from "../lib/api.js";
import { freshID, h } from "../lib/dom.js";

const root = "/v1/example-sets";
const address = (id) => `${root}/${encodeURIComponent(id)}`;

/** Fires `open` with the set as `detail`; `trouble` with an error; `said` with a sentence. */
export class SetPicker extends HTMLElement {
  #select;
  #remove;
  #version = null;
  #content = () => ({});

  /** `content()`: what is saved: `{ examples, instruction, template }`. */
  attach(content) {
    this.#content = content;
    const id = freshID("sets");
    this.#select = h("select", { id, onchange: () => this.#open() });
    this.#remove = h("button", { type: "button", disabled: true, onclick: () => this.#delete() }, "Remove");
    this.replaceChildren(h("label", { for: id }, "Set"), this.#select,
      h("button", { type: "button", onclick: () => this.#save() }, "Save as a set…"), this.#remove);
  }

  /** Lists the sets of the server. */
  async refresh(selected = this.#select.value) {
    try {
      const { data } = await get(root);
      this.#select.replaceChildren(h("option", { value: "" }, "as written here"), ...data.map((set) => h("option", {
        value: set.id, "data-shipped": set.shipped ? "yes" : "no", title: set.description ?? "",
      }, `${set.id} (${set.count})`)));
      this.#select.value = selected;
      if (this.#select.selectedIndex < 0) this.#select.value = "";
      this.#showRemove();
    } catch (error) {
      this.#trouble(error);
    }
  }

  #showRemove() {
    const option = this.#select.selectedOptions[0];
    this.#remove.disabled = !option?.value || option.dataset.shipped === "yes";
  }

  async #open() {
    this.#showRemove();
    const id = this.#select.value;
    if (!id) return;
    try {
      const set = await get(address(id));
      this.#version = set.version;
      this.dispatchEvent(new CustomEvent("open", { detail: set }));
    } catch (error) {
      this.#trouble(error);
    }
  }

  #save() {
    const input = h("input", {
      id: freshID("set-name"), type: "text", value: this.#select.value, required: true, maxlength: 64,
      pattern: "[A-Za-z0-9._\\-]{1,64}", autocomplete: "off",
    });
    const use = h("button", { class: "primary", value: "use" }, "Save");
    const dialog = h("dialog", { "aria-label": "Save as a set", onclose: async () => {
      dialog.remove();
      if (dialog.returnValue === "use") await this.#put(input.value);
    } }, h("form", { method: "dialog" }, h("label", { for: input.id }, "Name of the set"), input,
      h("p", { class: "quiet" }, "1 to 64 letters, digits, dots, hyphens or underscores. A set of that name gets a new version; "
        + "earlier ones are kept."),
      h("div", { class: "actions" }, use, h("button", { value: "", formnovalidate: true }, "Cancel"))));
    document.body.append(dialog);
    dialog.showModal();
  }

  async #put(id) {
    try {
      const set = await call("PUT", address(id), this.#content());
      this.#version = set.version;
      this.#say(`Saved ${id}: ${set.count} examples, version ${set.version.slice(0, 8)}.`);
      await this.refresh(id);
    } catch (error) {
      this.#trouble(error);
    }
  }

  async #delete() {
    const id = this.#select.value;
    try {
      await call("DELETE", address(id));
      this.#say(`Removed ${id} from the server. Its examples are still here.`);
      await this.refresh("");
    } catch (error) {
      this.#trouble(error);
    }
  }

  #say(text) {
    this.dispatchEvent(new CustomEvent("said", { detail: text }));
  }

  #trouble(error) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
  }
}

customElements.define("set-picker", SetPicker);
