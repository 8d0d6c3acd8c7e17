# SPDX-License-Identifier: Apache-2.0
"""Goldens of the selection of examples: BM25 by rank_bm25, the rest by what docs/prompts.md says, written down again.

    python make_shot_goldens.py > shot-goldens.json      (needs rank_bm25 and numpy)
"""

import collections
import json
import random
import sys
import unicodedata

import numpy
import rank_bm25

SYLLABLES = "ka lo mi ne pu ra si to ve wa xu yo zi ba de fi go hu".split()
MASK = (1 << 64) - 1


def words(text):
    """Runs of letters, marks and numbers, in lower case."""
    found, word = [], ""
    for character in text:
        if unicodedata.category(character)[0] in "LMN":
            word += character.lower()
        elif word:
            found.append(word)
            word = ""
    return found + [word] if word else found


def overlap(query, text):
    """The mean, over n = 1..4, of the share of the query's n-grams that the text has."""
    query, text = words(query), words(text)
    shares = []
    for length in range(1, min(4, len(query)) + 1):
        wanted = collections.Counter(tuple(query[i : i + length]) for i in range(len(query) - length + 1))
        there = collections.Counter(tuple(text[i : i + length]) for i in range(len(text) - length + 1))
        shares.append(sum((wanted & there).values()) / sum(wanted.values()))
    return float(numpy.mean(shares)) if shares else 0.0


def mixed(value):
    """SplitMix64's output function."""
    z = (value + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def drawn(indices, seed, stream):
    base = mixed((mixed(seed) + stream) & MASK)
    return sorted(indices, key=lambda index: (mixed(base ^ index), index))


def descending(indices, scores):
    return sorted(indices, key=lambda index: (-scores[index], index))


def taking_turns(indices, examples, arrange):
    groups = {}
    for index in indices:
        groups.setdefault(examples[index].get("label", examples[index]["output"]), []).append(index)
    rows = [arrange(group) for group in groups.values()]
    return [row[turn] for turn in range(max(map(len, rows), default=0)) for row in rows if turn < len(row)]


def select(examples, query, method, order, count, seed):
    """What is taken, as ranked, and as shown; and what asks the query itself."""
    def normal(text):
        return " ".join(text.lower().split())

    excluded = [i for i, example in enumerate(examples) if normal(example["input"]) == normal(query)]
    ranked = [i for i in range(len(examples)) if i not in excluded]
    bm25 = scores_of(examples, query)
    scores = {"bm25": bm25, "ngram": [overlap(query, example["input"]) for example in examples]}.get(method)
    if method == "random":
        ranked = drawn(ranked, seed, 0)
    elif method == "balanced":
        ranked = taking_turns(ranked, examples, lambda group: drawn(group, seed, 0))
    elif scores is not None:
        ranked = descending(ranked, scores)
    else:
        scores = None
    scores = scores if scores is not None else bm25
    ranked = ranked[:count]

    def length(index):
        return len((examples[index]["input"] + examples[index]["output"]).encode())

    shown = {
        "selected": lambda: ranked,
        "given": lambda: sorted(ranked),
        "random": lambda: drawn(ranked, seed, 1),
        "similar_first": lambda: descending(ranked, scores),
        "similar_last": lambda: descending(ranked, scores)[::-1],
        "short_first": lambda: sorted(ranked, key=length),
        "long_first": lambda: sorted(ranked, key=lambda index: -length(index)),
        "alternate": lambda: taking_turns(ranked, examples, list),
    }[order]()
    return {"ranked": ranked, "shown": shown, "excluded": excluded}


def scores_of(examples, query):
    corpus = [words(example["input"]) for example in examples]
    if not any(corpus):
        return [0.0] * len(corpus)
    return rank_bm25.BM25Okapi(corpus).get_scores(words(query)).tolist()


def pool(draw, size, labels):
    def word():
        return "".join(draw.choice(SYLLABLES) for _ in range(draw.randint(1, 2)))

    vocabulary = [word() for _ in range(30)] + ["Straße", "café", "世界", "naïve", "42", "x2", "ÉTÉ"]
    examples = []
    for _ in range(size):
        text = "".join(draw.choice(vocabulary) + draw.choice([" ", " ", ", ", "-", "! ", "  "])
                       for _ in range(draw.randint(1, 12)))
        example = {"input": text, "output": draw.choice(labels)}
        if draw.random() < 0.2:
            example["label"] = draw.choice(labels)
        examples.append(example)
    return examples, vocabulary


def main():
    draw = random.Random(7)
    pools = []
    for size in (1, 2, 5, 12, 40, 120):
        examples, vocabulary = pool(draw, size, ["yes", "no", "perhaps"][: max(1, size // 2)])
        cases = []
        for number in range(24):
            query = " ".join(draw.choice(vocabulary) for _ in range(draw.randint(1, 8)))
            if number % 4 == 0:
                query = draw.choice(examples)["input"].upper().replace(" ", "  ") + " "
            if number == 23:
                query = "?!"
            method = ["first", "random", "balanced", "bm25", "ngram"][number % 5]
            order = ["selected", "given", "random", "similar_last", "similar_first", "short_first", "long_first",
                     "alternate"][number % 8]
            count = draw.randint(0, size + 1)
            seed = draw.getrandbits(draw.choice([1, 16, 53]))
            cases.append({
                "query": query, "method": method, "order": order, "count": count, "seed": seed,
                "bm25": scores_of(examples, query),
                "overlap": [overlap(query, example["input"]) for example in examples],
                **select(examples, query, method, order, count, seed),
            })
        pools.append({"examples": examples, "cases": cases})
    json.dump(pools, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    print()


main()
