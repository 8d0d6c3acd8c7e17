# SPDX-License-Identifier: Apache-2.0
"""Writes <TYPE>.blocks and <TYPE>.floats beside itself: blocks as they stand in a GGUF file, and what the gguf package
dequantizes them to (little-endian float32). Half of the blocks are random bytes with finite scales, the rest, where the
package can quantize, come from random rows with zeros, a constant and outliers among them.

Usage: python generate.py     (needs numpy and gguf; made with gguf 0.19)
"""

from pathlib import Path

import gguf
import numpy as np

HERE = Path(__file__).parent
# Where the float16 scales and minima stand in a block.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "F16": [], "BF16": [],
}
CAN_QUANTIZE = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "F16", "BF16"]


def random_blocks(rng, name, kind):
    size, stride = gguf.GGML_QUANT_SIZES[kind]
    count = max(4, 512 // size)
    blocks = rng.integers(0, 256, (count, stride), dtype=np.uint8)
    for at in HALVES[name]:
        scales = rng.normal(0, 0.05, count).astype(np.float16)
        scales[:2] = np.float16(0), np.float16(6e-8)  # zero and the smallest subnormal
        blocks[:, at:at + 2] = scales.view(np.uint8).reshape(count, 2)
    if name == "F16":
        values = blocks.view(np.uint16)
        values[(values & 0x7c00) == 0x7c00] ^= 0x4000
        values[:4] = [[0x0001], [0x83ff], [0x8000], [0x7bff]]  # subnormals, minus zero, the greatest
    if name == "BF16":
        values = blocks.view(np.uint16)
        values[(values & 0x7f80) == 0x7f80] ^= 0x4000
        values[:3] = [[0x0001], [0x8000], [0x7f7f]]
    return blocks.reshape(-1)


def quantized_rows(rng, kind):
    rows = rng.normal(0, 1, (8, 32)).astype(np.float32)
    rows[0] = 0
    rows[1] = 0.75
    rows[2, 5] = 40
    rows[3] *= 1e-6
    return gguf.quantize(rows, kind).reshape(-1)


def main():
    for number, name in enumerate(HALVES):
        rng = np.random.default_rng(1000 + number)
        kind = gguf.GGMLQuantizationType[name]
        blocks = random_blocks(rng, name, kind)
        if name in CAN_QUANTIZE:
            blocks = np.concatenate([blocks, quantized_rows(rng, kind).view(np.uint8)])
        floats = gguf.dequantize(blocks.reshape(1, -1), kind).astype("<f4")
        assert np.isfinite(floats).all()
        (HERE / f"{name}.blocks").write_bytes(blocks.tobytes())
        (HERE / f"{name}.floats").write_bytes(floats.tobytes())


main()
