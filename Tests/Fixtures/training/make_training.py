#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gradients and training runs that PyTorch + transformers compute for the tiny checkpoints in ../models.

    python make_training.py          # writes beside itself; README.md says what is here and what made it
"""

import json
import pathlib

import numpy as np
import torch
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent / "models"
NAMES = [
    "llama", "llama-tied", "llama-rope-llama3", "llama-rope-linear", "llama-rope-yarn", "mistral", "qwen2", "qwen3",
    "gpt2",
]
# Documents of these lengths (of tokens read) are packed one after the other; positions restart.
LENGTHS = [13, 1, 21, 9]
VOCABULARY = 96
STEPS = 20
LLAMA_NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
GPT2_NAMES = {
    "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
}
OUTER = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight", "transformer.wte.weight": "token_embd.weight",
    "transformer.wpe.weight": "position_embd.weight", "transformer.ln_f.weight": "output_norm.weight",
    "transformer.ln_f.bias": "output_norm.bias",
}


def canonical(name):
    if name in OUTER:
        return OUTER[name]
    fields = name.split(".")
    table = LLAMA_NAMES if fields[0] == "model" else GPT2_NAMES
    return f"blk.{fields[2]}.{table['.'.join(fields[3:-1])]}.{fields[-1]}"


def make_documents(seed):
    """Documents with weights: most tokens labelled, some masked, a few with another weight."""
    rng = np.random.default_rng(seed)
    documents = []
    for length in LENGTHS:
        tokens = rng.integers(0, VOCABULARY, length + 1)
        weights = np.ones(length, dtype=np.float32)
        weights[rng.random(length) < 0.3] = 0
        weights[rng.random(length) < 0.2] = 0.5
        documents.append((tokens.tolist(), weights.tolist()))
    return documents


def loss_of(model, documents):
    """Mean over the weight of all documents, each run by itself."""
    total, weight = 0.0, 0.0
    for tokens, weights in documents:
        ids = torch.tensor([tokens[:-1]])
        logits = model(ids, use_cache=False).logits[0]
        losses = torch.nn.functional.cross_entropy(logits, torch.tensor(tokens[1:]), reduction="none")
        w = torch.tensor(weights, dtype=losses.dtype)
        total = total + (losses * w).sum()
        weight += sum(weights)
    return total / weight


def load(name, dtype):
    return AutoModelForCausalLM.from_pretrained(
        MODELS / name / "huggingface", dtype=dtype, attn_implementation="eager").eval()


def gradients(name):
    """Every gradient in double precision, in canonical names and shapes [outputs, inputs]."""
    model = load(name, torch.float64)
    documents = make_documents(7)
    loss = loss_of(model, documents)
    loss.backward()
    tensors, values = [], []
    for theirs, parameter in model.named_parameters():
        gradient = parameter.grad.numpy()
        if ".attn.c_" in theirs or ".mlp.c_" in theirs:
            gradient = gradient.T if gradient.ndim == 2 else gradient
        tensors.append({"name": canonical(theirs), "shape": list(gradient.shape)})
        values.append(np.ascontiguousarray(gradient, dtype="<f4").reshape(-1))
    return documents, float(loss), tensors, np.concatenate(values)


def run(name):
    """Losses and gradient norms of some steps of AdamW with warm-up and clipping."""
    model = load(name, torch.float32)
    decayed, others = [], []
    for theirs, parameter in model.named_parameters():
        is_embedding = any(part in theirs for part in ("embed", "wte", "wpe"))
        (decayed if parameter.dim() > 1 and not is_embedding else others).append(parameter)
    peak, warmup = 3e-3, 5
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=peak, betas=(0.9, 0.95), eps=1e-8)
    losses, norms = [], []
    for step in range(STEPS):
        # Two batches in turn, so that the loss falls by learning and not by chance of the draw.
        documents = make_documents(100 + step % 2)
        for group in optimizer.param_groups:
            group["lr"] = peak * min((step + 1) / warmup, 1)
        optimizer.zero_grad()
        loss = loss_of(model, documents)
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimizer.step()
        losses.append(float(loss))
    return {
        "name": name, "peak": peak, "warmup": warmup, "clip": 1.0, "weight_decay": 0.1,
        "batches": [make_documents(100), make_documents(101)],
        "losses": losses, "norms": norms,
    }


def main():
    torch.set_num_threads(1)
    entries = []
    for name in NAMES:
        documents, loss, tensors, values = gradients(name)
        entry = {"name": name, "documents": documents, "loss": loss, "tensors": tensors}
        (HERE / f"{name}.f32").write_bytes(values.tobytes())
        entries.append(entry)
    index = {"gradients": entries, "runs": [run("llama-tied"), run("gpt2")]}
    (HERE / "index.json").write_text(json.dumps(index) + "\n")


if __name__ == "__main__":
    main()
