#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the start of the process to the first token, and the peak memory of what follows: temper beside llama.cpp.

    python startup.py --temper .build/release/temper --models FOLDER [--only tiny1.1B-Q8_0] [--rounds 5]

README.md says what is measured and how.
"""

import argparse
import pathlib
import random
import statistics
import sys
import time

import make_models
from peer import LlamaCpp, Temper


def memory(pid, key):
    """A size in /proc/PID/status, in MiB."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{key}:")) / 1024


def temper(args, path, prompts):
    begin = time.perf_counter()
    server = Temper(args.temper.absolute(), path, args.threads)
    server.prefill(prompts[0][:8])
    first = time.perf_counter() - begin
    for ids in prompts:
        server.decode(ids, args.generate)
    peak = memory(server.process.pid, "VmHWM")
    server.close()
    return first, peak


def llama(args, path, prompts):
    worker = LlamaCpp(args.python, None, args.threads)
    idle = memory(worker.process.pid, "VmHWM")
    begin = time.perf_counter()
    worker.load(path)
    worker.prefill(prompts[0][:8])
    first = time.perf_counter() - begin
    for ids in prompts:
        worker.decode(ids, args.generate)
    peak = memory(worker.process.pid, "VmHWM") - idle
    worker.close()
    return first, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--temper", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True, type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has llama-cpp-python")
    parser.add_argument("--only", default="tiny1.1B-Q8_0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()

    print("| model | temper, s | llama.cpp, s | ratio | temper peak MiB | llama.cpp peak MiB | ratio |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for path in make_models.ensure(args.models, args.only.split(","), args.temper.absolute()):
        vocabulary = make_models.SHAPES[path.stem.rsplit("-", 1)[0]].vocabulary
        rng = random.Random(1)
        prompts = [[rng.randrange(259, vocabulary) for _ in range(args.prompt)] for _ in range(2)]
        path.read_bytes()  # the file's pages are in memory from now on
        rows = {temper: [], llama: []}
        for turn in range(args.rounds):
            for engine in list(rows) if turn % 2 == 0 else list(rows)[::-1]:
                rows[engine].append(engine(args, path, prompts))
        (ours, our_peak), (theirs, their_peak) = (
            map(statistics.median, zip(*rows[engine])) for engine in (temper, llama))
        print(f"| {path.stem} | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} | {our_peak:.0f} | {their_peak:.0f} |"
              f" {our_peak / their_peak:.2f} |", flush=True)


if __name__ == "__main__":
    main()
