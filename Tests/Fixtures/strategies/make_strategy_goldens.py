#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What transformers finds with its decoding strategies on the tiny checkpoint models/qwen2-chat.

    python make_strategy_goldens.py      # once with transformers 5 and once with 4.51

Each version writes the strategies that it has into strategy-goldens.json and leaves the others as they are: beam search
and classifier-free guidance come from transformers 5; diverse beam search, contrastive search and DoLa, which
transformers 5 has no more, from transformers 4. Each case names the version that made it.

The length norms that transformers has not got are put in place of its own in the source of its beam search: all else
stays as it is.
"""

import inspect
import json
import math
import pathlib
import textwrap

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.generation import utils

HERE = pathlib.Path(__file__).parent
MODEL = HERE.parent / "models/qwen2-chat/huggingface"
OUT = HERE / "strategy-goldens.json"
VERSION = transformers.__version__
IS_5 = VERSION.startswith("5.")

torch.set_num_threads(1)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval() \
    if IS_5 else \
    AutoModelForCausalLM.from_pretrained(MODEL, torch_dtype=torch.float32, attn_implementation="eager").eval()
# No settings but those of a case
model.generation_config = GenerationConfig()
V = model.config.vocab_size


def prompt(seed, count):
    return np.random.default_rng(seed).integers(3, V, count).tolist()


def run(case, **settings):
    """Generates with `case` and adds what came out."""
    ends = case.get("ends", [])
    config = GenerationConfig(
        max_new_tokens=case["max_tokens"], do_sample=False, pad_token_id=0, bos_token_id=None,
        eos_token_id=ends or None, return_dict_in_generate=True, output_scores=True, **settings)
    ids = torch.tensor([case["prompt"]])
    extra = {}
    if case.get("negative_prompt"):
        extra["negative_prompt_ids"] = torch.tensor([case["negative_prompt"]])
    with torch.no_grad():
        out = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config, **extra)
    case["version"] = VERSION
    case["sequences"] = []
    for row in out.sequences.tolist():
        row = row[len(case["prompt"]):]
        stop = next((i for i, token in enumerate(row) if token in ends), None)
        case["sequences"].append(row if stop is None else row[:stop + 1])
    if getattr(out, "sequences_scores", None) is not None:
        case["scores"] = [round(score, 6) for score in out.sequences_scores.tolist()]
    return case


# Beam search

def with_norm(kind, ends):
    """transformers' beam search with another divisor."""
    finished = textwrap.dedent(inspect.getsource(utils.GenerationMixin._update_finished_beams))
    stop = textwrap.dedent(inspect.getsource(utils.GenerationMixin._check_early_stop_heuristic))
    old = "((cur_len + 1 - decoder_prompt_len) ** length_penalty)"
    assert finished.count(old) == 1
    finished = finished.replace(old, "norm(cur_len + 1, decoder_prompt_len, length_penalty, topk_running_sequences)")
    old = "(best_hypothetical_length**length_penalty)"
    assert stop.count(old) == 1
    stop = stop.replace(old, "norm(best_hypothetical_length + decoder_prompt_len, decoder_prompt_len, length_penalty)")
    stop = stop.replace("@staticmethod\n", "")

    def norm(length, start, alpha, sequences=None):
        if kind == "gnmt":
            return ((5 + length - start) / 6) ** alpha
        count = torch.tensor([length], dtype=torch.float32)
        if sequences is not None:
            last = sequences[:, :, length - 1]
            count = length - torch.isin(last, torch.tensor(ends)).to(torch.float32)
        return count ** alpha

    scope = dict(vars(utils), norm=norm)
    exec(finished, scope)
    exec(stop, scope)
    return scope["_update_finished_beams"], staticmethod(scope["_check_early_stop_heuristic"])


def beam(seed, width, norm="generated", alpha=1.0, stopping=False, n=1, **more):
    case = {
        "prompt": prompt(seed, 3 + seed % 6), "max_tokens": more.pop("max_tokens", 12), "width": width,
        "length_norm": norm, "length_penalty": alpha, "early_stopping": stopping, "n": n,
        "ends": prompt(100 + seed, more.pop("ends", 12)),
    }
    settings = {"num_beams": width, "length_penalty": alpha, "early_stopping": stopping, "num_return_sequences": n}
    for name in ("repetition_penalty", "no_repeat_ngram_size", "min_new_tokens"):
        if name in more:
            case[name] = settings[name] = more.pop(name)
    assert not more, more
    if norm == "generated":
        return run(case, **settings)
    kept = utils.GenerationMixin.__dict__["_update_finished_beams"], \
        utils.GenerationMixin.__dict__["_check_early_stop_heuristic"]
    changed = with_norm(norm, case["ends"])
    utils.GenerationMixin._update_finished_beams, utils.GenerationMixin._check_early_stop_heuristic = changed
    try:
        return run(case, **settings)
    finally:
        utils.GenerationMixin._update_finished_beams, utils.GenerationMixin._check_early_stop_heuristic = kept


