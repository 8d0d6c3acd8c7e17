#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a run's files against transformers, and against llama.cpp where llama-cpp-python is installed.

    check_with_transformers.py RUN TEMPER [TEXT…]

The model in RUN/model must load without missing or unexpected weights, the tokenizers must agree on ids, and the
log-probabilities that a server of TEMPER reports for each TEXT must be those of transformers to 1e-3."""

import json
import pathlib
import re
import subprocess
import sys
import urllib.request

TEXTS = ["The cat saw the fox.", "Once upon a time, 123 naïve owls said: \"Don't!\"", "\n\n  東京 🙂"]


def transformers_logprobs(folder, text):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, report = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(report[key] for key in report if key.endswith("keys")), report
    ids = tokenizer(text)["input_ids"]
    with torch.no_grad():
        scores = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    return ids, [scores[place, ids[place + 1]].item() for place in range(len(ids) - 1)]


def served_logprobs(url, text):
    body = {"prompt": text, "max_tokens": 0, "echo": True, "logprobs": 1, "return": ["token_ids"]}
    request = urllib.request.Request(
        url + "/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    choice = json.loads(urllib.request.urlopen(request).read())["choices"][0]
    return choice, choice["logprobs"]["token_logprobs"][1:]


def serve(temper, model):
    process = subprocess.Popen([temper, "serve", model, "--port", "0"], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        found = re.search(r"ready on (http://\S+)", line)
        if found:
            return process, found.group(1)
    raise RuntimeError(f"{temper} does not serve {model}")


def llama_cpp_logprobs(path, text, ids):
    try:
        import llama_cpp
        import numpy
    except ImportError:
        return None
    model = llama_cpp.Llama(str(path), logits_all=True, n_ctx=0, n_threads=1, verbose=False)
    # "add_bos" asks for whatever the vocabulary adds
    assert model.tokenize(text.encode(), add_bos=True, special=True) == ids, text
    model.eval(ids)
    scores = numpy.array(model.scores[: len(ids)], dtype=numpy.float64)
    scores -= scores.max(-1, keepdims=True)
    scores -= numpy.log(numpy.exp(scores).sum(-1, keepdims=True))
    return [scores[place, ids[place + 1]] for place in range(len(ids) - 1)]


def main():
    run, temper, *texts = sys.argv[1:]
    run = pathlib.Path(run)
    for model in [run / "model", run / "model.gguf"]:
        if not model.exists():
            continue
        process, url = serve(temper, model)
        try:
            for text in texts or TEXTS:
                ids, expected = transformers_logprobs(run / "model", text)
                choice, found = served_logprobs(url, text)
                served = choice.get("prompt_token_ids") or choice.get("token_ids")
                worst = max((abs(a - b) for a, b in zip(expected, found)), default=0)
                limit = 1e-3 if model.name == "model" else 0.3  # GGUF may be quantized
                assert len(expected) == len(found) and worst < limit, (text, worst, expected, found)
                assert served is None or served[: len(ids)] == ids, (served, ids)
                line = f"{model.name}: {len(ids)} tokens, worst difference to transformers {worst:.2e}"
                if model.suffix == ".gguf" and (other := llama_cpp_logprobs(model, text, ids)) is not None:
                    worst = max((abs(a - b) for a, b in zip(other, found)), default=0)
                    line += f", to llama.cpp {worst:.2e}"
                    assert worst < 0.3, worst
                print(line)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
