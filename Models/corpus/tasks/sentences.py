# SPDX-License-Identifier: Apache-2.0
"""Tasks about one sentence: mood, topic, who and what is in it, how to change it."""

from .. import sentences as s
from ..grammar import with_articles
from ..lexicon import CATEGORIES
from .task import Task

_FULL = (
    "{name} took the {thing} to the {place} {time}.", "{name} saw a {colour} {thing} in the {place}.",
    "The {animal} ate {food} in the {place}.", "{name} gave the {animal} some {food}.",
    "{time} {name} found a {colour} {thing}.", "In the {place} {name} played with the {animal}.",
    "{name} hid the {colour} {thing} from the {animal}.", "The {animal} slept in the {place} {time}.",
    "{name} bought {food} and a {thing} at the {place}.", "The {colour} {thing} belongs to {name}.",
)
_TOPICS = {
    "food": ("{name} ate {food} for lunch.", "The soup with {food} was hot.", "We baked bread and {food}.",
             "{name} cut the {food} on a plate.", "Do you want more {food}?"),
    "animals": ("The {animal} ran away.", "{name} feeds the {animal}.", "A {animal} lives in the {place}.",
                "The {animal} has soft feet.", "I heard the {animal} at night."),
    "weather": ("It rained all day in the {place}.", "The wind is cold {time}.", "Snow fell on the {place}.",
                "{name} saw dark clouds.", "The sun was hot {time}."),
    "travel": ("{name} took the train {time}.", "The bus to the {place} was late.", "We sailed over the sea.",
               "{name} packed a bag and left.", "The road to the {place} is long."),
    "music": ("{name} plays the violin.", "We sang a song {time}.", "The drum was loud.",
              "{name} listened to the piano.", "They danced to the flute in the {place}."),
    "money": ("{name} paid ten coins.", "The {thing} cost two pounds.", "{name} counted the money.",
              "He sold the {thing} at a good price.", "She saved every penny."),
}
_PLACED = (
    "{name} took the {thing} to the {place} {time}.", "{name} saw a {colour} {thing} in the {place}.",
    "The {animal} ate {food} in the {place}.", "In the {place} {name} played with the {animal}.",
    "{name} met {other} near the {place}.",
)


def _find(slot, templates=_FULL):
    fitting = tuple(template for template in templates if f"{{{slot}}}" in template)

    def make(draw):
        values = s.parts(draw)
        text = with_articles(draw.pick(fitting).format(**values))
        return text[0].upper() + text[1:], values[slot]
    return make


def _mood(draw):
    happy = draw.chance(0.5)
    return with_articles(s.feeling_sentence(draw, s.HAPPY if happy else s.SAD)), "good" if happy else "bad"


def _sentence_of(draw):
    happy = draw.chance(0.5)
    return "good" if happy else "bad", with_articles(s.feeling_sentence(draw, s.HAPPY if happy else s.SAD))


def _topic(draw):
    name = draw.pick(tuple(_TOPICS))
    return with_articles(draw.pick(_TOPICS[name]).format(**s.parts(draw))), name


def _asks(draw):
    question = draw.chance(0.5)
    text = (s.plain_question if question else s.plain_statement)(draw)
    return with_articles(text), "question" if question else "statement"


_VERBS = (("walks", "walked", "walk"), ("runs", "ran", "run"), ("looks", "looked", "look"), ("goes", "went", "go"),
          ("comes", "came", "come"), ("jumps", "jumped", "jump"), ("swims", "swam", "swim"), ("sits", "sat", "sit"),
          ("sings", "sang", "sing"), ("sleeps", "slept", "sleep"))


def _verb_change(source, target):
    def make(draw):
        values = s.parts(draw)
        who = draw.pick((values["name"], f"The {values['animal']}"))
        where = draw.pick(("in the", "near the", "behind the")) + " " + values["place"]
        forms = draw.pick(_VERBS)
        return f"{who} {source(forms)} {where}.", target(who, forms, where)
    return make


_TO_PAST = _verb_change(lambda v: v[0], lambda who, v, where: f"{who} {v[1]} {where}.")
_TO_NOT = _verb_change(lambda v: v[0], lambda who, v, where: f"{who} does not {v[2]} {where}.")
_TO_QUESTION = _verb_change(
    lambda v: v[0], lambda who, v, where: f"Does {who.replace('The ', 'the ')} {v[2]} {where}?")


def _pronoun(draw):
    girl = draw.chance(0.5)
    name = draw.pick(s.GIRLS if girl else s.BOYS)
    rest = f"{draw.pick(_VERBS)[1]} to the {draw.pick(s.PLACES)}."
    return f"{name} {rest}", f"{'She' if girl else 'He'} {rest}"


