// The form of decoding controls, generated from GET /v1/capabilities.

const shown = ["temperature", "top_k", "top_p", "min_p", "max_tokens", "seed", "repetition_penalty",
  "frequency_penalty", "presence_penalty", "n"];

/** Fills `place` with one input per numeric field and returns a function that reads them. */
export function makeLevers(place, capabilities) {
  const route = capabilities.routes.find((route) => route.path === "/v1/completions");
  const fields = shown.map((name) => route.fields.find((field) => field.name === name)).filter(Boolean);
  place.replaceChildren(...fields.map(makeLever));
  return () => {
    const values = {};
    for (const field of fields) {
      const text = place.querySelector(`#lever-${field.name}`).value.trim();
      if (text !== "") values[field.name] = isWhole(field) ? wholeNumber(text) : Number(text);
    }
    return values;
  };
}

// A seed of 64 bits does not fit a double: what is not safe is drawn as text would be, and the server says so.
function wholeNumber(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

function isWhole(field) {
  return field.type.startsWith("integer");
}

function makeLever(field) {
  const lever = document.createElement("div");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const note = document.createElement("span");
  label.htmlFor = input.id = `lever-${field.name}`;
  label.textContent = field.name;
  input.type = "number";
  input.step = isWhole(field) ? "1" : "any";
  const { min, max } = field.allowed ?? {};
  if (typeof min === "number") input.min = min;
  if (typeof max === "number") input.max = max;
  input.placeholder = field.default === null ? "" : String(field.default);
  input.title = field.meaning;
  note.className = "range";
  note.id = `range-${field.name}`;
  note.textContent = range(field);
  input.setAttribute("aria-describedby", note.id);
  label.append(" ", note);
  lever.append(label, input);
  return lever;
}

function range(field) {
  const { min, max } = field.allowed ?? {};
  if (typeof min !== "number" && typeof max !== "number") return field.unit ?? "";
  return `${min ?? "…"} to ${max ?? "…"}`;
}
