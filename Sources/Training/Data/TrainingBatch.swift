// SPDX-License-Identifier: Apache-2.0

/// Rows to train on: one per token that the model reads, with the token it should predict next.
///
/// The rows of a sequence (a document) stand together and their positions count up by one; attention sees the rows of
/// its own sequence only, so several documents may be packed one after the other.
public struct TrainingBatch: Sendable, Equatable {
    /// The ids that the model reads, one per row.
    public private(set) var ids: [Int32] = []
    /// Each row's position in its sequence: what rotary or learned positions see.
    public private(set) var positions: [Int32] = []
    /// Which sequence a row belongs to; adjacent rows with the same number are one sequence.
    public private(set) var sequences: [Int32] = []
    /// The id that each row should predict; not looked at where the weight is 0.
    public private(set) var targets: [Int32] = []
    /// How much each row's loss counts: 1 for a labelled token, 0 for a masked one; finite, not negative.
    public private(set) var weights: [Float] = []

    /// A batch without rows.
    public init() {}

    /// The number of rows.
    public var rowCount: Int { ids.count }
    /// The number of rows whose weight is not 0.
    public var labelledCount: Int { weights.count { $0 != 0 } }

    /// Appends one row.
    public mutating func append(id: Int32, position: Int32, sequence: Int32, target: Int32, weight: Float) {
        ids.append(id)
        positions.append(position)
        sequences.append(sequence)
        targets.append(target)
        weights.append(weight)
    }

    /// Appends a document as a sequence of its own: every token but the last is read, every token but the first is a
    /// target.
    ///
    /// - Parameters:
    ///   - tokens: at least two, or nothing is appended.
    ///   - isLabelled: whether token i (of `tokens`) counts as a target; nil: all do.
    public mutating func appendDocument(_ tokens: some Collection<Int32>, isLabelled: ((Int) -> Bool)? = nil) {
        let sequence = (sequences.last ?? -1) &+ 1
        for (index, (id, target)) in zip(tokens, tokens.dropFirst()).enumerated() {
            append(
                id: id, position: Int32(index), sequence: sequence, target: target,
                weight: isLabelled?(index + 1) ?? true ? 1 : 0)
        }
    }

    /// Where each sequence's rows are, in order.
    package var segments: [Range<Int>] {
        var segments: [Range<Int>] = []
        var start = 0
        for row in 0..<rowCount where row + 1 == rowCount || sequences[row + 1] != sequences[row] {
            segments.append(start..<row + 1)
            start = row + 1
        }
        return segments
    }

    /// Checks every row for a model of `vocabularySize` ids and `contextLength` positions.
    ///
    /// - Throws: ``TrainingError/badRow(row:expected:found:)``.
    package func validate(vocabularySize: Int, contextLength: Int) throws(TrainingError) {
        for row in 0..<rowCount {
            guard ids[row] >= 0, ids[row] < vocabularySize else {
                throw .badRow(row: row, expected: "an id in 0..<\(vocabularySize)", found: "\(ids[row])")
            }
            guard weights[row].isFinite, weights[row] >= 0 else {
                throw .badRow(row: row, expected: "a finite weight that is not negative", found: "\(weights[row])")
            }
            guard weights[row] == 0 || targets[row] >= 0 && targets[row] < vocabularySize else {
                throw .badRow(row: row, expected: "a target in 0..<\(vocabularySize)", found: "\(targets[row])")
            }
            guard positions[row] >= 0, positions[row] < contextLength else {
                throw .badRow(row: row, expected: "a position in 0..<\(contextLength)", found: "\(positions[row])")
            }
            guard row == 0 || sequences[row] != sequences[row - 1] || positions[row] == positions[row - 1] + 1 else {
                throw .badRow(
                    row: row, expected: "position \(positions[row - 1] + 1), one after the row before",
                    found: "\(positions[row])")
            }
        }
    }
}
