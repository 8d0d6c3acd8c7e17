// SPDX-License-Identifier: Apache-2.0

import Evaluation
import Glibc
import StrictJSON

/// What a field of a random sweep is drawn from.
enum RandomDraw: Sendable {
    /// Each value is as likely as any other.
    case values([JSON])
    /// Numbers from `min` to `max`; uniform, or uniform in their logarithm.
    case range(min: Double, max: Double, isLogarithmic: Bool, isInteger: Bool)

    /// The numbers that draws are made of.
    struct Stream {
        private var stream: SeededStream

        init(seed: Int) { stream = SeededStream(seed: UInt64(bitPattern: Int64(seed))) }

        mutating func index(below count: Int) -> Int { stream.index(below: count) }
        /// From 0 to below 1.
        mutating func share() -> Double { Double(stream.next() >> 11) * 0x1p-53 }
    }

    private static let min = bound("min", "The least value.")
    private static let max = bound("max", "The greatest value.")
    private static let scale = Field<String>.choice(
        "scale", ["linear", "log"], default: "linear", meaning: "How values lie between them.")

    private static func bound(_ name: String, _ meaning: String) -> Field<Double?> {
        Field(name, type: "number", default: nil, defaultText: nil, meaning: meaning) {
            (json, path, _) throws(APIError) in
            try Read.number(json, path, Allowed())
        }
    }

    /// Reads a list of values, or `{"min":…,"max":…,"scale":…}`.
    init(_ json: JSON, _ path: String, isInteger: Bool, _ reading: inout FieldReading) throws(APIError) {
        if json.arrayValue != nil {
            self = .values(try Read.array(json, path, Allowed(min: 1, max: 32, counting: "values"), of: "values"))
            return
        }
        guard json.objectValue != nil else {
            throw .wrongType(param: path, expected: "array of values or object of min and max", found: json.typeName)
        }
        let values = try Read.members(
            json, path, [AnyField(Self.min), AnyField(Self.max), AnyField(Self.scale)], &reading)
        guard let min = values[Self.min] else { throw .missing(param: JSONPath.member(path, "min")) }
        guard let max = values[Self.max] else { throw .missing(param: JSONPath.member(path, "max")) }
        guard min <= max else {
            throw .invalidValue(param: path, reason: "min \(JSONText.number(min)) is above max \(JSONText.number(max))")
        }
        let isLogarithmic = values[Self.scale] == "log"
        guard !isLogarithmic || min > 0 else {
            throw .invalidValue(param: JSONPath.member(path, "min"), reason: "must be above 0 with scale log")
        }
        self = .range(min: min, max: max, isLogarithmic: isLogarithmic, isInteger: isInteger)
    }

    /// Values such that every draw is valid if these are, with their paths.
    func extremes(_ path: String) -> [(path: String, value: JSON)] {
        switch self {
        case .values(let values): values.enumerated().map { (JSONPath.element(path, $0.offset), $0.element) }
        case .range(let min, let max, _, _):
            [
                (JSONPath.member(path, "min"), Self.json(min)), (JSONPath.member(path, "max"), Self.json(max)),
            ]
        }
    }

    /// The next draw.
    func next(_ stream: inout Stream) -> JSON {
        switch self {
        case .values(let values): return values[stream.index(below: values.count)]
        case .range(let low, let high, let isLogarithmic, let isInteger):
            let share = stream.share()
            // Integers: each end is as likely as what lies between.
            let top = isInteger ? high + 1 : high
            let value = isLogarithmic ? low * pow(top / low, share) : low + (top - low) * share
            let inside = Swift.min(high, Swift.max(low, isInteger ? value.rounded(.down) : value))
            // Four digits tell the lanes apart and can be read.
            return Self.json(isInteger ? inside : Self.rounded(inside, from: low, to: high))
        }
    }

    private static func rounded(_ value: Double, from low: Double, to high: Double) -> Double {
        guard value != 0 else { return 0 }
        let digits = 3 - Int(log10(abs(value)).rounded(.down))
        // A decimal is what is meant, not a product that misses it by a bit.
        let scale = pow(10, Double(abs(digits)))
        let rounded = digits >= 0 ? (value * scale).rounded() / scale : (value / scale).rounded() * scale
        return Swift.min(high, Swift.max(low, rounded))
    }

    private static func json(_ number: Double) -> JSON {
        Int64(exactly: number).map { .integer($0) } ?? .number(number)
    }
}
