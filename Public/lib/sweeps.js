// SPDX-License-Identifier: Apache-2.0
// Lanes from lists of values.

import { parse } from "./json.js";

export const laneLimit = 8;

/** The values of a list such as `0, 0.7, 1.5`, each as JSON or else as a word. */
export function valuesOf(text) {
  return text.split(",").map((item) => item.trim()).filter(Boolean).map((item) => {
    try {
      return parse(item);
    } catch {
      return item;
    }
  });
}

/** Every combination of the values of one or two fields, the last varying fastest. */
export function sweep(axes, settings) {
  return axes.reduce((lanes, { name, values }) =>
    lanes.flatMap((lane) => values.map((value) => ({ ...lane, [name]: value }))), [settings])
    .map((lane) => ({ name: axes.map(({ name }) => `${name} ${lane[name]}`).join(", "), settings: lane }));
}

/** A lane's settings in a few words. */
export function brief(settings) {
  const words = Object.entries(settings).map(([name, value]) =>
    `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return words.join(", ") || "defaults";
}
