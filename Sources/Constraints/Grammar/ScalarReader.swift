// SPDX-License-Identifier: Apache-2.0

/// A text read scalar by scalar, with the errors of regular expressions and grammars.
struct ScalarReader {
    private let scalars: [Unicode.Scalar]
    var position = 0

    /// - Throws: ``ConstraintError/tooLarge(what:limit:)``.
    init(_ text: String) throws(ConstraintError) {
        guard text.utf8.count <= ConstraintLimits.textBytes else {
            throw .tooLarge(what: "bytes", limit: ConstraintLimits.textBytes)
        }
        scalars = Array(text.unicodeScalars)
    }

    var isAtEnd: Bool { position == scalars.count }

    /// The next scalar, or one further on; nil past the end.
    func peek(_ offset: Int = 0) -> Unicode.Scalar? {
        position + offset < scalars.count ? scalars[position + offset] : nil
    }

    /// Takes the next scalar.
    mutating func next() -> Unicode.Scalar? {
        guard let scalar = peek() else { return nil }
        position += 1
        return scalar
    }

    /// Takes `text` if it is next.
    mutating func take(_ text: String) -> Bool {
        for (offset, scalar) in text.unicodeScalars.enumerated() where peek(offset) != scalar { return false }
        position += text.unicodeScalars.count
        return true
    }

    func malformed(_ reason: String, at offset: Int? = nil) -> ConstraintError {
        .malformed(reason: reason, offset: offset ?? position)
    }

    /// Takes exactly `count` hexadecimal digits and returns their value.
    mutating func hexadecimal(_ count: Int) throws(ConstraintError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = peek().flatMap({ UInt32(String($0), radix: 16) }) else {
                throw malformed("\(count) hexadecimal digits are expected")
            }
            value = value << 4 | digit
            position += 1
        }
        return value
    }

    /// Takes decimal digits, if there are any.
    ///
    /// - Throws: ``ConstraintError/tooLarge(what:limit:)`` beyond the limit of repetitions.
    mutating func decimal() throws(ConstraintError) -> Int? {
        var value: Int?
        while let digit = peek(), ("0"..."9").contains(digit) {
            let sum = (value ?? 0) * 10 + Int(digit.value - 0x30)
            guard sum <= ConstraintLimits.repetitions else {
                throw .tooLarge(what: "repetitions", limit: ConstraintLimits.repetitions)
            }
            value = sum
            position += 1
        }
        return value
    }

    /// Takes `{m}`, `{m,}`, `{,n}` or `{m,n}`; nil, and nothing is taken, where the braces hold something else.
    mutating func counts() throws(ConstraintError) -> (min: Int, max: Int?)? {
        let start = position
        guard take("{") else { return nil }
        let min = try decimal()
        if take("}"), let min { return (min, min) }
        guard take(",") else {
            position = start
            return nil
        }
        let max = try decimal()
        guard take("}"), min != nil || max != nil else {
            position = start
            return nil
        }
        if let max, max < min ?? 0 { throw malformed("the counts are in the wrong order", at: start) }
        return (min ?? 0, max)
    }

    /// The scalar of a number that an escape names.
    func scalar(_ value: UInt32) throws(ConstraintError) -> Unicode.Scalar {
        guard let scalar = Unicode.Scalar(value) else { throw malformed("no such character") }
        return scalar
    }
}
