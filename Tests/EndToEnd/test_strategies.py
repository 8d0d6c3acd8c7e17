# SPDX-License-Identifier: Apache-2.0
"""Strategies that look further than the next token: each is what its definition says, and what it cannot honour is 400."""

import json
import math
import re

import pytest

PROMPT = "Once upon a time there was a"


def complete(server, **body):
    answer = server.post("/v1/completions", {"prompt": PROMPT, "max_tokens": 12, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(server, **body):
    answer = server.post("/v1/completions", {"prompt": PROMPT, "max_tokens": 12, **body})
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]["param"]


def total(choice):
    return sum(choice["logprobs"]["token_logprobs"])


def test_best_of_is_the_best_of_so_many_choices(server):
    body = {"seed": 4, "temperature": 1.2, "logprobs": 0}
    drawn = complete(server, **body, n=8)["choices"]
    mean = [total(choice) / len(choice["logprobs"]["tokens"]) for choice in drawn]
    best = sorted(range(8), key=lambda index: (-mean[index], index))[:3]
    answer = complete(server, **body, n=3, best_of=8)
    assert [choice["text"] for choice in answer["choices"]] == [drawn[index]["text"] for index in best]
    assert answer["usage"]["completion_tokens"] == sum(len(choice["logprobs"]["tokens"]) for choice in drawn)


def test_a_beam_search_scores_at_least_as_well_as_the_likeliest_tokens(server):
    greedy = complete(server, temperature=0, logprobs=0, ignore_eos=True)["choices"][0]
    assert complete(server, use_beam_search=True, ignore_eos=True)["choices"][0]["text"] == greedy["text"]
    sums = []
    for width in (2, 8, 32):
        choices = complete(server, beam_width=width, n=2, logprobs=0, ignore_eos=True)["choices"]
        assert total(choices[0]) >= total(choices[1])
        sums.append(total(choices[0]))
    assert sums[-1] >= total(greedy) - 1e-4


def test_the_log_probabilities_of_a_beam_are_those_of_its_text(server):
    choice = complete(server, beam_width=4, logprobs=0, ignore_eos=True, **{"return": ["token_ids"]})["choices"][0]
    prompt = server.post("/tokenize", {"prompt": PROMPT, "add_special_tokens": True}).json()["tokens"]
    echoed = server.post("/v1/completions", {
        "prompt": prompt + choice["token_ids"], "max_tokens": 0, "echo": True, "logprobs": 0}).json()["choices"][0]
    assert echoed["logprobs"]["token_logprobs"][len(prompt):] == choice["logprobs"]["token_logprobs"]


def test_a_stream_shows_the_tree_and_then_its_best_leaves(server):
    body = {"prompt": PROMPT, "max_tokens": 8, "beam_width": 3, "n": 2, "num_beam_groups": 3, "diversity_penalty": 0.5,
            "return": ["search"]}
    whole = server.post("/v1/completions", body).json()
    lines = server.post("/v1/completions", body | {"stream": True}).text.split("\n\n")
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert [chunk["search"] for chunk in chunks if "search" in chunk] == whole["search"]
    for choice in whole["choices"]:
        text = "".join(part["text"] for chunk in chunks for part in chunk["choices"] if part["index"] == choice["index"])
        assert text == choice["text"]
    firsts = [node["token_id"] for node in whole["search"][0]["kept"]]
    assert len(set(firsts)) == 3, "groups that a penalty keeps apart"


def test_beams_keep_to_a_constraint(server):
    choices = complete(server, beam_width=6, n=3, max_tokens=30, regex="[a-z]{3,8} and [a-z]{3,8}")["choices"]
    assert all(re.fullmatch("[a-z]{3,8} and [a-z]{3,8}", choice["text"]) for choice in choices), choices
    assert len({choice["text"] for choice in choices}) == 3


def test_guidance_by_one_changes_nothing_and_more_leads_away(server):
    body = {"seed": 3, "n": 4}
    plain = complete(server, **body)["choices"]
    assert [c["text"] for c in complete(server, **body, guidance_scale=1)["choices"]] == [c["text"] for c in plain]
    guided = complete(server, **body, guidance_scale=3, negative_prompt="The king was")["choices"]
    assert [choice["text"] for choice in guided] != [choice["text"] for choice in plain]
    streamed = server.post("/v1/completions", {
        "prompt": PROMPT, "max_tokens": 12, **body, "guidance_scale": 3, "negative_prompt": "The king was", "stream": True})
    parts = [json.loads(line[6:]) for line in streamed.text.split("\n\n") if line.startswith("data: {")]
    for choice in guided:
        assert choice["text"] == "".join(
            part["text"] for chunk in parts for part in chunk["choices"] if part["index"] == choice["index"])


def test_a_guided_token_is_drawn_from_the_mixture(server):
    """With the whole vocabulary's log-probabilities after both prompts, the guided ones follow."""
    scale, ask = 2.5, "The king was"

    def top(prompt, **more):
        answer = server.post("/v1/completions", {
            "prompt": prompt, "max_tokens": 1, "temperature": 1, "seed": 1, "logprobs": 20, "logprobs_mode": "processed",
            "return": ["token_ids"], **more}).json()["choices"][0]["logprobs"]
        return answer["top_logprobs"][0]

    conditional, unconditional = top(PROMPT), top(ask)
    guided = top(PROMPT, guidance_scale=scale, negative_prompt=ask)
    known = [token for token in guided if token in conditional and token in unconditional]
    weights = {token: unconditional[token] + scale * (conditional[token] - unconditional[token]) for token in known}
    assert len(known) >= 2
    for one in known:
        for other in known:
            expected = weights[one] - weights[other]
            assert math.isclose(guided[one] - guided[other], expected, abs_tol=2e-3), (one, other)


@pytest.mark.parametrize("body, param", [
    ({"best_of": 2, "n": 3}, "best_of"), ({"best_of": 4, "stream": True}, "best_of"),
    ({"beam_width": 4, "top_p": 0.9}, "top_p"), ({"beam_width": 4, "n": 5}, "n"), ({"beam_width": 65}, "beam_width"),
    ({"length_penalty": 2}, "length_penalty"), ({"num_beams": 4, "guidance_scale": 2}, "guidance_scale"),
    ({"negative_prompt": "x"}, "negative_prompt"), ({"beam_width": 2, "mirostat": 2}, "mirostat"),
])
def test_what_a_strategy_cannot_honour_is_refused(server, body, param):
    assert refused(server, **body) == param


def test_the_openai_client_takes_a_beam_search(client, model):
    answer = client.completions.create(
        model=model, prompt=PROMPT, max_tokens=8, n=2, extra_body={"beam_width": 4})
    assert len(answer.choices) == 2 and answer.choices[0].text != answer.choices[1].text
    assert len(client.completions.create(model=model, prompt=PROMPT, max_tokens=4, n=2, best_of=5).choices) == 2
