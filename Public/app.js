import { APIError, curl, get, stream } from "./api.js";
import { makeLevers } from "./levers.js";

const $ = (id) => document.getElementById(id);
let readLevers = () => ({});
let running = null;

function addExample(input = "", output = "") {
  const row = document.createElement("div");
  row.className = "example";
  for (const [name, value] of [["input", input], ["output", output]]) {
    const label = document.createElement("label");
    const field = document.createElement("input");
    label.textContent = name;
    field.value = value;
    field.dataset.name = name;
    field.autocomplete = "off";
    label.append(field);
    row.append(label);
  }
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "Remove";
  remove.addEventListener("click", () => {
    row.remove();
    $("add-example").focus();
  });
  row.append(remove);
  $("example-rows").append(row);
  row.querySelector("input").focus();
}

function readRequest() {
  const request = { model: $("model").value, prompt: $("prompt").value, ...readLevers() };
  const instruction = $("instruction").value.trim();
  if (instruction) request.instruction = instruction;
  const examples = [...$("example-rows").children].map((row) => ({
    input: row.querySelector("[data-name=input]").value,
    output: row.querySelector("[data-name=output]").value,
  }));
  if (examples.length > 0) request.examples = examples;
  return request;
}

function showError(error) {
  $("error").textContent = error instanceof APIError || error.message ? error.message : String(error);
  $("error").hidden = false;
  const field = error.param && $(`lever-${error.param}`);
  if (field) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}

function clear() {
  $("error").hidden = true;
  $("answer").replaceChildren();
  $("facts").textContent = "";
  for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

async function run(event) {
  event.preventDefault();
  clear();
  const request = readRequest();
  running = new AbortController();
  $("run").disabled = true;
  $("stop").disabled = false;
  const prompt = document.createElement("span");
  prompt.className = "prompt";
  prompt.textContent = request.examples || request.instruction ? "" : request.prompt;
  $("answer").append(prompt);
  const choices = new Map();
  const start = performance.now();
  let usage = null;
  let seed = request.seed ?? null;
  try {
    for await (const event of stream(request, running.signal)) {
      usage = event.usage ?? usage;
      seed = event.seed ?? seed;
      for (const choice of event.choices) place(choices, choice.index).append(choice.text);
    }
  } catch (error) {
    if (error.name !== "AbortError") showError(error);
  }
  const seconds = (performance.now() - start) / 1000;
  const facts = [`${seconds.toFixed(1)} s`];
  if (usage) {
    facts.unshift(`${usage.prompt_tokens} prompt tokens, ${usage.completion_tokens} generated`);
    facts.push(`${(usage.completion_tokens / seconds).toFixed(0)} tokens per second`);
  }
  if (seed !== null) facts.push(`seed ${seed}`);
  $("facts").textContent = facts.join(" · ");
  running = null;
  $("run").disabled = false;
  $("stop").disabled = true;
}

function place(choices, index) {
  if (!choices.has(index)) {
    const element = document.createElement(index === 0 ? "span" : "p");
    if (index > 0) element.append(`${index + 1}. `);
    choices.set(index, element);
    $("answer").append(element);
  }
  return choices.get(index);
}

async function start() {
  try {
    const capabilities = await get("/v1/capabilities");
    $("model").replaceChildren(...capabilities.models.map((model) => new Option(model.id, model.id)));
    readLevers = makeLevers($("levers"), capabilities);
    $("status").textContent = `version ${capabilities.version}`;
  } catch (error) {
    showError(error);
  }
}

$("request").addEventListener("submit", run);
$("stop").addEventListener("click", () => running?.abort());
$("add-example").addEventListener("click", () => addExample());
$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(curl(readRequest()));
  $("status").textContent = "copied";
});
start();
