// SPDX-License-Identifier: Apache-2.0
// <compare-view>: one prompt under two to eight settings that share their noise, side by side.

import { APIError, post, stream } from "../lib/api.js";
import { Comparison, letter } from "../lib/comparison.js";
import { announce, freshID, h, listenForKeys } from "../lib/dom.js";
import { asCSV, download } from "../lib/export.js";
import { same, stringify } from "../lib/json.js";
import { presets } from "../lib/levers.js";
import { brief, laneLimit } from "../lib/sweeps.js";
import { agreementTable, statisticsRows, statisticsTable, testsTable } from "../elements/comparison-tables.js";
import { editLane, sweepLanes } from "../elements/lane-dialogs.js";
import "../elements/distribution-plot.js";
import "../elements/lane-card.js";
import "../elements/notice-box.js";
import "../elements/share-menu.js";
import "../elements/token-panel.js";

const path = "/v1/compare";
const distributionPath = "/v1/distribution";
const listed = 1000;
const example = "Once upon a time there was a little girl who";

export class CompareView extends HTMLElement {
  #workspace;
  #parts = {};
  #comparison = null;
  #abort = null;
  #sample = 0;
  #at = null;

  attach(workspace) {
    this.#workspace = workspace;
    this.#build();
    this.restore();
    workspace.addEventListener("model", () => this.#showAbility());
    workspace.addEventListener("restored", () => this.restore());
  }

  get #draft() {
    return this.#workspace.drafts.compare;
  }

