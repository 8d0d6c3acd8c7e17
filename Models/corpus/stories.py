# SPDX-License-Identifier: Apache-2.0
"""Simple stories: a plot, a cast that stays the same to the end, asides, tries, and an ending."""

import pathlib

from .grammar import say
from .story_cast import person, place, thing


def read_beats(text):
    """Rows of templates by the name of their section; a row is a tuple."""
    sections, rows = {}, []
    for line in text.splitlines():
        if line.startswith("= "):
            rows = sections.setdefault(line[2:], [[]])
        elif not line:
            rows.append([])
        elif not line.startswith("#"):
            rows[-1].append(line)
    return {name: [tuple(row) for row in rows if row] for name, rows in sections.items()}


_BEATS = read_beats((pathlib.Path(__file__).parent / "plots.txt").read_text(encoding="utf-8"))
OPENINGS, ASIDES, TRIES, ENDINGS, WEATHER, TIMES, FOODS, NUMBERS = (
    _BEATS[name][0] for name in ("openings", "asides", "tries", "endings", "weather", "times", "foods", "numbers"))
PLOTS = {name.removeprefix("plot "): rows for name, rows in _BEATS.items() if name.startswith("plot ")}


def draw_cast(draw):
    """The slots of all templates."""
    a = person(draw)
    b = person(draw, taken=(a["kind"], a["name"]) if a["kind"] not in ("girl", "boy") else (a["name"],))
    c = person(draw, beasts=0.3, named=0.0, taken=(a["kind"], b["kind"]))
    o = thing(draw)
    q = thing(draw, taken=(o["noun"],))
    p = place(draw)
    r = place(draw, taken=(p["at"],))
    b["the_poss"] = b["the"] + "'s"
    o["the_plural"] = "stories" if o["noun"] == "cake" else draw.pick(("flowers", "songs", "stories", "sweet things"))
    return {
        "a": a, "b": b, "c": c, "o": o, "q": q, "p": p, "r": r, "t": draw.pick(TIMES),
        "w": draw.pick(WEATHER), "f": draw.pick(FOODS), "n": draw.pick(NUMBERS),
    }


def skeleton(draw, plot=None):
    """The rows of templates that a story chooses from, and the name of the plot."""
    name = plot or draw.pick(sorted(PLOTS))
    rows = [OPENINGS]
    for row in PLOTS[name]:
        if row == ("tries",):
            rows += [TRIES] * draw.below(3)
        elif draw.chance(0.93):
            rows.append(row)
        if draw.chance(0.25):
            rows.append(ASIDES)
    rows += [ENDINGS] * draw.between(1, 2)
    return rows, name


def tell(draw, cast=None, plot=None):
    """A story and what is known of it: sentences grouped to paragraphs, cast, plot."""
    cast = cast or draw_cast(draw)
    rows, name = skeleton(draw, plot)
    said, used = [], set()
    for row in rows:
        template = draw.pick([one for one in row if one not in used] or row)
        used.add(template)
        # weather and time are drawn anew where they are mentioned again
        slots = cast | {"w": draw.pick(WEATHER), "t": draw.pick(TIMES), "n": draw.pick(NUMBERS)}
        said.append(say(draw, template, slots))
    if draw.chance(0.15):
        said.append("The end.")
    paragraphs, place = [], 0
    while place < len(said):
        size = draw.between(2, 5)
        paragraphs.append(" ".join(said[place : place + size]))
        place += size
    return {"text": "\n".join(paragraphs), "cast": cast, "plot": name, "first": said[0]}


def story(draw):
    return {"text": tell(draw)["text"]}
