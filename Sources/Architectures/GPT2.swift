// SPDX-License-Identifier: Apache-2.0

public import Checkpoints

/// GPT-2: pre-norm blocks with layer norms, learned positions, full attention and a GELU feed-forward layer
/// (Radford et al. 2019).
public struct GPT2<Parameter: Sendable>: Decoder {
    private struct Block: Sendable {
        let attentionNorm: AffineNorm<Parameter>
        let queryKeyValue: Linear<Parameter>
        let output: Linear<Parameter>
        let feedForwardNorm: AffineNorm<Parameter>
        let up: Linear<Parameter>
        let down: Linear<Parameter>
    }

    private let config: ModelConfig
    private let attention: AttentionShape
    private let embedding: Parameter
    private let positions: Parameter
    private let blocks: [Block]
    private let norm: AffineNorm<Parameter>
    /// The output head: the embedding where it is tied.
    public let head: Linear<Parameter>

    /// The model that `config` describes with the weights of `source`.
    ///
    /// - Throws: ``ArchitectureError`` if a tensor is missing or has another shape.
    public init<Source: ParameterSource>(
        _ config: ModelConfig, _ source: Source
    ) throws(ArchitectureError) where Source.Parameter == Parameter {
        let c = config.width
        self.config = config
        attention = AttentionShape(
            headCount: config.headCount, kvHeadCount: config.headCount, headSize: config.headSize,
            scale: 1 / Float(config.headSize).squareRoot(), visibility: .causal(window: nil))
        embedding = try source.matrix("token_embd.weight", [config.vocabularySize, c])
        positions = try source.matrix("position_embd.weight", [config.contextLength, c])
        var blocks: [Block] = []
        for index in 0..<config.layerCount {
            let name = "blk.\(index)."
            blocks.append(
                Block(
                    attentionNorm: try source.affineNorm(name + "attn_norm", width: c),
                    queryKeyValue: try source.linear(name + "attn_qkv", inputs: c, outputs: 3 * c),
                    output: try source.linear(name + "attn_output", inputs: c, outputs: c),
                    feedForwardNorm: try source.affineNorm(name + "ffn_norm", width: c),
                    up: try source.linear(name + "ffn_up", inputs: c, outputs: config.feedForwardWidth),
                    down: try source.linear(name + "ffn_down", inputs: config.feedForwardWidth, outputs: c)))
        }
        self.blocks = blocks
        norm = try source.affineNorm("output_norm", width: c)
        head =
            config.tiesHead
            ? Linear(weight: embedding) : try source.linear("output", inputs: c, outputs: config.vocabularySize)
    }

    /// The hidden states after the last norm, for the rows of the batch whose output is wanted.
    public func hidden<B: Backend>(_ backend: inout B) -> B.Value where B.Parameter == Parameter {
        var stream = backend.add(backend.embed(embedding), backend.embedPositions(positions))
        for (index, block) in blocks.enumerated() {
            stream = backend.block(stream) { backend, stream in
                forward(block, layer: index, stream, &backend)
            }
        }
        return backend.layerNorm(backend.outputs(stream), norm, epsilon: config.normEpsilon)
    }

    private func forward<B: Backend>(
        _ block: Block, layer: Int, _ stream: consuming B.Value, _ backend: inout B
    ) -> B.Value where B.Parameter == Parameter {
        let input = backend.layerNorm(stream, block.attentionNorm, epsilon: config.normEpsilon)
        let fused = backend.linear(input, [block.queryKeyValue])[0]
        let parts = backend.split(fused, [config.width, config.width, config.width])
        let mixed = backend.attention(
            queries: parts[0], keys: parts[1], values: parts[2], layer: layer, shape: attention)
        let attended = backend.add(stream, backend.linear(mixed, [block.output])[0])

        let feed = backend.layerNorm(attended, block.feedForwardNorm, epsilon: config.normEpsilon)
        let inner = backend.gelu(backend.linear(feed, [block.up])[0], tanh: config.activation == .geluTanh)
        return backend.add(attended, backend.linear(inner, [block.down])[0])
    }
}
