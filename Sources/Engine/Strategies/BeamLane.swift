// SPDX-License-Identifier: Apache-2.0

import Decoding
import Tokenizers

/// A token of a beam search's tree.
final class BeamNode {
    let parent: BeamNode?
    /// Its number in reports.
    let id: Int
    /// Nil at the root.
    let token: ReportedToken?
    /// The text that it has so far; nil where no text can end it.
    let text: TextAssembler?
    let sampler: Sampler
    /// Why it goes no further.
    let reason: FinishReason?

    init(
        parent: BeamNode?, id: Int, token: ReportedToken?, text: TextAssembler?, sampler: Sampler,
        reason: FinishReason? = nil
    ) {
        self.parent = parent
        self.id = id
        self.token = token
        self.text = text
        self.sampler = sampler
        self.reason = reason
    }

    /// The tokens from the first on.
    var tokens: [ReportedToken] {
        var tokens: [ReportedToken] = []
        var node: BeamNode? = self
        while let current = node {
            if let token = current.token { tokens.append(token) }
            node = current.parent
        }
        return tokens.reversed()
    }
}

/// A beam search over the continuations of one request, on the engine's thread.
final class BeamLane {
    /// A continuation that the search found.
    struct Result {
        var tokens: [ReportedToken]
        var reason: FinishReason
    }

    private let request: GenerationRequest
    private let parameters: BeamParameters
    private let tokenizer: any Tokenizer
    private let endIDs: Set<Int32>
    private var groups: [BeamGroup<BeamNode>]
    /// By group, the place in ``rows`` of each open sequence.
    private var places: [[Int]]
    private var nodeCount = 1
    private var stepCount = 0
    /// Continuations that the last step kept or finished.
    private(set) var decidedCount = 0
    /// The sequences to compute next.
    private(set) var rows: [SearchRow]

    init(
        _ request: GenerationRequest, _ parameters: BeamParameters, table: BlockTable, sampler: Sampler,
        text: TextAssembler, tokenizer: any Tokenizer
    ) {
        self.request = request
        self.parameters = parameters
        self.tokenizer = tokenizer
        endIDs = request.endIDs(tokenizer.endIDs)
        let text = request.stopStrings.isEmpty ? nil : text
        let root = BeamNode(parent: nil, id: 0, token: nil, text: text, sampler: sampler)
        let group = BeamGroup(
            parameters, root: root, promptCount: request.prompt.count, maxTokens: request.maxTokens)
        groups = Array(repeating: group, count: parameters.groupCount)
        places = groups.map { _ in [0] }
        rows = [
            SearchRow(
                table: table, sampler: sampler, text: text, newest: request.prompt.last ?? 0,
                position: request.prompt.count - 1)
        ]
    }

    /// What is to be known of each row.
    var query: ExpansionQuery {
        let lowered = parameters.groupCount > 1 ? parameters.width : 0
        return ExpansionQuery(count: BeamGroup<BeamNode>.candidateCount(parameters, endCount: endIDs.count) + lowered)
    }

    /// Whether the search is over.
    var isOver: Bool { groups.allSatisfy(\.isOver) }

    /// Decides on what follows the rows, all of which have their expansion.
    ///
    /// - Returns: what was decided, or nil if the pool has no block left.
    func advance() throws(DecodingError) -> SearchStep? {
        var step = SearchStep(index: stepCount)
        stepCount += 1
        decidedCount = 0
        var lowered: [Int32: Int] = [:]
        var children: [(row: Int, node: BeamNode)] = []
        for index in groups.indices where !groups[index].isOver {
            let expansions = places[index].map { rows[$0].expansion ?? Expansion(tokens: []) }
            let parents = groups[index].open.map(\.hypothesis)
            let candidates = groups[index].candidates(
                expansions.map(\.tokens), endCount: endIDs.count, lowered: lowered)
            let outcome = try groups[index].take(candidates) { (candidate) throws(DecodingError) in
                try self.node(candidate, parents[candidate.parent], expansions[candidate.parent])
            }
            decidedCount += outcome.kept.count + outcome.finished.count
            let old = places[index]
            places[index] = []
            let goesOn = !groups[index].isOver
            for (candidate, node) in outcome.kept {
                lowered[candidate.id, default: 0] += 1
                guard goesOn else { continue }
                places[index].append(children.count)
                children.append((old[candidate.parent], node))
            }
            // What only its length ends is chosen like the rest.
            for (candidate, node, _) in outcome.finished where node.reason == .length {
                lowered[candidate.id, default: 0] += 1
            }
            if request.reportsSearch { report(outcome, parents, group: index, in: &step) }
        }
        return replaceRows(children) ? step : nil
    }

