// SPDX-License-Identifier: Apache-2.0
// Readers for values that come from links and from storage, of which nothing may be taken for granted.

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

export const text = (value, otherwise = "") => (typeof value === "string" ? value : otherwise);

export const oneOf = (value, values) => (values.includes(value) ? value : values[0]);

export const flag = (value, otherwise) => (typeof value === "boolean" ? value : otherwise);

export const count = (value, from, to, otherwise) =>
  (Number.isSafeInteger(value) && value >= from && value <= to ? value : otherwise);

/** Items that `read` does not turn into null, at most `limit`. */
export const list = (value, limit, read) =>
  (Array.isArray(value) ? value.slice(0, limit).map(read).filter((item) => item !== null) : []);

export const object = (value) => (isObject(value) ? value : {});

/** Settings by their field's name. Values are checked by the form and by the server. */
export function settings(value, otherwise = {}) {
  if (!isObject(value)) return { ...otherwise };
  return Object.fromEntries(Object.entries(value).filter(([name]) => /^[a-z]\w{0,63}$/.test(name)).slice(0, 256));
}
