// SPDX-License-Identifier: Apache-2.0

public import Compute

/// Which type each tensor of a checkpoint gets when it is written anew; llama.cpp's choices for files of these names.
///
/// Source: `llama_tensor_get_type` of llama.cpp.
public enum QuantizationScheme: String, Sendable, CaseIterable {
    case f32, f16, bf16, q8_0, q4_0
    /// Q4_K, and Q6_K where it matters most.
    case q4_k_m

    /// `general.file_type` of a GGUF file of this scheme.
    public var fileType: UInt32 {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q4_0: 2
        case .q8_0: 7
        case .q4_k_m: 15
        case .bf16: 32
        }
    }

    /// Whether most matrices become blocks with a scale.
    public var isQuantized: Bool { type.blockSize > 1 }

    /// The type of most matrices.
    public var type: ElementType {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .bf16: .bf16
        case .q8_0: .q8_0
        case .q4_0: .q4_0
        case .q4_k_m: .q4_K
        }
    }

    /// The type that the tensor `name` of this shape gets.
    ///
    /// Vectors and the table of positions become F32. The output head (the embedding, where it is tied) is the most
    /// sensitive matrix and becomes Q6_K beside types of four bits. A matrix whose rows do not hold whole blocks gets
    /// the next finer type whose blocks they do hold.
    package func type(of name: String, shape: [Int], in config: ModelConfig) -> ElementType {
        guard shape.count > 1, name != "position_embd.weight", let columns = shape.last else { return .f32 }
        var type = type
        let head = config.tiesHead ? "token_embd.weight" : "output.weight"
        if name == head {
            if type == .q4_0 || type == .q4_K { type = .q6_K }
        } else if self == .q4_k_m {
            type = Self.mixedType(name, layerCount: config.layerCount)
        }
        while columns % type.blockSize != 0 { type = Self.finer(type) }
        return type
    }

    /// Of layers, the first and the last eighth and every third between them keep more bits of value and of the
    /// feed-forward output.
    private static func mixedType(_ name: String, layerCount: Int) -> ElementType {
        if name.hasSuffix("attn_qkv.weight") { return .q5_K }
        guard name.hasSuffix("attn_v.weight") || name.hasSuffix("ffn_down.weight"),
            let layer = name.split(separator: ".").dropFirst().first.flatMap({ Int($0) })
        else { return .q4_K }
        let eighth = layerCount / 8
        let keepsMore = layer < eighth || layer >= 7 * layerCount / 8 || (layer - eighth) % 3 == 2
        return keepsMore ? .q6_K : .q4_K
    }

    /// A type of smaller blocks, at least as fine.
    private static func finer(_ type: ElementType) -> ElementType {
        switch type {
        case .q4_K: .q5_0
        case .q5_K, .q6_K: .q8_0
        default: .f16
        }
    }
}
