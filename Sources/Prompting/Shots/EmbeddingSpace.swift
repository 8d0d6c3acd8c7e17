// SPDX-License-Identifier: Apache-2.0

/// Embeddings of texts beside that of a query. Sums are in double precision, in order.
struct EmbeddingSpace {
    private let width: Int
    /// Row by row.
    private let rows: [Float]
    private let norms: [Double]
    /// The cosine of each row with the query; 0 where either has no length.
    let cosines: [Double]

    /// - Parameter rows: as many numbers for each text as `query` has.
    init(_ rows: [Float], query: [Float]) {
        width = query.count
        precondition(width > 0 && rows.count % width == 0, "embeddings of different widths")
        self.rows = rows
        let width = width
        let count = rows.count / width
        norms = (0..<count).map { Self.dot(rows, $0 * width, rows, $0 * width, width).squareRoot() }
        let length = Self.dot(query, 0, query, 0, width).squareRoot()
        cosines = zip(0..<count, norms).map { row, norm in
            norm * length > 0 ? Self.dot(rows, row * width, query, 0, width) / (norm * length) : 0
        }
    }

    /// Takes the row of `rows` with the largest relevance · cosine(query) - (1 - relevance) · largest cosine with those
    /// taken, one after another; of equal ones the first.
    func marginallyRelevant(_ rows: [Int], relevance: Double, count: Int) -> [Int] {
        var left = rows
        var taken: [Int] = []
        // The first one has nothing to be far from.
        var nearest = [Double](repeating: 0, count: norms.count)
        while !left.isEmpty, taken.count < count {
            func value(_ row: Int) -> Double { relevance * cosines[row] - (1 - relevance) * nearest[row] }
            var best = 0
            for place in left.indices.dropFirst() where value(left[place]) > value(left[best]) { best = place }
            let row = left.remove(at: best)
            taken.append(row)
            for other in left {
                let cosine = cosine(row, other)
                nearest[other] = taken.count == 1 ? cosine : max(nearest[other], cosine)
            }
        }
        return taken
    }

    private func cosine(_ a: Int, _ b: Int) -> Double {
        let norm = norms[a] * norms[b]
        return norm > 0 ? Self.dot(rows, a * width, rows, b * width, width) / norm : 0
    }

    private static func dot(_ a: [Float], _ aStart: Int, _ b: [Float], _ bStart: Int, _ count: Int) -> Double {
        var sum = 0.0
        for index in 0..<count { sum += Double(a[aStart + index]) * Double(b[bStart + index]) }
        return sum
    }
}
