// SPDX-License-Identifier: Apache-2.0
// What the server says of a receipt that it replayed, in a sentence.

import { spelled } from "./tokens.js";

const parts = { checkpoint_sha256: "weights", tokenizer_sha256: "vocabulary", settings: "meaning of the settings" };

/** `{ isSame, text }` of an answer of /v1/replay; `choice` is the one that is shown. */
export function verdict(replay, choice) {
  if (replay.verified) {
    const count = replay.outputs.reduce((sum, output) => sum + output.tokens, 0);
    return { isSame: true, text: `Verified: the same ${count} tokens came out again, with the same weights and settings.` };
  }
  const changed = replay.checks.filter((check) => !check.equal).map((check) => parts[check.name] ?? check.name);
  const sentences = changed.length ? [`Not verified: the ${changed.join(" and the ")} changed.`] : ["Not verified."];
  const differing = replay.outputs.filter((output) => !output.equal);
  const output = differing.find((one) => one.choice === choice) ?? differing[0];
  if (!output) sentences.push("The same tokens came out all the same.");
  else sentences.push(difference(output));
  return { isSame: false, text: sentences.join(" ") };
}

function difference({ choice, first_difference: place }) {
  if (!place) return `Choice ${choice + 1} differs.`;
  const name = (token) => (token ? `“${spelled(token.text)}”` : "the end");
  return `Choice ${choice + 1} differs from token ${place.step + 1} on: ${name(place.expected)} in the receipt, ${
    name(place.found)} now.`;
}
