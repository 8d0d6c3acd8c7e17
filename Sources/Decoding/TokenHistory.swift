// SPDX-License-Identifier: Apache-2.0

/// The ids of the prompt and of the output so far, and how often each occurred where a penalty looks.
package struct TokenHistory: Sendable {
    /// The ids, prompt first; empty unless some stage looks at them.
    package private(set) var ids: [Int32]
    /// How many ids were generated.
    package private(set) var generatedCount = 0
    private let keepsIDs: Bool
    private var counters: [OccurrenceCounter]

    /// A history that starts with `prompt`.
    ///
    /// - Parameters:
    ///   - ranges: what ``entries(in:)`` will be asked for.
    ///   - keepsIDs: whether a stage looks at the sequence.
    package init(prompt: [Int32], ranges: [PenaltyRange] = [], keepsIDs: Bool = false) {
        self.keepsIDs = keepsIDs
        ids = keepsIDs ? prompt : []
        counters = []
        for range in ranges where !counters.contains(where: { $0.range == range }) {
            counters.append(OccurrenceCounter(range, prompt: prompt))
        }
    }

    /// Records one generated id.
    package mutating func append(_ id: Int32) {
        generatedCount += 1
        if keepsIDs { ids.append(id) }
        for index in counters.indices { counters[index].append(id) }
    }

    /// The ids that occurred in a range, distinct, and how often. Only for ranges that were announced.
    package func entries(in range: PenaltyRange) -> [OccurrenceCounter.Entry] {
        counters.first { $0.range == range }?.entries ?? []
    }

    /// Whether the text so far ends with `suffix`.
    package func hasSuffix(_ suffix: some RandomAccessCollection<Int32>) -> Bool {
        guard suffix.count <= ids.count else { return false }
        return ids[(ids.count - suffix.count)...].elementsEqual(suffix)
    }
}

/// Counts the ids of a range as the text grows; constant time per token.
package struct OccurrenceCounter: Sendable {
    /// An id that occurred.
    package struct Entry: Sendable, Equatable {
        /// The id.
        package var id: Int32
        /// How often.
        package var count: Int32
    }

    /// What is counted.
    package let range: PenaltyRange
    /// The ids that occurred, distinct, in no particular order.
    package private(set) var entries: [Entry] = []
    private var places: [Int32: Int] = [:]
    /// What the window holds, as a ring that starts at `oldest`.
    private var window: [Int32] = []
    private var oldest = 0

    init(_ range: PenaltyRange, prompt: [Int32]) {
        self.range = range
        guard range.scope != .output else { return }
        for id in prompt.suffix(range.window ?? prompt.count) { add(id) }
    }

    mutating func append(_ id: Int32) {
        if range.scope != .prompt { add(id) }
    }

    private mutating func add(_ id: Int32) {
        if let limit = range.window {
            guard limit > 0 else { return }
            if window.count < limit {
                window.append(id)
            } else {
                remove(window[oldest])
                window[oldest] = id
                oldest = oldest + 1 == limit ? 0 : oldest + 1
            }
        }
        if let place = places[id] {
            entries[place].count += 1
        } else {
            places[id] = entries.count
            entries.append(Entry(id: id, count: 1))
        }
    }

    private mutating func remove(_ id: Int32) {
        guard let place = places[id] else { return }
        entries[place].count -= 1
        guard entries[place].count == 0 else { return }
        places[id] = nil
        let last = entries.removeLast()
        guard place < entries.count else { return }
        entries[place] = last
        places[last.id] = place
    }
}
