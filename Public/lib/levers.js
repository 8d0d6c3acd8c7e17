// SPDX-License-Identifier: Apache-2.0
// How the fields of a request are shown as levers: their groups, and where a slider moves. What a field is, its range and
// its meaning come from the server.

/** What the views say themselves. */
const saidElsewhere = new Set(["model", "prompt", "messages", "instruction", "examples", "shots", "template", "stream",
  "stream_options", "logprobs", "top_logprobs", "logprobs_mode", "return", "echo", "add_generation_prompt",
  "continue_final_message", "settings", "lanes", "sweep", "trace"]);

const groups = [
  ["Main", ["temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_tokens", "max_completion_tokens", "n",
    "seed", "stop"]],
  ["More cut-offs", ["typical_p", "top_n_sigma", "top_h", "epsilon_cutoff", "eta_cutoff", "tfs_z", "top_a",
    "xtc_probability", "xtc_threshold"]],
  ["Repetition", ["frequency_penalty", "frequency_penalty_scope", "frequency_penalty_window", "presence_penalty",
    "presence_penalty_scope", "presence_penalty_window", "repetition_penalty_scope", "repetition_penalty_window",
    "penalty_window", "no_repeat_ngram_size", "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n",
    "dry_sequence_breakers"]],
  ["Shape of the temperature", ["dynatemp_range", "dynatemp_exponent", "smoothing_factor", "smoothing_curve"]],
  ["Steered surprise", ["mirostat", "mirostat_tau", "mirostat_eta", "adaptive_target", "adaptive_decay"]],
  ["Order of the stages", ["order", "samplers"]],
  ["Bias and bans", ["logit_bias", "sequence_bias", "bad_words", "bad_words_ids", "allowed_token_ids", "suppress_tokens",
    "watermark"]],
  ["Constraints", ["choice", "regex", "json_object", "json_schema", "grammar", "response_format"]],
  ["Where it ends", ["min_tokens", "stop_token_ids", "include_stop_str_in_output", "ignore_eos", "max_time",
    "exponential_decay_length_penalty"]],
  ["One answer from several", ["aggregate"]],
  ["Text in and out", ["skip_special_tokens", "add_special_tokens", "parse_special", "truncate_prompt_tokens"]],
];

/** The fields of a route that are levers, in named groups; what no group names is in the last. */
export function grouped(fields) {
  const left = new Map(fields.filter((field) => !saidElsewhere.has(field.name))
    .map((field) => [field.name, field]));
  const made = groups.map(([title, names]) => {
    const members = names.map((name) => left.get(name)).filter(Boolean);
    for (const member of members) left.delete(member.name);
    return { title, fields: members };
  });
  made.push({ title: "Other", fields: [...left.values()] });
  return made.filter((group) => group.fields.length > 0);
}

// Where people move, within what is allowed: a lever from 0 to 100 is of little use.
const spans = {
  temperature: [0, 2, 0.01], top_k: [0, 100, 1], n: [1, 8, 1], repetition_penalty: [0.8, 1.6, 0.01],
  frequency_penalty: [-2, 2, 0.05], presence_penalty: [-2, 2, 0.05], top_n_sigma: [0, 4, 0.05],
  dynatemp_range: [0, 2, 0.01], dynatemp_exponent: [0, 4, 0.05], smoothing_factor: [0, 2, 0.01],
  smoothing_curve: [1, 4, 0.05], mirostat_tau: [0, 10, 0.1], mirostat_eta: [0, 1, 0.01], dry_multiplier: [0, 3, 0.05],
  dry_base: [1, 4, 0.05], dry_allowed_length: [0, 16, 1], no_repeat_ngram_size: [0, 8, 1], mirostat: [0, 2, 1],
};

/** From, to and step of the slider of a number; null if it gets none. `limits` is its allowed range. */
export function sliderSpan(field, { min, max }) {
  if (spans[field.name]) return spans[field.name];
  if (field.allowed?.max_from === "context_length" && max !== null) return [min ?? 0, max, 1];
  if (min !== null && max !== null && min >= -1 && max <= 1) return [min, max, 0.01];
  return null;
}

/** Settings worth starting from. */
export const presets = [
  { name: "Greedy", meaning: "always the likeliest token", settings: { temperature: 0 } },
  { name: "Careful", meaning: "close to the likeliest", settings: { temperature: 0.4, top_p: 0.9 } },
  { name: "Balanced", meaning: "a common default", settings: { temperature: 0.8, top_p: 0.95, top_k: 40 } },
  { name: "Lively", meaning: "hot, but without the tail", settings: { temperature: 1.2, min_p: 0.1 } },
  { name: "Fewer clichés", meaning: "the likeliest are cut at times",
    settings: { temperature: 1, min_p: 0.02, xtc_probability: 0.5, xtc_threshold: 0.1 } },
  { name: "No loops", meaning: "repetitions cost",
    settings: { temperature: 0.8, dry_multiplier: 0.8, repetition_penalty: 1.05 } },
  { name: "The model itself", meaning: "nothing but its own distribution", settings: {} },
];
