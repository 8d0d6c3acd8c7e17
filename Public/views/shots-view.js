// SPDX-License-Identifier: Apache-2.0
// <shots-view>: examples, the prompt that they make, what the model answers, what each example does, and the curve over
// their number.

import { APIError, post, stream } from "../lib/api.js";
import { afterPause, announce, freshID, h, listenForKeys } from "../lib/dom.js";
import { download } from "../lib/export.js";
import { stringify } from "../lib/json.js";
import { completionLogprobs, fromCompletion, joined } from "../lib/tokens.js";
import "../elements/assembled-prompt.js";
import "../elements/example-table.js";
import "../elements/lever-form.js";
import "../elements/notice-box.js";
import "../elements/set-picker.js";
import "../elements/share-menu.js";
import "../elements/shot-curve.js";
import "../elements/token-text.js";

const completions = "/v1/completions";
const assemblePath = "/v1/prompts/assemble";
const ablatePath = "/v1/prompts/ablate";
const curvePath = "/v1/prompts/curve";
const setsPath = "/v1/example-sets/{id}";
const reasons = { is_query: "is the query", budget: "no room", count: "not selected" };

export class ShotsView extends HTMLElement {
  #workspace;
  #parts = {};
  #abort = null;
  #preview = null;
  #result = null;

  attach(workspace) {
    this.#workspace = workspace;
    this.#build();
    this.restore();
    workspace.addEventListener("model", () => this.#showAbility());
    workspace.addEventListener("restored", () => this.restore());
  }

  get #draft() {
    return this.#workspace.drafts.shots;
  }

