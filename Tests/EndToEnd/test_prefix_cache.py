# SPDX-License-Identifier: Apache-2.0
"""Prompts that begin as earlier ones did are not computed again, and the answers are the same to the bit."""

import json

import pytest

from support import Server, default_model, stable, wait_until

WORDS = ("north", "river", "lamp", "stone", "bird", "cold", "sea", "oak")
SHOTS = [{"input": word, "output": word[::-1]} for word in WORDS]


def shot_request(query, **fields):
    return {"examples": SHOTS, "instruction": "Write the word backwards.", "prompt": query, "max_tokens": 8,
            "temperature": 0, "seed": 1, "logprobs": 2} | fields


def bodies():
    story = "Once upon a time there was a little girl who lived in a house near the wood. " * 3
    return [
        shot_request("door"), shot_request("window"), shot_request("door"),
        {"prompt": story, "max_tokens": 30, "seed": 3, "logprobs": 1},
        {"prompt": story + "One day", "max_tokens": 30, "seed": 3, "n": 3, "logprobs": 1},
        {"prompt": story, "max_tokens": 5, "seed": 4, "echo": True, "logprobs": 1},
        {"prompt": story, "max_tokens": 30, "seed": 3, "logprobs": 1},
    ]


def ask(server, body):
    answer = server.complete(**body)
    return stable(answer), answer["usage"]["prompt_tokens_details"]["cached_tokens"], answer["usage"]["prompt_tokens"]


@pytest.fixture(scope="module")
def uncached():
    with Server(default_model(), arguments=["--no-prefix-cache"]) as server:
        found = [ask(server, body) for body in bodies()]
        assert server.metrics()["temper_prefix_cached_tokens_total"] == 0
    assert all(cached == 0 for _, cached, _ in found)
    return [answer for answer, _, _ in found]


def test_answers_are_the_same_and_the_saving_is_told(uncached):
    with Server(default_model()) as server:
        before = server.metrics()
        found = [ask(server, body) for body in bodies()]
        after = server.metrics()
    for number, ((answer, _, _), expected) in enumerate(zip(found, uncached)):
        assert json.dumps(answer) == json.dumps(expected), number
    cached = [count for _, count, _ in found]
    total = [count for _, _, count in found]
    assert cached[0] <= 1 and cached[3] <= 1, "the warm-up computed the token that begins a text"
    assert total[1] - cached[1] < 12, "of the second query, only the query is computed"
    assert cached[2] == total[2] - 1 and cached[6] == total[6] - 1, "the last token is computed each time"
    assert 0 < total[4] - cached[4] < 6
    assert cached[5] == 0, "log-probabilities of the prompt need all of it"
    gained = {name: after[name] - value for name, value in before.items()}
    assert gained["temper_prefix_cached_tokens_total"] == sum(cached)
    assert gained["temper_prompt_tokens_total"] == sum(total) - sum(cached)
    assert after["temper_prefix_cache_bytes"] > 0 and after["temper_kv_blocks_used"] == 0
    # The warm-up's one token was computed as well.
    every = after["temper_prefix_cached_tokens_total"] + after["temper_prompt_tokens_total"]
    assert after["temper_prefix_hit_ratio"] == pytest.approx(after["temper_prefix_cached_tokens_total"] / every)


def test_the_cache_stays_within_its_bytes_and_answers_stay_the_same(uncached):
    with Server(default_model(), arguments=["--kv-memory", "4M"]) as server:
        for turn in range(3):
            for number in range(12):
                server.complete(prompt=f"{number} {turn} " * 60, max_tokens=20, seed=number)
            for body, expected in zip(bodies(), uncached):
                assert json.dumps(ask(server, body)[0]) == json.dumps(expected), (turn, body)
            # an answer is out before its blocks are given back
            assert wait_until(lambda: server.metrics()["temper_kv_blocks_used"] == 0, within=10)
            assert 0 < server.metrics()["temper_prefix_cache_bytes"] <= 4 << 20
