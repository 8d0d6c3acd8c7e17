# SPDX-License-Identifier: Apache-2.0
"""Compares the oracle of make_stage_goldens.py with transformers (5.24) and llama.cpp (llama-cpp-python 0.3.36).

Both compute in single precision (transformers here in double): what survives may differ where ids tie, so that the
logits of the survivors are compared rather than their ids, and a case is passed over where the libraries' own rounding
decides it; how many were is told. What the libraries cannot do is not compared.
"""

import collections
import math
import sys

import numpy as np


class Checker:
    def __init__(self):
        self.compared, self.passed_over = collections.Counter(), collections.Counter()
        self.faults = []

    def __call__(self, raw, order, names, stages, prompt, output, chain):
        if len(raw) > 5000 and "tfs" in stages:
            return
        found = self.compute(raw, order, names, stages, prompt, output)
        if found is None:
            return
        key = "+".join(stages)
        ids = np.flatnonzero(found > -np.inf)
        # What has no probability may stay or go.
        expected = np.trim_zeros(np.sort(chain.p())[::-1])
        weights = np.exp(found[ids] - found[ids].max())
        p = np.trim_zeros(np.sort(weights / weights.sum())[::-1])
        if len(p) != len(expected):
            # The rounding of the library moves a boundary by a few candidates of a large vocabulary, no more.
            near = abs(len(p) - len(expected)) <= max(1, 2e-3 * len(expected))
            if near and len(raw) > 100:
                self.passed_over[key] += 1
            else:
                self.faults.append((key, order, len(raw), len(p), len(expected), raw[:12], stages))
        elif np.allclose(p, expected, rtol=2e-3, atol=2e-6):
            self.compared[key] += 1
        else:
            self.faults.append((key, order, len(raw), p[:5], expected[:5], raw[:12], stages))

    def report(self):
        for key in sorted(self.compared | self.passed_over):
            print(f"  {key}: {self.compared[key]} equal, {self.passed_over[key]} passed over", file=sys.stderr)
        for fault in self.faults[:20]:
            print("differs:", *fault, file=sys.stderr)
        if self.faults:
            raise SystemExit(f"{len(self.faults)} cases differ")


