// SPDX-License-Identifier: Apache-2.0
// <complete-view>: one prompt or conversation, every lever, the answer token by token, and branches from any of them.

import { APIError, post, stream } from "../lib/api.js";
import { announce, h, listenForKeys } from "../lib/dom.js";
import { asCSV, download } from "../lib/export.js";
import { same, stringify } from "../lib/json.js";
import { verdict } from "../lib/receipts.js";
import { branchRemarks, Run } from "../lib/runs.js";
import { chatLogprobs, completionLogprobs, fromChat, fromCompletion, percent, stageTrace } from "../lib/tokens.js";
import { stageTable } from "../elements/stage-table.js";
import "../elements/lever-form.js";
import "../elements/message-list.js";
import "../elements/notice-box.js";
import "../elements/run-tree.js";
import "../elements/share-menu.js";
import "../elements/token-panel.js";
import "../elements/token-text.js";

const paths = { prompt: "/v1/completions", chat: "/v1/chat/completions" };
const example = "Once upon a time there was a little girl who";

export class CompleteView extends HTMLElement {
  #workspace;
  #parts = {};
  #roots = [];
  #run = null;
  #abort = null;
  #hasExample = false;

  attach(workspace) {
    this.#workspace = workspace;
    this.#build();
    this.restore();
    workspace.addEventListener("model", () => this.#showFields());
    workspace.addEventListener("restored", () => this.restore());
  }

  get #draft() {
    return this.#workspace.drafts.complete;
  }

  /** Shows the draft in all fields. */
  restore() {
    const { form, mode, prompt, messages, shade } = this.#parts;
    prompt.value = this.#draft.prompt;
    messages.messages = this.#draft.messages;
    mode.querySelector(`[value="${this.#draft.mode}"]`).checked = true;
    shade.value = this.#draft.shade;
    form.values = this.#draft.settings;
    this.#showMode();
    this.#showShade();
  }

  // MARK: Parts

