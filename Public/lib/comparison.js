// SPDX-License-Identifier: Apache-2.0
// A comparison as it arrives.

import { fromComparison } from "./tokens.js";

/** The lanes of one answer of POST /v1/compare, filled by the events of its stream. */
export class Comparison {
  start = null;
  result = null;
  lanes = [];

  constructor(request) {
    this.request = request;
  }

  /** Takes an event. Returns the lane and choice that grew, with the new tokens, or null. */
  take(event) {
    switch (event.object) {
      case "comparison.start":
        this.start = event;
        this.lanes = event.lanes.map((lane) => ({
          ...lane,
          choices: Array.from({ length: event.samples }, () => ({
            text: "", tokens: [], finish: null, stopReason: null, divergence: null,
          })),
        }));
        return null;
      case "comparison.delta": {
        const choice = this.#choice(event);
        const tokens = event.tokens.map(fromComparison);
        markEnd(tokens, event.text);
        choice.text += event.text;
        choice.tokens.push(...tokens);
        return { lane: event.lane, choice: event.choice, tokens };
      }
      case "comparison.divergence":
        this.#choice(event).divergence = event.divergence;
        return null;
      case "comparison.finish":
        Object.assign(this.#choice(event), { finish: event.finish_reason, stopReason: event.stop_reason });
        return { lane: event.lane, choice: event.choice, tokens: [] };
      case "comparison":
        this.result = event;
        return null;
      default:
        return null;
    }
  }

  #choice(event) {
    return this.lanes[event.lane].choices[event.choice];
  }

  /** The ids of the prompt as the model saw it; null if the server did not say. */
  get promptIDs() {
    return [this.start?.assembled].flat()[0]?.token_ids ?? null;
  }

  /** Whether all lanes draw with the same noise. */
  get isPaired() {
    return this.lanes.every((lane) => String(lane.seed) === String(this.lanes[0]?.seed));
  }

  /** The whole answer with texts and tokens, as it would have come without a stream. */
  get record() {
    const { object, ...rest } = this.result ?? {};
    return {
      request: this.request, object, ...rest,
      lanes: this.lanes.map((lane, index) => ({
        ...(this.result?.lanes[index] ?? lane),
        choices: lane.choices.map((choice, place) => ({
          ...this.result?.lanes[index].choices[place], text: choice.text,
          tokens: choice.tokens.map(({ id, text, raw, processed, place: at }) => ({
            id, text, logprob: raw, processed_logprob: processed, entropy: at.entropy,
            processed_entropy: at.processedEntropy, survivors: at.survivors,
          })),
        })),
      })),
    };
  }
}

// The token that ends a text is reported, but is no part of the text.
function markEnd(tokens, text) {
  const last = tokens.at(-1);
  if (!last || last.bytes || last.text === "") return;
  const joined = tokens.map((token) => token.text).join("");
  if (joined !== text && joined.slice(0, -last.text.length) === text) last.isEnd = true;
}

/** A lane's letter. */
export const letter = (index) => String.fromCharCode(65 + index);

/** Why a lane went another way than lane A, in a sentence of pieces: texts, and tokens as `{ token }`. */
export function explain(divergence, index) {
  const own = letter(index);
  const { reference, other, cause, raw } = divergence;
  const first = { token: reference.text };
  const second = { token: other.text };
  const start = [`at token ${divergence.step + 1} A took `, first, ", ", own, " took ", second, ": "];
  switch (cause.kind) {
    case "removed":
      return cause.side === "other" ? [...start, { stage: cause.stage }, " removed ", first, ` in ${own}.`]
        : [...start, { stage: cause.stage }, " removed ", second, " in A."];
    case "constrained":
      return cause.side === "other" ? [...start, "what ", own, " may say rules out ", first, "."]
        : [...start, "what A may say rules out ", second, "."];
    case "reweighted":
      return [...start, { stage: cause.stage }, " moved the two apart. To the model ", first, ` is ${
        Math.exp(raw.log_odds).toPrecision(2)} times as likely.`];
    default:
      return [...start, "the lanes have different noise."];
  }
}
