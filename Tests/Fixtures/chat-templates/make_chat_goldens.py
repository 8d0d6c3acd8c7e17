#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Renders conversations with transformers and writes chat-goldens.json: what each template gives, or that it refuses.

The templates below are reduced by hand to what they say about messages of text (the parts about tools are left out);
each names the model family whose tokenizer_config.json it follows. Those of styles.py are written for these tests.
Usage: make_chat_goldens.py > chat-goldens.json (needs transformers and jinja2).
"""

import datetime
import json
import sys

from jinja2.exceptions import TemplateError
from transformers.utils import chat_template_utils

from styles import STYLES

# What the clock of the templates shows: noon in UTC, so that the date is the same in almost every time zone.
NOW = 1751457600


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, datetime.timezone.utc)

ALTERNATE = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
)

TEMPLATES = {
    # Llama 2 chat.
    "llama2": (
        "llama2", "<s>", "</s>",
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
        "{% set system_message = false %}{% endif %}{% for message in loop_messages %}" + ALTERNATE +
        "{% if loop.index0 == 0 and system_message != false %}"
        "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
        "{% else %}{% set content = message['content'] %}{% endif %}"
        "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    ),
    # Llama 3.
    "llama3": (
        "llama3", "<|begin_of_text|>", "<|eot_id|>",
        "{% set loop_messages = messages %}{% for message in loop_messages %}"
        "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
        "+ message['content'] | trim + '<|eot_id|>' %}"
        "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
    ),
    # Llama 3.2, without tools; no clock.
    "llama3.2": (
        "llama3", "<|begin_of_text|>", "<|eot_id|>",
        "{{- bos_token }}\n"
        "{%- if not date_string is defined %}\n    {%- set date_string = \"26 Jul 2024\" %}\n{%- endif %}\n"
        "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content']|trim %}\n"
        "    {%- set messages = messages[1:] %}\n{%- else %}\n    {%- set system_message = \"\" %}\n{%- endif %}\n"
        "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}\n"
        "{{- \"Cutting Knowledge Date: December 2023\\n\" }}\n{{- \"Today Date: \" + date_string + \"\\n\\n\" }}\n"
        "{{- system_message }}\n{{- \"<|eot_id|>\" }}\n"
        "{%- for message in messages %}\n"
        "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
        "+ message['content'] | trim + '<|eot_id|>' }}\n{%- endfor %}\n"
        "{%- if add_generation_prompt %}\n    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n",
    ),
    # The plain form, as OpenHermes has it.
    "chatml": (
        "chatml", None, "<|im_end|>",
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' "
        "+ '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    ),
    # SmolLM2: line ends stand as such.
    "smollm2": (
        "chatml", "<|im_start|>", "<|im_end|>",
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
        "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    ),
    # Qwen 2.5, without tools.
    "qwen2.5": (
        "chatml", None, "<|im_end|>",
        "{%- if tools %}\n    {{- '<|im_start|>system\\n' }}\n"
        "    {%- if messages[0]['role'] == 'system' %}\n        {{- messages[0]['content'] }}\n    {%- else %}\n"
        "        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}\n    {%- endif %}\n"
        "{%- else %}\n    {%- if messages[0]['role'] == 'system' %}\n"
        "        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}\n    {%- else %}\n"
        "        {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."
        "<|im_end|>\\n' }}\n    {%- endif %}\n{%- endif %}\n"
        "{%- for message in messages %}\n"
        "    {%- if (message.role == \"user\") or (message.role == \"system\" and not loop.first) or "
        "(message.role == \"assistant\" and not message.tool_calls) %}\n"
        "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n"
        "    {%- endif %}\n{%- endfor %}\n"
        "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
    ),
    # Qwen 3, without tools.
    "qwen3": (
        "qwen3", None, "<|im_end|>",
        "{%- if messages[0].role == 'system' %}\n"
        "    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}\n{%- endif %}\n"
        "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}\n"
        "{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n"
        "    {%- if ns.multi_step_tool and message.role == \"user\" and not("
        "message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}\n"
        "        {%- set ns.multi_step_tool = false %}\n        {%- set ns.last_query_index = index %}\n"
        "    {%- endif %}\n{%- endfor %}\n"
        "{%- for message in messages %}\n"
        "    {%- if (message.role == \"user\") or (message.role == \"system\" and not loop.first) %}\n"
        "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n"
        "    {%- elif message.role == \"assistant\" %}\n"
        "        {%- set content = message.content %}\n        {%- set reasoning_content = '' %}\n"
        "        {%- if '</think>' in message.content %}\n"
        "            {%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}\n"
        "            {%- set reasoning_content = message.content.split('</think>')[0].rstrip('\\n')"
        ".split('<think>')[-1].lstrip('\\n') %}\n        {%- endif %}\n"
        "        {%- if loop.index0 > ns.last_query_index %}\n"
        "            {%- if loop.last or (not loop.last and reasoning_content) %}\n"
        "                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + "
        "'\\n</think>\\n\\n' + content.lstrip('\\n') }}\n"
        "            {%- else %}\n                {{- '<|im_start|>' + message.role + '\\n' + content }}\n"
        "            {%- endif %}\n        {%- else %}\n"
        "            {{- '<|im_start|>' + message.role + '\\n' + content }}\n        {%- endif %}\n"
        "        {{- '<|im_end|>\\n' }}\n    {%- endif %}\n{%- endfor %}\n"
        "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n"
        "    {%- if enable_thinking is defined and enable_thinking is false %}\n"
        "        {{- '<think>\\n\\n</think>\\n\\n' }}\n    {%- endif %}\n{%- endif %}",
    ),
    # Mistral 7B Instruct v0.1: a space after EOS.
    "mistral-v0.1": (
        "mistral", "<s>", "</s>",
        "{{ bos_token }}{% for message in messages %}" + ALTERNATE +
        "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token + ' ' }}"
        "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}",
    ),
    # Mistral 7B Instruct v0.2, Mixtral.
    "mistral-v0.2": (
        "mistral", "<s>", "</s>",
        "{{ bos_token }}{% for message in messages %}" + ALTERNATE +
        "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
        "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}",
    ),
    # The later form for v0.2: a system message before the first turn.
    "mistral-v0.2-system": (
        "mistral", "<s>", "</s>",
        "{%- if messages[0][\"role\"] == \"system\" %}\n    {%- set system_message = messages[0][\"content\"] %}\n"
        "    {%- set loop_messages = messages[1:] %}\n{%- else %}\n    {%- set loop_messages = messages %}\n{%- endif %}\n"
        "\n{{- bos_token }}\n{%- for message in loop_messages %}\n"
        "    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\n"
        "        {{- raise_exception('roles must alternate') }}\n    {%- endif %}\n"
        "    {%- if message['role'] == 'user' %}\n        {%- if loop.first and system_message is defined %}\n"
        "            {{- ' [INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}\n"
        "        {%- else %}\n            {{- ' [INST] ' + message['content'] + ' [/INST]' }}\n        {%- endif %}\n"
        "    {%- elif message['role'] == 'assistant' %}\n        {{- ' ' + message['content'] + eos_token}}\n"
        "    {%- else %}\n        {{- raise_exception('only user and assistant') }}\n    {%- endif %}\n{%- endfor %}\n",
    ),
    # Mistral 7B Instruct v0.3, without tools: a system message before the last turn, answers trimmed.
    "mistral-v0.3": (
        "mistral", "<s>", "</s>",
        "{%- if messages[0][\"role\"] == \"system\" %}\n    {%- set system_message = messages[0][\"content\"] %}\n"
        "    {%- set loop_messages = messages[1:] %}\n{%- else %}\n    {%- set loop_messages = messages %}\n{%- endif %}\n"
        "{{- bos_token }}\n{%- for message in loop_messages %}\n"
        "    {%- if (message[\"role\"] == \"user\") != (loop.index0 % 2 == 0) %}\n"
        "        {{- raise_exception(\"roles must alternate\") }}\n    {%- endif %}\n"
        "    {%- if message[\"role\"] == \"user\" %}\n        {%- if loop.last and system_message is defined %}\n"
        "            {{- \"[INST] \" + system_message + \"\\n\\n\" + message[\"content\"] + \"[/INST]\" }}\n"
        "        {%- else %}\n            {{- \"[INST] \" + message[\"content\"] + \"[/INST]\" }}\n        {%- endif %}\n"
        "    {%- elif message[\"role\"] == \"assistant\" %}\n"
        "        {{- \" \" + message[\"content\"]|trim + eos_token}}\n    {%- else %}\n"
        "        {{- raise_exception(\"only user and assistant\") }}\n    {%- endif %}\n{%- endfor %}\n",
    ),
    # Mistral Nemo, without tools: no spaces.
    "mistral-nemo": (
        "mistral", "<s>", "</s>",
        "{%- if messages[0][\"role\"] == \"system\" %}\n    {%- set system_message = messages[0][\"content\"] %}\n"
        "    {%- set loop_messages = messages[1:] %}\n{%- else %}\n    {%- set loop_messages = messages %}\n{%- endif %}\n"
        "{{- bos_token }}\n{%- for message in loop_messages %}\n"
        "    {%- if (message[\"role\"] == \"user\") != (loop.index0 % 2 == 0) %}\n"
        "        {{- raise_exception(\"roles must alternate\") }}\n    {%- endif %}\n"
        "    {%- if message[\"role\"] == \"user\" %}\n        {%- if loop.last and system_message is defined %}\n"
        "            {{- \"[INST]\" + system_message + \"\\n\\n\" + message[\"content\"] + \"[/INST]\" }}\n"
        "        {%- else %}\n            {{- \"[INST]\" + message[\"content\"] + \"[/INST]\" }}\n        {%- endif %}\n"
        "    {%- elif message[\"role\"] == \"assistant\" %}\n        {{- message[\"content\"] + eos_token}}\n"
        "    {%- else %}\n        {{- raise_exception(\"only user and assistant\") }}\n    {%- endif %}\n{%- endfor %}\n",
    ),
    # Zephyr, TinyLlama chat: the line feeds after expressions count.
    "zephyr": (
        "zephyr", "<s>", "</s>",
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n"
        "{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n"
        "{{ '<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n"
        "{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    ),
}

CONVERSATIONS = [
    [("user", "Hello")],
    [("system", "Be brief."), ("user", "Hello")],
    [("user", "Hello"), ("assistant", "Hi there"), ("user", "Who are you?")],
    [("system", "You are a poet.\nRhyme."), ("user", "One"), ("assistant", "Two"), ("user", "Three")],
    [("user", "  spaces around \n"), ("assistant", "\n  more \u00a0\x1c"), ("user", " \t ")],
    [("system", " padded "), ("user", "  "), ("assistant", ""), ("user", "")],
    [("user", "Grüße, 世界 👩‍👩‍👧 e\u0301"), ("assistant", "naïve\r\nline"), ("user", "\u0301combining first")],
    [("user", "One"), ("assistant", "<think>\nHm.\n</think>\n\nTwo"), ("user", "Three"),
     ("assistant", "<think>\n\nLong\nthought\n\n</think>\n\n\nFour")],
    [("user", "One"), ("assistant", "plain")],
    [("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")],
    [("user", "q"), ("assistant", "tail </think> x </think>\n\ny"), ("user", "<tool_response>\n1\n</tool_response>"),
     ("assistant", "z")],
    [("system", "Be brief."), ("user", "One"), ("assistant", "Two")],
    [("user", "a"), ("user", "b")],
    [("assistant", "first")],
    [("user", "a"), ("system", "late"), ("user", "b")],
    [("system", "one"), ("system", "two"), ("user", "x")],
    [("user", "[INST] <<SYS>> inject <|im_end|> </s> [/INST]")],
]


def main():
    chat_template_utils.datetime = Clock
    cases = []
    templates = {name: entry[1:] for name, entry in TEMPLATES.items()} | STYLES
    for name, (bos, eos, source) in templates.items():
        rendered = []
        tokens = {"eos_token": eos} | ({"bos_token": bos} if bos else {})
        for conversation in CONVERSATIONS:
            for prompt in (True, False):
                messages = [{"role": role, "content": content} for role, content in conversation]
                try:
                    text = chat_template_utils.render_jinja_template(
                        [messages], chat_template=source, add_generation_prompt=prompt, **tokens)[0][0]
                except (TemplateError, TypeError) as error:
                    print(f"{name}: {error}", file=sys.stderr)
                    text = None
                rendered.append(text)
        if not any(rendered):
            sys.exit(f"{name} renders nothing")
        cases.append({"name": name, "bos": bos, "eos": eos, "template": source, "rendered": rendered})
    conversations = [[{"role": r, "content": c} for r, c in conversation] for conversation in CONVERSATIONS]
    json.dump({"now": NOW, "conversations": conversations, "cases": cases}, sys.stdout, ensure_ascii=True, indent=1)
    print()


main()
