// SPDX-License-Identifier: Apache-2.0
// What two texts have in common, word by word.

const largest = 4_000_000;

/**
 * The pieces of `b` and what `a` has in their stead, in order: `{ kind: "same" | "only-a" | "only-b", text }`. A longest
 * common subsequence of words and the white space between them; beyond `largest` cells of its table what differs between
 * the common beginning and end is one piece.
 */
export function wordDiff(a, b) {
  const left = a.match(/\s+|[^\s]+/g) ?? [];
  const right = b.match(/\s+|[^\s]+/g) ?? [];
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start++;
  let end = 0;
  while (end < left.length - start && end < right.length - start && left.at(-1 - end) === right.at(-1 - end)) end++;
  const middle = difference(left.slice(start, left.length - end), right.slice(start, right.length - end));
  return merged([
    ...right.slice(0, start).map((text) => ({ kind: "same", text })), ...middle,
    ...right.slice(right.length - end).map((text) => ({ kind: "same", text })),
  ]);
}

function difference(left, right) {
  const whole = [{ kind: "only-a", text: left.join("") }, { kind: "only-b", text: right.join("") }];
  if (left.length * right.length > largest) return whole;
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      lengths[i * width + j] = left[i] === right[j] ? lengths[(i + 1) * width + j + 1] + 1
        : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  const pieces = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      pieces.push({ kind: "same", text: left[i++] });
      j++;
    } else if (j >= right.length || (i < left.length && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) {
      pieces.push({ kind: "only-a", text: left[i++] });
    } else {
      pieces.push({ kind: "only-b", text: right[j++] });
    }
  }
  return pieces;
}

// A lone space between two pieces of a kind joins them: a row of words is one piece.
function merged(pieces) {
  const result = [];
  for (const piece of pieces) {
    if (piece.text === "") continue;
    if (result.at(-1)?.kind === piece.kind) result.at(-1).text += piece.text;
    else result.push({ ...piece });
  }
  return result;
}
