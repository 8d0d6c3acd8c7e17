// SPDX-License-Identifier: Apache-2.0
// <example-table>: examples to be written, pasted from a spreadsheet, read from files and saved.

import { announce, freshID, h } from "../lib/dom.js";
import { exampleLimit, isBlank, parseExamples, parseTable, read, toCSV, toJSONL, usedMembers } from "../lib/examples.js";
import { download } from "../lib/export.js";

const pageSize = 50;

/** Fires `edit` after each change, with `examples` up to date; `trouble` with a sentence as `detail`. */
export class ExampleTable extends HTMLElement {
  #examples = [];
  #page = 0;
  #marks = new Map();
  #influence = null;
  #name = "examples";
  #body = h("tbody");
  #head = h("thead");
  #pager = h("div", { class: "pager actions" });

  /** Draws an empty table. `name` names its files, `title` the table. */
  attach({ name, title }) {
    this.#name = name;
    const id = freshID("import");
    const file = h("input", {
      id, type: "file", accept: ".csv,.tsv,.jsonl,.ndjson,.txt", class: "unseen", onchange: () => this.#import(file),
    });
    this.replaceChildren(
      h("div", { class: "scroller" }, h("table", { class: "examples", "aria-label": title }, this.#head, this.#body)),
      this.#pager,
      h("div", { class: "actions" },
        h("button", { type: "button", onclick: () => this.#addRow() }, "Add a row"),
        h("label", { class: "button", for: id }, "Read a file"), file,
        h("button", { type: "button", onclick: () => this.#save("csv") }, "Save CSV"),
        h("button", { type: "button", onclick: () => this.#save("jsonl") }, "Save JSONL"),
        h("span", { class: "hint quiet" }, "Paste rows from a spreadsheet into any cell.")));
    this.addEventListener("paste", (event) => this.#paste(event));
    this.#draw();
  }

  /** What is written; rows in which nothing is are left out. */
  get examples() {
    return this.#examples.filter((example) => !isBlank(example));
  }

  set examples(examples) {
    this.#examples = examples.map(read);
    this.#page = 0;
    this.#marks = new Map();
    this.#influence = null;
    this.#draw();
  }

  /** Marks examples that the prompt lacks: index in `examples` to the reason. */
  set marks(marks) {
    this.#marks = marks;
    this.#showMarks();
  }

  /** Shows a bar for each example: index in `examples` to a number; null takes the bars away. */
  set influence(influence) {
    this.#influence = influence;
    this.#draw();
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("edit"));
  }

  // The place of a row among the examples that are not blank.
  #place(index) {
    return this.#examples.slice(0, index).filter((example) => !isBlank(example)).length;
  }

  #draw() {
    if (this.#examples.length === 0) this.#examples.push(read({}));
    const used = usedMembers(this.#examples);
    const pages = Math.ceil(this.#examples.length / pageSize);
    this.#page = Math.min(this.#page, pages - 1);
    const first = this.#page * pageSize;
    this.#head.replaceChildren(h("tr", {}, h("th", { scope: "col" }, "#"),
      used.map((name) => h("th", { scope: "col" }, name)),
      this.#influence ? h("th", { scope: "col" }, "influence") : null, h("td", {})));
    this.#body.replaceChildren(...this.#examples.slice(first, first + pageSize).map((example, offset) =>
      this.#row(example, first + offset, used)));
    this.#pager.hidden = pages < 2;
    this.#pager.replaceChildren(
      h("button", { type: "button", disabled: this.#page === 0, onclick: () => { this.#page--; this.#draw(); } }, "Before"),
      h("span", { class: "quiet" }, `${first + 1} to ${Math.min(first + pageSize, this.#examples.length)} of ${
        this.#examples.length}`),
      h("button", { type: "button", disabled: this.#page >= pages - 1, onclick: () => { this.#page++; this.#draw(); } }, "Next"));
    this.#showMarks();
  }

  #row(example, index, used) {
    const cell = (name) => h("td", {}, h("textarea", {
      rows: 1, value: example[name] ?? "", "aria-label": `${name} ${index + 1}`, spellcheck: "false", oninput: (event) => {
        if (name === "input" || name === "output" || event.target.value) example[name] = event.target.value;
        else delete example[name];
        fit(event.target);
        this.#tell();
      }, onfocus: (event) => fit(event.target),
    }));
    const rows = used.map(cell);
    for (const { firstChild: area } of rows) area.rows = Math.min(6, area.value.split("\n").length);
    return h("tr", { "data-row": index }, h("th", { scope: "row" }, String(index + 1)), rows,
      this.#influence ? this.#bar(this.#influence.get(this.#place(index))) : null,
      h("td", {}, h("button", {
        type: "button", class: "clear", "aria-label": `Remove example ${index + 1}`, title: "Remove", onclick: () => {
          this.#examples.splice(index, 1);
          this.#draw();
          (this.querySelector(`[data-row="${index}"] textarea`) ?? this.querySelector("tr:last-child textarea"))?.focus();
          this.#tell();
        },
      }, "×")));
  }

  #bar(value) {
    if (value === undefined) return h("td", { class: "influence" }, "–");
    const most = Math.max(...[...this.#influence.values()].map(Math.abs), 1e-9);
    const bar = h("span", { class: value < 0 ? "bar below" : "bar" });
    bar.style.inlineSize = `${(Math.abs(value) / most) * 50}%`;
    return h("td", { class: "influence" }, h("div", {}, h("span", { class: "zone", "aria-hidden": "true" }, bar),
      h("span", {}, `${value > 0 ? "+" : ""}${value.toFixed(2)}`)));
  }

  #showMarks() {
    for (const row of this.#body.children) {
      const reason = isBlank(this.#examples[Number(row.dataset.row)]) ? undefined
        : this.#marks.get(this.#place(Number(row.dataset.row)));
      row.classList.toggle("left-out", reason !== undefined);
      const head = row.querySelector("th");
      head.title = reason ?? "";
      head.replaceChildren(String(Number(row.dataset.row) + 1),
        ...(reason ? [h("small", {}, ` ${reason}`)] : []));
    }
  }

  #addRow() {
    if (this.#examples.length >= exampleLimit) return this.#trouble(`There are ${exampleLimit} examples at most.`);
    this.#examples.push(read({}));
    this.#page = Math.floor((this.#examples.length - 1) / pageSize);
    this.#draw();
    this.#body.lastElementChild.querySelector("textarea").focus();
  }

  // Several cells replace the row they are pasted into, if it is blank, and come before the rows that follow.
  #paste(event) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const row = event.target.closest?.("tr[data-row]");
    if (!row || !/\t|\n.*\S/.test(text)) return;
    event.preventDefault();
    try {
      const pasted = parseTable(text, text.includes("\t") ? "\t" : ",");
      const index = Number(row.dataset.row);
      this.#examples.splice(index, isBlank(this.#examples[index]) ? 1 : 0, ...pasted);
      if (this.#examples.length > exampleLimit) {
        this.#trouble(`There are ${exampleLimit} examples at most: ${this.#examples.length - exampleLimit} were left out.`);
        this.#examples.length = exampleLimit;
      }
      announce(`${pasted.length} rows pasted.`);
      this.#draw();
      this.#tell();
    } catch (error) {
      this.#trouble(`Nothing was pasted: ${error.message}.`);
    }
  }

  async #import(file) {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    if (chosen.size > 16 * 1024 * 1024) return this.#trouble(`${chosen.name} has more than 16 MiB.`);
    try {
      this.examples = parseExamples(await chosen.text());
      announce(`${this.examples.length} examples read.`);
      this.#tell();
    } catch (error) {
      this.#trouble(`${chosen.name} was not read: ${error.message}. What was here is kept.`);
    }
  }

  #save(kind) {
    const isCSV = kind === "csv";
    download(`${this.#name}.${kind}`, isCSV ? toCSV(this.examples) : toJSONL(this.examples),
      isCSV ? "text/csv" : "application/jsonl");
  }

  #trouble(text) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: text }));
  }
}

function fit(area) {
  area.rows = 1;
  const line = parseFloat(getComputedStyle(area).lineHeight);
  area.rows = Math.max(1, Math.min(8, Math.floor((area.scrollHeight - 6) / line)));
}

customElements.define("example-table", ExampleTable);
