// SPDX-License-Identifier: Apache-2.0

/// Which ids occurred in the prompt and how often each occurred in the output so far.
package struct TokenHistory: Sendable {
    /// An id that occurred.
    package struct Entry: Sendable, Equatable {
        /// The id.
        package var id: Int32
        /// How often it was generated; 0 for an id of the prompt alone.
        package var outputCount: Int32
    }

    /// The ids that occurred, distinct, in order of first occurrence.
    package private(set) var entries: [Entry] = []
    private var positions: [Int32: Int] = [:]

    /// A history that starts with `prompt`.
    package init(prompt: some Sequence<Int32>) {
        for id in prompt { record(id, outputCount: 0) }
    }

    /// Records one generated id.
    package mutating func append(_ id: Int32) { record(id, outputCount: 1) }

    private mutating func record(_ id: Int32, outputCount: Int32) {
        if let position = positions[id] {
            entries[position].outputCount += outputCount
        } else {
            positions[id] = entries.count
            entries.append(Entry(id: id, outputCount: outputCount))
        }
    }
}
