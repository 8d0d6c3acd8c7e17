# SPDX-License-Identifier: Apache-2.0
"""The page's Shots view in a real browser, against a real server."""

import csv
import io
import json

import pytest
from browser import ATTACKS, copied, flaws, set_lever

ROWS = [
    {"input": "hot", "output": "cold"},
    {"input": "a, \"quoted\"\nword", "output": " = 1+1", "label": "odd"},
    {"input": "é 🎉", "output": "<b>bold</b>", "rationale": "because"},
]


def opened(visitor):
    page = visitor.open("#shots")
    page.locator(".assembled .span").first.wait_for()
    return page


def cells(page, table="Examples"):
    return page.locator(f'table[aria-label="{table}"] tbody tr').evaluate_all(
        "rows => rows.map((row) => [...row.querySelectorAll('textarea')].map((area) => area.value))")


def field(page, label):
    return page.locator("shots-view").get_by_label(label, exact=True)


def read_file(page, name, content):
    page.locator("shots-view input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": content.encode()})


def saved(page, title):
    with page.expect_download() as download:
        page.locator("example-table").first.get_by_role("button", name=title).click()
    return open(download.value.path(), encoding="utf-8", newline="").read()


def settled(page, text):
    """Waits until the assembled prompt holds a text."""
    page.locator(".assembled", has_text=text).wait_for()


def test_the_assembled_prompt_is_the_one_of_the_api(visit, server):
    page = opened(visit())
    field(page, "Query").fill("wet")
    settled(page, "wet")
    request = json.loads(copied(page, "Copy as JSON"))
    told = server.post("/v1/prompts/assemble", request).json()["assembled"][0]
    shown, spans = page.locator(".assembled").evaluate("""box => {
        const copy = box.cloneNode(true);
        for (const label of copy.querySelectorAll(".span-label")) label.remove();
        return [copy.textContent, [...copy.querySelectorAll(".span")].map((span) => span.textContent)];
    }""")
    assert shown == told["text"]
    assert spans == [told["text"][span["start"]:span["end"]] for span in told["spans"]]
    assert f"{told['tokens']} tokens of {told['context_length']}" in page.locator(".room").inner_text()


def test_what_is_dropped_is_struck_through_with_its_reason(visit):
    page = opened(visit())
    field(page, "Query").fill("BEETLE")
    row = page.get_by_role("table", name="Examples").locator("tbody tr.left-out")
    row.wait_for()
    assert "is the query" in row.inner_text()
    page.get_by_text("Selection, order, budget").click()
    set_lever(page, "count", "2", view="shots-view")
    page.locator("tr.left-out").nth(3).wait_for()
    assert page.locator(".assembled .span.example").count() == 2
    assert page.locator(".dropped li").count() == 4


def test_a_run_is_that_of_the_api(visit, server):
    page = opened(visit())
    field(page, "Stops, with spaces between, \\n a line break").fill("")
    page.get_by_role("button", name="Run", exact=True).locator("visible=true").click()
    page.locator("shots-view .ask p.quiet", has_text="tokens").wait_for()
    told = server.complete(**json.loads(copied(page, "Copy as JSON")))
    shown = page.evaluate("document.querySelector('shots-view token-text').textContent")
    assert shown.removesuffix("<|endoftext|>") == told["choices"][0]["text"]


def test_rows_are_pasted_from_a_spreadsheet(visit):
    page = opened(visit())
    page.get_by_role("button", name="Add a row").first.click()
    page.evaluate("navigator.clipboard.writeText('north\\tsouth\\n\"two\\nlines\"\\t\"a \"\"quote\"\"\"\\n')")
    page.keyboard.press("Control+V")
    assert cells(page)[6:] == [["north", "south"], ["two\nlines", 'a "quote"']]
    settled(page, "north")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_files_come_back_as_they_were(visit, kind):
    page = opened(visit())
    if kind == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, ["input", "output", "rationale", "label"])
        writer.writeheader()
        writer.writerows(ROWS)
        content = out.getvalue()
    else:
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    read_file(page, f"rows.{kind}", content)
    settled(page, "bold")
    assert [[row.get(name, "") for name in ("input", "output", "rationale", "label")] for row in ROWS] == cells(page)
    assert [json.loads(line) for line in saved(page, "Save JSONL").splitlines()] == ROWS
    table = list(csv.DictReader(io.StringIO(saved(page, "Save CSV"))))
    assert [{name: value for name, value in row.items() if value} for row in table] == ROWS


@pytest.mark.parametrize("content, said", [
    ('{"input": "a", "output": "b"}\n{"input": "c"}\n', 'line 2: the text "output" is missing'),
    ('{"input": "a", "output": "b"}\n{nonsense}\n', "line 2: this is not JSON"),
    ('input,output\na,"b\n', "line 2: a quotation mark is not closed"),
    ("input,output\na,b\nc,d,e,f,g\n", "line 3: there are 5 columns"),
    ("input,output,colour\na,b,c\n", '"colour" is no column'),
])
def test_a_file_that_cannot_be_read_loses_nothing(visit, content, said):
    page = opened(visit())
    before = cells(page)
    read_file(page, "rows.txt", content)
    page.locator("shots-view notice-box").get_by_text(said).wait_for()
    assert cells(page) == before


