# SPDX-License-Identifier: Apache-2.0
"""Who and what the stories are about. A person or thing is a table of the forms that templates ask for."""

from .sentences import BOYS, GIRLS

_SHE = {"he": "she", "him": "her", "his": "her", "self": "herself"}
_HE = {"he": "he", "him": "him", "his": "his", "self": "himself"}

_FOLK = """
old woman,she|old man,he|king,he|queen,she|farmer,he|miller,he|tailor,he|sailor,he|princess,she|prince,he|baker,he
teacher,she|shepherd,he|witch,she|giant,he|fisherman,he|grandmother,she|hunter,he|knight,he|painter,she|girl,she|boy,he
"""
_BEASTS = """
fox,he|bear,he|rabbit,she|mouse,he|cat,she|dog,he|owl,she|frog,he|duck,she|goat,he|lion,he|wolf,he|donkey,he|hen,she
squirrel,she|hedgehog,he|crow,he|turtle,she|pig,he|goose,she|sparrow,she|mole,he|badger,he|swan,she|bee,she|horse,he
"""
_TRAITS = (
    "little", "young", "brave", "kind", "shy", "clever", "lazy", "proud", "curious", "gentle", "hungry", "lonely",
    "cheerful", "quiet", "poor", "merry", "patient", "greedy", "careful", "silly",
)


def _read(table):
    entries = table.strip().replace("\n", "|").split("|")
    return [tuple(entry.split(",")) for entry in entries]


FOLK, BEASTS = _read(_FOLK), _read(_BEASTS)

# thing, what it is used for, what it may be made of or look like
THINGS = [line.split(";") for line in """
ball;play with it;red,blue,round,new,big
kite;fly it;yellow,green,paper,new,long
doll;play with it;wooden,little,old,pretty
drum;play on it;loud,red,old,small
lamp;read by it;old,brass,bright,small
book;read it;old,thick,little,blue
ring;wear it;golden,silver,thin,old
hat;wear it;warm,red,straw,funny
scarf;wear it;woollen,long,blue,soft
boat;sail it;wooden,small,white,toy
basket;carry apples in it;big,new,round,old
key;open the door with it;rusty,golden,tiny,iron
coin;buy bread with it;silver,shiny,golden,old
cup;drink from it;blue,clay,little,white
bell;ring it;silver,small,brass,loud
flute;play on it;wooden,silver,old,long
lantern;light the way with it;old,bright,iron,paper
blanket;sleep under it;warm,soft,green,woollen
map;find the way with it;old,torn,secret,paper
cake;eat it;sweet,big,honey,plum
feather;write with it;white,long,black,soft
box;keep things in it;wooden,small,heavy,strange
mirror;look into it;round,little,silver,old
wagon;ride in it;red,little,wooden,new
stone;look at it;smooth,green,shiny,round
pie;eat it;warm,apple,big,cherry
rope;climb with it;long,strong,old,thick
umbrella;stay dry;big,black,yellow,old
clock;tell the time;old,tall,little,broken
seed;plant it;tiny,brown,strange,golden
""".strip().splitlines()]

# place, how one gets there, what one sees there
PLACES = [line.split(";") for line in """
the forest;into the forest;tall trees
the river;down to the river;the clear water
the hill;up the hill;the whole valley
the market;to the market;many people
the garden;into the garden;bright flowers
the meadow;across the meadow;the long grass
the old mill;to the old mill;the great wheel
the sea;down to the sea;the grey waves
the castle;to the castle;high walls
the village;to the village;small houses
the cave;into the cave;nothing but dark
the bridge;over the bridge;the stream below
the pond;to the pond;green reeds
the barn;into the barn;soft hay
the mountain;up the mountain;white snow
the field;through the field;yellow corn
the island;to the island;white sand
the school;to the school;the other children
the well;to the old well;the deep water
the orchard;into the orchard;ripe apples
""".strip().splitlines()]


def person(draw, beasts=0.4, named=0.75, taken=()):
    """A child with a name, a person of a trade, or an animal that speaks."""
    while True:
        trait = draw.pick(_TRAITS)
        if draw.chance(beasts):
            kind, sex = draw.pick(BEASTS)
        elif draw.chance(0.6):
            sex = draw.pick(("she", "he"))
            kind = "girl" if sex == "she" else "boy"
        else:
            kind, sex = draw.pick(FOLK)
        name = draw.pick(GIRLS if sex == "she" else BOYS)
        if kind in taken or name in taken:
            continue
        called = draw.chance(named)
        forms = _SHE if sex == "she" else _HE
        return {
            **forms, "kind": kind, "trait": trait, "name": name, "the": name if called else f"the {kind}",
            "full": f"the {trait} {kind}", "a": f"a {trait} {kind}", "named": f" named {name}" if called else "",
            "is_beast": (kind, sex) in BEASTS,
        }


def thing(draw, taken=()):
    while True:
        noun, use, looks = draw.pick(THINGS)
        if noun not in taken:
            look = draw.pick(looks.split(","))
            return {"noun": noun, "use": use, "look": look, "a": f"a {look} {noun}", "the": f"the {noun}",
                    "full": f"the {look} {noun}"}


def place(draw, taken=()):
    while True:
        at, way, view = draw.pick(PLACES)
        if at not in taken:
            return {"at": at, "way": way, "view": view}
