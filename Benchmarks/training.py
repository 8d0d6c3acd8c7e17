#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A step of training of temper beside PyTorch on the CPU: same shape, same batch, same threads, turn by turn.

    python training.py --temper .build/release/temper [--threads 2] [--rounds 5] [--only nano]

Needs torch. README.md says what is measured and how.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

SHAPES = {
    "nano": {"width": 128, "layers": 4, "heads": 4, "kv_heads": 4, "ffn": 384, "vocabulary": 1024, "length": 512, "sequences": 16},
    "small": {"width": 256, "layers": 8, "heads": 8, "kv_heads": 4, "ffn": 768, "vocabulary": 4096, "length": 512, "sequences": 16},
}


def busy_seconds():
    """CPU time that anything on this machine has used."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, idle, wait, irq, soft, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def process_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ids(shape):
    """The token ids that temper bench-training makes."""
    return [
        [(i * 7919 + sequence * 104729) % shape["vocabulary"] for i in range(shape["length"] + 1)]
        for sequence in range(shape["sequences"])
    ]


def torch_worker(shape, threads, sequences):
    """Takes a step for each line of input: a plain llama in eager float32, so many sequences at a time."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    width, heads, kv_heads = shape["width"], shape["heads"], shape["kv_heads"]
    size = width // heads

    frequencies = 10000.0 ** (-torch.arange(0, size, 2).double() / size)
    angles = torch.outer(torch.arange(shape["length"]).double(), frequencies)
    cosines, sines = angles.cos().float(), angles.sin().float()

    def rope(x):
        first, second = x.chunk(2, dim=-1)
        return torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention_norm = nn.RMSNorm(width, eps=1e-5)
            self.query = nn.Linear(width, heads * size, bias=False)
            self.key = nn.Linear(width, kv_heads * size, bias=False)
            self.value = nn.Linear(width, kv_heads * size, bias=False)
            self.output = nn.Linear(heads * size, width, bias=False)
            self.ffn_norm = nn.RMSNorm(width, eps=1e-5)
            self.gate = nn.Linear(width, shape["ffn"], bias=False)
            self.up = nn.Linear(width, shape["ffn"], bias=False)
            self.down = nn.Linear(shape["ffn"], width, bias=False)

        def forward(self, x):
            batch, length, _ = x.shape
            h = self.attention_norm(x)
            query = rope(self.query(h).view(batch, length, heads, size).transpose(1, 2))
            key = rope(self.key(h).view(batch, length, kv_heads, size).transpose(1, 2))
            value = self.value(h).view(batch, length, kv_heads, size).transpose(1, 2)
            mixed = F.scaled_dot_product_attention(
                query, key, value, is_causal=True, enable_gqa=kv_heads != heads)
            x = x + self.output(mixed.transpose(1, 2).reshape(batch, length, heads * size))
            h = self.ffn_norm(x)
            return x + self.down(F.silu(self.gate(h)) * self.up(h))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(shape["vocabulary"], width)
            self.blocks = nn.ModuleList(Block() for _ in range(shape["layers"]))
            self.norm = nn.RMSNorm(width, eps=1e-5)

        def forward(self, x):
            x = self.embedding(x)
            for block in self.blocks:
                x = block(x)
            return F.linear(self.norm(x), self.embedding.weight)

    model = Model()
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            is_residual = name.endswith(("output.weight", "down.weight"))
            nn.init.normal_(weight, std=0.02 / (2 * shape["layers"]) ** 0.5 if is_residual else 0.02)
    # The fused optimizer is the fastest that eager PyTorch has on the CPU.
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    tokens = torch.tensor(ids(shape))
    for _ in sys.stdin:
        begin = time.perf_counter()
        optimizer.zero_grad()
        total = 0.0
        for part in tokens.split(sequences):
            logits = model(part[:, :-1])
            loss = F.cross_entropy(logits.reshape(-1, shape["vocabulary"]), part[:, 1:].reshape(-1), reduction="sum")
            loss = loss / (shape["sequences"] * shape["length"])
            loss.backward()
            total += loss.item()
            del logits
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds = time.perf_counter() - begin
        print(json.dumps({
            "parameters": sum(p.numel() for p in model.parameters()), "seconds": seconds, "loss": total,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }), flush=True)


class Worker:
    """A process that takes one step for each line it is sent."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def step(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("a worker ended")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def flops_per_token(shape, parameters):
    """6 per weight (the tied head counts once, the lookup nothing), and causal attention: 6 · L · T · C."""
    width = shape["heads"] * (shape["width"] // shape["heads"])
    return 6 * parameters + 6 * shape["layers"] * shape["length"] * width


def compare(name, shape, arguments):
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in shape.items()]
    threads = str(arguments.threads)
    workers = {
        "temper": Worker([arguments.temper, "bench-training", "--threads", threads, *flags]),
        "torch": Worker([sys.executable, __file__, "--worker", name, "--threads", threads, "--sequences", "16"]),
        "torch, 2 at a time": Worker(
            [sys.executable, __file__, "--worker", name, "--threads", threads, "--sequences", "2"]),
    }
    tokens = shape["length"] * shape["sequences"]
    results = {key: [] for key in workers}
    busy = []
    for turn in range(arguments.rounds + 1):
        order = list(workers) if turn % 2 else list(workers)[::-1]
        for key in order:
            pid = workers[key].process.pid
            begin, own, start = busy_seconds(), process_seconds(pid), time.perf_counter()
            result = workers[key].step()
            others = busy_seconds() - begin - (process_seconds(pid) - own)
            if turn:
                results[key].append(result)
                busy.append(max(others / (time.perf_counter() - start), 0))
    for worker in workers.values():
        worker.close()
    rates = {}
    for key, steps in results.items():
        seconds = statistics.median(step["seconds"] for step in steps)
        rates[key] = tokens / seconds
        gigaflops = flops_per_token(shape, steps[0]["parameters"]) * rates[key] / 1e9
        print(
            f"| {name} | {steps[0]['parameters'] / 1e6:.2f}M | {threads} | {key} | {rates[key]:,.0f} | "
            f"{rates[key] / rates.get('temper', rates[key]):.2f} | {gigaflops:.0f} | "
            f"{steps[-1]['peak_bytes'] / 2**20:,.0f} | {steps[0]['loss']:.3f} → {steps[-1]['loss']:.3f} |")
    print(f"{name}: other work meanwhile took {statistics.mean(busy):.2f} cores", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--temper")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=SHAPES)
    parser.add_argument("--worker", choices=SHAPES, help=argparse.SUPPRESS)
    parser.add_argument("--sequences", type=int, default=16, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        torch_worker(SHAPES[arguments.worker], arguments.threads, arguments.sequences)
        return
    if not arguments.temper:
        parser.error("--temper is needed")
    print("| model | parameters | threads | | tokens/s | of temper | GFLOP/s | peak MiB | loss |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, shape in SHAPES.items():
        if arguments.only in (None, name):
            compare(name, shape, arguments)


if __name__ == "__main__":
    main()
