# SPDX-License-Identifier: Apache-2.0
"""The page's Compare view in a real browser, against a real server."""

import json
import math
import subprocess

import pytest
from browser import ATTACKS, copied, flaws, set_lever
from support import wait_until


def compare(page):
    page.get_by_role("button", name="Compare", exact=True).click()
    page.locator(".figures table").first.wait_for()


def texts(page):
    return page.locator("lane-card token-text").evaluate_all(
        "all => all.map((text) => [...text.querySelectorAll('.t')].map((token) => token.textContent).join(''))")


def opened(visitor):
    page = visitor.open("#compare")
    page.get_by_label("Prompt", exact=True).locator("visible=true").fill("Once upon a time")
    return page


def edit_lane(page, letter, **values):
    page.get_by_role("button", name=f"Levers of lane {letter}").click()
    for name, value in values.items():
        set_lever(page, name, value, view="dialog")
    page.get_by_role("button", name="Use these").click()


def test_lanes_are_those_of_the_api_and_of_the_same_requests_alone(visit, server):
    page = opened(visit())
    compare(page)
    request = json.loads(copied(page, "Copy as JSON"))
    told = server.post("/v1/compare", request).json()
    assert request["samples"] == 4 and len(told["lanes"]) == 3
    for sample in (0, 2):
        page.get_by_role("button", name=str(sample + 1), exact=True).click()
        assert texts(page) == [lane["choices"][sample]["text"] for lane in told["lanes"]]
    alone = {key: request[key] for key in ("model", "prompt", "max_tokens", "seed")}
    for index, lane in enumerate(request["lanes"]):
        settings = {name: value for name, value in lane.items() if name != "name"}
        choices = server.complete(**alone, **settings, n=4)["choices"]
        assert texts(page)[index] == choices[2]["text"]
    assert "same noise in all lanes, seed 1" in page.locator(".badge").inner_text()


def test_the_first_divergence_is_marked_with_its_cause(visit, server):
    page = opened(visit())
    compare(page)
    told = server.post("/v1/compare", json.loads(copied(page, "Copy as JSON"))).json()
    for index, lane in enumerate(told["lanes"]):
        card = page.locator("lane-card").nth(index)
        divergence = lane["choices"][0]["divergence"]
        if divergence is None:
            assert card.locator(".marked").count() == 0
            continue
        assert card.locator(".marked").get_attribute("data-index") == str(divergence["step"])
        assert divergence["cause"].get("stage", "noise") in card.locator(".why").inner_text()
    assert any(lane["choices"][0]["divergence"] for lane in told["lanes"])


def test_a_lane_that_equals_lane_a_says_so(visit):
    page = opened(visit())
    page.get_by_role("button", name="Duplicate lane A").click()
    compare(page)
    assert "the same as lane A" in page.locator("lane-card").nth(1).locator(".why").inner_text()


