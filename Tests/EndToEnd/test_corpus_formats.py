# SPDX-License-Identifier: Apache-2.0
"""The corpus lays out examples as the server does, so that a request meets what the model was trained on."""

import sys

import pytest

from support import ROOT

sys.path.insert(0, str(ROOT / "Models"))

from corpus import formats  # noqa: E402
from corpus.draw import Draw  # noqa: E402
from corpus.heldout import evaluation_set  # noqa: E402

LAYOUTS = [*formats.BUILT_IN.values(), *formats.TRAINED, *formats.HELD_OUT]
PAIRS = [("dog, cat", "bip"), ("the {red} ball", "zof: x"), ("a\u00e9", "b")]


def assembled(server, **fields):
    answer = server.complete(max_tokens=0, **{"return": ["assembled"]}, **fields)
    (prompt,) = answer["assembled"]
    return prompt["text"]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name or layout.example)
@pytest.mark.parametrize("instruction", [None, "Give the {label}."])
@pytest.mark.parametrize("shots", [0, 1, 3])
def test_prompts_are_the_servers(server, layout, instruction, shots):
    fields = {"prompt": "fox", "template": layout.field}
    if instruction:
        fields["instruction"] = instruction
    if shots:
        fields["examples"] = [{"input": given, "output": wanted} for given, wanted in PAIRS[:shots]]
    assert assembled(server, **fields) == formats.render(layout, instruction, PAIRS[:shots], "fox")


def test_conversations_are_the_chat_templates(chat_server):
    for number in range(6):
        instruction = "Say it." if number % 2 else None
        pairs = PAIRS[: Draw(1, number).below(3)]
        body = {"messages": [{"role": "user", "content": "fox"}], "max_tokens": 0, "return": ["assembled"]}
        if instruction:
            body["instruction"] = instruction
        if pairs:
            body["examples"] = [{"input": given, "output": wanted} for given, wanted in pairs]
        answer = chat_server.post("/v1/chat/completions", body)
        assert answer.status_code == 200, answer.text
        (prompt,) = answer.json()["assembled"]
        assert prompt["text"] == formats.render_chat(formats.chat_messages(instruction, pairs, "fox"))


def test_questions_of_the_evaluation_set_are_requests(server):
    for item in evaluation_set(1, curve_items=1, task_items=1):
        if item["shots"] in (0, 2):
            fields = {"prompt": item["query"], "examples": item["examples"], "template": item["template"]}
            if item["instruction"]:
                fields["instruction"] = item["instruction"]
            text = assembled(server, strict=True, **fields)
            assert item["query"] in text
