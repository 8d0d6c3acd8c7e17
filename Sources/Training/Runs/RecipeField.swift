// SPDX-License-Identifier: Apache-2.0

public import StrictJSON

/// A field of a recipe, declared once: reading, error texts and docs/training.md come from here.
public struct RecipeField: Sendable {
    /// What values it takes.
    public enum Kind: Sendable {
        /// An integer of this range.
        case integer(ClosedRange<Int>)
        /// A number of this range; of an open one, the lower end does not count.
        case number(ClosedRange<Double>, isOpen: Bool = false)
        /// `true` or `false`.
        case flag
        /// A text of 1 to so many bytes; of 0 where it may be empty.
        case text(limit: Int, mayBeEmpty: Bool = false)
        /// The path of a file or folder, relative to the recipe's folder.
        case path
        /// One of these texts.
        case choice([String])
    }

    /// What holds where the field is absent.
    public enum Default: Sendable, Equatable {
        /// It must be there.
        case required
        /// This value.
        case value(JSON)
        /// What these words say.
        case derived(String)
    }

    /// Where it stands, such as `model.width`; a member of each element of an array as in `data.sources[].path`.
    public let path: String
    /// What values it takes.
    public let kind: Kind
    /// What holds where it is absent.
    public let fallback: Default
    /// What it does.
    public let meaning: String

    init(_ path: String, _ kind: Kind, _ fallback: Default, _ meaning: String) {
        self.path = path
        self.kind = kind
        self.fallback = fallback
        self.meaning = meaning
    }

    /// What the field allows, in words.
    public var allowed: String {
        switch kind {
        case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range, let isOpen):
            "a number \(isOpen ? "above" : "from") \(words(range.lowerBound)) "
                + "\(isOpen ? "and at most" : "to") \(words(range.upperBound))"
        case .flag: "true or false"
        case .text(let limit, let mayBeEmpty): "a text of \(mayBeEmpty ? 0 : 1) to \(limit) bytes"
        case .path: "a path of 1 to 4096 bytes"
        case .choice(let choices): "one of " + choices.map { "\"\($0)\"" }.joined(separator: ", ")
        }
    }

    /// Whether `value` is one that the field takes.
    func accepts(_ value: JSON) -> Bool {
        switch kind {
        case .integer(let range):
            value.integerValue.flatMap { Int(exactly: $0) }.map(range.contains) ?? false
        case .number(let range, let isOpen):
            value.doubleValue.map { range.contains($0) && !(isOpen && $0 == range.lowerBound) } ?? false
        case .flag: value.boolValue != nil
        case .text(let limit, let mayBeEmpty):
            value.stringValue.map { $0.utf8.count <= limit && (mayBeEmpty || !$0.isEmpty) } ?? false
        case .path: value.stringValue.map { (1...4096).contains($0.utf8.count) && !$0.utf8.contains(0) } ?? false
        case .choice(let choices): value.stringValue.map(choices.contains) ?? false
        }
    }

    /// `value`, which is one that the field takes, in the one form that is kept: integers as integers.
    func canonical(_ value: JSON) -> JSON {
        switch kind {
        case .integer: value.integerValue.map { .integer($0) } ?? value
        case .number: value.doubleValue.map { .number($0) } ?? value
        default: value
        }
    }

    private func words(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e9 ? "\(Int(number))" : "\(number)"
    }
}

/// What is wrong with a recipe.
public struct RecipeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One fault.
    public struct Fault: Sendable, Equatable, CustomStringConvertible {
        /// The field.
        public var path: String
        /// What is wrong, with what is allowed.
        public var problem: String

        /// The fault in words.
        public var description: String { "\(path): \(problem)" }
    }

    /// All faults that could be told at once.
    public var faults: [Fault]

    /// The faults, one a line.
    public var description: String { faults.map(\.description).joined(separator: "\n") }
}
