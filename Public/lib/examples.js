// SPDX-License-Identifier: Apache-2.0
// Examples to and from text: what a spreadsheet copies, CSV (RFC 4180), JSON lines.

import { asCSV } from "./export.js";
import { object, text as textOf } from "./drafts.js";

/** The members of an example, in the order of columns. */
export const members = ["input", "output", "rationale", "label"];

export const exampleLimit = 4096;

/** What is wrong with a text, and where. */
export class ImportError extends Error {
  constructor(line, message) {
    super(`line ${line}: ${message}`);
  }
}

/** An example with what is given of it, from any value. */
export function read(value) {
  const given = object(value);
  const example = { input: textOf(given.input), output: textOf(given.output) };
  for (const name of ["rationale", "label"]) if (textOf(given[name])) example[name] = given[name];
  return example;
}

/** Whether nothing was written. */
export const isBlank = (example) => members.every((name) => !example[name]);

/** Examples from a text of any of the three forms. Throws ImportError. */
export function parseExamples(text) {
  const start = text.replace(/^\ufeff/, "");
  if (/^\s*\{/.test(start)) return parseLines(start);
  const head = start.slice(0, start.search(/\r?\n|$/));
  return parseTable(start, head.includes("\t") ? "\t" : ",");
}

/** Examples from JSON lines. Throws ImportError. */
export function parseLines(text) {
  const examples = [];
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "") return;
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      throw new ImportError(index + 1, "this is not JSON");
    }
    for (const name of ["input", "output"]) {
      if (typeof value?.[name] !== "string") throw new ImportError(index + 1, `the text "${name}" is missing`);
    }
    const unknown = Object.keys(value).find((name) => !members.includes(name));
    if (unknown) throw new ImportError(index + 1, `"${unknown}" is no member of an example`);
    examples.push(read(value));
  });
  return limited(examples);
}

/** Examples from a table. A first row that names columns is a head; without one the columns are as in `members`. */
export function parseTable(text, separator) {
  const rows = cells(text, separator).filter(({ values }) => values.some((value) => value !== ""));
  if (rows.length === 0) return [];
  const names = rows[0].values.map((value) => value.trim().toLowerCase());
  const isHead = names.includes("input") && names.includes("output");
  const columns = isHead ? names : members;
  if (isHead) {
    const unknown = names.find((name) => !members.includes(name));
    if (unknown !== undefined) throw new ImportError(1, `"${unknown}" is no column of examples`);
    rows.shift();
  }
  return limited(rows.map(({ values, line }) => {
    if (values.length > columns.length) {
      throw new ImportError(line, `there are ${values.length} columns; ${columns.length} are known`);
    }
    return read(Object.fromEntries(values.map((value, index) => [columns[index], value])));
  }));
}

function limited(examples) {
  if (examples.length > exampleLimit) {
    throw new ImportError(exampleLimit + 1, `there are ${examples.length} examples; ${exampleLimit} are the most`);
  }
  return examples;
}

// Rows of cells with the line in which each begins. Quotes hold separators and line feeds; two are one.
function cells(text, separator) {
  const rows = [];
  let [row, cell, line, start, isQuoted, wasQuoted] = [[], "", 1, 1, false, false];
  const endCell = () => { row.push(cell); [cell, wasQuoted] = ["", false]; };
  const endRow = () => { endCell(); rows.push({ values: row, line: start }); row = []; start = line; };
  for (let at = 0; at < text.length; at++) {
    const one = text[at];
    if (one === "\n") line++;
    if (isQuoted) {
      if (one !== '"') cell += one;
      else if (text[at + 1] === '"') { cell += '"'; at++; } else isQuoted = false;
    } else if (one === '"' && cell === "" && !wasQuoted) {
      isQuoted = wasQuoted = true;
    } else if (one === separator) {
      endCell();
    } else if (one === "\n" || (one === "\r" && text[at + 1] !== "\n")) {
      endRow();
    } else if (one !== "\r") {
      cell += one;
    }
  }
  if (isQuoted) throw new ImportError(start, "a quotation mark is not closed");
  if (cell !== "" || row.length) endRow();
  return rows;
}

/** The members that any of the examples has. */
export const usedMembers = (examples) =>
  members.filter((name, index) => index < 2 || examples.some((example) => example[name]));

export function toCSV(examples) {
  const used = usedMembers(examples);
  return asCSV([used, ...examples.map((example) => used.map((name) => example[name] ?? ""))]);
}

export const toJSONL = (examples) => examples.map((example) => `${JSON.stringify(example)}\n`).join("");
