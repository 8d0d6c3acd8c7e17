// SPDX-License-Identifier: Apache-2.0

/// The decimal texts of the multiples of a number between two bounds.
///
/// Digits are read from the left. What matters of those that were read is only what the rest must come to, modulo the
/// step: equal demands on as many digits share a rule, so that multiples of 1000 take no more of them than those of 1.
struct DecimalMultiples {
    /// Digits where a bound is missing.
    static let openDigits = 9

    /// The number, times 10^places.
    private let step: Int64
    /// Digits after the point at most.
    private let places: Int
    private var known: [Rest: Int] = [:]

    /// What is still to be written.
    private struct Rest: Hashable {
        var whole: Int
        var fraction: Int
        /// What was read, with zeros for the rest, modulo the step.
        var remainder: Int64
    }

    /// The multiples of `step`; nil unless it is above 0 and has at most 15 digits.
    init?(of step: DecimalNumber) {
        guard let (scaled, places) = step.scaledForm, scaled > 0, places < JSONNumbers.digitLimit,
            scaled < JSONNumbers.power(JSONNumbers.digitLimit)
        else { return nil }
        (self.step, self.places) = (scaled, places)
    }

    /// Whether all multiples are integers.
    var areIntegers: Bool { places == 0 }

    /// The texts of the multiples between two bounds; nil if there is none of 15 digits.
    ///
    /// - Throws: ``ConstraintError/tooLarge(what:limit:)``.
    mutating func range(
        low: JSONNumbers.Bound?, high: JSONNumbers.Bound?, _ rules: inout JSONRules
    ) throws(ConstraintError) -> Expression? {
        let open = JSONNumbers.power(max(Self.openDigits, places)) - 1
        guard let bounds = JSONNumbers.scaled(low: low, high: high, places: places) else { return nil }
        let least = low == nil ? max(bounds.lowerBound, min(0, bounds.upperBound) - open) : bounds.lowerBound
        let greatest = high == nil ? min(bounds.upperBound, max(0, least) + open) : bounds.upperBound
        var ways: [Expression] = []
        if least < 0 {
            let texts = try magnitudes(max(1, -greatest), -least, &rules)
            ways.append(.sequence([.text("-"), texts]))
        }
        if greatest >= 0 { ways.append(try magnitudes(max(0, least), greatest, &rules)) }
        return .choice(ways)
    }

    private mutating func magnitudes(
        _ low: Int64, _ high: Int64, _ rules: inout JSONRules
    ) throws(ConstraintError) -> Expression {
        var ways: [Expression] = []
        for count in 1...(JSONNumbers.digitLimit - places) {
            let first = count == 1 ? 0 : JSONNumbers.power(count - 1 + places)
            let (from, to) = (max(low, first), min(high, JSONNumbers.power(count + places) - 1))
            guard from <= to else { continue }
            let bounds = (
                JSONNumbers.digits(from, count: count + places), JSONNumbers.digits(to, count: count + places)
            )
            ways.append(
                try texts(
                    Rest(whole: count, fraction: places, remainder: 0), low: bounds.0[...], high: bounds.1[...], &rules)
            )
        }
        return .choice(ways)
    }

    /// The texts of a rest whose digits are bound by those of `low` and `high`, where they are given.
    private mutating func texts(
        _ rest: Rest, low: ArraySlice<Int>?, high: ArraySlice<Int>?, _ rules: inout JSONRules
    ) throws(ConstraintError) -> Expression {
        let count = rest.whole + rest.fraction
        var ways: [Expression] = []
        // What is left out is zeros.
        if rest.whole == 0, rest.remainder == 0, low?.allSatisfy({ $0 == 0 }) ?? true { ways.append(.empty) }
        guard count > 0 else { return .choice(ways) }
        let isPoint = rest.whole == 0 && rest.fraction == places
        for digit in (low?.first ?? 0)...max(low?.first ?? 0, high?.first ?? 9) {
            let value = (rest.remainder + Int64(digit) * (JSONNumbers.power(count - 1) % step)) % step
            // The digits after this one can add less than 10^(count - 1).
            guard (step - value) % step < JSONNumbers.power(count - 1) else { continue }
            let next = Rest(
                whole: max(0, rest.whole - 1), fraction: rest.whole > 0 ? rest.fraction : rest.fraction - 1,
                remainder: value)
            let nextLow = digit == low?.first ? low?.dropFirst() : nil
            let nextHigh = digit == high?.first ? high?.dropFirst() : nil
            let tail =
                nextLow == nil && nextHigh == nil
                ? try free(next, &rules) : try texts(next, low: nextLow, high: nextHigh, &rules)
            ways.append(.sequence([.text((isPoint ? "." : "") + String(digit)), tail]))
        }
        return .choice(ways)
    }

    private mutating func free(_ rest: Rest, _ rules: inout JSONRules) throws(ConstraintError) -> Expression {
        if let rule = known[rest] { return .rule(rule) }
        let rule = try rules.add("multiple")
        known[rest] = rule
        rules.define(rule, try texts(rest, low: nil, high: nil, &rules))
        return .rule(rule)
    }
}
