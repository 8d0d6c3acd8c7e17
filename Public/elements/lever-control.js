// SPDX-License-Identifier: Apache-2.0
// The control of one field: how it is drawn, read, checked and written.

import { freshID, h } from "../lib/dom.js";
import { limits, rangeText } from "../lib/capabilities.js";
import { parse, stringify } from "../lib/json.js";
import { sliderSpan } from "../lib/levers.js";

/** What is wrong with what was typed. */
class InputError extends Error {}

/**
 * The control of a field. `value` is undefined while the field is left to its default. Events of `element` bubble:
 * `lever` after each change.
 */
export class LeverControl {
  #field;
  #model;
  #input;
  #slider = null;
  #kind;
  #problem;
  #server = "";
  #clear;

  constructor(field, model) {
    this.#field = field;
    this.#model = model;
    this.#kind = kinds.find((kind) => kind.fits(field));
    const id = freshID(`lever-${field.name}`);
    const note = h("p", { class: "meaning", id: `${id}-meaning` }, field.meaning);
    const range = this.#kind.isNumber ? rangeText(field, model) : this.#kind.hint ?? "";
    this.#problem = h("p", { class: "problem", id: `${id}-problem`, role: "alert" });
    this.#input = this.#kind.make(field, {
      id, "aria-describedby": `${id}-range ${id}-meaning ${id}-problem`, autocomplete: "off", spellcheck: "false",
      oninput: () => this.#changed(), onchange: () => this.#changed(),
    });
    this.#clear = h("button", {
      type: "button", class: "clear", hidden: true, "aria-label": `${field.name}: back to the default`,
      title: "Back to the default", onclick: () => { this.value = undefined; this.#tell(); this.#input.focus(); },
    }, "×");
    const span = this.#kind.isNumber ? sliderSpan(field, limits(field, model)) : null;
    if (span) {
      this.#slider = h("input", {
        type: "range", min: span[0], max: span[1], step: span[2], tabIndex: -1, "aria-hidden": "true",
        oninput: () => { this.value = Number(this.#slider.value); this.#tell(); },
      });
    }
    this.element = h("div", { class: `lever ${this.#kind.name}`, "data-field": field.name },
      h("label", { for: id }, field.name),
      h("span", { class: "range", id: `${id}-range` }, [range, field.unit].filter(Boolean).join(", ")),
      h("div", { class: "control" }, this.#slider, this.#input, this.#clear),
      note, this.#problem);
    this.#show();
  }

  get name() {
    return this.#field.name;
  }

  /** The field's name and what else it is called. */
  get names() {
    return [this.#field.name, ...(this.#field.aliases ?? [])];
  }

  /** The value as the request has it. Throws if what was typed cannot be one. */
  get value() {
    return this.#kind.read(this.#input, this.#field, this.#model);
  }

  set value(value) {
    this.#kind.write(this.#input, value, this.#field);
    this.#server = "";
    this.#show();
  }

  /** What is wrong with the control; empty if nothing is. */
  get problem() {
    try {
      void this.value;
      return this.#server;
    } catch (error) {
      return error.message;
    }
  }

  /** Shows what the server said of the field until it is changed. */
  refuse(message) {
    this.#server = message;
    this.#show();
  }

  focus() {
    for (let parent = this.element.parentElement; parent; parent = parent.parentElement) {
      if (parent.localName === "details") parent.open = true;
    }
    this.#input.focus();
  }

  /** Whether the words of a search are about this field. */
  matches(words) {
    const text = `${this.#field.name} ${(this.#field.aliases ?? []).join(" ")} ${this.#field.meaning}`.toLowerCase();
    return words.every((word) => text.includes(word));
  }

  #changed() {
    this.#server = "";
    this.#show();
    this.#tell();
  }

  #tell() {
    this.element.dispatchEvent(new CustomEvent("lever", { bubbles: true }));
  }

  #show() {
    const problem = this.problem;
    this.#problem.textContent = problem;
    this.#input.toggleAttribute("aria-invalid", problem !== "");
    if (problem !== "") this.#input.setAttribute("aria-invalid", "true");
    let value;
    try { value = this.value; } catch { value = null; }
    const isSet = value !== undefined;
    this.element.classList.toggle("set", isSet);
    this.#clear.hidden = !isSet;
    if (this.#slider) this.#slider.value = Number(value ?? this.#field.default ?? this.#slider.min);
  }
}

