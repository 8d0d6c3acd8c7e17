#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes calibration-goldens.json: contextual, batch and PMI calibration of choices, in NumPy by the papers' formulas.

    python make_calibration_goldens.py
"""

import json
import pathlib

import numpy


def shares(logprobs):
    p = numpy.exp(numpy.asarray(logprobs, dtype=numpy.longdouble))
    return p / p.sum(axis=-1, keepdims=True)


def contextual(query, others):
    """Zhao et al. 2021, section 5: W = diag(p_cf)^-1, b = 0; p_cf is the mean over content-free inputs."""
    q = numpy.diag(1 / shares(others).mean(axis=0)) @ shares(query)
    return q / q.sum()


def batch(query, others):
    """Zhou et al. 2024, equation 3: the mean over the batch, which the query is part of."""
    q = shares(query) / shares([query] + others).mean(axis=0)
    return q / q.sum()


def pmi(query, others):
    """Holtzman et al. 2021: P(y | x) / P(y | domain premise), of the texts themselves."""
    q = numpy.exp(numpy.asarray(query, dtype=numpy.longdouble)) / numpy.exp(
        numpy.asarray(others[0], dtype=numpy.longdouble))
    return q / q.sum()


def main():
    draw = numpy.random.default_rng(3)
    cases = []
    for method, function in [("contextual", contextual), ("batch", batch), ("pmi", pmi)]:
        for count, inputs in [(2, 1), (2, 3), (5, 4), (16, 3)]:
            query = (-draw.exponential(6, size=count)).tolist()
            others = (-draw.exponential(6, size=(1 if method == "pmi" else inputs, count))).tolist()
            cases.append({"method": method, "query": query, "others": others,
                          "calibrated": [float(value) for value in numpy.log(function(query, others))]})
    path = pathlib.Path(__file__).with_name("calibration-goldens.json")
    path.write_text(json.dumps(cases, indent=1) + "\n")


main()
