// SPDX-License-Identifier: Apache-2.0
// Dialogs of the Compare view: the levers of a lane, and lanes from lists of values.

import { freshID, h } from "../lib/dom.js";
import { laneLimit, sweep, valuesOf } from "../lib/sweeps.js";
import "./lever-form.js";

/** Lets the visitor set a lane's levers. Resolves to its settings, or null if nothing is to change. */
export function editLane({ title, settings, fields, model, refused = null }) {
  return new Promise((resolve) => {
    const form = h("lever-form");
    const close = h("button", { class: "primary", value: "use" }, "Use these");
    const dialog = h("dialog", { class: "wide", "aria-label": title, onclose: () => {
      resolve(dialog.returnValue === "use" ? form.values : null);
      dialog.remove();
    } }, h("form", {
      method: "dialog", onsubmit: (event) => {
        if (event.submitter === close && !form.check()) event.preventDefault();
      },
    }, h("h2", {}, title), form, h("div", { class: "actions" }, close, h("button", { value: "" }, "Cancel"))));
    document.body.append(dialog);
    form.show(fields, model);
    form.values = settings;
    dialog.showModal();
    if (refused) form.refuse(refused.field, refused.message);
  });
}

/** Lets the visitor make lanes from the values of one field or two. Resolves to lanes, or null. */
export function sweepLanes({ settings, fields }) {
  return new Promise((resolve) => {
    const names = fields.map((field) => field.name);
    const axes = [["temperature", "0, 0.5, 1, 1.5"], ["", ""]].map(([name, values], index) => {
      const id = freshID("axis");
      return {
        name: h("select", { id }, index ? h("option", { value: "" }, "no other") : null,
          names.map((option) => h("option", { value: option }, option))),
        values: h("input", { id: `${id}-values`, type: "text", value: values, autocomplete: "off" }), initial: name,
      };
    });
    for (const axis of axes) axis.name.value = axis.initial;
    const count = h("p", { class: "quiet", role: "status" });
    const use = h("button", { class: "primary", value: "use" }, "Make these lanes");
    const read = () => sweep(axes.filter(({ name, values }) => name.value && valuesOf(values.value).length)
      .map(({ name, values }) => ({ name: name.value, values: valuesOf(values.value) })), settings);
    const show = () => {
      const made = read().length;
      use.disabled = made < 2 || made > laneLimit;
      count.textContent = made < 2 ? "A comparison needs two lanes." : made > laneLimit
        ? `${made} lanes; the page shows up to ${laneLimit}. The server takes more: see /v1/compare.` : `${made} lanes`;
    };
    const dialog = h("dialog", { "aria-label": "Sweep", oninput: show, onchange: show, onclose: () => {
      resolve(dialog.returnValue === "use" ? read() : null);
      dialog.remove();
    } }, h("form", { method: "dialog" }, h("h2", {}, "Lanes from lists of values"),
      h("p", { class: "quiet" }, "Every combination is a lane. They replace the lanes that are there; the levers of lane A "
        + "hold for all."),
      axes.map((axis, index) => h("div", { class: "axis" },
        h("label", { for: axis.name.id }, index ? "and" : "Field"), axis.name,
        h("label", { for: axis.values.id }, "values"), axis.values)),
      count, h("div", { class: "actions" }, use, h("button", { value: "" }, "Cancel"))));
    document.body.append(dialog);
    show();
    dialog.showModal();
  });
}
