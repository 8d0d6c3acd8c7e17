# SPDX-License-Identifier: Apache-2.0
"""The Llama architecture in PyTorch: RMSNorm, rotary positions (halves), grouped-query attention, SwiGLU, tied head."""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass
class Config:
    vocabulary: int = 2048
    context: int = 512
    width: int = 128
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 352
    rope_base: float = 10000.0
    epsilon: float = 1e-5

    @property
    def head(self):
        return self.width // self.heads


def rotate(x, cos, sin):
    """x [B, H, T, D]; element i is paired with i + D/2."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        c, kv = config.width, config.kv_heads * config.head
        self.attn_norm = nn.RMSNorm(c, config.epsilon)
        self.qkv = nn.Linear(c, c + 2 * kv, bias=False)
        self.attn_output = nn.Linear(c, c, bias=False)
        self.ffn_norm = nn.RMSNorm(c, config.epsilon)
        self.gate_up = nn.Linear(c, 2 * config.feed_forward, bias=False)
        self.down = nn.Linear(config.feed_forward, c, bias=False)

    def forward(self, x, cos, sin):
        config = self.config
        batch, time, c = x.shape
        kv = config.kv_heads * config.head
        q, k, v = self.qkv(self.attn_norm(x)).split((c, kv, kv), dim=-1)
        q = rotate(q.view(batch, time, config.heads, config.head).transpose(1, 2), cos, sin)
        k = rotate(k.view(batch, time, config.kv_heads, config.head).transpose(1, 2), cos, sin)
        v = v.view(batch, time, config.kv_heads, config.head).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.attn_output(y.transpose(1, 2).reshape(batch, time, c))
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, config.epsilon)
        angles = torch.outer(
            torch.arange(config.context).float(),
            config.rope_base ** (-torch.arange(0, config.head, 2).float() / config.head),
        )
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        deep = (2 * config.layers) ** -0.5
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                scale = 0.02 if "embedding" in name else weight.shape[1] ** -0.5
                if "attn_output" in name or "down" in name:
                    scale *= deep
                nn.init.normal_(weight, std=scale)

    def forward(self, ids):
        """ids [B, T] to logits [B, T, V]."""
        x = self.embedding(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin)
        return F.linear(self.norm(x), self.embedding.weight)