    /// Ends the search here.
    func close() {
        for index in groups.indices where !groups[index].isOver { groups[index].close() }
        rows = []
    }

    /// The best continuations, at most as many as choices are asked for. A sequence that was cut off ends by `reason`.
    func results(cutBy reason: FinishReason) -> [Result] {
        var all = groups.flatMap(\.finished)
        // Of equal scores the earlier group's first: the sort is stable.
        all = all.enumerated().sorted { left, right in
            left.element.score != right.element.score
                ? left.element.score > right.element.score : left.offset < right.offset
        }.map(\.element)
        return all.prefix(request.choiceCount).map {
            Result(tokens: $0.hypothesis.tokens, reason: $0.hypothesis.reason ?? reason)
        }
    }

    // MARK: A step

    private func node(
        _ candidate: BeamGroup<BeamNode>.Candidate, _ parent: BeamNode, _ expansion: Expansion
    ) throws(DecodingError) -> (BeamNode, BeamGroup<BeamNode>.End?) {
        let id = candidate.id
        var token = ReportedToken(id: id, bytes: RowJob.bytes(of: id, request, tokenizer))
        if !expansion.raw.isEmpty {
            token.logprob = expansion.raw[candidate.place]
            token.top = expansion.top
        }
        var text = parent.text
        var sampler = parent.sampler
        var reason: FinishReason?
        var end: BeamGroup<BeamNode>.End?
        if endIDs.contains(id) {
            (reason, end) = (.endToken(id), .token)
        } else {
            let output = text?.append(token)
            sampler.accept(id)
            if let stop = output?.stop {
                reason = .stopString(stop)
            } else if sampler.mustEnd {
                reason = .constraint
            } else if stepCount == request.maxTokens {
                reason = .length
            }
            end = reason == nil ? nil : .text
        }
        defer { nodeCount += 1 }
        let node = BeamNode(
            parent: parent, id: nodeCount, token: token, text: text, sampler: sampler, reason: reason)
        return (node, end)
    }

    /// Gives each child its parent's blocks: the last child takes them over, the others fork.
    private func replaceRows(_ children: [(row: Int, node: BeamNode)]) -> Bool {
        var last: [Int: Int] = [:]
        for (index, child) in children.enumerated() { last[child.row] = index }
        // What no one continues is let go of first, so that there are never more sequences than were reserved.
        var parents: [Int: SearchRow] = [:]
        for row in last.keys { parents[row] = rows[row] }
        rows = []
        var next: [SearchRow] = []
        for (index, (place, node)) in children.enumerated() {
            guard let parent = parents[place], let token = node.token else { return false }
            let table =
                last[place] == index
                ? parent.table
                : parent.table.fork(
                    tokenCount: parent.position + 1, tokenCapacity: request.prompt.count + request.maxTokens)
            guard let table else { return false }
            next.append(
                SearchRow(
                    table: table, sampler: node.sampler, text: node.text, newest: token.id,
                    position: parent.position + 1))
        }
        rows = next
        return true
    }

    private func report(
        _ outcome: BeamGroup<BeamNode>.Step, _ parents: [BeamNode], group: Int, in step: inout SearchStep
    ) {
        func node(_ candidate: BeamGroup<BeamNode>.Candidate, _ id: Int?, _ score: Double?) -> SearchNode {
            let parent = parents[candidate.parent]
            return SearchNode(
                id: id, parent: parent.token == nil ? nil : parent.id, group: group, token: candidate.id,
                bytes: RowJob.bytes(of: candidate.id, request, tokenizer), sum: candidate.sum, score: score)
        }
        step.kept += outcome.kept.map { node($0.candidate, $0.hypothesis.id, nil) }
        step.finished += outcome.finished.map { node($0.candidate, $0.hypothesis.id, $0.score) }
        step.pruned += outcome.pruned.map { node($0, nil, nil) }
    }
}