  get #laneFields() {
    const { capabilities } = this.#workspace;
    const names = new Set(capabilities?.routes.get(path)?.lane_fields ?? []);
    return (capabilities?.fields(path) ?? []).filter((field) => names.has(field.name));
  }

  restore() {
    const { prompt, samples, reference, length, seed, show } = this.#parts;
    prompt.value = this.#draft.prompt;
    samples.value = this.#draft.samples;
    reference.value = this.#draft.reference;
    length.value = this.#draft.shared.max_tokens ?? "";
    seed.value = this.#draft.shared.seed ?? "";
    show.value = this.#draft.show;
    this.#showLanes();
  }

  // MARK: Parts

  #build() {
    const id = freshID("compare");
    const field = (name, label, attributes) => {
      const input = h("input", { id: `${id}-${name}`, type: "text", inputmode: "numeric", autocomplete: "off", ...attributes });
      return { input, box: h("div", { class: "field" }, h("label", { for: input.id }, label), input) };
    };
    const samples = field("samples", "Samples a lane", { onchange: () => this.#readNumbers() });
    const length = field("length", "Tokens at most", { onchange: () => this.#readNumbers() });
    const seed = field("seed", "Seed", { onchange: () => this.#readNumbers() });
    const reference = field("reference", "Right answer, if there is one", {
      inputmode: "text", oninput: () => this.#edit({ reference: reference.input.value }),
    });
    reference.box.classList.add("long");
    const parts = this.#parts = {
      prompt: h("textarea", {
        id: `${id}-prompt`, rows: 3, spellcheck: "false", placeholder: "What the model shall go on with in each lane",
        oninput: () => this.#edit({ prompt: parts.prompt.value }),
      }),
      samples: samples.input, length: length.input, seed: seed.input, reference: reference.input,
      run: h("button", { type: "submit", class: "primary" }, "Compare"),
      stop: h("button", { type: "button", disabled: true, onclick: () => this.#abort?.abort() }, "Stop"),
      share: h("share-menu"),
      notice: h("notice-box"),
      lack: h("notice-box"),
      lanes: h("div", { class: "lanes", role: "group", "aria-label": "Lanes" }),
      add: h("select", { "aria-label": "Add a lane", onchange: () => this.#addPreset() },
        h("option", { value: "" }, "Add a lane…"), h("option", { value: "new" }, "Defaults"),
        presets.map((preset, index) => h("option", { value: index, title: preset.meaning }, preset.name))),
      sweep: h("button", { type: "button", onclick: () => this.#sweep() }, "Sweep…"),
      badge: h("span", { class: "badge", hidden: true }),
      progress: h("progress", { hidden: true, "aria-label": "Tokens so far" }),
      choose: h("span", { class: "samples", role: "group", "aria-label": "Sample that is shown" }),
      show: h("select", { "aria-label": "How the lanes are shown", onchange: () => {
        this.#edit({ show: parts.show.value });
        this.#showSample();
      } }, h("option", { value: "tokens" }, "Tokens, shaded"), h("option", { value: "words" }, "Words that differ from A")),
      figures: h("section", { class: "card figures", hidden: true, "aria-label": "Figures" }),
      next: h("section", { class: "card next", hidden: true, "aria-label": "The next token" }),
      plot: h("distribution-plot"),
      where: h("p", { class: "quiet", role: "status" }),
      panel: h("token-panel"),
    };
    parts.prompt.setAttribute("aria-label", "Prompt");
    parts.next.append(h("h2", {}, "The next token"), parts.where, parts.plot);
    parts.next.firstChild.classList.add("title");
    this.append(parts.lack,
      h("form", { class: "card ask", onsubmit: (event) => { event.preventDefault(); this.#start(); } },
        h("h2", {}, "One prompt, several settings, the same noise"), parts.prompt,
        h("div", { class: "fields" }, length.box, samples.box, seed.box, reference.box),
        h("div", { class: "actions" }, parts.run, parts.stop, parts.badge, parts.progress,
          h("button", { type: "button", class: "quiet", onclick: () => this.#plotNext(null) }, "Plot the next token"),
          parts.share)),
      parts.notice,
      h("div", { class: "row lane-tools" }, parts.add, parts.sweep, parts.choose, parts.show),
      parts.lanes, parts.figures, parts.next, parts.panel);
    parts.panel.addEventListener("leave", () => this.#card(this.#at?.lane)?.text.focusToken(this.#at.index));
    parts.plot.addEventListener("lane", (event) => this.#addLane({ name: "What if", settings: event.detail }));
    parts.share.attach({ link: () => this.#workspace.link(), request: () => this.#shareable(), files: () => this.#files() });
    listenForKeys(this, {
      run: () => this.#start(), close: () => parts.panel.close(), stop: () => this.#abort?.abort(),
    });
  }

  #edit(change) {
    Object.assign(this.#draft, change);
    this.#workspace.save();
  }

  #showAbility() {
    const { capabilities } = this.#workspace;
    const isAble = capabilities?.has(path) ?? true;
    this.#parts.run.disabled = !isAble || this.#abort !== null;
    if (isAble) this.#parts.lack.clear();
    else this.#parts.lack.say(`This server has no ${path}: a newer version of it compares settings.`);
  }

  // Whole numbers, or a word at the field about what it takes.
  #readNumbers() {
    const { samples, length, seed } = this.#parts;
    const read = (input, low, high) => {
      const text = input.value.trim();
      const value = /^-?\d{1,19}$/.test(text) ? Number(text) : NaN;
      const isFine = text === "" || (value >= low && value <= high);
      input.toggleAttribute("aria-invalid", !isFine);
      if (!isFine) input.setAttribute("aria-invalid", "true");
      if (text === "" || !isFine) return undefined;
      return Number.isSafeInteger(value) ? value : BigInt(text);
    };
    const context = this.#workspace.model?.context_length ?? Infinity;
    const shared = { ...this.#draft.shared, max_tokens: read(length, 0, context), seed: read(seed, -(2 ** 63), 2 ** 63 - 1) };
    for (const name of ["max_tokens", "seed"]) if (shared[name] === undefined) delete shared[name];
    this.#edit({ shared, samples: read(samples, 1, 64) ?? 1 });
    const wrong = this.querySelector(".fields [aria-invalid]");
    if (wrong) {
      wrong.focus();
      this.#parts.notice.say("One of the numbers is out of its range: 1 to 64 samples, tokens up to the model's context.");
    }
    return !wrong;
  }

  // MARK: Lanes

  #card(index) {
    return this.#parts.lanes.children[index];
  }

  #showLanes() {
    const { lanes } = this.#draft;
    this.#comparison = null;
    this.#parts.lanes.replaceChildren(...lanes.map((lane, index) => {
      const card = h("lane-card", { class: "card" });
      card.attach(lane, index, lanes.length);
      card.addEventListener("rename", (event) => { lane.name = event.detail; this.#workspace.save(); });
      card.addEventListener("edit", () => this.#editLane(index));
      card.addEventListener("duplicate", () => this.#change((all) => all.splice(index + 1, 0, structuredClone(lane)), index + 1));
      card.addEventListener("remove", () => this.#change((all) => all.splice(index, 1), Math.max(0, index - 1)));
      card.addEventListener("move", (event) => this.#move(index, index + event.detail));
      card.addEventListener("drop-lane", (event) => this.#move(event.detail, index));
      for (const name of ["point", "choose"]) {
        card.addEventListener(name, (event) => this.#openPanel(index, event.detail, name === "choose"));
      }
      card.addEventListener("leave", () => this.#parts.panel.closeSoon());
      card.text.dataset.shade = "processed";
      return card;
    }));
    this.#parts.add.disabled = lanes.length >= laneLimit;
    this.#parts.figures.hidden = true;
    this.#parts.choose.replaceChildren();
    this.#parts.badge.hidden = true;
  }

  #change(work, focus = null) {
    if (this.#abort) this.#abort.abort();
    work(this.#draft.lanes);
    this.#edit({});
    this.#showLanes();
    if (focus !== null) this.#card(focus)?.focusHandle();
  }

  #move(from, to) {
    if (!(from >= 0) || to < 0 || to >= this.#draft.lanes.length || from >= this.#draft.lanes.length || from === to) return;
    this.#change((all) => all.splice(to, 0, ...all.splice(from, 1)), to);
    announce(`Lane moved to ${letter(to)}.`);
  }

  #addPreset() {
    const { add } = this.#parts;
    const preset = presets[Number(add.value)];
    this.#addLane(add.value === "new" ? { name: "", settings: {} } : { name: preset.name, settings: { ...preset.settings } });
    add.value = "";
  }

  #addLane(lane) {
    if (this.#draft.lanes.length >= laneLimit) return announce(`The page shows up to ${laneLimit} lanes.`);
    this.#change((all) => all.push(lane), this.#draft.lanes.length);
  }

  async #editLane(index, refused = null) {
    const lane = this.#draft.lanes[index];
    const settings = await editLane({
      title: `Levers of lane ${letter(index)}`, settings: lane.settings, fields: this.#laneFields,
      model: this.#workspace.model, refused,
    });
    if (settings !== null && !same(settings, lane.settings)) this.#change(() => { lane.settings = settings; });
    this.#card(index)?.querySelector("button.clear")?.focus();
  }

  async #sweep() {
    const lanes = await sweepLanes({ settings: this.#draft.lanes[0].settings, fields: this.#laneFields });
    if (lanes) this.#change((all) => all.splice(0, all.length, ...lanes), 0);
  }

  // MARK: Requests

  #request() {
    const { prompt, shared, samples, reference, lanes } = this.#draft;
    const model = this.#workspace.model?.id;
    return {
      ...(model ? { model } : {}), prompt, ...shared, samples, ...(reference ? { reference } : {}),
      lanes: lanes.map(({ name, settings }) => ({ name: name || brief(settings), ...settings })),
    };
  }

  #shareable() {
    const request = this.#request();
    const shown = this.#comparison;
    const isShown = shown?.start && same(shown.request, request);
    return { path, body: isShown ? { ...request, seed: request.seed ?? shown.start.seed } : request };
  }

  async #start() {
    const { notice, prompt, panel } = this.#parts;
    if (this.#abort || !this.#readNumbers()) return;
    if (!this.#workspace.capabilities?.has(path)) return;
    notice.clear();
    if (prompt.value === "") {
      prompt.value = example;
      this.#edit({ prompt: example });
    }
    panel.close();
    const request = this.#request();
    const comparison = this.#comparison = new Comparison(request);
    this.#sample = 0;
    for (const card of this.#parts.lanes.children) card.clear();
    this.#abort = new AbortController();
    this.#showRunning();
    const start = performance.now();
    let failure = null;
    try {
      const body = { ...request, top_logprobs: 10, stream: true, return: ["assembled"] };
      for await (const event of stream(path, body, this.#abort.signal)) {
        if (this.#comparison === comparison) this.#take(event);
      }
    } catch (error) {
      failure = error;
    }
    this.#abort = null;
    this.#showRunning();
    if (this.#comparison === comparison) this.#end(failure, (performance.now() - start) / 1000);
  }

  #take(event) {
    const grown = this.#comparison.take(event);
    if (event.object === "comparison.start") {
      this.#showSamples();
      const { badge, progress } = this.#parts;
      badge.hidden = false;
      badge.textContent = this.#comparison.isPaired ? `≡ same noise in all lanes, seed ${event.seed}`
        : "≢ lanes with seeds of their own: differences may be luck";
      progress.max = event.lanes.length * event.samples * (this.#draft.shared.max_tokens ?? 16);
      progress.value = 0;
      for (const warning of event.warnings ?? []) this.#parts.notice.say(`The server remarks: ${warning.message}`);
    }
    if (!grown) return;
    this.#parts.progress.value += grown.tokens.length;
    if (grown.choice === this.#sample) {
      this.#card(grown.lane)?.grow(this.#comparison.lanes[grown.lane].choices[grown.choice], grown.tokens);
    }
  }

  #end(failure, seconds) {
    const { figures } = this.#parts;
    if (failure && failure.name !== "AbortError") this.#showFailure(failure);
    else if (failure) announce("Stopped.");
    this.#showSample();
    const { result } = this.#comparison;
    figures.hidden = result === null;
    if (!result) return;
    figures.replaceChildren(h("h2", {}, "Figures"), statisticsTable(result), agreementTable(result),
      h("details", {}, h("summary", {}, "Paired tests"), testsTable(result)),
      h("p", { class: "quiet" }, `${result.usage.completion_tokens} tokens in ${seconds.toFixed(2)} s; the prompt's ${
        result.usage.prompt_tokens} tokens were computed once.`));
    announce("The comparison is complete.");
  }

  #showFailure(error) {
    const { notice, prompt } = this.#parts;
    notice.fail(error, {
      retry: () => this.#start(), askKey: () => this.dispatchEvent(new CustomEvent("key", { bubbles: true })),
    });
    if (!(error instanceof APIError)) return;
    const [, lane, field] = error.param?.match(/^lanes\[(\d+)\]\.(\w+)/) ?? [];
    if (lane !== undefined) this.#editLane(Number(lane), { field, message: error.message });
    else if (error.field === "prompt") prompt.focus();
  }

  #showRunning() {
    const isRunning = this.#abort !== null;
    this.#parts.run.disabled = isRunning;
    this.#parts.stop.disabled = !isRunning;
    this.#parts.progress.hidden = !isRunning;
    this.classList.toggle("running", isRunning);
  }

  // MARK: Samples

  #showSamples() {
    const count = this.#comparison.start.samples;
    this.#parts.choose.replaceChildren(...(count < 2 ? [] : [h("span", { class: "quiet" }, "Sample "),
      ...Array.from({ length: count }, (_, index) => h("button", {
        type: "button", "aria-pressed": String(index === this.#sample), onclick: () => {
          this.#sample = index;
          for (const button of this.#parts.choose.querySelectorAll("button")) {
            button.setAttribute("aria-pressed", String(button.textContent === String(index + 1)));
          }
          this.#showSample();
        },
      }, String(index + 1)))]));
  }

  #showSample() {
    const { lanes } = this.#comparison ?? { lanes: [] };
    lanes.forEach((lane, index) => {
      const choice = lane.choices[this.#sample];
      const card = this.#card(index);
      card.show(choice);
      card.showWords(choice, this.#draft.show === "words" ? lanes[0].choices[this.#sample].text : null);
    });
  }

  #openPanel(lane, { index, element }, withFocus) {
    const token = this.#comparison?.lanes[lane]?.choices[this.#sample].tokens[index];
    if (!token) return;
    this.#at = { lane, index };
    const { place } = token;
    const canPlot = this.#workspace.capabilities?.has(distributionPath) && this.#comparison.promptIDs !== null;
    this.#parts.panel.open({
      token, index, anchor: element, model: this.#comparison.request.model, canBranch: false,
      extra: h("div", { class: "place" },
        h("p", {}, `entropy ${place.entropy?.toFixed(2) ?? "–"} → ${place.processedEntropy?.toFixed(2) ?? "–"} nats, ${
          place.survivors} tokens left`),
        canPlot ? h("button", { type: "button", class: "alternative-action", onclick: () => {
          this.#parts.panel.close();
          this.#plotNext({ lane, index });
        } }, "Plot this place under all lanes") : null),
    });
    if (withFocus) this.#parts.panel.querySelector("button:not(:disabled)")?.focus();
  }

  /** Asks for the distribution after the prompt, or at a token of a lane, under the settings of all lanes. */
  async #plotNext(at) {
    const { notice, next, plot, where } = this.#parts;
    const { capabilities } = this.#workspace;
    if (!capabilities?.has(distributionPath)) {
      return notice.say(`This server has no ${distributionPath}: a newer version of it has.`);
    }
    const request = this.#request();
    const known = new Set(capabilities.routes.get(distributionPath).lane_fields ?? []);
    const lanes = request.lanes.map((lane) =>
      Object.fromEntries(Object.entries(lane).filter(([name]) => name === "name" || known.has(name))));
    const tokens = at ? this.#comparison.lanes[at.lane].choices[this.#sample].tokens.slice(0, at.index) : [];
    const prompt = at ? [...this.#comparison.promptIDs, ...tokens.map((token) => token.id)] : request.prompt || example;
    try {
      const answer = await post(distributionPath, { model: request.model, prompt, lanes, top: listed });
      next.hidden = false;
      where.textContent = at ? `At token ${at.index + 1} of lane ${letter(at.lane)}, after: ${
        tokens.slice(-8).map((token) => token.text).join("") || "the prompt"}` : "After the prompt.";
      plot.show(answer);
      next.scrollIntoView({ block: "nearest" });
    } catch (error) {
      this.#showFailure(error);
    }
  }

  // MARK: Files

  #files() {
    const result = this.#comparison?.result;
    if (!result) return [];
    return [
      ["Save as JSON", () => download("temper-comparison.json", stringify(this.#comparison.record, 2), "application/json")],
      ["Save figures as CSV", () => download("temper-comparison.csv",
        asCSV(statisticsRows(result), { forSpreadsheets: true }), "text/csv")],
    ];
  }
}

customElements.define("compare-view", CompareView);
