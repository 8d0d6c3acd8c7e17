# SPDX-License-Identifier: Apache-2.0
"""Comparisons: lanes are the requests they stand for, the prompt is computed once, and what is said of them holds."""

import json
import math

import pytest

PROMPT = "The king said to his daughter, \"You shall go to the forest and bring me the golden bird that sings at night.\""
LANES = [
    {"name": "greedy", "temperature": 0},
    {"temperature": 0.7},
    {"temperature": 1.4, "min_p": 0.05, "seed": 12},
    {"order": "llama.cpp", "top_k": 20, "dry_multiplier": 0.8, "xtc_probability": 0.5},
    {"mirostat": 2, "mirostat_tau": 3, "max_tokens": 9},
    {"samplers": ["top_p", "temperature"], "top_p": 0.8, "temperature": 1.2, "stop": ["the", "\n"]},
    {"repetition_penalty": 1.3, "min_tokens": 4},
    {"regex": "[A-Z][a-z]{2,9}( [a-z]{2,9}){3,6}[.!]", "temperature": 1.3},
    {"choice": ["A bird.", "A bird and a king.", "Nothing."], "seed": 2},
    {"json_schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, "top_k": 50},
    {"grammar": "root ::= [a-z]+ \" \" root | \"end\"", "max_tokens": 12},
    {"response_format": {"type": "json_object"}, "temperature": 0},
]
BODY = {"prompt": PROMPT, "max_tokens": 20, "seed": 5, "samples": 4, "lanes": LANES}


def compare(server, **body):
    answer = server.post("/v1/compare", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def prompt_tokens(server):
    """Prompt tokens so far, computed or taken from the prefix cache."""
    metrics = server.metrics()
    return metrics["temper_prompt_tokens_total"] + metrics["temper_prefix_cached_tokens_total"]


@pytest.fixture(scope="module")
def comparison(server):
    before = prompt_tokens(server)
    answer = compare(server, **BODY, top_logprobs=2)
    return answer | {"computed": prompt_tokens(server) - before}


def stripped(lane):
    """A lane's settings as a request of its own."""
    return {key: value for key, value in lane.items() if key != "name"}


def test_the_prompt_is_computed_once(comparison):
    assert comparison["computed"] == comparison["usage"]["prompt_tokens"]
    used = [lane["usage"] for lane in comparison["lanes"]]
    assert [usage["cached_tokens"] for usage in used[1:]] == [used[0]["prompt_tokens"]] * (len(LANES) - 1)


@pytest.mark.parametrize("number", range(len(LANES)))
def test_a_lane_is_the_request_alone(server, comparison, number):
    body = {key: BODY[key] for key in ("prompt", "max_tokens", "seed")} | stripped(LANES[number])
    alone = server.complete(**body, n=4, logprobs=2, **{"return": ["token_ids"]})["choices"]
    lane = comparison["lanes"][number]["choices"]
    for one, other in zip(lane, alone, strict=True):
        assert one["text"] == other["text"]
        assert [token["id"] for token in one["tokens"]] == other["token_ids"]
        # the same numbers, to the last bit
        assert [token["logprob"] for token in one["tokens"]] == other["logprobs"]["token_logprobs"]
        assert [[entry["id"] for entry in token["top"]] for token in one["tokens"]] == other["logprobs"]["top_ids"]
        assert (one["finish_reason"], one["stop_reason"]) == (other["finish_reason"], other["stop_reason"])


STRATEGIES = [
    {"temperature": 0.9},
    {"best_of": 5, "temperature": 1.2},
    {"beam_width": 4, "length_penalty": 0.5},
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.6},
    {"guidance_scale": 1.5},
    {"guidance_scale": 2, "negative_prompt": PROMPT[:40], "temperature": 0.7},
    {"dola_layers": [0, 2], "temperature": 0.5},
]


@pytest.fixture(scope="module")
def strategies(server):
    return compare(server, **{**BODY, "lanes": STRATEGIES, "samples": 2})


@pytest.mark.parametrize("number", range(len(STRATEGIES)))
def test_a_lane_with_a_strategy_is_the_request_alone(server, strategies, number):
    body = {key: BODY[key] for key in ("prompt", "max_tokens", "seed")} | STRATEGIES[number]
    alone = server.complete(**body, n=2, logprobs=0, **{"return": ["token_ids"]})["choices"]
    lane = strategies["lanes"][number]["choices"]
    for one, other in zip(lane, alone, strict=True):
        assert one["text"] == other["text"]
        assert [token["id"] for token in one["tokens"]] == other["token_ids"]
        assert [token["logprob"] for token in one["tokens"]] == other["logprobs"]["token_logprobs"]
        assert (one["finish_reason"], one["stop_reason"]) == (other["finish_reason"], other["stop_reason"])
        assert number == 0 or one["divergence"] is None


def test_contrastive_search_is_a_lane_of_one_sample(server):
    lanes = [{"temperature": 0}, {"penalty_alpha": 0.6, "top_k": 4}]
    found = compare(server, **{**BODY, "lanes": lanes, "samples": 1})["lanes"]
    for lane, settings in zip(found, lanes, strict=True):
        alone = server.complete(**{key: BODY[key] for key in ("prompt", "max_tokens", "seed")} | settings)
        assert lane["choices"][0]["text"] == alone["choices"][0]["text"]
    refused = server.post("/v1/compare", {**BODY, "lanes": lanes, "samples": 2})
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "samples"


def test_a_divergence_is_where_the_tokens_part(comparison):
    first = comparison["lanes"][0]["choices"]
    found = set()
    for lane in comparison["lanes"][1:]:
        for one, other in zip(first, lane["choices"]):
            left, right = ([token["id"] for token in choice["tokens"]] for choice in (one, other))
            step = next((place for place, pair in enumerate(zip(left, right)) if pair[0] != pair[1]), None)
            divergence = other["divergence"]
            if step is None:
                # a token that a stop string cut off is not in the list
                assert divergence is None or divergence["step"] >= min(len(left), len(right))
                continue
            assert divergence["step"] == step
            assert divergence["position"] == comparison["usage"]["prompt_tokens"] + step
            assert (divergence["reference"]["id"], divergence["other"]["id"]) == (left[step], right[step])
            assert divergence["raw"]["other_logprob"] == other["tokens"][step]["logprob"]
            assert divergence["in_other"]["other_logprob"] == other["tokens"][step]["processed_logprob"]
            assert divergence["cause"]["kind"] in ("constrained", "removed", "reweighted", "noise")
            found.add(divergence["cause"].get("stage"))
    assert "temperature" in found


def test_metrics_are_what_the_tokens_say(comparison):
    for lane in comparison["lanes"]:
        values = []
        for choice in lane["choices"]:
            tokens = choice["tokens"]
            assert choice["metrics"]["length"] == len(tokens)
            if not tokens:  # all was cut off by a stop string
                assert choice["metrics"]["mean_logprob"] is None
                continue
            assert math.isclose(
                choice["metrics"]["mean_logprob"], sum(token["logprob"] for token in tokens) / len(tokens), rel_tol=1e-6)
            assert math.isclose(
                choice["metrics"]["mean_entropy"], sum(token["entropy"] for token in tokens) / len(tokens), rel_tol=1e-6)
            values.append(choice["metrics"]["mean_logprob"])
        mean = lane["metrics"]["mean_logprob"]
        if not values:
            assert mean is None or mean["mean"] is None
            continue
        assert math.isclose(mean["mean"], sum(values) / len(values), rel_tol=1e-9)
        assert min(values) - 1e-9 <= mean["low"] <= mean["mean"] + 1e-9 and mean["mean"] - 1e-9 <= mean["high"]
        ids = [[token["id"] for token in choice["tokens"]] for choice in lane["choices"]]
        for order in (1, 2, 3):
            grams = [tuple(row[place:place + order]) for row in ids for place in range(len(row) - order + 1)]
            share = lane["metrics"][f"distinct_{order}"]
            assert math.isclose(share, len(set(grams)) / len(grams)) if grams else share is None
    for matrix in comparison["agreement"].values():
        assert all(matrix[place][place] == 1 for place in range(len(LANES)))
    greedy = comparison["lanes"][0]
    assert greedy["metrics"]["self_bleu"] > 99.99 and greedy["metrics"]["mean_processed_entropy"]["mean"] == 0
    assert any(test["lanes"] == [0, 1] and test["metric"] == "mean_logprob" for test in comparison["tests"])
    assert all(2 ** -3 <= test["p"] <= 1 for test in comparison["tests"])


def test_a_stream_says_what_the_answer_says(server, comparison):
    answer = server.post("/v1/compare", BODY | {"top_logprobs": 2, "stream": True})
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    events = [json.loads(line) for line in lines[:-1]]
    assert events[0]["object"] == "comparison.start" and events[-1]["object"] == "comparison"
    for number, lane in enumerate(comparison["lanes"]):
        for place, choice in enumerate(lane["choices"]):
            own = [event for event in events[1:-1] if (event["lane"], event["choice"]) == (number, place)]
            assert "".join(event.get("text", "") for event in own) == choice["text"]
            assert [token for event in own for token in event.get("tokens", [])] == choice["tokens"]
            assert own[-1]["object"] == "comparison.finish" and own[-1]["finish_reason"] == choice["finish_reason"]
            told = [event["divergence"] for event in own if event["object"] == "comparison.divergence"]
            assert told == ([choice["divergence"]] if choice["divergence"] else [])
        assert events[-1]["lanes"][number]["metrics"] == lane["metrics"]
    assert events[-1]["tests"] == comparison["tests"] and events[-1]["agreement"] == comparison["agreement"]


def test_examples_and_messages_are_prompts(server, chat_server):
    shots = {"instruction": "Give the opposite.", "examples": [{"input": "big", "output": "small"}], "prompt": "cold"}
    answer = compare(server, **shots, max_tokens=3, lanes=[{}, {"temperature": 0}], **{"return": ["assembled"]})
    assert [span["kind"] for span in answer["assembled"]["spans"]] == ["instruction", "example", "query", "cue"]
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 6, "seed": 2, "temperature": 0.8}
    lane = compare(chat_server, **body, lanes=[{"top_k": 5}])["lanes"][0]["choices"][0]
    alone = chat_server.post("/v1/chat/completions", body | {"top_k": 5}).json()["choices"][0]
    assert lane["text"] == alone["message"]["content"]


