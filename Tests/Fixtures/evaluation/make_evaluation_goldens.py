#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes evaluation-goldens.json: what rouge-score, sacrebleu and SciPy say of a set of texts and numbers.

    pip install rouge-score==0.1.2 sacrebleu==2.6.0 scipy
    python make_evaluation_goldens.py

One file holds all: words as the tokenizers make them, ROUGE-L against several references, BLEU of sentences and of the
corpus, self-BLEU, bootstrap intervals over a stream that both sides draw from, and sign-flip tests.
"""

import json
import pathlib
import random

import numpy
import sacrebleu
import scipy.stats
from rouge_score import rouge_scorer, tokenizers
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

TEXTS = [
    "The cat sat on the mat.",
    "the cat is sitting on a mat , isn't it ?",
    "It costs $3.50, or 1,000.25 in 2019-20; see pp. 3-7 (draft).",
    "A well-known e-mail: me@example.org / you&me &amp; &quot;others&quot; <skipped> &lt;tag&gt;",
    "hyphen-\nated line\nbreaks\r\nand\ttabs \x1c and\u00a0spaces\u3000too",
    "Café coûte 3.5 €, naïve façade — “quoted” … 你好，世界。 İstanbul",
    "...,,,..5..,5,. -- 5-5- 7- [x]{y}~`!\"#%^*+=|\\@_",
    "don't stop, don't stop, don't stop, don't stop",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z " * 3,
    "",
    "   ",
    "one",
    "two words",
    "three little words",
    "Straße ΣΊΣΥΦΟΣ 1. .2 3,",
]


class Stream:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def index(self, limit):
        return (self.next() * limit) >> 64


def generated(source, count):
    words = "the a cat dog sat ran on under mat rug and then it he she 3.5 1,000 . , ; old-fashioned".split()
    return [" ".join(source.choices(words, k=source.randint(0, 40))) for _ in range(count)]


def main():
    source = random.Random(5)
    texts = TEXTS + generated(source, 20)
    # sacrebleu's tokenizer joins what it splits; BLEU itself then splits at white space.
    tokenizer = Tokenizer13a()
    rouge_words = tokenizers.DefaultTokenizer(use_stemmer=False)
    words = [
        {"text": text, "bleu": tokenizer(text.rstrip()).split(), "rouge": rouge_words.tokenize(text)} for text in texts
    ]
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    corpus_bleu = sacrebleu.BLEU()
    sentence_bleu = sacrebleu.BLEU(effective_order=True)
    cases = []
    for number in range(60):
        references = source.sample(texts, source.randint(1, 3))
        hypotheses = source.sample(texts, source.randint(1, 4))
        if number < 6:
            hypotheses = [references[0]] + hypotheses
        rouge = [scorer.score_multi(references, text)["rougeL"] for text in hypotheses]
        cases.append(
            {
                "hypotheses": hypotheses,
                "references": references,
                "rouge": [[score.precision, score.recall, score.fmeasure] for score in rouge],
                "sentence": [sentence_bleu.sentence_score(text, references).score for text in hypotheses],
                "corpus": corpus_bleu.corpus_score(hypotheses, [[text] * len(hypotheses) for text in references]).score,
            }
        )
    groups = []
    for _ in range(10):
        samples = source.sample(texts, source.randint(2, 8))
        scores = [
            sentence_bleu.sentence_score(text, samples[:place] + samples[place + 1 :]).score
            for place, text in enumerate(samples)
        ]
        groups.append({"samples": samples, "score": float(numpy.mean(scores))})
    intervals = []
    for count in [2, 3, 10, 50]:
        values = [source.gauss(3, 2) for _ in range(count)]
        seed = source.getrandbits(64)
        stream = Stream(seed)
        means = [numpy.mean([values[stream.index(count)] for _ in range(count)]) for _ in range(1000)]
        low, high = numpy.quantile(means, [0.025, 0.975])
        intervals.append({"values": values, "seed": str(seed), "low": float(low), "high": float(high)})
    tests = []
    for count in [2, 5, 8, 13, 14]:
        first = [source.gauss(0, 1) for _ in range(count)]
        second = [value + source.gauss(0.8, 1) for value in first]
        if count == 8:
            second = [value + source.choice([0, 1, -1]) for value in first]
        result = scipy.stats.permutation_test(
            (numpy.subtract(second, first),), numpy.mean, permutation_type="samples", n_resamples=numpy.inf
        )
        tests.append(
            {"first": first, "second": second, "difference": float(result.statistic), "p": float(result.pvalue)})
    document = {
        "versions": {"sacrebleu": sacrebleu.__version__, "rouge_score": "0.1.2", "scipy": scipy.__version__},
        "words": words,
        "cases": cases,
        "groups": groups,
        "intervals": intervals,
        "tests": tests,
    }
    path = pathlib.Path(__file__).with_name("evaluation-goldens.json")
    path.write_text(json.dumps(document, ensure_ascii=True, indent=1) + "\n")


main()
