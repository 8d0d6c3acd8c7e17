# SPDX-License-Identifier: Apache-2.0
"""Constrained texts: what the server writes is what was asked for, whatever the model would rather say."""

import json
import re
import sys
import time

import jsonschema
import pytest

from support import ROOT

sys.path.insert(0, str(ROOT / "Tests/Fixtures/constraints"))

from random_schemas import Schemas  # noqa: E402

HOT = {"temperature": 1.5, "max_tokens": 400}


def ask(server, **body):
    answer = server.post("/v1/completions", {"prompt": "The answer:\n", **HOT, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"]


def whole(server, **body):
    """A text that was not cut short: of some seeds, the first."""
    for seed in range(body.pop("seed", 0), 1000, 200):
        choice = ask(server, seed=seed, **body)[0]
        if choice["finish_reason"] == "stop":
            return choice["text"]
    raise AssertionError(f"no text ends: {body}")


def validator(schema):
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("part", range(8))
def test_texts_are_valid_against_200_schemas_at_temperature_1_5(server, part):
    schemas = Schemas(1000 + part)
    for number in range(25):
        schema = schemas.schema()
        text = whole(server, json_schema=schema, seed=number)
        validator(schema).validate(json.loads(text))


def test_a_cut_text_begins_like_a_valid_one(server):
    schema = {"type": "array", "items": {"type": "integer", "minimum": 10, "maximum": 99}, "minItems": 50}
    choice = ask(server, json_schema=schema, seed=1, max_tokens=30)[0]
    assert choice["finish_reason"] == "length"
    assert re.fullmatch(r"\[\s*(\d\d,\s*)*\d?\d?,?\s*", choice["text"]), choice["text"]


@pytest.mark.parametrize("expression", [
    r"\d{3}-\d{4}", r"[A-Z][a-z]{1,9}( [A-Z][a-z]{1,9}){1,2}", r"(yes|no)[.!]?", r"[^a-zA-Z0-9\s]{5,9}", r"(ab*){2,6}c",
    r"<p>[\w ]{1,20}</p>", r"日本|é{2,3}", r"-?(0|[1-9]\d{0,5})(\.\d{1,3})?",
])
def test_texts_match_the_expression(server, expression):
    for seed in range(12):
        assert re.fullmatch(expression, whole(server, regex=expression, seed=seed), re.ASCII)


def test_choices_of_one_request_are_the_ones_asked_for(server):
    names = ["red", "green", "blue", "dark red", "greenish"]
    answer = ask(server, choice=names, n=32, seed=7, max_tokens=16)
    texts = [choice["text"] for choice in answer]
    assert set(texts) <= set(names) and len(set(texts)) > 2
    assert all(choice["finish_reason"] == "stop" and choice["stop_reason"] is not None for choice in answer)
    assert texts[:4] == [choice["text"] for choice in ask(server, choice=names, n=4, seed=7, max_tokens=16)]
    assert ask(server, choice=names, temperature=0)[0]["text"] in names


def test_any_json_object(server):
    for field in ({"json_object": True}, {"response_format": {"type": "json_object"}}):
        texts = [whole(server, seed=seed, **field) for seed in range(10)]
        assert all(isinstance(json.loads(text), dict) for text in texts)


def test_a_grammar(server):
    grammar = 'root ::= pair ("; " pair){1,3}\npair ::= [a-z]{1,6} "=" [0-9]+ | "(" pair ")"'
    for seed in range(10):
        text = whole(server, grammar=grammar, seed=seed)
        plain = r"\(*[a-z]{1,6}=\d+\)*"
        assert re.fullmatch(f"{plain}(; {plain}){{1,3}}", text), text
        assert text.count("(") == text.count(")")


def test_streams_and_other_settings_change_nothing_about_it(server):
    schema = {
        "type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "n": {"type": "integer"}},
        "required": ["name", "n"], "additionalProperties": False,
    }
    for settings in (
        {"top_k": 5}, {"top_p": 0.5, "order": "llama.cpp"}, {"mirostat": 2}, {"min_tokens": 300},
        {"repetition_penalty": 1.5, "dry_multiplier": 1}, {"xtc_probability": 1}, {"watermark": True}, {"temperature": 0},
    ):
        text = whole(server, json_schema=schema, **settings)
        validator(schema).validate(json.loads(text))
        stream = server.post(
            "/v1/completions", {"prompt": "The answer:\n", **HOT, "json_schema": schema, "seed": 0, **settings, "stream": True})
        events = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: {")]
        streamed = "".join(choice["text"] for event in events for choice in event["choices"])
        alone = ask(server, json_schema=schema, seed=0, **settings)[0]["text"]
        assert streamed == alone


def test_processed_logprobs_are_of_the_allowed_tokens(server):
    choice = ask(server, regex="[ab]", seed=1, logprobs=5, logprobs_mode="processed")[0]
    assert set(choice["logprobs"]["top_logprobs"][0]) <= {"a", "b"}


def test_stop_strings_still_end_the_text(server):
    text = whole(server, json_schema={"type": "array", "items": {"const": "x"}, "minItems": 3}, stop=[","], seed=2)
    assert re.fullmatch(r'\[\s*"x"', text), text


def test_the_openai_client_gets_what_its_response_format_says(chat_client, chat_model):
    schema = {
        "type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}, "warm": {"type": "boolean"}},
        "required": ["city", "warm"], "additionalProperties": False,
    }
    answer = chat_client.chat.completions.create(
        model=chat_model, messages=[{"role": "user", "content": "Which?"}], temperature=1.5, seed=1, max_tokens=60,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": schema}})
    validator(schema).validate(json.loads(answer.choices[0].message.content))


@pytest.mark.parametrize("field, param", [
    ({"regex": "(a"}, "regex"), ({"regex": "a{1,9999999}"}, "regex"),
    ({"regex": "((((((a{100}){100}){100}){100}){100}){100}){1,3}(b|c"}, "regex"),
    ({"regex": "(a?){1,999}"}, "regex"), ({"regex": "[\\s\\S]" * 30_000}, "regex"),
    ({"grammar": "root ::= root"}, "grammar"), ({"grammar": "root ::= " + "(" * 5000}, "grammar"),
    ({"grammar": "root ::= a\n" + "\n".join(f"r{i} ::= \"a\"" for i in range(20_000))}, "grammar"),
    ({"json_schema": {"patternProperties": {}}}, "json_schema.patternProperties"),
    ({"json_schema": {"properties": {"a": {"maxLength": -1}}}}, "json_schema.properties.a.maxLength"),
    ({"json_schema": {"allOf": [{"anyOf": [{"minLength": i} for i in range(40)]}] * 4}}, "json_schema"),
    ({"json_schema": {"enum": ["x" * 50 + str(i) for i in range(3000)]}}, "json_schema"),
    ({"choice": ["a" * 4096 + str(i) for i in range(100)]}, "choice"),
    ({"json_schema": {"type": "null"}, "regex": "a"}, "json_schema"),
])
def test_what_cannot_be_is_400_at_once(server, field, param):
    began = time.monotonic()
    answer = server.post("/v1/completions", {"prompt": "x", "max_tokens": 4, **field})
    took = time.monotonic() - began
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"].startswith(param), answer.text
    # 200 ms are promised; the tests share their machine
    assert took < 1, took


def test_a_text_stops_where_an_expression_first_matches(server):
    body = {"prompt": "Once upon a time", "max_tokens": 60, "seed": 8, "ignore_eos": True}
    text = server.post("/v1/completions", body).json()["choices"][0]["text"]
    for expression in (r"[,.] [A-Z]?[a-z]{2}", r"[a-z]{3,5} t", r"e [^ ]+ "):
        ends = [(end, start) for end in range(len(text) + 1) for start in range(end)
                if re.fullmatch(expression, text[start:end], re.ASCII)]
        end, start = min(ends)
        choice = server.post("/v1/completions", {**body, "stop_regex": [expression, "NEVER"]}).json()["choices"][0]
        assert choice["text"] == text[:start] and choice["stop_reason"] == expression
        assert choice["finish_reason"] == "stop"
        kept = server.post("/v1/completions", {**body, "stop_regex": expression, "include_stop": True})
        assert kept.json()["choices"][0]["text"] == text[:end]
        streamed = server.post("/v1/completions", {**body, "stop_regex": expression, "stream": True}).text
        chunks = [json.loads(line[6:]) for line in streamed.split("\n\n") if line.startswith("data: {")]
        assert "".join(part["text"] for chunk in chunks for part in chunk["choices"]) == text[:start]
