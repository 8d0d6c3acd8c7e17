# SPDX-License-Identifier: Apache-2.0
"""Templates of sentences: `[this|that]` is a choice, may nest and may be empty, `{who.he}` is a slot."""

import re

_SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeio](?!ne\b)|u[glmnpr](?!i))")
# after a closing quotation mark only a full stop ends the sentence: "Who?" asked the fox.
_START = re.compile(r"(^|[.!?] |\.\" |^\"|[.!?] \"|\.\" \")([a-z])")


def with_articles(text):
    """`a` before a vowel becomes `an`."""
    return _ARTICLE.sub(r"\1n ", text)


def choose(draw, template):
    """Settles the choices, inner ones first."""
    while (end := template.find("]")) >= 0:
        start = template.rindex("[", 0, end)
        template = template[:start] + draw.pick(template[start + 1 : end].split("|")) + template[end + 1 :]
    return template


def fill(template, slots):
    def value(found):
        name, member = found.groups()
        return slots[name][member] if member else slots[name]

    return _SLOT.sub(value, template)


def tidy(text):
    """One space between words, capitals where sentences begin."""
    text = re.sub(r" +", " ", text).strip()
    text = re.sub(r" ([.,!?])", r"\1", text)
    return _START.sub(lambda found: found[1] + found[2].upper(), with_articles(text))


def say(draw, template, slots):
    """A template, or one of several, as finished text."""
    if not isinstance(template, str):
        template = draw.pick(template)
    return tidy(fill(choose(draw, template), slots))