def test_sweeps(server):
    answer = compare(server, prompt="It was", max_tokens=2, seed=1, grid={"temperature": [0, 1.5], "top_k": [0, 3]})
    assert [lane["settings"] for lane in answer["lanes"]] == [
        {"temperature": 0, "top_k": 0}, {"temperature": 0, "top_k": 3},
        {"temperature": 1.5, "top_k": 0}, {"temperature": 1.5, "top_k": 3}]
    random = {"count": 6, "seed": 4, "fields": {"temperature": {"min": 0.2, "max": 2}, "min_p": [0, 0.1]}}
    answers = [compare(server, prompt="It was", max_tokens=2, seed=1, random=random) for _ in range(2)]
    assert answers[0]["lanes"][3]["settings"] == answers[1]["lanes"][3]["settings"]
    assert len({json.dumps(lane["settings"]) for lane in answers[0]["lanes"]}) > 1


def test_a_right_answer_is_recognised(server):
    said = server.complete(prompt=PROMPT, max_tokens=12, temperature=0)["choices"][0]["text"]
    lanes = compare(server, prompt=PROMPT, max_tokens=12, seed=1, samples=3, reference=[said],
                    lanes=[{"temperature": 0}, {"temperature": 2}])["lanes"]
    assert lanes[0]["metrics"]["exact_match"]["mean"] == 1 and lanes[0]["metrics"]["rouge_l"]["mean"] == 1
    assert lanes[0]["metrics"]["corpus_bleu"] > 99.99
    assert lanes[1]["metrics"]["exact_match"]["mean"] == 0 and lanes[1]["metrics"]["rouge_l"]["mean"] < 1


