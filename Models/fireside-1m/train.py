#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the model for a given time on the CPU; can be stopped at any moment.

    python train.py --run RUN --minutes 80

RUN is the folder that corpus.py made. The learning rate warms up, stays, and falls to nothing over the last third
of the time (warm-up, stable, decay). RUN/checkpoint.pt is replaced every few minutes and at the end; SIGTERM saves
and ends. RUN/log.jsonl has one line per report.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import time

import numpy as np
import torch
import torch.nn.functional as F

from model import Config, Llama


def load(run, part):
    return torch.from_numpy(np.fromfile(pathlib.Path(run) / f"{part}.bin", dtype="<u2").astype(np.int64))


@torch.no_grad()
def evaluate(model, ids, context, limit=None):
    """Mean loss in nats per token over consecutive windows, each predicted from its own beginning on."""
    model.eval()
    total = count = 0
    starts = list(range(0, len(ids) - 1, context))
    if limit:
        starts = starts[:: max(1, len(starts) // limit)]
    for start in starts:
        window = ids[start : start + context + 1]
        logits = model(window[None, :-1])
        total += F.cross_entropy(logits[0].float(), window[1:], reduction="sum").item()
        count += len(window) - 1
    model.train()
    return total / count


def save(model, run, facts):
    path = pathlib.Path(run) / "checkpoint.pt"
    part = path.with_suffix(".part")
    torch.save({"model": model.state_dict(), "config": dataclasses.asdict(model.config), "facts": facts}, part)
    os.replace(part, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--warmup", type=int, default=200, help="steps")
    parser.add_argument("--decay", type=float, default=0.35, help="part of the time")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="fuse with torch.compile")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    config = Config()
    model = Llama(config)
    size = sum(p.numel() for p in model.parameters())
    forward = torch.compile(model) if args.compile else model
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": args.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98), fused=True)
    train, val = load(args.run, "train"), load(args.run, "val")
    log = open(pathlib.Path(args.run) / "log.jsonl", "a", encoding="utf-8")

    stop = False

    def ask_to_stop(*_):
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    generator = torch.Generator().manual_seed(args.seed)
    budget, begin = args.minutes * 60, time.monotonic()
    step, running, saved = 0, None, time.monotonic()
    while not stop:
        passed = time.monotonic() - begin
        if passed >= budget:
            break
        # each epoch a fresh offset and order of windows would need bookkeeping; uniform starts do as well here
        starts = torch.randint(0, len(train) - config.context - 1, (args.batch,), generator=generator)
        window = torch.stack([train[s : s + config.context + 1] for s in starts.tolist()])
        rate = args.rate * min(1.0, (step + 1) / args.warmup, (1 - passed / budget) / args.decay)
        for group in optimizer.param_groups:
            group["lr"] = rate
        logits = forward(window[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, config.vocabulary), window[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        value = loss.item()
        running = value if running is None else 0.98 * running + 0.02 * value
        if step % 100 == 0 or step == 20:
            row = {
                "step": step, "tokens": step * args.batch * config.context, "seconds": round(time.monotonic() - begin),
                "cpu_seconds": round(time.process_time()), "rate": round(rate, 6), "train": round(running, 4),
            }
            if step % 500 == 0:
                row["val"] = round(evaluate(model, val, config.context, 40), 4)
            log.write(json.dumps(row) + "\n")
            log.flush()
            if time.monotonic() - saved > 180:
                save(model, args.run, row | {"parameters": size})
                saved = time.monotonic()

    facts = {
        "step": step, "tokens": step * args.batch * config.context, "parameters": size,
        "epochs": round(step * args.batch * config.context / len(train), 2),
        "seconds": round(time.monotonic() - begin), "cpu_seconds": round(time.process_time()),
        "train": round(running, 4), "val": round(evaluate(model, val, config.context), 4),
        "unseen": round(evaluate(model, load(args.run, "unseen"), config.context), 4),
    }
    save(model, args.run, facts)
    log.write(json.dumps(facts) + "\n")
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