def test_figures_are_those_of_the_api(visit, server):
    page = opened(visit())
    page.get_by_label("Right answer, if there is one").fill("there was a girl")
    compare(page)
    told = server.post("/v1/compare", json.loads(copied(page, "Copy as JSON"))).json()
    page.get_by_role("button", name="Share", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save figures as CSV").click()
    rows = [line.split(",") for line in open(download.value.path(), encoding="utf-8").read().splitlines()[1:]]
    figures = {row[0]: row[1:] for row in rows}
    for name, value in told["lanes"][1]["metrics"].items():
        mean = value["mean"] if isinstance(value, dict) else value
        assert float(figures[name][3]) == pytest.approx(mean)
    assert "rouge_l" in figures
    table = page.locator(".figures table").first
    length = told["lanes"][0]["metrics"]["length"]["mean"]
    assert f"{length:g}" in table.locator("tr", has_text="Length in tokens").locator("td").first.inner_text()
    assert page.locator("table.matrix tbody tr").count() == 3


def test_lanes_are_added_moved_and_removed(visit):
    page = opened(visit())
    names = lambda: page.locator("lane-card .lane-head input").evaluate_all("all => all.map((input) => input.value)")
    assert names() == ["Greedy", "Warm", "Hot, tail cut"]
    page.get_by_label("Lane A: drag").focus()
    page.keyboard.press("ArrowRight")
    assert names() == ["Warm", "Greedy", "Hot, tail cut"]
    assert page.evaluate("document.activeElement.textContent") == "B"
    page.get_by_label("Lane C: drag").drag_to(page.locator("lane-card").nth(0))
    assert names() == ["Hot, tail cut", "Warm", "Greedy"]
    page.get_by_label("Add a lane").select_option(label="Careful")
    page.get_by_role("button", name="Remove lane B").click()
    assert names() == ["Hot, tail cut", "Greedy", "Careful"]
    while page.get_by_role("button", name="Duplicate lane A").is_enabled():
        page.get_by_role("button", name="Duplicate lane A").click()
    assert len(names()) == 8
    assert page.get_by_label("Add a lane").is_disabled()
    for _ in range(6):
        page.get_by_role("button", name="Remove lane A").click()
    assert page.get_by_role("button", name="Remove lane A").is_disabled()


def test_levers_of_a_lane_reach_the_server(visit):
    page = opened(visit())
    edit_lane(page, "B", temperature="0.6", top_k="12", stop=" the")
    compare(page)
    lane = json.loads(copied(page, "Copy as JSON"))["lanes"][1]
    assert lane == {"name": "Warm", "temperature": 0.6, "top_k": 12, "stop": [" the"]}
    assert "top_k 12" in page.locator("lane-card").nth(1).locator(".settings").inner_text()


def test_a_refusal_opens_the_lane_at_its_field(visit):
    page = opened(visit(may_fail=True))
    edit_lane(page, "C", samplers='["nonsense"]')
    page.get_by_role("button", name="Compare", exact=True).click()
    dialog = page.locator("dialog")
    dialog.get_by_text("Levers of lane C").wait_for()
    assert "nonsense" in dialog.locator('[data-field="samplers"] .problem').inner_text()


def test_a_sweep_makes_lanes(visit):
    page = opened(visit())
    page.get_by_role("button", name="Sweep…").click()
    dialog = page.locator("dialog")
    dialog.locator("input").nth(0).fill("0.5, 1, 1.5")
    dialog.locator("select").nth(1).select_option("top_p")
    dialog.locator("input").nth(1).fill("0.9, 1")
    dialog.get_by_text("6 lanes").wait_for()
    dialog.get_by_role("button", name="Make these lanes").click()
    compare(page)
    lanes = json.loads(copied(page, "Copy as JSON"))["lanes"]
    assert [(lane["temperature"], lane["top_p"]) for lane in lanes] == [
        (0.5, 0.9), (0.5, 1), (1, 0.9), (1, 1), (1.5, 0.9), (1.5, 1)]
    page.get_by_role("button", name="Sweep…").click()
    dialog.locator("input").nth(0).fill("1, 2, 3, 4, 5, 6, 7, 8, 9")
    assert dialog.get_by_role("button", name="Make these lanes").is_disabled()


def test_words_that_differ(visit, server):
    page = opened(visit())
    compare(page)
    told = server.post("/v1/compare", json.loads(copied(page, "Copy as JSON"))).json()
    page.get_by_label("How the lanes are shown").select_option("words")
    for index, lane in enumerate(told["lanes"]):
        words = page.locator("lane-card").nth(index).locator(".words")
        own, reference = words.evaluate("""words => {
            const text = (leave) => [...words.childNodes].filter((node) => node.localName !== leave)
                .map((node) => node.textContent).join("");
            return [text("del"), text("ins")];
        }""")
        assert own == lane["choices"][0]["text"]
        assert reference == told["lanes"][0]["choices"][0]["text"]


def test_the_plot_says_what_each_cut_keeps(visit, server):
    page = opened(visit())
    compare(page)
    page.locator("lane-card").nth(1).locator(".t").nth(3).click()
    page.get_by_role("button", name="Plot this place").click()
    plot = page.locator("distribution-plot")
    plot.locator("svg").wait_for()
    told = server.post("/v1/compare", json.loads(copied(page, "Copy as JSON")) | {"return": ["token_ids", "assembled"]}).json()
    assembled = told["assembled"][0] if isinstance(told["assembled"], list) else told["assembled"]
    ids = assembled["token_ids"] + [token["id"] for token in told["lanes"][1]["choices"][0]["tokens"][:3]]
    raw = server.post("/v1/distribution", {"prompt": ids, "lanes": [{}], "top": 1000}).json()["raw"]
    probabilities = [math.exp(entry["logprob"]) for entry in raw["top"]]
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    for top_p, min_p in ((0.5, 0.2), (0.3, 0.05)):
        plot.get_by_label("top_p").fill(str(top_p))
        plot.get_by_label("min_p").fill(str(min_p))
        total, kept = 0, 0
        while total < top_p:
            total += probabilities[kept]
            kept += 1
        assert f"top_p keeps {kept}," in plot.inner_text()
        assert f"min_p keeps {sum(p >= min_p * probabilities[0] for p in probabilities)}." in plot.inner_text()
    assert not [url for url in sent if "distribution" in url]
    plot.get_by_role("button", name="Make a lane of these").click()
    assert page.locator("lane-card").count() == 4
    assert "min_p 0.05" in page.locator("lane-card").nth(3).locator(".settings").inner_text()


def test_stop_ends_all_lanes(visit, slow_server):
    page = opened(visit(slow_server))
    for letter in "ABC":
        edit_lane(page, letter, ignore_eos="true")
    page.get_by_label("Tokens at most").locator("visible=true").fill("4000")
    page.get_by_label("Samples a lane").fill("2")
    cancelled = slow_server.metrics()["temper_groups_cancelled_total"]
    page.get_by_role("button", name="Compare", exact=True).click()
    page.locator("lane-card .t").nth(3).wait_for()
    page.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
    assert wait_until(lambda: slow_server.running() == 0, 10)
    assert slow_server.metrics()["temper_groups_cancelled_total"] == cancelled + 1
    page.locator(".actions button:enabled", has_text="Compare").wait_for()
    assert 0 < page.locator("lane-card .t").count() < 3 * 4000


def test_curl_reproduces_the_comparison(visit):
    page = opened(visit())
    compare(page)
    command = copied(page, "Copy as curl")
    told = json.loads(subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout)
    assert [lane["choices"][0]["text"] for lane in told["lanes"]] == texts(page)


def test_the_address_brings_the_lanes_back(visit):
    page = opened(visit())
    page.get_by_label("Name of lane A").fill(ATTACKS[0])
    edit_lane(page, "A", temperature="0.25")
    link = copied(page, "Copy link")
    other = visit().open(link.split("/", 3)[3])
    assert other.get_by_label("Name of lane A").input_value() == ATTACKS[0]
    assert "0.25" in other.locator("lane-card .settings").first.inner_text()
    compare(other)
    assert other.locator(".figures").get_by_text(ATTACKS[0]).count() > 0


@pytest.mark.parametrize("width", [390, 1024, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_it(visit, width, scheme):
    page = opened(visit(width=width, scheme=scheme))
    assert flaws(page) == []
    compare(page)
    page.locator("lane-card").nth(1).locator(".t").nth(3).click()
    page.get_by_role("button", name="Plot this place").click()
    page.locator("distribution-plot svg").wait_for()
    page.get_by_text("Paired tests").first.click()
    assert flaws(page) == []
    page.get_by_role("button", name="Levers of lane A").click()
    assert flaws(page) == []


def test_a_server_without_the_route_is_said_to_lack_it(visit):
    visitor = visit()

    def strip(route):
        answer = route.fetch()
        body = answer.json()
        body["routes"] = [entry for entry in body["routes"] if entry["path"] not in ("/v1/compare", "/v1/distribution")]
        route.fulfill(response=answer, json=body)

    visitor.page.route("**/v1/capabilities", strip)
    page = opened(visitor)
    page.get_by_text("This server has no /v1/compare").wait_for()
    assert page.get_by_role("button", name="Compare", exact=True).is_disabled()
    page.get_by_role("button", name="Plot the next token").click()
    page.get_by_text("This server has no /v1/distribution").wait_for()
