// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// The JSON texts of numbers, also of those between two bounds.
///
/// Numbers have at most 15 significant digits where they are bounded, so that two that differ differ as doubles, too:
/// a reader that compares doubles finds them within the bounds.
enum JSONNumbers {
    /// Digits of an integer, and significant digits of a bounded number.
    static let digitLimit = 15

    private static let digit = Expression.scalars(CharacterClass.digit)
    private static let whole = Expression.choice([
        .text("0"),
        .sequence([.scalars(ScalarSet([0x31...0x39])), .repeated(digit, min: 0, max: digitLimit - 1)]),
    ])

    static let integer = Expression.sequence([.optional(.text("-")), whole])

    static let number = Expression.sequence([
        .optional(.text("-")), whole,
        .optional(.sequence([.text("."), .repeated(digit, min: 1, max: digitLimit)])),
        .optional(
            .sequence([
                .scalars(ScalarSet(of: "eE")), .optional(.scalars(ScalarSet(of: "+-"))),
                .repeated(digit, min: 1, max: 2),
            ])),
    ])

    /// A bound of a range.
    struct Bound: Equatable {
        var value: DecimalNumber
        /// Whether the bound itself is outside.
        var isExclusive: Bool
    }

    /// The numbers between two bounds, in decimal notation; nil if there is none of 15 digits.
    static func range(low: Bound?, high: Bound?, isInteger: Bool) -> Expression? {
        let fraction: Int
        if isInteger {
            fraction = 0
        } else {
            let wholeDigits = max(low?.value.wholeDigitCount ?? 0, high?.value.wholeDigitCount ?? 0)
            // Open to one side: room for larger numbers, too.
            let kept = low == nil || high == nil ? max(wholeDigits, 9) : max(wholeDigits, 1)
            fraction = max(0, digitLimit - kept)
        }
        guard let bounds = scaled(low: low, high: high, places: fraction) else { return nil }
        let (least, greatest) = (bounds.lowerBound, bounds.upperBound)
        var ways: [Expression] = []
        if least < 0 {
            let magnitudes = magnitudes(max(1, -greatest), -least, fraction)
            ways.append(.sequence([.text("-"), magnitudes]))
        }
        if greatest >= 0 { ways.append(magnitudes(max(0, least), greatest, fraction)) }
        return .choice(ways)
    }

    /// The integers n of at most 15 digits for which n / 10^places is within the bounds; nil if there is none.
    static func scaled(low: Bound?, high: Bound?, places: Int) -> ClosedRange<Int64>? {
        let limit = power(digitLimit) - 1
        var (least, greatest) = (-limit, limit)
        if let low {
            var scaled = low.value.scaled(places, rounding: .up)
            if low.isExclusive, scaled == low.value.scaled(places, rounding: .down) { scaled += 1 }
            least = max(least, scaled)
        }
        if let high {
            var scaled = high.value.scaled(places, rounding: .down)
            if high.isExclusive, scaled == high.value.scaled(places, rounding: .up) { scaled -= 1 }
            greatest = min(greatest, scaled)
        }
        return least <= greatest ? least...greatest : nil
    }

    /// The digits of a number that is not negative, zeros before it.
    static func digits(_ number: Int64, count: Int) -> [Int] {
        (0..<count).reversed().map { Int(number / power($0) % 10) }
    }

    /// 10^exponent, up to 10^18.
    static func power(_ exponent: Int) -> Int64 { (0..<exponent).reduce(1) { power, _ in power * 10 } }

    /// The numbers n / 10^fraction for `low <= n <= high`, none negative.
    private static func magnitudes(_ low: Int64, _ high: Int64, _ fraction: Int) -> Expression {
        var ways: [Expression] = []
        let scale = power(fraction)
        for count in 1...max(1, digitLimit - fraction) {
            let first = count == 1 ? 0 : power(count - 1) * scale
            let (from, to) = (max(low, first), min(high, power(count) * scale - 1))
            if from <= to { ways.append(DigitRange(from, to, whole: count, fraction: fraction).expression) }
        }
        return .choice(ways)
    }

    /// Decimal texts of one length before the point, between two that are written out in full.
    private struct DigitRange {
        private let low: [Int]
        private let high: [Int]
        /// Digits before the point.
        private let whole: Int

        init(_ low: Int64, _ high: Int64, whole: Int, fraction: Int) {
            self.whole = whole
            self.low = digits(low, count: whole + fraction)
            self.high = digits(high, count: whole + fraction)
        }

