# SPDX-License-Identifier: Apache-2.0
"""Receipts: an answer can be made again from its receipt alone, on another server too, and a change is found."""

import copy
import hashlib

import pytest

from browser import finish
from support import CHAT_MODEL, Server, default_model

PROMPT = "Once upon a time there was a"
REQUESTS = [
    {"temperature": 0},
    {"temperature": 1.2, "n": 3, "seed": 8},
    {"mirostat": 2, "mirostat_tau": 3, "seed": 1},
    {"order": "llama.cpp", "top_k": 30, "min_p": 0.02, "dry_multiplier": 0.7, "xtc_probability": 0.5, "seed": 2},
    {"stop": ["the", "\n"], "temperature": 1.3, "seed": 5, "repetition_penalty": 1.2},
    {"regex": "( [a-z]{2,5}){3}\\.", "temperature": 1.5, "seed": 6},
    {"logit_bias": {"300": 4, "301": -100}, "seed": 7, "presence_penalty": 0.7, "watermark": True},
]


def digest(ids):
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()


def replay(server, receipt, **rest):
    answer = server.post("/v1/replay", {"receipt": receipt, **rest})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ordered(server, **body):
    """An answer with its receipt."""
    return server.complete(prompt=PROMPT, **{"max_tokens": 20} | body, **{"return": ["receipt", "token_ids"]})


@pytest.fixture(scope="module")
def other_server():
    """The same model in another process, with another number of threads and no prefix cache."""
    with Server(default_model(), arguments=["--threads", "1", "--no-prefix-cache"]) as running:
        yield running


@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_an_answer_is_verified_on_another_server(server, other_server, number):
    answer = ordered(server, **REQUESTS[number])
    receipt = answer["receipt"]
    assert [output["sha256"] for output in receipt["outputs"]] == [digest(one["token_ids"]) for one in answer["choices"]]
    assert receipt["prompts"][0]["sha256"] == digest(answer["prompt_token_ids"][0])
    found = replay(other_server, receipt)
    assert found["verified"], found
    assert found["usage"]["completion_tokens"] == answer["usage"]["completion_tokens"]


def test_lanes_and_their_requests_have_one_receipt(server):
    lanes = [{"temperature": 0.6}, {"temperature": 1.4, "top_p": 0.9, "seed": 3}]
    answer = server.post("/v1/compare", {
        "prompt": PROMPT, "max_tokens": 12, "seed": 9, "samples": 2, "lanes": lanes, "return": ["receipt"],
    }).json()
    for lane, found in zip(lanes, answer["lanes"], strict=True):
        alone = ordered(server, **{"seed": 9, "max_tokens": 12, "n": 2} | lane)
        assert found["receipt"] == alone["receipt"]
        assert replay(server, found["receipt"])["verified"]


def test_a_chat_is_replayed_from_its_tokens(chat_server):
    answer = chat_server.post("/v1/chat/completions", {
        "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8, "seed": 2, "return": ["receipt"],
    }).json()
    assert replay(chat_server, answer["receipt"])["verified"]


def test_a_change_is_found_and_located(server):
    receipt = ordered(server, seed=4, temperature=0.9)["receipt"]
    ids = receipt["outputs"][0]["token_ids"]
    forged = copy.deepcopy(receipt)
    forged["outputs"][0]["token_ids"] = [*ids[:7], ids[7] + 1, *ids[8:]]
    assert server.post("/v1/replay", {"receipt": forged}).json()["error"]["param"] == "receipt.outputs[0].token_ids"
    forged["outputs"][0]["sha256"] = digest(forged["outputs"][0]["token_ids"])
    found = replay(server, forged)
    assert not found["verified"]
    place = found["outputs"][0]["first_difference"]
    assert place["step"] == 7 and place["found"]["id"] == ids[7] and place["expected"]["id"] == ids[7] + 1

    # another seed draws other tokens, and the tokens before them agree
    reseeded = copy.deepcopy(receipt)
    reseeded["settings"]["seed"] = 5
    other = ordered(server, seed=5, temperature=0.9)["choices"][0]["token_ids"]
    first = next(i for i, (one, two) in enumerate(zip(ids, other)) if one != two)
    place = replay(server, reseeded)["outputs"][0]["first_difference"]
    assert (place["step"], place["expected"]["id"], place["found"]["id"]) == (first, ids[first], other[first])


def test_other_weights_are_named(server):
    receipt = ordered(server, temperature=0)["receipt"]
    with Server(CHAT_MODEL) as other:
        name = other.get("/v1/models").json()["data"][0]["id"]
        receipt["prompts"] = [{"sha256": digest([1, 2, 3]), "token_ids": [1, 2, 3]}]
        del receipt["outputs"][0]["token_ids"]
        assert other.post("/v1/replay", {"receipt": receipt}).status_code == 404
        found = replay(other, receipt, model=name)
    assert not found["verified"]
    wrong = {check["name"] for check in found["checks"] if not check["equal"]}
    assert wrong >= {"checkpoint_sha256", "tokenizer_sha256"}
    assert found["outputs"][0]["first_difference"] is None


def test_the_page_verifies_what_it_shows(visit):
    page = visit().open()
    page.get_by_role("button", name="Run an example").click()
    finish(page)
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name="Verify", exact=True).click()
    notice = page.locator("complete-view .result notice-box")
    count = page.locator("complete-view token-text .t").count()
    notice.get_by_text(f"Verified: the same {count} tokens came out again").wait_for()

    def forge(route):
        body = route.request.post_data_json
        output = body["receipt"]["outputs"][0]
        output["token_ids"][3] += 1
        output["sha256"] = digest(output["token_ids"])
        route.continue_(post_data=body)

    page.route("**/v1/replay", forge)
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name="Verify", exact=True).click()
    notice.get_by_text("Choice 1 differs from token 4 on").wait_for()
