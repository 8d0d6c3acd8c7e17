// SPDX-License-Identifier: Apache-2.0

public import Compute
import StrictJSON

/// What a checkpoint holds, for `temper inspect`.
public struct CheckpointSummary: Sendable {
    /// Tensors of one element type.
    public struct TypeShare: Sendable, Equatable {
        /// How their elements are stored.
        public let type: ElementType
        /// The number of tensors.
        public let tensorCount: Int
        /// The number of elements in all of them.
        public let elementCount: Int
        /// Their bytes.
        public let bytes: Int
    }

    /// A vocabulary, in short.
    public struct Vocabulary: Sendable, Equatable {
        /// The algorithm: "byte-level BPE", "SentencePiece BPE", "WordPiece", … with the pre-tokenizer if stated.
        public let kind: String
        /// The number of pieces.
        public let pieceCount: Int
        /// Whether a chat template comes with it.
        public let hasChatTemplate: Bool
    }

    /// The file format.
    public let format: CheckpointFormat
    /// The size of all files.
    public let fileBytes: Int
    /// The hyper-parameters; nil for a vocabulary alone.
    public let config: ModelConfig?
    /// The number of elements of all tensors; a tied head counts once.
    public let parameterCount: Int
    /// Element types, most bytes first.
    public let types: [TypeShare]
    /// The vocabulary; nil if there is none.
    public let vocabulary: Vocabulary?
    /// The file's own metadata.
    public let metadata: [(key: String, value: String)]

    /// A summary of `checkpoint`.
    public init(_ checkpoint: Checkpoint) {
        format = checkpoint.format
        fileBytes = checkpoint.fileBytes
        config = checkpoint.config
        metadata = checkpoint.metadata
        var shares: [ElementType: (tensors: Int, elements: Int, bytes: Int)] = [:]
        for tensor in checkpoint.tensors.values {
            let share = shares[tensor.type] ?? (0, 0, 0)
            shares[tensor.type] = (
                share.tensors + 1, share.elements + tensor.elementCount, share.bytes + tensor.byteCount
            )
        }
        types = shares.map {
            TypeShare(
                type: $0.key, tensorCount: $0.value.tensors, elementCount: $0.value.elements, bytes: $0.value.bytes)
        }.sorted { ($1.bytes, $0.type.rawValue) < ($0.bytes, $1.type.rawValue) }
        parameterCount = types.reduce(0) { $0 + $1.elementCount }
        vocabulary = checkpoint.tokenizer.map(Vocabulary.init)
    }
}

extension CheckpointSummary.Vocabulary {
    /// A short view of `source`.
    fileprivate init(_ source: TokenizerSource) {
        switch source {
        case .gguf(let vocabulary):
            let kinds = [
                "llama": "SentencePiece BPE", "gpt2": "byte-level BPE", "bert": "WordPiece", "t5": "Unigram",
            ]
            let kind = kinds[vocabulary.model] ?? vocabulary.model
            self.init(
                kind: kind + (vocabulary.preTokenizer.map { " (\($0))" } ?? ""), pieceCount: vocabulary.pieces.count,
                hasChatTemplate: vocabulary.chatTemplate != nil)
        case .llama2c(let pieces, _):
            self.init(kind: "SentencePiece BPE (llama2.c)", pieceCount: pieces.count, hasChatTemplate: false)
        case .huggingFace(let tokenizer, let config, _, let template):
            let vocabulary = tokenizer["model"]?["vocab"]
            let base = vocabulary?.objectValue?.count ?? vocabulary?.arrayValue?.count ?? 0
            // An added token may repeat a piece of the model's own vocabulary.
            let added = (tokenizer["added_tokens"]?.arrayValue ?? []).filter {
                $0["content"]?.stringValue.flatMap { vocabulary?[$0] } == nil
            }
            let type = tokenizer["model"]?["type"]?.stringValue ?? "BPE"
            self.init(
                kind: "\(type) (tokenizer.json)", pieceCount: base + added.count,
                hasChatTemplate: template != nil || config?["chat_template"].map { !$0.isNull } == true)
        }
    }
}
