// SPDX-License-Identifier: Apache-2.0

/// Numbers n-grams, so that counting them hashes no sequences: an n-gram is a shorter one and the element after it.
struct NgramTable<Element: Hashable> {
    private struct Key: Hashable {
        var prefix: Int
        var element: Element
    }

    private var numbers: [Key: Int] = [:]

    init() {}

    /// How often each n-gram of 1 to `maxOrder` elements occurs, by order and number.
    mutating func counts(of sequence: [Element], maxOrder: Int) -> [[Int: Int]] {
        var counts: [[Int: Int]] = Array(repeating: [:], count: maxOrder)
        for start in sequence.indices {
            var number = -1
            for order in 0..<min(maxOrder, sequence.count - start) {
                let key = Key(prefix: number, element: sequence[start + order])
                if let known = numbers[key] {
                    number = known
                } else {
                    number = numbers.count
                    numbers[key] = number
                }
                counts[order][number, default: 0] += 1
            }
        }
        return counts
    }
}
