// SPDX-License-Identifier: Apache-2.0

internal import Architectures
public import Checkpoints
public import Compute
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
    /// The cache cannot be of the type that `--kv-type` names.
    case cacheType(KVLayout.CacheType, headSize: Int)
    /// The machine or its cgroup has not enough memory.
    case notEnoughMemory(MemoryPlan, available: Int)
    /// RLIMIT_AS leaves too little address space for the plan and the program itself.
    case notEnoughAddressSpace(MemoryPlan, programBytes: Int, available: Int)
    /// The system does not grant the address range, for a reason of its own.
    case cannotReserve(MemoryPlan)
    /// RLIMIT_AS leaves too little address space for the program itself.
    case noAddressSpace(programBytes: Int, available: Int)

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
        case .cacheType(let type, let headSize):
            "the KV cache cannot be \(type.name): a head of this model has \(headSize) elements, not whole blocks of 32"
        case .notEnoughMemory(let plan, let available):
            "not enough memory: \(plan), but \(available / 1_048_576) MiB are available"
        case .notEnoughAddressSpace(let plan, let program, let available):
            "not enough address space (ulimit -v): \(mebibytes(plan.cacheBytes)) KV cache + "
                + "\(mebibytes(plan.activationBytes)) activations + \(mebibytes(program)) for the program are needed "
                + "beside the weights, but \(available / 1_048_576) MiB are left"
        case .cannotReserve(let plan):
            "the system refuses \(mebibytes(plan.cacheBytes)) for the KV cache and "
                + "\(mebibytes(plan.activationBytes)) for activations"
        case .noAddressSpace(let program, let available):
            "not enough address space (ulimit -v): the program needs \(mebibytes(program)), but "
                + "\(available / 1_048_576) MiB are left"
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
    /// Floats of the largest step's activations.
    let arenaFloatCount: Int
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
        // Before anything is read: where memory cannot be had, there is no error to throw any more.
        let program = MemoryPlan.programBytes(threadCount: options.threadCount)
        if let bytes = AvailableMemory.now().addressSpaceBytes, bytes < program {
            throw .noAddressSpace(programBytes: program, available: bytes)
        }
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
        let available = AvailableMemory.now().less(reservedBytes)
        let plan = try ServingPlan(checkpoint, options: options, available: available)
        (decoder, layout, blockCount) = (plan.decoder, plan.layout, plan.blockCount)
        (memory, arenaFloatCount) = (plan.memory, plan.arenaFloatCount)
        var distinct: [ObjectIdentifier: Storage] = [:]
        for tensor in checkpoint.tensors.values { distinct[ObjectIdentifier(tensor.storage)] = tensor.storage }
        storages = Array(distinct.values)
        try memory.check(available, threadCount: options.threadCount)
        self.options = options
        var bytesByType: [String: Int] = [:]
        for tensor in checkpoint.tensors.values { bytesByType[tensor.type.name, default: 0] += tensor.byteCount }
        info = ModelInfo(
            id: id, config: config, tokenizer: tokenizer, contextLength: plan.contextLength,
            weightTypes: bytesByType.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key),
            weightBytes: memory.weightBytes, kvBytesPerToken: layout.bytesPerToken, checkpoint: checkpoint,
            weightsHash: WeightsFingerprint.hash(checkpoint.tensors), created: Int(time(nil)))
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
