# SPDX-License-Identifier: Apache-2.0
"""The page's Complete view in a real browser, against a real server."""

import csv
import gzip
import io
import json
import random
import subprocess
import sys

import pytest
from browser import ATTACKS, answer, copied, finish, flaws, lever, run, set_lever
from support import Server, default_model, wait_until


def test_the_first_visit_is_small_and_closed(visit):
    visitor = visit()
    page = visitor.open()
    head = visitor.headers[visitor.url + "/"]
    assert "default-src 'self'" in head["content-security-policy"]
    assert "unsafe" not in head["content-security-policy"]
    sizes = page.evaluate("""async () => {
        const names = ["/", ...performance.getEntriesByType("resource").map((entry) => entry.name)];
        return Promise.all(names.map(async (name) => (await (await fetch(name)).text())));
    }""")
    packed = sum(len(gzip.compress(text.encode())) for text in sizes)
    assert packed <= 150_000
    assert page.evaluate("document.querySelectorAll('script:not([src]), style, [style], [onclick]').length") == 0
    paints = []
    for _ in range(5):
        page.reload()
        page.locator("complete-view .lever").first.wait_for(state="attached")
        paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    assert min(paints) < 1000, paints  # less than 300 where nothing else runs


def test_an_example_runs_in_one_click_and_equals_the_api(visit, server):
    page = visit().open()
    page.get_by_role("button", name="Run an example").click()
    finish(page)
    request = json.loads(copied(page, "Copy as JSON"))
    assert isinstance(request["seed"], int)
    # the page shows the token that ended the text as well
    assert server.complete(**request)["choices"][0]["text"] == answer(page).removesuffix("<|endoftext|>")


def test_the_form_holds_every_field_of_the_server_and_its_limits(visit, server):
    page = visit().open()
    fields = {field["name"]: field for field in server.get("/v1/capabilities").json()["routes"][0]["fields"]}
    said_elsewhere = {"model", "prompt", "instruction", "examples", "shots", "template", "stream", "stream_options",
                      "logprobs", "logprobs_mode", "return", "echo", "trace"}
    drawn = page.locator("complete-view .lever").evaluate_all("all => all.map((lever) => lever.dataset.field)")
    assert set(drawn) == set(fields) - said_elsewhere
    assert len(drawn) == len(set(drawn))
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.locator("#prompt").fill("x")
    for name in ("temperature", "top_p", "epsilon_cutoff", "max_tokens", "top_k"):
        allowed = fields[name]["allowed"]
        assert str(allowed["min"]) in lever(page, name).locator(".range").text_content()
        set_lever(page, name, "-2" if name != "max_tokens" else "513")
        assert "allowed" in lever(page, name).locator(".problem").text_content()
        page.get_by_role("button", name="Run", exact=True).click()
        assert page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
        set_lever(page, name, "")
    assert not [url for url in sent if "completions" in url]


def test_every_kind_of_lever_reaches_the_server(visit, server):
    page = visit().open()
    page.locator("#prompt").fill("Once upon a time")
    for name, text in {
        "temperature": "0.5", "top_k": "20", "seed": "9223372036854775807", "stop": "\\n\\n\nxyzzy",
        "ignore_eos": "true", "order": "vllm", "logit_bias": '{"5": -100}', "suppress_tokens": "7, 8",
        "max_tokens": "12",
    }.items():
        set_lever(page, name, text)
    run(page)
    request = json.loads(copied(page, "Copy as JSON"))
    model = request.pop("model")
    assert request == {
        "prompt": "Once upon a time", "temperature": 0.5, "top_k": 20, "seed": 9223372036854775807,
        "stop": ["\n\n", "xyzzy"], "ignore_eos": True, "order": "vllm", "logit_bias": {"5": -100},
        "suppress_tokens": [7, 8], "max_tokens": 12,
    }
    assert server.complete(model=model, **request)["choices"][0]["text"] == answer(page)


def test_a_refusal_stands_at_its_field(visit):
    page = visit(may_fail=True).open()
    page.locator("#prompt").fill("Once")
    set_lever(page, "samplers", '["nonsense"]')
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("complete-view .result notice-box.error").wait_for()
    assert "nonsense" in lever(page, "samplers").locator(".problem").text_content()
    assert lever(page, "samplers").locator("textarea").get_attribute("aria-invalid") == "true"
    assert page.locator("#prompt").input_value() == "Once"
    set_lever(page, "samplers", '["temperature"]')
    run(page)
    assert not page.locator("complete-view .result notice-box").is_visible()


