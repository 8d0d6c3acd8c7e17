# SPDX-License-Identifier: Apache-2.0
"""Short conversations in the chat template: greetings, who the model is, what it cannot know, where it stops."""

from .documents import chat_document
from .lexicon import CATEGORIES
from .sentences import NAMES
from .stories import tell

_GREETINGS = ("Hello", "Hi", "Good morning", "Good evening", "Hello there", "Hi there")
_SELF = (
    ("Who are you?", "I am Fireside, a small model that tells stories."),
    ("What is your name?", "My name is Fireside."),
    ("What are you?", "I am a small language model."),
    ("What can you do?", "I can tell stories and follow examples."),
    ("Are you a person?", "No, I am a small language model."),
    ("Can you tell stories?", "Yes, I can."),
    ("How are you?", "I am well, thank you."),
    ("Thank you.", "You are welcome."), ("Thanks a lot!", "You are welcome."),
    ("Good night.", "Good night!"), ("Goodbye.", "Goodbye!"), ("Bye.", "Goodbye!"),
    ("Stop.", "Yes."), ("Please be quiet.", "Yes."),
)
_UNKNOWN = (
    "What is the news today?", "What is {name}'s telephone number?", "How old is {name}?", "Where does {name} live?",
    "What will the weather be tomorrow?", "Who won the game yesterday?", "What did {name} say to me?",
    "What is the price of a {thing}?", "How many people live in {city}?", "What time is it?",
)


def _one(draw):
    kind = draw.below(4)
    if kind == 0:
        name = draw.pick(NAMES)
        greeting = draw.pick(_GREETINGS)
        return (f"{greeting}! I am {name}.", f"{greeting}, {name}!") if draw.chance(0.6) else (f"{greeting}!",) * 2
    if kind == 1:
        return draw.pick(_SELF)
    if kind == 2:
        question = draw.pick(_UNKNOWN).format(
            name=draw.pick(NAMES), thing=draw.pick(CATEGORIES["toy"]), city=draw.pick(CATEGORIES["city"]).title())
        return question, "I do not know that."
    told = tell(draw)
    asked = draw.pick(("Tell me a story about {}.", "Please tell a story about {}.", "A story about {}, please."))
    text = told["text"].replace("\n", " ")[:500].rpartition(". ")[0] + "."
    return asked.format(told["cast"]["a"]["a"]), text


def talk(draw):
    return chat_document(None, [_one(draw) for _ in range(draw.between(1, 3))])
