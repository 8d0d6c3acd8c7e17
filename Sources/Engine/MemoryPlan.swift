// SPDX-License-Identifier: Apache-2.0

internal import Architectures
public import Checkpoints
public import Compute
internal import Glibc

/// The memory that a model will take, known before any of it is taken.
public struct MemoryPlan: Sendable, Equatable, CustomStringConvertible {
    /// All weights, mapped or owned.
    public var weightBytes: Int
    /// The whole KV cache.
    public var cacheBytes: Int
    /// Activations and logits of the largest step, and the table of rotations.
    public var activationBytes: Int

    /// All of it.
    public var totalBytes: Int { [weightBytes, cacheBytes, activationBytes].reduce(0, saturatingSum) }

    /// What is taken beside the weights, which stand in memory or are mapped once the checkpoint is open.
    var addedBytes: Int { saturatingSum(cacheBytes, activationBytes) }

    /// The parts in MiB.
    public var description: String {
        "\(mebibytes(weightBytes)) weights + \(mebibytes(cacheBytes)) KV cache + "
            + "\(mebibytes(activationBytes)) activations = \(mebibytes(totalBytes))"
    }

    /// Address space for what is not in a plan: the program itself and the stacks of its threads.
    static func programBytes(threadCount: Int) -> Int { (64 + 8 * threadCount) << 20 }

    /// Checks that the plan fits into what there is.
    package func check(_ available: AvailableMemory, threadCount: Int) throws(ModelLoadError) {
        if let bytes = available.memoryBytes, totalBytes > bytes {
            throw .notEnoughMemory(self, available: bytes)
        }
        let program = Self.programBytes(threadCount: threadCount)
        if let bytes = available.addressSpaceBytes, saturatingSum(addedBytes, program) > bytes {
            throw .notEnoughAddressSpace(self, programBytes: program, available: bytes)
        }
        guard Self.canReserve(addedBytes) else { throw .cannotReserve(self) }
    }

    /// Whether the system grants an address range of this size now.
    private static func canReserve(_ bytes: Int) -> Bool {
        let range = mmap(
            nil, max(bytes, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let range, range != MAP_FAILED else { return false }
        munmap(range, max(bytes, 1))
        return true
    }
}

/// How a checkpoint would be served: decoder, cache and memory, from the checkpoint and the options alone. What
/// ``LoadedModel`` does and what `temper inspect` prints come from here.
public struct ServingPlan: Sendable {
    /// The memory.
    public let memory: MemoryPlan
    /// Prompt and continuation together, in tokens.
    public let contextLength: Int
    /// How keys and values stand in the cache.
    public let layout: KVLayout
    /// Blocks of the cache.
    public let blockCount: Int
    let decoder: any Decoder<Tensor>
    /// Floats of the largest step's activations.
    let arenaFloatCount: Int

    /// Tokens that the cache holds.
    public var cacheTokens: Int { blockCount * layout.blockTokens }

    /// A plan for `checkpoint`; whether it fits into memory is not checked.
    ///
    /// - Parameter available: what the default size of the cache is a share of.
    /// - Throws: ``ModelLoadError``.
    public init(
        _ checkpoint: Checkpoint, options: EngineOptions, available: AvailableMemory
    ) throws(ModelLoadError) {
        guard let config = checkpoint.config else { throw .tensors("\(ArchitectureError.noModel)") }
        do throws(ArchitectureError) {
            decoder = try makeDecoder(config, CheckpointParameters(checkpoint))
        } catch {
            throw .tensors("\(error)")
        }
        if let asked = options.contextLength, !(1...config.contextLength).contains(asked) {
            throw .contextLength(asked: asked, limit: config.contextLength)
        }
        contextLength = options.contextLength ?? config.contextLength
        guard options.cacheType.holds(headSize: config.headSize) else {
            throw .cacheType(options.cacheType, headSize: config.headSize)
        }
        layout = KVLayout(
            layerCount: config.layerCount, kvHeadCount: config.kvHeadCount, headSize: config.headSize,
            blockTokens: KVLayout.blockTokens, type: options.cacheType)
        let wanted = options.cacheBytes ?? Self.defaultCacheBytes(layout, contextLength, available)
        blockCount = min(wanted / layout.blockBytes, Int(Int32.max))
        guard blockCount > 0 else { throw .cacheTooSmall(bytes: wanted, neededBytes: layout.blockBytes) }
        let rows = EngineStep.prefillLimit + options.choiceLimit
        arenaFloatCount = Self.floatCount(decoder, rows: rows)
        memory = MemoryPlan(
            weightBytes: checkpoint.tensors.values.reduce(0) { saturatingSum($0, $1.byteCount) },
            cacheBytes: blockCount * layout.blockBytes,
            activationBytes: 4 * (arenaFloatCount + EngineStep.logitRows * config.vocabularySize)
                + Self.kernelBytes(config, rows: rows, contextLength: contextLength))
    }

    private static func floatCount(_ decoder: some Decoder<Tensor>, rows: Int) -> Int {
        ArenaGauge.floatCount(decoder, rows: rows)
    }

    /// The kernels' own: the input of a quantized layer in eight bits with its scales, and the table of rotations.
    private static func kernelBytes(_ config: ModelConfig, rows: Int, contextLength: Int) -> Int {
        let widest = max(config.width, config.headCount * config.headSize, config.feedForwardWidth)
        return 2 * rows * widest + 4 * contextLength * (config.rope?.dimensions ?? 0)
    }

    /// Eight full contexts, within a quarter of what there is.
    private static func defaultCacheBytes(
        _ layout: KVLayout, _ contextLength: Int, _ available: AvailableMemory
    ) -> Int {
        let blocks = (contextLength + KVLayout.blockTokens - 1) / KVLayout.blockTokens
        let (full, overflow) = (8 * blocks).multipliedReportingOverflow(by: layout.blockBytes)
        let share = ([available.memoryBytes, available.addressSpaceBytes].compactMap { $0 }.min() ?? 4 << 30) / 4
        return max(overflow ? share : min(full, share), layout.blockBytes)
    }
}

/// The sum of two sizes, or the largest integer where that overflows.
private func saturatingSum(_ a: Int, _ b: Int) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
}

/// A size in whole MiB, rounded up.
func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20 + (bytes & 0xF_FFFF == 0 ? 0 : 1)) MiB" }
