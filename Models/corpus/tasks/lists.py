# SPDX-License-Identifier: Apache-2.0
"""Tasks on lists of words: take, order, count, choose, copy, change."""

from ..lexicon import CATEGORIES
from ..splits import TRAINED_CATEGORIES
from .task import Task

ALL = tuple(word for words in CATEGORIES.values() for word in words)
COUNTS = ("one", "two", "three", "four", "five")


def _list(function, low=2, high=4, joint=", "):
    def make(draw):
        words = draw.some(ALL, draw.between(low, high))
        return joint.join(words), function(words)
    return make


def _joined(take):
    return lambda words: ", ".join(take(words))


def _add_word(draw):
    words = draw.some(ALL, draw.between(2, 4))
    return f"{', '.join(words[:-1])} + {words[-1]}", ", ".join(words)


def _remove_word(draw):
    words = draw.some(ALL, draw.between(2, 4))
    gone = draw.pick(words)
    return f"{', '.join(words)} - {gone}", ", ".join(word for word in words if word != gone)


def _replace(draw):
    *words, new = draw.some(ALL, draw.between(3, 4))
    old = draw.pick(words)
    return f"{', '.join(words)}; {old} = {new}", ", ".join(new if word == old else word for word in words)


def _odd_one(draw):
    names = draw.some(TRAINED_CATEGORIES, 2)
    same = draw.some(CATEGORIES[names[0]], 3)
    other = draw.pick(CATEGORIES[names[1]])
    return ", ".join(draw.shuffled([*same, other])), other


def _choose(draw):
    name, *others = draw.some(TRAINED_CATEGORIES, 3)
    target = draw.pick(CATEGORIES[name])
    items = draw.shuffled([target, *(draw.pick(CATEGORIES[other]) for other in others)])
    return f"{name}: {', '.join(items)}", target


def _same_kind(draw):
    first, second = draw.some(tuple(CATEGORIES), 2)
    word = draw.pick(CATEGORIES[first])
    same = draw.chance(0.5)
    other = draw.pick([w for w in CATEGORIES[first if same else second] if w != word])
    return f"{word}, {other}", "yes" if same else "no"


def _contains(draw):
    words = draw.some(ALL, draw.between(3, 5))
    inside = draw.chance(0.5)
    asked = draw.pick(words[:-1]) if inside else words[-1]
    return f"{', '.join(words[:-1])}; {asked}", "yes" if inside else "no"


TASKS = (
    Task("first_word", "lists", ("take the first word", "keep only the first word"),
         ("the first word", "the word at the start"), _list(lambda words: words[0])),
    Task("last_word", "lists", ("take the last word", "keep only the last word"),
         ("the last word", "the word at the end"), _list(lambda words: words[-1])),
    Task("second_word", "lists", ("take the second word", "keep only the second word"),
         ("the second word", "the word after the first"), _list(lambda words: words[1])),
    Task("drop_first", "lists", ("drop the first word", "remove the first word"),
         ("the list without its first word", "all but the first"), _list(_joined(lambda words: words[1:]))),
    Task("drop_last", "lists", ("drop the last word", "remove the last word"),
         ("the list without its last word", "all but the last"), _list(_joined(lambda words: words[:-1]))),
    Task("reverse", "lists", ("turn the list round", "reverse the order"),
         ("the list in reverse", "the words from last to first"), _list(_joined(lambda words: words[::-1]))),
    Task("count", "lists", ("count the words", "say how many words there are"),
         ("the number of words", "how many words there are"), _list(lambda words: COUNTS[len(words) - 1], 1, 5)),
    Task("join_and", "lists", ("join the words with and", "put and between the words"),
         ("the words joined with and", "the words with and between them"), _list(" and ".join, 2, 3)),
    Task("sort_words", "lists", ("sort the words", "put the words in the order of the alphabet"),
         ("the words in order", "the words from a to z"), _list(lambda words: ", ".join(sorted(words)), 2, 2)),
    Task("copy", "copying", ("repeat the words", "copy the words"), ("the same words", "the words as they are"),
         _list(_joined(lambda words: words), 1, 4)),
    Task("twice", "copying", ("say it twice", "write the word two times"), ("the word twice", "the word two times"),
         _list(lambda words: f"{words[0]} {words[0]}", 1, 1)),
    Task("quote", "copying", ("put it in quotation marks", "quote the words"),
         ("the words in quotation marks", "the quoted words"), _list(lambda words: f'"{" ".join(words)}"', 1, 3, " ")),
    Task("add_word", "copying", ("add the word to the list", "put the new word at the end"),
         ("the longer list", "the list with the new word"), _add_word),
    Task("remove_word", "copying", ("take the word out of the list", "remove the given word"),
         ("the shorter list", "the list without the given word"), _remove_word),
    Task("replace_word", "copying", ("replace the word", "change the word for the other"),
         ("the changed list", "the list with the new word in place of the old"), _replace),
    Task("odd_one_out", "categories", ("find the odd one out", "name the word that does not belong"),
         ("the odd one out", "the word that does not belong"), _odd_one),
    Task("choose_kind", "categories", ("choose the word of the given kind", "pick the word that fits the kind"),
         ("the word of the given kind", "the one that fits"), _choose),
    Task("same_kind", "yes or no", ("say whether both are of one kind", "answer yes if they belong together"),
         ("yes or no: are they of one kind", "yes if the kind is the same, else no"), _same_kind,
         options=("yes", "no")),
    Task("contains", "yes or no",
         ("say whether the word is in the list", "answer yes if the last word was there before"),
         ("yes or no: is the word in the list", "yes if the list has the word, else no"), _contains,
         options=("yes", "no")),
)