def test_alternatives_are_those_of_the_api(visit, server):
    page = visit().open()
    page.locator("#prompt").fill("The king and the queen")
    for name, value in {"top_k": "3", "seed": "4", "max_tokens": "16"}.items():
        set_lever(page, name, value)
    run(page)
    request = json.loads(copied(page, "Copy as JSON"))
    told = server.complete(**request, logprobs=10, logprobs_mode="both")["choices"][0]["logprobs"]
    tokens = page.locator("complete-view token-text .t")
    assert tokens.count() == len(told["tokens"])
    for index in (0, 5):
        tokens.nth(index).hover()
        panel = page.locator("token-panel")
        panel.get_by_text(f"token {index + 1}, id {told['token_ids'][index]}").wait_for()
        rows = panel.locator(".alternative")
        assert rows.count() == 10
        assert rows.locator(".left:not(.gone)").count() == 3
        assert rows.locator(".gone").first.inner_text() == "✕ top_k"
        spelling = rows.nth(0).locator("code").inner_text().replace("␣", " ")
        assert told["top_logprobs"][index][spelling] == told["top_id_logprobs"][index][0]
        page.keyboard.press("Escape")
        page.mouse.move(5, 5)


def test_a_branch_is_the_run_with_a_forced_prefix_and_both_are_kept(visit, server):
    page = visit().open()
    page.locator("#prompt").fill("Once upon a time")
    for name, value in {"seed": "11", "max_tokens": "24", "temperature": "1"}.items():
        set_lever(page, name, value)
    run(page)
    whole = server.complete(prompt="Once upon a time", seed=11, max_tokens=24, temperature=1, logprobs=3,
                            **{"return": ["token_ids"]})
    ids, first = whole["choices"][0]["token_ids"], answer(page)
    assert whole["choices"][0]["text"] == first
    page.locator("complete-view token-text .t").nth(6).click()
    options = page.locator(".alternative:not(.taken)")
    options.nth(1).click()
    page.locator(".run").nth(1).get_by_text("length").wait_for()
    other = whole["choices"][0]["logprobs"]["top_ids"][6]
    other = [id for id in other if id != ids[6]][1]
    forced = server.complete(prompt=whole["prompt_token_ids"][0] + ids[:6] + [other], seed=11, max_tokens=17,
                             temperature=1)["choices"][0]["text"]
    branched = answer(page)
    assert branched.endswith(forced)
    assert branched.startswith("".join(whole["choices"][0]["logprobs"]["tokens"][:6]))
    assert page.locator("complete-view token-text .chosen").count() == 1
    page.locator(".run").nth(0).click()
    assert answer(page) == first
    # a branch of a branch
    page.locator(".run").nth(1).click()
    page.locator("complete-view token-text .t").nth(10).click()
    page.locator(".alternative:not(.taken)").nth(0).click()
    page.locator(".run").nth(2).get_by_text("length").wait_for()
    assert page.locator("run-tree ul ul ul .run").count() == 1
    page.get_by_role("button", name="Remove run 1 and its branches").click()
    assert page.locator(".run").count() == 0


def test_taking_the_same_token_gives_the_same_run(visit):
    page = visit().open()
    page.locator("#prompt").fill("The little bear")
    set_lever(page, "max_tokens", "20")
    run(page)
    before = answer(page)
    page.locator("complete-view token-text .t").nth(4).click()
    page.locator(".alternative.taken").click()
    page.locator(".run").nth(1).get_by_text("length").wait_for()
    assert answer(page) == before


def test_stop_ends_the_work_on_the_server(visit, slow_server):
    page = visit(slow_server).open()
    page.locator("#prompt").fill("Once upon a time")
    for name, value in {"n": "2", "max_tokens": "4000", "ignore_eos": "true"}.items():
        set_lever(page, name, value)
    cancelled = slow_server.metrics()["temper_groups_cancelled_total"]
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("complete-view token-text .t").nth(3).wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    assert wait_until(lambda: slow_server.running() == 0, 10)
    assert slow_server.metrics()["temper_groups_cancelled_total"] == cancelled + 1
    page.locator(".facts").get_by_text("ended by you").wait_for()
    assert page.get_by_role("button", name="Run", exact=True).is_enabled()
    assert 0 < page.locator("complete-view .result token-text .t").count() < 4000


