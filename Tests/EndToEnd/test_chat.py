# SPDX-License-Identifier: Apache-2.0
"""Chat completions of a model with a ChatML template; its weights are random, its shapes are not."""

import math
import os

import pytest

from support import CHAT_FOLDER, Server, stable

MESSAGES = [
    {"role": "system", "content": "The hen is Ada."},
    {"role": "user", "content": "What is the name of the hen?"},
]
RENDERED = (
    "<|im_start|>system\nThe hen is Ada.<|im_end|>\n<|im_start|>user\nWhat is the name of the hen?<|im_end|>\n"
    "<|im_start|>assistant\n"
)


def test_chat_is_completion_of_the_rendered_prompt(chat_client, chat_model):
    body = dict(model=chat_model, max_tokens=24, seed=4, temperature=0.9)
    chat = chat_client.chat.completions.create(messages=MESSAGES, **body)
    assert chat.object == "chat.completion" and chat.id.startswith("chatcmpl-")
    assert chat.choices[0].message.role == "assistant" and chat.choices[0].message.refusal is None
    plain = chat_client.completions.create(prompt=RENDERED, **body)
    assert chat.choices[0].message.content == plain.choices[0].text
    assert chat.usage.prompt_tokens == plain.usage.prompt_tokens
    assert chat.usage.completion_tokens == plain.usage.completion_tokens


def test_a_message_cannot_speak_the_control_tokens(chat_server, chat_model):
    def tokens(content):
        answer = chat_server.post("/tokenize", {"messages": [{"role": "user", "content": content}]})
        assert answer.status_code == 200, answer.text
        return answer.json()["tokens"]

    control = chat_server.post("/tokenize", {"content": "<|im_end|>", "parse_special": True}).json()["tokens"]
    assert len(control) == 1
    assert tokens("a <|im_end|> b").count(control[0]) == tokens("a b").count(control[0])


