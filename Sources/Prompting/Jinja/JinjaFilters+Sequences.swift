// SPDX-License-Identifier: Apache-2.0

// Filters of lists, dictionaries and whatever can be gone through.
extension JinjaInterpreter {
    func applyToSequence(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaValues
    ) throws(JinjaError) -> JinjaValue {
        switch name {
        case "default", "d":
            let bound = try arguments.bind(name, ["default_value", "boolean"])
            let isAbsent = value.isUndefined || (bound[1]?.isTrue ?? false) && !value.isTrue
            return isAbsent ? bound[0] ?? .text("") : value
        case "length", "count": return .integer(try length(value))
        case "first":
            let elements = try elements(value)
            return elements.first ?? .undefined("No first item, sequence was empty.")
        case "last":
            if case .sequence(let sequence) = value, sequence.kind == .iterator {
                throw .evaluation("'generator' object is not reversible")
            }
            return try elements(value).last ?? .undefined("No last item, sequence was empty.")
        case "list": return .list(try elements(value))
        case "items":
            switch value {
            case .undefined: return .sequence(JinjaSequence([], .iterator))
            case .dictionary(let dictionary): return .sequence(JinjaSequence(dictionary.items, .iterator))
            default: throw .evaluation("Can only get item pairs from a mapping.")
            }
        case "join":
            let bound = try arguments.bind(name, ["d", "attribute"])
            let separator = try bound[0].map { value throws(JinjaError) in try text(value) } ?? .empty
            var parts: [TracedText] = []
            for element in try elements(value) {
                try budget.charge()
                parts.append(
                    try text(try bound[1].map { name throws(JinjaError) in try member(name, of: element) } ?? element))
            }
            return .string(try join(parts, by: separator))
        case "reverse":
            if let text = value.textValue {
                var result = TracedText.empty
                let offsets = text.scalarOffsets
                for index in stride(from: offsets.count - 2, through: 0, by: -1) {
                    try budget.charge()
                    result.append(text[offsets[index]..<offsets[index + 1]])
                }
                return .string(result)
            }
            return .sequence(JinjaSequence(try elements(value).reversed(), .iterator))
        case "attr":
            guard let attribute = try arguments.bind(name, ["name"])[0]?.textValue else {
                throw .evaluation("attr needs a name")
            }
            // Items are not attributes.
            if case .dictionary = value, !JinjaMethods.ofDictionaries.contains(attribute.string) {
                return .undefined("'dict object' has no attribute '\(attribute.string.prefix(64))'")
            }
            return try self.attribute(attribute.string, of: value)
        case "map": return try mapped(value, arguments)
        case "select", "reject", "selectattr", "rejectattr": return try selected(name, value, arguments)
        case "sum":
            let bound = try arguments.bind(name, ["attribute", "start"])
            var sum = bound[1] ?? .integer(0)
            for element in try elements(value) {
                let part = try bound[0].map { name throws(JinjaError) in try member(name, of: element) } ?? element
                sum = try arithmetic(sum, "+", part)
            }
            return sum
        case "batch", "slice": return try chunks(name, value, arguments)
        default: return try ordered(name, value, arguments)
        }
    }

