// SPDX-License-Identifier: Apache-2.0
// JSON with integers of 64 bits: whole numbers that a double cannot hold are BigInts.

/** Parses JSON. Throws SyntaxError. */
export function parse(text) {
  return JSON.parse(text, (key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context.source) : value);
}

/** Writes JSON. Throws if there is a BigInt and this browser cannot write it exactly. */
export function stringify(value, indent) {
  return JSON.stringify(value, (key, member) => {
    if (typeof member !== "bigint") return member;
    if (!JSON.rawJSON) throw new RangeError(`this browser cannot send ${member} exactly; take a smaller number`);
    return JSON.rawJSON(String(member));
  }, indent);
}

/** Whether two values of JSON are the same, whatever the order of members. */
export function same(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}
