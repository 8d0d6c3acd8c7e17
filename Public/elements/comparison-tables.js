// SPDX-License-Identifier: Apache-2.0
// What a comparison says in figures: the lanes' statistics with their intervals, how far they agree, paired tests.

import { h } from "../lib/dom.js";
import { letter } from "../lib/comparison.js";

const titles = {
  length: "Length in tokens", mean_logprob: "Mean log-probability, model", mean_processed_logprob: "… as drawn from",
  mean_entropy: "Mean entropy, model (nats)", mean_processed_entropy: "… as drawn from", repetition: "Repeated 4-grams",
  exact_match: "Exact match", rouge_l: "ROUGE-L", bleu: "BLEU", distinct_1: "Distinct-1", distinct_2: "Distinct-2",
  distinct_3: "Distinct-3", self_bleu: "Self-BLEU", corpus_bleu: "Corpus BLEU",
};

const figure = (value) => {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(3);
};

const scroller = (label, table) => h("div", { class: "scroller", tabIndex: 0, role: "group", "aria-label": label }, table);

/** Rows of name and one value a lane, for a file. */
export function statisticsRows(result) {
  const names = Object.keys(result.lanes[0]?.metrics ?? {});
  return [
    ["metric", ...result.lanes.flatMap((lane) => [lane.name, `${lane.name} low`, `${lane.name} high`])],
    ...names.map((name) => [name, ...result.lanes.flatMap(({ metrics: { [name]: value } }) =>
      (typeof value === "object" && value !== null ? [value.mean, value.low, value.high] : [value, null, null]))]),
  ];
}

/** The statistics of all lanes, a column each. */
export function statisticsTable(result) {
  const names = Object.keys(result.lanes[0]?.metrics ?? {});
  return scroller("Statistics of the lanes", h("table", {},
    h("caption", {}, "Means over the samples of a lane, with 95 % bootstrap intervals"),
    h("thead", {}, h("tr", {}, h("td", {}), result.lanes.map((lane, index) =>
      h("th", { scope: "col" }, `${letter(index)} `, h("span", { class: "quiet" }, lane.name))))),
    h("tbody", {}, names.map((name) => h("tr", {}, h("th", { scope: "row" }, titles[name] ?? name),
      result.lanes.map(({ metrics: { [name]: value } }) => {
        if (typeof value !== "object" || value === null) return h("td", {}, figure(value));
        const interval = value.low === null ? null : h("small", {}, ` ${figure(value.low)} to ${figure(value.high)}`);
        return h("td", {}, figure(value.mean), interval);
      }))))));
}

/** How far every two lanes go together. */
export function agreementTable({ agreement, lanes }) {
  return scroller("Agreement of the lanes", h("table", { class: "matrix" },
    h("caption", {}, "Share of tokens that two lanes begin with; in brackets the share of samples that are the same"),
    h("thead", {}, h("tr", {}, h("td", {}), lanes.map((_, index) => h("th", { scope: "col" }, letter(index))))),
    h("tbody", {}, lanes.map((_, row) => h("tr", {}, h("th", { scope: "row" }, letter(row)),
      lanes.map((_, column) => h("td", {}, row === column ? "" : `${percent(agreement.prefix[row][column])} (${
        percent(agreement.equal[row][column])})`)))))));
}

const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`);

/** The paired tests, the surest first. */
export function testsTable({ tests }) {
  if (!tests?.length) return h("p", { class: "quiet" }, "No two lanes differ in any figure.");
  const rows = [...tests].sort((a, b) => (a.p ?? 1) - (b.p ?? 1));
  return scroller("Paired tests", h("table", {},
    h("caption", {}, "Differences between samples that share their noise; p from a randomization test of signs, not "
      + "corrected for the number of tests"),
    h("thead", {}, h("tr", {}, ["Lanes", "Figure", "Mean difference", "p", "Pairs"].map((title) =>
      h("th", { scope: "col" }, title)))),
    h("tbody", {}, rows.map((test) => h("tr", {},
      h("th", { scope: "row" }, `${letter(test.lanes[1])} − ${letter(test.lanes[0])}`),
      h("td", {}, titles[test.metric] ?? test.metric),
      h("td", {}, figure(test.mean_difference), test.low === null ? null
        : h("small", {}, ` ${figure(test.low)} to ${figure(test.high)}`)),
      h("td", {}, figure(test.p)), h("td", {}, String(test.pairs)))))));
}
