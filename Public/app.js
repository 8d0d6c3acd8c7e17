// SPDX-License-Identifier: Apache-2.0
// The page: its head, its views, and how it gets on with the server.

import { key } from "./lib/api.js";
import { Capabilities } from "./lib/capabilities.js";
import { h } from "./lib/dom.js";
import { Workspace } from "./lib/workspace.js";
import { read as readCompare } from "./views/compare-draft.js";
import { read as readComplete } from "./views/complete-draft.js";
import { read as readShots } from "./views/shots-draft.js";
import "./elements/notice-box.js";
import "./elements/server-status.js";
import "./views/compare-view.js";
import "./views/complete-view.js";
import "./views/shots-view.js";

const workspace = new Workspace({
  complete: { read: readComplete }, compare: { read: readCompare }, shots: { read: readShots },
});
const element = (id) => document.getElementById(id);
const notice = element("notice"); // of the server
const remarks = element("remark"); // of the address
const status = document.querySelector("server-status");

function showView() {
  for (const view of document.querySelectorAll("main > [data-view]")) {
    view.hidden = view.dataset.view !== workspace.view;
    if (!view.hidden) view.shown?.();
  }
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${workspace.view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function showModels() {
  const { capabilities, model } = workspace;
  element("model").replaceChildren(...capabilities.models.map(({ id, context_length: length }) =>
    h("option", { value: id }, `${id} · ${length} tokens`)));
  if (model) element("model").value = model.id;
  element("model").disabled = capabilities.models.length === 0;
  element("version").textContent = capabilities.version;
  status.model = model?.id ?? null;
}

async function connect() {
  try {
    workspace.showCapabilities(await Capabilities.load());
    notice.clear();
    showModels();
  } catch (error) {
    notice.fail(error, { retry: connect, askKey });
  }
}

async function openAddress() {
  const remark = await workspace.open(location.hash);
  showView();
  workspace.save();
  if (!remark) return remarks.clear();
  const actions = workspace.hasEarlier
    ? [["Back to what was here", () => { workspace.restoreEarlier(); showView(); }]] : [];
  actions.push(["Close", () => {}]);
  remarks.say(remark, actions);
}

function askKey() {
  const input = h("input", { id: "key", type: "password", autocomplete: "off", value: key.get() });
  const dialog = h("dialog", { onclose: () => {
    if (dialog.returnValue === "use") {
      key.set(input.value.trim());
      connect();
    }
    dialog.remove();
  } }, h("form", { method: "dialog" },
    h("label", { for: "key" }, "Key of this server"), input,
    h("p", { class: "quiet" }, "It is kept in this tab until it is closed."),
    h("div", { class: "actions" }, h("button", { class: "primary", value: "use" }, "Use it"),
      h("button", { value: "" }, "Cancel"))));
  document.body.append(dialog);
  dialog.showModal();
}

const themes = ["system", "light", "dark"];

function showTheme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  element("theme").textContent = { system: "◐ Auto", light: "○ Light", dark: "● Dark" }[name];
  element("theme").setAttribute("aria-label", `Colours: ${name}. Change`);
}

let theme = themes.includes(localStorage.getItem("temper.theme")) ? localStorage.getItem("temper.theme") : "system";
showTheme(theme);
element("theme").addEventListener("click", () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  localStorage.setItem("temper.theme", theme);
  showTheme(theme);
});

for (const view of document.querySelectorAll("main > [data-view]")) view.attach(workspace);
document.addEventListener("key", askKey);
element("model").addEventListener("change", () => {
  workspace.chooseModel(element("model").value);
  status.model = workspace.model?.id ?? null;
});
addEventListener("hashchange", openAddress);
status.addEventListener("gone", () => notice.say("The server does not answer. What you typed is kept; the page goes on "
  + "by itself when the server is back."));
status.addEventListener("back", connect);
await openAddress();
await connect();
