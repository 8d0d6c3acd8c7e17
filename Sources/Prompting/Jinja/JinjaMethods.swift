// SPDX-License-Identifier: Apache-2.0

/// The methods that values have. Those that would change a value are left out, as in Jinja's immutable sandbox.
enum JinjaMethods {
    static let ofStrings: Set<String> = [
        "capitalize", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit", "islower", "isspace",
        "isupper", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind",
        "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper",
    ]
    static let ofDictionaries: Set<String> = ["get", "items", "keys", "values", "copy"]
    static let ofSequences: Set<String> = ["count", "index"]
    static let ofLoops: Set<String> = ["cycle", "changed"]
}

extension JinjaInterpreter {
    func callMethod(
        _ name: String, of receiver: JinjaValue, _ arguments: JinjaValues
    ) throws(JinjaError) -> JinjaValue {
        try budget.charge(receiver.bulk)
        for argument in arguments.positional { try budget.charge(argument.bulk) }
        switch receiver {
        case .string(let text): return try callMethod(name, of: text, arguments)
        case .dictionary(let dictionary):
            switch name {
            case "get":
                let bound = try arguments.bind(name, ["key", "default"])
                guard let wanted = bound[0] else { throw .evaluation("get needs a key") }
                return dictionary.value(of: try key(wanted)) ?? bound[1] ?? .none
            case "items": return .list(dictionary.items)
            case "keys": return .list(dictionary.keys)
            case "values": return .list(dictionary.values)
            default: return receiver
            }
        case .sequence(let sequence):
            guard let wanted = try arguments.bind(name, ["value"])[0] else {
                throw .evaluation("\(name) needs a value")
            }
            var count = 0
            for (index, element) in sequence.elements.enumerated() where try areEqual(element, wanted) {
                if name == "index" { return .integer(index) }
                count += 1
            }
            guard name == "count" else { throw .evaluation("the value is not in the list") }
            return .integer(count)
        case .loop(let loop):
            if name == "cycle" {
                guard !arguments.positional.isEmpty else { throw .evaluation("no items for cycling given") }
                return arguments.positional[loop.index % arguments.positional.count]
            }
            defer { loop.lastChanged = arguments.positional }
            guard let last = loop.lastChanged, last.count == arguments.positional.count else { return .bool(true) }
            for (old, new) in zip(last, arguments.positional) where try !areEqual(old, new) { return .bool(true) }
            return .bool(false)
        default: throw .evaluation("'\(receiver.typeName)' object has no method '\(name)'")
        }
    }

    // MARK: Strings

