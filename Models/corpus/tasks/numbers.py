# SPDX-License-Identifier: Apache-2.0
"""Tasks about small numbers. Steps are written out where the task says so; `direct` asks for the result alone."""

from ..lexicon import CATEGORIES
from .task import Task

WORDS = CATEGORIES["number"]


def _add(draw):
    a, b = draw.between(0, 9), draw.between(0, 9)
    return f"{a} + {b}", str(a + b)


def _subtract(draw):
    a, b = draw.between(0, 9), draw.between(0, 9)
    return f"{a + b} - {b}", str(a)


def _two(draw):
    a = draw.between(1, 99)
    b = draw.between(1, 99)
    return (a, b) if a != b else (a, a + 1)


def _bigger(draw):
    a, b = _two(draw)
    return f"{a} or {b}", str(max(a, b))


def _smaller(draw):
    a, b = _two(draw)
    return f"{a} or {b}", str(min(a, b))


def _after(draw):
    a = draw.between(0, 98)
    return str(a), str(a + 1)


def _before(draw):
    a = draw.between(1, 99)
    return str(a), str(a - 1)


def _even(draw):
    a = draw.between(1, 99)
    return str(a), "odd" if a % 2 else "even"


def _row(draw):
    step, start = draw.between(1, 5), draw.between(1, 20)
    numbers = [start + place * step for place in range(4)]
    return " ".join(map(str, numbers[:3])), str(numbers[3])


def _sort(draw):
    numbers = draw.some(range(1, 20), 3)
    return " ".join(map(str, numbers)), " ".join(map(str, sorted(numbers)))


def _digit(draw):
    place = draw.below(10)
    return WORDS[place], str(place + 1)


def _word(draw):
    place = draw.below(10)
    return str(place + 1), WORDS[place]


def chain(draw):
    """Three or four small terms, the steps, and the result."""
    total = draw.between(1, 9)
    text, steps = str(total), []
    for _ in range(draw.between(2, 3)):
        term = draw.between(1, 9)
        minus = draw.chance(0.4) and term <= total
        result = total - term if minus else total + term
        steps.append(f"{total} {'-' if minus else '+'} {term} = {result}")
        text += f" {'-' if minus else '+'} {term}"
        total = result
    return text, ", ".join(steps), str(total)


def _chain_steps(draw):
    given, steps, result = chain(draw)
    return given, f"{steps}. The answer is {result}."


def _chain_direct(draw):
    given, _, result = chain(draw)
    return given, result


TASKS = (
    Task("add", "numbers", ("add the numbers", "work out the sum"), ("the sum", "the sum of the numbers"), _add,
         closed=True),
    Task("subtract", "numbers", ("take the second number from the first", "work out the difference"),
         ("the difference", "what is left"), _subtract, closed=True),
    Task("bigger_number", "numbers", ("choose the bigger number", "say which number is more"),
         ("the bigger number", "the larger of the two"), _bigger),
    Task("smaller_number", "numbers", ("choose the smaller number", "say which number is less"),
         ("the smaller number", "the lesser of the two"), _smaller),
    Task("number_after", "numbers", ("name the next number", "count one on"), ("the next number", "one more"), _after,
         closed=True),
    Task("number_before", "numbers", ("name the number before", "count one back"), ("the number before", "one less"),
         _before, closed=True),
    Task("even_odd", "numbers", ("say whether it is even or odd", "call the number even or odd"),
         ("even or odd", "the right word, even or odd"), _even, options=("even", "odd")),
    Task("row", "numbers", ("go on with the row", "continue the numbers"),
         ("the number that follows", "the next in the row"), _row),
    Task("sort_numbers", "numbers", ("sort the numbers", "put the numbers in order"),
         ("the numbers in order", "the numbers from small to big"), _sort),
    Task("digit", "numbers", ("write the number with digits", "turn the word into digits"),
         ("the number in digits", "the digits"), _digit, closed=True),
    Task("number_word", "numbers", ("write the number as a word", "turn the digits into a word"),
         ("the number as a word", "the word for the number"), _word, closed=True),
    Task("chain_steps", "steps", ("work it out step by step", "think step by step and then answer"),
         ("the steps and the result", "each step and then the answer"), _chain_steps, shots=4),
    Task("chain_direct", "steps", ("work out the result", "say only the result"),
         ("only the result", "the result and nothing else"), _chain_direct),
)
