// SPDX-License-Identifier: Apache-2.0

import Decoding
import Synchronization

/// A submitted group: the requests of one HTTP call, their sink, and what other threads may ask of them.
final class Group: Sendable {
    let work: GenerationGroup
    let model: Int
    let sink: @Sendable (GenerationEvent) -> Void
    let submitted: ContinuousClock.Instant
    private let cancelled = Atomic<Bool>(false)
    private let paused = Atomic<Bool>(false)

    init(_ work: GenerationGroup, model: Int, sink: @escaping @Sendable (GenerationEvent) -> Void) {
        self.work = work
        self.model = model
        self.sink = sink
        submitted = .now
    }

    var requests: [GenerationRequest] { work.requests }
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

    init(_ group: Group) {
        self.group = group
        units = []
        usages = group.requests.enumerated().map { index, request in
            var usage = GenerationUsage(promptTokens: request.prompt.count)
            if index > 0 { usage.cachedTokens = group.work.sharedTokens }
            return usage
        }
    }
}

/// What the scheduler sees as one, on the engine's thread: requests that share the beginning of their prompts, or a
/// request alone, which shares all of it with itself.
final class ActiveUnit {
    let id: Int
    let owner: ActiveGroup
    /// The tokens that are computed once for all lanes.
    let trunk: [Int32]
    /// One per request.
    let lanes: [ActiveLane]
    /// What goes on from the trunk: the lanes, then the sequences that guide them.
    let branches: [ActiveLane]
    /// The trunk's blocks until the branches take over.
    var table: BlockTable?
    var started: ContinuousClock.Instant?

    init(id: Int, owner: ActiveGroup, trunk: [Int32], lanes: [ActiveLane]) {
        self.id = id
        self.owner = owner
        self.trunk = trunk
        self.lanes = lanes
        branches = lanes + lanes.compactMap(\.guide)
    }

    /// Whether something is asked for that needs the trunk's own tokens to be computed.
    var reportsTrunk: Bool {
        lanes.contains { lane in
            let request = lane.request
            return lane.context != nil || request.reportsEmbedding
                || request.reportsPromptLogprobs && request.promptLogprobStart < trunk.count
        }
    }

    /// The most tokens that a sequence of the unit may come to hold.
    var tokenCapacity: Int { branches.reduce(trunk.count) { max($0, $1.tokenCapacity) } }
}

/// One request, on the engine's thread.
final class ActiveLane {
    /// Its place in the group.
    let index: Int
    let request: GenerationRequest
    /// Tokens of its prompt after the trunk's that must be computed: of a prompt that is only scored not the last.
    let ownRows: Int
    /// The blocks of its prompt until the choices take over.
    var table: BlockTable?
    /// The choices, by index; nil before the prompt is computed and once a choice is over.
    var choices: [Choice?] = []
    /// Choices that are not over.
    var remainingChoices: Int
    /// The prompt that guides its choices, as a lane that draws nothing.
    let guide: ActiveLane?
    /// The lane that it guides.
    private(set) weak var guided: ActiveLane?
    /// The search that finds its choices together.
    var search: BeamLane?
    /// Whether its prompt is computed as far as it is as such.
    var isReady = false
    /// The hidden states of its prompt, until its choice takes over; nil where they are not needed.
    var context: ContrastiveContext?
    /// What was asked about the prompt's tokens, in order.
    var promptTokens: [ReportedToken] = []
    /// What was asked about the distribution after the prompt.
    var distributions: DistributionReport?
    /// The sum of the prompt's hidden states so far, where their mean is asked for.
    var stateSum: [Double] = []
    var firstToken: ContinuousClock.Instant?

    /// - Parameter width: C, the floats of a hidden state.
    init(index: Int, request: GenerationRequest, sharedTokens: Int, width: Int) {
        self.index = index
        self.request = request
        remainingChoices = request.choiceCount
        ownRows = request.ownRows(sharedTokens: sharedTokens)
        guide = request.guide.map { ActiveLane(index: index, request: $0, sharedTokens: sharedTokens, width: width) }
        if request.remembersStates {
            context = ContrastiveContext(width: width)
            context?.reserve(request.prompt.count + request.maxTokens)
        }
        guide?.guided = self
    }

    var tokenCapacity: Int { request.prompt.count + request.maxTokens }
    /// Whether it computes anything after the trunk.
    var needsTable: Bool { ownRows > 0 || request.maxTokens > 0 }

    /// Whether the hidden state or the logits after the token at `position` of its prompt are wanted.
    func wantsOutput(after position: Int) -> Bool {
        request.reportsEmbedding || wantsLogits(after: position)
    }

    /// Whether the logits after the token at `position` of its prompt are wanted.
    func wantsLogits(after position: Int) -> Bool {
        let isLast = position == request.prompt.count - 1
        if isLast { return request.maxTokens > 0 || request.distributions != nil }
        return request.reportsPromptLogprobs && position + 1 >= request.promptLogprobStart
    }
}

extension GenerationRequest {
    /// Tokens of the prompt after the first `sharedTokens` that must be computed.
    func ownRows(sharedTokens: Int) -> Int {
        let rest = promptRowCount - sharedTokens
        return maxTokens > 0 || distributions != nil || reportsEmbedding ? rest : max(0, rest - 1)
    }
}

extension Scheduler.Unit {
    /// What the requests of a group need, by unit.
    static func units(of group: GenerationGroup) -> [Scheduler.Unit] {
        func branch(_ request: GenerationRequest, shared: Int, sequences: Int) -> Scheduler.Branch {
            Scheduler.Branch(
                promptTokens: request.ownRows(sharedTokens: shared), choiceCount: sequences,
                maxTokens: request.maxTokens + (request.decodesPromptEnd ? 1 : 0))
        }
        func unit(_ requests: [GenerationRequest], shared: Int) -> Scheduler.Unit {
            let guides = requests.compactMap(\.guide)
            let lanes = requests.map {
                branch($0, shared: shared, sequences: $0.guide == nil ? $0.sequenceCount : $0.choiceCount)
            }
            return Scheduler.Unit(
                promptTokens: shared,
                branches: lanes + guides.map { branch($0, shared: shared, sequences: $0.choiceCount) })
        }
        guard group.sharedTokens > 0 else {
            return group.requests.map { unit([$0], shared: $0.ownTrunkCount) }
        }
        return [unit(group.requests, shared: group.sharedTokens)]
    }
}

/// One continuation, on the engine's thread. During a step's sampling exactly one thread touches it.
final class Choice {
    let index: Int
    var table: BlockTable
    var sampler: Sampler
    var text: TextAssembler
    /// The newest token: sampled, not yet computed.
    var newest: Int32 = 0
    /// The place of the newest token in the sequence.
    var position: Int
    var generated = 0
    /// The tokens drawn and gone on from.
    var ids: [Int32] = []
    /// The token of this step, before it is accepted.
    var drawn: Int32?
    /// What is guessed to follow the newest token, for the step that runs.
    var draft: [Int32] = []
    /// The place of the newest token when the step began.
    var draftStart = 0
    /// Whether it drew the tokens of the choice that it is compared with so far.
    var followsReference: Bool
    /// The same continuation of the prompt that guides it.
    var guide: GuideSequence?
    /// What it tries where it does not draw.
    var contrast: ContrastiveChoice?

    init(index: Int, table: BlockTable, start: ChoiceStart, promptCount: Int, followsReference: Bool) {
        self.index = index
        self.table = table
        sampler = start.sampler
        text = start.text
        self.followsReference = followsReference
        position = promptCount - 1
    }
}
