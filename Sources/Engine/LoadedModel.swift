// SPDX-License-Identifier: Apache-2.0

internal import Architectures
public import Checkpoints
internal import Compute
internal import Glibc
internal import Tokenizers

/// Why a model cannot be loaded.
public enum ModelLoadError: Error, Sendable, CustomStringConvertible {
    /// The checkpoint is at fault.
    case checkpoint(CheckpointError)
    /// Its tensors do not fit its configuration.
    case tensors(String)
    /// Its vocabulary is at fault.
    case tokenizer(String)
    /// It has no vocabulary.
    case noTokenizer
    /// The option `--ctx` is out of range.
    case contextLength(asked: Int, limit: Int)
    /// The cache cannot hold a single sequence of the shortest useful length.
    case cacheTooSmall(bytes: Int, neededBytes: Int)
    /// The machine or its cgroup has not enough memory.
    case notEnoughMemory(MemoryPlan, available: Int)

    /// The fault in words.
    public var description: String {
        switch self {
        case .checkpoint(let error): "\(error)"
        case .tensors(let text): text
        case .tokenizer(let text): text
        case .noTokenizer: "the checkpoint has no tokenizer beside it; name one with --tokenizer"
        case .contextLength(let asked, let limit):
            "a context of \(asked) tokens was asked for; this model allows 1 to \(limit)"
        case .cacheTooSmall(let bytes, let needed):
            "a KV cache of \(bytes) bytes is too small: one block of tokens takes \(needed) bytes"
        case .notEnoughMemory(let plan, let available):
            "not enough memory: \(plan), but \(available / 1_048_576) MiB are available"
        }
    }
}

/// A model that is ready to run.
public final class LoadedModel: Sendable {
    /// Name, configuration, tokenizer.
    public let info: ModelInfo
    /// The memory it takes.
    public let memory: MemoryPlan
    let decoder: any Decoder<Tensor>
    let layout: KVLayout
    let blockCount: Int
    let options: EngineOptions
    private let storages: [Storage]

    /// Whether the checkpoint was cut short on disk while it was in use: what it computes is worth nothing.
    var isDamaged: Bool { storages.contains(where: \.isDamaged) }

    /// Loads the checkpoint at `path` and checks that it fits into memory.
    ///
    /// - Parameters:
    ///   - id: the name that requests use; nil: made from the file's name.
    ///   - tokenizer: the tokenizer's file where it is not beside the checkpoint.
    ///   - reservedBytes: memory that other models take.
    /// - Throws: ``ModelLoadError``.
    public convenience init(
        path: String, id: String? = nil, tokenizer: String? = nil, options: EngineOptions, reservedBytes: Int = 0
    ) throws(ModelLoadError) {
        let checkpoint: Checkpoint
        do throws(CheckpointError) {
            checkpoint = try Checkpoint.open(path: path, tokenizer: tokenizer)
        } catch {
            throw .checkpoint(error)
        }
        try self.init(
            checkpoint, id: id ?? Self.name(ofPath: path), options: options, reservedBytes: reservedBytes)
    }

    /// Makes a checkpoint ready to run.
    ///
    /// - Throws: ``ModelLoadError``.
    public init(
        _ checkpoint: Checkpoint, id: String, options: EngineOptions, reservedBytes: Int = 0
    ) throws(ModelLoadError) {
        guard let config = checkpoint.config else { throw .tensors("\(ArchitectureError.noModel)") }
        guard let source = checkpoint.tokenizer else { throw .noTokenizer }
        let tokenizer: any Tokenizer
        do {
            tokenizer = try makeTokenizer(from: source, vocabularySize: config.vocabularySize)
        } catch {
            throw .tokenizer("\(error)")
        }
        do throws(ArchitectureError) {
            decoder = try makeDecoder(config, CheckpointParameters(checkpoint))
        } catch {
            throw .tensors("\(error)")
        }
        if let asked = options.contextLength, !(1...config.contextLength).contains(asked) {
            throw .contextLength(asked: asked, limit: config.contextLength)
        }
        let contextLength = options.contextLength ?? config.contextLength
        layout = KVLayout(
            layerCount: config.layerCount, kvHeadCount: config.kvHeadCount, headSize: config.headSize,
            blockTokens: KVLayout.blockTokens, type: options.cacheType)
        let available = MemoryPlan.availableBytes().map { max(0, $0 - reservedBytes) }
        let wanted = options.cacheBytes ?? Self.defaultCacheBytes(layout, contextLength, available: available)
        blockCount = wanted / layout.blockBytes
        guard blockCount > 0 else { throw .cacheTooSmall(bytes: wanted, neededBytes: layout.blockBytes) }
        var distinct: [ObjectIdentifier: Storage] = [:]
        for tensor in checkpoint.tensors.values { distinct[ObjectIdentifier(tensor.storage)] = tensor.storage }
        storages = Array(distinct.values)
        let weightBytes = checkpoint.tensors.values.reduce(0) { $0 + $1.byteCount }
        memory = MemoryPlan(
            weightBytes: weightBytes, cacheBytes: blockCount * layout.blockBytes,
            activationBytes: MemoryPlan.activationBytes(config, options: options))
        if let available, memory.totalBytes > available {
            throw .notEnoughMemory(memory, available: available)
        }
        self.options = options
        var bytesByType: [String: Int] = [:]
        for tensor in checkpoint.tensors.values { bytesByType[tensor.type.name, default: 0] += tensor.byteCount }
        info = ModelInfo(
            id: id, config: config, tokenizer: tokenizer, contextLength: contextLength,
            weightTypes: bytesByType.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key),
            weightBytes: weightBytes, kvBytesPerToken: layout.bytesPerToken, checkpoint: checkpoint,
            created: Int(time(nil)))
    }

    private static func defaultCacheBytes(_ layout: KVLayout, _ contextLength: Int, available: Int?) -> Int {
        let blocks = (contextLength + KVLayout.blockTokens - 1) / KVLayout.blockTokens
        let (full, overflow) = (8 * blocks).multipliedReportingOverflow(by: layout.blockBytes)
        let share = (available ?? 4 << 30) / 4
        return max(overflow ? share : min(full, share), layout.blockBytes)
    }

    /// The last part of a path without its extension, with the characters that a model's name may have.
    package static func name(ofPath path: String) -> String {
        var name = path.split(separator: "/").last.map(String.init) ?? "model"
        for suffix in [".gguf", ".bin", ".safetensors", ".index.json"] where name.hasSuffix(suffix) {
            name.removeLast(suffix.count)
            break
        }
        let kept = name.unicodeScalars.map { scalar -> Character in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            return isPlain || scalar == "-" || scalar == "_" || scalar == "." ? Character(scalar) : "-"
        }
        return kept.isEmpty ? "model" : String(kept)
    }
}