def test_scores_are_those_of_echoed_prompts(server):
    choices = [" castle", " house by the sea", " tree", " zzz"]
    before = prompt_tokens(server)
    answer = server.post("/v1/score", {"prompt": "Once there lived in a", "choices": choices})
    assert answer.status_code == 200, answer.text
    answer = answer.json()
    computed = prompt_tokens(server) - before
    # what all begin with once, and of each choice all tokens but the last
    assert computed == answer["usage"]["prompt_tokens"] + sum(len(choice["tokens"]) - 1 for choice in answer["choices"])
    for text, choice in zip(choices, answer["choices"]):
        whole = server.complete(prompt="Once there lived in a" + text, max_tokens=0, echo=True, logprobs=1)
        logprobs = whole["choices"][0]["logprobs"]["token_logprobs"][-len(choice["tokens"]):]
        assert [token["logprob"] for token in choice["tokens"]] == logprobs
        assert math.isclose(choice["logprob"], sum(logprobs), rel_tol=1e-6)
        assert choice["bytes"] == len(text) and math.isclose(choice["logprob_per_byte"] * len(text), choice["logprob"])
    assert math.isclose(sum(choice["share"] for choice in answer["choices"]), 1)
    best = max(range(len(choices)), key=lambda place: answer["choices"][place]["logprob"])
    assert answer["best"]["logprob"] == best


