// SPDX-License-Identifier: Apache-2.0

public import Checkpoints

/// The llama family: pre-norm blocks of grouped-query attention with rotary positions and a SwiGLU feed-forward layer
/// (Touvron et al. 2023).
///
/// Mistral adds a sliding window, Qwen 2 biases on query, key and value, Qwen 3 an RMS norm on each head of query and
/// key. What a checkpoint's tensors have is used; the configuration says the rest.
public struct Llama<Parameter: Sendable>: Decoder {
    private struct Block: Sendable {
        let attentionNorm: Parameter
        let query: Linear<Parameter>
        let key: Linear<Parameter>
        let value: Linear<Parameter>
        let queryNorm: Parameter?
        let keyNorm: Parameter?
        let output: Linear<Parameter>
        let feedForwardNorm: Parameter
        let gate: Linear<Parameter>
        let up: Linear<Parameter>
        let down: Linear<Parameter>
    }

    private let config: ModelConfig
    private let attention: AttentionShape
    private let embedding: Parameter
    private let blocks: [Block]
    private let norm: Parameter
    /// The output head: the embedding where it is tied.
    public let head: Linear<Parameter>

    /// The model that `config` describes with the weights of `source`.
    ///
    /// - Throws: ``ArchitectureError`` if a tensor is missing or has another shape.
    public init<Source: ParameterSource>(
        _ config: ModelConfig, _ source: Source
    ) throws(ArchitectureError) where Source.Parameter == Parameter {
        let c = config.width
        let queries = config.headCount * config.headSize
        let keys = config.kvHeadCount * config.headSize
        self.config = config
        attention = AttentionShape(
            headCount: config.headCount, kvHeadCount: config.kvHeadCount, headSize: config.headSize,
            scale: 1 / Float(config.headSize).squareRoot(), visibility: .causal(window: config.slidingWindow))
        embedding = try source.matrix("token_embd.weight", [config.vocabularySize, c])
        var blocks: [Block] = []
        for index in 0..<config.layerCount {
            let name = "blk.\(index)."
            let normalizesHeads = config.family == .qwen3
            blocks.append(
                Block(
                    attentionNorm: try source.vector(name + "attn_norm.weight", c),
                    query: try source.linear(name + "attn_q", inputs: c, outputs: queries),
                    key: try source.linear(name + "attn_k", inputs: c, outputs: keys),
                    value: try source.linear(name + "attn_v", inputs: c, outputs: keys),
                    queryNorm: normalizesHeads ? try source.vector(name + "attn_q_norm.weight", config.headSize) : nil,
                    keyNorm: normalizesHeads ? try source.vector(name + "attn_k_norm.weight", config.headSize) : nil,
                    output: try source.linear(name + "attn_output", inputs: queries, outputs: c),
                    feedForwardNorm: try source.vector(name + "ffn_norm.weight", c),
                    gate: try source.linear(name + "ffn_gate", inputs: c, outputs: config.feedForwardWidth),
                    up: try source.linear(name + "ffn_up", inputs: c, outputs: config.feedForwardWidth),
                    down: try source.linear(name + "ffn_down", inputs: config.feedForwardWidth, outputs: c)))
        }
        self.blocks = blocks
        norm = try source.vector("output_norm.weight", c)
        head =
            config.tiesHead
            ? Linear(weight: embedding) : try source.linear("output", inputs: c, outputs: config.vocabularySize)
    }

    /// The hidden states after the last norm, for the rows of the batch whose output is wanted.
    public func hidden<B: Backend>(_ backend: inout B) -> B.Value where B.Parameter == Parameter {
        var stream = backend.embed(embedding)
        for (index, block) in blocks.enumerated() {
            stream = backend.block(stream) { backend, stream in
                forward(block, layer: index, stream, &backend)
            }
        }
        return backend.rmsNorm(backend.outputs(stream), norm, epsilon: config.normEpsilon)
    }

    private func forward<B: Backend>(
        _ block: Block, layer: Int, _ stream: consuming B.Value, _ backend: inout B
    ) -> B.Value where B.Parameter == Parameter {
        let input = backend.rmsNorm(stream, block.attentionNorm, epsilon: config.normEpsilon)
        let projections = backend.linear(input, [block.query, block.key, block.value])
        var query = projections[0]
        var key = projections[1]
        if let queryNorm = block.queryNorm, let keyNorm = block.keyNorm {
            query = backend.rmsNormHeads(
                query, queryNorm, headSize: config.headSize, epsilon: config.normEpsilon)
            key = backend.rmsNormHeads(key, keyNorm, headSize: config.headSize, epsilon: config.normEpsilon)
        }
        query = backend.rope(query, headCount: config.headCount, headSize: config.headSize)
        key = backend.rope(key, headCount: config.kvHeadCount, headSize: config.headSize)
        let mixed = backend.attention(
            queries: query, keys: key, values: projections[2], layer: layer, shape: attention)
        let attended = backend.add(stream, backend.linear(mixed, [block.output])[0])

        let feed = backend.rmsNorm(attended, block.feedForwardNorm, epsilon: config.normEpsilon)
        let gates = backend.linear(feed, [block.gate, block.up])
        let activated = backend.swiGLU(gate: gates[0], up: gates[1])
        return backend.add(attended, backend.linear(activated, [block.down])[0])
    }
}