  #build() {
    const modes = h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, "What is sent"),
      [["prompt", "Prompt"], ["chat", "Chat"]].map(([value, title]) => h("label", {},
        h("input", { type: "radio", name: "mode", value, onchange: () => this.#edit({ mode: value }) }),
        h("span", {}, title))));
    const parts = this.#parts = {
      mode: modes,
      prompt: h("textarea", {
        id: "prompt", rows: 5, spellcheck: "false", placeholder: "What the model shall go on with",
        oninput: () => this.#edit({ prompt: parts.prompt.value }),
      }),
      messages: h("message-list"),
      notice: h("notice-box"),
      run: h("button", { type: "submit", class: "primary" }, "Run"),
      stop: h("button", { type: "button", disabled: true, onclick: () => this.#abort?.abort() }, "Stop"),
      share: h("share-menu"),
      form: h("lever-form"),
      text: h("token-text", { class: "answer", "aria-label": "Tokens of the answer: arrows move, Enter shows alternatives" }),
      before: h("span", { class: "before" }),
      empty: h("div", { class: "empty" }),
      facts: h("p", { class: "facts" }),
      shade: h("select", { "aria-label": "What the shades show", onchange: () => this.#edit({ shade: parts.shade.value }) },
        h("option", { value: "processed" }, "Shades: as drawn from"), h("option", { value: "raw" }, "Shades: the model's own"),
        h("option", { value: "off" }, "No shades")),
      tree: h("run-tree"),
      treeBox: h("section", { class: "card runs", hidden: true, "aria-labelledby": "runs-title" }),
      panel: h("token-panel"),
    };
    parts.legend = legend();
    parts.treeBox.append(h("h2", { id: "runs-title" }, "Runs"), parts.tree);
    const form = h("form", { class: "card ask", onsubmit: (event) => { event.preventDefault(); this.#start(); } },
      h("div", { class: "row" }, h("h2", {}, "Ask"), modes),
      h("div", { class: "prompt-box" }, h("label", { for: "prompt", class: "unseen" }, "Prompt"), parts.prompt),
      parts.messages,
      h("div", { class: "actions" }, parts.run, parts.stop, h("span", { class: "hint quiet" }, "Ctrl + Enter runs, Esc stops"),
        parts.share));
    const answer = h("section", { class: "card result", "aria-labelledby": "answer-title" },
      h("div", { class: "row" }, h("h2", { id: "answer-title" }, "Answer"), parts.legend, parts.shade),
      parts.notice, parts.empty, h("div", { class: "paper" }, parts.before, parts.text), parts.facts);
    const levers = h("aside", { class: "card side", "aria-labelledby": "levers-title" },
      h("h2", { id: "levers-title" }, "Levers"), parts.form);
    this.append(h("div", { class: "main-column" }, form, answer, parts.treeBox), levers, parts.panel);
    this.#listen();
    this.#showEmpty();
    parts.share.attach({
      link: () => this.#workspace.link(), request: () => this.#shareable(), files: () => this.#files(),
    });
  }

  #listen() {
    const { form, messages, text, panel, tree } = this.#parts;
    form.addEventListener("settings", () => this.#edit({ settings: form.values }));
    messages.addEventListener("edit", () => this.#edit({ messages: messages.messages }));
    text.addEventListener("point", (event) => this.#openPanel(event.detail));
    text.addEventListener("choose", async (event) => {
      await this.#openPanel(event.detail);
      panel.focusFirst();
    });
    text.addEventListener("leave", () => panel.closeSoon());
    panel.addEventListener("leave", (event) => text.focusToken(event.detail));
    panel.addEventListener("branch", (event) => this.#branch(event.detail));
    tree.addEventListener("select", (event) => this.#select(event.detail));
    tree.addEventListener("remove", (event) => this.#remove(event.detail));
    listenForKeys(this, { run: () => this.#start(), close: () => panel.close(), stop: () => this.#abort?.abort() });
  }

  #edit(change) {
    Object.assign(this.#draft, change);
    if ("mode" in change) this.#showMode();
    if ("shade" in change) this.#showShade();
    this.#workspace.save();
  }

  #showFields() {
    const { capabilities, model } = this.#workspace;
    if (!capabilities) return;
    this.#parts.form.show(capabilities.fields(paths[this.#draft.mode]), model);
    // Where the other route has another name for a field, the draft takes it over.
    this.#draft.settings = this.#parts.form.values;
  }

  #showMode() {
    const isChat = this.#draft.mode === "chat";
    this.#parts.prompt.parentElement.hidden = isChat;
    this.#parts.messages.hidden = !isChat;
    this.#showFields();
  }

  #showShade() {
    this.#parts.text.dataset.shade = this.#draft.shade;
    this.#parts.legend.hidden = this.#draft.shade === "off";
  }

  #showEmpty() {
    const isEmpty = this.#run === null;
    this.#parts.empty.hidden = !isEmpty;
    if (!isEmpty || this.#hasExample) return;
    this.#hasExample = true;
    this.#parts.empty.append(
      h("p", {}, "The answer appears here token by token, shaded by how likely each was. Point at a token to see what "
        + "could have stood there, and choose another to go on with it: both runs are kept."),
      h("button", {
        type: "button", onclick: () => {
          this.#parts.prompt.value = example;
          this.#parts.mode.querySelector('[value="prompt"]').checked = true;
          this.#edit({ prompt: example, mode: "prompt" });
          this.#start();
        },
      }, "Run an example"));
  }

  // MARK: Requests

  /** The request as the form has it, without what the page adds to see more. */
  #request() {
    const { mode, prompt, messages, settings } = this.#draft;
    const names = new Set(this.#workspace.capabilities?.fields(paths[mode]).map((field) => field.name));
    const known = Object.fromEntries(Object.entries(settings).filter(([name]) => names.has(name)));
    const model = this.#workspace.model?.id;
    return { ...(model ? { model } : {}), ...(mode === "chat" ? { messages } : { prompt }), ...known };
  }

  // Code that gives the same bytes: with the seed of the answer that is shown.
  #shareable() {
    const request = this.#request();
    const run = this.#run;
    const isShown = run && !run.parent && same(run.request, request) && run.seed !== null;
    return { path: paths[this.#draft.mode], body: isShown ? { ...request, seed: run.request.seed ?? run.seed } : request };
  }

  async #start() {
    const { form, notice, prompt } = this.#parts;
    if (this.#abort) return;
    if (!form.check()) return announce("One of the levers cannot be read.");
    if (!this.#workspace.capabilities) return notice.say("The server has not answered yet. What you typed is kept.");
    const request = this.#request();
    if (this.#draft.mode === "chat" && request.messages.length === 0) {
      return notice.say("A conversation needs a turn.");
    }
    if (this.#draft.mode === "prompt" && request.prompt === "") {
      prompt.focus();
      return notice.say("Write something that the model shall go on with.");
    }
    await this.#execute(paths[this.#draft.mode], request, (choice) => new Run({
      path: paths[this.#draft.mode], request, choice,
    }));
  }

  async #branch({ index, alternative }) {
    const parent = this.#run;
    if (!parent?.canBranch || this.#abort) return;
    const taken = parent.tokens[index];
    const forced = { ...taken, id: alternative.id, text: alternative.text ?? "", raw: alternative.raw,
      processed: alternative.processed };
    const request = parent.branchRequest(index, alternative.id);
    const remarks = branchRemarks(parent);
    const make = () => {
      const run = new Run({ path: paths.prompt, request: { ...parent.request, n: undefined }, parent, fork: index });
      run.promptIDs = parent.promptIDs;
      run.seed = parent.seed;
      run.tokens = [...parent.tokens.slice(0, index), forced];
      return run;
    };
    await this.#execute(paths.prompt, request, make, remarks);
    if (this.#run) this.#parts.text.focusToken(index);
  }

  /** Sends a request and lets runs grow with its answer: one for each choice. */
  async #execute(path, request, make, remarks = []) {
    const { notice, panel } = this.#parts;
    panel.close();
    notice.clear();
    if (remarks.length) notice.say(remarks.join(" "));
    this.#abort = new AbortController();
    this.#showRunning();
    const isChat = path === paths.chat;
    const body = {
      ...request, ...(isChat ? chatLogprobs : completionLogprobs), ...(this.#canTrace(path) ? stageTrace : {}), stream: true,
      stream_options: { include_usage: true }, return: ["token_ids", "effective_settings", "receipt"],
    };
    const runs = new Map();
    const begin = (choice) => {
      const run = make(choice);
      runs.set(choice, run);
      if (!run.parent) this.#roots.push(run);
      return run;
    };
    this.#select(begin(0));
    const start = performance.now();
    let failure = null;
    try {
      for await (const event of stream(path, body, this.#abort.signal)) {
        this.#take(event, runs, begin, isChat);
      }
    } catch (error) {
      failure = error;
    }
    const seconds = (performance.now() - start) / 1000;
    for (const run of runs.values()) {
      run.seconds = seconds;
      run.state = failure === null ? "done" : failure.name === "AbortError" ? "stopped" : "failed";
    }
    this.#abort = null;
    this.#end(runs, failure);
  }

  #canTrace(path) {
    return this.#workspace.capabilities.fields(path).some((field) => field.name === "trace");
  }

  #take(event, runs, begin, isChat) {
    const first = runs.get(0);
    if (event.prompt_token_ids && !first.parent) first.promptIDs = event.prompt_token_ids[0];
    if (event.seed !== undefined && !first.parent) first.seed = event.seed;
    if (event.effective_settings) first.settings = event.effective_settings;
    if (event.warnings) first.warnings = event.warnings;
    if (event.usage) first.usage = event.usage;
    if (event.receipt) for (const run of runs.values()) run.receipt = event.receipt;
    for (const choice of event.choices) {
      const run = runs.get(choice.index) ?? begin(choice.index);
      if (run.promptIDs === null) Object.assign(run, { promptIDs: first.promptIDs, seed: first.seed });
      const tokens = isChat ? fromChat(choice) : fromCompletion(choice);
      run.tokens.push(...tokens);
      if (run === this.#run && tokens.length) this.#parts.text.add(tokens);
      if (choice.finish_reason) Object.assign(run, { finish: choice.finish_reason, stopReason: choice.stop_reason ?? null });
    }
  }

  #end(runs, failure) {
    const { notice, text } = this.#parts;
    text.end();
    const run = this.#run;
    if (failure && failure.name !== "AbortError") {
      this.#showFailure(failure);
      for (const empty of runs.values()) if (empty.tokens.length === 0) this.#forget(empty);
      if (!this.#run) this.#select(this.#roots.at(-1) ?? null);
    } else {
      announce(failure ? `Stopped after ${run.tokens.length} tokens.` : `Done: ${run.tokens.length} tokens.`);
      if (run.warnings.length) {
        notice.say(`The server remarks: ${run.warnings.map((warning) => warning.message ?? String(warning)).join(" ")}`);
      }
    }
    this.#showRunning();
    this.#parts.tree.show(this.#roots, this.#run);
    this.#showFacts();
  }

  #showFailure(error) {
    const { form, notice, prompt, messages } = this.#parts;
    const isAPI = error instanceof APIError;
    notice.fail(error, {
      retry: () => this.#start(), askKey: () => this.dispatchEvent(new CustomEvent("key", { bubbles: true })),
    });
    if (!isAPI || !error.field) return;
    if (form.refuse(error.field, error.message)) return;
    if (error.field === "prompt") prompt.focus();
    if (error.field === "messages") messages.querySelector("textarea")?.focus();
  }

  // MARK: Runs

  #select(run) {
    const { text, before, panel, tree, treeBox } = this.#parts;
    panel.close();
    this.#run = run;
    if (run) {
      before.textContent = shortened(run.root.request.prompt);
      text.show(run.tokens, { isOpen: run.state === "running", fork: run.fork });
    } else {
      before.textContent = "";
      text.clear();
    }
    treeBox.hidden = this.#roots.length === 0;
    tree.show(this.#roots, run);
    this.#showEmpty();
    this.#showFacts();
  }

  #forget(run) {
    this.#roots = this.#roots.filter((root) => root !== run);
    if (run.parent) run.parent.children = run.parent.children.filter((child) => child !== run);
    if (this.#run === run) this.#run = run.parent;
    if (this.#run) this.#select(this.#run);
  }

  #remove(run) {
    if (run.state === "running") this.#abort?.abort();
    this.#roots = this.#roots.filter((root) => root !== run);
    this.#select(this.#run?.root === run ? this.#roots.at(-1) ?? null : this.#run);
    (this.#parts.tree.querySelector('.run[tabindex="0"]') ?? this.#parts.prompt).focus();
  }

  #showRunning() {
    const isRunning = this.#abort !== null;
    this.#parts.run.disabled = isRunning;
    this.#parts.stop.disabled = !isRunning;
    this.classList.toggle("running", isRunning);
    this.querySelector(".result").setAttribute("aria-busy", String(isRunning));
  }

  #showFacts() {
    const run = this.#run;
    if (!run || run.state === "running") {
      this.#parts.facts.replaceChildren();
      return;
    }
    const { usage, tokens } = run;
    const facts = [];
    if (usage) {
      const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
      facts.push(["prompt", `${usage.prompt_tokens} tokens${cached ? `, ${cached} cached` : ""}`]);
    }
    facts.push(["answer", `${tokens.length} tokens`]);
    facts.push(["ended by", { done: ending(run), stopped: "you", failed: "a failure" }[run.state]]);
    if (usage && run.seconds > 0) {
      facts.push(["speed", `${(usage.completion_tokens / run.seconds).toFixed(0)} tokens/s with all choices`]);
    }
    if (run.meanLogprob !== null) {
      facts.push(["mean log-probability", `${run.meanLogprob.toFixed(3)} (${percent(run.meanLogprob)} per token)`]);
    }
    if (run.seed !== null) facts.push(["seed", String(run.request.seed ?? run.seed)]);
    this.#parts.facts.replaceChildren(...facts.map(([name, value]) =>
      h("span", {}, h("span", { class: "quiet" }, `${name} `), value)));
    if (this.#draft.mode === "chat" && run.path === paths.chat && run.state !== "failed") {
      this.#parts.facts.append(h("button", { type: "button", class: "quiet", onclick: () => this.#keepTurn(run) },
        "Keep as a turn"));
    }
  }

  #keepTurn(run) {
    const { messages } = this.#parts;
    messages.messages = [...messages.messages, { role: "assistant", content: run.text }, { role: "user", content: "" }];
    this.#edit({ messages: messages.messages });
    messages.querySelector("li:last-child textarea").focus();
  }

  async #openPanel({ index, element }) {
    const run = this.#run;
    const token = run?.tokens[index];
    if (!token) return;
    await this.#parts.panel.open({
      token, index, anchor: element, model: run.request.model, canBranch: run.canBranch && this.#abort === null,
      extra: token.trace ? stageTable(token.trace) : null,
    });
  }

  // MARK: Receipts

  /** Has the server make the answer again and says whether it came out the same. */
  async #verify(run) {
    const { notice } = this.#parts;
    notice.say("The server makes the answer again.");
    try {
      const { isSame, text } = verdict(await post("/v1/replay", { receipt: run.receipt }), run.root.choice);
      if (this.#run !== run) this.#select(run);
      notice.say(text);
      announce(isSame ? "Verified." : "Not the same.");
    } catch (error) {
      this.#showFailure(error);
    }
  }

  // MARK: Files

  #files() {
    const run = this.#run;
    if (!run || run.state === "running") return [];
    const name = `temper-run-${run.number}`;
    const receipt = run.receipt ? [
      ["Verify", () => this.#verify(run)],
      ["Save receipt", () => download(`${name}-receipt.json`, stringify({ receipt: run.receipt }, 2), "application/json")],
    ] : [];
    return [
      ...receipt,
      ["Save as JSON", () => download(`${name}.json`, stringify(record(run), 2), "application/json")],
      ["Save tokens as CSV", () => download(`${name}.csv`, asCSV([
        ["position", "id", "token", "logprob_raw", "logprob_processed"],
        ...run.tokens.map((token, index) => [index, token.id, token.text, token.raw, token.processed]),
      ], { forSpreadsheets: true }), "text/csv")],
    ];
  }
}

