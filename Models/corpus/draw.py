# SPDX-License-Identifier: Apache-2.0
"""Random choices that are the same on every machine and with every version of Python.

Only `random.Random.random` is used, whose sequence the standard library guarantees for a seed; `choice`, `sample` and
`shuffle` carry no such promise.
"""

import hashlib
import random


class Draw:
    """A stream of choices named by a seed and a path such as ("stories", 17)."""

    def __init__(self, seed, *path):
        name = "/".join(map(str, (seed, *path)))
        self._next = random.Random(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")).random

    def below(self, count):
        """An integer from 0 to count - 1."""
        return int(self._next() * count)

    def between(self, low, high):
        """An integer from low to high, both possible."""
        return low + self.below(high - low + 1)

    def chance(self, probability):
        return self._next() < probability

    def pick(self, items):
        return items[int(self._next() * len(items))]

    def weighted(self, pairs):
        """One of (item, weight) pairs, each as often as its weight says."""
        point = self._next() * sum(weight for _, weight in pairs)
        for item, weight in pairs:
            point -= weight
            if point < 0:
                return item
        return pairs[-1][0]

    def some(self, items, count):
        """`count` different places of `items`, in random order."""
        pool = list(items)
        for place in range(count):
            other = place + self.below(len(pool) - place)
            pool[place], pool[other] = pool[other], pool[place]
        return pool[:count]

    def shuffled(self, items):
        return self.some(items, len(items))


def share(*path):
    """A number from 0 up to 1 that depends on the path alone; splits are made by it."""
    digest = hashlib.sha256("/".join(map(str, path)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
