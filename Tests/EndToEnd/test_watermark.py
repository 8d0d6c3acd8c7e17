# SPDX-License-Identifier: Apache-2.0
"""A watermarked text is told from others by its ids alone."""

PROMPT = "Once upon a time"


def ids(server, **body):
    answer = server.post("/v1/completions", {
        "prompt": PROMPT, "max_tokens": 200, "ignore_eos": True, "temperature": 1.3, "return": ["token_ids"], **body})
    assert answer.status_code == 200, answer.text
    return [choice["token_ids"] for choice in answer.json()["choices"]]


def detect(server, tokens, **body):
    answer = server.post("/v1/watermark/detect", {"tokens": tokens, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_mark_is_found_with_its_key_and_with_no_other(server):
    settings = {"hashing_key": 4711, "bias": 4.0}
    marked = ids(server, n=3, seed=1, watermark=settings)
    plain = ids(server, n=3, seed=1)
    for tokens in marked:
        found = detect(server, tokens, watermark=settings)
        assert found["prediction"] and found["p_value"] < 1e-6, found
        assert found["num_tokens_scored"] == len(tokens) - 1
        assert not detect(server, tokens, watermark={"hashing_key": 4712}, z_threshold=5)["prediction"]
    for tokens in plain:
        assert not detect(server, tokens, watermark=settings, z_threshold=5)["prediction"]


def test_what_is_too_much_work_is_refused(server):
    assert server.post("/v1/watermark/detect", {"tokens": [5]}).status_code == 400
    assert server.post("/v1/watermark/detect", {"text": "a", "tokens": [5, 6]}).json()["error"]["param"] == "text"
