// SPDX-License-Identifier: Apache-2.0

import Compute

/// A tensor that a family's forward pass uses.
package struct TensorRequirement: Sendable, Equatable {
    /// The canonical name.
    package let name: String
    /// Outermost first.
    package let shape: [Int]
    /// Whether a checkpoint may lack it.
    package let isOptional: Bool
}

extension ModelConfig {
    /// Every tensor that this configuration's forward pass uses.
    ///
    /// Linear layers of the llama family may have biases, by presence (`attention_bias`, `mlp_bias` of Hugging Face);
    /// those of Qwen 2 on query, key and value are required.
    package var tensorRequirements: [TensorRequirement] {
        var list: [TensorRequirement] = []
        func need(_ name: String, _ shape: [Int], optional: Bool = false) {
            list.append(TensorRequirement(name: name, shape: shape, isOptional: optional))
        }
        func linear(_ name: String, _ outputs: Int, _ inputs: Int, biasOptional: Bool) {
            need(name + ".weight", [outputs, inputs])
            need(name + ".bias", [outputs], optional: biasOptional)
        }
        let c = width
        let queries = headCount * headSize
        let keys = kvHeadCount * headSize
        need("token_embd.weight", [vocabularySize, c])
        if family == .gpt2 { need("position_embd.weight", [contextLength, c]) }
        for index in 0..<layerCount {
            let block = "blk.\(index)."
            need(block + "attn_norm.weight", [c])
            need(block + "ffn_norm.weight", [c])
            switch family {
            case .gpt2:
                need(block + "attn_norm.bias", [c])
                need(block + "ffn_norm.bias", [c])
                linear(block + "attn_qkv", 3 * c, c, biasOptional: false)
                linear(block + "attn_output", c, c, biasOptional: false)
                linear(block + "ffn_up", feedForwardWidth, c, biasOptional: false)
                linear(block + "ffn_down", c, feedForwardWidth, biasOptional: false)
            case .llama, .mistral, .qwen2, .qwen3:
                linear(block + "attn_q", queries, c, biasOptional: family != .qwen2)
                linear(block + "attn_k", keys, c, biasOptional: family != .qwen2)
                linear(block + "attn_v", keys, c, biasOptional: family != .qwen2)
                linear(block + "attn_output", c, queries, biasOptional: true)
                linear(block + "ffn_gate", feedForwardWidth, c, biasOptional: true)
                linear(block + "ffn_up", feedForwardWidth, c, biasOptional: true)
                linear(block + "ffn_down", c, feedForwardWidth, biasOptional: true)
                if family == .qwen3 {
                    need(block + "attn_q_norm.weight", [headSize])
                    need(block + "attn_k_norm.weight", [headSize])
                }
            }
        }
        need("output_norm.weight", [c])
        if family == .gpt2 { need("output_norm.bias", [c]) }
        if !tiesHead { need("output.weight", [vocabularySize, c]) }
        return list
    }

    /// Checks that `tensors` are exactly those the forward pass uses: none missing, none of another shape, vectors of
    /// a plain type, and none that would be silently ignored.
    func validate(_ tensors: [String: Tensor], file: String) throws(CheckpointError) {
        // A quick refusal before a list of thousands is made for a file that lacks nearly all of it.
        guard tensors["blk.\(layerCount - 1).attn_norm.weight"] != nil else {
            throw .missingTensor(file: file, name: "blk.\(layerCount - 1).attn_norm.weight", shape: [width])
        }
        var used = 0
        let requirements = tensorRequirements
        for requirement in requirements {
            guard let tensor = tensors[requirement.name] else {
                if requirement.isOptional { continue }
                throw .missingTensor(file: file, name: requirement.name, shape: requirement.shape)
            }
            used += 1
            guard tensor.shape == requirement.shape else {
                throw .badTensor(
                    file: file, name: requirement.name, expected: "shape \(requirement.shape)",
                    found: "shape \(tensor.shape)")
            }
            guard requirement.shape.count > 1 || tensor.type.blockSize == 1 else {
                throw .badTensor(
                    file: file, name: requirement.name, expected: "type F32, F16 or BF16",
                    found: "type \(tensor.type.name)")
            }
        }
        guard used == tensors.count else {
            let known = Set(requirements.map(\.name))
            let unknown = tensors.keys.filter { !known.contains($0) }.sorted()
            throw .badTensor(
                file: file, name: unknown.first ?? "", expected: "a tensor that family \(family.rawValue) uses",
                found: "an unknown name (\(unknown.count) such)")
        }
    }
}
