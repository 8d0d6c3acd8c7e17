// SPDX-License-Identifier: Apache-2.0
// A request as a command or a program that others can run, and results as files.

import { h } from "./dom.js";
import { stringify } from "./json.js";
import { key } from "./api.js";

/** A command for a POSIX shell. */
export function asCurl(path, body) {
  const json = stringify(body, 2).replaceAll("'", "'\\''");
  const authorization = key.get() ? ' \\\n    -H "Authorization: Bearer $TEMPER_KEY"' : "";
  return `curl ${location.origin}${path} -H 'Content-Type: application/json'${authorization} -d '${json}'`;
}

// What the openai package has arguments for; everything else goes into extra_body.
const known = {
  "/v1/completions": ["model", "prompt", "max_tokens", "temperature", "top_p", "n", "seed", "stop", "logprobs", "echo",
    "frequency_penalty", "presence_penalty", "logit_bias"],
  "/v1/chat/completions": ["model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n",
    "seed", "stop", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty", "logit_bias"],
};

/** A Python program: with the openai package where it has the route, else with requests. */
export function asPython(path, body) {
  const names = known[path];
  const secret = key.get() ? 'os.environ["TEMPER_KEY"]' : '"unused"';
  const imports = key.get() ? "import os\n\n" : "";
  if (!names) {
    const headers = key.get() ? `, headers={"Authorization": "Bearer " + ${secret}}` : "";
    return `${imports}import requests\n\nanswer = requests.post("${location.origin}${path}", json=${python(body, "")}${
      headers})\nprint(answer.text)\n`;
  }
  const extra = Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
  const lines = Object.entries(body).filter(([name]) => names.includes(name))
    .map(([name, value]) => `    ${name}=${python(value, "    ")},\n`);
  if (Object.keys(extra).length) lines.push(`    extra_body=${python(extra, "    ")},\n`);
  const isChat = path.includes("chat");
  return `${imports}from openai import OpenAI\n\n`
    + `client = OpenAI(base_url="${location.origin}/v1", api_key=${secret})\n`
    + `answer = client.${isChat ? "chat.completions" : "completions"}.create(\n${lines.join("")})\n`
    + `print(answer.choices[0].${isChat ? "message.content" : "text"})\n`;
}

// A value of JSON in Python's spelling.
function python(value, indent) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object") return String(value);
  const inner = `${indent}    `;
  const items = Array.isArray(value) ? value.map((item) => python(item, inner))
    : Object.entries(value).map(([name, item]) => `${python(name, inner)}: ${python(item, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const short = `${open}${items.join(", ")}${close}`;
  if (short.length < 80 && !short.includes("\n")) return short;
  return `${open}\n${items.map((item) => `${inner}${item},\n`).join("")}${indent}${close}`;
}

/**
 * Rows as CSV (RFC 4180). With `forSpreadsheets`, a text that one would take for a formula gets an apostrophe before it:
 * a model's words must not become a program.
 */
export function asCSV(rows, { forSpreadsheets = false } = {}) {
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (forSpreadsheets && typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Lets the visitor save a text as a file. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Copies a text. False if the browser does not let the page: then it is to be shown. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
