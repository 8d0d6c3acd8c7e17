// SPDX-License-Identifier: Apache-2.0
// Runs decoded again under other settings, by POST /v1/whatif.

import { APIError, post, stream } from "./api.js";
import { same } from "./json.js";
import { completionLogprobs, fromCompletion } from "./tokens.js";

export const whatIfPath = "/v1/whatif";

// What says what the prompt is or how the answer looks; a kept run has its own.
const ofTheRun = new Set(["model", "prompt", "messages", "instruction", "examples", "template", "shots", "n", "echo", "keep",
  "add_special_tokens", "parse_special", "truncate_prompt_tokens", "add_generation_prompt", "continue_final_message",
  "chat_template", "chat_template_kwargs", "strict", "stream", "stream_options", "logprobs", "top_logprobs", "logprobs_mode",
  "trace", "return", "max_time"]);
const otherNames = { max_completion_tokens: "max_tokens" };

/** What makes the settings of a run into others: fields of a completion; null where one goes back to its default. */
export function changes(request, settings) {
  const found = {};
  for (const name of new Set([...Object.keys(request), ...Object.keys(settings)])) {
    if (ofTheRun.has(name) || same(request[name], settings[name])) continue;
    found[otherNames[name] ?? name] = settings[name] ?? null;
  }
  return found;
}

/** Has the server keep a run: it makes the same answer again. */
async function keep(run, signal) {
  const { logprobs, top_logprobs: top, ...request } = run.request;
  const answer = await post(run.path, { ...request, seed: run.request.seed ?? run.seed, keep: true }, signal);
  run.keptID = answer.id;
}

/**
 * Decodes a run again. Yields `{ tokens }` as they come, and at the end `{ report }`, the server's `what_if`. A run that the
 * server does not keep, or no longer, is made again first.
 */
export async function* redecode(run, settings, signal) {
  const ask = () => stream(whatIfPath, {
    run: run.keptID, choice: run.choice, settings: { ...settings, ...completionLogprobs, stream: true },
  }, signal);
  const read = async function* () {
    for await (const event of ask()) {
      for (const choice of event.choices) yield { tokens: fromCompletion(choice), finish: choice.finish_reason };
      if (event.what_if) yield { report: event.what_if };
    }
  };
  if (run.keptID === null) await keep(run, signal);
  try {
    yield* read();
  } catch (error) {
    if (!(error instanceof APIError) || error.code !== "run_not_found") throw error;
    await keep(run, signal);
    yield* read();
  }
}
