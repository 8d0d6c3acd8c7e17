#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests per second of the HTTP server alone: GET /health over connections that stay open. Needs wrk.

    python requests_per_second.py --temper .build/release/temper [--connections 64] [--seconds 5] [--rounds 3]
"""

import argparse
import pathlib
import re
import statistics
import subprocess

from peer import Temper, process_seconds

ROOT = pathlib.Path(__file__).resolve().parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--temper", required=True, type=pathlib.Path)
    parser.add_argument("--model", default=ROOT / "Models" / (ROOT / "Models/default").read_text().strip())
    parser.add_argument("--connections", default="64,1000")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    server = Temper(args.temper.absolute(), args.model, threads=1, context=256)
    print("| connections | requests/s | microseconds of CPU per request | p99, ms |")
    print("|--:|--:|--:|--:|")
    for connections in map(int, args.connections.split(",")):
        rows = []
        for _ in range(args.rounds):
            before = process_seconds(server.process.pid)
            text = subprocess.run(
                ["wrk", "-t1", f"-c{connections}", f"-d{args.seconds}s", "--latency", f"{server.url}/health"],
                check=True, capture_output=True, text=True).stdout
            taken = process_seconds(server.process.pid) - before
            count = int(re.search(r"(\d+) requests in", text)[1])
            value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
            assert "Non-2xx" not in text and "Socket errors" not in text, text
            rows.append((float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), 1e6 * taken / count,
                         float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]))
        speed, cpu, late = (statistics.median(values) for values in zip(*rows))
        print(f"| {connections} | {speed:,.0f} | {cpu:.0f} | {late:.1f} |", flush=True)
    server.close()


if __name__ == "__main__":
    main()