def test_distributions_are_those_that_are_drawn_from(server):
    lanes = [{"temperature": 0.5}, {"top_k": 5, "temperature": 2}, {"temperature": 0}, {}]
    answer = server.post("/v1/distribution", {"prompt": PROMPT, "lanes": lanes, "top": 1000})
    assert answer.status_code == 200, answer.text
    answer = answer.json()
    for settings, lane in zip(lanes, answer["lanes"]):
        drawn = server.complete(
            prompt=PROMPT, max_tokens=1, seed=1, logprobs=5, logprobs_mode="processed", **settings)
        logprobs = drawn["choices"][0]["logprobs"]
        count = len(logprobs["top_ids"][0])
        assert [entry["id"] for entry in lane["top"][:count]] == logprobs["top_ids"][0]
        assert [entry["logprob"] for entry in lane["top"][:count]] == logprobs["top_id_logprobs"][0]
    assert answer["lanes"][1]["survivors"] == 5 and answer["lanes"][2]["entropy"] == 0
    # the setting that changes nothing is the model's own
    assert answer["lanes"][3]["from_raw"] == {"kl": 0, "reverse_kl": 0, "js": 0, "tv": 0}
    assert answer["lanes"][3]["entropy"] == answer["raw"]["entropy"]
    # of what leaves five tokens all can be computed from what is listed
    five = {entry["id"]: entry for entry in answer["lanes"][1]["top"]}
    mass = sum(math.exp(entry["raw_logprob"]) for entry in five.values())
    assert math.isclose(answer["lanes"][1]["raw_mass"], mass, rel_tol=1e-5)
    reverse = sum(math.exp(entry["logprob"]) * (entry["logprob"] - entry["raw_logprob"]) for entry in five.values())
    distance = answer["lanes"][1]["from_raw"]
    assert distance["kl"] is None and math.isclose(distance["reverse_kl"], reverse, rel_tol=1e-5)
    pairs = [distance["lanes"] for distance in answer["distances"]]
    assert pairs == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert all(0 <= distance["js"] <= math.log(2) + 1e-9 and 0 <= distance["tv"] <= 1 for distance in answer["distances"])


@pytest.mark.parametrize("path", ["/v1/compare", "/v1/score", "/v1/distribution"])
def test_capabilities_and_options(server, path):
    routes = {route["path"]: route for route in server.get("/v1/capabilities").json()["routes"]}
    names = {field["name"] for field in routes[path]["fields"]}
    assert "prompt" in names and "messages" in names
    if path != "/v1/score":
        assert {"temperature", "samplers", "seed"} <= set(routes[path]["lane_fields"]) <= names | {"name"}
    assert server.post(path, {}).status_code == 400
    assert server.get(path).status_code == 405