def test_the_curve_is_drawn_as_measured(visit, server):
    page = opened(visit())
    field(page, "Numbers of examples").fill("0, 2, 4")
    page.get_by_role("button", name="Draw the curve").click()
    rows = page.locator("shot-curve tbody tr")
    rows.nth(2).wait_for()
    page.locator("shot-curve", has_not_text="so far").wait_for()
    draft = json.loads(copied(page, "Copy as JSON"))
    tests = [{"input": row[0], "output": row[1]} for row in cells(page, "Test items")]
    told = server.post("/v1/prompts/curve", {
        "shots": draft["shots"], "test": tests, "counts": [0, 2, 4], "metric": "exact_match", "max_tokens": 12}).json()
    for index, point in enumerate(told["points"]):
        words = rows.nth(index).inner_text()
        assert f"{point['score']:.3f}" in words and f"{point['interval'][1]:.3f}" in words
    assert page.locator("shot-curve circle.point:not(.growing)").count() == 3


def test_the_influence_of_each_example(visit, server):
    page = opened(visit())
    page.get_by_role("button", name="Measure each example").click()
    page.locator("td.influence").first.wait_for()
    draft = json.loads(copied(page, "Copy as JSON"))
    told = server.post("/v1/prompts/ablate", {"prompt": "cricket", "answer": "zod", "shots": draft["shots"]}).json()
    shown = page.locator("td.influence").all_inner_texts()
    assert [float(text) for text in shown] == pytest.approx([entry["influence"] for entry in told["examples"]], abs=0.006)
    page.get_by_text(f"{told['logprob']:.2f}").first.wait_for()


def test_sets_are_kept_by_the_server(visit, server):
    page = opened(visit())
    shipped = {entry["id"] for entry in server.get("/v1/example-sets").json()["data"]}
    assert shipped
    read_file(page, "rows.jsonl", "".join(json.dumps({"input": attack, "output": attack}) + "\n" for attack in ATTACKS))
    settled(page, ATTACKS[0])
    page.get_by_role("button", name="Save as a set…").click()
    page.get_by_label("Name of the set").fill("attacks.1")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("shots-view notice-box").get_by_text(f"Saved attacks.1: {len(ATTACKS)} examples").wait_for()
    stored = server.get("/v1/example-sets/attacks.1").json()
    assert [example["input"] for example in stored["examples"]] == ATTACKS
    other = opened(visit())
    other.get_by_label("Set", exact=True).select_option("attacks.1")
    settled(other, ATTACKS[0])
    assert cells(other) == [[attack, attack] for attack in ATTACKS]
    assert other.locator("shots-view :is(script, img, iframe, style)").count() == 0
    other.get_by_role("button", name="Remove", exact=True).first.click()
    other.locator("shots-view notice-box").get_by_text("Removed attacks.1").wait_for()
    assert {entry["id"] for entry in server.get("/v1/example-sets").json()["data"]} == shipped
    assert cells(other) == [[attack, attack] for attack in ATTACKS]
    other.get_by_label("Set", exact=True).select_option(sorted(shipped)[0])
    assert other.get_by_role("button", name="Remove", exact=True).first.is_disabled()


def test_the_address_brings_the_examples_back(visit):
    page = opened(visit())
    read_file(page, "rows.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    settled(page, "bold")
    other = opened(visit())
    other.goto(copied(page, "Copy link"))
    settled(other, "bold")
    assert cells(other) == cells(page)


def test_a_refusal_stands_at_its_field(visit):
    page = opened(visit(may_fail=True))
    field(page, "Template").select_option("own")
    field(page, "Own template, with {input} and {output}").fill("no slots")
    page.locator("assembled-prompt").get_by_text("There is no prompt yet").wait_for()
    assert cells(page)[0] == ["beetle", "zod"]


@pytest.mark.parametrize("width", [390, 1024, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_it(visit, width, scheme):
    page = opened(visit(width=width, scheme=scheme))
    assert flaws(page) == []
    field(page, "Numbers of examples").fill("0, 2")
    page.get_by_role("button", name="Draw the curve").click()
    page.locator("shot-curve tbody tr").nth(1).wait_for()
    page.get_by_role("button", name="Measure each example").click()
    page.locator("td.influence").first.wait_for()
    page.locator("shots-view summary").evaluate_all("all => all.forEach((summary) => { summary.parentElement.open = true; })")
    assert flaws(page) == []


def test_a_server_without_shots_gets_the_short_form(visit, server):
    visitor = visit()

    def strip(route):
        answer = route.fetch()
        body = answer.json()
        body["routes"] = [entry for entry in body["routes"] if entry["path"] in ("/v1/completions", "/v1/chat/completions")]
        for entry in body["routes"]:
            entry["fields"] = [one for one in entry["fields"] if one["name"] != "shots"]
        route.fulfill(response=answer, json=body)

    visitor.page.route("**/v1/capabilities", strip)
    page = opened(visitor)
    page.get_by_text("This server lacks the field shots").wait_for()
    assert page.get_by_role("button", name="Draw the curve").is_disabled()
    request = json.loads(copied(page, "Copy as JSON"))
    assert request["examples"][0] == {"input": "beetle", "output": "zod"} and "shots" not in request
    page.get_by_role("button", name="Run", exact=True).locator("visible=true").click()
    page.locator("shots-view .ask p.quiet", has_text=", ").wait_for()
    told = server.complete(**request)["choices"][0]["text"]
    assert page.evaluate("document.querySelector('shots-view token-text').textContent") == told