  get #shotsField() {
    return this.#workspace.capabilities?.fields(completions).find((field) => field.name === "shots") ?? null;
  }

  restore() {
    const { instruction, query, own, answer, counts, metric, length, temperature, stop, examples, tests, selection } = this.#parts;
    const draft = this.#draft;
    instruction.value = draft.instruction;
    query.value = draft.query;
    own.value = draft.ownTemplate;
    answer.value = draft.answer;
    counts.value = draft.counts;
    metric.value = draft.metric;
    length.value = draft.settings.max_tokens ?? "";
    temperature.value = draft.settings.temperature ?? "";
    stop.value = [draft.settings.stop ?? []].flat().map((text) => JSON.stringify(text).slice(1, -1)).join(" ");
    examples.examples = draft.examples;
    tests.examples = draft.tests;
    selection.values = draft.selection;
    this.#showTemplate();
    this.#showPreview();
  }

  // MARK: Parts

  #build() {
    const id = freshID("shots");
    const field = (name, label, control) => {
      control.id = `${id}-${name}`;
      return h("div", { class: `field ${name}` }, h("label", { for: control.id }, label), control);
    };
    const words = (change, attributes = {}) => h("input", {
      type: "text", autocomplete: "off", ...attributes, oninput: (event) => this.#edit(change(event.target.value)),
    });
    const parts = this.#parts = {
      lack: h("notice-box"), notice: h("notice-box"),
      sets: h("set-picker", { hidden: true }),
      examples: h("example-table"), tests: h("example-table"), selection: h("lever-form"),
      instruction: words((value) => ({ instruction: value })),
      template: h("select", { onchange: () => { this.#edit({ template: parts.template.value }); this.#showTemplate(); } }),
      own: h("textarea", { rows: 2, oninput: () => this.#edit({ ownTemplate: parts.own.value }) }),
      query: h("textarea", { rows: 2, oninput: () => this.#edit({ query: parts.query.value }) }),
      length: words(() => this.#readSettings(), { inputmode: "numeric" }),
      temperature: words(() => this.#readSettings(), { inputmode: "decimal" }),
      stop: words(() => this.#readSettings()),
      run: h("button", { type: "submit", class: "primary" }, "Run"),
      halt: h("button", { type: "button", disabled: true, onclick: () => this.#abort?.abort() }, "Stop"),
      share: h("share-menu"),
      assembled: h("assembled-prompt"), left: h("ul", { class: "dropped" }),
      text: h("token-text", { "aria-label": "Tokens of the answer" }),
      end: h("p", { class: "quiet" }),
      answer: words((value) => ({ answer: value })),
      ablate: h("button", { type: "button", onclick: () => this.#ablate() }, "Measure each example"),
      ablation: h("p", { class: "quiet", role: "status" }),
      counts: words((value) => ({ counts: value })),
      metric: h("select", { onchange: () => this.#edit({ metric: parts.metric.value }) },
        [["exact_match", "exact match"], ["choice", "likeliest choice"], ["rouge_l", "ROUGE-L"]].map(([value, title]) =>
          h("option", { value }, title))),
      measure: h("button", { type: "button", onclick: () => this.#measure() }, "Draw the curve"),
      progress: h("progress", { hidden: true, "aria-label": "Points measured" }),
      curve: h("shot-curve"),
    };
    parts.text.dataset.shade = "processed";
    parts.examples.attach({ name: "examples", title: "Examples" });
    parts.tests.attach({ name: "test-items", title: "Test items" });
    parts.ownBox = field("own", "Own template, with {input} and {output}", parts.own);
    this.append(parts.lack, parts.notice,
      h("div", { class: "main-column" },
        h("section", { class: "card", "aria-labelledby": `${id}-examples` },
          h("div", { class: "row" }, h("h2", { id: `${id}-examples` }, "Examples"), parts.sets), parts.examples),
        h("details", { class: "card" }, h("summary", {}, h("h2", {}, "Selection, order, budget")), parts.selection),
        h("section", { class: "card influence-card", "aria-labelledby": `${id}-influence` },
          h("h2", { id: `${id}-influence` }, "What each example does"),
          h("p", { class: "quiet" }, "By how much the log-probability of the right answer falls without it."),
          h("div", { class: "fields" }, field("answer", "Right answer to the query", parts.answer)),
          h("div", { class: "actions" }, parts.ablate), parts.ablation)),
      h("div", { class: "main-column" },
        h("form", { class: "card ask", onsubmit: (event) => { event.preventDefault(); this.#run(); } },
          h("h2", {}, "Ask"), field("instruction", "Instruction", parts.instruction),
          field("template", "Template", parts.template), parts.ownBox, field("query", "Query", parts.query),
          h("div", { class: "fields" }, field("length", "Tokens at most", parts.length),
            field("temperature", "Temperature", parts.temperature),
            field("stop", "Stops, with spaces between, \\n a line break", parts.stop)),
          h("div", { class: "actions" }, parts.run, parts.halt, parts.share),
          h("p", { class: "paper answer-line" }, parts.text), parts.end),
        h("section", { class: "card", "aria-labelledby": `${id}-prompt` },
          h("h2", { id: `${id}-prompt` }, "The prompt that the model sees"), parts.assembled, parts.left)),
      h("section", { class: "card curve-card", "aria-labelledby": `${id}-curve` },
        h("h2", { id: `${id}-curve` }, "Accuracy over the number of examples"),
        h("details", {}, h("summary", {}, "Test items"), parts.tests),
        h("div", { class: "fields" }, field("counts", "Numbers of examples", parts.counts),
          field("metric", "Right means", parts.metric)),
        h("div", { class: "actions" }, parts.measure, parts.progress), parts.curve));
    this.#preview = afterPause(250, () => this.#assemble());
    this.#listen();
  }

  #listen() {
    const { examples, tests, selection, sets, notice, share } = this.#parts;
    examples.addEventListener("edit", () => this.#edit({ examples: examples.examples }));
    tests.addEventListener("edit", () => this.#edit({ tests: tests.examples }));
    selection.addEventListener("settings", () => this.#edit({ selection: selection.values }));
    for (const table of [examples, tests]) table.addEventListener("trouble", (event) => notice.say(event.detail));
    sets.attach(() => ({ examples: this.#draft.examples, ...(this.#draft.instruction ? { instruction: this.#draft.instruction } : {}),
      template: this.#template }));
    sets.addEventListener("open", (event) => this.#openSet(event.detail));
    sets.addEventListener("said", (event) => notice.say(event.detail));
    sets.addEventListener("trouble", (event) => this.#fail(event.detail));
    share.attach({
      link: () => this.#workspace.link(), request: () => ({ path: completions, body: this.#request() }),
      files: () => (this.#result ? [["Save as JSON", () =>
        download("temper-shots.json", stringify(this.#result, 2), "application/json")]] : []),
    });
    listenForKeys(this, { run: () => this.#run(), stop: () => this.#abort?.abort() });
  }

  #edit(change) {
    Object.assign(this.#draft, change);
    this.#workspace.save();
    this.#showPreview();
  }

  #readSettings() {
    const { length, temperature, stop } = this.#parts;
    const settings = {};
    const number = (input, isWhole) => {
      const value = Number(input.value);
      const isFine = input.value.trim() === "" || (Number.isFinite(value) && value >= 0 && (!isWhole || Number.isInteger(value)));
      if (isFine) input.removeAttribute("aria-invalid");
      else input.setAttribute("aria-invalid", "true");
      return input.value.trim() === "" || !isFine ? undefined : value;
    };
    settings.max_tokens = number(length, true);
    settings.temperature = number(temperature, false);
    const stops = stop.value.split(" ").filter(Boolean).map((text) => text.replaceAll("\\n", "\n").replaceAll("\\t", "\t"));
    if (stops.length) settings.stop = stops;
    for (const name of Object.keys(settings)) if (settings[name] === undefined) delete settings[name];
    return { settings };
  }

  #showTemplate() {
    const { template, ownBox } = this.#parts;
    const shots = this.#shotsField?.fields?.find((field) => field.name === "template");
    const field = shots?.allowed?.values ? shots
      : this.#workspace.capabilities?.fields(completions).find((field) => field.name === "template");
    const names = [...(field?.allowed?.values ?? ["qa"]), "own"];
    template.replaceChildren(...names.map((name) => h("option", { value: name }, name === "own" ? "my own" : name)));
    if (!names.includes(this.#draft.template)) this.#draft.template = names[0];
    template.value = this.#draft.template;
    ownBox.hidden = this.#draft.template !== "own";
  }

  #showAbility() {
    const { capabilities, model } = this.#workspace;
    if (!capabilities) return;
    const { lack, sets, selection, ablate, measure } = this.#parts;
    const missing = [ablatePath, curvePath, setsPath].filter((path) => !capabilities.has(path));
    const field = this.#shotsField;
    if (missing.length || !field) {
      lack.say(`This server lacks ${[...(field ? [] : ["the field shots"]), ...missing].join(", ")}. Examples are sent as `
        + "they stand here; what needs these is switched off.");
    } else {
      lack.clear();
    }
    ablate.disabled = !capabilities.has(ablatePath);
    measure.disabled = !capabilities.has(curvePath);
    sets.hidden = !capabilities.has(setsPath);
    if (!sets.hidden) sets.refresh();
    selection.show(field?.fields ?? [], model, {
      without: ["set", "version", "template", "instruction", "examples"], withPresets: false, title: "Selection",
    });
    selection.closest("details").hidden = !field;
    this.#showTemplate();
    this.#showPreview();
  }

  #openSet(set) {
    const isNamed = typeof set.template === "string";
    Object.assign(this.#draft, {
      examples: set.examples, instruction: set.instruction ?? "",
      template: isNamed ? set.template : set.template ? "own" : this.#draft.template,
      ...(set.template && !isNamed ? { ownTemplate: set.template.example ?? "" } : {}),
    });
    this.restore();
    this.#edit({});
    announce(`${set.id}: ${set.count} examples.`);
  }

  // MARK: Requests

  get #template() {
    return this.#draft.template === "own" ? { example: this.#draft.ownTemplate } : this.#draft.template;
  }

  get #shots() {
    const { instruction, examples, selection } = this.#draft;
    return { examples, template: this.#template, ...(instruction ? { instruction } : {}), ...selection };
  }

  /** The completion that is asked for. */
  #request() {
    const { query, instruction, examples, settings } = this.#draft;
    const model = this.#workspace.model?.id;
    const how = this.#shotsField ? { shots: this.#shots }
      : { ...(instruction ? { instruction } : {}), examples, template: this.#template };
    return { ...(model ? { model } : {}), prompt: query, ...settings, ...how };
  }

  #showPreview() {
    if (!this.hidden) this.#preview?.();
  }

  async #assemble() {
    const { capabilities, model } = this.#workspace;
    const { assembled, left, examples } = this.#parts;
    if (!capabilities || this.hidden) return;
    const draft = stringify(this.#draft);
    try {
      const request = this.#request();
      // The dry run came with the field.
      const answer = this.#shotsField ? await post(assemblePath, request)
        : await post(completions, { ...request, max_tokens: 0, return: ["assembled"] });
      if (stringify(this.#draft) !== draft) return;
      const [entry] = [answer.assembled].flat();
      assembled.show(entry, model?.context_length);
      const marks = new Map((entry.dropped ?? []).map(({ index, reason }) => [index, reasons[reason] ?? reason]));
      if (entry.examples) {
        this.#draft.examples.forEach((_, index) => {
          if (!entry.examples.includes(index) && !marks.has(index)) marks.set(index, reasons.count);
        });
      }
      examples.marks = marks;
      left.replaceChildren(...[...marks].slice(0, 12).map(([index, reason]) => h("li", {},
        h("s", {}, `${index + 1}. ${this.#draft.examples[index]?.input ?? ""}`), ` ${reason}`)),
      ...(marks.size > 12 ? [h("li", {}, `and ${marks.size - 12} more`)] : []));
    } catch (error) {
      if (stringify(this.#draft) !== draft) return;
      assembled.clear(`There is no prompt yet: ${error.message}`);
      examples.marks = new Map();
      left.replaceChildren();
    }
  }

  /** Does one thing at a time: `work` gets the signal that Stop gives. */
  async #attempt(work) {
    const { notice, progress, run, halt } = this.#parts;
    if (this.#abort || !this.#workspace.capabilities) return;
    notice.clear();
    this.#abort = new AbortController();
    [run.disabled, halt.disabled] = [true, false];
    try {
      await work(this.#abort.signal);
    } catch (error) {
      if (error.name === "AbortError") announce("Stopped.");
      else this.#fail(error, () => this.#attempt(work));
    }
    this.#abort = null;
    [run.disabled, halt.disabled, progress.hidden] = [false, true, true];
  }

  #run() {
    return this.#attempt(async (signal) => {
      const { text, end } = this.#parts;
      text.clear();
      end.textContent = "";
      const request = this.#request();
      const tokens = [];
      for await (const event of stream(completions, { ...request, ...completionLogprobs, stream: true }, signal)) {
        for (const choice of event.choices) {
          const grown = fromCompletion(choice);
          tokens.push(...grown);
          if (choice.index === 0) text.add(grown);
          if (choice.finish_reason) end.textContent = ending(choice, tokens.length);
        }
      }
      text.end();
      this.#result = { request, text: joined(tokens) };
      announce(`Done: ${tokens.length} tokens.`);
    });
  }

  #ablate() {
    return this.#attempt(async (signal) => {
      const { examples, ablation } = this.#parts;
      const { query, answer } = this.#draft;
      ablation.textContent = "Measuring…";
      const request = { model: this.#workspace.model?.id, prompt: query, answer, shots: this.#shots };
      try {
        const result = await post(ablatePath, request, signal);
        examples.influence = new Map(result.examples.map(({ index, influence }) => [index, influence]));
        const probability = (logprob) => `${logprob.toFixed(2)} (${(Math.exp(logprob) * 100).toPrecision(3)} %)`;
        ablation.textContent = `Log-probability of the answer: ${probability(result.logprob)} with the examples, ${
          probability(result.zero_shot_logprob)} without any${result.orders?.length > 1
          ? `; over ${result.orders.length} orders ${result.order_mean.toFixed(2)} ± ${result.order_deviation.toFixed(2)}` : ""}.`;
        this.#result = { request, result };
      } catch (error) {
        ablation.textContent = "";
        throw error;
      }
    });
  }

  #measure() {
    const { curve, progress, notice } = this.#parts;
    const counts = [...new Set(this.#draft.counts.split(/[\s,]+/).filter(Boolean).map(Number))].sort((a, b) => a - b);
    if (counts.length === 0 || !counts.every((count) => Number.isInteger(count) && count >= 0)) {
      return notice.say("Numbers of examples are whole numbers with commas between them, such as 0, 1, 2, 4.");
    }
    return this.#attempt(async (signal) => {
      const { tests, metric, settings } = this.#draft;
      const { count, ...shots } = this.#shots;
      const request = {
        model: this.#workspace.model?.id, shots, test: tests, counts, metric,
        ...(settings.max_tokens !== undefined ? { max_tokens: settings.max_tokens } : {}),
      };
      curve.begin(counts, metric);
      [progress.hidden, progress.max, progress.value] = [false, counts.length, 0];
      for await (const event of stream(curvePath, { ...request, stream: true }, signal)) {
        if (event.object === "prompt.curve.point") {
          curve.add(event.point, event.is_complete);
          if (event.is_complete) progress.value += 1;
        } else if (event.object === "prompt.curve") {
          for (const point of event.points) curve.add(point, true);
          this.#result = { request, result: event };
        }
      }
      announce("The curve is complete.");
    });
  }

  #fail(error, retry = null) {
    const { notice, selection, query, instruction } = this.#parts;
    notice.fail(error, { retry, askKey: () => this.dispatchEvent(new CustomEvent("key", { bubbles: true })) });
    if (!(error instanceof APIError) || !error.param) return;
    const [, name] = error.param.match(/^shots\.(\w+)/) ?? [];
    if (name && selection.refuse(name, error.message)) return;
    const places = { prompt: query, instruction, test: this.#parts.counts, counts: this.#parts.counts, answer: this.#parts.answer };
    places[name ?? error.field]?.focus();
  }

  /** Called when the view comes into sight. */
  shown() {
    this.#showPreview();
  }
}

function ending({ finish_reason: reason, stop_reason: detail }, count) {
  const how = reason === "length" ? "cut off at its length"
    : typeof detail === "string" ? `ended by the stop ${JSON.stringify(detail)}` : "ended by the model";
  return `${count ? `${count} tokens` : "An empty answer"}, ${how}.`;
}

customElements.define("shots-view", ShotsView);
