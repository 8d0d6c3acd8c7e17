#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What transformers' WatermarkDetector says of texts with and without a mark; the version stands in the file.

    python make_watermark_goldens.py
"""

import json
import pathlib
from types import SimpleNamespace

import numpy as np
import torch
import transformers
from transformers import WatermarkDetector, WatermarkingConfig
from transformers.generation import WatermarkLogitsProcessor

OUT = pathlib.Path(__file__).parent / "watermark-goldens.json"
torch.set_num_threads(1)
cases = []
for seed in range(16):
    rng = np.random.default_rng(seed)
    size = [64, 303, 1000, 4096][seed % 4]
    ratio, key = [(0.25, 15485863), (0.5, 2**64 - 2), (0.1, 7)][seed % 3]
    config = WatermarkingConfig(greenlist_ratio=ratio, bias=2.0, hashing_key=key, seeding_scheme="lefthash")
    count = [2, 9, 60, 200][seed // 4]
    if seed % 2:  # a marked text: draws from noise with the bias added
        processor = WatermarkLogitsProcessor(vocab_size=size, device="cpu", **config.to_dict())
        ids = [int(rng.integers(3, size))]
        while len(ids) < count:
            noise = torch.tensor(rng.gumbel(size=(1, size)), dtype=torch.float32)
            ids.append(int(processor(torch.tensor([ids]), noise)[0].argmax()))
    else:
        ids = rng.integers(3, size, count).tolist()
        ids[count // 2:count // 2 + count // 4] = ids[:count // 4]
    for ignore in (False, True):
        detector = WatermarkDetector(
            SimpleNamespace(vocab_size=size, bos_token_id=1, is_encoder_decoder=False), "cpu", config,
            ignore_repeated_ngrams=ignore)
        found = detector(torch.tensor([ids]), return_dict=True)
        cases.append({
            "vocabulary": size, "ratio": ratio, "key": str(key), "ids": ids, "ignore_repeated": ignore,
            "scored": int(found.num_tokens_scored[0]), "green": int(found.num_green_tokens[0]),
            "z": float(found.z_score[0]), "p": float(found.p_value[0]), "prediction": bool(found.prediction[0])})
lines = ",\n  ".join(json.dumps(case) for case in cases)
OUT.write_text(f'{{"version": "{transformers.__version__}", "cases": [\n  {lines}\n]}}\n')
