# SPDX-License-Identifier: Apache-2.0
"""The openai package against the server: text, streams, log-probabilities, errors, time-outs."""

import math
import time

import openai
import pytest

from conftest import make_client
from support import Server, default_model, wait_until

PROMPT = "Once upon a time"


def test_a_completion_has_text_usage_and_a_reason(client, model):
    answer = client.completions.create(model=model, prompt=PROMPT, max_tokens=12, temperature=0)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-") and answer.model == model
    assert len(answer.choices) == 1 and answer.choices[0].text
    assert answer.choices[0].finish_reason == "length" and answer.choices[0].logprobs is None
    assert answer.usage.completion_tokens == 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 12


def test_models_are_listed_and_found(client, model):
    assert model in [entry.id for entry in client.models.list()]
    assert client.models.retrieve(model).id == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_choices_come_prompt_by_prompt(client, model):
    def texts(**body):
        answer = client.completions.create(model=model, max_tokens=8, seed=5, **body)
        assert [choice.index for choice in answer.choices] == list(range(len(answer.choices)))
        return [choice.text for choice in answer.choices]

    both = texts(prompt=[PROMPT, "The king"], n=3)
    assert both == texts(prompt=PROMPT, n=3) + texts(prompt="The king", n=3)
    assert both[:2] == texts(prompt=PROMPT, n=2), "choice j of n = 3 is choice j of n = 2"
    assert len(set(both)) > 2


def test_ids_and_text_are_the_same_prompt(client, server, model):
    tokens = server.post("/tokenize", {"prompt": PROMPT, "add_special_tokens": True}).json()["tokens"]
    text = client.completions.create(model=model, prompt=PROMPT, max_tokens=10, seed=1).choices[0].text
    for prompt in (tokens, [tokens]):
        assert client.completions.create(model=model, prompt=prompt, max_tokens=10, seed=1).choices[0].text == text


def test_a_seed_gives_the_same_text_and_another_seed_another(client, model):
    def text(seed):
        return client.completions.create(model=model, prompt=PROMPT, max_tokens=24, seed=seed).choices[0].text

    assert text(7) == text(7)
    assert len({text(seed) for seed in range(4)}) > 1


def test_a_stream_joins_to_the_plain_text_and_ends_with_usage(client, model):
    body = dict(model=model, prompt=PROMPT, max_tokens=40, seed=3)
    plain = client.completions.create(**body)
    chunks = list(client.completions.create(**body, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage == plain.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == plain.choices[0].text
    reasons = [chunk.choices[0].finish_reason for chunk in chunks[:-1]]
    assert reasons[-1] == "length" and set(reasons[:-1]) <= {None}
    assert len({chunk.id for chunk in chunks}) == 1
    assert len(chunks) > 10, "text comes in pieces"


def test_a_stream_of_several_choices_interleaves_them_by_index(client, model):
    body = dict(model=model, prompt=PROMPT, max_tokens=16, seed=3, n=3)
    plain = client.completions.create(**body)
    texts = ["", "", ""]
    for chunk in client.completions.create(**body, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == [choice.text for choice in plain.choices]


def test_stop_strings_end_the_text_before_them(client, model):
    whole = client.completions.create(model=model, prompt=PROMPT, max_tokens=60, temperature=0).choices[0].text
    stop = whole[20:24]
    for stream in (False, True):
        answer = client.completions.create(
            model=model, prompt=PROMPT, max_tokens=60, temperature=0, stop=[stop], stream=stream)
        choices = [chunk.choices[0] for chunk in answer] if stream else [answer.choices[0]]
        assert "".join(choice.text for choice in choices) == whole[: whole.index(stop)]
        assert choices[-1].finish_reason == "stop"


def test_legacy_logprobs_have_the_legacy_shape(client, model):
    answer = client.completions.create(model=model, prompt=PROMPT, max_tokens=6, logprobs=3, seed=2)
    text, logprobs = answer.choices[0].text, answer.choices[0].logprobs
    assert "".join(logprobs.tokens) == text
    assert logprobs.text_offset == [len("".join(logprobs.tokens[:i])) for i in range(6)]
    for token, chosen, top in zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs):
        assert math.isfinite(chosen) and chosen <= 0
        assert 3 <= len(top) <= 4 and top[token] == chosen
        assert sum(math.exp(value) for value in top.values()) <= 1 + 1e-5


def test_echo_scores_the_prompt_like_the_continuation(client, model):
    """What was generated and scored has the same scores when it is echoed back."""
    first = client.completions.create(
        model=model, prompt=PROMPT, max_tokens=8, temperature=0, logprobs=1, echo=True)
    text, logprobs = first.choices[0].text, first.choices[0].logprobs
    assert text.startswith(PROMPT) and logprobs.token_logprobs[0] is None and logprobs.top_logprobs[0] is None
    ids = logprobs.model_extra["token_ids"]
    assert len(ids) == len(logprobs.tokens) == first.usage.total_tokens
    again = client.completions.create(model=model, prompt=ids, max_tokens=0, logprobs=1, echo=True)
    assert again.choices[0].text == text and again.usage.completion_tokens == 0
    assert again.choices[0].logprobs.token_logprobs == logprobs.token_logprobs
    assert again.choices[0].logprobs.top_logprobs == logprobs.top_logprobs


def test_bias_and_penalties_act(client, server, model):
    body = dict(model=model, prompt=PROMPT, max_tokens=30, temperature=0)
    plain = client.completions.create(**body, logprobs=0).choices[0]
    first = plain.logprobs.model_extra["token_ids"][0]
    banned = client.completions.create(**body, logprobs=0, logit_bias={str(first): -100}).choices[0]
    assert first not in banned.logprobs.model_extra["token_ids"]
    forced = client.completions.create(**body | {"max_tokens": 3}, logprobs=0, logit_bias={str(first): 100}).choices[0]
    assert forced.logprobs.model_extra["token_ids"] == [first] * 3
    for field in ({"frequency_penalty": 2}, {"presence_penalty": 2}, {"extra_body": {"repetition_penalty": 2}}):
        assert client.completions.create(**body, **field).choices[0].text != plain.text, field


@pytest.mark.parametrize(
    "field, value",
    [
        ("temperature", -1), ("temperature", "1"), ("top_p", 0), ("top_p", 1.5), ("max_tokens", -5), ("n", 0),
        ("frequency_penalty", 3), ("presence_penalty", -2.5), ("logprobs", -1), ("stop", [""]), ("seed", 1.5),
        ("stream", "yes"), ("prompt", []), ("prompt", {"text": "a"}), ("logit_bias", {"1": 500}),
    ],
)
def test_a_bad_value_is_400_and_names_the_field(server, model, field, value):
    answer = server.post("/v1/completions", {"model": model, "prompt": "a", "max_tokens": 1} | {field: value})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"].startswith(field) and error["message"] and error["type"] == "invalid_request_error"


def test_the_client_raises_what_the_status_means(client, model):
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=model, prompt="a", temperature=-1)
    assert caught.value.param == "temperature" and caught.value.body["allowed"]["min"] == 0
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model="no-such-model", prompt="a")
    assert caught.value.code == "model_not_found"