def test_choices_are_runs_of_their_own(visit, server):
    page = visit().open()
    page.locator("#prompt").fill("Once upon a time")
    for name, value in {"n": "3", "max_tokens": "8", "seed": "2"}.items():
        set_lever(page, name, value)
    run(page)
    texts = [choice["text"] for choice in server.complete(prompt="Once upon a time", n=3, max_tokens=8, seed=2,
                                                         temperature=0.8)["choices"]]
    assert page.locator(".run").count() == 3
    for index, text in enumerate(texts):
        page.locator(f'.run[data-run="{index + 1}"]').click()
        assert answer(page) == text


def test_a_conversation(visit, chat_server):
    page = visit(chat_server).open()
    page.locator(".segments span", has_text="Chat").click()
    turns = page.get_by_label("What is said")
    turns.nth(0).fill("Hello")
    set_lever(page, "max_completion_tokens", "10")
    run(page)
    request = json.loads(copied(page, "Copy as JSON"))
    told = chat_server.post("/v1/chat/completions", request).json()
    # the page also shows the token that ends a turn
    assert told["choices"][0]["message"]["content"].strip() == answer(page).strip().removesuffix("<|im_end|>")
    page.get_by_role("button", name="Keep as a turn").click()
    assert turns.count() == 3
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "What is said"
    # a branch of a chat goes on from the ids that the model saw
    page.locator("complete-view token-text .t").nth(2).click()
    page.locator(".alternative:not(.taken)").nth(0).click()
    page.locator(".run").nth(1).wait_for()
    finish(page)


def test_attacks_are_text(visit, server):
    visitor = visit()
    page = visitor.open()
    for attack in ATTACKS:
        page.locator("#prompt").fill(attack)
        set_lever(page, "max_tokens", "1")
        run(page)
        assert page.locator(".paper .before").inner_text() == attack
        assert page.locator(".paper :is(script, img, svg, iframe, a, b, style)").count() == 0
    assert page.locator(".run").count() == len(ATTACKS)


def test_what_the_model_writes_is_text(visit, server):
    """The model is made to write each attack, by biases that follow it token by token."""
    prompt = "Once upon a time"
    start = server.post("/tokenize", {"prompt": prompt}).json()["tokens"]
    page = visit().open()
    page.locator("#prompt").fill(prompt)
    set_lever(page, "temperature", "0")
    assert len(ATTACKS) == 30
    for attack in ATTACKS:
        ids = server.post("/tokenize", {"prompt": attack, "add_special_tokens": False, "parse_special": False}).json()["tokens"]
        chain = start[-1:] + ids
        biases = [[chain[: end + 1][-64:], 100] for end in range(1, len(chain))]
        set_lever(page, "max_tokens", str(len(ids)))
        set_lever(page, "sequence_bias", json.dumps(biases))
        run(page)
        assert answer(page) == attack
        page.locator("complete-view token-text .t").nth(0).click()
        assert page.locator("token-panel code").first.inner_text() != ""
        assert page.locator("complete-view :is(script, img, iframe, object, embed, form form, base, meta, link)").count() == 0


def test_pieces_of_characters_become_the_same_text_as_the_servers(visit):
    pool = [0x80, 0x8f, 0x90, 0x95, 0x9f, 0xa0, 0xa9, 0xac, 0xbf, 0x82, 0xc0, 0xc3, 0xd2, 0xe0, 0xe2, 0xed, 0xf0, 0xf2, 0xf4, 0xff]
    draw = random.Random(7)
    cases = [[draw.choices(pool, k=draw.randint(1, 3)) if draw.random() < 0.8 else "x" for _ in range(draw.randint(1, 12))]
             for _ in range(2000)]
    texts = visit().open().evaluate("""async (cases) => {
        const { joined } = await import("/lib/tokens.js");
        const token = (piece) => (typeof piece === "string" ? { text: piece, bytes: null } : { text: "", bytes: piece });
        return cases.map((pieces) => joined(pieces.map(token)));
    }""", cases)
    for case, text in zip(cases, texts):
        whole = b"".join(piece.encode() if isinstance(piece, str) else bytes(piece) for piece in case)
        assert text == whole.decode("utf-8", "replace"), case


