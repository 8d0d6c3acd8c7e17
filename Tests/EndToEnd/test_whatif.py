# SPDX-License-Identifier: Apache-2.0
"""Runs decoded again under other settings: the answer is that of a request made anew, without its forward passes."""

import json

import pytest

from support import Server, default_model, vocabulary_size

BASE = {"prompt": "Once upon a time there was a", "max_tokens": 24, "seed": 3, "temperature": 0.8}
CHANGES = [
    {}, {"temperature": 0}, {"temperature": 1.3, "min_p": 0.05}, {"top_k": 4}, {"repetition_penalty": 1.5},
    {"mirostat": 2, "mirostat_tau": 3}, {"stop": ["the"]}, {"max_tokens": 9}, {"max_tokens": 31}, {"seed": 4},
    {"regex": "( [a-z]+){4}\\."}, {"temperature": None},
]


@pytest.fixture(scope="module")
def run(server):
    return server.complete(**BASE, keep=True, n=2, **{"return": ["token_ids"]})


def what_if(server, run, choice=0, **settings):
    answer = server.post("/v1/whatif", {"run": run["id"], "choice": choice, "settings": settings})
    assert answer.status_code == 200, answer.text
    return answer.json()


def work(server):
    metrics = server.metrics()
    return metrics["temper_prompt_tokens_total"], metrics["temper_prefix_cached_tokens_total"]


@pytest.mark.parametrize("number", range(len(CHANGES)))
@pytest.mark.parametrize("choice", [0, 1])
def test_it_is_the_answer_of_the_changed_request(server, run, number, choice):
    ask = {"logprobs": 2, "logprobs_mode": "both", "trace": "summary", "return": ["token_ids"]}
    body = {key: value for key, value in (BASE | CHANGES[number]).items() if value is not None}
    fresh = server.complete(**body, n=2, **ask)["choices"][choice]
    found = what_if(server, run, choice, **CHANGES[number], **ask)
    assert found["choices"][0] | {"index": choice} == fresh
    told = found["what_if"]
    was, now = run["choices"][choice]["token_ids"], fresh["token_ids"]
    same = next((i for i, (one, two) in enumerate(zip(was, now)) if one != two), min(len(was), len(now)))
    if told["first_difference"]:
        place = told["first_difference"]
        assert (place["step"], place["run"]["id"], place["now"]["id"]) == (same, was[same], now[same])
    else:
        assert now == was[:len(now)] or now[:len(was)] == was or "stop" in CHANGES[number]


def test_the_same_settings_need_no_forward_pass(server, run):
    before = work(server)
    for settings in ({}, {"max_tokens": 8}, {"logit_bias": {"0": -1}}):
        found = what_if(server, run, **settings)
        assert found["what_if"]["computed_tokens"] == 0 and found["what_if"]["first_difference"] is None
        assert found["what_if"]["redecoded_tokens"] == found["usage"]["completion_tokens"]
    assert work(server) == before


def test_only_what_follows_the_change_is_computed(server, run):
    found = what_if(server, run, temperature=1.4)
    step = found["what_if"]["first_difference"]["step"]
    rest = found["usage"]["completion_tokens"] - step - 1
    assert found["what_if"]["redecoded_tokens"] == step + 1
    # what agrees with the run is in the prefix cache, the new token and the rest are not
    assert rest <= found["what_if"]["computed_tokens"] <= rest + 32


def test_streams_tell_the_same(server, run):
    whole = what_if(server, run, temperature=1.4)
    answer = server.post("/v1/whatif", {"run": run["id"], "settings": {"temperature": 1.4, "stream": True}})
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert "".join(choice["text"] for chunk in chunks for choice in chunk["choices"]) == whole["choices"][0]["text"]
    assert {key: chunks[-1]["what_if"][key] for key in ("first_difference", "redecoded_tokens")} == {
        key: whole["what_if"][key] for key in ("first_difference", "redecoded_tokens")}


def test_a_chat_is_kept_as_well(chat_server):
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12, "seed": 2, "temperature": 1.1}
    kept = chat_server.post("/v1/chat/completions", body | {"keep": True}).json()
    found = what_if(chat_server, kept, top_k=3)
    fresh = chat_server.post("/v1/chat/completions", body | {"top_k": 3}).json()
    assert found["choices"][0]["text"] == fresh["choices"][0]["message"]["content"]


def test_the_cache_has_its_size(server):
    room = 3 * 8 * (4 * vocabulary_size(server) + 64)
    with Server(default_model(), arguments=["--run-memory", room]) as small:
        ids = [small.complete(prompt="The king", max_tokens=8, ignore_eos=True, keep=True) for _ in range(3)]
        assert what_if(small, ids[0])["what_if"]["computed_tokens"] == 0
        small.complete(prompt="The queen", max_tokens=8, ignore_eos=True, keep=True)
        gone = small.post("/v1/whatif", {"run": ids[1]["id"]})  # the first was used since
        assert gone.status_code == 404 and gone.json()["error"]["code"] == "run_not_found"
        assert what_if(small, ids[0])["what_if"]["computed_tokens"] == 0
        refused = small.post("/v1/completions", {"prompt": "The king", "max_tokens": 25, "keep": True})
        assert refused.status_code == 400 and refused.json()["error"]["param"] == "keep"


@pytest.mark.parametrize("field, value", [("beam_width", 3), ("best_of", 3), ("guidance_scale", 2.0)])
def test_a_strategy_cannot_be_put_in_afterwards(server, field, value):
    run = server.complete(prompt="The king", max_tokens=4, keep=True)
    answer = server.post("/v1/whatif", {"run": run["id"], "settings": {field: value}})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == f"settings.{field}"
