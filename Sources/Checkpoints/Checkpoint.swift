// SPDX-License-Identifier: Apache-2.0

public import Compute
public import StrictJSON

/// What a token of a vocabulary is for (GGUF `tokenizer.ggml.token_type`).
public enum TokenKind: Int32, Sendable {
    /// Ordinary text.
    case normal = 1
    /// Stands for text the vocabulary cannot spell.
    case unknown = 2
    /// A control token such as BOS; never made from plain text, never shown.
    case control = 3
    /// Added by the user of the vocabulary; matched whole before anything else.
    case userDefined = 4
    /// Not in use.
    case unused = 5
    /// One byte, written `<0xNN>`.
    case byte = 6
}

/// Where a checkpoint keeps its vocabulary. Module Tokenizers turns it into a tokenizer.
public enum TokenizerSource: Sendable {
    /// The vocabulary in a GGUF file's metadata.
    case gguf(GGUFVocabulary)
    /// Hugging Face's `tokenizer.json` with `tokenizer_config.json`, `generation_config.json` and the chat template
    /// file where present.
    case huggingFace(tokenizer: JSON, config: JSON?, generationConfig: JSON?, chatTemplate: String?)
    /// llama2.c's `tokenizer.bin`: scores and pieces of a SentencePiece BPE vocabulary.
    case llama2c(pieces: [[UInt8]], scores: [Float])
}

/// The vocabulary of a GGUF file as it stands there (keys `tokenizer.*`), lengths checked against each other.
public struct GGUFVocabulary: Sendable {
    /// `tokenizer.ggml.model`: "llama" (SentencePiece BPE), "gpt2" (byte-level BPE), "bert", "t5".
    public var model: String
    /// `tokenizer.ggml.pre`: which pre-tokenizer byte-level BPE uses.
    public var preTokenizer: String?
    /// The pieces as stored (byte-level ones in GPT-2's printable alphabet).
    public var pieces: [String]
    /// One score per piece, or empty.
    public var scores: [Float]
    /// One kind per piece, or empty.
    public var kinds: [TokenKind]
    /// Merges "left right" in order of rank, or empty.
    public var merges: [String]
    /// Ids of special tokens by their role: bos, eos, eot, eom, unknown, separator, padding, mask, …
    public var specialIDs: [String: Int32]
    /// Whether encoding starts with BOS; nil if the file does not say.
    public var addsBOS: Bool?
    /// Whether encoding ends with EOS; nil if the file does not say.
    public var addsEOS: Bool?
    /// Whether encoding puts a space before the text; nil if the file does not say.
    public var addsSpacePrefix: Bool?
    /// `tokenizer.ggml.remove_extra_whitespaces`.
    public var removesExtraWhitespace: Bool?
    /// `tokenizer.chat_template`.
    public var chatTemplate: String?

    /// A vocabulary of the given model and pieces; all else is empty or unsaid.
    public init(model: String, pieces: [String]) {
        self.model = model
        self.pieces = pieces
        scores = []
        kinds = []
        merges = []
        specialIDs = [:]
    }
}

/// The format of a checkpoint on disk.
public enum CheckpointFormat: Sendable, Equatable {
    /// GGUF of this version.
    case gguf(version: Int)
    /// Hugging Face layout over this many safetensors files.
    case safetensors(fileCount: Int)
    /// llama2.c's legacy layout, version 0.
    case llama2c
}

/// A checkpoint on disk: configuration, tensors by canonical name, and vocabulary. Opened by
/// ``open(path:tokenizer:loadMode:)``.
///
/// Tensor names are GGUF's (`token_embd.weight`, `blk.3.attn_q.weight`, `output_norm.weight`, …) whatever the format;
/// shapes are outermost first, so a linear weight is `[outputs, inputs]`. Rotary pairing is in the configuration;
/// weights are not permuted.
public struct Checkpoint: Sendable {
    /// The format it was read from.
    public var format: CheckpointFormat
    /// The hyper-parameters; nil for a file that holds a vocabulary only.
    public var config: ModelConfig?
    /// The tensors by canonical name.
    public var tensors: [String: Tensor]
    /// The vocabulary; nil if there is none.
    public var tokenizer: TokenizerSource?
    /// What a file's own metadata says besides, for display: key and value in words.
    public var metadata: [(key: String, value: String)]
    /// Decoding defaults that the checkpoint recommends (`generation_config.json`), for display; never applied silently.
    public var generationConfig: JSON?
    /// The size of all files, in bytes.
    public var fileBytes: Int

    /// A checkpoint of the given parts.
    package init(
        format: CheckpointFormat, config: ModelConfig?, tensors: [String: Tensor], tokenizer: TokenizerSource?,
        metadata: [(key: String, value: String)] = [], generationConfig: JSON? = nil, fileBytes: Int
    ) {
        self.format = format
        self.config = config
        self.tensors = tensors
        self.tokenizer = tokenizer
        self.metadata = metadata
        self.generationConfig = generationConfig
        self.fileBytes = fileBytes
    }
}
