#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tiny seeded checkpoints and the logits that transformers + PyTorch compute for them in float32.

    python make_models.py            # writes beside itself; README.md says which versions made what is here

Each model is written as a Hugging Face folder and as GGUF by the conventions of llama.cpp's converter. Its logits
come from the written folder, loaded back, so that what is tested is what lies on disk.
"""

import argparse
import json
import math
import pathlib
import shutil

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM

TIME = 40
VOCABULARY = 96
TORCH = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
GGUF_TYPE = {
    "float32": gguf.GGMLQuantizationType.F32, "float16": gguf.GGMLQuantizationType.F16,
    "bfloat16": gguf.GGMLQuantizationType.BF16,
}


def llama(**changes):
    """config.json of a small Llama as published checkpoints write it."""
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": 32,
        "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "hidden_act": "silu", "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False, "torch_dtype": "float32",
        "bos_token_id": 1, "eos_token_id": 2,
    }
    return config | changes


# Two blocks of 32 weights in each row
QUANTIZED = llama(hidden_size=64, intermediate_size=64, num_attention_heads=4, num_key_value_heads=2)

MODELS = {
    # heads wider than the residual stream, as head_dim allows
    "llama": llama(num_attention_heads=4, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-6),
    "llama-tied": llama(tie_word_embeddings=True, rope_theta=500000.0),
    "llama-rope-llama3": llama(
        tie_word_embeddings=True, num_hidden_layers=1, max_position_embeddings=512,
        rope_scaling={
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        }),
    # "type" is the older spelling of "rope_type"
    "llama-rope-linear": llama(
        tie_word_embeddings=True, num_hidden_layers=1, rope_scaling={"type": "linear", "factor": 4.0}),
    "llama-rope-yarn": llama(
        tie_word_embeddings=True, num_hidden_layers=1,
        rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}),
    "llama-f16": llama(torch_dtype="float16"),
    "llama-bf16": llama(torch_dtype="bfloat16"),
    "mistral": llama(architectures=["MistralForCausalLM"], model_type="mistral", sliding_window=8),
    # the window of this one is switched off and must be ignored
    "qwen2": llama(
        architectures=["Qwen2ForCausalLM"], model_type="qwen2", rms_norm_eps=1e-6, rope_theta=1000000.0,
        use_sliding_window=False, sliding_window=8, max_window_layers=2),
    # keys as transformers 5 writes them: rope_parameters and dtype
    "qwen3": {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": VOCABULARY, "hidden_size": 32,
        "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 16, "hidden_act": "silu", "max_position_embeddings": 256, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"}, "attention_bias": False,
        "tie_word_embeddings": True, "use_sliding_window": False, "sliding_window": None, "dtype": "float32",
        "bos_token_id": 1, "eos_token_id": 2,
    },
    "gpt2": {
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": VOCABULARY, "n_positions": 48,
        "n_ctx": 48, "n_embd": 32, "n_layer": 2, "n_head": 2, "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5, "torch_dtype": "float32", "bos_token_id": 1, "eos_token_id": 2,
    },
}


def fill(model, seed):
    """Weights wide enough that every part of the model matters to the logits."""
    rng = np.random.default_rng(seed)
    for name, weight in model.named_parameters():
        draw = torch.from_numpy(rng.standard_normal(tuple(weight.shape), dtype=np.float32))
        if name.endswith("bias"):
            weight.data = 0.3 * draw
        elif weight.dim() == 1:
            weight.data = 1 + 0.3 * draw
        elif "embed" in name or "wte" in name or "wpe" in name:
            weight.data = 0.5 * draw
        else:
            weight.data = 0.25 * draw


def write_config(folder, config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def build(config, seed, folder):
    """A model of random weights, rounded to the element type that the configuration names."""
    write_config(folder, config)
    dtype = TORCH[config.get("torch_dtype") or config["dtype"]]
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
    fill(model, seed)
    model.tie_weights()
    state = {name: weight.detach().to(dtype).contiguous() for name, weight in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    return state


def make_ids(seed):
    ids = np.random.default_rng(2000 + seed).integers(0, VOCABULARY, TIME)
    ids[20:26] = ids[4:10]  # a repetition, so that attention has something to find
    return ids.tolist()


def logits_of(folder, ids):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].float().numpy()


# GGUF, by the conventions of llama.cpp's convert_hf_to_gguf.py

LLAMA_NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
GPT2_NAMES = {
    "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
}
OUTER = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight", "transformer.wte.weight": "token_embd.weight",
    "transformer.wpe.weight": "position_embd.weight", "transformer.ln_f.weight": "output_norm.weight",
    "transformer.ln_f.bias": "output_norm.bias",
}


def interleave(weight, heads):
    """Rows of query or key so that rotated pairs, halves apart in Hugging Face's order, become neighbours."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def gguf_tensors(config, state):
    family = config["model_type"]
    for name, weight in state.items():
        data = weight.float().numpy()
        if name in OUTER:
            yield OUTER[name], data
            continue
        _, _, layer, inner = name.split(".", 3)
        part, kind = inner.rsplit(".", 1)
        if family == "gpt2":
            if data.ndim == 2:
                data = data.T  # Conv1D keeps [inputs, outputs]
            yield f"blk.{layer}.{GPT2_NAMES[part]}.{kind}", np.ascontiguousarray(data)
            continue
        if family in ("llama", "mistral") and part in ("self_attn.q_proj", "self_attn.k_proj"):
            heads = config["num_attention_heads" if "q_proj" in part else "num_key_value_heads"]
            data = interleave(data, heads)
        yield f"blk.{layer}.{LLAMA_NAMES[part]}.{kind}", np.ascontiguousarray(data)


