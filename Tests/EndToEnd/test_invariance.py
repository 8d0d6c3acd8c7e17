# SPDX-License-Identifier: Apache-2.0
"""Neighbours in the batch, their order and the number of threads change nothing in an answer."""

import concurrent.futures
import json

import pytest

from support import Server, default_model, stable

PROMPTS = [
    "Once upon a time", "The king said to his daughter,", "\"Where is the dog?\" asked the boy.", "It was",
    "In the middle of the night the old woman heard a noise at the door, and she took her lamp and",
]


def requests_of_many_kinds():
    """64 bodies: greedy and drawn, short and long, one and several choices, scored, echoed, penalised, streamed."""
    bodies = []
    for number in range(64):
        body = {"prompt": PROMPTS[number % 5], "max_tokens": 4 + number % 29, "seed": number // 2}
        if number % 4 == 0:
            body["temperature"] = 0
        if number % 3 == 0:
            body |= {"logprobs": number % 5, "echo": number % 2 == 0}
        if number % 7 == 0:
            body["n"] = 3
        if number % 5 == 1:
            body |= {"top_p": 0.9, "top_k": 40, "min_p": 0.02}
        if number % 6 == 5:
            body |= {"frequency_penalty": 0.5, "presence_penalty": 0.3, "repetition_penalty": 1.1}
        if number % 8 == 3:
            body["prompt"] = [PROMPTS[number % 5], PROMPTS[(number + 1) % 5] + " " + "very " * number]
        if number % 9 == 2:
            body["stop"] = ["the", "\n"]
        if number % 10 == 7:
            body["stream"] = True
        if number % 11 == 4:
            body |= {"order": "llama.cpp", "top_k": 40, "dry_multiplier": 0.8, "xtc_probability": 0.5}
        if number % 13 == 6:
            body |= {"mirostat": 1 + number % 2, "mirostat_tau": 3, "min_tokens": 3}
        bodies.append(body)
    return bodies


def ask(server, body):
    answer = server.post("/v1/completions", body)
    assert answer.status_code == 200, answer.text
    if not body.get("stream"):
        return json.dumps(stable(answer.json()))
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    # Chunks of several choices come in any order.
    choices = {}
    for event in events[:-1]:
        for choice in json.loads(event)["choices"]:
            text, reason = choices.get(choice["index"], ("", None))
            choices[choice["index"]] = (text + choice["text"], choice["finish_reason"] or reason)
    return json.dumps(sorted(choices.items()))


@pytest.fixture(scope="module")
def alone():
    """Each answer when nothing else runs, one thread."""
    bodies = requests_of_many_kinds()
    with Server(default_model(), arguments=["--threads", "1"]) as server:
        return [ask(server, body) for body in bodies]


@pytest.mark.parametrize("threads", [1, 2])
def test_64_at_once_answer_as_one_at_a_time(alone, threads):
    bodies = requests_of_many_kinds()
    with Server(default_model(), arguments=["--threads", threads]) as server:
        for turn in range(2):  # the second time whatever is cached may be used
            with concurrent.futures.ThreadPoolExecutor(64) as pool:
                together = list(pool.map(lambda body: ask(server, body), bodies))
            for body, one, many in zip(bodies, alone, together):
                assert one == many, (turn, body)


def test_two_threads_answer_as_one(alone):
    with Server(default_model(), arguments=["--threads", "2"]) as server:
        for body, one in zip(requests_of_many_kinds(), alone):
            assert ask(server, body) == one, body