const shown = (value) => (typeof value === "string" ? value : stringify(value));
const placeholder = (field) => (field.default === null || field.default === undefined ? "" : shown(field.default));
const textField = (field, attributes) => h("input", { type: "text", placeholder: placeholder(field), ...attributes });
const area = (field, attributes) =>
  h("textarea", { rows: 2, placeholder: placeholder(field), ...attributes });

function readNumber(text, field, model) {
  const isWhole = field.type.startsWith("integer");
  if (isWhole ? !/^[+-]?\d{1,19}$/.test(text) : !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(text)) {
    throw new InputError(isWhole ? "a whole number is expected" : "a number is expected");
  }
  let value = Number(text);
  if (isWhole && !Number.isSafeInteger(value)) value = BigInt(text);
  const { min, max, aboveMin, belowMax } = limits(field, model);
  if ((min !== null && (value < min || (aboveMin && value === min)))
    || (max !== null && (value > max || (belowMax && value === max)))) {
    throw new InputError(`${rangeText(field, model)} is allowed`);
  }
  return value;
}

// One string a line; \n, \t and \\ stand for what cannot stand in a line.
const escapes = { n: "\n", t: "\t", r: "\r", "\\": "\\" };
const unescape = (line) => line.replace(/\\([ntr\\])/g, (_, letter) => escapes[letter]);
const escape = (line) => line.replace(/[\n\t\r\\]/g, (one) => `\\${Object.keys(escapes).find((k) => escapes[k] === one)}`);

const kinds = [
  {
    name: "number", isNumber: true, fits: (field) => /^(number|integer)/.test(field.type),
    make: (field, attributes) => textField(field, { inputmode: "decimal", ...attributes }),
    read: (input, field, model) => (input.value.trim() === "" ? undefined : readNumber(input.value.trim(), field, model)),
    write: (input, value) => { input.value = value === undefined ? "" : String(value); },
  },
  {
    name: "flag", fits: (field) => field.type === "boolean",
    make: (field, attributes) => h("select", attributes, h("option", { value: "" }, `default (${field.default})`),
      h("option", { value: "true" }, "true"), h("option", { value: "false" }, "false")),
    read: (input) => (input.value === "" ? undefined : input.value === "true"),
    write: (input, value) => { input.value = typeof value === "boolean" ? String(value) : ""; },
  },
  {
    name: "choice", fits: (field) => field.type === "string" && Array.isArray(field.allowed?.values),
    make: (field, attributes) => h("select", attributes,
      h("option", { value: "" }, field.default === null ? "default" : `default (${field.default})`),
      field.allowed.values.map((value) => h("option", { value }, value))),
    read: (input) => (input.value === "" ? undefined : input.value),
    write: (input, value) => { input.value = typeof value === "string" ? value : ""; },
  },
  {
    name: "lines", hint: "one a line, \\n for a line break", fits: (field) => /array of strings$/.test(field.type),
    make: (field, attributes) => h("textarea", { rows: 2, ...attributes }),
    read: (input) => (input.value === "" ? undefined : input.value.split("\n").filter((line) => line !== "").map(unescape)),
    write: (input, value) => {
      const values = typeof value === "string" ? [value] : Array.isArray(value) ? value : [];
      input.value = values.map((one) => escape(String(one))).join("\n");
    },
  },
  {
    name: "ids", hint: "ids with commas", fits: (field) => field.type === "array of token ids",
    make: textField,
    read: (input) => {
      if (input.value.trim() === "") return undefined;
      return input.value.trim().split(/[\s,]+/).map((id) => {
        if (!/^\d{1,9}$/.test(id)) throw new InputError("whole numbers with commas between them are expected");
        return Number(id);
      });
    },
    write: (input, value) => { input.value = Array.isArray(value) ? value.join(", ") : ""; },
  },
  {
    name: "words", fits: (field) => field.type === "string",
    make: (field, attributes) => area(field, { rows: 1, ...attributes }),
    read: (input) => (input.value === "" ? undefined : input.value),
    write: (input, value) => { input.value = typeof value === "string" ? value : ""; },
  },
  {
    name: "json", hint: "as JSON", fits: () => true,
    make: area,
    read: (input) => {
      if (input.value.trim() === "") return undefined;
      try {
        return parse(input.value);
      } catch {
        throw new InputError("this is not JSON");
      }
    },
    write: (input, value) => { input.value = value === undefined ? "" : stringify(value); },
  },
];
