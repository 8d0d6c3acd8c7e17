#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes nfc.json beside itself: random sequences of scalars that compose, decompose and reorder, each with its
normalization form C by Python's unicodedata.

Usage: make_nfc.py
"""

import json
import os
import random
import unicodedata

RANGES = [
    (0x41, 0x7A), (0xC0, 0x24F), (0x300, 0x345), (0x300, 0x314), (0x591, 0x5EA), (0x622, 0x655), (0x915, 0x9DF),
    (0xB47, 0xBD7), (0xCC6, 0xD57), (0xF40, 0xFB9), (0x1100, 0x11C2), (0x1100, 0x1112), (0x1161, 0x1176),
    (0x11A7, 0x11C2), (0xAC00, 0xAC1C), (0x1E00, 0x1EF9), (0x1F00, 0x1FFC), (0x212A, 0x212B), (0x3046, 0x309A),
    (0xFB1D, 0xFB4E), (0x110A5, 0x110BA), (0x1D15E, 0x1D172), (0x2F800, 0x2FA1D),
]
rng = random.Random(3)
pairs = []
while len(pairs) < 500:
    text = "".join(chr(rng.randint(*rng.choice(RANGES))) for _ in range(rng.randint(2, 7)))
    if any(unicodedata.category(c) == "Cn" for c in text):
        continue
    pairs.append([text, unicodedata.normalize("NFC", text)])
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "nfc.json"), "w", encoding="utf-8") as file:
    json.dump(pairs, file, ensure_ascii=True, separators=(",", ":"))
    file.write("\n")
