// SPDX-License-Identifier: Apache-2.0
// What the server can do, as GET /v1/capabilities says it.

import { get } from "./api.js";

/** The fields, models and routes of the server. */
export class Capabilities {
  constructor(answer) {
    this.version = answer.version;
    this.models = answer.models;
    this.routes = new Map(answer.routes.map((route) => [route.path, route]));
  }

  static async load(signal) {
    return new Capabilities(await get("/v1/capabilities", signal));
  }

  /** Whether the server has the route. */
  has(path) {
    return this.routes.has(path);
  }

  /** The fields of a route, none if the server lacks it. */
  fields(path) {
    return this.routes.get(path)?.fields ?? [];
  }

  /** Whether a field of a route takes the given one of its named values. */
  offers(path, name, value) {
    const field = this.fields(path).find((field) => field.name === name);
    return field?.allowed?.values?.includes(value) ?? false;
  }

  model(id) {
    return this.models.find((model) => model.id === id) ?? null;
  }
}

/** The smallest and the largest value of a number's field for a model; null where there is none. */
export function limits(field, model) {
  const { min = null, max = null, max_from: from } = field.allowed ?? {};
  return {
    min, max: from === "context_length" ? model?.context_length ?? null : max,
    aboveMin: field.allowed?.exclusive_min ?? false, belowMax: field.allowed?.exclusive_max ?? false,
  };
}

/** A number's range in words; empty if there is none. */
export function rangeText(field, model) {
  const { min, max, aboveMin, belowMax } = limits(field, model);
  const low = min === null ? "" : `${aboveMin ? "above" : "from"} ${min}`;
  const high = max === null ? "" : `${belowMax ? "below" : "to"} ${max}`;
  return [low, high].filter(Boolean).join(" ");
}