def beams():
    cases = []
    for seed in range(6):
        cases.append(beam(seed, 2 + seed % 4, n=1 + seed % 2))
        for stopping in (False, True, "never"):
            for alpha in (0.0, 0.6, 2.0, -1.0):
                cases.append(beam(seed, 3, alpha=alpha, stopping=stopping, n=3))
    for seed in range(6, 12):
        for norm in ("sequence", "gnmt"):
            for alpha in (0.6, 1.5):
                cases.append(beam(seed, 4, norm=norm, alpha=alpha, stopping=[False, True, "never"][seed % 3], n=2))
        cases.append(beam(seed, 4, n=4, ends=0, max_tokens=9))
        cases.append(beam(seed, 4, n=2, ends=3, repetition_penalty=1.4))
        cases.append(beam(seed, 3, n=2, ends=3, no_repeat_ngram_size=2, max_tokens=20))
        cases.append(beam(seed, 3, n=2, ends=20, min_new_tokens=5))
    cases.append(beam(20, 1 + 15, n=16, ends=20))
    return cases


# Guidance

def guided():
    cases = []
    for seed in range(8):
        case = {"prompt": prompt(seed, 2 + seed), "max_tokens": 12, "scale": [1.5, 3.0, 0.5, 7.0][seed % 4]}
        if seed % 3:
            case["negative_prompt"] = prompt(50 + seed, 1 + seed)
        if seed % 3 == 2:
            case["negative_prompt"] = case["prompt"][:2] + case["negative_prompt"]
        if seed > 5:
            case["repetition_penalty"] = 1.3
        cases.append(run(case, guidance_scale=case["scale"], **(
            {"repetition_penalty": 1.3} if seed > 5 else {})))
    return cases


# What only transformers 4 has

def diverse():
    cases = []
    for seed in range(10):
        groups, width = [(2, 4), (3, 6), (4, 4), (2, 6), (5, 5)][seed % 5]
        case = {
            "prompt": prompt(seed, 4 + seed % 5), "max_tokens": 8, "width": width, "groups": groups,
            "diversity_penalty": [0.5, 1.0, 3.0][seed % 3], "length_penalty": [1.0, 0.5][seed % 2], "n": width // 2,
            "ends": [], "early_stopping": True,
        }
        cases.append(run(
            case, num_beams=width, num_beam_groups=groups, diversity_penalty=case["diversity_penalty"],
            length_penalty=case["length_penalty"], num_return_sequences=case["n"], early_stopping=True))
    return cases


def contrastive():
    cases = []
    for seed in range(8):
        case = {
            "prompt": prompt(seed, 1 + 5 * seed), "max_tokens": 12, "top_k": [4, 2, 6, 8][seed % 4],
            "penalty_alpha": [0.6, 0.3, 0.9, 1.0][seed % 4 if seed < 4 else 0], "ends": prompt(100 + seed, 3),
        }
        more = {"repetition_penalty": 1.2} if seed == 5 else {}
        case |= more
        cases.append(run(case, penalty_alpha=case["penalty_alpha"], top_k=case["top_k"], **more))
    return cases


def dola():
    cases = []
    layers = model.config.num_hidden_layers
    for seed in range(8):
        case = {
            "prompt": prompt(seed, 3 + seed), "max_tokens": 12,
            "dola_layers": ["low", "high", [0], list(range(layers))][seed % 4],
        }
        more = {"repetition_penalty": 1.2} if seed > 3 else {}
        case |= more
        cases.append(run(case, dola_layers=case["dola_layers"], **more))
    return cases


def layers():
    """What DoLa makes of rows of logits; null is minus infinity."""
    cases = []
    for seed in range(12):
        rng = np.random.default_rng(300 + seed)
        count = 1 + seed % 5
        mature = rng.standard_normal(24) * 3
        rows = [np.round(mature * 0.5 + rng.standard_normal(24) * (1 + index % 3), 3) for index in range(count)]
        mature = np.round(mature, 3)
        tensors = {index: torch.tensor(row, dtype=torch.float32)[None] for index, row in enumerate(rows)}
        with torch.no_grad():
            out = utils._dola_select_contrast(
                list(range(count)), tensors, torch.tensor(mature, dtype=torch.float32)[None])[0]
        cases.append({
            "mature": mature.tolist(), "premature": [row.tolist() for row in rows],
            "contrasted": [round(value, 5) if math.isfinite(value) else None for value in out.tolist()],
            "version": VERSION})
    return cases


sections = {"beam": beams, "guided": guided} if IS_5 else \
    {"diverse": diverse, "contrastive": contrastive, "dola": dola, "layers": layers}
goldens = json.loads(OUT.read_text()) if OUT.exists() else {}
for name, make in sections.items():
    goldens[name] = make()
lines = []
for name in sorted(goldens):
    cases = ",\n  ".join(json.dumps(case) for case in goldens[name])
    lines.append(f' {json.dumps(name)}: [\n  {cases}\n ]')
OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
