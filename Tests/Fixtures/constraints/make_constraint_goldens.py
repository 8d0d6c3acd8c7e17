# SPDX-License-Identifier: Apache-2.0
"""Makes constraint-goldens.json: which texts regular expressions match by Python's re, and which are valid against
schemas by the jsonschema package.

    pip install jsonschema==4.26.0 && python make_constraint_goldens.py
"""

import copy
import json
import pathlib
import random
import re

import jsonschema

from random_schemas import Schemas, Values, spoilt

EXPRESSIONS = [
    "abc", "a|b|", "", "a*", "a+b?", "(ab)*c", "(?:a|bc){2,3}", "[abc]+", "[^abc]", "[^abc]*x", "[a-cx-z]{3}",
    "\\d+", "\\D\\w\\W\\s\\S", "[\\d\\s]+", "[^\\w]", "a.c", "a\\.c", "\\\\", "\\[\\]\\(\\)\\{\\}", "[]a]+", "[^]a]+",
    "[a\\]b]+", "[a-]+", "[-a]+", "a{2}", "a{2,}", "a{,2}", "a{2,3}", "a{0}", "a{0,0}b", "a{", "a{x}", "a{1", "{", "}", "]",
    "(a{2}){2}", "(a?){3}", "(a|aa)+", "(a*)*b", "(a*b*)*", "((a|b)*abb)", "(x+x+)+y", "(.*)(.*)", "a+?b*?c??",
    "(?P<year>\\d{4})-(?P<month>\\d\\d)", "\\x41\\u0042\\n\\t", "[\\x41-\\x43]", "\u00e9+", "[\u00e0-\u00ff]+", "[^\u00e9]",
    "\u65e5\u672c|\U0001F600", "[\U0001F600-\U0001F64F]{2}", "^abc$", "^a|b$", "\\Aabc\\Z", "^$", "(0|[1-9]\\d*)(\\.\\d+)?",
    "[+-]?\\d{1,3}(,\\d{3})*", "(\\w+)@(\\w+)\\.com", "\"([^\"\\\\]|\\\\.)*\"", "(a|b){10,20}", "[ab]*a[ab]{12}",
    "(ab{1,40}){1,30}", ".{0,100}", "[\\s\\S]{5}", "(?:(?:a|b)|(?:c|d))e", "a||b", "()", "(|a)b", "\\ \\-\\/",
]
ALPHABET = "abcdexyzABC01279 .,-+\"\\\n\t[](){}@/^$\u00e9\u00e0\u65e5\u672c\U0001F600\U0001F60A_"


def regex_case(expression, source):
    compiled = re.compile(expression, re.ASCII)
    letters = [letter for letter in expression if letter.isalnum()] + list("ab01 ")
    texts = {"", expression, "a", "ab", "abc", "aab", "b", "abb", "aaa", "a.c", "x" * 12 + "y", "ab" * 15, "\n", "\u00e9", "\u65e5\u672c", "2024-05",
             "ABC", "AB\n\t", "1,234,567", "12.50", "me@you.com", "\"a\\\"b\"", "[](){}", "abbbabb", " -/", "ce", "de"}
    for _ in range(60):
        pool = letters if source.random() < 0.6 else ALPHABET
        texts.add("".join(source.choice(pool) for _ in range(source.randint(0, 14))))
    for text in sorted(texts):
        if text and source.random() < 0.3:
            place = source.randrange(len(text))
            texts.add(text[:place] + source.choice(ALPHABET) + text[place + 1:])
            texts.add(text[:place] + text[place] + text[place:])
    accept = sorted(text for text in texts if compiled.fullmatch(text))
    reject = sorted(texts.difference(accept))
    return {"regex": expression, "accept": accept[:40], "reject": source.sample(reject, min(25, len(reject)))}


def schema_case(schema, seed):
    source = random.Random(seed)
    checker = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    accept, reject = [], []
    for index in range(8):
        value = Values(seed * 100 + index, schema).value(schema)
        assert checker.is_valid(value), (schema, value)
        separators = source.choice([(",", ":"), (", ", ": ")])
        accept.append(json.dumps(value, ensure_ascii=False, separators=separators))
        for _ in range(6):
            other = spoilt(copy.deepcopy(value), source)
            if not checker.is_valid(other):
                reject.append(json.dumps(other, ensure_ascii=False))
    text = accept[0]
    for place in source.sample(range(1, len(text)), min(3, len(text) - 1)):
        for broken in [text[:place], text[:place] + text[place + 1:]]:
            try:
                if not checker.is_valid(json.loads(broken)):
                    reject.append(broken)
            except ValueError:
                reject.append(broken)
    return {"schema": schema, "accept": sorted(set(accept)), "reject": sorted(set(reject))[:24]}


def main():
    source = random.Random(5)
    schemas = Schemas(17, bounded=False)
    goldens = {
        "regexes": [regex_case(expression, source) for expression in EXPRESSIONS],
        "schemas": [schema_case(schemas.schema(), seed) for seed in range(120)],
    }
    path = pathlib.Path(__file__).with_name("constraint-goldens.json")
    path.write_text(json.dumps(goldens, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