def _politely(draw):
    order = f"{draw.pick(('Give me', 'Bring me', 'Show me', 'Find me'))} the {draw.pick(s.THINGS)}."
    return order, f"Please {order[0].lower() + order[1:]}"


def _swap(draw):
    a, b = draw.some(s.NAMES, 2)
    verb = draw.pick(("saw", "met", "helped", "called", "thanked", "followed"))
    return f"{a} {verb} {b}.", f"{b} {verb} {a}."


# a toy language: word for word, the adjective after the noun
OMBI = dict(zip(
    "dog cat bird man woman child house tree river sun moon fire water bread book big small good red old sees eats "
    "has likes finds".split(),
    "doka mip tiri omu oma pim kasa lumo veso sol luna faro wasu pano libo gam nin bon rul tam visa nami "
    "ten lava noko".split()))
_NOUNS = "dog cat bird man woman child".split()
_OBJECTS = "house tree river sun moon fire water bread book dog cat bird".split()
_ADJECTIVES = "big small good red old".split()
_ACTIONS = "sees eats has likes finds".split()


def _ombi(draw):
    if draw.chance(0.5):
        word = draw.pick(tuple(OMBI))
        return word, OMBI[word]
    words = [draw.pick(_NOUNS), draw.pick(_ACTIONS), draw.pick(_OBJECTS)]
    theirs = [OMBI[word] for word in words]
    if draw.chance(0.5):
        word = draw.pick(_ADJECTIVES)
        words.insert(0, word)
        theirs.insert(1, OMBI[word])
    return " ".join(words), " ".join(theirs)


def _from_ombi(draw):
    english, ombi = _ombi(draw)
    return ombi, english


TASKS = (
    Task("mood", "mood", ("say whether the sentence is good or bad", "judge the mood of the sentence"),
         ("the mood, good or bad", "good or bad"), _mood, options=("good", "bad")),
    Task("mood_sentence", "mood", ("write a sentence with this mood", "write a sentence that is good or bad"),
         ("a sentence of this mood",), _sentence_of, closed=True),
    Task("topic", "topic", ("name the topic of the sentence", "say what the sentence is about"),
         ("the topic", "the topic of the sentence"), _topic, options=tuple(_TOPICS)),
    Task("asks", "topic", ("say whether it is a question or a statement", "name the kind of sentence"),
         ("question or statement", "the kind of sentence"), _asks, options=("question", "statement")),
    Task("find_name", "finding", ("find the person", "take the name out of the sentence"),
         ("the name of the person", "the person in the sentence"), _find("name")),
    Task("find_animal", "finding", ("find the animal", "take the animal out of the sentence"),
         ("the animal", "the animal in the sentence"), _find("animal")),
    Task("find_place", "finding", ("find the place", "take the place out of the sentence"),
         ("the place", "the place in the sentence"), _find("place")),
    Task("find_thing", "finding", ("find the thing", "take the thing out of the sentence"),
         ("the thing", "the thing in the sentence"), _find("thing")),
    Task("find_food", "finding", ("find the food", "take the food out of the sentence"),
         ("the food", "the food in the sentence"), _find("food")),
    Task("find_time", "finding", ("find the time", "say when it happened"),
         ("the time", "the time in the sentence"), _find("time")),
    Task("find_colour", "finding", ("find the colour", "take the colour out of the sentence"),
         ("the colour", "the colour in the sentence"), _find("colour")),
    Task("place_of_sentence", "finding", ("say where it happens", "name the spot of the event"),
         ("where it happens", "the spot of the event"), _find("place", _PLACED)),
    Task("past_sentence", "changing", ("put the sentence into the past", "tell it as of yesterday"),
         ("the sentence in the past",), _TO_PAST),
    Task("not_sentence", "changing", ("deny the sentence", "say the opposite with not"),
         ("the sentence with not",), _TO_NOT),
    Task("question_sentence", "changing", ("make a question of the sentence", "ask whether it is so"),
         ("the question", "the sentence as a question"), _TO_QUESTION),
    Task("pronoun", "changing", ("replace the name by he or she", "use he or she in place of the name"),
         ("the sentence with he or she",), _pronoun),
    Task("swap_names", "changing", ("swap the two names", "let the persons change places"),
         ("the sentence with the names swapped",), _swap),
    Task("politely", "changing", ("say it politely", "ask nicely"), ("the polite form",), _politely),
    Task("to_ombi", "toy language", ("translate into Ombi", "say it in Ombi"),
         ("the Ombi for it", "the words in Ombi"), _ombi, closed=True),
    Task("from_ombi", "toy language", ("translate from Ombi", "say it in English"),
         ("the English for it", "the words in English"), _from_ombi, closed=True),
)
