// SPDX-License-Identifier: Apache-2.0
// Drafts as text for an address: `VERSION/` and deflated JSON in base64url. Links come from others: sizes are bounded.

import { parse, stringify } from "./json.js";

/** The form of drafts that this page writes. */
export const version = 1;

const longestLink = 64 * 1024;
const largestLinked = 1024 * 1024;
const largestDraft = 8 * 1024 * 1024;

/** The text for a value; null if it is too long for an address. */
export async function encode(value) {
  const json = stringify(value);
  if (json.length > largestLinked) return null;
  const packed = await new Response(new Blob([json]).stream().pipeThrough(new CompressionStream("deflate-raw")))
    .arrayBuffer();
  const text = base64url(new Uint8Array(packed));
  return text.length > longestLink ? null : `${version}/${text}`;
}

/** The value of such a text. Throws an error that says what is wrong. */
export async function decode(text) {
  const [, number, payload] = text.match(/^(\d{1,6})\/([\w-]*)$/) ?? [];
  if (number === undefined) throw new Error("it is damaged");
  if (Number(number) !== version) {
    throw new Error(`it is of version ${number}, and this page reads version ${version}`);
  }
  if (payload.length > longestLink) throw new Error("it is too long");
  let json;
  try {
    json = await inflate(bytes(payload));
  } catch (error) {
    throw new Error(error instanceof RangeError ? error.message : "it is damaged");
  }
  try {
    const value = parse(json);
    if (typeof value !== "object" || value === null) throw new SyntaxError();
    return value;
  } catch {
    throw new Error("it is damaged");
  }
}

async function inflate(packed) {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let size = 0;
  let text = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > largestDraft) {
      reader.cancel().catch(() => {});
      throw new RangeError("it holds too much");
    }
    text += decoder.decode(value, { stream: true });
  }
}

function base64url(data) {
  let text = "";
  for (let start = 0; start < data.length; start += 0x8000) {
    text += String.fromCharCode(...data.subarray(start, start + 0x8000));
  }
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function bytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}
