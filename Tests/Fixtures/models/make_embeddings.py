#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes embeddings.json: for one checkpoint of each family and for some texts, the mean over positions of transformers'
last hidden state, which is that after the last norm.

    python make_embeddings.py        # after make_models.py, from whose folders it reads
"""

import json
import pathlib

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = pathlib.Path(__file__).parent
FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gpt2"]
TEXTS = ["wet", "The king said to his daughter.", "Grüße 世界", "a " * 50]


def embedding(model, ids):
    with torch.no_grad():
        states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0]
    return states.double().mean(dim=0).tolist()


def load(name):
    return AutoModelForCausalLM.from_pretrained(
        HERE / name / "huggingface", dtype=torch.float32, attn_implementation="eager").eval()


def main():
    index = {entry["name"]: entry for entry in json.loads((HERE / "index.json").read_text())}
    document = {"models": {name: embedding(load(name), index[name]["ids"]) for name in FAMILIES}, "texts": []}
    model, tokenizer = load("qwen2-chat"), AutoTokenizer.from_pretrained(HERE / "qwen2-chat/huggingface")
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        document["texts"].append({"text": text, "ids": ids, "embedding": embedding(model, ids)})
    (HERE / "embeddings.json").write_text(json.dumps(document) + "\n")


main()
