# SPDX-License-Identifier: Apache-2.0
"""Prompts from examples, and what they do to answers."""

import json
import math
import random
import re
import subprocess
import time

import pytest
import requests

from support import ROOT, TEMPER

WORDS = "sun moon star rain snow wind leaf tree bird fish cat dog red blue green old new big small".split()


def pool(count, seed=1):
    draw = random.Random(seed)
    return [
        {"input": " ".join(draw.choices(WORDS, k=draw.randint(2, 6))) + f" {number}", "output": draw.choice(WORDS)}
        for number in range(count)
    ]


def assemble(server, body):
    answer = server.post("/v1/prompts/assemble", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["assembled"][0]


def tokenize(server, text):
    return server.post("/tokenize", {"prompt": text, "parse_special": False}).json()["tokens"]


@pytest.mark.parametrize("select", ["first", "random", "balanced", "bm25", "ngram", "knn", "mmr", "nll"])
@pytest.mark.parametrize("budget", [20, 60, 200])
def test_what_is_shown_is_whole_and_within_the_budget(server, select, budget):
    examples = pool(40)
    found = assemble(server, {
        "prompt": "old red bird", "max_tokens": 4,
        "shots": {"examples": examples, "select": select, "budget_tokens": budget, "instruction": "Answer."},
    })
    assert found["tokens"] == len(found["token_ids"]) <= budget
    assert found["token_ids"] == tokenize(server, found["text"])
    blocks = ["Answer."] + [f"Q: {examples[i]['input']}\nA: {examples[i]['output']}" for i in found["examples"]]
    assert found["text"] == "\n\n".join(blocks + ["Q: old red bird\nA:"])
    assert len(found["examples"]) + len(found["dropped"]) == len(examples)
    # one more would not have fitted
    last = found["dropped"][-1]["index"]
    more = assemble(server, {
        "prompt": "old red bird", "max_tokens": 4,
        "shots": {"examples": [examples[i] for i in found["examples"]] + [examples[last]], "instruction": "Answer."},
    })
    assert more["tokens"] > budget


def test_stretches_are_where_they_are_said_to_be(server):
    examples = pool(3) + [{"input": "Grüße 世界", "output": "é"}]
    found = assemble(server, {"prompt": "wörld?", "shots": {"examples": examples, "instruction": "Tu, was hier steht."}})
    pieces = server.post("/tokenize", {"prompt": found["text"], "with_pieces": True, "parse_special": False}).json()
    start = server.get("/tokenizer_info").json()["bos_token_id"]
    lengths = [0 if piece["id"] == start else
               len(piece["piece"].encode() if isinstance(piece["piece"], str) else bytes(piece["piece"]))
               for piece in pieces["tokens"]]
    wanted = ["Tu, was hier steht."] + [f"Q: {e['input']}\nA: {e['output']}" for e in examples] + ["Q: wörld?", "\nA:"]
    assert [span["kind"] for span in found["spans"]] == ["instruction"] + ["example"] * 4 + ["query", "cue"]
    for span, text in zip(found["spans"], wanted, strict=True):
        assert found["text"][span["start"]:span["end"]] == text
        # exactly the tokens that have a byte in it
        first = len(found["text"][:span["start"]].encode())
        end = first + len(text.encode())
        offset, places = 0, []
        for place, length in enumerate(lengths):
            if offset < end and offset + length > first:
                places.append(place)
            offset += length
        assert (span["token_start"], span["token_end"]) == (places[0], places[-1] + 1), span


def test_the_dry_run_is_what_is_computed(server):
    body = {"prompt": "red", "shots": {"examples": pool(5), "select": "random", "seed": 4}, "return": ["assembled"],
            "max_tokens": 1}
    assert assemble(server, body) == server.complete(**body)["assembled"][0]


def test_a_thousand_candidates_are_quick(server):
    body = {"prompt": "old red bird", "shots": {"examples": pool(1000), "select": "bm25", "count": 8}}
    times = []
    for _ in range(5):
        start = time.monotonic()
        assemble(server, body)
        times.append(time.monotonic() - start)
    # with 80 kB of JSON each way and the connection; the machine may be busy
    assert min(times) < 0.2


def test_a_chat_shows_the_examples_as_turns(chat_server):
    found = assemble(chat_server, {
        "messages": [{"role": "user", "content": "what?"}],
        "shots": {"examples": [{"input": "a", "output": "b"}], "instruction": "Do."},
    })
    plain = assemble(chat_server, {"messages": [
        {"role": "system", "content": "Do."}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
        {"role": "user", "content": "what?"}]})
    assert found["token_ids"] == plain["token_ids"] and found["text"] == plain["text"]
    assert [span["kind"] for span in found["spans"]] == ["instruction", "example", "query"]


# the curve


def test_a_curve_grows_and_can_be_left(server):
    examples = [{"input": word, "output": word} for word in WORDS]
    body = {
        "shots": {"examples": examples[:10], "template": "arrow", "select": "random"},
        "test": examples[10:], "counts": [0, 2, 4], "max_tokens": 4, "stream": True,
    }
    with requests.post(server.url + "/v1/prompts/curve", json=body, stream=True, timeout=120) as answer:
        assert answer.status_code == 200
        events = [line[6:] for line in answer.iter_lines(decode_unicode=True) if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    *points, whole = map(json.loads, events[:-1])
    assert [p["point"]["count"] for p in points if p["is_complete"]] == [0, 2, 4]
    assert [p["count"] for p in whole["points"]] == [0, 2, 4]
    for point in whole["points"]:
        low, high = point["interval"]
        assert point["n"] == 9 and 0 <= low <= point["score"] <= high <= 1
    body |= {"stream": False}
    again = server.post("/v1/prompts/curve", body)
    assert [p["score"] for p in again.json()["points"]] == [p["score"] for p in whole["points"]]


def test_a_curve_asks_what_a_completion_asks(server):
    examples = [{"input": word, "output": word[0]} for word in WORDS]
    curve = server.post("/v1/prompts/curve", {
        "shots": {"examples": examples[:12]}, "test": examples[12:], "counts": [3], "max_tokens": 3}).json()
    right = 0
    for item in examples[12:]:
        text = server.complete(prompt=item["input"], temperature=0, max_tokens=3, stop="\n",
                               shots={"examples": examples[:12], "count": 3})["choices"][0]["text"]
        right += text.strip() == item["output"]
    assert curve["points"][0]["score"] == right / len(examples[12:])


def test_a_choice_is_what_echo_says_is_likeliest(server):
    examples = [{"input": "the sun is warm", "output": "good"}, {"input": "the cold rain", "output": "bad"}]
    items = [{"input": "a sweet cake", "output": "good"}, {"input": "a dark cave", "output": "bad"}]
    curve = server.post("/v1/prompts/curve", {
        "shots": {"examples": examples, "template": "label"}, "test": items, "counts": [2], "metric": "choice"}).json()
    right = 0
    for item in items:
        prompt = assemble(server, {"prompt": item["input"], "shots": {"examples": examples, "template": "label"}})["text"]
        scores = {}
        for choice in ("good", "bad"):
            echoed = server.complete(prompt=f"{prompt} {choice}", max_tokens=0, echo=True, logprobs=0,
                                     parse_special=False)["choices"][0]["logprobs"]
            scores[choice] = sum(p for p, offset in zip(echoed["token_logprobs"], echoed["text_offset"])
                                 if p is not None and offset >= len(prompt)) / len(choice)
        right += max(scores, key=scores.get) == item["output"]
    assert curve["points"][0]["score"] == right / 2


def test_leaving_a_curve_stops_it(server):
    items = [{"input": f"{word} {number}", "output": "x"} for number in range(40) for word in WORDS]
    body = {"shots": {"examples": items[:50]}, "test": items[:600], "counts": [0, 1, 2, 3, 4], "max_tokens": 64,
            "stream": True, "stop": ["\u0000"]}
    before = server.metrics()["temper_generations_in_flight"]
    with requests.post(server.url + "/v1/prompts/curve", json=body, stream=True, timeout=60) as answer:
        next(answer.iter_lines())
    deadline = time.monotonic() + 10
    while server.metrics()["temper_generations_in_flight"] > before or server.running():
        assert time.monotonic() < deadline, "the curve goes on without its client"
        time.sleep(0.05)


def test_the_curve_on_the_command_line(tmp_path):
    (tmp_path / "examples.jsonl").write_text("".join(json.dumps({"input": w, "output": w}) + "\n" for w in WORDS[:10]))
    (tmp_path / "test.csv").write_text("input,output\n" + "".join(f"{w},{w}\n" for w in WORDS[10:]))
    done = subprocess.run(
        [TEMPER, "shots", "curve", "--set", tmp_path / "examples.jsonl", "--test", tmp_path / "test.csv",
         "--counts", "0,4", "--max-tokens", "4", "--template", "arrow", "--json", tmp_path / "curve.json",
         "--svg", tmp_path / "curve.svg"],
        cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert len(rows) == 3 and rows[0].split()[:2] == ["examples", "exact_match"]
    curve = json.loads((tmp_path / "curve.json").read_text())
    assert [point["count"] for point in curve["points"]] == [0, 4] and curve["points"][0]["n"] == 9
    drawing = (tmp_path / "curve.svg").read_text()
    assert drawing.startswith("<svg") and drawing.count("<circle") == 2
    bad = subprocess.run([TEMPER, "shots", "curve", "--set", "nope", "--test", tmp_path / "test.csv"], cwd=ROOT,
                         capture_output=True, text=True, timeout=120)
    assert bad.returncode == 64 and "nope" in bad.stderr


def test_the_nearest_are_those_of_transformers(chat_server):
    """Tests/Fixtures/models/embeddings.json holds what transformers computes for these texts."""
    golden = json.loads((ROOT / "Tests/Fixtures/models/embeddings.json").read_text())["texts"]

    def cosine(left, right):
        return sum(a * b for a, b in zip(left, right)) / math.hypot(*left) / math.hypot(*right)

    for query in golden:
        rest = [entry for entry in golden if entry is not query]
        wanted = sorted(range(len(rest)), key=lambda i: -cosine(rest[i]["embedding"], query["embedding"]))
        examples = [{"input": entry["text"], "output": "x"} for entry in rest]
        shots = {"examples": examples, "select": "knn", "order": "selected"}
        assert assemble(chat_server, {"prompt": query["text"], "max_tokens": 1, "shots": shots})["examples"] == wanted


def test_the_likeliest_query_is_what_echo_says(server):
    examples = pool(12, seed=4)
    shots = {"examples": examples, "select": "nll", "count": 4, "order": "selected", "template": "arrow"}
    found = assemble(server, {"prompt": "old red bird", "shots": shots})
    sums = []
    for example in examples:
        head = f"{example['input']} -> {example['output']}\n"
        echo = server.complete(prompt=head + "old red bird", max_tokens=0, echo=True, logprobs=0, parse_special=False)
        tokens = echo["choices"][0]["logprobs"]
        shared = 0
        for one, other in zip(tokenize(server, head), tokenize(server, head + "old red bird")):
            if one != other:
                break
            shared += 1
        sums.append(sum(tokens["token_logprobs"][shared:]))
    assert found["examples"] == sorted(range(12), key=lambda i: -sums[i])[:4]


def test_examples_that_the_model_chose_are_found_again_quickly(server):
    examples = pool(1000)
    shots = {"examples": examples, "select": "knn", "count": 4}
    first = assemble(server, {"prompt": "old red bird", "shots": shots})
    best, rest = 9e9, 9e9
    for _ in range(10):
        start = time.perf_counter()
        assert assemble(server, {"prompt": "old red bird", "shots": shots})["examples"] == first["examples"]
        best = min(best, time.perf_counter() - start)
        start = time.perf_counter()
        assemble(server, {"prompt": "old red bird", "shots": shots | {"select": "first"}})
        rest = min(rest, time.perf_counter() - start)
    print(f"knn over 1,000 candidates with kept embeddings: {1000 * (best - rest):.1f} ms beside {1000 * rest:.1f} ms")
    assert best - rest < 0.1  # 0.01 on a machine with nothing else to do


def test_the_probed_order_is_found_once(server):
    examples = [{"input": text, "output": label} for text, label in [
        ("I love it", "good"), ("awful food", "bad"), ("what a joy", "good"), ("never again", "bad")]]
    shots = {"examples": examples, "order": "entropy_probed", "probe_orders": 6, "template": "label"}
    first = assemble(server, {"prompt": "a fine day", "shots": shots})
    assert sorted(first["examples"]) == [0, 1, 2, 3]
    computed = server.metrics()["temper_prompt_tokens_total"]
    again = assemble(server, {"prompt": "a bad day", "shots": shots})
    assert again["examples"] == first["examples"]
    assert server.metrics()["temper_prompt_tokens_total"] == computed


def test_samples_vote_as_their_texts_say(server):
    body = {"prompt": "Q: What is the opposite of wet?\nA:", "n": 12, "seed": 5, "temperature": 1, "max_tokens": 6,
            "stop": "\n"}
    plain = server.complete(**body, logprobs=0)["choices"]
    answer = server.complete(**body, aggregate={"pattern": "[a-z]+", "normalize": "loose"})
    assert [choice["text"] for choice in answer["choices"]] == [choice["text"] for choice in plain]
    votes, unanswered = {}, []
    for place, choice in enumerate(plain):
        words = re.findall("[a-z]+", choice["text"])
        if not words or words[-1] in ("a", "an", "the"):
            unanswered.append(place)
        else:
            votes.setdefault(words[-1], []).append(place)
    found = answer["aggregate"]
    assert {vote["answer"]: vote["choices"] for vote in found["votes"]} == votes
    assert found["unanswered"] == unanswered
    assert found["answer"] == found["votes"][0]["answer"] and found["votes"][0]["count"] == max(map(len, votes.values()))
    assert sum(vote["share"] for vote in found["votes"]) + len(unanswered) / 12 == pytest.approx(1)


def test_calibrated_scores_are_shares_over_shares(server):
    choices = [" good", " bad", " red"]

    def logprobs(text):
        scored = server.post("/v1/score", {"prompt": text, "choices": choices, "parse_special": False}).json()
        return [choice["logprob"] for choice in scored["choices"]]

    def shares(values):
        weights = [math.exp(value - max(values)) for value in values]
        return [weight / sum(weights) for weight in weights]

    shots = {"set": "mood", "count": 4, "template": "label"}
    body = {"prompt": "what a fine day", "choices": choices, "shots": shots, "return": ["assembled"]}
    answer = server.post("/v1/score", body | {"calibrate": {"method": "contextual"}}).json()
    text = answer["assembled"]["text"]
    query = logprobs(text)
    frees = [shares(logprobs(text.replace("what a fine day", free))) for free in ("N/A", "", "[MASK]")]
    wanted = [share / (sum(column) / 3) for share, column in zip(shares(query), zip(*frees))]
    for choice, weight in zip(answer["choices"], wanted):
        assert choice["calibrated_logprob"] == pytest.approx(math.log(weight / sum(wanted)), abs=1e-6)
    pmi = server.post("/v1/score", body | {"calibrate": {"method": "pmi", "premise": "Label:"}}).json()
    prior = logprobs("Label:")
    for choice, value, own in zip(pmi["choices"], prior, query):
        assert choice["prior_logprob"] == value and choice["logprob"] == own
