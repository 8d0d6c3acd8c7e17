// SPDX-License-Identifier: Apache-2.0

package import Compute

/// The header of llama2.c's legacy layout, version 0: seven little-endian 32-bit integers. There is no magic number,
/// so a file is taken for one only if its length is exactly what its header asks for.
///
/// Source: github.com/karpathy/llama2.c, `run.c` (`Config`, `memory_map_weights`) and `export.py` (`legacy_export`).
struct Llama2cHeader {
    static let byteCount = 28

    let width: Int
    let feedForwardWidth: Int
    let layerCount: Int
    let headCount: Int
    let kvHeadCount: Int
    let vocabularySize: Int
    /// A negative vocabulary in the file says that the output head is a tensor of its own.
    let tiesHead: Bool
    let contextLength: Int

    static let names = HyperparameterNames(
        vocabularySize: "vocab_size", contextLength: "seq_len", width: "dim", layerCount: "n_layers",
        headCount: "n_heads", kvHeadCount: "n_kv_heads", headSize: "dim / n_heads", feedForwardWidth: "hidden_dim",
        normEpsilon: "norm epsilon", ropeBase: "rope base", ropeDimensions: "dim / n_heads", ropeScaling: "rope",
        slidingWindow: "sliding window")

    init(_ bytes: UnsafeRawBufferPointer, file: String) throws(CheckpointError) {
        var reader = ByteReader(bytes, file: file)
        width = Int(try reader.integer(as: Int32.self, "dim"))
        feedForwardWidth = Int(try reader.integer(as: Int32.self, "hidden_dim"))
        layerCount = Int(try reader.integer(as: Int32.self, "n_layers"))
        headCount = Int(try reader.integer(as: Int32.self, "n_heads"))
        kvHeadCount = Int(try reader.integer(as: Int32.self, "n_kv_heads"))
        let vocabulary = Int(try reader.integer(as: Int32.self, "vocab_size"))
        vocabularySize = abs(vocabulary)
        tiesHead = vocabulary > 0
        contextLength = Int(try reader.integer(as: Int32.self, "seq_len"))
    }

    /// The validated configuration.
    func config(file: String) throws(CheckpointError) -> ModelConfig {
        guard headCount >= 1, width >= 1, width % headCount == 0 else {
            throw .badValue(
                file: file, key: "n_heads", expected: "a divisor of dim \(width)", found: "\(headCount)")
        }
        let headSize = width / headCount
        let config = ModelConfig(
            family: .llama, vocabularySize: vocabularySize, contextLength: contextLength, width: width,
            layerCount: layerCount, headCount: headCount, kvHeadCount: kvHeadCount, headSize: headSize,
            feedForwardWidth: feedForwardWidth, normEpsilon: 1e-5,
            rope: RopeConfig(dimensions: headSize, base: 10_000, pairing: .interleaved, scaling: .none),
            activation: .swiGLU, tiesHead: tiesHead)
        try config.validate(Self.names, file: file)
        return config
    }
}

/// A tensor that holds the matrices of all layers one after another, as llama2.c stores them.
private struct Section {
    /// The name in a layer, after `blk.N.`, or the whole name where `layers` is nil.
    let name: String
    let layers: Int?
    let shape: [Int]
    /// Sections that are only stepped over have no name.
    init(_ name: String, layers: Int? = nil, _ shape: [Int]) {
        self.name = name
        self.layers = layers
        self.shape = shape
    }
}

extension Checkpoint {
    /// The checkpoint in a llama2.c file; `tokenizer` is its vocabulary, read elsewhere.
    package init(
        llama2c storage: Storage, name: String, tokenizer: TokenizerSource?
    ) throws(CheckpointError) {
        let header = try Llama2cHeader(storage.bytes, file: name)
        let config = try header.config(file: name)
        let c = config.width
        let f = config.feedForwardWidth
        let keys = config.kvHeadCount * config.headSize
        let layers = config.layerCount
        var sections = [
            Section("token_embd.weight", [config.vocabularySize, c]),
            Section("attn_norm.weight", layers: layers, [c]),
            Section("attn_q.weight", layers: layers, [c, c]),
            Section("attn_k.weight", layers: layers, [keys, c]),
            Section("attn_v.weight", layers: layers, [keys, c]),
            Section("attn_output.weight", layers: layers, [c, c]),
            Section("ffn_norm.weight", layers: layers, [c]),
            Section("ffn_gate.weight", layers: layers, [f, c]),
            Section("ffn_down.weight", layers: layers, [c, f]),
            Section("ffn_up.weight", layers: layers, [f, c]),
            Section("output_norm.weight", [c]),
            // Tables of cosines and sines that the reader computes itself.
            Section("", [config.contextLength, config.headSize]),
        ]
        if !config.tiesHead { sections.append(Section("output.weight", [config.vocabularySize, c])) }

        // The limits of a configuration keep each section below 2^56 bytes, and sums of them below 2^63.
        let total = sections.reduce(Llama2cHeader.byteCount) { sum, section in
            sum + 4 * (section.layers ?? 1) * section.shape.reduce(1, *)
        }
        guard storage.bytes.count == total else {
            throw .malformed(
                file: name, byteOffset: nil, what: "length", expected: "\(total) bytes as the header says",
                found: "\(storage.bytes.count)")
        }
        var tensors: [String: Tensor] = [:]
        var offset = Llama2cHeader.byteCount
        for section in sections {
            for layer in 0..<(section.layers ?? 1) {
                let tensorName = section.layers == nil ? section.name : "blk.\(layer).\(section.name)"
                guard let tensor = Tensor(storage: storage, byteOffset: offset, type: .f32, shape: section.shape) else {
                    throw .badTensor(
                        file: name, name: tensorName, expected: "shape \(section.shape) at byte \(offset)",
                        found: "the end of the file")
                }
                if !section.name.isEmpty { tensors[tensorName] = tensor }
                offset += tensor.byteCount
            }
        }
        try config.validate(tensors, file: name)
        if case .llama2c(let pieces, _)? = tokenizer, pieces.count > config.vocabularySize {
            throw .badVocabulary(
                file: name, what: "pieces", expected: "\(config.vocabularySize)", found: "\(pieces.count)")
        }
        self.init(
            format: .llama2c, config: config, tensors: tensors, tokenizer: tokenizer, metadata: [],
            generationConfig: nil, fileBytes: storage.bytes.count)
    }
}
