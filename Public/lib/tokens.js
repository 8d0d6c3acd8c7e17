// SPDX-License-Identifier: Apache-2.0
// Tokens of an answer with what is known of their places, in one shape for all routes:
//
//     { id, text, bytes, raw, processed, top: [{ id, text, raw, processed }], complete: { raw, processed }, trace }
//
// Log-probabilities are natural; null: not reported. `raw` is the model's own, `processed` what was drawn from.
// `bytes` is null for a token whose text is whole. `complete.processed`: no token outside `top` was left to draw.
// `trace`: what the stages did, as the server says it, where it was asked for.

import { post } from "./api.js";

/** How many alternatives are asked for at each place. */
export const alternativeCount = 10;

/** What a request says to get its tokens so. */
export const completionLogprobs = { logprobs: alternativeCount, logprobs_mode: "both" };
export const chatLogprobs = { logprobs: true, top_logprobs: alternativeCount, logprobs_mode: "both" };
export const stageTrace = { trace: { level: "full", top: 2 * alternativeCount } };

const floor = -9999;
const finite = (value) => (value === undefined || value === null || value <= floor ? null : value);

/** The tokens of a choice, or of a piece of one, of /v1/completions. */
export function fromCompletion({ logprobs, trace }) {
  if (!logprobs?.tokens) return [];
  return traced(trace, logprobs.tokens.map((text, index) => {
    const texts = new Map();
    const named = Object.entries(logprobs.top_logprobs?.[index] ?? {});
    const rawTop = pairs(logprobs.top_ids, logprobs.top_id_logprobs, index);
    for (const [id, value] of rawTop) {
      const found = named.filter((entry) => entry[1] === value);
      if (found.length === 1) texts.set(id, found[0][0]);
    }
    const id = logprobs.token_ids?.[index] ?? null;
    texts.set(id, text);
    return make(id, text, logprobs.token_logprobs[index], logprobs.processed_token_logprobs?.[index], rawTop,
      pairs(logprobs.processed_top_ids, logprobs.processed_top_id_logprobs, index), texts);
  }));
}

/** The tokens of a choice, or of a piece of one, of /v1/chat/completions. */
export function fromChat({ logprobs, trace }) {
  return traced(trace, (logprobs?.content ?? []).map((entry) => {
    const texts = new Map([[entry.id, entry.token]]);
    const list = (top) => (top ?? []).map((other) => {
      texts.set(other.id, other.token);
      return [other.id, other.logprob];
    });
    return make(entry.id, entry.token, entry.logprob, entry.processed_logprob, list(entry.top_logprobs),
      list(entry.processed_top_logprobs), texts);
  }));
}

function traced(trace, tokens) {
  tokens.forEach((token, index) => {
    if (trace?.[index]?.id === token.id) token.trace = trace[index];
  });
  return tokens;
}

function pairs(ids, values, index) {
  return (ids?.[index] ?? []).map((id, place) => [id, values[index][place]]);
}

function make(id, text, raw, processed, rawTop, processedTop, texts) {
  const top = new Map();
  const entry = (other) => {
    if (!top.has(other)) top.set(other, { id: other, text: texts.get(other) ?? null, raw: null, processed: null });
    return top.get(other);
  };
  for (const [other, value] of rawTop) entry(other).raw = finite(value);
  for (const [other, value] of processedTop) entry(other).processed = finite(value);
  entry(id).raw ??= finite(raw);
  entry(id).processed ??= finite(processed);
  return {
    id, text, bytes: pieceBytes(text), raw: finite(raw), processed: finite(processed),
    top: [...top.values()].sort((a, b) => (b.raw ?? -Infinity) - (a.raw ?? -Infinity)),
    complete: { raw: false, processed: processedTop.length > 0 && processedTop.length < alternativeCount },
  };
}

// A piece of a character is written bytes:\xNN…
function pieceBytes(text) {
  if (!/^bytes:(\\x[0-9a-f]{2})+$/.test(text)) return null;
  return Uint8Array.from(text.matchAll(/\\x([0-9a-f]{2})/g), (match) => parseInt(match[1], 16));
}

/** Puts pieces of characters together: gives for each token what it adds to the text. */
export class PieceJoiner {
  #decoder = new TextDecoder();
  #open = false;

  add(token) {
    if (token.bytes) {
      this.#open = true;
      return this.#decoder.decode(token.bytes, { stream: true });
    }
    const rest = this.#open ? this.#decoder.decode() : "";
    this.#open = false;
    return rest + token.text;
  }
}

const knownTexts = new Map();

/** Gives alternatives their texts where the answer did not hold them. */
export async function nameAlternatives(token, model, signal) {
  await Promise.all(token.top.filter((other) => other.text === null).map(async (other) => {
    const key = `${model}\n${other.id}`;
    if (!knownTexts.has(key)) {
      const body = { model, tokens: [other.id] };
      const answer = await post("/detokenize", body, signal);
      knownTexts.set(key, answer.prompt ?? answer.content ?? "");
    }
    other.text = knownTexts.get(key);
  }));
}

const visible = { "\n": "⏎", "\t": "⇥", "\r": "␍", " ": "␣" };

/** A token's text with its white space made visible. */
export function spelled(text) {
  if (text === "") return "(empty)";
  return text.replace(/[\n\t\r]|^ +| +$/g, (space) => [...space].map((one) => visible[one]).join(""));
}

/** A probability in percent, from its logarithm. */
export function percent(logprob) {
  if (logprob === null || logprob === undefined) return "–";
  const value = Math.exp(logprob) * 100;
  if (value >= 99.95) return value >= 99.9995 ? "100 %" : "> 99.9 %";
  if (value >= 10) return `${value.toFixed(0)} %`;
  if (value >= 1) return `${value.toFixed(1)} %`;
  if (value >= 0.01) return `${value.toFixed(2)} %`;
  return "< 0.01 %";
}

/** Which of five shades a log-probability gets: 0, likely, to 4, hardly. */
export function shade(logprob) {
  if (logprob === null || logprob === undefined) return 0;
  const limits = [0.5, 0.2, 0.05, 0.01];
  const probability = Math.exp(logprob);
  const found = limits.findIndex((limit) => probability >= limit);
  return found < 0 ? 4 : found;
}

/** A token of a lane of /v1/compare; of its alternatives only the model's own probabilities are known. */
export function fromComparison(entry) {
  const top = (entry.top ?? []).map(({ id, text, logprob }) => ({ id, text, raw: finite(logprob), processed: null }));
  let own = top.find((other) => other.id === entry.id);
  if (!own) top.push(own = { id: entry.id, text: entry.text, raw: finite(entry.logprob), processed: null });
  own.processed = finite(entry.processed_logprob);
  const { entropy, processed_entropy: processedEntropy, survivors } = entry;
  return {
    id: entry.id, text: entry.text, bytes: pieceBytes(entry.text), raw: finite(entry.logprob), processed: own.processed,
    top, complete: null, place: { entropy, processedEntropy, survivors },
  };
}
