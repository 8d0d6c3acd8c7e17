// SPDX-License-Identifier: Apache-2.0
// <shot-curve>: the score over the number of examples, with its intervals, drawn as it is measured.

import { h, svg } from "../lib/dom.js";

const [width, height] = [560, 260];
const [left, right, top, bottom] = [48, 16, 16, 40];

export class ShotCurve extends HTMLElement {
  #points = new Map();
  #counts = [];
  #metric = "";

  /** Starts anew for these numbers of examples. */
  begin(counts, metric) {
    this.#points.clear();
    this.#counts = counts;
    this.#metric = metric;
    this.#draw();
  }

  /** Takes a point as far as it is measured. */
  add(point, isComplete) {
    this.#points.set(point.count, { ...point, isComplete });
    this.#draw();
  }

  get points() {
    return [...this.#points.values()].sort((a, b) => a.count - b.count).map(({ isComplete, ...point }) => point);
  }

  #draw() {
    const x = (count) => left + (this.#counts.indexOf(count) / Math.max(1, this.#counts.length - 1)) * (width - left - right);
    const y = (score) => top + (1 - score) * (height - top - bottom);
    const points = [...this.#points.values()].sort((a, b) => a.count - b.count);
    const picture = svg("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": points.length
        ? `${this.#metric}: ${points.map(({ count, score }) => `${count} examples ${score.toFixed(2)}`).join(", ")}`
        : "Nothing is measured yet",
    });
    for (const score of [0, 0.25, 0.5, 0.75, 1]) {
      picture.append(svg("line", { x1: left, x2: width - right, y1: y(score), y2: y(score), class: "grid" }),
        svg("text", { x: left - 8, y: y(score) + 4, "text-anchor": "end" }, score.toFixed(2)));
    }
    for (const count of this.#counts) {
      picture.append(svg("text", { x: x(count), y: height - bottom + 18, "text-anchor": "middle" }, String(count)));
    }
    picture.append(svg("text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle" }, "examples in the prompt"));
    for (const { count, interval } of points) {
      if (!interval) continue;
      picture.append(svg("line", { x1: x(count), x2: x(count), y1: y(interval[0]), y2: y(interval[1]), class: "interval" }),
        ...interval.map((edge) => svg("line", { x1: x(count) - 5, x2: x(count) + 5, y1: y(edge), y2: y(edge), class: "interval" })));
    }
    if (points.length > 1) {
      picture.append(svg("polyline", { points: points.map(({ count, score }) => `${x(count)},${y(score)}`).join(" "), class: "curve" }));
    }
    for (const { count, score, isComplete } of points) {
      picture.append(svg("circle", { cx: x(count), cy: y(score), r: 5, class: isComplete ? "point" : "point growing" }));
    }
    this.replaceChildren(picture, points.length ? table(points) : "");
  }
}

function table(points) {
  return h("div", { class: "scroller", tabIndex: 0, role: "group", "aria-label": "The curve in figures" }, h("table", {},
    h("thead", {}, h("tr", {}, ["Examples", "Score", "95 % interval", "Asked", "Shown", "Cached"].map((title) =>
      h("th", { scope: "col" }, title)))),
    h("tbody", {}, points.map((point) => h("tr", {}, h("th", { scope: "row" }, String(point.count)),
      h("td", {}, point.score.toFixed(3)),
      h("td", {}, point.interval ? point.interval.map((edge) => edge.toFixed(3)).join(" to ") : "–"),
      h("td", {}, `${point.n}${point.isComplete ? "" : " so far"}`), h("td", {}, point.shown?.toFixed(1) ?? "–"),
      h("td", {}, point.prompt_tokens ? `${Math.round((point.cached_tokens / point.prompt_tokens) * 100)} %` : "–"))))));
}

customElements.define("shot-curve", ShotCurve);