    private func callMethod(
        _ name: String, of text: TracedText, _ arguments: JinjaValues
    ) throws(JinjaError) -> JinjaValue {
        func string(_ value: JinjaValue?, or standard: String? = nil) throws(JinjaError) -> TracedText {
            if let text = value?.textValue { return text }
            if value == nil, let standard { return TracedText(standard) }
            throw .evaluation("\(name) needs a string, not \(value?.typeName ?? "nothing")")
        }
        func whole(_ test: (Unicode.Scalar) -> Bool) -> JinjaValue {
            .bool(!text.isEmpty && text.string.unicodeScalars.allSatisfy(test))
        }
        switch name {
        case "upper": return .string(text.mapStretches { $0.uppercased() })
        case "lower": return .string(text.mapStretches { $0.lowercased() })
        case "title": return .string(text.rewritten(PythonText.titled(text.string)))
        case "capitalize": return .string(text.rewritten(PythonText.capitalized(text.string)))
        case "isdigit": return whole(PythonText.isDigit)
        case "isalpha": return whole(PythonText.isLetter)
        case "isalnum":
            return whole { PythonText.isLetter($0) || PythonText.isDigit($0) || $0.properties.numericType != nil }
        case "isspace": return whole(PythonText.isSpace)
        case "isupper": return .bool(PythonText.isCased(text.string, upper: true))
        case "islower": return .bool(PythonText.isCased(text.string, upper: false))
        case "strip", "lstrip", "rstrip":
            let characters = try arguments.bind(name, ["chars"])[0]
            return .string(
                try strip(text, characters, left: name != "rstrip", right: name != "lstrip"))
        case "startswith", "endswith":
            let bound = try arguments.bind(name, ["affix", "start", "end"])
            let part = try scalars(of: text, from: bound[1], to: bound[2])
            var affixes = [bound[0]]
            if case .sequence(let sequence)? = bound[0], sequence.kind == .tuple { affixes = sequence.elements }
            for affix in affixes {
                let affix = try string(affix)
                if name == "startswith" ? part.hasPrefix(affix) : part.hasSuffix(affix) { return .bool(true) }
            }
            return .bool(false)
        case "removeprefix":
            let affix = try string(try arguments.bind(name, ["prefix"])[0])
            return .string(text.hasPrefix(affix) ? text[affix.bytes.count..<text.bytes.count] : text)
        case "removesuffix":
            let affix = try string(try arguments.bind(name, ["suffix"])[0])
            return .string(text.hasSuffix(affix) ? text[0..<text.bytes.count - affix.bytes.count] : text)
        case "replace":
            let bound = try arguments.bind(name, ["old", "new", "count"])
            let limit = bound[2]?.integer ?? -1
            return .string(
                try replace(text, try string(bound[0]), by: try string(bound[1]), limit: limit < 0 ? .max : limit))
        case "split", "rsplit":
            let bound = try arguments.bind(name, ["sep", "maxsplit"])
            let limit = bound[1]?.integer ?? -1
            return .list(try split(text, bound[0], limit: limit < 0 ? .max : limit, fromRight: name == "rsplit"))
        case "splitlines":
            let keeps = try arguments.bind(name, ["keepends"])[0]?.isTrue ?? false
            return .list(try lines(of: text, keepsEnds: keeps).map { .string($0) })
        case "join":
            guard let values = try arguments.bind(name, ["iterable"])[0] else { throw .evaluation("join needs a list") }
            var parts: [TracedText] = []
            for element in try elements(values) { parts.append(try string(element)) }
            return .string(try join(parts, by: text))
        case "partition", "rpartition":
            let part = try string(try arguments.bind(name, ["sep"])[0])
            guard !part.isEmpty else { throw .evaluation("empty separator") }
            let range = 0..<text.bytes.count
            let isFirst = name == "partition"
            guard let place = isFirst ? text.find(part, in: range) : text.findLast(part, in: range) else {
                let parts = isFirst ? [text, .empty, .empty] : [.empty, .empty, text]
                return .sequence(JinjaSequence(parts.map { .string($0) }, .tuple))
            }
            let end = place + part.bytes.count
            let parts = [text[0..<place], text[place..<end], text[end..<text.bytes.count]]
            return .sequence(JinjaSequence(parts.map { .string($0) }, .tuple))
        default: return try search(name, text, arguments, string)
        }
    }

    /// `find`, `rfind`, `index` and `count`, which count in characters.
    private func search(
        _ name: String, _ text: TracedText, _ arguments: JinjaValues,
        _ string: (JinjaValue?, String?) throws(JinjaError) -> TracedText
    ) throws(JinjaError) -> JinjaValue {
        let bound = try arguments.bind(name, ["sub", "start", "end"])
        let part = try string(bound[0], nil)
        let whole = try scalars(of: text, from: bound[1], to: bound[2])
        if name == "count" {
            if part.isEmpty { return .integer(whole.scalarCount + 1) }
            return .integer(whole.occurrences(of: part).count)
        }
        let range = 0..<whole.bytes.count
        guard let place = name == "rfind" ? whole.findLast(part, in: range) : whole.find(part, in: range) else {
            guard name != "index" else { throw .evaluation("substring not found") }
            return .integer(-1)
        }
        // The slice's start counts from the whole text's.
        let skipped = bound[1]?.integer ?? 0
        let count = text.scalarCount
        let start = skipped < 0 ? max(skipped + count, 0) : min(skipped, count)
        return .integer(start + whole[0..<place].scalarCount)
    }

    private func scalars(
        of text: TracedText, from start: JinjaValue?, to end: JinjaValue?
    ) throws(JinjaError) -> TracedText {
        guard start?.integer != nil || end?.integer != nil else { return text }
        let offsets = text.scalarOffsets
        let places = PythonSlice(start: start?.integer, stop: end?.integer, step: 1).bounds(count: offsets.count - 1)
        return text[offsets[places.lowerBound]..<offsets[places.upperBound]]
    }

    // MARK: Operations that filters share

    /// `strip` and its kin; nil or none: white space.
    func strip(
        _ text: TracedText, _ characters: JinjaValue?, left: Bool, right: Bool
    ) throws(JinjaError) -> TracedText {
        switch characters {
        case nil, .some(.none): return text.stripped(left: left, right: right, PythonText.isSpace)
        case .string(let characters)?:
            let set = Set(characters.string.unicodeScalars)
            return text.stripped(left: left, right: right, set.contains)
        case .some(let value): throw .evaluation("strip needs a string, not \(value.typeName)")
        }
    }

