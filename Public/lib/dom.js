// SPDX-License-Identifier: Apache-2.0
// Making and finding elements. Text is always set as text: nothing here parses HTML.

/**
 * Makes an element.
 *
 *     h("button", { type: "button", class: "quiet", onclick: run }, "Run")
 *
 * Attributes that are null, undefined or false are left out; true is the empty attribute; `on…` functions listen;
 * `value`, `checked`, `disabled` and `open` are set as properties. Children may be nested lists; null is skipped.
 */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  set(element, attributes);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The same in SVG's namespace; its attributes are all set as such. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const properties = new Set(["value", "checked", "disabled", "open", "hidden", "tabIndex"]);

function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (properties.has(key)) element[key] = value;
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false) element.setAttribute(key, value);
  }
}

let count = 0;

/** An id that no other element has. */
export const freshID = (stem) => `${stem}-${++count}`;

/** Calls `work` at most once per frame, with the latest arguments. */
export function perFrame(work) {
  let pending = null;
  return (...values) => {
    if (pending === null) {
      requestAnimationFrame(() => {
        const latest = pending;
        pending = null;
        work(...latest);
      });
    }
    pending = values;
  };
}

/** Calls `work` when nothing came for `milliseconds`. `flush` on the result runs what is pending at once. */
export function afterPause(milliseconds, work) {
  let timer = null;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(later.flush, milliseconds);
  };
  later.flush = () => {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    work();
  };
  return later;
}

/** Says something to screen readers and, for a moment, at the foot of the page. */
export function announce(text) {
  const place = document.getElementById("announcement");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
}

/** Ctrl + Enter in a view runs; Esc, wherever the focus is, first closes what lies over it, then stops. */
export function listenForKeys(view, { run, close = () => false, stop }) {
  view.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || view.hidden || document.querySelector("dialog[open], :popover-open")) return;
    if (!close()) stop();
  });
}

/** Moves the focus within a group of elements by arrow keys (roving tabindex); the group is one stop of Tab. */
export function rove(items, current, event, { vertical = true, horizontal = true } = {}) {
  const index = items.indexOf(current);
  const steps = {
    ...(vertical ? { ArrowUp: -1, ArrowDown: 1 } : {}), ...(horizontal ? { ArrowLeft: -1, ArrowRight: 1 } : {}),
  };
  let next = null;
  if (event.key in steps) next = items[index + steps[event.key]];
  else if (event.key === "Home") next = items[0];
  else if (event.key === "End") next = items.at(-1);
  else return null;
  event.preventDefault();
  if (!next || next === current) return null;
  if (current) current.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  return next;
}
