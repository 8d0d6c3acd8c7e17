# SPDX-License-Identifier: Apache-2.0
"""Tasks about single words: meaning, form, spelling."""

from ..labels import COMMON
from ..lexicon import CATEGORIES
from .task import Task


def _pairs(text):
    return tuple(tuple(entry.split(":")) for entry in text.split())


OPPOSITES = _pairs(
    "big:small hot:cold up:down good:bad happy:sad day:night old:young fast:slow high:low open:shut full:empty "
    "light:dark hard:soft near:far in:out rich:poor wet:dry strong:weak early:late left:right first:last black:white "
    "loud:quiet long:short thick:thin clean:dirty lost:found sweet:bitter love:hate win:lose buy:sell give:take "
    "come:go push:pull start:stop laugh:cry north:south east:west alive:dead true:false inside:outside above:below")
PLURALS = _pairs(
    "dog:dogs cat:cats box:boxes baby:babies man:men woman:women child:children mouse:mice foot:feet tooth:teeth "
    "goose:geese leaf:leaves wolf:wolves city:cities tree:trees house:houses bird:birds fox:foxes knife:knives "
    "apple:apples boat:boats king:kings lady:ladies church:churches dish:dishes hand:hands book:books sheep:sheep "
    "coin:coins story:stories stone:stones bush:bushes shelf:shelves potato:potatoes")
PASTS = _pairs(
    "go:went run:ran see:saw eat:ate take:took give:gave come:came sing:sang swim:swam find:found say:said tell:told "
    "walk:walked play:played jump:jumped look:looked make:made write:wrote fly:flew know:knew think:thought buy:bought "
    "bring:brought catch:caught sleep:slept keep:kept sit:sat stand:stood fall:fell drink:drank help:helped "
    "call:called break:broke speak:spoke")
COMPARATIVES = _pairs(
    "big:bigger small:smaller tall:taller good:better bad:worse old:older young:younger fast:faster slow:slower "
    "hot:hotter cold:colder long:longer short:shorter rich:richer poor:poorer strong:stronger weak:weaker "
    "happy:happier loud:louder dark:darker")
SUPERLATIVES = _pairs(
    "big:biggest small:smallest tall:tallest good:best bad:worst old:oldest young:youngest fast:fastest slow:slowest "
    "hot:hottest cold:coldest long:longest short:shortest rich:richest poor:poorest strong:strongest weak:weakest")
YOUNG = _pairs(
    "dog:puppy cat:kitten cow:calf horse:foal sheep:lamb hen:chick duck:duckling goose:gosling bear:cub lion:cub "
    "pig:piglet goat:kid deer:fawn frog:tadpole swan:cygnet")
SOUNDS = _pairs(
    "dog:bark cat:meow cow:moo sheep:baa duck:quack lion:roar bee:buzz owl:hoot pig:oink horse:neigh hen:cluck "
    "mouse:squeak wolf:howl snake:hiss crow:caw")
HOMES = _pairs("bird:nest bee:hive dog:kennel horse:stable fox:den pig:sty cow:barn spider:web rabbit:burrow hen:coop")
FEMALES = _pairs(
    "king:queen prince:princess man:woman boy:girl father:mother brother:sister son:daughter uncle:aunt wizard:witch "
    "duke:duchess lord:lady husband:wife actor:actress rooster:hen bull:cow he:she")
DAYS = CATEGORIES["day"]
MONTHS = ("january february march april may june july august september october november december").split()
JOBS = _pairs(
    "baker:bread farmer:corn tailor:coat miller:flour painter:picture shoemaker:shoe carpenter:table blacksmith:sword "
    "potter:pot writer:book cook:soup builder:house")
TINTS = _pairs(
    "snow:white grass:green blood:red sky:blue sun:yellow coal:black milk:white banana:yellow leaf:green cherry:red "
    "mud:brown night:black lemon:yellow frog:green strawberry:red crow:black")
MATERIALS = _pairs(
    "shirt:cotton table:wood ring:gold window:glass sword:steel coin:silver book:paper shoe:leather wall:stone "
    "scarf:wool candle:wax boat:wood nail:iron cup:clay")
USES = _pairs(
    "knife:cut pen:write spoon:eat cup:drink bed:sleep chair:sit key:open lamp:shine kite:fly boat:sail needle:sew "
    "broom:sweep book:read ball:play bell:ring")
PARTS = _pairs(
    "wheel:car page:book leaf:tree wing:bird roof:house sail:ship finger:hand toe:foot fin:fish petal:flower "
    "hoof:horse key:piano")

SPELLED = tuple(word for words in CATEGORIES.values() for word in words if len(word) <= 5)


def _known(pairs):
    return lambda draw: draw.pick(pairs)


