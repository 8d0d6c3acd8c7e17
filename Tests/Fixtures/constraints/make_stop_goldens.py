#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where texts stop at expressions, by Python's re: the first end of any match, and its earliest beginning.

    python make_stop_goldens.py
"""

import json
import pathlib
import random
import re

EXPRESSIONS = [
    "ab", "a+b", "a.*b", "(ab|ba){2}", "[0-9]{2,3}", "\\n\\n+", "é|aé", "(a|b)*c", "b[^a]{1,3}b", "aa|aaa|b{3,5}",
    "\\d+\\.", "(a|ab)(c|bcd)", "日.", "[a-c]{4}", "x?y", "(aab|ab)+c",
]
cases = []
draw = random.Random(7)
for number in range(400):
    text = "".join(draw.choice("aabbcé1.\n日xyd") for _ in range(draw.randint(0, 24)))
    expressions = draw.sample(EXPRESSIONS, draw.choice([1, 1, 2, 3]))
    found = None
    for end in range(1, len(text) + 1):
        starts = [(start, index) for index, expression in enumerate(expressions) for start in range(end)
                  if re.compile(expression, re.ASCII).fullmatch(text, start, end)]
        if starts:
            start, index = min(starts)
            found = {"shown": text[:start], "matched": text[start:end], "expression": expressions[index]}
            break
    cases.append({"text": text, "expressions": expressions, "found": found})
lines = ",\n ".join(json.dumps(case, ensure_ascii=True) for case in cases)
(pathlib.Path(__file__).parent / "stop-goldens.json").write_text(f"[\n {lines}\n]\n")
