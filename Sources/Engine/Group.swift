// SPDX-License-Identifier: Apache-2.0

import Decoding
import Synchronization

/// A submitted group: the requests of one HTTP call, their sink, and what other threads may ask of them.
final class Group: Sendable {
    let requests: [GenerationRequest]
    let model: Int
    let sink: @Sendable (GenerationEvent) -> Void
    let submitted: ContinuousClock.Instant
    private let cancelled = Atomic<Bool>(false)
    private let paused = Atomic<Bool>(false)

    init(_ requests: [GenerationRequest], model: Int, sink: @escaping @Sendable (GenerationEvent) -> Void) {
        self.requests = requests
        self.model = model
        self.sink = sink
        submitted = .now
    }

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }
    var isPaused: Bool { paused.load(ordering: .acquiring) }

    func cancel() { cancelled.store(true, ordering: .releasing) }
    func setPaused(_ value: Bool) { paused.store(value, ordering: .releasing) }
}

/// The state of a group on the engine's thread.
final class ActiveGroup {
    let group: Group
    /// Ids of the units that are not over yet.
    var units: Set<Int>
    var usages: [GenerationUsage]
    var isPaused = false
    /// Since when it is paused.
    var pausedSince: ContinuousClock.Instant?
    /// How long it was paused before that.
    var pausedTime = Duration.zero
    var hasStarted = false

    init(_ group: Group, units: Set<Int>) {
        self.group = group
        self.units = units
        usages = group.requests.map { GenerationUsage(promptTokens: $0.prompt.count) }
    }
}

/// One prompt with its choices, on the engine's thread.
final class ActiveUnit {
    let id: Int
    let owner: ActiveGroup
    /// Its place in the group.
    let index: Int
    let request: GenerationRequest
    /// The prompt's blocks until the choices take over.
    var table: BlockTable?
    /// The choices, by index; nil before the prompt is computed and once a choice is over.
    var choices: [Choice?] = []
    /// What was asked about the prompt's tokens, in order.
    var promptTokens: [ReportedToken] = []
    var started: ContinuousClock.Instant?
    var firstToken: ContinuousClock.Instant?

    init(id: Int, owner: ActiveGroup, index: Int, request: GenerationRequest) {
        self.id = id
        self.owner = owner
        self.index = index
        self.request = request
    }
}

/// One continuation, on the engine's thread. During a step's sampling exactly one thread touches it.
final class Choice {
    let index: Int
    let table: BlockTable
    var sampler: Sampler
    var text: TextAssembler
    /// The newest token: sampled, not yet computed.
    var newest: Int32 = 0
    /// The place of the newest token in the sequence.
    var position: Int
    var generated = 0
    /// The tokens drawn and gone on from.
    var ids: [Int32] = []

    init(index: Int, table: BlockTable, sampler: Sampler, text: TextAssembler, promptCount: Int) {
        self.index = index
        self.table = table
        self.sampler = sampler
        self.text = text
        position = promptCount - 1
    }
}