// The end of a prompt, as much as is read with the answer.
function shortened(prompt) {
  if (typeof prompt !== "string") return "";
  return prompt.length > 4000 ? `… ${prompt.slice(-4000)}` : prompt;
}

function ending(run) {
  if (run.finish === "length") return run.stopReason === "timeout" ? "time" : "length";
  if (typeof run.stopReason === "string") return `stop string ${JSON.stringify(run.stopReason)}`;
  return "end token";
}

function record(run) {
  return {
    request: run.request, path: run.path, seed: run.request.seed ?? run.seed, effective_settings: run.settings,
    prompt_token_ids: run.promptIDs, branch: run.parent ? { of: run.parent.number, at: run.fork } : null,
    text: run.text, finish_reason: run.finish, stop_reason: run.stopReason, usage: run.usage,
    tokens: run.tokens.map(({ id, text, raw, processed, top }) => ({ id, text, raw, processed, top })),
  };
}

function legend() {
  const steps = ["50 % and up", "20 %", "5 %", "1 %", "less"];
  return h("span", { class: "legend", role: "img", "aria-label":
    "Shades and underlines, from likely to hardly: none, dotted, dashed, solid, double" },
  h("span", { class: "quiet" }, "likely"),
  steps.map((title, index) => h("span", { class: `t p${index} r${index}`, title }, "Aa")),
  h("span", { class: "quiet" }, "hardly"));
}

customElements.define("complete-view", CompleteView);