def llama3_factors(config):
    rope, dims = config["rope_scaling"], config["hidden_size"] // config["num_attention_heads"]
    low = rope["original_max_position_embeddings"] / rope["low_freq_factor"]
    high = rope["original_max_position_embeddings"] / rope["high_freq_factor"]
    factors = []
    for i in range(0, dims, 2):
        wavelength = 2 * math.pi * config["rope_theta"] ** (i / dims)
        if wavelength < high:
            factors.append(1.0)
        elif wavelength > low:
            factors.append(rope["factor"])
        else:
            smooth = (rope["original_max_position_embeddings"] / wavelength - rope["low_freq_factor"]) / (
                rope["high_freq_factor"] - rope["low_freq_factor"])
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def write_gguf(path, config, state, kind, vocabulary=None):
    family = config["model_type"]
    # the converter writes Mistral as "llama"; it drops the window, which is kept here under its key
    out = gguf.GGUFWriter(path, "llama" if family == "mistral" else family)
    out.add_name(path.parent.name)
    out.add_vocab_size(config["vocab_size"])
    if family == "gpt2":
        out.add_context_length(config["n_positions"])
        out.add_embedding_length(config["n_embd"])
        out.add_feed_forward_length(4 * config["n_embd"])
        out.add_block_count(config["n_layer"])
        out.add_head_count(config["n_head"])
        out.add_layer_norm_eps(config["layer_norm_epsilon"])
    else:
        head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        out.add_context_length(config["max_position_embeddings"])
        out.add_embedding_length(config["hidden_size"])
        out.add_feed_forward_length(config["intermediate_size"])
        out.add_block_count(config["num_hidden_layers"])
        out.add_head_count(config["num_attention_heads"])
        out.add_head_count_kv(config["num_key_value_heads"])
        out.add_layer_norm_rms_eps(config["rms_norm_eps"])
        out.add_rope_freq_base(config.get("rope_theta") or config["rope_parameters"]["rope_theta"])
        if family in ("llama", "mistral"):
            out.add_rope_dimension_count(head)
        if "head_dim" in config:
            out.add_key_length(head)
            out.add_value_length(head)
        if family == "mistral":
            out.add_sliding_window(config["sliding_window"])
        rope = config.get("rope_scaling") or {}
        scaling = rope.get("rope_type") or rope.get("type")
        if scaling in ("linear", "yarn"):
            out.add_rope_scaling_type(gguf.RopeScalingType(scaling))
            out.add_rope_scaling_factor(rope["factor"])
        if scaling == "yarn":
            out.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        if scaling == "llama3":
            out.add_tensor("rope_freqs.weight", llama3_factors(config))
    out.add_file_type({
        gguf.GGMLQuantizationType.F32: gguf.LlamaFileType.ALL_F32,
        gguf.GGMLQuantizationType.F16: gguf.LlamaFileType.MOSTLY_F16,
        gguf.GGMLQuantizationType.BF16: gguf.LlamaFileType.MOSTLY_BF16,
        gguf.GGMLQuantizationType.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    }[kind])
    if vocabulary:
        vocabulary(out)
    for name, data in gguf_tensors(config, state):
        # vectors and learned positions stay in F32
        if data.ndim == 1 or kind == gguf.GGMLQuantizationType.F32 or name.startswith("position_embd"):
            out.add_tensor(name, data.astype(np.float32))
        else:
            out.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


