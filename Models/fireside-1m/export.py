#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a trained run as GGUF and says what the written weights lose on held-out text.

    python export.py --run RUN --type Q8_0 --out fireside-1m.gguf

Rows of query and key are interleaved, as the `llama` architecture of GGUF wants them.
"""

import argparse
import json
import math
import pathlib

import gguf
import numpy as np
import torch

from corpus import END
from model import Config, Llama
from train import evaluate, load

OUTER = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}


def interleave(weight, heads):
    """Rotated pairs, halves of a head apart, become neighbours."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def tensors(state, config):
    """Name in GGUF, weight, heads to interleave by (or none)."""
    kv = config.kv_heads * config.head
    for name, weight in state.items():
        if name in OUTER:
            yield OUTER[name], weight, None
            continue
        _, layer, part, _ = name.split(".")
        at = f"blk.{layer}."
        if part == "qkv":
            q, k, v = weight.split((config.width, kv, kv))
            yield at + "attn_q.weight", q, config.heads
            yield at + "attn_k.weight", k, config.kv_heads
            yield at + "attn_v.weight", v, None
        elif part == "gate_up":
            gate, up = weight.chunk(2)
            yield at + "ffn_gate.weight", gate, None
            yield at + "ffn_up.weight", up, None
        else:
            yield at + {"down": "ffn_down"}.get(part, part) + ".weight", weight, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--type", default="Q8_0", choices=("F32", "F16", "Q8_0"))
    parser.add_argument("--name", default="fireside-1m")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    run = pathlib.Path(args.run)
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    config, state = Config(**saved["config"]), saved["model"]
    spelling = json.loads((run / "tokenizer.json").read_text())["model"]
    pieces = [piece for piece, _ in sorted(spelling["vocab"].items(), key=lambda item: item[1])]
    end = spelling["vocab"][END]
    kind = gguf.GGMLQuantizationType[args.type]

    part = args.out + ".part"
    out = gguf.GGUFWriter(part, "llama")
    out.add_name(args.name)
    out.add_description("Small storyteller trained from scratch on public-domain children's books")
    out.add_license("Apache-2.0")
    out.add_languages(["en"])
    out.add_vocab_size(config.vocabulary)
    out.add_context_length(config.context)
    out.add_embedding_length(config.width)
    out.add_block_count(config.layers)
    out.add_feed_forward_length(config.feed_forward)
    out.add_head_count(config.heads)
    out.add_head_count_kv(config.kv_heads)
    out.add_rope_dimension_count(config.head)
    out.add_rope_freq_base(config.rope_base)
    out.add_layer_norm_rms_eps(config.epsilon)
    out.add_file_type({
        "F32": gguf.LlamaFileType.ALL_F32, "F16": gguf.LlamaFileType.MOSTLY_F16,
        "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    }[args.type])
    out.add_quantization_version(2)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(pieces)
    out.add_token_types([gguf.TokenType.CONTROL if p == END else gguf.TokenType.NORMAL for p in pieces])
    out.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in spelling["merges"]])
    out.add_bos_token_id(end)
    out.add_eos_token_id(end)
    out.add_add_bos_token(True)  # every document of the training text begins with it

    written = {}
    for name, weight, heads in tensors(state, config):
        data = weight.float().numpy()
        if data.ndim == 1 or args.type == "F32":
            stored, back = data.astype(np.float32), data
            out.add_tensor(name, interleave(stored, heads) if heads else stored)
        else:
            stored = gguf.quants.quantize(interleave(data, heads) if heads else data, kind)
            out.add_tensor(name, stored, raw_dtype=kind)
            back = gguf.quants.dequantize(gguf.quants.quantize(data, kind), kind)
        written[name] = torch.from_numpy(np.ascontiguousarray(back))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    pathlib.Path(part).replace(args.out)

    # put the stored weights back into the model and measure them
    parts = {"qkv": ("attn_q", "attn_k", "attn_v"), "gate_up": ("ffn_gate", "ffn_up"), "down": ("ffn_down",)}
    restored = {}
    for name in state:
        if name in OUTER:
            restored[name] = written[OUTER[name]]
            continue
        _, layer, inner, _ = name.split(".")
        restored[name] = torch.cat([written[f"blk.{layer}.{p}.weight"] for p in parts.get(inner, (inner,))])
    model = Llama(config)
    corpus = json.loads((run / "corpus.json").read_text())
    report = {"file": args.out, "bytes": pathlib.Path(args.out).stat().st_size, "trained": saved["facts"]}
    for label, weights in (("float32", state), (args.type, restored)):
        model.load_state_dict(weights)
        for held in ("val", "unseen"):
            loss = evaluate(model, load(run, held), config.context)
            bits = loss / math.log(2) * corpus[held]["tokens"] / corpus[held]["bytes"]
            report[f"{held} {label}"] = {"nats per token": round(loss, 4), "bits per byte": round(bits, 4)}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