class Transformers(Checker):
    def __init__(self):
        super().__init__()
        import torch
        from transformers.generation import logits_process
        torch.set_num_threads(1)
        self.torch, self.hf = torch, logits_process
        self.watermarks = {}

    def processor(self, name, a, size, prompt):
        hf = self.hf
        if name == "sequence_bias":
            kept = {tuple(s): b for s, b in a["biases"] if max(s) < size}
            return hf.SequenceBiasLogitsProcessor(kept) if kept else None
        if name == "bad_words":
            kept = [s for s in a["sequences"] if max(s) < size]
            return hf.NoBadWordsLogitsProcessor(kept, eos_token_id=[size - 1] if size > 20 else None) if kept else None
        if name == "repetition_penalty" and "window" not in a:
            ignored = len(prompt) if a.get("scope") == "output" else None
            return hf.RepetitionPenaltyLogitsProcessor(a["penalty"], prompt_ignore_length=ignored)
        if name == "no_repeat_ngram":
            return hf.NoRepeatNGramLogitsProcessor(a["size"])
        if name == "min_tokens":
            return hf.MinNewTokensLengthLogitsProcessor(len(prompt), a["count"], a["ids"])
        if name == "exponential_decay_length_penalty":
            return hf.ExponentialDecayLengthPenalty((a["start"], a["factor"]), a["ids"], len(prompt))
        if name == "suppress_tokens":
            return hf.SuppressTokensLogitsProcessor([i for i in a["ids"] if i < size])
        if name == "temperature" and a["temperature"] > 0 and "range" not in a:
            return hf.TemperatureLogitsWarper(float(a["temperature"]))
        if name == "top_h":
            return hf.TopHLogitsWarper(a["h"])
        if name == "top_k":
            return hf.TopKLogitsWarper(a["k"])
        if name == "top_p":
            return hf.TopPLogitsWarper(a["p"])
        if name == "min_p":
            return hf.MinPLogitsWarper(a["p"])
        if name == "typical_p":
            return hf.TypicalLogitsWarper(a["p"])
        if name == "epsilon_cutoff":
            return hf.EpsilonLogitsWarper(a["cutoff"])
        if name == "eta_cutoff":
            return hf.EtaLogitsWarper(a["cutoff"])
        if name == "watermark" and size < 5000:
            key = (size, a["ratio"], a["bias"], a["key"])
            if key not in self.watermarks:
                self.watermarks[key] = hf.WatermarkLogitsProcessor(
                    size, "cpu", greenlist_ratio=a["ratio"], bias=a["bias"], hashing_key=a["key"])
            return self.watermarks[key]
        raise KeyError(name)

    def compute(self, raw, order, names, stages, prompt, output):
        from chain_oracle import ORDERS
        single = len(stages) == 1
        if not single and order != "hf":
            return None
        if "watermark" in stages and stages["watermark"]["key"] >= 2**63:
            return None  # No seed of torch.
        if "temperature" in stages and stages["temperature"]["temperature"] == 0:
            return None
        # Its top-h looks at 100 ids, its typical keeps ties: what the hf order does.
        tied = len(np.unique(raw)) < len(raw)
        if order != "hf" and (tied and {"typical_p", "top_k"} & set(stages) or "top_h" in stages and len(raw) > 100):
            return None
        text = [i if i < len(raw) else len(raw) for i in prompt + output]
        if {"no_repeat_ngram", "sequence_bias", "bad_words"} & set(stages) and max(text) >= len(raw):
            return None
        if "watermark" in stages and text[-1] >= len(raw):
            return None
        ids = self.torch.tensor([text], dtype=self.torch.long)
        scores = self.torch.tensor(raw[None].astype(np.float64))
        try:
            for name in (names or ORDERS[order] if not single else list(stages)):
                if name in stages:
                    processor = self.processor(name, stages[name], len(raw), prompt)
                    if processor is not None:
                        scores = processor(ids, scores)
        except KeyError:
            return None
        return scores[0].numpy()


