# SPDX-License-Identifier: Apache-2.0
"""Pinned prefixes: what stands before the query stays in memory until its set changes."""

import pytest
import requests

from support import Server, default_model, wait_until

EXAMPLES = [{"input": f"word number {n}", "output": f"answer {n * 7}"} for n in range(12)]


@pytest.fixture(scope="module")
def small():
    """A server with a small cache."""
    with Server(default_model(), arguments=["--kv-memory", "24M"]) as running:
        yield running


def put(server, name, examples=EXAMPLES):
    answer = requests.put(f"{server.url}/v1/example-sets/{name}", json={"examples": examples}, timeout=30)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def ask(server, name, query, **shots):
    answer = server.post("/v1/completions", {
        "prompt": query, "max_tokens": 4, "temperature": 0, "shots": {"set": name} | shots, "return": ["assembled"]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def cached(answer):
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"]


def pinned(server, name):
    listed = {entry["id"]: entry for entry in server.get("/v1/example-sets").json()["data"]}
    one = server.get(f"/v1/example-sets/{name}").json()
    assert listed[name]["pinned"] == one["pinned"]
    return one["pinned"]


def press(server):
    """Fills the cache several times over."""
    blocks = server.metrics()["temper_kv_blocks_total"]
    done = 0
    while done < 3 * blocks * 32:
        answer = server.complete(prompt=f"{done} " + "goats ate leaves " * 60, max_tokens=1)
        done += answer["usage"]["prompt_tokens"]


def before_the_query(answer):
    return next(span["token_start"] for span in answer["assembled"][0]["spans"] if span["kind"] == "query")


def test_a_pinned_prefix_survives_pressure_and_others_do_not(small):
    put(small, "held")
    put(small, "loose", [{"input": "first of " + e["input"], "output": e["output"]} for e in EXAMPLES])
    first = ask(small, "held", "word one", pin=True)
    prefix = before_the_query(first)
    ask(small, "loose", "word one")
    held = pinned(small, "held")
    assert [entry["tokens"] for entry in held] == [prefix] and prefix > 64
    assert small.metrics()["temper_pinned_bytes"] == held[0]["bytes"] > 0
    assert pinned(small, "loose") == []
    press(small)
    again = ask(small, "held", "word two")
    assert cached(again) >= prefix
    assert cached(ask(small, "loose", "word two")) < 32
    fresh = small.complete(prompt=again["assembled"][0]["token_ids"], max_tokens=4, temperature=0)
    assert fresh["choices"][0]["text"] == again["choices"][0]["text"]


@pytest.mark.parametrize("how", ["deleted", "changed", "patched", "asked"])
def test_it_goes_with_its_set_or_when_asked(small, how):
    name = f"gone-{how}"
    own = [{"input": f"{how} {example['input']}", "output": example["output"]} for example in EXAMPLES]
    put(small, name, own)
    ask(small, name, "word one", pin=True)
    assert len(pinned(small, name)) == 1
    put(small, name, own)  # the same contents: nothing changes
    assert len(pinned(small, name)) == 1
    url = f"{small.url}/v1/example-sets/{name}"
    before = small.metrics()["temper_pinned_bytes"]
    if how == "deleted":
        assert requests.delete(url, timeout=30).status_code == 204
        put(small, name, own)
    elif how == "changed":
        assert put(small, name, own[:5])["pinned"] == []
    elif how == "patched":
        assert requests.patch(url, json={"remove": [0]}, timeout=30).json()["pinned"] == []
    else:
        ask(small, name, "word two", pin=False)
    assert pinned(small, name) == []
    assert wait_until(lambda: small.metrics()["temper_pinned_bytes"] < before, 5)


def test_a_chat_is_pinned_too(chat_server):
    put(chat_server, "chats", EXAMPLES[:3])
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2, "shots": {"set": "chats", "pin": True}}
    assert chat_server.post("/v1/chat/completions", body).status_code == 200
    assert pinned(chat_server, "chats")[0]["tokens"] > 32
    requests.delete(f"{chat_server.url}/v1/example-sets/chats", timeout=30)


@pytest.mark.parametrize("shots, param", [
    ({"examples": EXAMPLES, "pin": True}, "shots.pin"), ({"set": "opposites", "pin": 1}, "shots.pin"),
    ({"set": "opposites", "pin": True, "select": "bm25"}, "shots.pin"),
    ({"set": "opposites", "pin": True, "order": "similar_last"}, "shots.pin"),
])
def test_what_cannot_be_pinned_is_refused(server, shots, param):
    answer = server.post("/v1/completions", {"prompt": "wet", "max_tokens": 1, "shots": shots})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == param, answer.text
    answer = server.post("/v1/score", {"prompt": "wet", "choices": [" dry"], "shots": {"set": "opposites", "pin": True}})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "shots.pin"


def test_pins_have_a_limit(small):
    refused = None
    for number in range(64):
        name = f"many-{number}"
        put(small, name, [{"input": f"{number} {e['input']}", "output": e["output"]} for e in EXAMPLES])
        answer = small.post("/v1/completions", {
            "prompt": "word", "max_tokens": 1, "shots": {"set": name, "pin": True}})
        if answer.status_code != 200:
            refused = answer
            break
    error = refused.json()["error"]
    assert refused.status_code == 507 and error["code"] == "pin_memory_full" and error["param"] == "shots.pin"
    assert "bytes" in error["message"]
    for number in range(64):
        requests.delete(f"{small.url}/v1/example-sets/many-{number}", timeout=30)


def test_a_server_without_a_prefix_cache_pins_nothing():
    with Server(default_model(), arguments=["--no-prefix-cache"]) as bare:
        answer = bare.post("/v1/completions", {"prompt": "wet", "max_tokens": 1, "shots": {"set": "opposites", "pin": True}})
        assert answer.status_code == 400 and "--no-prefix-cache" in answer.json()["error"]["message"]
