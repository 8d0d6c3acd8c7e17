// SPDX-License-Identifier: Apache-2.0
// <lever-form>: the levers of a route, generated from what the server says of its fields.

import { freshID, h } from "../lib/dom.js";
import { grouped, presets } from "../lib/levers.js";
import { LeverControl } from "./lever-control.js";

/** Fires `settings` when a value changes, with `values` up to date. */
export class LeverForm extends HTMLElement {
  #controls = new Map();
  #kept = {};
  #groups = [];

  /**
   * Draws the fields for a model; values that are set stay. Fields whose name is in `without` are left out. With a
   * `title` they are one group of that name.
   */
  show(fields, model, { without = [], withPresets = true, title = null } = {}) {
    const values = this.values;
    const opened = new Set(this.#groups.filter((group) => group.open).map((group) => group.dataset.title));
    const search = h("input", {
      type: "search", placeholder: "Find a lever", "aria-label": "Find a lever", oninput: () => this.#find(search.value),
    });
    this.#controls.clear();
    const left = fields.filter((field) => !without.includes(field.name));
    const made = title === null ? grouped(left) : [{ title, fields: left }];
    this.#groups = made.map(({ title, fields: members }, index) => {
      const controls = members.map((field) => new LeverControl(field, model));
      for (const control of controls) this.#controls.set(control.name, control);
      return h("details", { "data-title": title, open: index === 0 || opened.has(title) },
        h("summary", {}, title, h("span", { class: "count" })),
        h("div", { class: "levers" }, controls.map((control) => control.element)));
    });
    this.replaceChildren(
      h("div", { class: "lever-head" }, search, withPresets ? this.#presets() : null), ...this.#groups,
      h("p", { class: "quiet none", hidden: true }, "No lever has that name."));
    this.values = values;
  }

  constructor() {
    super();
    this.addEventListener("lever", () => {
      this.#count();
      this.dispatchEvent(new CustomEvent("settings"));
    });
  }

  /** What is set and can be read, by the field's name; with it what was set of fields that this route lacks. */
  get values() {
    const values = { ...this.#kept };
    for (const [name, control] of this.#controls) {
      if (control.problem !== "" && !this.#readable(control)) continue;
      const value = control.value;
      if (value !== undefined) values[name] = value;
    }
    return values;
  }

  set values(values) {
    const left = { ...values };
    for (const control of this.#controls.values()) {
      const name = control.names.find((name) => left[name] !== undefined);
      control.value = left[name];
      for (const other of control.names) delete left[other];
    }
    this.#kept = left;
    this.#count();
  }

  #readable(control) {
    try {
      void control.value;
      return true;
    } catch {
      return false;
    }
  }

  /** Focuses the first control that cannot be read; true if all can. */
  check() {
    for (const control of this.#controls.values()) {
      if (this.#readable(control)) continue;
      control.focus();
      return false;
    }
    return true;
  }

  /** Shows what the server said of a field; false if the form lacks it. */
  refuse(name, message) {
    const control = this.#controls.get(name);
    if (!control) return false;
    control.refuse(message);
    control.focus();
    return true;
  }

  #presets() {
    const id = freshID("preset");
    const select = h("select", {
      id, onchange: () => {
        const preset = presets[Number(select.value)];
        select.value = "";
        this.values = { ...this.#neutral(), ...preset.settings };
        this.dispatchEvent(new CustomEvent("settings"));
      },
    }, h("option", { value: "" }, "Presets…"),
    presets.map((preset, index) => h("option", { value: index, title: preset.meaning }, preset.name)));
    select.setAttribute("aria-label", "Presets: sets the levers");
    return select;
  }

  // Lengths, stops and the seed are no matter of a preset.
  #neutral() {
    const kept = ["max_tokens", "max_completion_tokens", "n", "seed", "stop"];
    const values = this.values;
    return Object.fromEntries(kept.filter((name) => values[name] !== undefined).map((name) => [name, values[name]]));
  }

  #count() {
    for (const group of this.#groups) {
      const count = group.querySelectorAll(".lever.set").length;
      group.querySelector(".count").textContent = count ? `${count} set` : "";
    }
  }

  #find(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const control of this.#controls.values()) {
      control.element.hidden = words.length > 0 && !control.matches(words);
    }
    let found = 0;
    for (const [index, group] of this.#groups.entries()) {
      const count = group.querySelectorAll(".lever:not([hidden])").length;
      found += count;
      group.hidden = count === 0;
      group.open = words.length > 0 ? count > 0 : index === 0;
    }
    this.querySelector(".none").hidden = found > 0;
  }
}

customElements.define("lever-form", LeverForm);
