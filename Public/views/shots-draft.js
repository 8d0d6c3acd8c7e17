// SPDX-License-Identifier: Apache-2.0

import { list, object, oneOf, settings, text } from "../lib/drafts.js";
import { exampleLimit, read as readExample } from "../lib/examples.js";

const first = {
  instruction: "Give the opposite.",
  query: "cold",
  examples: [["big", "small"], ["up", "down"], ["old", "young"], ["fast", "slow"], ["day", "night"], ["open", "closed"]],
  tests: [["hot", "cold"], ["tall", "short"], ["good", "bad"], ["happy", "sad"], ["wet", "dry"], ["dark", "light"],
    ["rich", "poor"], ["hard", "soft"]],
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
    answer: text(draft.answer, "hot"),
    tests: examples(draft.tests, first.tests),
    counts: text(draft.counts, "0, 1, 2, 4, 6"),
    metric: oneOf(draft.metric, ["exact_match", "choice", "rouge_l"]),
  };
}