def test_a_trace_follows_the_probabilities_to_the_draw(server):
    body = {"prompt": PROMPT, "max_tokens": 6, "seed": 3, "temperature": 1.3, "top_k": 30, "top_p": 0.9, "logprobs": 1}
    plain = server.complete(**body, logprobs_mode="both")["choices"][0]
    traced = server.complete(**body, logprobs_mode="both", trace={"level": "full", "top": 3})["choices"][0]
    trace = traced.pop("trace")
    assert traced == plain  # looking changes nothing
    for place, token in enumerate(trace):
        assert token["raw"]["logprob"] == plain["logprobs"]["token_logprobs"][place]
        assert [stage["stage"] for stage in token["stages"]] == ["temperature", "top_k", "top_p"]
        last = token["stages"][-1]
        assert last["logprob"] == plain["logprobs"]["processed_token_logprobs"][place]
        assert token["stages"][1]["survivors"] == 30 >= last["survivors"]
        before = token["raw"]
        for stage in token["stages"]:
            assert stage["rank"] <= token["raw"]["rank"] and len(stage["top"]) == min(3, stage["survivors"])
            # what is left of a token's probability once others are removed
            if stage["stage"] != "temperature":
                kept = math.exp(before["logprob"] - stage["logprob"])
                assert math.isclose(kept, 1 - stage["mass_removed"], rel_tol=1e-4)
            before = stage
        assert token["stages"][0]["mass_removed"] == 0
    lane = compare(server, **{key: body[key] for key in body if key != "logprobs"}, trace="summary", lanes=[{}])
    tokens = lane["lanes"][0]["choices"][0]["tokens"]
    assert [token["trace"]["raw"]["rank"] for token in tokens] == [token["raw"]["rank"] for token in trace]


def test_lanes_with_examples_of_their_own_are_requests_alone(server):
    """The number of examples is a lever: each lane gives the bits of the completion with these examples."""
    shots = {"set": "opposites", "select": "bm25", "template": "arrow"}
    own = [{"count": 0}, {"count": 2}, {"count": 8}, {"count": 8, "order": "random", "seed": 4},
           {"count": 3, "select": "random"}]
    body = {"prompt": "wet", "max_tokens": 6, "seed": 9, "temperature": 1}
    answer = compare(server, **body, shots=shots, samples=2, lanes=[{"shots": one} for one in own] + [{"shots": None}],
                     **{"return": ["assembled", "token_ids"]})
    assert [lane["name"] for lane in answer["lanes"]][:2] == ["shots.count=0", "shots.count=2"]
    for lane, one in zip(answer["lanes"], own + [None]):
        with_shots = {} if one is None else {"shots": shots | one}
        alone = server.complete(**body, **with_shots, n=2, logprobs=0, **{"return": ["token_ids"]})
        assert lane["prompt_token_ids"] == alone["prompt_token_ids"][0]
        assert lane["assembled"]["token_ids"] == lane["prompt_token_ids"]
        for choice, other in zip(lane["choices"], alone["choices"], strict=True):
            assert choice["text"] == other["text"] and choice["divergence"] is None
            assert [token["id"] for token in choice["tokens"]] == other["token_ids"]
            assert [token["logprob"] for token in choice["tokens"]] == other["logprobs"]["token_logprobs"]
    prompts = [lane["prompt_token_ids"] for lane in answer["lanes"]]
    shared = next(place for place, ids in enumerate(zip(*prompts)) if len(set(ids)) > 1)
    assert answer["usage"]["prompt_tokens"] == shared + sum(len(ids) - shared for ids in prompts)


def test_scores_and_distributions_after_examples(server):
    shots = {"set": "opposites", "count": 4, "template": "arrow"}
    score = server.post("/v1/score", {"prompt": "wet", "choices": [" dry", " red"], "shots": shots,
                                      "return": ["assembled"]}).json()
    text = score["assembled"]["text"]
    plain = server.post("/v1/score", {"prompt": text, "choices": [" dry", " red"], "parse_special": False}).json()
    assert [choice["logprob"] for choice in score["choices"]] == [choice["logprob"] for choice in plain["choices"]]
    lanes = [{}, {"top_k": 3}]
    one = server.post("/v1/distribution", {"prompt": "wet", "shots": shots, "lanes": lanes}).json()
    other = server.post("/v1/distribution", {"prompt": text, "lanes": lanes, "parse_special": False}).json()
    assert one["raw"] == other["raw"] and one["lanes"] == other["lanes"]
