# SPDX-License-Identifier: Apache-2.0
"""llama.cpp in a process of its own: one JSON command a line in, one answer a line out. Started by peer.py.

    {"load": PATH, "threads": N, "context": N}
    {"prefill": [ids]}                    seconds to compute them all as one batch
    {"decode": N, "prompt": [ids]}        seconds for N greedy steps after the prompt
"""

import contextlib
import ctypes
import json
import os
import sys
import time

import numpy as np


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    import llama_cpp as cpp

    cpp.llama_backend_init()
    model = context = None
    vocabulary = 0

    def batch(ids, first):
        made = cpp.llama_batch_init(len(ids), 0, 1)
        made.n_tokens = len(ids)
        for i, token in enumerate(ids):
            made.token[i], made.pos[i], made.n_seq_id[i], made.logits[i] = token, first + i, 1, i == len(ids) - 1
            made.seq_id[i][0] = 0
        return made

    def decode(ids, first):
        made = batch(ids, first)
        if cpp.llama_decode(context, made) != 0:
            raise RuntimeError("llama_decode")
        cpp.llama_batch_free(made)
        return int(np.argmax(np.ctypeslib.as_array(cpp.llama_get_logits_ith(context, -1), (vocabulary,))))

    for line in sys.stdin:
        command = json.loads(line)
        answer = {}
        if "load" in command:
            with contextlib.suppress(TypeError):
                cpp.llama_free(context)
                cpp.llama_model_free(model)
            model = cpp.llama_model_load_from_file(command["load"].encode(), cpp.llama_model_default_params())
            params = cpp.llama_context_default_params()
            params.n_ctx = params.n_batch = params.n_ubatch = command["context"]
            params.n_threads = params.n_threads_batch = command["threads"]
            context = cpp.llama_init_from_model(model, params)
            vocabulary = cpp.llama_vocab_n_tokens(cpp.llama_model_get_vocab(model))
            answer["system"] = ctypes.string_at(cpp.llama_print_system_info()).decode()
        elif "prefill" in command:
            cpp.llama_memory_clear(cpp.llama_get_memory(context), True)
            begin = time.perf_counter()
            decode(command["prefill"], 0)
            answer["seconds"] = time.perf_counter() - begin
        else:
            cpp.llama_memory_clear(cpp.llama_get_memory(context), True)
            token, place = decode(command["prompt"], 0), len(command["prompt"])
            begin = time.perf_counter()
            for step in range(command["decode"]):
                token = decode([token], place + step)
            answer["seconds"] = time.perf_counter() - begin
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
