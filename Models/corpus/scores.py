# SPDX-License-Identifier: Apache-2.0
"""Figures of an evaluation: intervals of a proportion, and how varied or repetitive texts are."""

import collections
import math
import re


def wilson(hits, count, z=1.96):
    """The share and its 95 % interval (Wilson 1927); nothing is known from no trials."""
    if count == 0:
        return math.nan, 0.0, 1.0
    share = hits / count
    spread = z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return share, max(0.0, middle - half), min(1.0, middle + half)


def words(text):
    return re.findall(r"[a-z']+|[.,!?;:\"]", text.lower())


def grams(row, size):
    return [tuple(row[place : place + size]) for place in range(len(row) - size + 1)]


def distinct(texts, size=2):
    """Different n-grams among all n-grams of all texts (Li et al. 2016)."""
    found = [gram for text in texts for gram in grams(words(text), size)]
    return len(set(found)) / len(found) if found else math.nan


def repetition(texts, size=4):
    """The share of a text's n-grams that it had said before, mean over texts."""
    shares = []
    for text in texts:
        found = grams(words(text), size)
        if found:
            shares.append(1 - len(set(found)) / len(found))
    return sum(shares) / len(shares) if shares else math.nan


def bleu(candidate, references, longest=4):
    """Sentence BLEU of word lists against several references (Papineni et al. 2002), add-one above unigrams."""
    if not candidate or not references:
        return 0.0
    total = 0.0
    for size in range(1, longest + 1):
        have = collections.Counter(grams(candidate, size))
        most = collections.Counter()
        for reference in references:
            most |= collections.Counter(grams(reference, size))
        hits, count = sum((have & most).values()), sum(have.values())
        smooth = 0 if size == 1 else 1
        if hits + smooth == 0:
            return 0.0
        total += math.log((hits + smooth) / (count + smooth))
    nearest = min((abs(len(reference) - len(candidate)), len(reference)) for reference in references)[1]
    brevity = min(0.0, 1 - nearest / len(candidate))
    return math.exp(brevity + total / longest)


def self_bleu(texts):
    """How alike the texts are: each one's BLEU against all others, mean (Zhu et al. 2018)."""
    rows = [words(text) for text in texts]
    rows = [row for row in rows if row]
    if len(rows) < 2:
        return math.nan
    return sum(bleu(row, rows[:place] + rows[place + 1 :]) for place, row in enumerate(rows)) / len(rows)


def known_share(texts, vocabulary):
    """The share of words that occur in the training text."""
    found = [word for text in texts for word in words(text) if word[0].isalpha()]
    return sum(word in vocabulary for word in found) / len(found) if found else math.nan
