// SPDX-License-Identifier: Apache-2.0

/// What becomes of a tensor of a Hugging Face checkpoint.
enum HuggingFaceTensorUse: Equatable {
    /// It is a weight of this canonical name.
    case weight(String)
    /// It is a weight of this canonical name once its two dimensions are swapped (GPT-2's `Conv1D`).
    case transposed(String)
    /// It is a buffer that the forward pass computes itself.
    case buffer
}

extension ModelFamily {
    private static let llamaParts: [(theirs: String, ours: String)] = [
        ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"), ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ]
    private static let gpt2Parts: [(theirs: String, ours: String)] = [
        ("ln_1", "attn_norm"), ("ln_2", "ffn_norm"), ("attn.c_attn", "attn_qkv"), ("attn.c_proj", "attn_output"),
        ("mlp.c_fc", "ffn_up"), ("mlp.c_proj", "ffn_down"),
    ]
    private static let llamaWhole = [
        "embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    ]
    private static let gpt2Whole = [
        "wte.weight": "token_embd.weight", "wpe.weight": "position_embd.weight", "ln_f.weight": "output_norm.weight",
        "ln_f.bias": "output_norm.bias", "lm_head.weight": "output.weight",
    ]

    /// The prefix of a whole model's tensors, which a bare model's lack.
    var huggingFacePrefix: String { self == .gpt2 ? "transformer." : "model." }
    /// The folder of layers in a tensor's name.
    var huggingFaceLayers: String { self == .gpt2 ? "h." : "layers." }

    /// What becomes of the tensor that a Hugging Face checkpoint calls `name`; nil if the family has no such tensor.
    func use(ofHuggingFaceTensor name: String) -> HuggingFaceTensorUse? {
        let bare = name.hasPrefix(huggingFacePrefix) ? name.dropFirst(huggingFacePrefix.count) : name[...]
        let whole = self == .gpt2 ? Self.gpt2Whole : Self.llamaWhole
        if let ours = whole[String(bare)] { return .weight(ours) }
        if bare == "rotary_emb.inv_freq" { return .buffer }
        guard bare.hasPrefix(huggingFaceLayers) else { return nil }
        let rest = bare.dropFirst(huggingFaceLayers.count)
        guard let dot = rest.firstIndex(of: "."), let layer = Int(rest[..<dot]), layer >= 0,
            String(layer) == rest[..<dot]
        else { return nil }
        let part = rest[rest.index(after: dot)...]
        if part.hasSuffix(".inv_freq") || part == "attn.bias" || part == "attn.masked_bias" { return .buffer }
        guard let kindDot = part.lastIndex(of: ".") else { return nil }
        let kind = part[kindDot...]
        guard kind == ".weight" || kind == ".bias" else { return nil }
        let parts = self == .gpt2 ? Self.gpt2Parts : Self.llamaParts
        guard let ours = parts.first(where: { $0.theirs == part[..<kindDot] })?.ours else { return nil }
        let canonical = "blk.\(layer).\(ours)\(kind)"
        let isConv1D = self == .gpt2 && kind == ".weight" && !ours.hasSuffix("_norm")
        return isConv1D ? .transposed(canonical) : .weight(canonical)
    }

    /// The name by which Hugging Face calls the tensor `name`, and whether its dimensions are swapped there; nil if it
    /// is not a canonical name of this family.
    func huggingFaceName(of name: String) -> (name: String, isTransposed: Bool)? {
        let whole = self == .gpt2 ? Self.gpt2Whole : Self.llamaWhole
        if let theirs = whole.first(where: { $0.value == name })?.key {
            return (theirs == "lm_head.weight" ? theirs : huggingFacePrefix + theirs, false)
        }
        let fields = name.split(separator: ".", omittingEmptySubsequences: false)
        guard fields.count == 4, fields[0] == "blk" else { return nil }
        let parts = self == .gpt2 ? Self.gpt2Parts : Self.llamaParts
        guard let theirs = parts.first(where: { $0.ours == fields[2] })?.theirs else { return nil }
        let isConv1D = self == .gpt2 && fields[3] == "weight" && !fields[2].hasSuffix("_norm")
        return ("\(huggingFacePrefix)\(huggingFaceLayers)\(fields[1]).\(theirs).\(fields[3])", isConv1D)
    }
}
