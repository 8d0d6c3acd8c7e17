# SPDX-License-Identifier: Apache-2.0
"""Asks a running server the evaluation set and writes what a model's card says of it.

    python3 -m corpus.evaluate --questions FOLDER/evaluation.jsonl --out FOLDER [--url http://127.0.0.1:8080]

Run it in Models/. Written: evaluation.md (tables), curve.svg (accuracy over the number of examples), evaluation.json
(all figures). Answers are greedy and count when they are the wanted text to the letter. Intervals are Wilson's, 95 %.
"""

import argparse
import collections
import json
import pathlib

from . import scores
from .client import Server
from .heldout import SHOTS
from .plot import chart

PROMPTS = (
    "Once upon a time", "One morning the", "There was once a little", "It was raining.", "\"Where are you going?\"",
    "Near the river there lived", "Long ago", "Anna was",
)
SETTINGS = (
    *({"temperature": t} for t in (0, 0.2, 0.7, 1.0, 1.5, 1.8)),
    {"temperature": 1.0, "top_k": 10}, {"temperature": 1.0, "top_p": 0.5}, {"temperature": 1.8, "top_p": 0.9},
)


def tally(items, answers):
    """Hits and counts by kind, split, family, control and shots; questions that did not fit count nowhere."""
    found = collections.defaultdict(lambda: [0, 0])
    for item, answer in zip(items, answers):
        if answer is None:
            continue
        key = (item["kind"], item["split"], item["family"], item["control"], item["shots"])
        found[key][0] += answer == item["answer"]
        found[key][1] += 1
    return found


def prose(server, settings, tokens, choices, vocabulary):
    """Figures of the texts that one setting gives."""
    texts = []
    for number, prompt in enumerate(PROMPTS):
        count = 1 if settings["temperature"] == 0 else choices
        texts += server.texts(prompt=prompt, max_tokens=tokens, n=count, seed=number, ignore_eos=True, **settings)
    row = {
        "settings": settings, "texts": len(texts), "distinct-2": scores.distinct(texts),
        "self-BLEU": scores.self_bleu(texts), "repeated 4-grams": scores.repetition(texts), "sample": texts[0],
    }
    if vocabulary:
        row["known words"] = scores.known_share(texts, vocabulary)
    return row


def percent(hits, count):
    share, low, high = scores.wilson(hits, count)
    return f"{share:.0%} ({low:.0%} to {high:.0%})"


def curve_table(found):
    lines = ["| family | " + " | ".join(f"{n} shots" for n in SHOTS) + " |", "|---" * (len(SHOTS) + 1) + "|"]
    rows = dict.fromkeys((split, family, control) for kind, split, family, control, _ in found if kind == "curve")
    for split, family, control in rows:
        name = f"{family}, random labels (control)" if control else family
        cells = (found.get(("curve", split, family, control, n)) for n in SHOTS)
        lines.append(f"| {name} ({split}) | " + " | ".join(percent(*cell) if cell else "" for cell in cells) + " |")
    return lines


def task_tables(found):
    lines = ["| task | right, zero-shot, in words not trained on |", "|---|---|"]
    total = [0, 0]
    for (kind, split, family, _, _), (hits, count) in found.items():
        if kind == "task" and split == "trained":
            lines.append(f"| {family} | {percent(hits, count)} |")
            total = [total[0] + hits, total[1] + count]
    lines.append(f"| **all** | {percent(*total)} |")
    shots = (0, 1, 2, 4, 8)
    lines += ["", "| task never trained | " + " | ".join(f"{n} shots" for n in shots) + " |", "|---" * 6 + "|"]
    for family in dict.fromkeys(f for kind, split, f, _, _ in found if kind == "task" and split == "held"):
        cells = (found.get(("task", "held", family, False, n)) for n in shots)
        lines.append(f"| {family} | " + " | ".join(percent(*cell) if cell else "" for cell in cells) + " |")
    return lines


def prose_table(rows):
    keys = [key for key in rows[0] if key not in ("settings", "sample")]
    lines = ["| setting | " + " | ".join(keys) + " |", "|---" * (len(keys) + 1) + "|"]
    for row in rows:
        setting = ", ".join(f"{key} {value}" for key, value in row["settings"].items())
        cells = (f"{row[key]:.3f}" if isinstance(row[key], float) else str(row[key]) for key in keys)
        lines.append(f"| {setting} | " + " | ".join(cells) + " |")
    for row in rows:
        setting = ", ".join(f"{key} {value}" for key, value in row["settings"].items())
        lines += ["", f"{setting}:", "", "> " + " ".join((PROMPTS[0] + row["sample"]).split())]
    return lines


def curves(found, families):
    for family in families:
        for split in ("trained", "held"):
            for control in (False, True):
                row = [found.get(("curve", split, family, control, n)) for n in SHOTS]
                if any(row):
                    points = [scores.wilson(*cell) if cell else None for cell in row]
                    yield family + (" (random labels)" if control else ""), control or split == "trained", points


def main():
    parser = argparse.ArgumentParser(prog="python3 -m corpus.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("--questions", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--model")
    parser.add_argument("--key")
    parser.add_argument("--corpus", type=pathlib.Path, help="stories.jsonl and the like, to tell known words")
    parser.add_argument("--every", type=int, default=1, help="ask only every n-th item of each family")
    parser.add_argument("--tokens", type=int, default=120, help="length of each prose text (default 120)")
    parser.add_argument("--choices", type=int, default=6, help="texts per prompt and setting (default 6)")
    options = parser.parse_args()
    server = Server(options.url, options.model, options.key)

    seen, items = collections.Counter(), []
    for line in options.questions.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        key = (item["family"], item["control"], item["shots"])
        if seen[key] % options.every == 0:
            items.append(item)
        seen[key] += 1
    answers = server.answers(items)
    found = tally(items, answers)
    omitted = answers.count(None)

    vocabulary = set()
    for path in sorted(options.corpus.glob("*.jsonl")) if options.corpus else ():
        if path.name in ("stories.jsonl", "books.jsonl"):
            for line in path.read_text(encoding="utf-8").splitlines():
                vocabulary.update(scores.words(json.loads(line)["text"]))
    rows = [prose(server, setting, options.tokens, options.choices, vocabulary) for setting in SETTINGS]

    options.out.mkdir(parents=True, exist_ok=True)
    shown = ("classify 2, new categories", "classify 2, new categories, words not shown", "classify 2, all new",
             "classify 4, new categories", "pick, new categories", "lookup, new formats", "edit, new operations")
    svg = chart(f"{server.name()}: accuracy over examples", SHOTS, list(curves(found, shown)), chance=(0.5,))
    (options.out / "curve.svg").write_text(svg, encoding="utf-8")
    text = [
        "## In-context learning", "", "![Accuracy over the number of examples](curve.svg)", "",
        "Chance is 1/K among K labels: 50 % and 25 % for 2 and 4 classes, 33 % for pick.",
        f"{len(items) - omitted} questions; {omitted} more did not fit into the context.", "", *curve_table(found), "",
        "## Instructions", "", *task_tables(found), "", "## Prose", "", *prose_table(rows), "",
    ]
    (options.out / "evaluation.md").write_text("\n".join(text), encoding="utf-8")
    figures = {
        "model": server.name(), "questions": len(items) - omitted, "omitted": omitted,
        "accuracy": [dict(zip(("kind", "split", "family", "control", "shots", "hits", "count"), (*key, *value)))
                     for key, value in found.items()],
        "prose": rows,
    }
    (options.out / "evaluation.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