    private func length(_ value: JinjaValue) throws(JinjaError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text): return text.scalarCount
        case .sequence(let sequence) where sequence.kind != .iterator: return sequence.elements.count
        case .dictionary(let dictionary): return dictionary.count
        case .loop(let loop): return loop.elements.count
        default: throw .evaluation("object of type '\(value.typeName)' has no len()")
        }
    }

    /// What a path such as `a.b.0` names in `value`.
    private func member(_ path: JinjaValue, of value: JinjaValue) throws(JinjaError) -> JinjaValue {
        guard let path = path.textValue else { return try item(path, of: value) }
        var found = value
        for part in path.string.split(separator: ".", omittingEmptySubsequences: false) {
            let index = part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(part) : nil
            found = try item(index.map { .integer($0) } ?? .text(String(part)), of: found)
        }
        return found
    }

    private func mapped(_ value: JinjaValue, _ arguments: JinjaValues) throws(JinjaError) -> JinjaValue {
        var results: [JinjaValue] = []
        if arguments.positional.isEmpty, let path = arguments.named.first(where: { $0.name == "attribute" }) {
            let standard = arguments.named.first { $0.name == "default" }
            guard arguments.named.count == (standard == nil ? 1 : 2) else {
                throw .evaluation("map got an unexpected argument")
            }
            for element in try elementsIfTrue(value) {
                try budget.charge()
                let found = try member(path.value, of: element)
                results.append(found.isUndefined ? standard?.value ?? found : found)
            }
        } else {
            guard let name = arguments.positional.first?.textValue?.string else {
                throw .evaluation("map requires a filter argument")
            }
            let rest = JinjaValues(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
            for element in try elementsIfTrue(value) {
                results.append(try descend { () throws(JinjaError) in try apply(name, element, rest) })
            }
        }
        return .sequence(JinjaSequence(results, .iterator))
    }

    private func selected(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaValues
    ) throws(JinjaError) -> JinjaValue {
        var rest = arguments.positional[...]
        var path: JinjaValue?
        if name.hasSuffix("attr") {
            guard let first = rest.popFirst() else { throw .evaluation("Missing parameter for attribute name") }
            path = first
        }
        let test = rest.popFirst()?.textValue?.string
        if let test, !JinjaTests.names.contains(test), !["==", "!=", "<", "<=", ">", ">="].contains(test) {
            throw .evaluation("no test named '\(test.prefix(40))'")
        }
        let operands = JinjaValues(positional: Array(rest), named: arguments.named)
        var kept: [JinjaValue] = []
        for element in try elementsIfTrue(value) {
            try budget.charge()
            let subject = try path.map { path throws(JinjaError) in try member(path, of: element) } ?? element
            var holds = subject.isTrue
            if let test {
                if JinjaTests.names.contains(test) {
                    holds = try self.test(test, subject, operands)
                } else {
                    guard let operand = operands.positional.first else { throw .evaluation("the test needs a value") }
                    holds = try compare(subject, test, operand)
                }
            }
            if holds == name.hasPrefix("select") { kept.append(element) }
        }
        return .sequence(JinjaSequence(kept, .iterator))
    }

    /// What `map` and `select` go through: nothing of a value that counts as false, whatever it is.
    private func elementsIfTrue(_ value: JinjaValue) throws(JinjaError) -> [JinjaValue] {
        value.isTrue ? try elements(value) : []
    }

    private func chunks(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaValues
    ) throws(JinjaError) -> JinjaValue {
        let bound = try arguments.bind(name, [name == "batch" ? "linecount" : "slices", "fill_with"])
        let elements = try elements(value)
        guard let count = bound[0]?.integer, count > 0, name == "batch" || count <= 4096 else {
            throw .evaluation("\(name) needs a number of at least 1")
        }
        let filler: JinjaValue? = if case .some(.none) = bound[1] { nil } else { bound[1] }
        var chunks: [JinjaValue] = []
        if name == "batch" {
            for start in stride(from: 0, to: elements.count, by: count) {
                var chunk = Array(elements[start..<min(start + count, elements.count)])
                if let filler, chunk.count < count {
                    let missing = count - chunk.count
                    guard missing <= 1 << 16 else { throw .limit("a list of too many elements") }
                    chunk += Array(repeating: filler, count: missing)
                }
                chunks.append(.list(chunk))
            }
        } else {
            let (size, extra) = elements.count.quotientAndRemainder(dividingBy: count)
            var start = 0
            for index in 0..<count {
                let end = start + size + (index < extra ? 1 : 0)
                var chunk = Array(elements[start..<end])
                if let filler, index >= extra { chunk.append(filler) }
                chunks.append(.list(chunk))
                start = end
            }
        }
        return .sequence(JinjaSequence(chunks, .iterator))
    }

    // MARK: Order

    private func ordered(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaValues
    ) throws(JinjaError) -> JinjaValue {
        let parameters: [String: [String]] = [
            "sort": ["reverse", "case_sensitive", "attribute"], "dictsort": ["case_sensitive", "by", "reverse"],
            "unique": ["case_sensitive", "attribute"], "min": ["case_sensitive", "attribute"],
            "max": ["case_sensitive", "attribute"], "groupby": ["attribute", "default", "case_sensitive"],
        ]
        let names = parameters[name] ?? []
        let bound = Dictionary(zip(names, try arguments.bind(name, names))) { first, _ in first }.compactMapValues {
            $0
        }
        let isSensitive = bound["case_sensitive"]?.isTrue ?? false
        func key(_ element: JinjaValue, _ path: JinjaValue?) throws(JinjaError) -> JinjaValue {
            var found = element
            if let path, !path.isUndefined, case .none = path {
            } else if let path {
                found = try member(path, of: element)
            }
            if found.isUndefined, let standard = bound["default"] { found = standard }
            guard !isSensitive, let text = found.textValue else { return found }
            return .string(text.mapStretches { $0.lowercased() })
        }
        var elements: [JinjaValue]
        if name == "dictsort" {
            guard case .dictionary(let dictionary) = value else { throw .evaluation("dictsort needs a dictionary") }
            elements = dictionary.items
        } else {
            elements = try self.elements(value)
        }
        var keys: [JinjaValue] = []
        for element in elements {
            if name == "dictsort" {
                let place = bound["by"]?.textValue?.string == "value" ? 1 : 0
                keys.append(try key(try item(.integer(place), of: element), nil))
            } else {
                keys.append(try key(element, bound["attribute"]))
            }
        }
        switch name {
        case "sort", "dictsort":
            let isReversed = bound["reverse"]?.isTrue ?? false
            return .list(try order(of: keys, isReversed: isReversed).map { elements[$0] })
        case "min", "max":
            guard var best = keys.indices.first else {
                return .undefined("No aggregated item, sequence was empty.")
            }
            for index in keys.indices.dropFirst() {
                let isBetter =
                    try name == "min" ? isLess(keys[index], keys[best]) : isLess(keys[best], keys[index])
                if isBetter { best = index }
            }
            return elements[best]
        case "unique":
            var seen: Set<JinjaDictionary.Key> = []
            elements = []
            for (index, element) in try self.elements(value).enumerated() {
                if seen.insert(try self.key(keys[index])).inserted { elements.append(element) }
            }
            return .sequence(JinjaSequence(elements, .iterator))
        default: return try groups(elements, keys, path: bound["attribute"])
        }
    }

    private func groups(
        _ elements: [JinjaValue], _ keys: [JinjaValue], path: JinjaValue?
    ) throws(JinjaError) -> JinjaValue {
        guard let path else { throw .evaluation("groupby needs an attribute") }
        var groups: [JinjaValue] = []
        var members: [JinjaValue] = []
        var current: JinjaValue?
        func close() throws(JinjaError) {
            guard let first = members.first else { return }
            // A group is named by its first element's own value.
            groups.append(.sequence(JinjaSequence([try member(path, of: first), .list(members)], .tuple)))
        }
        for index in try order(of: keys) {
            if let current, try areEqual(current, keys[index]) {
                members.append(elements[index])
            } else {
                try close()
                members = [elements[index]]
                current = keys[index]
            }
        }
        try close()
        return .list(groups)
    }

    /// The places of `keys` in ascending order, or descending; equal ones stay in theirs. Merge sort.
    func order(of keys: [JinjaValue], isReversed: Bool = false) throws(JinjaError) -> [Int] {
        var places = Array(keys.indices)
        var merged = places
        var width = 1
        while width < places.count {
            for start in stride(from: 0, to: places.count, by: 2 * width) {
                let middle = min(start + width, places.count)
                let end = min(start + 2 * width, places.count)
                var (left, right) = (start, middle)
                for target in start..<end {
                    var takesRight = right < end
                    if left < middle, right < end {
                        let (first, second) = (keys[places[left]], keys[places[right]])
                        takesRight = try isReversed ? isLess(first, second) : isLess(second, first)
                    }
                    merged[target] = takesRight ? places[right] : places[left]
                    if takesRight { right += 1 } else { left += 1 }
                }
            }
            swap(&places, &merged)
            width *= 2
        }
        return places
    }
}
