# SPDX-License-Identifier: Apache-2.0
"""Single plain sentences whose parts are known: who, what, where, when, in which mood."""

from .lexicon import CATEGORIES

GIRLS = "Anna Lily Mary Rose Lucy Sara Mia Emma Nora Ella Kate Jane Ruth Ida May Polly".split()
BOYS = "Tom Ben Sam Max Jack Tim Leo Finn Will Ned Hugo Paul Peter Oscar Jim Adam".split()
NAMES = tuple(GIRLS + BOYS)

PLACES = (
    "garden", "kitchen", "barn", "school", "forest", "market", "park", "church", "shop", "field", "attic", "cellar",
    "meadow", "harbour", "library", "bakery", "castle", "village", "hospital", "station",
)
TIMES = ("in the morning", "at noon", "in the evening", "at night", "on monday", "on friday", "after lunch", "at dawn")
THINGS = tuple(
    word for name in ("toy", "container", "tool", "kitchen thing", "fruit", "clothes", "paper thing", "light")
    for word in CATEGORIES[name]
)
ANIMALS = CATEGORIES["animal"] + CATEGORIES["bird"] + CATEGORIES["small creature"]
COLOURS = CATEGORIES["colour"]
FOODS = CATEGORIES["fruit"] + CATEGORIES["vegetable"] + CATEGORIES["sweet"]

HAPPY = (
    "I love this {thing}.", "What a lovely {thing} this is!", "{name} smiled and laughed all day.",
    "The {thing} was wonderful.", "We had a great time in the {place}.", "{name} was so happy to see the {animal}.",
    "This is the best {thing} I ever had.", "The {food} tasted very good.", "{name} sang with joy.",
    "I am glad that you came to the {place}.", "Thank you for the beautiful {thing}.", "The {animal} was kind to me.",
    "It was a fine day in the {place}.", "{name} won the prize and danced.", "My new {thing} is perfect.",
)
SAD = (
    "I hate this {thing}.", "What an ugly {thing} this is!", "{name} cried all day.", "The {thing} was terrible.",
    "We had a bad time in the {place}.", "{name} was so sad to lose the {animal}.",
    "This is the worst {thing} I ever had.", "The {food} tasted awful.", "{name} wept with grief.",
    "I am sorry that I came to the {place}.", "Go away with the broken {thing}.", "The {animal} was cruel to me.",
    "It was a horrible day in the {place}.", "{name} lost the game and sulked.", "My old {thing} is useless.",
)
_STATEMENTS = (
    "{name} went to the {place}.", "The {animal} sleeps in the {place}.", "{name} has a {colour} {thing}.",
    "The {thing} is in the {place}.", "{name} likes the {animal}.", "There is a {animal} near the {place}.",
    "{name} gave {other} a {thing}.", "The {food} is on the table.", "{name} sat down {time}.",
)
_QUESTIONS = (
    "Did {name} go to the {place}?", "Where does the {animal} sleep?", "Does {name} have a {colour} {thing}?",
    "Is the {thing} in the {place}?", "Does {name} like the {animal}?", "Who is near the {place}?",
    "What did {name} give to {other}?", "Where is the {food}?", "When did {name} sit down?",
)


def parts(draw):
    """Values for every slot that a sentence may have."""
    name, other = draw.some(NAMES, 2)
    return {
        "name": name, "other": other, "place": draw.pick(PLACES), "time": draw.pick(TIMES), "thing": draw.pick(THINGS),
        "animal": draw.pick(ANIMALS), "colour": draw.pick(COLOURS), "food": draw.pick(FOODS),
    }


def feeling_sentence(draw, side):
    return draw.pick(side).format(**parts(draw))


def plain_statement(draw):
    return draw.pick(_STATEMENTS).format(**parts(draw))


def plain_question(draw):
    return draw.pick(_QUESTIONS).format(**parts(draw))
