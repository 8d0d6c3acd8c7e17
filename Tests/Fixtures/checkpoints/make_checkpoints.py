#!/usr/bin/env python3
"""Make the golden files of this folder with the reference writers.

    python make_checkpoints.py

Needs: numpy, gguf, safetensors, torch. Made with gguf 0.19.0 and safetensors 0.8.0. Byte i of a tensor in a GGUF file
is (7 * i + 13 * type) mod 251, so that a reader can be checked without a second file.
"""

import os
import struct

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))

TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]


def write_values(path):
    """Every metadata type, alone and in arrays, and a tensor of every type we compute with."""
    out = gguf.GGUFWriter(path, "golden")
    kind = gguf.GGUFValueType
    out.add_uint8("value.uint8", 250)
    out.add_int8("value.int8", -100)
    out.add_uint16("value.uint16", 65000)
    out.add_int16("value.int16", -30000)
    out.add_uint32("value.uint32", 4000000000)
    out.add_int32("value.int32", -2000000000)
    out.add_float32("value.float32", 0.5)
    out.add_bool("value.true", True)
    out.add_bool("value.false", False)
    out.add_string("value.string", "tempér \U0001F642")
    out.add_uint64("value.uint64", 2**64 - 1)
    out.add_int64("value.int64", -(2**63))
    out.add_float64("value.float64", 0.1)
    arrays = [
        ("uint8", kind.UINT8, [0, 255]),
        ("int8", kind.INT8, [-128, 127]),
        ("uint16", kind.UINT16, [0, 65535]),
        ("int16", kind.INT16, [-32768, 32767]),
        ("uint32", kind.UINT32, [0, 2**32 - 1]),
        ("int32", kind.INT32, [-(2**31), 2**31 - 1]),
        ("float32", kind.FLOAT32, [0.25, -2.0]),
        ("bool", kind.BOOL, [True, False, True]),
        ("string", kind.STRING, ["a", "", "ß"]),
        ("uint64", kind.UINT64, [0, 2**64 - 1]),
        ("int64", kind.INT64, [-(2**63), 2**63 - 1]),
        ("float64", kind.FLOAT64, [0.1, -1e300]),
    ]
    for name, element, values in arrays:
        out.add_key_value(f"array.{name}", values, kind.ARRAY, sub_type=element)
    for name in TYPES:
        number = gguf.GGMLQuantizationType[name]
        block, size = gguf.GGML_QUANT_SIZES[number]
        rows, columns = 3, 2 * block if block > 1 else 5
        count = rows * columns // block * size
        data = ((7 * np.arange(count) + 13 * int(number)) % 251).astype(np.uint8)
        data = data.reshape(rows, count // rows)
        out.add_tensor(f"tensor.{name}", data, raw_dtype=number)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def as_version_2(source, target):
    """Versions 2 and 3 differ in the number alone where the byte order is little-endian."""
    data = bytearray(open(source, "rb").read())
    assert data[4:8] == struct.pack("<I", 3)
    data[4:8] = struct.pack("<I", 2)
    open(target, "wb").write(data)


def write_safetensors(path):
    """Element i of each tensor is i / 8."""
    def numbers(*shape):
        return (torch.arange(int(np.prod(shape)), dtype=torch.float32) / 8).reshape(shape)

    save_file(
        {
            "single": numbers(2, 3),
            "half": numbers(5).to(torch.float16),
            "brain": numbers(3, 2, 2).to(torch.bfloat16),
            "mask": torch.ones(1, 1, 2, 2, dtype=torch.bool),
            "scalar": torch.tensor(3.0),
        },
        path,
        metadata={"format": "pt", "note": "golden"},
    )


if __name__ == "__main__":
    write_values(os.path.join(HERE, "values-v3.gguf"))
    as_version_2(os.path.join(HERE, "values-v3.gguf"), os.path.join(HERE, "values-v2.gguf"))
    write_safetensors(os.path.join(HERE, "types.safetensors"))
