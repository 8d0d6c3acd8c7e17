#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes stage-goldens.json: what each stage and each order leaves of logits, and the ids that are drawn.

Logits are made on both sides from a hash of a seed, so that a case is a few numbers even for a large vocabulary: the
count of survivors, a hash of their ids, and some of their probabilities. With --check transformers or --check llama
every case that the library can compute is compared with it first (see check_stage_goldens.py).
Usage: make_stage_goldens.py [--check transformers|llama] > stage-goldens.json (numpy)
"""

import json
import sys

import numpy as np
from chain_oracle import NEG, NothingLeft, TooNear, draw, make_logits, run, uniform

PROMPT = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4]
OUTPUT = [6, 2, 6, 4, 3, 3, 8, 3, 2, 7, 9, 5, 0, 2, 8, 8, 4, 1, 9, 7, 1, 6, 9, 3, 9, 9, 3, 1, 4, 1, 5, 9, 2]

ADVERSARIAL = [
    [1.0, 2.0], [0.5], [0.0, -0.0, 0.0, -0.0], [5, 5, 5, 1, 0, -1], [5, 4, 3, 1, 1, 1, 1], [None, None, 7.5, None],
    [None, 1.0, None, 2.0, None, 0.5, 1.5, None], [2.0**100, 2.0**99, -(2.0**100), 0],
    [-10.0 * i for i in range(12)], [-10.0 * (11 - i) for i in range(12)], [-200.0 * i for i in range(8)],
    [1 + i * 2.0**-20 for i in range(12)], [20.0] + [0.25 * i for i in range(10)], [10.0, 10.0, 0.5, 0.25, -1, -3],
]

STAGES = [
    {"logit_bias": {"bias": [[0, -100], [1, 2.5], [7, 1.25], [99999999, 3]]}},
    {"sequence_bias": {"biases": [[[5], 1.5], [[9, 2, 4], 3.0], [[2, 4], -2.0], [[1, 5, 9, 2, 0], 4.0], [[8, 1], 9.0]]}},
    {"bad_words": {"sequences": [[1], [9, 2, 0], [2, 2], [9, 9, 2, 3], [99999999]]}},
    {"allowed_token_ids": {"ids": [0, 1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 4095, 99999999]}},
    {"suppress_tokens": {"ids": [1, 3, 99999999]}},
    {"min_tokens": {"count": 34, "ids": [1, 4]}},
    {"min_tokens": {"count": 33, "ids": [1, 4]}},
    {"repetition_penalty": {"penalty": 1.3}},
    {"repetition_penalty": {"penalty": 0.7, "scope": "output"}},
    {"repetition_penalty": {"penalty": 1.2, "scope": "both", "window": 4}},
    {"repetition_penalty": {"penalty": 1.2, "scope": "prompt", "window": 3}},
    {"frequency_penalty": {"penalty": 0.5}},
    {"frequency_penalty": {"penalty": -0.25, "scope": "both"}},
    {"frequency_penalty": {"penalty": 0.75, "scope": "output", "window": 7}},
    {"presence_penalty": {"penalty": 0.5}},
    {"presence_penalty": {"penalty": -1.5, "scope": "prompt"}},
    {"presence_penalty": {"penalty": 1.5, "scope": "both", "window": 0}},
    {"no_repeat_ngram": {"size": 1}},
    {"no_repeat_ngram": {"size": 2}},
    {"no_repeat_ngram": {"size": 4}},
    {"dry": {"multiplier": 0.8, "base": 1.75, "allowed_length": 2}},
    {"dry": {"multiplier": 0.5, "base": 2.0, "allowed_length": 1, "window": 30}},
    {"dry": {"multiplier": 1.5, "base": 1.0, "allowed_length": 3, "breakers": [[4]]}},
    {"dry": {"multiplier": 0.8, "base": 1.5, "allowed_length": 1, "breakers": [[6, 9], [9, 3, 9], [6]]}},
    {"dry": {"multiplier": 0.3, "base": 3.0, "allowed_length": 0, "window": 12, "breakers": [[1]]}},
    {"exponential_decay_length_penalty": {"start": 30, "factor": 1.5, "ids": [1, 2]}},
    {"exponential_decay_length_penalty": {"start": 33, "factor": 1.5, "ids": [1]}},
    {"exponential_decay_length_penalty": {"start": 3, "factor": 0.9, "ids": [0]}},
    {"temperature": {"temperature": 0.7}},
    {"temperature": {"temperature": 0}},
    {"temperature": {"temperature": 1.0, "range": 0.5, "exponent": 1.0}},
    {"temperature": {"temperature": 0.75, "range": 1.5, "exponent": 0.5}},
    {"temperature": {"temperature": 0.5, "range": 0.25, "exponent": 2.0}},
    {"quadratic": {"factor": 0.25, "curve": 1.0}},
    {"quadratic": {"factor": 0.5, "curve": 2.0}},
    {"quadratic": {"factor": 0.125, "curve": 5.0}},
    {"top_k": {"k": 5}},
    {"top_p": {"p": 0.9}},
    {"min_p": {"p": 0.05}},
    {"typical_p": {"p": 0.2}},
    {"typical_p": {"p": 0.9}},
    {"top_n_sigma": {"n": 1.0}},
    {"top_n_sigma": {"n": 2.5}},
    {"top_h": {"h": 0.4}},
    {"top_h": {"h": 0.9}},
    {"top_h": {"h": 0.01}},
    {"epsilon_cutoff": {"cutoff": 0.001}},
    {"epsilon_cutoff": {"cutoff": 0.1}},
    {"eta_cutoff": {"cutoff": 0.0003}},
    {"eta_cutoff": {"cutoff": 0.1}},
    {"tfs": {"z": 0.95}},
    {"tfs": {"z": 0.5}},
    {"tfs": {"z": 0.05}},
    {"top_a": {"a": 0.2}},
    {"top_a": {"a": 1.0}},
    {"xtc": {"probability": 1.0, "threshold": 0.05}},
    {"xtc": {"probability": 0.5, "threshold": 0.1}},
    {"xtc": {"probability": 1.0, "threshold": 0.5}},
    {"watermark": {"ratio": 0.25, "bias": 2.0, "key": 15485863}},
    {"watermark": {"ratio": 0.5, "bias": 1.5, "key": 2**64 - 2}},
    {"mirostat": {"version": 1, "tau": 5.0, "eta": 0.1}},
    {"mirostat": {"version": 1, "tau": 1.5, "eta": 0.1}},
    {"mirostat": {"version": 2, "tau": 2.0, "eta": 0.1}},
    {"mirostat": {"version": 2, "tau": 0.25, "eta": 0.1}},
    {"adaptive_p": {"target": 0.5, "decay": 0.9}},
    {"adaptive_p": {"target": 0.05, "decay": 0.5}},
]

CHAINS = [
    ("temper", None, {"temperature": {"temperature": 1.5}, "top_k": {"k": 40}, "top_p": {"p": 0.9},
                      "min_p": {"p": 0.05}, "typical_p": {"p": 0.8}}),
    ("temper", None, {"logit_bias": {"bias": [[2, 1.5]]}, "repetition_penalty": {"penalty": 1.2},
                      "dry": {"multiplier": 0.8, "base": 1.75, "allowed_length": 2}, "temperature": {"temperature": 0.9},
                      "top_n_sigma": {"n": 1.5}, "xtc": {"probability": 0.5, "threshold": 0.1}}),
    ("temper", None, {"temperature": {"temperature": 0.8}, "mirostat": {"version": 2, "tau": 3.0, "eta": 0.1}}),
    ("temper", None, {"min_p": {"p": 0.01}, "mirostat": {"version": 1, "tau": 3.0, "eta": 0.2}}),
    ("temper", None, {"min_p": {"p": 0.01}, "adaptive_p": {"target": 0.3, "decay": 0.8}}),
    ("temper", None, {"watermark": {"ratio": 0.25, "bias": 2.0, "key": 15485863}, "top_p": {"p": 0.95}}),
    ("temper", ["top_p", "temperature", "top_k"],
     {"top_p": {"p": 0.9}, "temperature": {"temperature": 2.0}, "top_k": {"k": 10}}),
    ("temper", ["xtc", "typical_p", "tfs", "top_a"],
     {"xtc": {"probability": 0.5, "threshold": 0.05}, "typical_p": {"p": 0.9}, "tfs": {"z": 0.99}, "top_a": {"a": 0.1}}),
    ("llama.cpp", None, {"temperature": {"temperature": 1.5}, "top_k": {"k": 40}, "top_p": {"p": 0.9},
                         "min_p": {"p": 0.05}, "typical_p": {"p": 0.8}}),
    ("llama.cpp", None, {"repetition_penalty": {"penalty": 1.3}, "frequency_penalty": {"penalty": 0.5},
                         "presence_penalty": {"penalty": 0.25}, "temperature": {"temperature": 0.8},
                         "top_p": {"p": 0.95}, "xtc": {"probability": 0.5, "threshold": 0.1}}),
    ("llama.cpp", None, {"temperature": {"temperature": 1.2, "range": 0.5, "exponent": 1.5}, "top_k": {"k": 30}}),
    ("llama.cpp", None, {"temperature": {"temperature": 0.8}, "mirostat": {"version": 2, "tau": 3.0, "eta": 0.1}}),
    ("llama.cpp", None, {"temperature": {"temperature": 1.2}, "mirostat": {"version": 1, "tau": 4.0, "eta": 0.1}}),
    ("llama.cpp", None, {"top_k": {"k": 40}, "min_p": {"p": 0.02}, "adaptive_p": {"target": 0.2, "decay": 0.9}}),
    ("vllm", None, {"temperature": {"temperature": 1.5}, "top_k": {"k": 40}, "top_p": {"p": 0.9},
                    "min_p": {"p": 0.05}}),
    ("vllm", None, {"repetition_penalty": {"penalty": 1.3}, "frequency_penalty": {"penalty": 0.5},
                    "presence_penalty": {"penalty": 0.25}, "logit_bias": {"bias": [[1, 2.0]]},
                    "temperature": {"temperature": 0.005}, "top_p": {"p": 0.9}}),
    ("hf", None, {"temperature": {"temperature": 1.5}, "top_k": {"k": 40}, "top_p": {"p": 0.9}, "min_p": {"p": 0.05},
                  "typical_p": {"p": 0.8}, "top_h": {"h": 0.9}}),
    ("hf", None, {"repetition_penalty": {"penalty": 1.3}, "no_repeat_ngram": {"size": 3},
                  "temperature": {"temperature": 0.8}, "epsilon_cutoff": {"cutoff": 0.01},
                  "eta_cutoff": {"cutoff": 0.02}, "watermark": {"ratio": 0.25, "bias": 2.0, "key": 15485863}}),
    ("hf", None, {"temperature": {"temperature": 0}, "top_k": {"k": 2},
                  "watermark": {"ratio": 0.25, "bias": 9.0, "key": 15485863}}),
    ("hf", None, {"top_h": {"h": 0.5}}),
    ("mlx", None, {"temperature": {"temperature": 1.5}, "top_k": {"k": 40}, "top_p": {"p": 0.9},
                   "min_p": {"p": 0.05}}),
    ("mlx", None, {"repetition_penalty": {"penalty": 1.3}, "frequency_penalty": {"penalty": 0.5},
                   "presence_penalty": {"penalty": 0.25}, "temperature": {"temperature": 0.7}, "top_p": {"p": 0.9}}),
]


def vectors(count, seed, large):
    """Specifications of `count` vectors: adversarial ones and random ones of many sizes."""
    rng = np.random.default_rng(seed)
    for index in range(len(ADVERSARIAL)):
        yield {"listed": index}
    kinds = ["bell", "bell", "bell", "steps", "steps", "peak", "holes", "equal", "alone"]
    for index in range(count - len(ADVERSARIAL)):
        size = int(rng.choice([10, 16, 17, 33, 64, 100, 257, 1000, 3000]))
        yield {"kind": kinds[index % len(kinds)], "seed": int(rng.integers(1, 2**31)), "size": size,
               "scale": int(rng.integers(-16, -12))}
    if large:
        yield {"kind": "bell", "seed": int(rng.integers(1, 2**31)), "size": 151936, "scale": -14}
        yield {"kind": "steps", "seed": int(rng.integers(1, 2**31)), "size": 151936, "scale": -13}


def logits(spec):
    return np.array([NEG if v is None else v for v in ADVERSARIAL[spec["listed"]]], dtype=np.float32) \
        if "listed" in spec else make_logits(spec)


def fnv(ids):
    value = 0xCBF29CE484222325
    for i in ids:
        for byte in int(i).to_bytes(4, "little"):
            value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return f"{value:016x}"


def usable(stages, size):
    """Whether every id that a stage must find is in the vocabulary."""
    return all(i < size for name in ("min_tokens", "exponential_decay_length_penalty")
               for i in stages.get(name, {}).get("ids", []))


def survivors(spec, order, names, stages, prompt, output, position):
    dice = uniform(7, 1, position, -1)
    with np.errstate(under="ignore"):
        chain = run(logits(spec), stages, order, names, prompt, output, dice)
    ids = np.sort(chain.ids)
    p = np.zeros(chain.size)
    p[chain.ids] = chain.p()
    shown = [int(i) for i in (ids if len(ids) <= 6 else ids[np.linspace(0, len(ids) - 1, 4).astype(int)])]
    return {"count": len(ids), "hash": fnv(ids), "p": [[i, float(f"{p[i]:.8g}")] for i in shown],
            "entropy": float(f"{chain.entropy():.9g}")}, chain


def cases(checker):
    plan = [("temper", list(stages), stages, 30, True) for stages in STAGES]
    plan += [(order, names, stages, 26, True) for order, names, stages in CHAINS]
    skipped = 0
    for number, (order, names, stages, count, large) in enumerate(plan):
        text = (PROMPT, OUTPUT) if number % 7 else (PROMPT, [])
        if any(name in stages for name in ("min_tokens", "exponential_decay_length_penalty", "dry")):
            text = (PROMPT, OUTPUT)
        results = []
        for index, spec in enumerate(vectors(count, number, large and "dry" not in stages)):
            size = len(logits(spec))
            position = 100 + index
            if not usable(stages, size):
                continue
            if order == "hf" and "watermark" in stages and size > 5000:
                continue
            try:
                found, chain = survivors(spec, order, names, stages, *text, position)
            except TooNear:
                skipped += 1
                continue
            except NothingLeft:
                found, chain = {"count": 0}, None
            if checker and chain:
                checker(logits(spec), order, names, stages, *text, chain)
            results.append({"logits": spec, "position": position, **found})
        yield {"order": order, "names": names, "stages": stages, "prompt": text[0], "output": text[1],
               "results": results}
    print(f"{skipped} too near", file=sys.stderr)


def draws():
    """Runs of 40 tokens, each drawn, so that what stages learn and remember is part of them."""
    for number, (order, names, stages) in enumerate(CHAINS):
        for attempt in range(100):
            base = 1000 * number + 100 * attempt + 1
            state, output, final = None, [], None
            try:
                for step in range(40):
                    spec = {"kind": "bell", "seed": base + step, "size": 500, "scale": -15}
                    position = len(PROMPT) + step
                    chain = run(make_logits(spec), stages, order, names, PROMPT, output,
                                uniform(11, 2, position, -1), state)
                    index = draw(chain, 11, 2, position)
                    if hasattr(chain, "feedback"):
                        state = final = chain.feedback(index)
                    output.append(int(chain.ids[index]))
            except TooNear:
                continue
            if final is not None and not isinstance(final, tuple):
                final = (final,)
            yield {"order": order, "names": names, "stages": stages, "prompt": PROMPT, "seed": base, "output": output,
                   "state": None if final is None else [float(f"{v:.12g}") for v in final]}
            break
        else:
            raise SystemExit(f"no run of {stages}")


MIXED = {"temperature": {"temperature": 1.3}, "top_k": {"k": 30}, "top_p": {"p": 0.92}, "min_p": {"p": 0.03}}
DISTRIBUTIONS = [
    ("temper", {**MIXED, "typical_p": {"p": 0.9}, "xtc": {"probability": 0.25, "threshold": 0.08},
                "repetition_penalty": {"penalty": 1.2}}),
    ("llama.cpp", {**MIXED, "xtc": {"probability": 0.5, "threshold": 0.1}, "frequency_penalty": {"penalty": 0.1}}),
    ("vllm", {**MIXED, "logit_bias": {"bias": [[9, 1.5]]}, "presence_penalty": {"penalty": 0.4}}),
    ("hf", {**MIXED, "typical_p": {"p": 0.95}, "top_h": {"h": 0.95}}),
    ("mlx", {**MIXED, "presence_penalty": {"penalty": 0.4}}),
]


def distributions():
    """What is drawn how often: the exact probability of every id, over the dice of XTC where it takes part."""
    spec = {"kind": "bell", "seed": 404, "size": 64, "scale": -15}
    for order, stages in DISTRIBUTIONS:
        share = stages.get("xtc", {}).get("probability", 1)
        p = np.zeros(64)
        for dice, weight in ((0.0, share), (1.0, 1 - share)):
            chain = run(make_logits(spec), stages, order, None, PROMPT, OUTPUT, dice)
            p[chain.ids] += weight * chain.p()
        yield {"order": order, "names": None, "stages": stages, "prompt": PROMPT, "output": OUTPUT, "logits": spec,
               "p": [float(f"{x:.9g}") for x in p]}


def main():
    checker = None
    if "--check" in sys.argv:
        import check_stage_goldens
        checker = check_stage_goldens.checker(sys.argv[sys.argv.index("--check") + 1])
    result = {"listed": ADVERSARIAL, "cases": list(cases(checker)), "draws": list(draws()), "distributions": list(distributions())}
    print(json.dumps(result, separators=(",", ":")))
    if checker:
        checker.report()
    print(sum(len(c["results"]) for c in result["cases"]), "cases,", len(result["draws"]), "runs", file=sys.stderr)


main()
