#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes decoding-goldens.json: survivors and probabilities of sampling chains, log-probabilities, noise.

The chain is computed in double precision from its definitions by sorting the whole vocabulary: bias, repetition,
frequency, presence, temperature, top-k, top-p, min-p. A case whose boundary is so near that single precision may decide
it otherwise is left out (exact ties stay in). With --check every case without ties at a boundary is also compared with
the processors of transformers. Usage: make_decoding_goldens.py [--check] > decoding-goldens.json (numpy; torch and
transformers for --check).
"""

import json
import math
import sys

import numpy as np

SEED = 20240817
NEG = -np.inf


def vectors(rng):
    yield "two", [1.0, 2.0]
    yield "one", [0.5]
    yield "all equal", [3.25] * 16
    yield "all zero, both signs", [0.0, -0.0, 0.0, -0.0, 0.0]
    yield "ties in pairs", [1, 2, 1, 2, 0, 3, 3, 0]
    yield "ties at the top", [5, 5, 5, 1, 0, -1]
    yield "ties at the bottom", [5, 4, 3, 1, 1, 1, 1]
    yield "one survivor", [NEG, NEG, 7.5, NEG]
    yield "half banned", [NEG, 1.0, NEG, 2.0, NEG, 0.5, 1.5, NEG]
    yield "huge", [1e30, 9e29, -1e30, 0]
    yield "near the largest float", [3.4e38, 3.3e38, -3.4e38]
    yield "tiny differences", [1 + i * 2.0**-20 for i in range(12)]
    yield "tiny values", [1e-38, 2e-38, -1e-38, 0, 1e-45]
    yield "steep", [-10.0 * i for i in range(12)]
    yield "steep upwards", [-10.0 * (11 - i) for i in range(12)]
    yield "very steep", [-200.0 * i for i in range(8)]
    yield "halves", [math.log(0.5 ** min(i + 1, 7)) for i in range(8)]
    yield "negative", list(-50 - rng.gamma(2, 3, 24))
    yield "peaked", [20.0] + list(rng.normal(0, 1, 30))
    yield "two peaks", [10.0, 10.0] + list(rng.normal(0, 1, 30))
    yield "integers", list(rng.integers(-4, 5, 40).astype(float))
    yield "few levels", list(rng.integers(0, 3, 60) * 1.5)
    for size in (3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 100):
        yield f"normal {size}", list(rng.normal(0, 2, size))
    for spread in (0.1, 1, 5):
        yield f"flat with spread {spread}", list(rng.normal(0, spread, 48))
    yield "zipf", [-math.log(i + 1) for i in range(64)]
    yield "zipf shuffled", [-math.log(i + 1) for i in rng.permutation(64)]
    yield "uniform", list(rng.uniform(-30, 30, 50))


PARAMETERS = [
    {},
    {"temperature": 0.7},
    {"temperature": 1e-30},
    {"temperature": 100.0},
    {"top_k": 1},
    {"top_k": 3},
    {"top_p": 0.5},
    {"top_p": 0.9},
    {"top_p": 1e-6},
    {"min_p": 0.1},
    {"min_p": 1.0},
    {"temperature": 1.5, "top_k": 10, "top_p": 0.8, "min_p": 0.05},
    {"temperature": 0.5, "top_k": 5, "top_p": 0.95},
    {"bias": {0: -100.0, 1: 2.5}},
    {"repetition": 1.3, "frequency": 0.4, "presence": 0.6},
    {"repetition": 0.8, "frequency": -0.5, "temperature": 1.2, "top_p": 0.7},
    {"bias": {1: 1.25}, "repetition": 1.1, "presence": 1.0, "temperature": 0.9, "top_k": 4, "min_p": 0.02},
]


class TooNear(Exception):
    pass


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def chain(raw, parameters, prompt, output):
    logits = raw.astype(np.float64).copy()
    size = len(logits)
    exact = True
    for i, bias in parameters.get("bias", {}).items():
        if i < size:
            logits[i] += bias
            exact = False
    seen = sorted({i for i in prompt + output if i < size})
    if "repetition" in parameters:
        for i in seen:
            logits[i] = logits[i] * parameters["repetition"] if logits[i] < 0 else logits[i] / parameters["repetition"]
            exact = False
    for i in sorted(set(output)):
        if i < size:
            count = output.count(i)
            exact = exact and not ("frequency" in parameters or "presence" in parameters)
            logits[i] -= parameters.get("frequency", 0) * count
            logits[i] -= parameters.get("presence", 0)
    if np.abs(logits[np.isfinite(logits)]).max() > np.finfo(np.float32).max:
        raise TooNear  # Beyond the range of a float.
    temperature = parameters.get("temperature", 1)
    with np.errstate(over="ignore"):
        if temperature != 1:
            logits = (logits - logits.max()) / temperature
            logits[logits < -3e38] = NEG
    ids = [int(i) for i in np.lexsort((np.arange(size), -logits)) if logits[i] > NEG]
    tied = False

    def boundary(kept, rest):
        # Two neighbours that single precision may swap; equal raw logits are a real tie.
        nonlocal tied
        a, b = logits[kept], logits[rest]
        if a == b and (exact or raw[kept] == raw[rest]):
            tied = True
        elif a - b <= 1e-6 * max(1, abs(a)):
            raise TooNear

    if "top_k" in parameters or "top_p" in parameters:
        for a, b in zip(ids, ids[1:]):
            boundary(a, b)  # The order itself must be clear.
    tied = False
    if "top_k" in parameters and parameters["top_k"] < len(ids):
        boundary(ids[parameters["top_k"] - 1], ids[parameters["top_k"]])
        ids = ids[: parameters["top_k"]]
    if "top_p" in parameters:
        mass = np.cumsum(softmax(logits[ids]))
        count = int(np.searchsorted(mass, parameters["top_p"])) + 1
        count = min(count, len(ids))
        # A share that is reached exactly would be a matter of the last bit.
        for near in mass:
            if abs(near - parameters["top_p"]) < 1e-7:
                raise TooNear
        if count < len(ids):
            boundary(ids[count - 1], ids[count])
        ids = ids[:count]
    if "min_p" in parameters:
        threshold = logits[ids[0]] + math.log(parameters["min_p"])
        for i in ids:
            if 0 < abs(logits[i] - threshold) < 1e-6 * max(1, abs(threshold)):
                raise TooNear
        ids = [i for i in ids if logits[i] >= threshold]
    return sorted(ids), softmax(logits)[sorted(ids)] / softmax(logits)[sorted(ids)].sum(), tied


def check(raw, parameters, prompt, output, survivors):
    """The same through transformers; it has neither bias by id nor the penalties on the output alone."""
    import torch
    from transformers.generation import logits_process as hf

    if any(k in parameters for k in ("bias", "frequency", "presence")):
        return False
    scores = torch.tensor(raw[None].astype(np.float32))
    ids = torch.tensor([[i for i in prompt + output if i < len(raw)]], dtype=torch.long)
    if "repetition" in parameters:
        scores = hf.RepetitionPenaltyLogitsProcessor(parameters["repetition"])(ids, scores)
    if "temperature" in parameters:
        if float(np.abs(raw[np.isfinite(raw)]).max()) / parameters["temperature"] > 1e38:
            return False  # It divides without subtracting the maximum, and overflows.
        scores = hf.TemperatureLogitsWarper(parameters["temperature"])(ids, scores)
    if "top_k" in parameters:
        scores = hf.TopKLogitsWarper(parameters["top_k"])(ids, scores)
    if "top_p" in parameters:
        scores = hf.TopPLogitsWarper(parameters["top_p"])(ids, scores)
    if "min_p" in parameters:
        scores = hf.MinPLogitsWarper(parameters["min_p"])(ids, scores)
    found = [int(i) for i in torch.nonzero(scores[0] > -float("inf")).flatten()]
    assert found == survivors, (raw, parameters, found, survivors)
    return True


MASK = (1 << 64) - 1
PHI = 0x9E3779B97F4A7C15


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def noise(seed, choice, position, token):
    key = mix(seed + PHI & MASK)
    for part in (choice, position, token):
        key = mix(key + PHI * (part + 1) & MASK)
    u = ((key >> 12) + 0.5) * 2.0**-52
    return key, -math.log(-math.log(u))


def main():
    rng = np.random.default_rng(SEED)
    result = {"vectors": [], "cases": [], "noise": []}
    skipped = compared = 0
    for name, values in vectors(rng):
        raw = np.array(values, dtype=np.float32)
        finite = raw.astype(np.float64)
        with np.errstate(divide="ignore"):
            logprobs = finite - finite.max() - math.log(np.exp(finite - finite.max()).sum())
        index = len(result["vectors"])
        result["vectors"].append({
            "name": name,
            "logits": [None if v == NEG else float(v) for v in raw],
            "logprobs": [None if v == NEG else float(v) for v in logprobs],
        })
        prompt, output = [0, 2, 2, 5], [1, 1, 2, 4]
        for parameters in PARAMETERS:
            try:
                with np.errstate(under="ignore"):
                    survivors, probabilities, tied = chain(raw, parameters, prompt, output)
            except TooNear:
                skipped += 1
                continue
            if "--check" in sys.argv and not tied:
                compared += check(raw, parameters, prompt, output, survivors)
            result["cases"].append({
                "vector": index, "parameters": {k: ({str(i): b for i, b in v.items()} if k == "bias" else v)
                                                for k, v in parameters.items()},
                "prompt": prompt, "output": output, "survivors": survivors,
                "probabilities": [float(f"{p:.12g}") for p in probabilities],
            })
    for seed in (0, 1, 42, 2**63, MASK):
        for choice, position, token in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (7, 1023, 151642), (127, 10**6, 50256)):
            bits, gumbel = noise(seed, choice, position, token)
            result["noise"].append({"seed": str(seed), "choice": choice, "position": position, "id": token,
                                    "bits": str(bits), "gumbel": gumbel})
    json.dump(result, sys.stdout)
    print()
    print(f"{len(result['cases'])} cases, {skipped} too near, {compared} compared with transformers", file=sys.stderr)


main()