    func replace(
        _ text: TracedText, _ part: TracedText, by other: TracedText, limit: Int
    ) throws(JinjaError) -> TracedText {
        let places =
            part.isEmpty ? Array(text.scalarOffsets.prefix(limit)) : text.occurrences(of: part, limit: limit)
        let (added, overflow) = places.count.multipliedReportingOverflow(by: other.bytes.count)
        guard !overflow, text.bytes.count + added <= limits.textBytes else { throw textTooLong }
        try budget.charge(places.count + added / JinjaLimits.bytesPerStep)
        var result = TracedText.empty
        var position = 0
        for place in places {
            result.append(text[position..<place])
            result.append(other)
            position = place + part.bytes.count
        }
        result.append(text[position..<text.bytes.count])
        return result
    }

    func join(_ parts: [TracedText], by separator: TracedText) throws(JinjaError) -> TracedText {
        var result = TracedText.empty
        for (index, part) in parts.enumerated() {
            if index > 0 { result.append(separator) }
            result.append(part)
            try budget.charge((separator.bytes.count + part.bytes.count) / JinjaLimits.bytesPerStep)
            guard result.bytes.count <= limits.textBytes else { throw textTooLong }
        }
        return result
    }

    func lines(of text: TracedText, keepsEnds: Bool) throws(JinjaError) -> [TracedText] {
        var lines: [TracedText] = []
        var start = 0
        for end in PythonText.lineEnds(text.bytes) {
            try budget.charge()
            lines.append(text[start..<(keepsEnds ? end.next : end.end)])
            start = end.next
        }
        if start < text.bytes.count { lines.append(text[start..<text.bytes.count]) }
        return lines
    }

    private func split(
        _ text: TracedText, _ separator: JinjaValue?, limit: Int, fromRight: Bool
    ) throws(JinjaError) -> [JinjaValue] {
        var pieces: [TracedText] = []
        switch separator {
        case nil, .some(.none): pieces = words(of: text, limit: limit, fromRight: fromRight)
        case .string(let part)?:
            guard !part.isEmpty else { throw .evaluation("empty separator") }
            var places = text.occurrences(of: part)
            if fromRight {
                // Overlaps are resolved from the right as well.
                places = TracedText(bytes: text.bytes.reversed())
                    .occurrences(of: TracedText(bytes: part.bytes.reversed()), limit: limit)
                    .map { text.bytes.count - $0 - part.bytes.count }.reversed()
            }
            var start = 0
            for place in places.prefix(fromRight ? .max : limit) {
                pieces.append(text[start..<place])
                start = place + part.bytes.count
            }
            pieces.append(text[start..<text.bytes.count])
        case .some(let value): throw .evaluation("split needs a string, not \(value.typeName)")
        }
        try budget.charge(pieces.count)
        return pieces.map { .string($0) }
    }

    /// Runs of anything but white space; what is left beyond the limit keeps its own white space.
    private func words(of text: TracedText, limit: Int, fromRight: Bool) -> [TracedText] {
        var ranges: [Range<Int>] = []
        var start: Int?
        var offset = 0
        for scalar in text.string.unicodeScalars {
            if PythonText.isSpace(scalar) {
                if let begun = start { ranges.append(begun..<offset) }
                start = nil
            } else if start == nil {
                start = offset
            }
            offset += Unicode.UTF8.width(scalar)
        }
        if let begun = start { ranges.append(begun..<offset) }
        guard ranges.count > limit, ranges.count > 0 else { return ranges.map { text[$0] } }
        if fromRight {
            let kept = ranges.suffix(limit)
            let rest = ranges[0].lowerBound..<ranges[ranges.count - limit - 1].upperBound
            let head = text[0..<rest.upperBound]
            return [head.stripped(left: false, right: true, PythonText.isSpace)] + kept.map { text[$0] }
        }
        return ranges.prefix(limit).map { text[$0] } + [text[ranges[limit].lowerBound..<text.bytes.count]]
    }
}

extension PythonSlice {
    /// The stretch that a slice of step 1 names.
    func bounds(count: Int) -> Range<Int> {
        func bound(_ bound: Int?, _ standard: Int) -> Int {
            guard let bound else { return standard }
            return bound < 0 ? max(bound + count, 0) : min(bound, count)
        }
        let lower = bound(start, 0)
        return lower..<max(lower, bound(stop, count))
    }
}
