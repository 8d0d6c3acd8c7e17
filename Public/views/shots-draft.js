// SPDX-License-Identifier: Apache-2.0

import { list, object, oneOf, settings, text } from "../lib/drafts.js";
import { exampleLimit, read as readExample } from "../lib/examples.js";

// Kinds that were never classes, and words that were never labels, in the training of the shipped model.
const first = {
  instruction: "Give each word its label.",
  query: "cricket",
  answer: "zod",
  examples: [["beetle", "zod"], ["carrot", "kax"], ["wasp", "zod"], ["pumpkin", "kax"], ["moth", "zod"], ["onion", "kax"]],
  tests: [["bee", "zod"], ["turnip", "kax"], ["ant", "zod"], ["pea", "kax"], ["fly", "zod"], ["cabbage", "kax"],
    ["butterfly", "zod"], ["bean", "kax"]],
};
const pair = ([input, output]) => ({ input, output });

/** A draft of the Shots view from any value. */
export function read(value) {
  const draft = object(value);
  const examples = (given, otherwise) =>
    (Array.isArray(given) ? list(given, exampleLimit, readExample) : otherwise.map(pair));
  return {
    instruction: text(draft.instruction, first.instruction),
    template: text(draft.template, "qa"),
    ownTemplate: text(draft.ownTemplate, "Q: {input}\nA: {output}"),
    query: text(draft.query, first.query),
    examples: examples(draft.examples, first.examples),
    selection: settings(draft.selection),
    settings: settings(draft.settings, { max_tokens: 12, temperature: 0, stop: ["\n"] }),
    answer: text(draft.answer, first.answer),
    tests: examples(draft.tests, first.tests),
    counts: text(draft.counts, "0, 1, 2, 4, 6"),
    metric: oneOf(draft.metric, ["exact_match", "choice", "rouge_l"]),
  };
}
