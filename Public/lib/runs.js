// SPDX-License-Identifier: Apache-2.0
// Runs of the Complete view and their branches.

import { joined } from "./tokens.js";

let count = 0;

/** One answer: its request, its tokens, and the run from which it branched. */
export class Run {
  tokens = [];
  promptIDs = null;
  seed = null;
  usage = null;
  finish = null;
  stopReason = null;
  warnings = [];
  settings = null;
  receipt = null;
  seconds = 0;
  state = "running";
  children = [];

  /** `fork`: the index at which a branch leaves its parent. */
  constructor({ path, request, choice = 0, parent = null, fork = null }) {
    Object.assign(this, { path, request, choice, parent, fork, number: ++count });
    parent?.children.push(this);
  }

  get text() {
    return joined(this.tokens);
  }

  /** The run at the root of its tree. */
  get root() {
    return this.parent ? this.parent.root : this;
  }

  /** Whether a branch can start in it: the prompt's ids must be known. */
  get canBranch() {
    return this.promptIDs !== null && this.state !== "running";
  }

  /** The mean of the model's own log-probabilities, null without tokens. */
  get meanLogprob() {
    const known = this.tokens.map((token) => token.raw).filter((value) => value !== null);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  }

  /**
   * The request that goes on from this run with another token at `index`: the prompt's ids, the tokens before it, and
   * the other one. Same seed, so that the noise at each place is that of the run itself.
   */
  branchRequest(index, id) {
    const { messages, prompt, instruction, examples, template, max_completion_tokens: longest, n, ...rest } = this.request;
    const request = {
      ...rest, model: this.request.model, seed: this.request.seed ?? this.seed,
      prompt: [...this.promptIDs, ...this.tokens.slice(0, index).map((token) => token.id), id],
    };
    delete request.top_logprobs;
    delete request.logprobs;
    const budget = this.request.max_tokens ?? longest ?? null;
    if (budget !== null) request.max_tokens = Math.max(0, budget - index - 1);
    if (request.min_tokens !== undefined) request.min_tokens = Math.max(0, request.min_tokens - index - 1);
    return request;
  }
}

// What counts only what was generated sees the tokens before a branch as part of the prompt.
const lookBack = ["frequency_penalty", "presence_penalty", "mirostat", "adaptive_target",
  "exponential_decay_length_penalty", "choice", "regex", "json_object", "json_schema", "grammar", "response_format"];

/** What makes a branch of a run more than the run with another token, in sentences. */
export function branchRemarks(run) {
  const changed = lookBack.filter((name) => {
    const value = run.request[name];
    return value !== undefined && value !== null && value !== 0 && value !== false && !(name === "adaptive_target" && value < 0);
  });
  const remarks = [];
  if (changed.length) {
    remarks.push(`A branch counts the tokens before it as prompt, which matters to ${changed.join(" and ")}.`);
  }
  if (run.root.choice > 0) remarks.push(`A branch draws the noise of choice 1, the run that of choice ${run.root.choice + 1}.`);
  return remarks;
}
