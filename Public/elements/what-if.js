// SPDX-License-Identifier: Apache-2.0
// <what-if>: a run decoded again under other settings while sliders move, from the logits that the server keeps of it; and
// where the cuts would fall in the distribution at one of its places.

import { post } from "../lib/api.js";
import { afterPause, freshID, h } from "../lib/dom.js";
import { spelled } from "../lib/tokens.js";
import { changes, redecode, whatIfPath } from "../lib/whatif.js";
import "./distribution-plot.js";
import "./notice-box.js";
import "./token-text.js";

const distributionPath = "/v1/distribution";
const listed = 1000;
const pause = 150;

// From, to, step, and from where on a value does nothing.
const sliders = {
  temperature: { span: [0, 2, 0.01], neutral: 1 },
  top_k: { span: [0, 100, 1], neutral: 0, off: (value) => value <= 0 },
  top_p: { span: [0.01, 1, 0.01], neutral: 1, off: (value) => value >= 1 },
  min_p: { span: [0, 1, 0.01], neutral: 0, off: (value) => value <= 0 },
};

/** Fires `take` with settings that the levers are to take over. */
export class WhatIf extends HTMLElement {
  #workspace;
  #levers;
  #run = null;
  #settings = {};
  #tokens = [];
  #abort = null;
  #place = null;
  #parts = {};
  #inputs = new Map();
  #later = afterPause(pause, () => this.#decode());

