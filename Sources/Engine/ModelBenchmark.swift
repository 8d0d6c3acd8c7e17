// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import Checkpoints
internal import Compute

/// Measures the forward pass alone: no queue, no sampling, no text.
///
/// The ids are arbitrary: a pass takes as long for any. One thread at a time.
public final class ModelBenchmark {
    private let model: LoadedModel
    private let backend: InferenceBackend
    private let pool: BlockPool
    private let logits: UnsafeMutablePointer<Float>

    /// A benchmark of `model` on `threadCount` threads; nil if the cache's address range cannot be had.
    public init?(_ model: LoadedModel, threadCount: Int) {
        guard let pool = BlockPool(layout: model.layout, blockCount: model.blockCount, keepsPrefixes: false) else {
            return nil
        }
        self.model = model
        self.pool = pool
        backend = InferenceBackend(
            kernels: Kernels(pool: WorkerPool(threadCount: threadCount)), config: model.info.config,
            contextLength: model.info.contextLength, layout: model.layout)
        logits = .allocate(capacity: model.info.config.vocabularySize)
    }

    deinit { logits.deallocate() }

    /// Bytes of weights that one decoded token reads: all but the embedding's other rows.
    public var bytesPerToken: Int {
        let embedding = model.info.checkpoint.tensors["token_embd.weight"]?.byteCount ?? 0
        return model.info.weightBytes - (model.info.config.tiesHead ? 0 : embedding)
    }

    /// The time that a prompt of `tokenCount` tokens takes, in passes of at most `chunk` tokens.
    public func prefill(tokenCount: Int, chunk: Int = 512) -> Duration {
        measure(depth: 0, sizes: stride(from: 0, to: tokenCount, by: chunk).map { min(chunk, tokenCount - $0) })
    }

    /// The time that `tokenCount` tokens take, one by one, after `depth` others.
    public func decode(tokenCount: Int, depth: Int = 0) -> Duration {
        measure(depth: depth, sizes: Array(repeating: 1, count: tokenCount))
    }

    private func measure(depth: Int, sizes: [Int]) -> Duration {
        let total = depth + sizes.reduce(0, +)
        let table = BlockTable(pool: pool, tokenCapacity: total)
        precondition(table.reserve(tokenCount: total), "more tokens than the cache holds")
        var position = 0
        func pass(_ count: Int) {
            var batch = InferenceBatch()
            for index in 0..<count {
                batch.append(
                    id: Int32((position * 7919) % model.info.config.vocabularySize),
                    row: AttentionRow(position: Int32(position), blocks: table.addresses),
                    wantsOutput: index == count - 1)
                position += 1
            }
            let states = backend.hidden(model.decoder, batch)
            backend.logits(model.decoder, states, rows: 0..<1, into: logits)
        }
        while position < depth { pass(min(512, depth - position)) }
        return ContinuousClock().measure { for size in sizes { pass(size) } }
    }
}
