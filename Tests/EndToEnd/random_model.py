# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of random weights in any size, made when they are needed: for answers that take as long, and get as long, as a
test wants."""

import json
import random
import shutil
import struct

from support import CHAT_FOLDER

# The high byte of a bfloat16 with this byte's last bit as its sign: from 2^-7 to 2^-5 in size, whatever the low byte is.
_HIGH = bytes(0x3C | (byte & 1) << 7 for byte in range(256))
_ONE = b"\x80\x3f"


def write_random_model(folder, *, width, layers, context, heads=4, seed=1):
    """A Qwen2 checkpoint with the chat fixture's vocabulary in `folder`, which is returned. It has about
    12 * layers * width ** 2 parameters of two bytes."""
    draw = random.Random(seed)
    head = width // heads
    shapes = {"model.embed_tokens.weight": (303, width), "model.norm.weight": (width,)}
    for layer in range(layers):
        start = f"model.layers.{layer}."
        for name, rows in {"q": width, "k": head, "v": head}.items():
            shapes[f"{start}self_attn.{name}_proj.weight"] = (rows, width)
            shapes[f"{start}self_attn.{name}_proj.bias"] = (rows,)
        shapes[f"{start}self_attn.o_proj.weight"] = (width, width)
        for name, shape in {"gate": (3 * width, width), "up": (3 * width, width), "down": (width, 3 * width)}.items():
            shapes[f"{start}mlp.{name}_proj.weight"] = shape
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{start}{name}.weight"] = (width,)
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, entry in header.items():
            size = entry["data_offsets"][1] - entry["data_offsets"][0]
            if "norm" in name:
                file.write(_ONE * (size // 2))
                continue
            values = bytearray(draw.randbytes(size))
            values[1::2] = values[1::2].translate(_HIGH)
            file.write(values)
    config = json.loads((CHAT_FOLDER / "config.json").read_text()) | {
        "hidden_size": width, "intermediate_size": 3 * width, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": 1, "max_position_embeddings": context, "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(CHAT_FOLDER / name, folder / name)
    return folder
