// SPDX-License-Identifier: Apache-2.0

/// A run of a document's tokens that stands in one sequence.
struct Piece: Equatable {
    /// The document's number in its cache.
    var document: Int32
    /// The first token, counted from the document's start.
    var start: Int32
    /// How many tokens are inputs. The label of the last is the token after it, if the document has one.
    var count: Int32
}

/// Pieces put together to sequences of a fixed length, by best fit in decreasing order: each piece goes where it leaves
/// the least room (Johnson 1974).
///
/// A pure function of the pieces and the length.
struct Packing: Equatable {
    /// All pieces, sequence by sequence.
    private(set) var pieces: [Piece] = []
    /// Where each sequence's pieces start in `pieces`, and the end of the last.
    private(set) var starts: [Int] = [0]

    /// The number of sequences.
    var count: Int { starts.count - 1 }

    /// The pieces of a sequence.
    subscript(sequence: Int) -> ArraySlice<Piece> { pieces[starts[sequence]..<starts[sequence + 1]] }

    /// - Parameter unpacked: each of 1 to `length` tokens.
    init(_ unpacked: [Piece], length: Int) {
        var sequences: [[Int32]] = []
        var openings = Openings(length: length)
        for index in Self.longestFirst(unpacked, length: length) {
            let need = Int(unpacked[Int(index)].count)
            if let (sequence, room) = openings.take(atLeast: need) {
                sequences[sequence].append(index)
                openings.put(sequence, room: room - need)
            } else {
                sequences.append([index])
                openings.put(sequences.count - 1, room: length - need)
            }
        }
        pieces.reserveCapacity(unpacked.count)
        starts.reserveCapacity(sequences.count + 1)
        for sequence in sequences {
            pieces.append(contentsOf: sequence.map { unpacked[Int($0)] })
            starts.append(pieces.count)
        }
    }

    /// The indices of the pieces, longest first, of equals in their order: a counting sort.
    private static func longestFirst(_ pieces: [Piece], length: Int) -> [Int32] {
        var places = [Int](repeating: 0, count: length + 2)
        for piece in pieces { places[length - Int(piece.count) + 1] += 1 }
        for index in 1..<places.count { places[index] += places[index - 1] }
        var order = [Int32](repeating: 0, count: pieces.count)
        for (index, piece) in pieces.enumerated() {
            order[places[length - Int(piece.count)]] = Int32(index)
            places[length - Int(piece.count)] += 1
        }
        return order
    }

    /// Sequences by the room that is left in them.
    private struct Openings {
        private var byRoom: [[Int]]
        /// One bit per room that some sequence has.
        private var isThere: [UInt64]

        init(length: Int) {
            byRoom = [[Int]](repeating: [], count: length + 1)
            isThere = [UInt64](repeating: 0, count: length / 64 + 1)
        }

        mutating func put(_ sequence: Int, room: Int) {
            guard room > 0 else { return }
            byRoom[room].append(sequence)
            isThere[room / 64] |= 1 << UInt64(room % 64)
        }

        /// The sequence with the least room that suffices, of equals the one that got there last.
        mutating func take(atLeast need: Int) -> (sequence: Int, room: Int)? {
            var word = need / 64
            var bits = isThere[word] & (.max << UInt64(need % 64))
            while bits == 0 {
                word += 1
                guard word < isThere.count else { return nil }
                bits = isThere[word]
            }
            let room = word * 64 + bits.trailingZeroBitCount
            guard let sequence = byRoom[room].popLast() else { return nil }
            if byRoom[room].isEmpty { isThere[word] &= ~(1 << UInt64(room % 64)) }
            return (sequence, room)
        }
    }
}
