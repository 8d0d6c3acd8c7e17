# SPDX-License-Identifier: Apache-2.0
"""Guessing tokens ahead changes how soon an answer comes, and nothing in it."""

import concurrent.futures
import json

import pytest

from support import stable
from test_invariance import ask

REPEATING = "The fox ran to the river. The fox ran to the hill. The fox ran to the house. The fox ran to the"


def bodies():
    for number in range(16):
        body = {"prompt": REPEATING, "max_tokens": 3 + 5 * (number % 7), "seed": number, "logprobs": 2}
        if number % 2 == 0:
            body["temperature"] = 0
        if number % 3 == 1:
            body |= {"n": 2, "top_k": 20, "frequency_penalty": 0.2}
        if number % 5 == 2:
            body |= {"stop": [".", "house"], "temperature": 0.5}
        if number % 4 == 3:
            body["stream"] = True
        if number % 7 == 4:
            body |= {"echo": True}
        if number % 8 == 5:
            body |= {"mirostat": 2, "mirostat_tau": 3}
        yield body


@pytest.mark.parametrize("count", [1, 5, 16])
def test_answers_are_those_of_one_token_at_a_time(server, count):
    plain = [ask(server, body) for body in bodies()]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ahead = list(pool.map(lambda body: ask(server, body | {"prompt_lookup_num_tokens": count}), bodies()))

    def without_usage(text):
        value = json.loads(text)
        if isinstance(value, dict):
            value["usage"].pop("completion_tokens_details")
        return stable(value)

    for body, one, other in zip(bodies(), plain, ahead):
        assert without_usage(one) == without_usage(other), body


def test_the_usage_tells_how_guesses_fared(server):
    before = server.metrics()
    body = {"prompt": REPEATING, "max_tokens": 40, "temperature": 0, "prompt_lookup_num_tokens": 4}
    answer = server.complete(**body, **{"return": ["effective_settings"]})
    details = answer["usage"]["completion_tokens_details"]
    after = server.metrics()
    accepted, rejected = details["accepted_prediction_tokens"], details["rejected_prediction_tokens"]
    assert 0 < accepted < answer["usage"]["completion_tokens"]
    assert after["temper_draft_accepted_tokens_total"] - before["temper_draft_accepted_tokens_total"] == accepted
    assert after["temper_draft_tokens_total"] - before["temper_draft_tokens_total"] == accepted + rejected
    steps = after["temper_engine_steps_total"] - before["temper_engine_steps_total"]
    assert steps <= answer["usage"]["completion_tokens"] - accepted + 1, "each guess that came true spares a step"
    settings = answer["effective_settings"]
    assert settings["prompt_lookup_num_tokens"] == 4 and settings["max_matching_ngram_size"] == 3
    plain = server.complete(prompt=REPEATING, max_tokens=4)
    assert "accepted_prediction_tokens" not in plain["usage"]["completion_tokens_details"]


@pytest.mark.parametrize("fields, param", [
    ({"prompt_lookup_num_tokens": 17}, "prompt_lookup_num_tokens"),
    ({"prompt_lookup_num_tokens": -1}, "prompt_lookup_num_tokens"),
    ({"prompt_lookup_num_tokens": 1.5}, "prompt_lookup_num_tokens"),
    ({"prompt_lookup_num_tokens": 4, "max_matching_ngram_size": 0}, "max_matching_ngram_size"),
    ({"max_matching_ngram_size": 2}, "max_matching_ngram_size"),
])
def test_what_cannot_be_is_refused(server, fields, param):
    answer = server.post("/v1/completions", {"prompt": "a", "max_tokens": 4} | fields)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == param, answer.text


def test_chat_knows_it_too(chat_server):
    body = {"messages": [{"role": "user", "content": "la la la la la la"}], "max_tokens": 24, "temperature": 0}
    plain = chat_server.post("/v1/chat/completions", body).json()
    ahead = chat_server.post("/v1/chat/completions", body | {"prompt_lookup_num_tokens": 8}).json()
    assert plain["choices"] == ahead["choices"]
    assert ahead["usage"]["completion_tokens_details"]["accepted_prediction_tokens"] >= 0
