// SPDX-License-Identifier: Apache-2.0

/// Leaves whole examples out until a prompt fits.
public struct ShotBudget: Sendable, Equatable {
    /// Which example is left out first.
    public enum Drop: String, Sendable, CaseIterable {
        /// The one that was ranked last.
        case leastRelevant = "least_relevant"
        /// The one that is shown first.
        case oldest
        /// The longest one, input and output together; of equal ones the one that was ranked last.
        case longest
    }

    /// The most tokens of the whole prompt.
    public var tokens: Int
    /// Which example goes first.
    public var drop: Drop

    /// A budget of so many tokens.
    public init(tokens: Int, drop: Drop = .leastRelevant) {
        self.tokens = tokens
        self.drop = drop
    }

    /// A prompt that fits.
    public struct Fitted<Prompt> {
        /// The prompt.
        public var prompt: Prompt
        /// The indices of the examples in it, in the order in which they are shown.
        public var shown: [Int]
        /// The indices of those left out, the first to go first.
        public var dropped: [Int]
    }

    /// The prompt with the most examples that fits: leaving out one less would not.
    ///
    /// - Parameters:
    ///   - result: what was selected.
    ///   - build: makes the prompt of examples in the order in which they are shown, and counts its tokens.
    /// - Returns: nil if not even the prompt without examples fits; `build` was called with none last.
    public func fit<Prompt, Failure: Error>(
        _ result: ExampleSelection.Result, by selection: ExampleSelection, in pool: ExamplePool,
        build: ([Int]) throws(Failure) -> (prompt: Prompt, tokens: Int)
    ) throws(Failure) -> Fitted<Prompt>? {
        // The first of these stay longest.
        let keepOrder = keepOrder(result, selection, pool)
        func attempt(_ count: Int) throws(Failure) -> (prompt: Prompt, shown: [Int])? {
            let kept = Set(keepOrder.prefix(count))
            let shown = selection.arrange(result.ranked.filter(kept.contains), of: result, in: pool)
            let (prompt, tokens) = try build(shown)
            return tokens <= self.tokens ? (prompt, shown) : nil
        }
        let all = keepOrder.count
        // Prompts far beyond the budget are never made: the number grows until one does not fit, then it is halved in.
        var fitting: (count: Int, prompt: Prompt, shown: [Int])?
        var failing = all + 1
        var next = isNear(result, pool) ? all : 0
        while failing - (fitting?.count ?? -1) > 1 {
            if let found = try attempt(next) {
                fitting = (next, found.prompt, found.shown)
            } else {
                failing = next
            }
            let low = fitting?.count ?? -1
            if failing > all {
                next = min(all, max(1, 2 * next))
            } else {
                next = low < 0 ? 0 : (low + failing) / 2
            }
        }
        guard let fitting else { return nil }
        return Fitted(
            prompt: fitting.prompt, shown: fitting.shown, dropped: keepOrder.suffix(all - fitting.count).reversed())
    }

    /// Whether all examples together might fit, judging by their bytes: no text has more than some 16 bytes per token.
    private func isNear(_ result: ExampleSelection.Result, _ pool: ExamplePool) -> Bool {
        var left = tokens.multipliedReportingOverflow(by: 16)
        if left.overflow { left.partialValue = .max }
        for index in result.ranked {
            left.partialValue -= pool.examples[index].input.utf8.count + pool.examples[index].output.utf8.count
            if left.partialValue < 0 { return false }
        }
        return true
    }

    private func keepOrder(
        _ result: ExampleSelection.Result, _ selection: ExampleSelection, _ pool: ExamplePool
    ) -> [Int] {
        switch drop {
        case .leastRelevant: return result.ranked
        case .oldest: return selection.arrange(result.ranked, of: result, in: pool).reversed()
        case .longest:
            func length(_ index: Int) -> Int {
                pool.examples[index].input.utf8.count + pool.examples[index].output.utf8.count
            }
            return result.ranked.enumerated().sorted { left, right in
                let (a, b) = (length(left.element), length(right.element))
                return a != b ? a < b : left.offset < right.offset
            }.map(\.element)
        }
    }
}
