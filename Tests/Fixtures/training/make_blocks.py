#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes blocks.json: floats (as hexadecimal little-endian binary32) and what the package gguf makes of them in block
types. Made with gguf 0.19.0 and numpy 2."""

import json
import pathlib

import numpy
from gguf import GGMLQuantizationType, quants

generator = numpy.random.default_rng(5)
values = generator.normal(size=(6, 32)).astype(numpy.float32)
values[1] *= 1e-3
values[2] *= 4e4
values[3] = 0
values[4] = numpy.arange(-16, 16) + 0.5  # ties
values[5, 7] = -200
result = {"floats": values.tobytes().hex()}
for kind in (GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_0):
    result[kind.name] = quants.quantize(values, kind).tobytes().hex()
(pathlib.Path(__file__).parent / "blocks.json").write_text(json.dumps(result) + "\n")
