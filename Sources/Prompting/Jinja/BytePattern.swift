// SPDX-License-Identifier: Apache-2.0

/// Finding bytes in bytes.
enum BytePattern {
    /// Up to this length a part is compared at each place; beyond, Knuth, Morris and Pratt keep the time linear.
    private static let shortLength = 32

    /// The first place of `part` in `range` of `bytes`; an empty part is found at once. Linear time.
    static func find(_ part: [UInt8], in bytes: [UInt8], _ range: Range<Int>) -> Int? {
        guard let first = part.first else { return range.lowerBound }
        guard part.count <= range.count else { return nil }
        if part.count > shortLength { return findLong(part, in: bytes, range) }
        return bytes.withUnsafeBufferPointer { bytes in
            part.withUnsafeBufferPointer { part in
                let last = range.upperBound - part.count
                var place = range.lowerBound
                while place <= last {
                    if bytes[place] == first {
                        var length = 1
                        while length < part.count, bytes[place + length] == part[length] { length += 1 }
                        if length == part.count { return place }
                    }
                    place += 1
                }
                return nil
            }
        }
    }

    private static func findLong(_ part: [UInt8], in bytes: [UInt8], _ range: Range<Int>) -> Int? {
        // Of each beginning of the part, how much of its end is a beginning too.
        var borders = [Int](repeating: 0, count: part.count)
        var length = 0
        for index in 1..<part.count {
            while length > 0, part[index] != part[length] { length = borders[length - 1] }
            if part[index] == part[length] { length += 1 }
            borders[index] = length
        }
        length = 0
        for place in range {
            while length > 0, bytes[place] != part[length] { length = borders[length - 1] }
            if bytes[place] == part[length] { length += 1 }
            if length == part.count { return place - length + 1 }
        }
        return nil
    }
}
