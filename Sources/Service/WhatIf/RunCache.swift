// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Engine
import Synchronization

/// A finished run that can be decoded again.
struct KeptRun: Sendable {
    /// The model's name.
    var model: String
    /// The prompt's ids.
    var prompt: [Int32]
    /// What the request gave, without the prompt and without what says how the answer looks; the seed among it.
    var values: FieldValues
    /// Continuations of the prompt.
    var choiceCount: Int
    /// Tokens and logits.
    var recorder: RunRecorder
}

/// Finished runs by the id of their answers, within a number of bytes: the one unused for longest goes first.
///
/// A run takes its place before it begins, for as many tokens as it may come to have, and gives back at its end what it
/// did not need. Concurrency: any thread.
final class RunCache: Sendable {
    private struct Entry {
        var bytes: Int
        /// Nil as long as it runs.
        var run: KeptRun?
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Ids of finished runs, the one unused for longest first.
        var order: [String] = []
        var usedBytes = 0
    }

    /// The most bytes of all runs together.
    let limitBytes: Int
    private let state = Mutex(State())

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    /// The bytes of so many tokens of a model with their logits.
    static func bytes(tokenCount: Int, of model: ModelInfo) -> Int {
        let (bytes, overflow) = tokenCount.multipliedReportingOverflow(by: 4 * model.config.vocabularySize + 64)
        return overflow ? .max : bytes
    }

    /// Takes room for a run that begins. Returns false if running runs leave too little.
    func reserve(_ id: String, bytes: Int) -> Bool {
        state.withLock { state in
            let running = state.entries.values.reduce(0) { $0 + ($1.run == nil ? $1.bytes : 0) }
            guard bytes <= limitBytes - running else { return false }
            while state.usedBytes > limitBytes - bytes, !state.order.isEmpty { Self.remove(state.order[0], &state) }
            state.entries[id] = Entry(bytes: bytes, run: nil)
            state.usedBytes += bytes
            return true
        }
    }

    /// Keeps a run for which there was room.
    func keep(_ id: String, _ run: KeptRun, bytes: Int) {
        state.withLock { state in
            guard let entry = state.entries[id] else { return }
            state.usedBytes += bytes - entry.bytes
            state.entries[id] = Entry(bytes: bytes, run: run)
            state.order.append(id)
        }
    }

    /// Gives the room of a run that failed back.
    func drop(_ id: String) {
        state.withLock { Self.remove(id, &$0) }
    }

    /// A run, which is the latest used now; nil: there is none, or it is not over.
    func run(_ id: String) -> KeptRun? {
        state.withLock { state in
            guard let run = state.entries[id]?.run else { return nil }
            state.order.removeAll { $0 == id }
            state.order.append(id)
            return run
        }
    }

    /// Bytes and number of runs that are kept or on their way.
    var usage: (bytes: Int, count: Int) { state.withLock { ($0.usedBytes, $0.entries.count) } }

    private static func remove(_ id: String, _ state: inout State) {
        guard let entry = state.entries.removeValue(forKey: id) else { return }
        state.usedBytes -= entry.bytes
        state.order.removeAll { $0 == id }
    }
}
