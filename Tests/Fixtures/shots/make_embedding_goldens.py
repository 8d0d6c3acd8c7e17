# SPDX-License-Identifier: Apache-2.0
"""Goldens of the selection by embeddings and of the probing of orders, in NumPy with double precision.

    python make_embedding_goldens.py > embedding-goldens.json
"""

import json
import sys

import numpy


def cosine(a, b):
    norm = numpy.linalg.norm(a) * numpy.linalg.norm(b)
    return float(a @ b / norm) if norm > 0 else 0.0


def mmr(rows, query, near, relevance, count):
    """Carbonell & Goldstein 1998, greedily; the first one has nothing to be far from."""
    taken, left = [], list(near)
    while left and len(taken) < count:
        values = [
            relevance * cosine(rows[i], query)
            - (1 - relevance) * (max(cosine(rows[i], rows[j]) for j in taken) if taken else 0)
            for i in left
        ]
        taken.append(left.pop(int(numpy.argmax(values))))
    return taken


def entropies(logprobs):
    """GlobalE and LocalE of one order: rows are probes, columns labels."""
    def entropy(p):
        p = p[p > 0]
        return float(-(p * numpy.log(p)).sum())

    p = numpy.exp(logprobs - logprobs.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    predicted = numpy.bincount(p.argmax(axis=1), minlength=p.shape[1]) / len(p)
    return {"global": entropy(predicted), "local": float(numpy.mean([entropy(row) for row in p]))}


def main():
    draw = numpy.random.default_rng(7)
    spaces = []
    for count, width in [(1, 3), (5, 2), (12, 8), (30, 16), (60, 33)]:
        # some in a bunch, so that relevance and distance pull apart
        centre = draw.normal(size=width)
        rows = draw.normal(size=(count, width)) + (draw.random((count, 1)) < 0.5) * 2 * centre
        rows = rows.astype(numpy.float32).astype(float)
        if count > 10:
            rows[3] = 0
        query = (centre + draw.normal(size=width)).astype(numpy.float32).astype(float)
        cosines = [cosine(row, query) for row in rows]
        ranked = sorted(range(count), key=lambda i: (-cosines[i], i))
        cases = []
        for relevance in [0.0, 0.25, 0.5, 0.9, 1.0]:
            for candidates in [4, 20, 512]:
                near = ranked[:candidates]
                taken = mmr(rows, query, near, float(numpy.float32(relevance)), count)
                cases.append({"relevance": relevance, "candidates": candidates,
                              "ranked": taken + [i for i in ranked if i not in taken]})
        spaces.append({"rows": rows.ravel().tolist(), "query": query.tolist(), "cosines": cosines, "knn": ranked,
                       "mmr": cases})
    probings = []
    for orders, probes, labels in [(2, 3, 2), (6, 8, 3), (8, 5, 16)]:
        logprobs = -draw.exponential(3, size=(orders, probes, labels))
        found = [entropies(one) for one in logprobs]
        best = max(range(orders), key=lambda i: (round(found[i]["global"], 9), found[i]["local"]))
        probings.append({"logprobs": logprobs.tolist(), "entropies": found, "best": best})
    json.dump({"spaces": spaces, "probings": probings}, sys.stdout)
    print()


main()
