#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many streams at once: temper over HTTP beside llama.cpp's continuous batching without any.

    python serving.py --temper .build/release/temper --models FOLDER [--only smol135M-Q8_0] [--streams 8,16,32]

README.md says what is measured and how.
"""

import argparse
import asyncio
import json
import pathlib
import random
import statistics
import sys
import time
import urllib.parse

import make_models
from peer import LlamaCpp, Temper, busy_seconds, process_seconds


async def stream(url, body):
    """Arrival times of the events of one streamed completion, which must bring `max_tokens` tokens."""
    place = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    data = json.dumps(body).encode()
    writer.write(
        b"POST /v1/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n" % (place.netloc.encode(), len(data)) + data)
    times, usage = [], None
    while line := await reader.readline():
        if line.startswith(b'data: {"'):
            times.append(time.perf_counter())
            if b'"usage":{' in line:
                usage = json.loads(line[6:])["usage"]
    writer.close()
    if not usage or usage["completion_tokens"] != body["max_tokens"]:
        sys.exit(f"a stream ended early: {usage}")
    return times[:-1]  # the last event has the usage alone


class Streams(Temper):
    """temper with as many streams as there are prompts."""

    def burst(self, prompts, count):
        async def run():
            return await asyncio.gather(*(
                stream(self.url, {
                    "prompt": ids, "max_tokens": count, "temperature": 0, "ignore_eos": True, "stream": True,
                    "stream_options": {"include_usage": True}}) for ids in prompts))

        begin = time.perf_counter()
        return [[moment - begin for moment in times] for times in asyncio.run(run())]


class Batches(LlamaCpp):
    """llama.cpp with a sequence per prompt, batched as llama-server does it."""

    def __init__(self, python, model, threads, streams):
        super().__init__(python, model, threads)
        self.ask(load=str(model), threads=threads, context=256, streams=streams)

    def burst(self, prompts, count):
        return self.ask(serve=prompts, generate=count)["times"]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def figures(bursts, count):
    """Tokens per second (median of bursts), and milliseconds that 95 of 100 first tokens and gaps do not exceed."""
    speed = statistics.median(len(times) * count / max(one[-1] for one in times) for times in bursts)
    first = percentile([one[0] for times in bursts for one in times], 0.95)
    gap = percentile([b - a for times in bursts for one in times for a, b in zip(one, one[1:])], 0.95)
    return speed, 1000 * first, 1000 * gap


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--temper", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True, type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has llama-cpp-python")
    parser.add_argument("--only", default="smol135M-Q8_0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--streams", default="8,16,32")
    parser.add_argument("--prompt", type=int, default=128, help="tokens of each prompt")
    parser.add_argument("--generate", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    print("| model | streams | temper tok/s | llama.cpp tok/s | ratio | first token p95, ms | ratio | gap p95, ms |"
          " ratio | others' cores |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for path in make_models.ensure(args.models, args.only.split(","), args.temper.absolute()):
        vocabulary = make_models.SHAPES[path.stem.rsplit("-", 1)[0]].vocabulary
        for streams in map(int, args.streams.split(",")):
            engines = [
                Streams(args.temper.absolute(), path, args.threads), Batches(args.python, path, args.threads, streams)]
            bursts, others = {engine.name: [] for engine in engines}, []
            for turn in range(args.rounds + 1):
                rng = random.Random(turn)
                prompts = [[rng.randrange(259, vocabulary) for _ in range(args.prompt)] for _ in range(streams)]
                for engine in engines if turn % 2 == 0 else engines[::-1]:
                    wall, busy = time.perf_counter(), busy_seconds()
                    own = process_seconds(engine.process.pid) + time.process_time()
                    times = engine.burst(prompts, args.generate)
                    own = process_seconds(engine.process.pid) + time.process_time() - own
                    wall, busy = time.perf_counter() - wall, busy_seconds() - busy
                    if turn > 0:  # the first turn warms up
                        bursts[engine.name].append(times)
                        others.append(max(0.0, busy - own) / wall)
            for engine in engines:
                engine.close()
            ours, theirs = (figures(bursts[engine.name], args.generate) for engine in engines)
            ratios = [a / b for a, b in zip(ours, theirs)]
            print(
                f"| {path.stem} | {streams} | {ours[0]:.0f} | {theirs[0]:.0f} | {ratios[0]:.2f} | {ours[1]:.0f} /"
                f" {theirs[1]:.0f} | {ratios[1]:.2f} | {ours[2]:.0f} / {theirs[2]:.0f} | {ratios[2]:.2f} |"
                f" {statistics.median(others):.2f} |", flush=True)


if __name__ == "__main__":
    main()