        var expression: Expression { rest(0, isLeast: true, isGreatest: true) }

        /// The texts from a digit on; `isLeast` and `isGreatest` say whether the digits so far are those of the bound.
        private func rest(_ place: Int, isLeast: Bool, isGreatest: Bool) -> Expression {
            guard place < low.count else { return .empty }
            let isFraction = place >= whole
            guard isLeast || isGreatest else { return free(place) }
            var ways: [Expression] = []
            // What is left out is zeros.
            if isFraction, !isLeast || low[place...].allSatisfy({ $0 == 0 }) { ways.append(.empty) }
            let (first, last) = (isLeast ? low[place] : 0, isGreatest ? high[place] : 9)
            let point: [Expression] = place == whole ? [.text(".")] : []
            func add(_ digits: ClosedRange<Int>, _ isLeast: Bool, _ isGreatest: Bool) {
                let set = ScalarSet([UInt32(0x30 + digits.lowerBound)...UInt32(0x30 + digits.upperBound)])
                ways.append(
                    .sequence(
                        point + [.scalars(set), rest(place + 1, isLeast: isLeast, isGreatest: isGreatest)]))
            }
            if isLeast, isGreatest, first == last {
                add(first...first, true, true)
            } else {
                let inner =
                    (isLeast ? first + 1 : first)...max(isLeast ? first + 1 : first, isGreatest ? last - 1 : last)
                if isLeast { add(first...first, true, false) }
                if inner.lowerBound <= (isGreatest ? last - 1 : last) { add(inner, false, false) }
                if isGreatest { add(last...last, false, true) }
            }
            return .choice(ways)
        }

        private func free(_ place: Int) -> Expression {
            let fraction = low.count - whole
            if place > whole { return .repeated(digit, min: 0, max: low.count - place) }
            let end: Expression =
                fraction == 0
                ? .empty : .optional(.sequence([.text("."), .repeated(digit, min: 1, max: fraction)]))
            return .sequence([.times(whole - place, digit), end])
        }
    }
}

/// A decimal number, exactly: mantissa * 10^exponent.
struct DecimalNumber: Equatable {
    private let mantissa: Int64
    private let exponent: Int

    /// The number of a JSON value; nil if it is none. Of a double, its shortest decimal.
    init?(_ json: JSON) {
        switch json {
        case .integer(let value): (mantissa, exponent) = (value, 0)
        case .number(let value):
            let text = value.description.lowercased()
            let parts = text.split(separator: "e", maxSplits: 1)
            guard let digits = parts.first else { return nil }
            let point = digits.firstIndex(of: ".")
            let places = point.map { digits.distance(from: $0, to: digits.endIndex) - 1 } ?? 0
            guard let mantissa = Int64(digits.filter { $0 != "." }),
                let exponent = parts.count == 2 ? Int(parts[1]) : 0
            else { return nil }
            (self.mantissa, self.exponent) = (mantissa, exponent - places)
        default: return nil
        }
    }

    /// Digits before the point.
    var wholeDigitCount: Int {
        guard mantissa != 0 else { return 0 }
        return max(0, String(mantissa.magnitude).utf8.count + exponent)
    }

    /// The number as n / 10^places with the fewest places; nil where n is beyond 10^18.
    var scaledForm: (value: Int64, places: Int)? {
        var (value, shift) = (mantissa, exponent)
        while shift < 0, value % 10 == 0 {
            value /= 10
            shift += 1
        }
        guard shift > 0 else { return (value, -shift) }
        let scaled = self.scaled(0, rounding: .down)
        return scaled.magnitude < 1_000_000_000_000_000_000 ? (scaled, 0) : nil
    }

    enum Rounding { case up, down }

    /// The number * 10^places as an integer; what is beyond 10^18 becomes that.
    func scaled(_ places: Int, rounding: Rounding) -> Int64 {
        let limit: Int64 = 1_000_000_000_000_000_000
        var shift = exponent + places
        var value = mantissa
        while shift > 0, value != 0 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow || product.magnitude > limit.magnitude { return value < 0 ? -limit : limit }
            value = product
            shift -= 1
        }
        var isExact = true
        while shift < 0 {
            if value == 0 { break }
            isExact = isExact && value % 10 == 0
            value /= 10
            shift += 1
        }
        // The division rounds towards zero.
        guard !isExact else { return value }
        return switch rounding {
        case .up: mantissa > 0 ? value + 1 : value
        case .down: mantissa < 0 ? value - 1 : value
        }
    }
}