# Other layouts of the same weights

def write_sharded(folder, config, state):
    write_config(folder, config)
    names = sorted(state)
    count, weights = 3, {}
    for shard in range(count):
        file = f"model-{shard + 1:05}-of-{count:05}.safetensors"
        part = {name: state[name] for name in names[shard::count]}
        save_file(part, folder / file, metadata={"format": "pt"})
        weights |= dict.fromkeys(part, file)
    total = sum(weight.numel() * weight.element_size() for weight in state.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weights.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def write_gpt2_as_published(folder, config, state):
    """As the first GPT-2 checkpoints lie on the hub: no prefix, and the causal mask among the weights."""
    write_config(folder, config)
    plain = {name.removeprefix("transformer."): weight for name, weight in state.items()}
    size = config["n_ctx"]
    for layer in range(config["n_layer"]):
        plain[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(1, 1, size, size))
    save_file(plain, folder / "model.safetensors", metadata={"format": "pt"})


def write_quantized(folder, ids):
    """Weights of Q8_0; the logits are those of the floats that the blocks stand for."""
    shutil.rmtree(folder, ignore_errors=True)
    spare = folder / "spare"
    state = build(QUANTIZED, 1099, spare)
    kind = gguf.GGMLQuantizationType.Q8_0
    write_gguf(folder / "model.gguf", QUANTIZED, state, kind)
    for name, weight in state.items():
        if weight.dim() == 2:  # rows are quantized one by one, so their order does not matter here
            data = gguf.quants.dequantize(gguf.quants.quantize(weight.numpy(), kind), kind)
            state[name] = torch.from_numpy(np.ascontiguousarray(data))
    save_file(state, spare / "model.safetensors", metadata={"format": "pt"})
    logits = logits_of(spare, ids)
    shutil.rmtree(spare)
    logits.astype("<f4").tofile(folder / "logits.f32")
    return {
        "name": folder.name, "family": "llama", "type": "q8_0", "checkpoints": ["model.gguf"],
        "logits": "logits.f32", "shape": list(logits.shape), "ids": ids,
    }


# A model with a vocabulary and a chat template

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' "
    "+ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEXT = """The fox ran over the hill and the hen ran after the fox. What is the name of the hen? The name of the hen
is Ada. The user and the assistant and the system speak in turn. Where did the other hen go? She went to the house by
the sea, where the wind is warm, and there she sat and thought about the other end of the world."""


def write_chat(folder):
    """Qwen2 of random weights with a byte-level vocabulary; writes the folder and the GGUF file, no logits."""
    qwen = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(qwen), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    plain = tokenizer.get_vocab_size()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    ids = {text: tokenizer.token_to_id(text) for text in SPECIAL}
    config = llama(
        architectures=["Qwen2ForCausalLM"], model_type="qwen2", rms_norm_eps=1e-6, tie_word_embeddings=True,
        max_position_embeddings=512, num_hidden_layers=1, vocab_size=tokenizer.get_vocab_size(),
        use_sliding_window=False,
        bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"])
    state = build(config, 77, folder / "huggingface")
    save_file(state, folder / "huggingface" / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "huggingface" / "tokenizer.json"))
    (folder / "huggingface" / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "Qwen2Tokenizer", "add_bos_token": False, "add_prefix_space": False, "bos_token": None,
        "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None, "model_max_length": 512,
        "chat_template": CHATML,
        "added_tokens_decoder": {
            str(ids[text]): {
                "content": text, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                "special": True,
            } for text in SPECIAL
        },
    }, indent=2) + "\n")
    (folder / "huggingface" / "generation_config.json").write_text(json.dumps({
        "bos_token_id": ids["<|endoftext|>"], "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]],
        "temperature": 0.7, "top_p": 0.8, "do_sample": True,
    }, indent=2) + "\n")

    merges = [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    pieces = [tokenizer.id_to_token(index) for index in range(tokenizer.get_vocab_size())]

    def vocabulary(out):
        out.add_tokenizer_model("gpt2")
        out.add_tokenizer_pre("qwen2")
        out.add_token_list(pieces)
        out.add_token_types(
            [gguf.TokenType.NORMAL if i < plain else gguf.TokenType.CONTROL for i in range(len(pieces))])
        out.add_token_merges(merges)
        out.add_bos_token_id(ids["<|endoftext|>"])
        out.add_eos_token_id(ids["<|im_end|>"])
        out.add_pad_token_id(ids["<|endoftext|>"])
        out.add_add_bos_token(False)
        out.add_chat_template(CHATML)

    write_gguf(folder / "model.gguf", config, state, gguf.GGMLQuantizationType.F32, vocabulary)
    cases = ["The fox ran over the hill.", "naïve café 12345\n\n  tabs\tand 漢字 🦊", " the", "", "<|im_end|> is text here"]
    (folder / "ids.json").write_text(json.dumps(
        [{"text": text, "ids": tokenizer.encode(text).ids} for text in cases], ensure_ascii=True, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    args = parser.parse_args()

    index = []
    for number, (name, config) in enumerate(MODELS.items()):
        folder = args.out / name
        shutil.rmtree(folder, ignore_errors=True)
        dtype = config.get("torch_dtype") or config["dtype"]
        state = build(config, 1000 + number, folder / "huggingface")
        save_file(state, folder / "huggingface" / "model.safetensors", metadata={"format": "pt"})
        write_gguf(folder / "model.gguf", config, state, GGUF_TYPE[dtype])
        checkpoints = ["huggingface", "model.gguf"]
        if name == "llama-tied":
            write_sharded(folder / "sharded", config, state)
            checkpoints.append("sharded")
        if name == "gpt2":
            write_gpt2_as_published(folder / "published", config, state)
            checkpoints.append("published")

        ids = make_ids(number)
        logits = logits_of(folder / "huggingface", ids)
        for other in checkpoints[2:]:
            assert np.array_equal(logits, logits_of(folder / other, ids)), f"{name}/{other}"
        logits.astype("<f4").tofile(folder / "logits.f32")
        index.append({
            "name": name, "family": config["model_type"], "type": dtype, "checkpoints": checkpoints,
            "logits": "logits.f32", "shape": list(logits.shape), "ids": ids,
        })

    index.append(write_quantized(args.out / "llama-q8_0", make_ids(len(MODELS))))
    shutil.rmtree(args.out / "qwen2-chat", ignore_errors=True)
    write_chat(args.out / "qwen2-chat")
    lines = ",\n".join(json.dumps(row) for row in index)
    (args.out / "index.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
