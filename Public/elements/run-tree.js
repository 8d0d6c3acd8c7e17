// SPDX-License-Identifier: Apache-2.0
// <run-tree>: all runs of this visit with their branches. One stop of Tab, arrows move.

import { h, rove } from "../lib/dom.js";
import { spelled } from "../lib/tokens.js";

/** Fires `select` with the run as `detail`, and `remove` with the root of the tree that is to go. */
export class RunTree extends HTMLElement {
  #roots = [];
  #selected = null;

  constructor() {
    super();
    this.addEventListener("keydown", (event) => {
      const item = event.target.closest(".run");
      if (!item) return;
      rove([...this.querySelectorAll(".run")], item, event, { horizontal: false });
    });
  }

  /** Draws the trees, newest first. */
  show(roots, selected) {
    this.#roots = roots;
    this.#selected = selected;
    this.replaceChildren(h("ul", { "aria-label": "Runs and their branches" },
      [...this.#roots].reverse().map((run) => this.#item(run))));
  }

  /** Brings a run's line up to date while it grows. */
  refresh(run) {
    const line = this.querySelector(`[data-run="${run.number}"]`);
    if (line) line.querySelector(".what").replaceChildren(...describe(run));
  }

  #item(run) {
    const isSelected = run === this.#selected;
    const button = h("button", {
      type: "button", class: "run", "data-run": run.number, "aria-current": isSelected ? "true" : null,
      tabIndex: isSelected ? 0 : -1, onclick: () => this.#fire("select", run),
    }, h("span", { class: "number" }, run.parent ? "↳" : `${run.number}`), h("span", { class: "what" }, describe(run)));
    return h("li", {}, h("div", { class: "line" }, button, run.parent ? null : h("button", {
      type: "button", class: "clear", "aria-label": `Remove run ${run.number} and its branches`, title: "Remove",
      tabIndex: isSelected ? 0 : -1, onclick: () => this.#fire("remove", run),
    }, "×")),
    run.children.length ? h("ul", {}, run.children.map((child) => this.#item(child))) : null);
  }

  #fire(name, run) {
    this.dispatchEvent(new CustomEvent(name, { detail: run }));
  }
}

function describe(run) {
  const start = run.parent
    ? [h("b", {}, `at ${run.fork + 1}: `), h("code", {}, spelled(run.tokens[run.fork]?.text ?? ""))]
    : [h("span", { class: "start" }, run.text.trim().slice(0, 60) || "…")];
  const state = { running: "running", stopped: "stopped", failed: "failed" }[run.state] ?? run.finish ?? "";
  return [...start, h("span", { class: "quiet" }, ` ${run.tokens.length} tokens${state ? `, ${state}` : ""}`)];
}

customElements.define("run-tree", RunTree);
