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

/**
 * Puts pieces of characters together: gives for each token what it adds to the text. What can be no character becomes
 * U+FFFD as in the server's text, one for each longest beginning of a character (WHATWG Encoding, section 4.1).
 */
export class PieceJoiner {
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #open = [];

  add(token) {
    if (!token.bytes) return this.end() + token.text;
    const bytes = [...this.#open, ...token.bytes];
    const whole = bytes.length - openLength(bytes);
    this.#open = bytes.slice(whole);
    return this.#decoder.decode(Uint8Array.from(bytes.slice(0, whole)));
  }

  /** What is left when no token follows. */
  end() {
    const rest = this.#decoder.decode(Uint8Array.from(this.#open));
    this.#open = [];
    return rest;
  }
}

/** The text of tokens. */
export function joined(tokens) {
  const joiner = new PieceJoiner();
  return tokens.map((token) => joiner.add(token)).join("") + joiner.end();
}

// How many bytes at the end may be the beginning of a character.
function openLength(bytes) {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const lead = bytes.at(-length);
    if (lead >= 0x80 && lead < 0xc0) continue;
    const needed = lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc2 && lead < 0xe0 ? 2 : 0;
    if (needed <= length) return 0;
    const second = bytes.at(1 - length);
    const [low, high] = { 0xe0: [0xa0, 0xbf], 0xed: [0x80, 0x9f], 0xf0: [0x90, 0xbf], 0xf4: [0x80, 0x8f] }[lead] ?? [0x80, 0xbf];
    return length === 1 || (second >= low && second <= high) ? length : 0;
  }
  return 0;
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
