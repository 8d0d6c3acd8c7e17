#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes llama-architecture GGUF files of random weights: the speed of a trained model of that shape, no meaning.

    python make_models.py --out FOLDER [--only stories15M-F32,smol135M-Q8_0] [--temper PROGRAM]

What is written depends on shape, type and seed only. Weights of every type are rounded from the same floats; those of
Q4_K_M by `temper quantize`, from F16.
"""

import argparse
import dataclasses
import pathlib
import subprocess

import gguf
import numpy as np


@dataclasses.dataclass(frozen=True)
class Shape:
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    rope_base: float
    context: int = 2048


SHAPES = {
    "stories15M": Shape(288, 6, 6, 6, 768, 32000, 10000.0),
    "smol135M": Shape(576, 30, 9, 3, 1536, 49152, 100000.0),
    "llama160M": Shape(768, 12, 12, 12, 3072, 32000, 10000.0),
    "qwen0.5B": Shape(896, 24, 14, 2, 4864, 151936, 1000000.0),
    "tiny1.1B": Shape(2048, 22, 32, 4, 5632, 32000, 10000.0),
}
FILES = ("stories15M-F32", "stories15M-F16", "stories15M-Q8_0", "smol135M-F16", "smol135M-Q8_0", "smol135M-Q4_0",
         "llama160M-Q4_K_M")
SPACE = "\u2581"


def vocabulary(size):
    """A SentencePiece vocabulary: unk, bos, eos, 256 bytes, then numbered pieces that plain text never meets."""
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL] + [gguf.TokenType.BYTE] * 256
    pieces += [f"{SPACE}w{number}" for number in range(size - len(pieces))]
    kinds += [gguf.TokenType.NORMAL] * (size - len(kinds))
    scores = [0.0] * 259 + [-float(number) for number in range(size - 259)]
    return pieces, scores, kinds


def write(name, path, seed):
    label, type_name = name.rsplit("-", 1)
    shape, kind = SHAPES[label], gguf.GGMLQuantizationType[type_name]
    head = shape.width // shape.heads
    out = gguf.GGUFWriter(path, "llama")
    out.add_name(f"{name} (random weights)")
    out.add_vocab_size(shape.vocabulary)
    out.add_context_length(shape.context)
    out.add_embedding_length(shape.width)
    out.add_block_count(shape.layers)
    out.add_feed_forward_length(shape.feed_forward)
    out.add_head_count(shape.heads)
    out.add_head_count_kv(shape.kv_heads)
    out.add_rope_dimension_count(head)
    out.add_rope_freq_base(shape.rope_base)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_file_type({
        "F32": gguf.LlamaFileType.ALL_F32, "F16": gguf.LlamaFileType.MOSTLY_F16,
        "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
    }[type_name])
    pieces, scores, kinds = vocabulary(shape.vocabulary)
    out.add_tokenizer_model("llama")
    out.add_tokenizer_pre("default")
    out.add_token_list(pieces)
    out.add_token_scores(scores)
    out.add_token_types(kinds)
    out.add_unk_token_id(0)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_add_bos_token(True)

    rng = np.random.default_rng(seed)

    def matrix(tensor, rows, columns, scale):
        data = rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(scale)
        out.add_tensor(tensor, gguf.quants.quantize(data, kind), raw_dtype=kind)

    def ones(tensor):
        out.add_tensor(tensor, np.ones(shape.width, dtype=np.float32))

    # residual branches are scaled down with depth, so that activations keep their size
    inward, deep = shape.width**-0.5, (2 * shape.layers) ** -0.5
    kv = shape.kv_heads * head
    matrix("token_embd.weight", shape.vocabulary, shape.width, 1.0)
    for layer in range(shape.layers):
        at = f"blk.{layer}."
        ones(at + "attn_norm.weight")
        matrix(at + "attn_q.weight", shape.width, shape.width, inward)
        matrix(at + "attn_k.weight", kv, shape.width, inward)
        matrix(at + "attn_v.weight", kv, shape.width, inward)
        matrix(at + "attn_output.weight", shape.width, shape.width, inward * deep)
        ones(at + "ffn_norm.weight")
        matrix(at + "ffn_gate.weight", shape.feed_forward, shape.width, inward)
        matrix(at + "ffn_up.weight", shape.feed_forward, shape.width, inward)
        matrix(at + "ffn_down.weight", shape.width, shape.feed_forward, shape.feed_forward**-0.5 * deep)
    ones("output_norm.weight")
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def ensure(folder, names, temper=None, seed=42):
    """Paths of the named files, each written if it is not there; `temper` is the program that makes Q4_K_M."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in names:
        path = folder / f"{name}.gguf"
        if not path.exists():
            part = path.with_suffix(".part")
            label, type_name = name.rsplit("-", 1)
            if type_name == "Q4_K_M":
                [source] = ensure(folder, [f"{label}-F16"], seed=seed)
                subprocess.run([temper, "quantize", source, part, "--type", "q4_k_m"], check=True)
            else:
                write(name, part, seed)
            part.replace(path)
        paths.append(path)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", default=",".join(FILES))
    parser.add_argument("--temper", default="temper", help="the program")
    args = parser.parse_args()
    for path in ensure(args.out, args.only.split(","), args.temper):
        print(f"{path}  {path.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
