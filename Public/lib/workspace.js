// SPDX-License-Identifier: Apache-2.0
// What the visitor typed and set: kept in this browser, and in the address of the page, so that a link brings it back.

import { decode, encode, version } from "./link.js";
import { afterPause } from "./dom.js";
import { parse, stringify } from "./json.js";

const storageName = "temper.workspace";
const earlierName = "temper.workspace.earlier";

/**
 * The drafts of all views and the model they are for.
 *
 * `views` maps a view's name to `{ read }`; `read` takes any value, from a link or from storage, and returns a draft in
 * which every member is of the type that the view expects, with defaults for what it does not know.
 *
 * Events: `model` when another model is chosen, `restored` when drafts were replaced.
 */
export class Workspace extends EventTarget {
  capabilities = null;
  drafts = {};
  view;
  #views;
  #model = "";
  #linkedHash = "";

  constructor(views) {
    super();
    this.#views = views;
    this.view = Object.keys(views)[0];
    this.#adopt(load(storageName));
    this.save = afterPause(300, () => this.#write());
    addEventListener("pagehide", () => this.save.flush());
  }

  /** The chosen model's entry in the capabilities; null while there are none. */
  get model() {
    return this.capabilities?.model(this.#model) ?? this.capabilities?.models[0] ?? null;
  }

  chooseModel(id) {
    this.#model = id;
    this.save();
    this.dispatchEvent(new Event("model"));
  }

  showCapabilities(capabilities) {
    this.capabilities = capabilities;
    this.dispatchEvent(new Event("model"));
  }

  /** Opens what the address says. Returns a sentence for the visitor if there is something to say. */
  async open(hash) {
    if (hash === this.#linkedHash) return null;
    const [, name, rest] = hash.match(/^#?([a-z]+)(?:\/(.*))?$/) ?? [];
    if (!Object.hasOwn(this.#views, name)) return hash.length > 1 ? "The link names no view of this page." : null;
    this.view = name;
    if (!rest) return null;
    let content;
    try {
      content = await decode(rest);
    } catch (error) {
      return `The link could not be read: ${error.message}. Your own text is still here.`;
    }
    const draft = this.#views[name].read(content.draft);
    if (stringify(draft) === stringify(this.drafts[name])) return null;
    store(earlierName, this.#snapshot());
    this.drafts[name] = draft;
    if (typeof content.model === "string") this.#model = content.model;
    this.dispatchEvent(new Event("restored"));
    return "This came with the link.";
  }

  /** Whether `restoreEarlier` has something to restore. */
  get hasEarlier() {
    return load(earlierName) !== null;
  }

  /** Brings back what a link replaced. */
  restoreEarlier() {
    this.#adopt(load(earlierName));
    localStorage.removeItem(earlierName);
    this.dispatchEvent(new Event("restored"));
    this.save();
  }

  /** The link to what the current view shows; null if that is too long for an address. */
  async link() {
    const hash = await encode({ model: this.model?.id ?? this.#model, draft: this.drafts[this.view] });
    return hash === null ? null : `${location.origin}${location.pathname}#${this.view}/${hash}`;
  }

  #adopt(saved) {
    for (const [name, view] of Object.entries(this.#views)) this.drafts[name] = view.read(saved?.drafts?.[name]);
    if (typeof saved?.model === "string") this.#model = saved.model;
    if (Object.hasOwn(this.#views, saved?.view ?? "")) this.view = saved.view;
  }

  #snapshot() {
    return { version, view: this.view, model: this.#model, drafts: this.drafts };
  }

  async #write() {
    store(storageName, this.#snapshot());
    const view = this.view;
    const link = await this.link();
    if (view !== this.view) return;
    this.#linkedHash = link === null ? `#${view}` : new URL(link).hash;
    history.replaceState(null, "", this.#linkedHash);
  }
}

function load(name) {
  try {
    return parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}

// A draft that is too long for the browser's storage lives on in the page alone.
function store(name, value) {
  try {
    localStorage.setItem(name, stringify(value));
  } catch {
    localStorage.removeItem(name);
  }
}
