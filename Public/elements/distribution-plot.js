// SPDX-License-Identifier: Apache-2.0
// <distribution-plot>: the next token under each lane, and where top-k, top-p and min-p would cut the model's own
// distribution. The cuts move without the server: they follow from the list that it gave.

import { freshID, h, svg } from "../lib/dom.js";
import { letter } from "../lib/comparison.js";
import { percent, spelled } from "../lib/tokens.js";

const rowHeight = 22;
const shown = 20;

/**
 * Fires `lane` with `detail` the settings of the cuts, when a lane is to be made of them. With `data-bare` it has no sliders:
 * the cuts are set from outside.
 */
export class DistributionPlot extends HTMLElement {
  #answer = null;
  #cuts = { top_k: 10, top_p: 0.9, min_p: 0.1 };
  #plot = h("div", { class: "plot" });
  #said = h("div", { class: "said" });
  #controls = h("div", { class: "cuts" });

  connectedCallback() {
    if (this.childElementCount) return;
    if (this.dataset.bare !== undefined) return this.append(this.#said, this.#plot);
    const slider = (name, min, max, step) => {
      const id = freshID(`cut-${name}`);
      const value = h("output", { for: id }, String(this.#cuts[name]));
      return h("div", { class: `cut ${name}` }, h("label", { for: id }, h("span", { class: "key", "aria-hidden": "true" }), name),
        h("input", {
          id, type: "range", min, max, step, value: String(this.#cuts[name]), oninput: (event) => {
            this.#cuts[name] = Number(event.target.value);
            value.textContent = event.target.value;
            this.#draw();
          },
        }), value);
    };
    this.#controls.append(slider("top_k", 1, shown, 1), slider("top_p", 0.01, 1, 0.01), slider("min_p", 0, 1, 0.01),
      h("button", {
        type: "button", onclick: () => this.dispatchEvent(new CustomEvent("lane", { detail: { ...this.#cuts } })),
      }, "Make a lane of these"));
    this.append(this.#said, this.#controls, this.#plot);
  }

  /** Draws other cuts: of `top_k`, `top_p` and `min_p` those that cut anything. */
  set cuts(cuts) {
    this.#cuts = { ...cuts };
    if (this.#answer) this.#draw();
  }

  /** Shows an answer of /v1/distribution. */
  show(answer) {
    this.#answer = answer;
    this.#draw();
  }

  // How many tokens each cut keeps; null if the list does not reach so far.
  #kept() {
    const { top, survivors } = this.#answer.raw;
    const { top_k: k, top_p: p, min_p: m } = this.#cuts;
    const rest = top.length >= survivors ? top.length : null;
    const kept = {};
    if (k !== undefined) kept.top_k = Math.min(k, survivors);
    if (p !== undefined) {
      let sum = 0;
      const last = top.findIndex(({ logprob }) => (sum += Math.exp(logprob)) >= p);
      kept.top_p = last >= 0 ? last + 1 : rest;
    }
    if (m !== undefined) {
      const least = top[0].logprob + Math.log(m);
      const first = top.findIndex(({ logprob }) => logprob < least);
      kept.min_p = first >= 0 ? first : rest;
    }
    return kept;
  }

  #draw() {
    const { raw, lanes } = this.#answer;
    if (raw.top.length === 0) return;
    const rows = raw.top.slice(0, shown);
    const width = Math.max(300, this.#plot.clientWidth || 600);
    const [left, right] = [118, 72];
    // A lane with one token left stands at the edge, and does not flatten the others.
    const most = Math.max(...rows.map(({ logprob }) => Math.exp(logprob)), ...lanes.filter((lane) => lane.survivors > 1)
      .flatMap((lane) => lane.top.map(({ logprob }) => Math.exp(logprob))));
    const x = (probability) => left + Math.min(1, probability / most) * (width - left - right);
    const of = lanes.map((lane) => new Map(lane.top.map(({ id, logprob }) => [id, Math.exp(logprob)])));
    const height = rows.length * rowHeight + 8;
    const kept = this.#kept();
    const picture = svg("svg", {
      viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label":
        `The ${rows.length} likeliest next tokens; bars are the model's own probabilities, letters the lanes'`,
    });
    rows.forEach(({ id, text, logprob }, row) => {
      const y = row * rowHeight + 4;
      const probability = Math.exp(logprob);
      picture.append(
        svg("text", { x: left - 8, y: y + 15, class: "name", "text-anchor": "end" }, short(spelled(text))),
        svg("rect", { x: left, y: y + 3, width: Math.max(1, x(probability) - left), height: rowHeight - 6, class: "own" }),
        svg("text", { x: width - right + 22, y: y + 15, class: "value" }, percent(logprob)));
      this.#letters(picture, of, id, x, y);
    });
    for (const [name, count] of Object.entries(kept)) {
      if (count === null || count > rows.length) continue;
      const y = count * rowHeight + 4;
      picture.append(svg("line", { x1: 0, x2: width, y1: y, y2: y, class: `line ${name}` }));
    }
    this.#plot.replaceChildren(picture);
    this.#say(kept);
  }

  // The lanes' letters where their probability stands; those that stand together share a place.
  #letters(picture, of, id, x, y) {
    const places = new Map();
    of.forEach((lane, index) => {
      const probability = lane.get(id);
      if (probability === undefined) return;
      const place = Math.round(x(probability) / 9);
      places.set(place, (places.get(place) ?? "") + letter(index));
    });
    for (const [place, letters] of places) {
      picture.append(svg("text", { x: place * 9, y: y + 15, class: "lane-letter", "text-anchor": "middle" }, letters));
    }
  }

  #say(kept) {
    const { raw, lanes, distances } = this.#answer;
    const cut = Object.entries(kept).map(([name, count]) =>
      `${name} keeps ${count === null ? `more than ${raw.top.length}` : count}`);
    const entropy = (value) => `${value.toFixed(2)} nats`;
    this.#said.replaceChildren(
      h("p", { class: "quiet" }, "Bars are the model's own probabilities, letters those of the lanes; lines are where the cuts "
        + "of the sliders would fall on the model's own."),
      h("p", {}, `The model's own: entropy ${entropy(raw.entropy)}, ${raw.survivors} tokens.${
        cut.length ? ` ${cut.join(", ")}.` : ""}`),
      h("ul", {}, lanes.map((lane, index) => h("li", {}, h("b", {}, letter(index)), ` ${lane.name}: `,
        `${lane.survivors} tokens left with ${percent(Math.log(lane.raw_mass))} of the model's own, entropy ${
          entropy(lane.entropy)}, ${lane.from_raw.tv.toFixed(3)} total variation from the model`))),
      distances.length ? h("p", { class: "quiet" }, `Jensen-Shannon: ${distances.map(({ lanes: [a, b], js }) =>
        `${letter(a)}${letter(b)} ${js.toFixed(3)}`).join(", ")} (of at most 0.693).`) : "");
  }
}

const short = (text) => (text.length > 14 ? `${text.slice(0, 13)}…` : text);

customElements.define("distribution-plot", DistributionPlot);
