// SPDX-License-Identifier: Apache-2.0
// What each stage did at the place of a token, as the server's trace says it.

import { h } from "../lib/dom.js";
import { percent } from "../lib/tokens.js";

const share = (value) => (value === 0 ? "0 %" : percent(Math.log(value)));
const whole = (value) => value.toLocaleString("en").replaceAll(",", " ");

/** A line for the model and one for each stage that acts: tokens left, probability removed, entropy, rank of the token. */
export function stageTable(trace) {
  const line = (name, level, removed, entropy) => h("tr", {}, h("th", { scope: "row" }, name),
    h("td", {}, whole(level.survivors)), h("td", {}, removed), h("td", {}, entropy.toFixed(2)), h("td", {}, `${level.rank}.`));
  return h("table", { class: "stages", "aria-label": "What each stage did" },
    h("thead", {}, h("tr", {}, ["stage", "left", "removed", "nats", "rank"].map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, line("model", trace.raw, "", trace.raw.entropy), trace.stages.map((stage) =>
      line(stage.stage, stage, share(stage.mass_removed), stage.entropy_after))));
}

/**
 * The stage that removed a token; null if none did or the trace does not say. A stage's list tells that a token is gone
 * only where it holds all that is left.
 */
export function removingStage(trace, id) {
  for (const { stage, survivors, top } of trace?.stages ?? []) {
    if (top && top.length === survivors && !top.some((other) => other.id === id)) return stage;
  }
  return null;
}
