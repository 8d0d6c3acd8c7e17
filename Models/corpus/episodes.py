# SPDX-License-Identifier: Apache-2.0
"""Episodes: runs of examples of a task that exists only in this run, so that it must be read from the examples.

Kinds: `classify` (categories get label words drawn for the episode), `pick` (the item of a hidden category out of a
list), `lookup` (arbitrary pairs that come again), `edit` (a hidden operation on words), `feature` (a hidden property
of the input gets label words). Source of the idea: Chan et al. 2022 (bursts, many classes, Zipf skew, labels that
change their meaning); Min et al. 2022, MetaICL (several examples of one task in one sequence).
"""

from .draw import share
from .labels import INVENTED, draw_labels
from .lexicon import CATEGORIES
from .sentences import SAD, HAPPY, feeling_sentence, plain_question, plain_statement
from .splits import HELD_CATEGORIES, TRAINED_CATEGORIES, label_is_held

_CLASS_COUNTS = ((2, 5), (3, 3), (4, 2), (5, 1), (6, 1))
_ALL_WORDS = tuple(word for words in CATEGORIES.values() for word in words)
_RANKED = sorted(TRAINED_CATEGORIES, key=lambda name: share("rank", name))


def draw_categories(draw, count, held):
    """Different categories; the trained ones follow Zipf's law in an order that a hash gives."""
    if held:
        return draw.some(HELD_CATEGORIES, count)
    chosen = []
    while len(chosen) < count:
        # half by Zipf's law, half evenly: frequent categories settle early, rare ones forbid memorising
        if draw.chance(0.5):
            name = draw.weighted([(name, 1 / (rank + 3)) for rank, name in enumerate(_RANKED)])
        else:
            name = draw.pick(_RANKED)
        if name not in chosen:
            chosen.append(name)
    return chosen


def classify(draw, shots, held=False, held_labels=False, classes=None, fresh=False):
    """The word's category, under label words drawn for the episode; fresh: the last pair's words stand in no other."""
    classes = classes or draw.weighted(_CLASS_COUNTS)
    names = draw_categories(draw, classes, held)
    labels = draw_labels(draw, classes, held_labels)
    # bursts: few words of each class that come again, or all of them
    width = draw.pick((2, 3, 4, 20))
    words = [draw.some(CATEGORIES[name], min(width, len(CATEGORIES[name]))) for name in names]
    asked = [draw.some(row, 2) for row in words] if fresh else words
    if fresh:
        words = [[word for word in CATEGORIES[name] if word not in row] for name, row in zip(names, asked)]
    shape = draw.weighted((("{}", 6), ("the {}", 1), ("a {}", 1), ("two", 2)))
    pairs = []
    for place in range(shots + 1):
        kind = draw.below(classes)
        choice = (asked if place == shots else words)[kind]
        given = f"{draw.pick(choice)}, {draw.pick(choice)}" if shape == "two" else shape.format(draw.pick(choice))
        pairs.append((given, labels[kind]))
    return pairs, labels


def pick(draw, shots, held=False, width=None):
    """The one item of a list that is of the episode's hidden category."""
    (name,) = draw_categories(draw, 1, held)
    width = width or draw.between(2, 4)
    fixed = None
    if draw.chance(0.4):
        fixed = draw.some([other for other in TRAINED_CATEGORIES if other != name], width - 1)
    pairs = []
    for _ in range(shots + 1):
        others = fixed or draw.some([other for other in TRAINED_CATEGORIES if other != name], width - 1)
        target = draw.pick(CATEGORIES[name])
        items = draw.shuffled([target, *(draw.pick(CATEGORIES[other]) for other in others)])
        pairs.append((", ".join(items), target))
    return pairs, name


def lookup(draw, shots, held_labels=False):
    """Arbitrary partners for a few words, each met again and again."""
    count = draw.between(2, 6)
    keys = draw.some(_ALL_WORDS, count)
    values = draw_labels(draw, count, held_labels) if draw.chance(0.5) or held_labels else draw.some(_ALL_WORDS, count)
    partner = dict(zip(keys, values))
    return [(key, partner[key]) for key in (draw.pick(keys) for _ in range(shots + 1))], values


SELECT = {
    "all": lambda words: words,
    "first": lambda words: words[:1],
    "last": lambda words: words[-1:],
    "second": lambda words: words[1:2],
    "rest": lambda words: words[1:],
    "turned": lambda words: words[::-1],
    "ends": lambda words: [words[0], words[-1]],
}
DECORATE = {
    "bare": lambda words, extra: words,
    "twice": lambda words, extra: words + words,
    "after": lambda words, extra: [*words, extra],
    "before": lambda words, extra: [extra, *words],
    "around": lambda words, extra: [extra, *words, extra],
    "only": lambda words, extra: [extra, words[0]],
}


def operations(held):
    """The pairs of a selection and a decoration; a sixth of them, by a hash, is held out."""
    pairs = [(s, d) for s in SELECT for d in DECORATE]
    return [pair for pair in pairs if (share("operation", *pair) < 1 / 6) == held]


def edit(draw, shots, held=False):
    """A hidden operation on two to four words: which of them, in what order, with which word added."""
    select, decorate = draw.pick(operations(held))
    extra = draw.pick([word for word in INVENTED if label_is_held(word) == held]) if draw.chance(0.5) else draw.pick(
        _ALL_WORDS)
    joint = draw.pick((" ", ", "))
    length = draw.between(2, 4)
    varies = draw.chance(0.3)
    pairs = []
    for _ in range(shots + 1):
        words = draw.some(_ALL_WORDS, draw.between(2, 4) if varies else length)
        pairs.append((joint.join(words), joint.join(DECORATE[decorate](SELECT[select](words), extra))))
    return pairs, f"{select}, {decorate}"


def _count(draw):
    count = draw.between(1, 3)
    return ", ".join(draw.some(_ALL_WORDS, count)), count - 1


def _same(draw):
    first, second = draw.some(_ALL_WORDS, 2)
    same = draw.below(2)
    return (f"{first} {first}", 1) if same else (f"{first} {second}", 0)


def _mood(draw):
    side = draw.below(2)
    return feeling_sentence(draw, (SAD, HAPPY)[side]), side


def _asks(draw):
    side = draw.below(2)
    return (plain_question if side else plain_statement)(draw), side


def _kin(draw):
    side = draw.below(2)
    first, second = draw.some(TRAINED_CATEGORIES, 2)
    one = draw.pick(CATEGORIES[first])
    other = draw.pick([w for w in CATEGORIES[first if side else second] if w != one])
    return f"{one}, {other}", side


# property: how many classes, input with class; the last is held out
FEATURES = {"count": (3, _count), "same": (2, _same), "mood": (2, _mood), "kin": (2, _kin), "asks": (2, _asks)}
HELD_FEATURES = ("asks",)


def feature(draw, shots, held=False, name=None):
    """A hidden property of the input, under label words drawn for the episode."""
    name = name or draw.pick([f for f in FEATURES if (f in HELD_FEATURES) == held])
    classes, make = FEATURES[name]
    labels = draw_labels(draw, classes)
    pairs = []
    for _ in range(shots + 1):
        given, kind = make(draw)
        pairs.append((given, labels[kind]))
    return pairs, labels