class Llama(Checker):
    """Needs TEMPER_VOCABULARY, a GGUF file with the vocabulary of GPT-2, for the functions that ask for one."""

    def __init__(self):
        super().__init__()
        import ctypes
        import os

        import llama_cpp
        self.c, self.l = ctypes, llama_cpp
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        model = llama_cpp.llama_model_load_from_file(os.environ["TEMPER_VOCABULARY"].encode(), params)
        self.vocabulary = ctypes.c_void_p(llama_cpp.llama_model_get_vocab(model))

    def samplers(self, name, a, size, text):
        """The library's samplers for a stage, each with the tokens that it accepts first."""
        l = self.l
        if name == "logit_bias":
            kept = [(i, b) for i, b in a["bias"] if i < size]
            array = (l.llama_logit_bias * len(kept))(*[l.llama_logit_bias(i, b) for i, b in kept])
            return [(l.llama_sampler_init_logit_bias(size, len(kept), array), [])]
        penalties = {"repetition_penalty": 0, "frequency_penalty": 1, "presence_penalty": 2}
        if name in penalties and a.get("scope", "both") == "both":
            values = [1.0, 0.0, 0.0]
            values[penalties[name]] = a["penalty"]
            window = a.get("window", 64)
            return [(self.raw("penalties", (size, window, *values)), text)]
        if name == "dry":
            # In GPT-2's vocabulary id i below 10 is the character 33 + i.
            words = ["".join(chr(33 + i) for i in ids).encode() for ids in a.get("breakers", [])]
            array = (self.c.c_char_p * max(1, len(words)))(*words)
            return [(self.raw("dry", (self.vocabulary, a["multiplier"], float(a["base"]), a["allowed_length"],
                                      a.get("window", 1000), array, len(words))), text)]
        if name == "top_n_sigma":
            return [(l.llama_sampler_init_top_n_sigma(a["n"]), [])]
        if name == "top_k":
            return [(l.llama_sampler_init_top_k(a["k"]), [])]
        if name == "top_p":
            return [(l.llama_sampler_init_top_p(a["p"], 0), [])]
        if name == "min_p":
            return [(l.llama_sampler_init_min_p(a["p"], 0), [])]
        if name == "typical_p":
            return [(l.llama_sampler_init_typical(a["p"], 0), [])]
        if name == "xtc" and a["probability"] == 1:
            return [(l.llama_sampler_init_xtc(1.0, a["threshold"], 0, 1), [])]
        if name == "temperature":
            return [(l.llama_sampler_init_temp_ext(a["temperature"], a.get("range", 0), a.get("exponent", 1)), [])]
        if name == "mirostat" and a["version"] == 1:
            return [(l.llama_sampler_init_mirostat(size, 1, a["tau"], a["eta"], 100), [])]
        if name == "mirostat":
            return [(l.llama_sampler_init_mirostat_v2(1, a["tau"], a["eta"]), [])]
        if name == "adaptive_p":
            return [(l.llama_sampler_init_adaptive_p(a["target"], a["decay"], 1), [])]
        raise KeyError(name)

    def raw(self, name, values):
        """Calls the C function itself: its declaration in the package is that of another version."""
        function = self.l.llama_cpp._lib[f"llama_sampler_init_{name}"]
        function.restype = self.c.POINTER(self.l.llama_sampler)
        types = {int: self.c.c_int32, float: self.c.c_float}
        return function(*[types[type(v)](v) if type(v) in types else v for v in values])

    def compute(self, raw, order, names, stages, prompt, output):
        from chain_oracle import ORDERS
        if order != "llama.cpp" and len(stages) > 1 or len(raw) > 5000 and "typical_p" in stages:
            return None
        if order != "llama.cpp" and "frequency_penalty" in stages and stages["frequency_penalty"].get("scope") is None:
            return None
        if order != "llama.cpp" and "presence_penalty" in stages and stages["presence_penalty"].get("scope") is None:
            return None
        l, text = self.l, prompt + output
        size = len(raw)
        finite = np.flatnonzero(raw > -np.inf)
        if "top_n_sigma" in stages and np.abs(raw[finite]).max() > 1e18:
            return None  # Its squares overflow.
        if "mirostat" in stages and stages["mirostat"]["version"] == 1 and (
                len(finite) < 3 or np.ptp(raw[finite]) < 1e-3):
            return None  # In single precision it divides by zero.
        if "adaptive_p" in stages and len(stages) == 1 and np.abs(raw[finite]).max() > 1e18:
            return None
        data = (l.llama_token_data * len(finite))(*[l.llama_token_data(int(i), float(raw[i]), 0.0) for i in finite])
        array = l.llama_token_data_array(data, len(finite), -1, False)
        sequence = list(stages) if len(stages) == 1 else ORDERS["llama.cpp"]
        if "mirostat" in stages:
            sequence = [n for n in sequence if n in ("logit_bias", "temperature", "mirostat")]
        try:
            for name in sequence:
                if name not in stages:
                    continue
                for sampler, tokens in self.samplers(name, stages[name], size, text):
                    for token in tokens:
                        l.llama_sampler_accept(sampler, token)
                    l.llama_sampler_apply(sampler, self.c.byref(array))
                    l.llama_sampler_free(sampler)
        except KeyError:
            return None
        found = np.full(size, -np.inf)
        for index in range(array.size):
            found[array.data[index].id] = array.data[index].logit
        return None if np.isnan(found).any() or math.isinf(found.max()) else found


def checker(name):
    return {"transformers": Transformers, "llama": Llama}[name]()
