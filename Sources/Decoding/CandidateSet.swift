// SPDX-License-Identifier: Apache-2.0

package import Constraints
import Glibc

/// The ids that may still be drawn, with their processed logits.
///
/// Ids are distinct and ascending; logits are finite. Buffers are kept from token to token, so that a draw allocates
/// nothing once they have grown to the size of the vocabulary.
package struct CandidateSet: Sendable {
    /// How many ids are left.
    package private(set) var count = 0
    /// Whether the ids are `0..<count`, which is not written down.
    private var isDense = true
    /// Whether a change may have left minus infinity behind.
    private var mayHoldBanned = false
    private var idStorage: [Int32] = []
    private var logitStorage: [Float] = []

    /// An empty set.
    package init() {}

    /// The ids that are left, ascending.
    package var ids: [Int32] { (0..<count).map(id(at:)) }
    /// Their logits, in the order of ``ids``.
    package var logits: [Float] { Array(logitStorage[..<count]) }

    /// The id at a place of the set.
    @inline(__always)
    package func id(at index: Int) -> Int32 { isDense ? Int32(truncatingIfNeeded: index) : idStorage[index] }

    /// The place of `id` in the set, or nil if it is not there.
    package func index(of id: Int32) -> Int? { index(of: id, from: 0) }

    private func index(of id: Int32, from start: Int) -> Int? {
        if isDense { return id >= 0 && Int(id) < count ? Int(id) : nil }
        var low = start
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if idStorage[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low < count && idStorage[low] == id ? low : nil
    }

    /// Starts over with the model's logits, one per id; those that are minus infinity are left out.
    ///
    /// - Throws: ``DecodingError/badLogit(id:value:position:)`` for NaN and plus infinity,
    ///   ``DecodingError/noCandidates(position:)`` if nothing is left.
    package mutating func load(_ raw: UnsafeBufferPointer<Float>, position: Int) throws(DecodingError) {
        let range = try LogitRange(raw, position: position)
        if logitStorage.count < raw.count { logitStorage = [Float](repeating: 0, count: raw.count) }
        logitStorage.withUnsafeMutableBufferPointer { buffer in
            _ = buffer.update(fromContentsOf: raw)
        }
        count = raw.count
        isDense = true
        mayHoldBanned = false
        if range.minimum == -.infinity { keep { $0 > -.infinity } }
    }

    /// Starts over with a single id.
    mutating func load(only id: Int32, logit: Float) {
        if idStorage.isEmpty { idStorage = [0] }
        if logitStorage.isEmpty { logitStorage = [0] }
        idStorage[0] = id
        logitStorage[0] = logit
        count = 1
        isDense = false
        mayHoldBanned = false
    }

    /// Becomes equal to `other` and keeps its own buffers.
    mutating func copy(_ other: CandidateSet) {
        count = other.count
        isDense = other.isDense
        mayHoldBanned = other.mayHoldBanned
        let count = count
        if logitStorage.count < count { logitStorage = [Float](repeating: 0, count: count) }
        logitStorage.withUnsafeMutableBufferPointer { own in
            other.withLogits { _ = own.update(fromContentsOf: $0) }
        }
        guard !isDense else { return }
        if idStorage.count < count { idStorage = [Int32](repeating: 0, count: count) }
        idStorage.withUnsafeMutableBufferPointer { own in
            other.idStorage.withUnsafeBufferPointer {
                _ = own.update(fromContentsOf: UnsafeBufferPointer(rebasing: $0[..<count]))
            }
        }
    }

    /// Whether the same ids are left with the same logits, bit for bit; of two sets that a stage makes one of the other.
    func hasSameContent(as other: CandidateSet) -> Bool {
        guard count == other.count else { return false }
        return withLogits { own in
            other.withLogits { theirs in
                guard let left = own.baseAddress, let right = theirs.baseAddress else { return own.isEmpty }
                return memcmp(left, right, own.count * MemoryLayout<Float>.stride) == 0
            }
        }
    }

    /// The logits, for reading.
    @inline(__always)
    package func withLogits<Result>(_ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
        logitStorage.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[..<count])) }
    }

    /// The ids and their logits, for reading; no ids means `0..<count`.
    @inline(__always)
    func withCandidates<Result>(
        _ body: (UnsafeBufferPointer<Int32>?, UnsafeBufferPointer<Float>) -> Result
    ) -> Result {
        withLogits { logits in
            guard !isDense else { return body(nil, logits) }
            return idStorage.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[..<count]), logits) }
        }
    }

    /// The logits, for changing; they must stay finite or become minus infinity, which ``removeBanned(position:)``
    /// then removes.
    @inline(__always)
    package mutating func withMutableLogits(_ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
        let count = count
        mayHoldBanned = true
        logitStorage.withUnsafeMutableBufferPointer { body(UnsafeMutableBufferPointer(rebasing: $0[..<count])) }
    }

    /// Changes the logit of `id` if it is in the set.
    ///
    /// - Throws: ``DecodingError/badLogit(id:value:position:)`` if the new logit is NaN or plus infinity. Minus infinity
    ///   stays until ``removeBanned(position:)``.
    @inline(__always)
    package mutating func edit(
        _ id: Int32, position: Int, _ change: (Float) -> Float
    ) throws(DecodingError) {
        guard let index = index(of: id) else { return }
        let value = change(logitStorage[index])
        guard value < .infinity else {
            throw .badLogit(id: id, value: value.description, position: position)
        }
        logitStorage[index] = value
        if value == -.infinity { mayHoldBanned = true }
    }

    /// The logit at a place of the set.
    @inline(__always)
    package func logit(at index: Int) -> Float { logitStorage[index] }

    /// Removes the ids whose logits became minus infinity.
    ///
    /// - Throws: ``DecodingError/noCandidates(position:)`` if nothing is left.
    package mutating func removeBanned(position: Int) throws(DecodingError) {
        guard mayHoldBanned else { return }
        mayHoldBanned = false
        guard withLogits({ LogitRange($0).minimum == -.infinity }) else { return }
        keep { $0 > -.infinity }
        guard count > 0 else { throw .noCandidates(position: position) }
    }

    /// Bans `id`: it stays until ``removeBanned(by:position:)``.
    package mutating func ban(_ id: Int32) {
        guard let index = index(of: id) else { return }
        logitStorage[index] = -.infinity
        mayHoldBanned = true
    }

    /// Removes what a stage of bans banned.
    ///
    /// - Throws: ``DecodingError/nothingAllowed(by:position:)`` if nothing is left.
    package mutating func removeBanned(by stage: StageName, position: Int) throws(DecodingError) {
        do throws(DecodingError) {
            try removeBanned(position: position)
        } catch {
            throw .nothingAllowed(by: stage, position: position)
        }
    }

    /// The largest logit.
    package var maximum: Float { withLogits { LogitRange($0).maximum } }

    /// The places of the `count` ids with the greatest logits, best first, ties by smaller id; no more than are left.
    package func likeliest(_ count: Int) -> [Int] {
        let count = min(count, self.count)
        guard count > 0 else { return [] }
        var selection = Selection()
        let cutoff = withLogits { selection.cutoff(count: count, in: $0) }
        var ties = cutoff.tieCount
        var places: [Int] = []
        places.reserveCapacity(count)
        withLogits { logits in
            for index in logits.indices where logits[index] >= cutoff.logit {
                if logits[index] == cutoff.logit {
                    guard ties > 0 else { continue }
                    ties -= 1
                }
                places.append(index)
            }
        }
        // Places ascend with ids.
        places.sort { left, right in
            let (a, b) = (logitStorage[left], logitStorage[right])
            return a != b ? a > b : left < right
        }
        return places
    }

    /// Keeps the ids whose logits pass.
    @inline(__always)
    package mutating func keep(_ survives: (Float) -> Bool) {
        compact { _, logit in survives(logit) }
    }

    /// Keeps the candidates whose places of the set pass; asked once per place, ascending.
    @inline(__always)
    package mutating func keepPlaces(where survives: (Int) -> Bool) {
        compact { index, _ in survives(index) }
    }

    /// Keeps the ids of a list that is ascending and without duplicates.
    package mutating func keep(ids: [Int32]) {
        if idStorage.count < count { idStorage = [Int32](repeating: 0, count: count) }
        var kept = 0
        var unread = 0
        for id in ids {
            // What is written lies before what is still to be read: both are ascending.
            guard let index = index(of: id, from: unread) else { continue }
            unread = index + 1
            idStorage[kept] = id
            logitStorage[kept] = logitStorage[index]
            kept += 1
        }
        count = kept
        isDense = false
    }

    /// Keeps the ids of a set.
    package mutating func keep(_ set: TokenSet) {
        if isDense {
            keepPlaces { set.contains(Int32(truncatingIfNeeded: $0)) }
        } else {
            keep(ids: set.ids)
        }
    }

    /// Keeps the candidate at one place alone.
    package mutating func keepOnly(at index: Int) {
        load(only: id(at: index), logit: logitStorage[index])
    }

    /// Keeps the ids before a place in the sorted order.
    package mutating func keep(before cutoff: Cutoff) {
        var ties = cutoff.tieCount
        compact { _, logit in
            guard logit == cutoff.logit else { return logit > cutoff.logit }
            ties -= 1
            return ties >= 0
        }
    }

    @inline(__always)
    private mutating func compact(_ survives: (Int, Float) -> Bool) {
        let total = count
        if idStorage.count < total { idStorage = [Int32](repeating: 0, count: total) }
        var kept = 0
        logitStorage.withUnsafeMutableBufferPointer { logits in
            idStorage.withUnsafeMutableBufferPointer { ids in
                // Every candidate is written, a survivor to stay: no branch to mispredict.
                if isDense {
                    for index in 0..<total {
                        let logit = logits[index]
                        ids[kept] = Int32(truncatingIfNeeded: index)
                        logits[kept] = logit
                        kept += survives(index, logit) ? 1 : 0
                    }
                } else {
                    for index in 0..<total {
                        let logit = logits[index]
                        ids[kept] = ids[index]
                        logits[kept] = logit
                        kept += survives(index, logit) ? 1 : 0
                    }
                }
            }
        }
        count = kept
        isDense = false
    }
}

/// A place in the sorted order (logit descending, then id ascending): everything above `logit`, and of the ids that
/// have exactly this logit the `tieCount` smallest.
package struct Cutoff: Sendable, Equatable {
    /// The smallest logit that survives.
    package var logit: Float
    /// How many of the ids that have it survive.
    package var tieCount: Int
}
