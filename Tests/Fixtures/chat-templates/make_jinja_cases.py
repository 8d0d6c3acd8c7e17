#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Generates expressions and templates at random and writes jinja-cases.json: what Jinja, set up as transformers does it,
makes of each; null where it fails.

Left out is what has no fixed text (the addresses of generators and functions) and what Temper documents as different:
markup that escapes what is added to it, integers beyond 64 bits, formatting with %.
Usage: make_jinja_cases.py > jinja-cases.json (needs transformers and jinja2).
"""

import json
import random
import re
import sys

from transformers.utils import chat_template_utils

random.seed(20251)

VARIABLES = {
    "s": "Hello, World", "t": "  spaced\n out\t", "u": "naïve Straße ǅ 世界 e\u0301", "e": "", "d": "-42.50", "q": "it's \"so\"",
    "n": 7, "z": 0, "m": -3, "f": 2.5, "g": 1e21, "h": -0.1, "b": True, "o": None,
    "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "x": [1, "two", None, True, [4.0]], "v": [],
    "a": {"k": "v", "items": 3, "n": {"deep": [1, {"er": "!"}]}}, "y": {},
    "r": [{"name": "Ann", "age": 31, "on": True}, {"name": "bob", "age": 25}, {"name": "Cy", "age": 31, "on": False}],
}


def pick(*options):
    return random.choice(options)


def string(depth):
    if depth <= 0:
        return pick("s", "t", "u", "e", "d", "q", "'a'", "'lo'", "\"x\\ty\\n\"", "'\\u00e9\\x41'", "' '", "'World'", "w[0]",
                    "a.k", "a['k']", "r[0].name")
    inner = string(depth - 1)
    return pick(
        f"{inner} ~ {anything(depth - 1)}", f"({inner} + {string(depth - 1)})", f"({inner}) * {pick(0, 1, 2, 3)}",
        f"({inner})[{slice_(depth)}]", f"({inner})[{pick(0, -1, 1)}]", f"({inner}).{method()}", f"({inner})|{text_filter()}",
        f"({number(depth - 1)})|string", f"({sequence(depth - 1)})|join({pick('', repr(', '), repr('-'))})",
        f"({anything(depth - 1)})|tojson", f"({sequence(depth - 1)})|tojson(indent=2)",
        f"({inner} if {boolean(depth - 1)} else {string(depth - 1)})", f"({inner} or {string(depth - 1)})",
        f"({inner}).split({pick('', repr('l'), repr(' '))})[{pick(0, -1)}]",
        f"({inner})|default({string(0)}, true)", f"(missing|default({inner}))",
    )


def method():
    return pick(
        "upper()", "lower()", "title()", "capitalize()", "strip()", "lstrip()", "rstrip()", "strip('Hd ')", "lstrip('H')",
        "rstrip('\\nd')", "replace('l', 'L')", "replace('l', '', 1)", "replace('', '.')", "removeprefix('He')",
        "removesuffix('ld')", "join(['a', 'b', 'c'])", "join('xyz')")


def text_filter():
    return pick(
        "upper", "lower", "title", "capitalize", "trim", "trim('H d')", "replace('o', '0')", "replace('l', 'L', 1)",
        "indent", "indent(2, true)", "indent(3, blank=true)", "indent('> ', first=true)", "reverse", "safe", "string",
        "center(20)", "truncate(9)", "truncate(8, true, '…', 0)", "urlencode")


def slice_(depth):
    def bound():
        return pick("", "", "0", "1", "2", "-1", "-2", "99", "-99", "none", number(0))
    step = pick("", "", "", ":", ":1", ":2", ":-1", ":-2")
    return f"{bound()}:{bound()}{step}"


def number(depth):
    if depth <= 0:
        return pick("n", "z", "m", "f", "h", "b", "0", "1", "2", "10", "3.0", "0.1", "1e3", "1_000", "l[0]", "r[1].age", "-2")
    left, right = number(depth - 1), number(depth - 1)
    return pick(
        f"({left} + {right})", f"({left} - {right})", f"({left} * {right})", f"({left} / {right})", f"({left} // {right})",
        f"({left} % {right})", f"(({left}) ** {pick(0, 1, 2, 3, -1)})", f"(-{left})", f"(+{left})", f"({left})|abs",
        f"({left})|int", f"({left})|float", f"({left})|round", f"({left})|round(1)", f"({left})|round(2, 'floor')",
        f"({string(depth - 1)})|int", f"({string(depth - 1)})|float(1.5)", f"({sequence(depth - 1)})|length",
        f"({string(depth - 1)})|length", f"({string(depth - 1)}).find('o')", f"({string(depth - 1)}).count('l')",
        f"({string(depth - 1)}).rfind('l')", f"({left} if {boolean(depth - 1)} else {right})", f"({numbers(depth - 1)})|sum",
        f"({numbers(depth - 1)})|max", f"({numbers(depth - 1)})|min", f"({numbers(depth - 1)})|first",
        f"({string(depth - 1)})|wordcount", "'0x1f'|int(0, 16)", "'x'|int(9)",
    )


def numbers(depth):
    if depth <= 0:
        return pick("l", "[1, 2.5, true]", "[3]", "range(4)|list", "range(5, 0, -2)|list", "r|map(attribute='age')|list")
    inner = numbers(depth - 1)
    return pick(
        f"({inner})|sort", f"({inner})|sort(reverse=true)", f"({inner})[{slice_(depth)}]", f"({inner} + {numbers(depth - 1)})",
        f"({inner})|unique|list", f"({inner})|reverse|list", f"({inner})|select('odd')|list", f"({inner})|map('string')|map('int')|list",
        f"({inner})|reject('lt', {number(0)})|list", f"({inner})|select('greaterthan', 1)|list", f"({inner})|map('abs')|list")


def sequence(depth):
    if depth <= 0:
        return pick("l", "w", "x", "v", "(1, 'a')", "['p', 'q']", "(1,)", "[]", "a.n.deep", "r|map(attribute='name')|list")
    inner = sequence(depth - 1)
    return pick(
        numbers(depth), f"[{anything(depth - 1)}, {anything(depth - 1)}]", f"({anything(depth - 1)}, {anything(depth - 1)})",
        f"({inner})[{slice_(depth)}]", f"({inner})|list", f"({string(depth - 1)}).split({pick('', repr('l'), repr(', '))})",
        f"({string(depth - 1)}).split(none, 1)", f"({string(depth - 1)}).rsplit('l', 1)", f"({string(depth - 1)}).splitlines()",
        f"({string(depth - 1)})|list", f"({string(depth - 1)}).partition('o')", f"({string(depth - 1)}).rpartition('o')",
        f"({inner})|select|list", f"({inner})|reject('none')|list", f"({inner})|batch(2)|list", f"({inner})|batch(2, 0)|list",
        f"({inner})|slice(2)|list", f"({dictionary(depth - 1)})|items|list", f"({dictionary(depth - 1)})|dictsort",
        f"({dictionary(depth - 1)})|list", "w|sort", "w|sort(case_sensitive=true)", "w|unique|list", "w|map('upper')|list",
        "r|sort(attribute='age')|map(attribute='name')|list", "r|selectattr('on')|map(attribute='name')|list",
        "r|rejectattr('on', 'defined')|list", "r|map(attribute='on', default='?')|list", "r|groupby('age')|map('first')|list",
        "r|selectattr('age', 'gt', 26)|list", "r|sort(attribute='name', reverse=true)|map(attribute='name')|list",
        f"({inner}) * 2", f"({inner} or {sequence(depth - 1)})")


def dictionary(depth):
    if depth <= 0:
        return pick("a", "y", "a.n", "{'p': 1, 'q': 'two'}", "dict(c=3)", "r[0]")
    return pick(
        f"{{'p': {anything(depth - 1)}, 'q': {anything(depth - 1)}}}", f"{{1: {anything(depth - 1)}, none: 0}}",
        f"dict({dictionary(0)}, new={anything(depth - 1)})")


def boolean(depth):
    if depth <= 0:
        return pick("b", "true", "false", "not b", "s", "v", "o", "z", "missing")
    return pick(
        f"{number(depth - 1)} {pick('==', '!=', '<', '<=', '>', '>=')} {number(depth - 1)}",
        f"{string(depth - 1)} {pick('==', '!=', '<', '>=')} {string(depth - 1)}",
        f"{number(0)} < {number(0)} <= {number(0)}", f"{sequence(depth - 1)} == {sequence(depth - 1)}",
        f"{string(depth - 1)} in {string(depth - 1)}", f"{anything(depth - 1)} in {sequence(depth - 1)}",
        f"{string(0)} not in {dictionary(depth - 1)}", f"{string(depth - 1)}.startswith({string(0)})",
        f"{string(depth - 1)}.endswith(('d', 'x'))", f"not {boolean(depth - 1)}", f"({boolean(depth - 1)} and {boolean(depth - 1)})",
        f"({boolean(depth - 1)} or {boolean(depth - 1)})", f"({anything(depth - 1)}) is {test()}",
        f"({anything(depth - 1)}) is not {test()}", f"({string(depth - 1)}).{pick('isdigit', 'isalpha', 'isalnum', 'isspace', 'isupper', 'islower')}()",
        f"{number(0)} is divisibleby {pick(2, 3)}", f"{number(0)} is {pick('eq', 'ne', 'lt', 'ge')}({number(0)})", f"{string(0)} is in {sequence(0)}",
    )


def test():
    return pick(
        "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "iterable",
        "sequence", "callable", "upper", "lower")


def anything(depth):
    return pick(string, string, number, sequence, boolean, dictionary)(depth)


def expression():
    return "{{ " + pick(string, number, sequence, boolean, dictionary, anything)(random.randint(1, 3)) + " }}"


def space():
    return pick("", " ", "\n", "  \n", "\n\t ", " text ", "a\n", "\n b ")


def tag(inner):
    return "{%" + pick("", "", "-", "+") + f" {inner} " + pick("", "", "-", "+") + "%}"


def block(depth):
    if depth <= 0:
        return pick(
            "{{" + pick("", "-") + " " + pick("s", "n", "i", "loop.index", "ns.c", "missing") + " " + pick("", "-") + "}}",
            "{#" + pick("", "-") + " c " + pick("", "-") + "#}", space(), tag("set i = 5"), tag("set ns.c = ns.c + 1"))
    body = lambda: "".join(space() + block(depth - 1) for _ in range(random.randint(1, 2))) + space()
    return pick(
        tag("if " + boolean(1)) + body() + tag("elif n") + body() + tag("else") + body() + tag("endif"),
        tag("for i in " + pick("l", "w", "v", "s", "a", "range(3)")) + body() + tag("endfor"),
        tag("for i in l if i > 1") + body() + tag("else") + body() + tag("endfor"),
        tag("for k, i in a.items()") + body() + "{{ k }}" + tag("endfor"),
        tag("set c") + body() + tag("endset") + "[{{ c }}]", tag("macro mac(p, i=n)") + body() + "{{ p }}" + tag("endmacro") + "{{ mac(1) }}",
        tag("filter upper") + body() + tag("endfilter"), tag("raw") + " {{ x }} " + tag("endraw"),
        tag("with i = 9") + body() + tag("endwith"), tag("for i in l") + body() + tag(f"if loop.index == 2") + tag(pick("break", "continue")) + tag("endif") + body() + tag("endfor"),
        tag("generation") + body() + tag("endgeneration"),
    )


def template():
    return "{% set ns = namespace(c=0) %}" + "".join(space() + block(random.randint(0, 2)) for _ in range(3)) + space()


def main():
    compiled = chat_template_utils._compile_jinja_template
    cases, seen = [], set()
    wanted = {expression: 1300, template: 500}
    for make, count in wanted.items():
        failures = 0
        while count:
            source = make()
            if source in seen or len(source) > 400:
                continue
            seen.add(source)
            try:
                output = compiled(source).render(**VARIABLES)
            except Exception as error:
                if "exceeds the limit" in str(error) or "too large" in str(error):
                    continue
                output = None
            if output is None:
                # A fault is worth a case, but not most of them.
                failures += 1
                if failures % 8:
                    continue
            elif re.search(r"0x[0-9a-f]{6}|dict_|-?[0-9]{18}|Markup", output):
                continue
            cases.append([source, output])
            count -= 1
    json.dump({"variables": VARIABLES, "cases": cases}, sys.stdout, ensure_ascii=True, indent=0)
    print()


main()
