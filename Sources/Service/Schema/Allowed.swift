// SPDX-License-Identifier: Apache-2.0

public import StrictJSON

/// The values a field may take beyond its type: a range, a list of values, or a size.
public struct Allowed: Sendable, Equatable {
    /// A limit that comes from the model rather than from the schema.
    public enum ModelLimit: String, Sendable {
        /// The longest prompt and continuation together, in tokens.
        case contextLength = "context_length"
        /// One less than the number of ids of the vocabulary.
        case lastTokenID = "last_token_id"
    }

    /// The least value or size; nil: no least.
    public var min: Double?
    /// The greatest value or size; nil: no greatest of its own.
    public var max: Double?
    /// Whether `min` itself is not allowed.
    public var excludesMin = false
    /// Whether `max` itself is not allowed.
    public var excludesMax = false
    /// The greatest value where the model sets it.
    public var maxFromModel: ModelLimit?
    /// The values allowed, all of them, if this is a choice.
    public var values: [JSON]?
    /// What `min` and `max` count: nil is the value itself; "characters", "bytes", "items", "members".
    public var counting: String?

    /// A range that includes both its ends.
    public init(min: Double? = nil, max: Double? = nil, counting: String? = nil) {
        self.min = min
        self.max = max
        self.counting = counting
    }

    /// A range without its lower end.
    public init(above min: Double, through max: Double? = nil) {
        self.min = min
        self.max = max
        excludesMin = true
    }

    /// A range without its upper end.
    public init(min: Double, below max: Double) {
        self.min = min
        self.max = max
        excludesMax = true
    }

    /// A range without its ends.
    public init(above min: Double, below max: Double) {
        self.min = min
        self.max = max
        excludesMin = true
        excludesMax = true
    }

    /// A range that ends at a limit of the model.
    public init(min: Double, maxFromModel: ModelLimit) {
        self.min = min
        self.maxFromModel = maxFromModel
    }

    /// One of a list.
    public init(values: [JSON]) {
        self.values = values
    }

    /// Whether `number` lies in the range; a limit of the model is taken as none unless it was resolved.
    public func contains(_ number: Double) -> Bool {
        guard number.isFinite else { return false }
        if let min, excludesMin ? number <= min : number < min { return false }
        if let max, excludesMax ? number >= max : number > max { return false }
        return true
    }

    /// The same with the limit of the model filled in.
    func resolved(_ limits: ModelLimits?) -> Allowed {
        guard let maxFromModel, let limits else { return self }
        var copy = self
        switch maxFromModel {
        case .contextLength: copy.max = Double(limits.contextLength)
        case .lastTokenID: copy.max = Double(limits.vocabularySize - 1)
        }
        return copy
    }

    /// The range in words: "from 0 to 100", "above 0, at most 1", "one of "a", "b"".
    var words: String {
        if let values {
            let list = values.map { value in
                var writer = JSONWriter()
                writer.value(value)
                return String(decoding: writer.bytes, as: UTF8.self)
            }
            return list.count == 1 ? list[0] : "one of \(list.joined(separator: ", "))"
        }
        let unit = counting.map { " \($0)" } ?? ""
        switch (min, max) {
        case (let min?, let max?):
            if !excludesMin && !excludesMax { return "from \(Self.text(min)) to \(Self.text(max))\(unit)" }
            return "\(excludesMin ? "above" : "at least") \(Self.text(min)) and "
                + "\(excludesMax ? "below" : "at most") \(Self.text(max))\(unit)"
        case (let min?, nil): return "\(excludesMin ? "above" : "at least") \(Self.text(min))\(unit)"
        case (nil, let max?): return "\(excludesMax ? "below" : "at most") \(Self.text(max))\(unit)"
        case (nil, nil): return "any"
        }
    }

    /// Writes `{"min":…,"max":…,…}`, only what applies.
    func write(to writer: inout JSONWriter) {
        writer.object { object in
            if let values {
                object.member("values", array: { array in for value in values { array.value(value) } })
            }
            if let min { Self.member("min", min, &object) }
            if excludesMin { object.member("exclusive_min", true) }
            if let max { Self.member("max", max, &object) }
            if excludesMax { object.member("exclusive_max", true) }
            if let maxFromModel { object.member("max_from", maxFromModel.rawValue) }
            if let counting { object.member("counting", counting) }
        }
    }

    private static func member(_ name: String, _ number: Double, _ writer: inout JSONWriter) {
        if let integer = Int64(exactly: number) {
            writer.member(name, integer)
        } else {
            writer.member(name, number)
        }
    }

    private static func text(_ number: Double) -> String {
        Int64(exactly: number).map(String.init) ?? number.description
    }
}

/// What validation needs to know of the model.
public struct ModelLimits: Sendable {
    /// The longest prompt and continuation together, in tokens.
    public var contextLength: Int
    /// V.
    public var vocabularySize: Int

    /// The limits of the given sizes.
    public init(contextLength: Int, vocabularySize: Int) {
        self.contextLength = contextLength
        self.vocabularySize = vocabularySize
    }
}