def _back(pairs):
    return _known(tuple((b, a) for a, b in pairs))


def _next(row, step):
    return _known(tuple((word, row[(place + step) % len(row)]) for place, word in enumerate(row)))


_KINDS = tuple((word, name) for name, words in CATEGORIES.items() for word in words)
_NUMBER_WORDS = CATEGORIES["number"]


def _member(draw):
    name = draw.pick(tuple(CATEGORIES))
    return name, CATEGORIES[name][draw.below(3)]


def _spell(draw):
    word = draw.pick(SPELLED)
    return word, " ".join(word)


def _fact(name, do, what, pairs, group="word meaning"):
    return Task(name, group, do, what, _known(pairs), closed=True)


TASKS = (
    _fact("opposite", ("give the opposite", "find the word that means the opposite"),
          ("the opposite", "the opposite of the word", "the word of opposite meaning"),
          OPPOSITES + tuple((b, a) for a, b in OPPOSITES)),
    _fact("plural", ("make the word plural", "say it for more than one"), ("the plural", "the plural of the word"),
          PLURALS, "word form"),
    Task("singular", "word form", ("make the word singular", "say it for only one"),
         ("the singular", "the singular of the word"), _back(PLURALS), closed=True),
    _fact("past", ("put the verb into the past", "say it as if it was yesterday"),
          ("the past tense", "the past form of the verb"), PASTS, "word form"),
    Task("present", "word form", ("put the verb into the present", "say it as if it is today"),
         ("the present tense", "the present form of the verb"), _back(PASTS), closed=True),
    _fact("comparative", ("compare with the word", "say that it is more so"),
          ("the comparative", "the form that compares"), COMPARATIVES, "word form"),
    _fact("superlative", ("raise the word to the most", "say that it is the most so"),
          ("the superlative", "the highest form of the word"), SUPERLATIVES, "word form"),
    _fact("young_animal", ("name the young one", "say what its baby is called"),
          ("the young of the animal", "the name of its baby"), YOUNG),
    _fact("animal_sound", ("make the sound of the animal", "say what the animal says"),
          ("the sound of the animal", "what the animal says"), SOUNDS),
    _fact("animal_home", ("name the home of the animal", "say where the animal lives"),
          ("the home of the animal", "the place where it lives"), HOMES),
    _fact("female", ("name the female one", "change him to her"), ("the female form", "the word for a woman"),
          FEMALES, "word form"),
    Task("male", "word form", ("name the male one", "change her to him"), ("the male form", "the word for a man"),
         _back(FEMALES), closed=True),
    Task("kind", "categories", ("name the kind", "say what kind of thing it is"),
         ("the kind of thing", "the group of the word", "the category"), _known(_KINDS), closed=True),
    Task("member", "categories", ("name one of the kind", "give an example of the kind"),
         ("one thing of this kind", "an example of the group"), _member, closed=True),
    _fact("maker", ("say what he makes", "name the work of the person"), ("the thing that he makes",), JOBS),
    _fact("colour_of", ("name the colour of the thing", "say what colour it has"),
          ("its colour", "the colour of the thing"), TINTS),
    _fact("material", ("say what it is made of", "name the material"), ("the material", "what it is made of"),
          MATERIALS),
    _fact("use", ("say what one does with it", "name its use"), ("the use of the thing", "what one does with it"),
          USES),
    _fact("whole", ("name the whole", "say what it is a part of"), ("the whole", "what it is a part of"), PARTS),
    Task("day_after", "order", ("name the next day", "say which day follows"),
         ("the next day", "the day after"), _next(DAYS, 1), closed=True),
    Task("day_before", "order", ("name the day before", "say which day came before"),
         ("the day before", "the earlier day"), _next(DAYS, -1), closed=True),
    Task("month_after", "order", ("name the next month", "say which month follows"),
         ("the next month", "the month after"), _next(MONTHS, 1), closed=True),
    Task("first_letter", "spelling", ("name the first letter", "say which letter it begins with"),
         ("the first letter", "the letter it begins with"), lambda draw: (lambda w: (w, w[0]))(draw.pick(SPELLED))),
    Task("last_letter", "spelling", ("name the last letter", "say which letter it ends with"),
         ("the last letter", "the letter it ends with"), lambda draw: (lambda w: (w, w[-1]))(draw.pick(SPELLED))),
    Task("capital", "spelling", ("write it with a capital letter", "make the first letter big"),
         ("the word with a capital", "the word as a name"),
         lambda draw: (lambda w: (w, w.capitalize()))(draw.pick(SPELLED + COMMON))),
    Task("spell", "spelling", ("spell the word", "say the letters one by one"),
         ("the letters of the word", "the spelling"), _spell),
)