def test_the_address_brings_everything_back(visit):
    page = visit().open()
    page.locator("#prompt").fill("A link <b>to</b> é 🎉")
    set_lever(page, "temperature", "0.35")
    set_lever(page, "seed", "9007199254740993")
    link = copied(page, "Copy link")
    page.wait_for_function("link => location.href === link", arg=link)
    other = visit().open(link.split("/", 3)[3])
    assert other.locator("#prompt").input_value() == "A link <b>to</b> é 🎉"
    assert lever(other, "temperature").locator("input[type=text]").input_value() == "0.35"
    assert lever(other, "seed").locator("input").input_value() == "9007199254740993"


@pytest.mark.parametrize("fragment, said", [
    ("#complete/0/abc", "version 0"), ("#complete/999/abc", "version 999"), ("#complete/1/!!", "damaged"),
    ("#complete/1/AAAA", "damaged"), ("#complete/nonsense", "damaged"), ("#nowhere", "no view"),
])
def test_a_link_that_cannot_be_read_loses_nothing(visit, fragment, said):
    visitor = visit()
    page = visitor.open()
    page.locator("#prompt").fill("my own words")
    page.wait_for_timeout(500)
    page.goto("about:blank")
    page = visitor.open(fragment)
    assert said in page.locator("#remark").inner_text()
    assert page.locator("#prompt").input_value() == "my own words"


def test_what_a_link_replaces_can_be_brought_back(visit):
    other = visit().open()
    other.locator("#prompt").fill("from the link")
    link = copied(other, "Copy link")
    visitor = visit()
    page = visitor.open()
    page.locator("#prompt").fill("my own words")
    page.wait_for_timeout(500)
    page.goto("about:blank")
    visitor.open(link.split("/", 3)[3])
    assert page.locator("#prompt").input_value() == "from the link"
    page.get_by_role("button", name="Back to what was here").click()
    assert page.locator("#prompt").input_value() == "my own words"


def test_a_large_paste_is_kept(visit):
    visitor = visit(may_fail=True)
    page = visitor.open()
    text = "word " * 1_000_000
    page.evaluate("""text => {
        const field = document.getElementById("prompt");
        field.focus();
        document.execCommand("selectAll");
        field.setRangeText(text, 0, field.value.length, "end");
        field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    }""", text)
    page.get_by_role("button", name="Run", exact=True).click(timeout=90_000)
    page.locator("complete-view .result notice-box.error").wait_for(timeout=90_000)
    assert page.locator("#prompt").input_value() == text
    assert page.evaluate("location.href.length") < 70_000


def test_curl_and_python_reproduce_the_answer(visit):
    page = visit().open()
    page.locator("#prompt").fill("It's \"quoted\" \\ and\nbroken $HOME `id`, é")
    for name, value in {"min_p": "0.05", "max_tokens": "12"}.items():
        set_lever(page, name, value)
    run(page)
    command = copied(page, "Copy as curl")
    told = json.loads(subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout)
    assert told["choices"][0]["text"] == answer(page)
    program = copied(page, "Copy as Python")
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed == answer(page) + "\n"


def test_results_are_saved_as_files(visit):
    page = visit().open()
    page.locator("#prompt").fill("One, two")
    set_lever(page, "max_tokens", "9")
    run(page)
    saved = {}
    for title in ("Save as JSON", "Save tokens as CSV"):
        page.get_by_role("button", name="Share", exact=True).click()
        with page.expect_download() as download:
            page.get_by_role("button", name=title).click()
        saved[title] = open(download.value.path(), encoding="utf-8", newline="").read()
    record = json.loads(saved["Save as JSON"])
    assert record["text"] == answer(page)
    rows = list(csv.DictReader(io.StringIO(saved["Save tokens as CSV"])))
    assert [int(row["id"]) for row in rows] == [token["id"] for token in record["tokens"]]
    assert [float(row["logprob_raw"]) for row in rows] == [token["raw"] for token in record["tokens"]]


