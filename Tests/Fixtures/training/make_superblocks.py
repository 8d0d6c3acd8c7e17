#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes superblocks.json: floats (as hexadecimal little-endian binary32) and what ggml's quantizer makes of them in
block types of 256 numbers, and in Q5_0. Made with llama-cpp-python 0.3.36 (its libggml-base) and numpy 2."""

import ctypes
import json
import pathlib

import llama_cpp
import numpy

library = ctypes.CDLL(str(pathlib.Path(llama_cpp.__file__).parent / "lib/libggml-base.so"))
library.ggml_quantize_chunk.restype = ctypes.c_size_t
library.ggml_quantize_chunk.argtypes = [
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
TYPES = {"Q5_0": 6, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14}

generator = numpy.random.default_rng(6)
values = generator.normal(size=(8, 256)).astype(numpy.float32)
values[1] *= 1e-3
values[2] *= 2e4
values[3, 40:] = 0
values[4] = numpy.abs(values[4])
values[5] = -numpy.abs(values[5]) - 1
values[6] = 0.25
values[7, ::32] *= 50
result = {"floats": values.tobytes().hex()}
for name, kind in TYPES.items():
    output = (ctypes.c_uint8 * (4 * values.size))()
    count = library.ggml_quantize_chunk(kind, values.ctypes.data, output, 0, values.shape[0], values.shape[1], None)
    result[name] = bytes(output[:count]).hex()
(pathlib.Path(__file__).parent / "superblocks.json").write_text(json.dumps(result) + "\n")
