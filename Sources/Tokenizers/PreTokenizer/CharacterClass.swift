// SPDX-License-Identifier: Apache-2.0

/// What the pre-tokenizers' regular expressions ask of a scalar.
struct CharacterClass: OptionSet, Sendable {
    let rawValue: UInt8

    /// `\p{L}`.
    static let letter = CharacterClass(rawValue: 1)
    /// `\p{N}`.
    static let number = CharacterClass(rawValue: 2)
    /// `\s`: the property White_Space.
    static let whitespace = CharacterClass(rawValue: 4)
    /// `[\r\n]`; whitespace as well.
    static let newline = CharacterClass(rawValue: 8)
    /// `\p{P}`.
    static let punctuation = CharacterClass(rawValue: 16)
    /// One of ``$+<=>^|~`` and the grave accent, which some patterns count as punctuation.
    static let mathSymbol = CharacterClass(rawValue: 32)
    /// `[0-9]`; a number as well.
    static let asciiDigit = CharacterClass(rawValue: 64)
    /// U+0020; whitespace as well.
    static let space = CharacterClass(rawValue: 128)

    /// `[\s\p{L}\p{N}]`.
    static let word: CharacterClass = [.letter, .number, .whitespace]

    /// The class of `scalar` by the Unicode properties of the standard library.
    init(_ scalar: Unicode.Scalar) {
        var result: CharacterClass = []
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            result.insert(.letter)
        case .decimalNumber, .letterNumber, .otherNumber:
            result.insert(.number)
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            result.insert(.punctuation)
        default: break
        }
        if scalar.properties.isWhitespace { result.insert(.whitespace) }
        switch scalar {
        case "\r", "\n": result.insert(.newline)
        case "$", "+", "<", "=", ">", "^", "|", "~", "`": result.insert(.mathSymbol)
        case "0"..."9": result.insert(.asciiDigit)
        case " ": result.insert(.space)
        default: break
        }
        self = result
    }

    init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// The class of every scalar, in two stages: blocks of 256 scalars, equal blocks stored once. Built at first use.
struct CharacterClassTable: Sendable {
    static let shared = CharacterClassTable()

    /// Planes 4 to 16 have no letter, number, space or punctuation.
    private static let end: UInt32 = 0x40000
    private var blockStarts: [UInt32] = []
    private var classes: [CharacterClass] = []

    private init() {
        var known: [[UInt8]: UInt32] = [:]
        for block in 0..<Self.end / 256 {
            let values = (0..<256).map { offset in
                Unicode.Scalar(block * 256 + offset).map { CharacterClass($0).rawValue } ?? 0
            }
            if let start = known[values] {
                blockStarts.append(start)
            } else {
                let start = UInt32(classes.count)
                known[values] = start
                blockStarts.append(start)
                classes.append(contentsOf: values.map(CharacterClass.init(rawValue:)))
            }
        }
    }

    subscript(scalar: UInt32) -> CharacterClass {
        guard scalar < Self.end else { return [] }
        return classes[Int(blockStarts[Int(scalar >> 8)] + (scalar & 0xFF))]
    }
}

/// A text with the class of each scalar and the place where it starts.
struct ClassifiedText {
    let bytes: UnsafeBufferPointer<UInt8>
    /// The class of each scalar.
    private(set) var classes: [CharacterClass] = []
    /// Where each scalar starts in `bytes`, and the end.
    private(set) var offsets: [Int32] = []

    /// Reads `bytes`, valid UTF-8 of at most `Int32.max` bytes.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        classes.reserveCapacity(bytes.count)
        offsets.reserveCapacity(bytes.count + 1)
        let table = CharacterClassTable.shared
        var offset = 0
        while offset < bytes.count {
            offsets.append(Int32(offset))
            let (scalar, length) = UTF8Scalar.read(bytes, at: offset)
            classes.append(table[scalar])
            offset += length
        }
        offsets.append(Int32(offset))
    }

    /// The number of scalars.
    var count: Int { classes.count }

    /// The first byte of scalar `index`, or 0 past `end`.
    func byte(_ index: Int, before end: Int) -> UInt8 { index < end ? bytes[Int(offsets[index])] : 0 }

    /// The end of the run of scalars from `start` that have any class of `set`.
    func endOfRun(of set: CharacterClass, from start: Int, before end: Int) -> Int {
        var index = start
        while index < end, !classes[index].isDisjoint(with: set) { index += 1 }
        return index
    }

    /// The end of the run of scalars from `start` that have no class of `set`.
    func endOfRun(outside set: CharacterClass, from start: Int, before end: Int) -> Int {
        var index = start
        while index < end, classes[index].isDisjoint(with: set) { index += 1 }
        return index
    }
}

/// Reading scalars from valid UTF-8.
enum UTF8Scalar {
    /// The scalar that starts at `offset`, and its length. Never reads past the end.
    static func read(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) -> (scalar: UInt32, length: Int) {
        let first = bytes[offset]
        if first < 0x80 { return (UInt32(first), 1) }
        let length = min(self.length(first), bytes.count - offset)
        var scalar = UInt32(first) & (0xFF >> UInt32(length + 1))
        for index in 1..<max(length, 1) { scalar = scalar << 6 | UInt32(bytes[offset + index] & 0x3F) }
        return (scalar, length)
    }

    /// The length of the scalar that starts with byte `first`.
    static func length(_ first: UInt8) -> Int {
        switch first {
        case ..<0xC0: 1
        case ..<0xE0: 2
        case ..<0xF0: 3
        default: 4
        }
    }
}
