# SPDX-License-Identifier: Apache-2.0
"""The page's What if: runs decoded again from kept logits, in a real browser, against a real server."""

import json

import pytest
from browser import answer, copied, flaws, lever, run, set_lever
from support import Server, default_model, vocabulary_size

PROMPT = "Once upon a time there was a"
SETTINGS = {"seed": "3", "max_tokens": "24", "temperature": "0.8"}


def opened(visitor):
    page = visitor.open()
    page.locator("#prompt").fill(PROMPT)
    for name, value in SETTINGS.items():
        set_lever(page, name, value)
    run(page)
    return page


def open_card(page):
    page.get_by_text("What if", exact=True).click()
    page.locator("what-if .why").wait_for()


def text(page):
    return page.evaluate("document.querySelector('what-if token-text').textContent")


def move(page, name, value):
    """Moves a slider and waits until what comes of it is shown."""
    page.locator("what-if").get_by_label(name, exact=True).fill(str(value))
    settled(page)


def settled(page):
    page.locator("what-if[aria-busy=false]").wait_for()


def said(page, words):
    page.locator("what-if .why").get_by_text(words).wait_for()
    return page.locator("what-if .why").inner_text()


def fresh(server, **settings):
    body = {"prompt": PROMPT, "seed": 3, "max_tokens": 24, "temperature": 0.8}
    return server.complete(**(body | settings), **{"return": ["token_ids"]})


def test_the_run_as_it_was_needs_no_forward_pass(visit, server):
    page = opened(visit())
    open_card(page)
    said(page, "The same as the run, token by token. No forward pass")
    before = server.metrics()["temper_prompt_tokens_total"], server.metrics()["temper_engine_steps_total"]
    move(page, "min_p", 0.01)
    said(page, "No forward pass")
    assert (server.metrics()["temper_prompt_tokens_total"], server.metrics()["temper_engine_steps_total"]) == before
    assert text(page) == answer(page)


@pytest.mark.parametrize("name, value", [("top_k", 3), ("temperature", 1.4), ("top_p", 0.35), ("min_p", 0.4)])
def test_a_slider_gives_the_answer_of_the_changed_request(visit, server, name, value):
    page = opened(visit())
    was = fresh(server)["choices"][0]["token_ids"]
    told = fresh(server, **{name: value})["choices"][0]
    open_card(page)
    move(page, name, value)
    now = told["token_ids"]
    step = next((i for i, (one, two) in enumerate(zip(was, now)) if one != two), None)
    if step is None:
        said(page, "The same as the run")
    else:
        words = said(page, f"At token {step + 1} the run took")
        drawn = "1 token was" if step == 0 else f"{step + 1} tokens were"
        assert f"{drawn} drawn again from the kept logits" in words
        assert page.locator("what-if .marked").get_attribute("data-index") == str(step)
    assert text(page) == told["text"]
    assert f"{name} {value}" in page.locator("what-if p.settings").inner_text()
    page.get_by_role("button", name="As in the run").click()
    said(page, "The same as the run, token by token")
    assert text(page) == answer(page)


def test_any_lever_can_be_tried_and_taken_over(visit, server):
    page = opened(visit())
    open_card(page)
    set_lever(page, "repetition_penalty", "1.5")
    set_lever(page, "temperature", "")
    page.get_by_role("button", name="Try the levers as they stand").click()
    page.locator("what-if p.settings").get_by_text("temperature back to its default").wait_for()
    body = {"prompt": PROMPT, "seed": 3, "max_tokens": 24, "repetition_penalty": 1.5}
    expected = server.complete(**body)["choices"][0]["text"]
    page.wait_for_function("text => document.querySelector('what-if token-text').textContent === text", arg=expected)
    move(page, "top_k", 5)
    page.get_by_role("button", name="Take over into the levers").click()
    assert lever(page, "top_k").locator("input[type=text]").input_value() == "5"
    request = json.loads(copied(page, "Copy as JSON"))
    assert request["top_k"] == 5 and request["repetition_penalty"] == 1.5 and "temperature" not in request
    expected = server.complete(**body, top_k=5)["choices"][0]["text"]
    page.wait_for_function("text => document.querySelector('what-if token-text').textContent === text", arg=expected)


