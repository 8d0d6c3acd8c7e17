// SPDX-License-Identifier: Apache-2.0
// <server-status>: how the server fares, from /metrics; it says when the server is gone and when it is back.

import { getText } from "../lib/api.js";
import { h } from "../lib/dom.js";

const period = 4000;

/** Fires `gone` when the server stops answering, and `back` when it answers again. */
export class ServerStatus extends HTMLElement {
  #timer = null;
  #isGone = false;
  #last = null;
  #model = null;

  connectedCallback() {
    document.addEventListener("visibilitychange", () => this.#poll());
    this.#poll();
  }

  set model(id) {
    this.#model = id;
  }

  async #poll() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    try {
      this.#show(read(await getText("/metrics", AbortSignal.timeout(period))));
      if (this.#isGone) this.#change(false);
    } catch (error) {
      if (error.status === 401) this.#say("locked", "The server wants a key.");
      else if (error.status) this.#say("busy", `/metrics answers ${error.status}.`);
      else if (!this.#isGone) this.#change(true);
    }
    this.#timer = setTimeout(() => this.#poll(), this.#isGone ? 1500 : period);
  }

  #change(isGone) {
    this.#isGone = isGone;
    this.#last = null;
    if (isGone) this.#say("gone", "The server does not answer; trying again…");
    this.dispatchEvent(new CustomEvent(isGone ? "gone" : "back"));
  }

  #show(values) {
    const of = (name) => values.get(`${name}\n${this.#model}`) ?? values.get(`${name}\n`) ?? 0;
    const now = { time: performance.now(), tokens: of("temper_generated_tokens_total") };
    const speed = this.#last && now.tokens > this.#last.tokens
      ? Math.round((now.tokens - this.#last.tokens) / ((now.time - this.#last.time) / 1000)) : 0;
    this.#last = now;
    const waiting = of("temper_waiting_sequences");
    const parts = [
      `${of("temper_running_sequences")} running`, waiting ? `${waiting} waiting` : null,
      `cache ${(of("temper_kv_usage_ratio") * 100).toFixed(0)} %`, speed ? `${speed} tokens/s` : null,
      `up ${duration(values.get("temper_uptime_seconds\n") ?? 0)}`,
    ].filter(Boolean);
    if (values.get("temper_ready\n") === 0) this.#say("busy", "The server loads a model.");
    else this.#say("well", parts.join(" · "));
  }

  #say(state, text) {
    if (this.dataset.state === state && this.textContent === text) return;
    this.dataset.state = state;
    this.replaceChildren(h("span", { class: "lamp", "aria-hidden": "true" }), text);
  }
}

// Values by name and model, as `name\nmodel`.
function read(text) {
  const values = new Map();
  for (const line of text.split("\n")) {
    const [, name, labels, value] = line.match(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/) ?? [];
    if (!name || labels?.includes("le=")) continue;
    const model = labels?.match(/model="((?:[^"\\]|\\.)*)"/)?.[1] ?? "";
    values.set(`${name}\n${model}`, Number(value));
  }
  return values;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

customElements.define("server-status", ServerStatus);