def test_an_unknown_field_is_warned_of_or_refused(client, model):
    body = dict(model=model, prompt="a", max_tokens=1)
    answer = client.completions.create(**body, extra_body={"flavour": 3})
    assert any("flavour" in str(warning) for warning in answer.model_extra["warnings"])
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**body, extra_body={"flavour": 3, "strict": True})
    assert caught.value.param == "flavour"


def test_a_prompt_that_does_not_fit_is_400_with_counts(client, server, model):
    context = client.models.retrieve(model).model_extra["max_model_len"]
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=model, prompt=[5] * (context + 1), max_tokens=1)
    assert caught.value.code == "context_length_exceeded"
    assert str(context) in caught.value.message and str(context + 1) in caught.value.message
    fits = client.completions.create(model=model, prompt=[5] * (context - 1), max_tokens=1)
    assert fits.usage.prompt_tokens == context - 1


# Long work: many prompts and choices, so that it takes seconds even for a very small model
LONG = dict(prompt=[PROMPT] * 16, max_tokens=400, n=8, seed=1, extra_body={"ignore_eos": True})


def test_a_client_that_gives_up_frees_the_slot(server, model):
    with make_client(server, timeout=0.3) as hasty:
        with pytest.raises(openai.APITimeoutError):
            hasty.completions.create(model=model, **LONG)
    assert wait_until(lambda: server.running() == 0, within=1), server.metrics()


def test_a_cancelled_stream_frees_the_slot(client, server, model):
    before = server.metrics()["vllm:generation_tokens_total"]
    stream = client.completions.create(model=model, stream=True, **LONG)
    for _ in range(5):
        next(stream)
    assert server.running() > 0
    stream.close()
    assert wait_until(lambda: server.running() == 0, within=1), server.metrics()
    generated = server.metrics()["vllm:generation_tokens_total"] - before
    assert 0 < generated < 16 * 8 * 400 / 2, "the work stopped long before its end"
    time.sleep(0.3)
    assert server.metrics()["vllm:generation_tokens_total"] - before == generated, "nothing goes on behind"


def test_a_time_limit_ends_the_choices(client, model):
    began = time.monotonic()
    answer = client.completions.create(
        model=model, **LONG | {"extra_body": {"ignore_eos": True, "max_time": 0.3}})
    assert time.monotonic() - began < 2
    assert {choice.finish_reason for choice in answer.choices} == {"length"}
    assert answer.usage.completion_tokens < 16 * 8 * 400


def test_a_key_is_asked_for_on_every_route_but_health(tmp_path):
    key = tmp_path / "key"
    key.write_text("sesame\n")
    key.chmod(0o600)
    with Server(default_model(), arguments=["--key-file", key]) as locked:
        for path in ("/livez", "/readyz", "/health"):
            assert locked.get(path).status_code == 200
        for path in ("/v1/models", "/v1/capabilities", "/metrics"):
            assert locked.get(path).status_code == 401, path
            assert locked.get(path, headers={"Authorization": "Bearer sesame"}).status_code == 200, path
        for path in ("/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize"):
            assert locked.post(path, {"prompt": "a"}).status_code == 401, path
        with make_client(locked, api_key="wrong") as client, pytest.raises(openai.AuthenticationError):
            client.completions.create(model="any", prompt="a")
        with make_client(locked, api_key="sesame") as client:
            name = client.models.list().data[0].id
            assert client.completions.create(model=name, prompt="a", max_tokens=1).usage.completion_tokens == 1
        assert "sesame" not in locked.text