def test_the_lines_move_without_asking_for_the_distribution_again(visit, server):
    page = opened(visit())
    open_card(page)
    with page.expect_response("**/v1/distribution"):
        page.locator("what-if token-text .t").nth(2).click()
    page.locator("what-if svg").wait_for()
    assert page.locator("what-if svg .line").count() == 0
    sent = []
    page.on("request", lambda request: sent.append(request.url.split("/v1/")[-1]))
    lines = lambda name: page.locator(f"what-if svg .line.{name}").evaluate_all(
        "all => all.map((line) => Number(line.getAttribute('y1')))")
    move(page, "top_k", 4)
    first = lines("top_k")
    move(page, "top_k", 7)
    assert len(first) == 1 and lines("top_k")[0] > first[0]
    assert "top_k keeps 7" in page.locator("what-if .said").inner_text()
    move(page, "top_p", 0.5)
    assert len(lines("top_p")) == 1 and len(lines("top_k")) == 1
    assert set(sent) == {"whatif"}


def test_a_run_that_the_server_let_go_is_made_again(visit, server):
    room = 24 * (4 * vocabulary_size(server) + 64)
    with Server(default_model(), arguments=["--run-memory", room]) as small:
        page = opened(visit(small, may_fail=True))
        open_card(page)
        small.complete(prompt="The queen", max_tokens=24, ignore_eos=True, keep=True)  # takes the place
        move(page, "top_k", 3)
        expected = fresh(small, top_k=3)["choices"][0]["text"]
        page.wait_for_function("text => document.querySelector('what-if token-text').textContent === text", arg=expected)


def test_a_run_that_is_too_large_is_refused_with_the_reason(visit):
    with Server(default_model(), arguments=["--run-memory", 1000]) as small:
        page = opened(visit(small, may_fail=True))
        page.get_by_text("What if", exact=True).click()
        page.locator("what-if notice-box.error").get_by_text("at most 1000 are kept").wait_for()


def test_choices_and_chats_have_it_too(visit, chat_server):
    page = visit(chat_server).open()
    page.locator(".segments span", has_text="Chat").click()
    page.get_by_label("What is said").nth(0).fill("Hello")
    for name, value in {"max_completion_tokens": "10", "n": "2", "seed": "5", "ignore_eos": "true"}.items():
        set_lever(page, name, value)
    run(page)
    page.locator(".run").nth(0).click()
    open_card(page)
    said(page, "The same as the run, token by token")
    move(page, "top_k", 3)
    body = json.loads(copied(page, "Copy as JSON")) | {"top_k": 3, "seed": 5}
    told = chat_server.post("/v1/chat/completions", body).json()["choices"]
    number = int(page.locator('.run[aria-current="true"]').get_attribute("data-run")) - 1
    expected = told[number]["message"]["content"]
    page.wait_for_function("text => document.querySelector('what-if token-text').textContent === text", arg=expected)


def test_a_branch_has_none(visit):
    page = opened(visit())
    assert page.locator("what-if").is_visible()
    page.locator("complete-view .result token-text .t").nth(4).click()
    page.locator(".alternative:not(.taken)").nth(0).click()
    page.locator(".run").nth(1).get_by_text("length").wait_for()
    assert not page.locator("what-if").is_visible()
    page.locator(".run").nth(0).click()
    assert page.locator("what-if").is_visible()


def test_by_keyboard(visit, server):
    page = opened(visit())
    press = page.keyboard.press
    page.locator("what-if summary").focus()
    press("Enter")
    page.locator("what-if .why").wait_for()
    press("Tab")
    assert page.evaluate("document.activeElement.type") == "range"
    press("Tab")
    assert page.evaluate("document.activeElement.labels[0].textContent") == "top_k"
    press("ArrowUp")
    settled(page)
    assert page.evaluate("document.activeElement.getAttribute('aria-valuetext')") == "1"
    expected = fresh(server, top_k=1)["choices"][0]["text"]
    page.wait_for_function("text => document.querySelector('what-if token-text').textContent === text", arg=expected)
    page.locator("what-if token-text .t").nth(0).focus()
    press("ArrowRight")
    with page.expect_response("**/v1/distribution"):
        press("Enter")
    page.locator("what-if svg").wait_for()
    assert "At token 2" in page.locator("what-if").inner_text()


@pytest.mark.parametrize("width", [390, 1024, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_it(visit, width, scheme):
    page = opened(visit(width=width, scheme=scheme))
    open_card(page)
    move(page, "top_k", 3)
    page.locator("what-if token-text .t").nth(2).click()
    page.locator("what-if svg").wait_for()
    page.mouse.move(2, 2)
    assert flaws(page) == []
