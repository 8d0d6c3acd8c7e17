# SPDX-License-Identifier: Apache-2.0
"""Random Unicode strings for comparing tokenizers: mixed scripts, emoji, combining marks, controls, runs of white space,
digits, contractions, spellings of special tokens. The same seed gives the same strings."""

import random
import unicodedata

SCRIPTS = [
    (0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF),
    (0x531, 0x587), (0x5D0, 0x5EA), (0x620, 0x6FF), (0x900, 0x97F), (0xE01, 0xE5B), (0x10A0, 0x10FF),
    (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x1F00, 0x1FFF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
    (0x2070, 0x209C), (0x2150, 0x218B), (0x2460, 0x24FF), (0x2190, 0x22FF), (0xFF10, 0xFF5A), (0x1D400, 0x1D7FF),
    (0x20000, 0x2A6DF), (0x10330, 0x1034A),
]
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪", "❤️", "🏳️‍🌈", "🤷🏻‍♀️", "1️⃣"]
SPACES = [" ", " ", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n", "\n ", "\u00a0", "\u2003", "\u3000", "\u0085",
          "\u2028", "\x0b", "\x0c", "\r", "\u1680", "\u202f", "\u205f", "\u180e", "\u200b", "\ufeff", "      ", " \t "]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'M", "'lL", "'D", "'\u017f",
                "'\u017f\u017f", "\u2019s", "'", "''", "'r", "'v", "'l", "'x", "'\u212a", "'sx", "'lll", "\u017f"]
MARKS = ["\u0301", "\u0308", "\u0327", "\u0323", "\u0345", "\u093c", "\u0e31", "\u20dd", "\u0338", "\u05b4", "\u064b"]
NFC_TRAPS = ["e\u0301", "A\u030a", "\u212b", "\u2126", "\u1e9b\u0323", "\u0958", "\u2adc", "\u1100\u1161\u11a8",
             "\uac00\u11a8", "a\u0315\u0300\u05ae\u0300b", "\u0344", "o\u0302\u0323", "\ufb1d", "\U0001d15e",
             "\u0bc6\u0bbe", "\u09c7\u09be", "q\u0307\u0323", "\u0340", "\u30ab\u3099", "\uf900"]
WORDS = ["hello", "World", "the", "and", "in", "of", "a", "I", "you", "don", "tokenizer", "Über", "naïve", "été", "привет",
         "мир", "こんにちは", "世界", "안녕하세요", "مرحبا", "नमस्ते", "สวัสดี", "HTTP", "snake_case", "camelCase", "x", "Xx",
         "\u2581", "\u2581the", "<0x0A>", "<0xZZ>", "Ġ", "<s>", "</s>"]


def scalar(rng):
    while True:
        low, high = rng.choice(SCRIPTS)
        text = chr(rng.randint(low, high))
        if unicodedata.category(text) not in ("Cn", "Cs"):
            return text


def part(rng, special):
    kind = rng.randrange(16)
    if kind < 3:
        return "".join(scalar(rng) for _ in range(rng.randint(1, 6)))
    if kind < 6:
        return rng.choice(WORDS)
    if kind < 8:
        return rng.choice(SPACES)
    if kind == 8:
        return "".join(rng.choice(SPACES) for _ in range(rng.randint(1, 4)))
    if kind == 9:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 9)))
    if kind == 10:
        return rng.choice(["don", "I", "THEY", "we", " ", "", "é", "9", "!"]) + rng.choice(CONTRACTIONS)
    if kind == 11:
        return rng.choice(EMOJI)
    if kind == 12:
        return scalar(rng) + "".join(rng.choice(MARKS) for _ in range(rng.randint(1, 3)))
    if kind == 13:
        return rng.choice(NFC_TRAPS)
    if kind == 14:
        return chr(rng.choice([*range(1, 9), *range(0xE, 0x20), *range(0x7F, 0xA0), 0xAD, 0xFFFD, 0xE000, 0x10FFFD]))
    if special and rng.random() < 0.6:
        return rng.choice(special)
    return "".join(rng.choice("!?.,;:()[]{}<>=+-*/\\|@#$%^&~`_\"'") for _ in range(rng.randint(1, 5)))


def strings(seed, count, special=(), longest=12):
    rng = random.Random(seed)
    return ["".join(part(rng, special) for _ in range(rng.randint(1, longest))) for _ in range(count)]


def hash_ids(ids):
    """FNV-1a, 64 bits, over the ids as little-endian 32-bit integers, in hexadecimal."""
    state = 0xCBF29CE484222325
    for token in ids:
        for byte in token.to_bytes(4, "little"):
            state = (state ^ byte) * 0x100000001B3 % 2**64
    return f"{state:016x}"