  /** `levers`: gives the settings of the form, as a request has them. */
  attach(workspace, { levers }) {
    this.#workspace = workspace;
    this.#levers = levers;
    const parts = this.#parts = {
      again: h("button", { type: "button", disabled: true, onclick: () => this.#reset() }, "As in the run"),
      take: h("button", { type: "button", disabled: true, onclick: () => this.#take() }, "Take over into the levers"),
      settings: h("p", { class: "settings" }),
      said: h("div", { role: "status" }),
      notice: h("notice-box"),
      text: h("token-text", {
        "aria-label": "Tokens under these settings: arrows move, Enter plots what could have stood there",
        "data-shade": "processed",
      }),
      where: h("p", { class: "quiet", role: "status" }),
      plot: h("distribution-plot", { "data-bare": true }),
    };
    const body = h("div", { class: "what-if-body" },
      h("p", { class: "quiet" }, "The server keeps the logits of the run and draws from them again: as long as the same tokens "
        + "come out, the model has nothing to compute. It is, to the bit, the answer that the changed request would get."),
      h("div", { class: "cuts" }, Object.keys(sliders).map((name) => this.#slider(name))),
      h("div", { class: "actions" },
        h("button", { type: "button", onclick: () => this.#useLevers() }, "Try the levers as they stand"), parts.again, parts.take),
      parts.settings, parts.said, parts.notice, h("div", { class: "paper" }, parts.text), parts.where);
    parts.details = h("details", {
      ontoggle: () => {
        if (parts.details.open && this.#tokens.length === 0) this.#decode();
      },
    }, h("summary", {}, h("h2", {}, "What if")), body);
    parts.text.addEventListener("choose", (event) => this.#plot(event.detail.index));
    this.append(parts.details);
    this.show(null);
  }

  /** Shows a run that is over, or hides the card: for null, a branch, or where the server cannot. */
  show(run) {
    const isAble = run !== null && run.parent === null && run.state !== "running" && run.seed !== null && run.tokens.length > 0
      && this.#workspace.capabilities?.has(whatIfPath);
    if (isAble && this.#run === run && !this.hidden) return;
    this.#abort?.abort();
    this.hidden = !isAble;
    this.#run = isAble ? run : null;
    this.#parts.details.open = false;
    this.#clear();
  }

  #slider(name) {
    const id = freshID(`what-if-${name}`);
    const [min, max, step] = sliders[name].span;
    const output = h("output", { for: id });
    const input = h("input", {
      id, type: "range", min, max, step, oninput: () => {
        this.#set(name, Number(input.value));
        this.setAttribute("aria-busy", "true");
        this.#later();
      },
    });
    this.#inputs.set(name, { input, output });
    const key = name === "temperature" ? null : h("span", { class: "key", "aria-hidden": "true" });
    return h("div", { class: `cut ${name}` }, h("label", { for: id }, key, name), input, output);
  }

  // The value of the run; of a field that it leaves to its default, what the server says was in effect.
  #own(name) {
    const value = this.#run?.settings?.[name] ?? this.#run?.request[name];
    return typeof value === "number" ? (name === "top_k" ? Math.max(0, value) : value) : sliders[name].neutral;
  }

  #set(name, value) {
    if (value === this.#own(name)) delete this.#settings[name];
    else this.#settings[name] = value;
    this.#showSettings();
  }

  #clear() {
    this.#settings = {};
    this.#tokens = [];
    this.#place = null;
    const { text, said, where, plot, notice } = this.#parts;
    text.clear();
    said.replaceChildren();
    notice.clear();
    where.textContent = "";
    plot.remove();
    this.#showSettings();
  }

  #reset() {
    this.#settings = {};
    this.#showSettings();
    this.#decode();
    this.#inputs.get("temperature").input.focus();
  }

  #useLevers() {
    this.#settings = changes(this.#run.request, this.#levers());
    delete this.#settings.seed;
    const seed = this.#levers().seed;
    if (seed !== undefined && String(seed) !== String(this.#run.request.seed ?? this.#run.seed)) this.#settings.seed = seed;
    this.#showSettings();
    this.#decode();
  }

  #take() {
    this.dispatchEvent(new CustomEvent("take", { detail: { ...this.#settings } }));
  }

  #showSettings() {
    const cuts = {};
    for (const [name, { input, output }] of this.#inputs) {
      const value = this.#settings[name] ?? this.#own(name);
      const isOff = sliders[name].off?.(value) ?? false;
      input.value = String(value);
      output.textContent = isOff ? "off" : String(value);
      input.setAttribute("aria-valuetext", output.textContent);
      if (name !== "temperature" && !isOff) cuts[name] = value;
    }
    const names = Object.keys(this.#settings);
    this.#parts.again.disabled = this.#parts.take.disabled = names.length === 0;
    this.#parts.settings.textContent = names.length === 0 ? "as in the run" : `changed: ${names.map((name) =>
      `${name} ${this.#settings[name] === null ? "back to its default" : JSON.stringify(this.#settings[name], big)}`).join(", ")}`;
    this.#parts.plot.cuts = cuts;
  }

  // MARK: Decoding

  async #decode() {
    const run = this.#run;
    if (!run || !this.#parts.details.open) return;
    this.#abort?.abort();
    const abort = this.#abort = new AbortController();
    const { text, notice, said } = this.#parts;
    notice.clear();
    this.setAttribute("aria-busy", "true");
    let isFirst = true;
    let report = null;
    const begin = () => {
      text.clear();
      this.#tokens = [];
      isFirst = false;
    };
    try {
      for await (const piece of redecode(run, this.#settings, abort.signal)) {
        if (this.#abort !== abort) return;
        if (isFirst) begin();
        if (piece.report) report = piece.report;
        if (!piece.tokens?.length) continue;
        this.#tokens.push(...piece.tokens);
        text.add(piece.tokens);
      }
    } catch (error) {
      if (error.name === "AbortError" || this.#abort !== abort) return;
      this.setAttribute("aria-busy", "false");
      notice.fail(error, { retry: () => this.#decode() });
      return;
    }
    this.setAttribute("aria-busy", "false");
    if (isFirst) begin();
    text.end();
    this.#say(report, said);
    const first = report?.first_difference ?? null;
    text.mark(first?.step ?? null, "The first token that differs from the run");
  }

  #say({ redecoded_tokens: redrawn, computed_tokens: computed, first_difference: first }, said) {
    const drawn = `${redrawn} ${redrawn === 1 ? "token was" : "tokens were"} drawn again from the kept logits`;
    const work = computed === 0 ? `No forward pass: ${drawn}.` : `${drawn}, ${computed} went through the model.`;
    const path = first ? [h("span", { class: "symbol", "aria-hidden": "true" }, "≠ "), `At token ${first.step + 1} the run took `,
      token(first.run), ", now it is ", token(first.now), ". "]
      : [h("span", { class: "symbol", "aria-hidden": "true" }, "= "), this.#tokens.length === this.#run.tokens.length
        ? "The same as the run, token by token. " : "The same as the run as far as both go. "];
    said.replaceChildren(h("p", { class: "why" }, ...path, work));
  }

  // MARK: The plot

  // Asks once for the distribution at a place; what moves afterwards are the lines alone.
  async #plot(index) {
    const run = this.#run;
    const { notice, plot, where } = this.#parts;
    const { capabilities } = this.#workspace;
    if (!capabilities.has(distributionPath)) {
      return notice.say(`This server has no ${distributionPath}: a newer version of it has.`);
    }
    const known = new Set(capabilities.routes.get(distributionPath).lane_fields ?? []);
    const settings = Object.fromEntries(Object.entries({ ...run.request, ...this.#settings }).filter(([name]) => known.has(name)));
    const before = this.#tokens.slice(0, index);
    this.#place = index;
    try {
      const answer = await post(distributionPath, {
        model: run.request.model, prompt: [...run.promptIDs, ...before.map((one) => one.id)], top: listed,
        lanes: [{ name: "these settings", ...settings }],
      });
      if (this.#run !== run || this.#place !== index) return;
      where.textContent = `At token ${index + 1}, after: ${before.slice(-8).map((one) => one.text).join("") || "the prompt"}`;
      where.after(plot);
      plot.show(answer);
      plot.scrollIntoView({ block: "nearest" });
    } catch (error) {
      notice.fail(error, { retry: () => this.#plot(index) });
    }
  }
}

const big = (_, value) => (typeof value === "bigint" ? String(value) : value);
const token = ({ text }) => h("code", {}, spelled(text));

customElements.define("what-if", WhatIf);
