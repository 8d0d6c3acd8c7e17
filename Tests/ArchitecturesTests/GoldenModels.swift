// SPDX-License-Identifier: Apache-2.0

import Architectures
import Checkpoints
import Compute
import Foundation
import StrictJSON
import Testing

/// One of the tiny checkpoints in Tests/Fixtures/models and the logits that transformers computes for it.
struct GoldenModel: Sendable, CustomTestStringConvertible {
    let name: String
    let type: String
    let folder: URL
    let checkpoints: [String]
    let ids: [Int32]
    let vocabularySize: Int
    /// `[T, V]`, row-major.
    let logits: [Float]

    var testDescription: String { name }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/models")

    static let all: [GoldenModel] = {
        guard let text = try? Data(contentsOf: folder.appending(path: "index.json")),
            let index = try? JSONParser.parse(text)
        else { return [] }
        return (index.arrayValue ?? []).compactMap(GoldenModel.init)
    }()

    private init?(_ entry: JSON) {
        guard let name = entry["name"]?.stringValue, let type = entry["type"]?.stringValue,
            let file = entry["logits"]?.stringValue, let columns = entry["shape"]?.arrayValue?.last?.integerValue
        else { return nil }
        self.name = name
        self.type = type
        folder = Self.folder.appending(path: name)
        checkpoints = (entry["checkpoints"]?.arrayValue ?? []).compactMap(\.stringValue)
        ids = (entry["ids"]?.arrayValue ?? []).compactMap { $0.integerValue.map(Int32.init) }
        vocabularySize = Int(columns)
        guard let data = try? Data(contentsOf: folder.appending(path: file)) else { return nil }
        logits = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }
}

/// A decoder with a cache of its own for one sequence.
final class SequenceRunner {
    let config: ModelConfig
    private let decoder: any Decoder<Tensor>
    private let backend: InferenceBackend
    private let blocks: [UnsafeMutableRawPointer]
    private let table: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private var position: Int32 = 0

    init(path: String, threads: Int = 1, cacheType: KVLayout.CacheType = .f32, reservedRows: Int = 0) throws {
        let checkpoint = try Checkpoint.open(path: path)
        guard let config = checkpoint.config else { throw ArchitectureError.noModel }
        self.config = config
        decoder = try makeDecoder(config, CheckpointParameters(checkpoint))
        let layout = KVLayout(
            layerCount: config.layerCount, kvHeadCount: config.kvHeadCount, headSize: config.headSize,
            blockTokens: KVLayout.blockTokens, type: cacheType)
        backend = InferenceBackend(
            kernels: Kernels(pool: WorkerPool(threadCount: threads)), config: config,
            contextLength: config.contextLength, layout: layout,
            arenaFloatCount: reservedRows > 0 ? Self.arenaFloatCount(decoder, rows: reservedRows) : 0)
        let count = (config.contextLength + KVLayout.blockTokens - 1) / KVLayout.blockTokens
        blocks = (0..<count).map { _ in .allocate(byteCount: layout.blockBytes, alignment: 64) }
        table = .allocate(capacity: count)
        table.initialize(from: blocks, count: count)
    }

    /// What the largest pass of `rows` rows is said to take.
    static func arenaFloatCount(_ decoder: some Decoder<Tensor>, rows: Int) -> Int {
        ArenaGauge.floatCount(decoder, rows: rows)
    }

    func arenaFloatCount(rows: Int) -> Int { Self.arenaFloatCount(decoder, rows: rows) }

    /// Bytes of the arena, and the floats that the last pass held at once.
    var arena: (bytes: Int, peakFloatCount: Int) { (backend.arenaBytes, backend.arenaPeakFloatCount) }

    deinit {
        for block in blocks { block.deallocate() }
        table.deallocate()
    }

    /// Appends `ids` to the sequence in one pass and returns the mean of their hidden states after the last norm.
    func meanState(_ ids: [Int32]) -> [Double] {
        var batch = InferenceBatch()
        for id in ids {
            batch.append(id: id, row: AttentionRow(position: position, blocks: table), wantsOutput: true)
            position += 1
        }
        let states = backend.hidden(decoder, batch)
        return (0..<states.columns).map { column in
            (0..<states.rows).reduce(0) { $0 + Double(states.pointer[$1 * states.columns + column]) }
                / Double(states.rows)
        }
    }

    /// Appends `ids` to the sequence in one pass and returns the logits of each but the first `skipped`, `[count, V]`.
    func append(_ ids: some Collection<Int32>, skipped: Int = 0) -> [Float] {
        var batch = InferenceBatch()
        let outputCount = ids.count - skipped
        for (index, id) in ids.enumerated() {
            batch.append(
                id: id, row: AttentionRow(position: position, blocks: table), wantsOutput: index >= skipped)
            position += 1
        }
        let states = backend.hidden(decoder, batch)
        var logits = [Float](repeating: 0, count: outputCount * config.vocabularySize)
        logits.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            backend.logits(decoder, states, rows: 0..<outputCount, into: base)
        }
        return logits
    }
}
