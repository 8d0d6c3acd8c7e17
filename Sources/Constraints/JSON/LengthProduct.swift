// SPDX-License-Identifier: Apache-2.0

/// The texts of an expression that have so many characters: the expression's automaton, run beside a counter.
///
/// The automaton is that of Glushkov 1961: a state per place of a character in the expression. Each pair of a place and
/// a count becomes a rule, of which only those that can be reached are made.
struct LengthProduct {
    /// Places of characters at most, repetitions written out.
    static let placeLimit = 2048
    /// Pairs of a place and a count at most.
    static let pairLimit = 8192

    /// The characters at each place.
    private var sets: [ScalarSet] = []
    /// The places that may come after each.
    private var followers: [[Int]] = []
    private let first: [Int]
    private let isLast: Set<Int>
    private let isNullable: Bool
    private let min: Int
    private let max: Int?

    /// What is known of a part of the expression.
    private struct Part {
        var isNullable: Bool
        var first: [Int] = []
        var last: [Int] = []
    }

    /// - Throws: ``ConstraintError/tooLarge(what:limit:)`` if the expression has too many places.
    init(_ expression: Expression, min: Int, max: Int?) throws(ConstraintError) {
        var builder = Builder()
        let whole = try builder.add(expression)
        (sets, followers) = (builder.sets, builder.followers)
        (first, isLast, isNullable) = (whole.first, Set(whole.last), whole.isNullable)
        (self.min, self.max) = (min, max)
    }

    private struct Builder {
        var sets: [ScalarSet] = []
        var followers: [[Int]] = []

        mutating func add(_ expression: Expression) throws(ConstraintError) -> Part {
            switch expression {
            case .scalars(let set): return try place(set)
            case .literal(let bytes):
                var whole = Part(isNullable: true)
                for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
                    whole = joined(whole, try place(ScalarSet(scalar)))
                }
                return whole
            case .sequence(let parts):
                var whole = Part(isNullable: true)
                for part in parts { whole = joined(whole, try add(part)) }
                return whole
            case .choice(let parts):
                var whole = Part(isNullable: false)
                for part in parts {
                    let one = try add(part)
                    whole.isNullable = whole.isNullable || one.isNullable
                    whole.first += one.first
                    whole.last += one.last
                }
                return whole
            case .repeated(let body, let least, let most):
                var whole = Part(isNullable: true)
                // Of a body without characters one is as good as many.
                for _ in 0..<least {
                    let before = sets.count
                    whole = joined(whole, try add(body))
                    if sets.count == before { break }
                }
                guard let most else {
                    var loop = try add(body)
                    for place in loop.last { followers[place] += loop.first }
                    loop.isNullable = true
                    return joined(whole, loop)
                }
                for _ in least..<Swift.max(least, most) {
                    let before = sets.count
                    var one = try add(body)
                    guard sets.count > before else { break }
                    one.isNullable = true
                    whole = joined(whole, one)
                }
                return most < least ? Part(isNullable: false) : whole
            case .rule: return Part(isNullable: false)
            }
        }

        private mutating func place(_ set: ScalarSet) throws(ConstraintError) -> Part {
            guard sets.count < LengthProduct.placeLimit else {
                throw .tooLarge(what: "characters in a pattern beside minLength or maxLength", limit: placeLimit)
            }
            sets.append(set)
            followers.append([])
            return Part(isNullable: false, first: [sets.count - 1], last: [sets.count - 1])
        }

        private mutating func joined(_ left: Part, _ right: Part) -> Part {
            for place in left.last { followers[place] += right.first }
            return Part(
                isNullable: left.isNullable && right.isNullable,
                first: left.isNullable ? left.first + right.first : left.first,
                last: right.isNullable ? left.last + right.last : right.last)
        }
    }

    /// A place after which so many characters were taken; counts that make no difference any more are one.
    private struct Pair: Hashable {
        var place: Int
        var count: Int
    }

    /// The texts as JSON, without quotation marks.
    ///
    /// - Throws: ``ConstraintError/tooLarge(what:limit:)`` if there are too many pairs.
    func encoded(_ rules: inout JSONRules) throws(ConstraintError) -> Expression {
        var known: [Pair: Int] = [:]
        var open: [Pair] = []
        func ways(
            _ places: [Int], after count: Int, mayEnd: Bool, _ rules: inout JSONRules
        ) throws(ConstraintError) -> Expression {
            var ways: [Expression] = mayEnd && count >= min ? [.empty] : []
            guard max.map({ count < $0 }) ?? true else { return .choice(ways) }
            for place in Set(places).sorted() {
                let pair = Pair(place: place, count: max == nil ? Swift.min(count + 1, min) : count + 1)
                let rule: Int
                if let found = known[pair] {
                    rule = found
                } else {
                    guard known.count < Self.pairLimit else {
                        throw .tooLarge(what: "places and lengths of a pattern", limit: Self.pairLimit)
                    }
                    rule = try rules.add("pattern")
                    known[pair] = rule
                    open.append(pair)
                }
                ways.append(.sequence([JSONCharacters.encoded(sets[place]), .rule(rule)]))
            }
            return .choice(ways)
        }
        let whole = try ways(first, after: 0, mayEnd: isNullable, &rules)
        while let pair = open.popLast() {
            guard let rule = known[pair] else { continue }
            rules.define(
                rule, try ways(followers[pair.place], after: pair.count, mayEnd: isLast.contains(pair.place), &rules))
        }
        return whole
    }
}
