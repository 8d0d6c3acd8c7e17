# SPDX-License-Identifier: Apache-2.0
"""A real trained checkpoint says over HTTP what its authors published."""

import json

PROMPT = "Once upon a time"


def continuation(stories, positions):
    """The greedy text of as many positions as llama2.c's run counts from the first token on."""
    tokens = stories.post("/tokenize", {"content": PROMPT, "add_special": False}).json()["tokens"]
    answer = stories.complete(prompt=PROMPT, temperature=0, max_tokens=positions - len(tokens))
    return PROMPT + answer["choices"][0]["text"]


def test_greedy_text_equals_the_published_one(stories, stories_folder):
    case = json.loads((stories_folder / "expected.json").read_text())["cases"][0]
    assert case["args"] == "--temperature 0 --sequence_length 200"
    assert continuation(stories, 200) == case["expected"]


def test_greedy_text_equals_the_card(stories, stories_folder):
    card = (stories_folder / "stories260K.md").read_text()
    text = card.split("-t 0.0\n", 1)[1].split("\n```", 1)[0]
    assert continuation(stories, 256).rstrip() == text.rstrip()


def test_a_greedy_run_is_the_argmax_of_each_step(stories):
    answer = stories.complete(prompt=PROMPT, temperature=0, max_tokens=40, logprobs=1)
    logprobs = answer["choices"][0]["logprobs"]
    assert len(logprobs["tokens"]) == 40
    for chosen, top in zip(logprobs["token_logprobs"], logprobs["top_logprobs"]):
        assert chosen == max(top.values())


def test_offsets_point_into_the_text_that_is_returned(stories):
    """Whatever spaces and control tokens SentencePiece puts into the ids."""
    for prompt in (PROMPT, "", "a</s>b", "  two", [1], [1, 403]):
        for echo in (True, False):
            for skip in (True, False):
                choice = stories.complete(
                    prompt=prompt, echo=echo, logprobs=0, max_tokens=6, temperature=0, skip_special_tokens=skip,
                )["choices"][0]
                shown, logprobs = choice["text"], choice["logprobs"]
                for token, offset in zip(logprobs["tokens"], logprobs["text_offset"]):
                    is_hidden = token.startswith("<") or token == ""
                    assert is_hidden or shown[offset:].startswith(token), (prompt, echo, skip, token, offset, shown)


def test_a_stop_string_does_not_see_the_space_before_a_text(stories):
    choice = stories.complete(prompt=[1], temperature=0, max_tokens=5, stop=" ")["choices"][0]
    assert choice["text"] == "Once" and choice["finish_reason"] == "stop"


def test_a_truncated_prompt_keeps_its_start_token(stories):
    choice = stories.complete(
        prompt="Once upon a time there was a little girl", truncate_prompt_tokens=5, echo=True, logprobs=0,
        max_tokens=1)["choices"][0]
    ids = choice["logprobs"]["token_ids"]
    assert len(ids) == 6 and ids[0] == 1 and ids.count(1) == 1