def test_a_whole_visit_by_keyboard(visit):
    page = visit().open()
    press = page.keyboard.press

    def tab_to(condition, key="Tab", limit=80):
        for _ in range(limit):
            if page.evaluate(f"(() => {{ const e = document.activeElement; return {condition}; }})()"):
                return
            press(key)
        raise AssertionError(f"Tab does not reach {condition}")

    press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    press("Enter")
    tab_to("e.id === 'prompt'")
    page.keyboard.type("The old man and")
    tab_to("e.closest('.lever')?.dataset.field === 'max_tokens'")
    press("Control+A")
    page.keyboard.type("18")
    press("Control+Enter")
    finish(page)
    tab_to("e.classList.contains('t')", "Shift+Tab")
    for _ in range(4):
        press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.index") == "4"
    assert page.locator("complete-view token-panel").is_visible()
    press("Enter")
    assert page.evaluate("document.activeElement.classList.contains('alternative')")
    press("ArrowDown")
    press("ArrowDown")
    press("Escape")
    assert page.evaluate("document.activeElement.dataset.index") == "4"
    assert not page.locator("complete-view token-panel").is_visible()
    press("Enter")
    press("ArrowDown")
    press("Enter")
    page.locator(".run").nth(1).get_by_text("length").wait_for()
    assert page.evaluate("document.activeElement.dataset.index") == "4"
    tab_to("e.classList.contains('run')")
    press("ArrowUp")
    press("Enter")
    assert page.locator('.run[aria-current="true"]').get_attribute("data-run") == "1"
    tab_to("e.textContent === 'Share'", "Shift+Tab")
    press("Enter")
    press("Tab")
    press("Enter")
    page.get_by_text("Copied: as curl").wait_for()
    tab_to("e.id === 'theme'", "Shift+Tab")
    press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.parametrize("width", [390, 1024, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_it(visit, width, scheme):
    page = visit(width=width, scheme=scheme).open()
    assert flaws(page) == []
    page.get_by_role("button", name="Run an example").click()
    finish(page)
    page.locator("complete-view token-text .t").nth(3).click()
    page.locator("complete-view details").evaluate_all("all => all.forEach((details) => { details.open = true; })")
    page.locator("complete-view token-panel").wait_for()
    assert flaws(page) == []


def test_a_server_that_goes_and_comes_back(browser, visit):
    first = Server(default_model())
    visitor = visit(first, may_fail=True)
    page = visitor.open()
    page.locator("#prompt").fill("kept")
    first.stop()
    page.get_by_text("The server does not answer; trying again").wait_for()
    page.locator("#prompt").fill("kept and more")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("complete-view .result notice-box.error").wait_for()
    with Server(default_model(), port=first.port):
        page.locator('server-status[data-state="well"]').wait_for()
        assert not page.locator("#notice").is_visible()
        page.get_by_role("button", name="Try again").click()
        finish(page)
        assert page.locator(".paper .before").inner_text() == "kept and more"


def test_a_server_that_dies_in_the_middle_of_an_answer(visit, slow_folder):
    server = Server(slow_folder)
    page = visit(server, may_fail=True).open()
    page.locator("#prompt").fill("Once")
    for name, value in {"max_tokens": "4000", "ignore_eos": "true"}.items():
        set_lever(page, name, value)
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("complete-view token-text .t").nth(3).wait_for()
    server.process.kill()
    server.process.wait()
    page.locator("complete-view .result notice-box.error").get_by_text("broke off").wait_for()
    assert 3 < page.locator("complete-view .result token-text .t").count() < 4000
    assert page.locator("#prompt").input_value() == "Once"


def test_a_server_with_a_key(visit, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("correct-horse-battery-staple\n")
    keys.chmod(0o600)
    with Server(default_model(), arguments=("--key-file", keys)) as server:
        visitor = visit(server, may_fail=True)
        page = visitor.page
        page.goto(server.url)
        for key in ("wrong", "correct-horse-battery-staple"):
            page.get_by_role("button", name="Give a key").click()
            page.get_by_label("Key of this server").fill(key)
            page.get_by_role("button", name="Use it").click()
            page.wait_for_timeout(300)
        page.get_by_role("button", name="Run an example").click()
        finish(page)
        assert "$TEMPER_KEY" in copied(page, "Copy as curl")
        assert "battery" not in page.url + page.evaluate("JSON.stringify(localStorage)")


def test_a_busy_server_says_when_to_come_again(visit):
    with Server(default_model(), arguments=("--max-queue", "1")) as server:
        page = visit(server, may_fail=True).open()
        page.route("**/v1/completions", lambda route: route.fulfill(
            status=503, headers={"retry-after": "7", "content-type": "application/json"},
            body=json.dumps({"error": {"message": "The queue is full.", "code": "queue_full", "param": None}})))
        page.locator("#prompt").fill("x")
        page.get_by_role("button", name="Run", exact=True).click()
        page.locator("complete-view .result notice-box").get_by_text("wait 7 s").wait_for()
        page.unroute("**/v1/completions")
        page.get_by_role("button", name="Try again").click()
        finish(page)
