# SPDX-License-Identifier: Apache-2.0
"""llama.cpp in a process of its own: one JSON command a line in, one answer a line out. Started by peer.py.

    {"load": PATH, "threads": N, "context": N}
    {"ready": true}                       answers when commands are read
    {"prefill": [ids]}                    seconds to compute them all as one batch
    {"decode": N, "prompt": [ids]}        seconds for N greedy steps after the prompt
    {"serve": [[ids]], "generate": N}     seconds from the start to each of N tokens of every prompt, all at once;
                                          needs "streams": N in load
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
    vocabulary = limit = 0

    def batch(ids, first):
        made = cpp.llama_batch_init(len(ids), 0, 1)
        made.n_tokens = len(ids)
        for i, token in enumerate(ids):
            made.token[i], made.pos[i], made.n_seq_id[i], made.logits[i] = token, first + i, 1, i == len(ids) - 1
            made.seq_id[i][0] = 0
        return made

    def serve(prompts, count):
        """As llama-server fills its batches: the next token of every sequence, then prompts in order."""
        computed, newest = [0] * len(prompts), [0] * len(prompts)
        times = [[] for _ in prompts]
        made = cpp.llama_batch_init(limit, 0, 1)
        begin = time.perf_counter()
        while any(len(one) < count for one in times):
            made.n_tokens, ends = 0, {}

            def add(sequence, token, position, wants):
                i = made.n_tokens
                made.token[i], made.pos[i], made.n_seq_id[i], made.logits[i] = token, position, 1, wants
                made.seq_id[i][0] = sequence
                if wants:
                    ends[sequence] = i
                made.n_tokens += 1

            for sequence, one in enumerate(times):
                if 0 < len(one) < count:
                    add(sequence, newest[sequence], len(prompts[sequence]) + len(one) - 1, True)
            for sequence, ids in enumerate(prompts):
                while computed[sequence] < len(ids) and made.n_tokens < limit:
                    add(sequence, ids[computed[sequence]], computed[sequence], computed[sequence] == len(ids) - 1)
                    computed[sequence] += 1
            if cpp.llama_decode(context, made) != 0:
                raise RuntimeError("llama_decode")
            for sequence, i in ends.items():
                logits = np.ctypeslib.as_array(cpp.llama_get_logits_ith(context, i), (vocabulary,))
                newest[sequence] = int(np.argmax(logits))
                times[sequence].append(time.perf_counter() - begin)
        cpp.llama_batch_free(made)
        return times

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
            if streams := command.get("streams"):
                params.n_ctx, params.n_seq_max = command["context"] * streams, streams
                limit = params.n_batch
            else:
                params.n_ctx = params.n_batch = params.n_ubatch = command["context"]
            params.n_threads = params.n_threads_batch = command["threads"]
            context = cpp.llama_init_from_model(model, params)
            vocabulary = cpp.llama_vocab_n_tokens(cpp.llama_model_get_vocab(model))
            answer["system"] = ctypes.string_at(cpp.llama_print_system_info()).decode()
        elif "ready" in command:
            answer["ready"] = True
        elif "serve" in command:
            cpp.llama_memory_clear(cpp.llama_get_memory(context), True)
            answer["times"] = serve(command["serve"], command["generate"])
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