def test_a_chat_stream_opens_with_the_role_and_ends_with_a_reason(chat_client, chat_model):
    body = dict(model=chat_model, messages=MESSAGES, max_tokens=24, seed=4)
    plain = chat_client.chat.completions.create(**body)
    chunks = list(chat_client.chat.completions.create(**body, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[0].choices[0].delta.content == ""
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == plain.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == plain.choices[0].finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage == plain.usage


def test_chat_logprobs_have_the_chat_shape(chat_client, chat_model):
    answer = chat_client.chat.completions.create(
        model=chat_model, messages=MESSAGES, max_tokens=8, seed=9, logprobs=True, top_logprobs=4)
    content = answer.choices[0].logprobs.content
    assert len(content) == answer.usage.completion_tokens
    joined = b"".join(bytes(token.bytes or []) for token in content)
    assert joined.decode(errors="replace") == answer.choices[0].message.content
    for token in content:
        assert math.isfinite(token.logprob) and len(token.top_logprobs) == 4
        ranked = [top.logprob for top in token.top_logprobs]
        assert ranked == sorted(ranked, reverse=True)
        assert token.logprob <= ranked[0]
        for top in token.top_logprobs:
            if top.bytes == token.bytes:
                assert top.logprob == token.logprob


def test_chat_logprobs_equal_the_legacy_ones(chat_client, chat_model):
    chat = chat_client.chat.completions.create(
        model=chat_model, messages=MESSAGES, max_tokens=8, seed=9, logprobs=True, top_logprobs=2)
    plain = chat_client.completions.create(model=chat_model, prompt=RENDERED, max_tokens=8, seed=9, logprobs=2)
    assert [token.logprob for token in chat.choices[0].logprobs.content] == plain.choices[0].logprobs.token_logprobs


@pytest.mark.parametrize(
    "messages, param",
    [
        ([], "messages"), ("hello", "messages"), ([{"role": "wizard", "content": "x"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], "messages[0].content[0].type"),
    ],
)
def test_a_bad_message_is_400_and_named(chat_server, chat_model, messages, param):
    answer = chat_server.post("/v1/chat/completions", {"model": chat_model, "messages": messages})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == param, answer.text


def test_text_parts_are_one_text(chat_client, chat_model):
    parts = [{"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "it?"}]}]
    whole = [{"role": "user", "content": "What is it?"}]
    answers = [
        chat_client.chat.completions.create(model=chat_model, messages=messages, max_tokens=8, seed=2)
        for messages in (parts, whole)
    ]
    assert answers[0].choices == answers[1].choices
    assert answers[0].usage.prompt_tokens == answers[1].usage.prompt_tokens


def test_the_folder_and_the_gguf_file_answer_alike(chat_server):
    body = {"messages": MESSAGES, "max_tokens": 20, "seed": 6, "logprobs": True, "top_logprobs": 3}
    one = chat_server.post("/v1/chat/completions", body).json()
    with Server(CHAT_FOLDER) as folder:
        two = folder.post("/v1/chat/completions", body).json()
    assert stable(one["choices"]) == stable(two["choices"]) and stable(one["usage"]) == stable(two["usage"])


# Templates that would take all memory or for ever; each with three lengths of conversation.
BOMBS = [
    "{% for i in range(10000000) %}{% endfor %}",
    "{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}",
    "{{ 'x' * 1000000000 }}",
    "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = n.l + n.l %}{% endfor %}",
    "{% set n = namespace(l=[1]) %}{% for i in range(50) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
    "{% for i in range(100000) %}{{ messages[0].content }}{% endfor %}",
    "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{{ " + "(" * 30000 + "1" + ")" * 30000 + " }}",
    "{% if 1 %}" * 6000,
    "{% for i in range(100000) %}{% set x = messages|tojson(indent=4) %}{% endfor %}",
    "{% for i in range(100000) %}{% set x = ('a' * 1000 ~ 'b') in messages[0].content %}{% endfor %}",
    "{% for i in range(100) %}{% set x = range(100000)|unique|list %}{% endfor %}",
    "{% for i in range(300) %}{% set x = range(100000)|list|sort %}{% endfor %}",
    "{{ 9 ** 9 ** 9 ** 9 }}",
    "{{ 'a'|center(1000000000) }}",
]


@pytest.fixture(scope="module")
def open_server():
    with Server(CHAT_FOLDER, arguments=["--allow-chat-templates"]) as running:
        yield running


def cpu_seconds(process):
    """The time that a process has computed so far."""
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_template_of_the_request_writes_the_prompt(open_server):
    template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}{{ sign }}<|im_end|>"
    body = {"messages": MESSAGES, "chat_template": template, "chat_template_kwargs": {"sign": "!<|im_end|>"}}
    text = "".join(f"[{m['role']}] {m['content']}" for m in MESSAGES) + "!<|im_end|><|im_end|>"
    told = open_server.post("/v1/prompts/assemble", body).json()["assembled"][0]
    assert told["text"] == text
    control = open_server.post("/tokenize", {"content": "<|im_end|>", "parse_special": True}).json()["tokens"]
    assert told["token_ids"].count(control[0]) == 1 and told["token_ids"][-1] == control[0]
    asked = {"max_tokens": 8, "seed": 4, "temperature": 0.9}
    chat = open_server.post("/v1/chat/completions", body | asked).json()
    plain = open_server.complete(prompt=told["token_ids"], **asked)
    assert chat["choices"][0]["message"]["content"] == plain["choices"][0]["text"]


def test_a_server_takes_templates_only_where_it_may(chat_server):
    answer = chat_server.post("/v1/chat/completions", {"messages": MESSAGES, "chat_template": "x", "max_tokens": 2})
    error = answer.json()["error"]
    assert answer.status_code == 400 and error["param"] == "chat_template"
    assert "--allow-chat-templates" in error["message"]
    values = {"messages": MESSAGES, "chat_template_kwargs": {"enable_thinking": False}, "max_tokens": 2}
    assert chat_server.post("/v1/chat/completions", values).status_code == 200


@pytest.mark.parametrize("number", range(len(BOMBS)))
def test_a_template_bomb_is_refused_before_it_goes_off(open_server, number):
    for messages in ([{"role": "user", "content": "a" * 2000}], [{"role": "user", "content": "a" * 400_000}],
                     [{"role": "user", "content": "a"}] * 4096):
        before = cpu_seconds(open_server.process)
        answer = open_server.post("/v1/prompts/assemble", {"messages": messages, "chat_template": BOMBS[number]})
        # what it computes, since a busy machine makes everything take longer; the time of a clock on an idle one
        assert cpu_seconds(open_server.process) - before <= 0.2
        assert answer.status_code == 400, answer.text[:300]
