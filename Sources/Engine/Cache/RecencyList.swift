// SPDX-License-Identifier: Apache-2.0

/// Numbers below a limit in the order in which they were appended, each at most once; every operation takes constant
/// time.
package struct RecencyList: Sendable {
    private static let none: Int32 = -1
    private var previous: [Int32]
    private var next: [Int32]
    private var members: [Bool]
    private var oldest = RecencyList.none
    private var newest = RecencyList.none
    /// How many numbers are in it.
    package private(set) var count = 0

    /// An empty list for the numbers `0..<limit`.
    package init(limit: Int) {
        previous = Array(repeating: Self.none, count: limit)
        next = previous
        members = Array(repeating: false, count: limit)
    }

    /// Appends a number that is not in the list.
    package mutating func append(_ number: Int32) {
        precondition(!members[Int(number)], "a number is in the list once")
        members[Int(number)] = true
        previous[Int(number)] = newest
        next[Int(number)] = Self.none
        if newest == Self.none { oldest = number } else { next[Int(newest)] = number }
        newest = number
        count += 1
    }

    /// Takes a number out; nothing happens if it is not in the list.
    package mutating func remove(_ number: Int32) {
        guard members[Int(number)] else { return }
        members[Int(number)] = false
        let (before, after) = (previous[Int(number)], next[Int(number)])
        if before == Self.none { oldest = after } else { next[Int(before)] = after }
        if after == Self.none { newest = before } else { previous[Int(after)] = before }
        count -= 1
    }

    /// Takes out the number that was appended first, or returns nil if there is none.
    package mutating func popOldest() -> Int32? {
        guard oldest != Self.none else { return nil }
        let number = oldest
        remove(number)
        return number
    }
}
