// SPDX-License-Identifier: Apache-2.0

// The functions that every template has.
extension JinjaInterpreter {
    /// The most elements of a `range`. Source: jinja2.sandbox.MAX_RANGE.
    private static let rangeLimit = 100_000

    func call(_ function: JinjaFunction, _ arguments: JinjaValues) throws(JinjaError) -> JinjaValue {
        switch function {
        case .range: return try range(arguments)
        case .dict:
            var dictionary = JinjaDictionary()
            try fill(&dictionary, from: arguments, of: "dict")
            return .dictionary(dictionary)
        case .namespace:
            var dictionary = JinjaDictionary()
            try fill(&dictionary, from: arguments, of: "namespace")
            let namespace = makeNamespace()
            for (key, value) in zip(dictionary.keys, dictionary.values) {
                namespace.attributes[try text(key).string] = value
            }
            return .namespace(namespace)
        case .raiseException:
            let message = try arguments.bind("raise_exception", ["message"])[0] ?? .text("")
            throw JinjaError(kind: .raised, reason: String(try text(message).string.prefix(400)))
        case .strftimeNow:
            guard let format = try arguments.bind("strftime_now", ["format"])[0]?.textValue,
                let shown = now.text(format.string)
            else { throw .evaluation("strftime_now needs a format of at most 256 bytes") }
            return .string(format.rewritten(shown))
        }
    }

    /// What `dict` and `namespace` take: a dictionary, and named values.
    private func fill(
        _ dictionary: inout JinjaDictionary, from arguments: JinjaValues, of name: String
    ) throws(JinjaError) {
        guard arguments.positional.count <= 1 else { throw .evaluation("\(name) takes one dictionary at most") }
        if let first = arguments.positional.first {
            if case .dictionary(let given) = first {
                dictionary = given
            } else {
                for pair in try elements(first) {
                    let parts = try elements(pair)
                    guard parts.count == 2 else { throw .evaluation("\(name) needs pairs of key and value") }
                    dictionary.set(try key(parts[0]), parts[0], parts[1])
                }
            }
        }
        for (name, value) in arguments.named { dictionary.set(name, value) }
    }

    private func range(_ arguments: JinjaValues) throws(JinjaError) -> JinjaValue {
        guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else {
            throw .evaluation("range takes from 1 to 3 numbers")
        }
        var numbers: [Int] = []
        for value in arguments.positional {
            guard let number = value.integer else {
                if case .undefined(let reason) = value { throw .evaluation(reason) }
                throw .evaluation("'\(value.typeName)' object cannot be interpreted as an integer")
            }
            numbers.append(number)
        }
        let start = numbers.count == 1 ? 0 : numbers[0]
        let stop = numbers.count == 1 ? numbers[0] : numbers[1]
        let step = numbers.count == 3 ? numbers[2] : 1
        guard step != 0 else { throw .evaluation("range() arg 3 must not be zero") }
        let isEmpty = step > 0 ? start >= stop : start <= stop
        guard !isEmpty else { return .list([]) }
        let distance = stop.subtractingReportingOverflow(start)
        guard !distance.overflow, (distance.partialValue.magnitude - 1) / step.magnitude < Self.rangeLimit.magnitude
        else { throw .limit("a range of more than \(Self.rangeLimit) elements") }
        let count = Int((distance.partialValue.magnitude - 1) / step.magnitude) + 1
        try budget.charge(count / 4)
        return .list((0..<count).map { .integer(start + $0 * step) })
    }
}
