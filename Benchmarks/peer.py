#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decode and prefill of temper beside llama.cpp: same files, same machine, turn by turn.

    python peer.py --temper .build/release/temper --models FOLDER [--rounds 5] [--only smol135M-Q8_0] [--json OUT]

FOLDER receives the random-weight models of make_models.py. README.md says what is measured and how.
"""

import argparse
import json
import os
import pathlib
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import requests
from gguf import GGUFReader

import make_models

HERE = pathlib.Path(__file__).resolve().parent
CONTEXT = 1024


def busy_seconds():
    """CPU time that anything on this machine has used."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, idle, wait, irq, soft, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def process_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Temper:
    name = "temper"

    def __init__(self, binary, model, threads, context=CONTEXT):
        self.process = subprocess.Popen(
            [binary, "serve", model, "--port", "0", "--threads", str(threads), "--ctx", str(context)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.url = None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            found = re.search(r"listening on (http://[^\s\"]+:\d+)", line)
            if found:
                self.url = found.group(1)
                break
        if not self.url:
            sys.exit("temper did not start:\n" + "".join(lines))
        threading.Thread(target=lambda: [None for _ in self.process.stdout], daemon=True).start()
        self.session = requests.Session()
        while self.session.get(f"{self.url}/readyz", timeout=5).status_code != 200:
            time.sleep(0.05)

    def post(self, **body):
        body |= {"temperature": 0, "ignore_eos": True}
        answer = self.session.post(f"{self.url}/v1/completions", json=body, timeout=600, stream=body.get("stream", False))
        if answer.status_code != 200:
            sys.exit(answer.text)
        return answer

    def prefill(self, ids):
        """Seconds from sending the request to having its answer of one token."""
        begin = time.perf_counter()
        self.post(prompt=ids, max_tokens=1).content
        return time.perf_counter() - begin

    def decode(self, ids, count):
        """Seconds from the first streamed token to the last one."""
        times = []
        body = {"prompt": ids, "max_tokens": count + 1, "stream": True, "return": ["token_ids"]}
        for line in self.post(**body).iter_lines(chunk_size=1):
            if line.startswith(b"data: {"):
                choice = json.loads(line[6:])["choices"]
                if choice:
                    times += [time.perf_counter()] * len(choice[0]["token_ids"])
        if len(times) != count + 1:
            sys.exit(f"{len(times)} tokens came, {count + 1} were asked for")
        return times[-1] - times[0]

    def close(self):
        self.session.close()
        self.process.terminate()
        self.process.wait(30)


def engine_alone(binary, model, threads, args):
    """Tokens per second of the forward pass without server and sampling: decode, prefill."""
    done = subprocess.run(
        [binary, "bench", model, "--threads", str(threads), "--prompt", str(args.prompt), "--generate",
         str(args.generate), "--repetitions", "1", "--json"], check=True, capture_output=True, text=True)
    figures = json.loads(done.stdout)
    return figures["decode_tokens_per_second"], figures["prefill_tokens_per_second"]


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, python, model, threads):
        self.process = subprocess.Popen(
            [python, HERE / "llama_worker.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.threads = threads
        self.system = self.load(model)["system"] if model else self.ask(ready=True)

    def load(self, model):
        return self.ask(load=str(model), threads=self.threads, context=CONTEXT)

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the llama.cpp worker died")
        return json.loads(line)

    def prefill(self, ids):
        return self.ask(prefill=ids)["seconds"]

    def decode(self, ids, count):
        return self.ask(decode=count, prompt=ids)["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def bandwidth(size, threads):
    """GB/s at which this machine reads that many bytes again and again."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "bandwidth"
        compiler = os.environ.get("CC", "cc")
        subprocess.run(
            [compiler, "-O3", "-march=native", "-pthread", HERE / "bandwidth.c", "-o", program], check=True)
        done = subprocess.run([program, str(size), str(threads)], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[0])


def measure(engines, bench, args, vocabulary):
    """Seconds of each engine and test, turn by turn, the speed of temper's engine alone, and the cores that other
    processes used meanwhile."""
    seconds = {(engine.name, test): [] for engine in engines for test in ("prefill", "decode")}
    others, alone = [], []
    for turn in range(args.rounds + 1):
        if turn > 0:
            alone.append(engine_alone(*bench, args))
        rng = random.Random(turn)
        prompt = [rng.randrange(259, vocabulary) for _ in range(args.prompt)]
        short = prompt[:8]
        for engine in engines if turn % 2 == 0 else engines[::-1]:
            for test, work in (
                ("prefill", lambda: engine.prefill(prompt)), ("decode", lambda: engine.decode(short, args.generate))
            ):
                wall, busy = time.perf_counter(), busy_seconds()
                own = process_seconds(engine.process.pid) + sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
                taken = work()
                own = process_seconds(engine.process.pid) + sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - own
                wall, busy = time.perf_counter() - wall, busy_seconds() - busy
                if turn > 0:  # the first turn warms up
                    seconds[engine.name, test].append(taken)
                    if wall > 0.2:
                        others.append(max(0.0, busy - own) / wall)
    medians = [statistics.median(values) for values in zip(*alone)]
    return seconds, dict(zip(("decode", "prefill"), medians)), statistics.median(others) if others else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--temper", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True, type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has llama-cpp-python")
    parser.add_argument("--only", default=",".join(make_models.FILES))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--prompt", type=int, default=512, help="tokens of prefill")
    parser.add_argument("--generate", type=int, default=128, help="tokens of decode")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path, help="also write every sample there")
    args = parser.parse_args()

    rows, samples, system = [], {}, ""
    for path in make_models.ensure(args.models, args.only.split(","), args.temper.absolute()):
        reader = GGUFReader(path)
        # the head is the embedding: all weights are read once per token
        weights = sum(int(tensor.n_bytes) for tensor in reader.tensors)
        vocabulary = make_models.SHAPES[path.stem.rsplit("-", 1)[0]].vocabulary
        for threads in map(int, args.threads.split(",")):
            engines = [Temper(args.temper.absolute(), path, threads), LlamaCpp(args.python, path, threads)]
            system = engines[1].system
            bench = (args.temper.absolute(), path, threads)
            seconds, alone, others = measure(engines, bench, args, vocabulary)
            for engine in engines:
                engine.close()
            limit = bandwidth(weights, threads) * 1e9 / weights
            speed = {
                key: (args.prompt if key[1] == "prefill" else args.generate) / statistics.median(values)
                for key, values in seconds.items()
            }
            mark = "*" if others > 0.15 else ""
            for test in ("decode", "prefill"):
                ours, theirs = speed["temper", test], speed["llama.cpp", test]
                share = f"{100 * alone[test] / limit:.0f} %" if test == "decode" else ""
                rows.append(
                    f"| {path.stem} | {threads} | {test} | {ours:.1f} | {alone[test]:.1f} | {theirs:.1f} |"
                    f" {ours / theirs:.2f} | {alone[test] / theirs:.2f} | {share} | {others:.2f}{mark} |")
                print(rows[-1], flush=True)
            samples[f"{path.stem}/{threads}"] = {
                "others": others, "limit": limit, "alone": alone, **{f"{a} {b}": v for (a, b), v in seconds.items()}}
            if args.json:
                args.json.write_text(json.dumps(samples, indent=1) + "\n", encoding="utf-8")

    print(f"\nllama.cpp: {system}\n")
    print("| model | threads | test | served tok/s | engine tok/s | llama.cpp tok/s | served ratio | engine ratio |"
          " of bandwidth limit | others' cores |")
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
