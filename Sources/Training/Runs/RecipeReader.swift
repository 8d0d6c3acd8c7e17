// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// Reads a recipe's JSON against ``RecipeSchema``: every value is checked, and all faults are told at once.
struct RecipeReader {
    /// The most sources of a recipe.
    static let sourceLimit = 1024

    /// Values by path, those of sources with their number: `data.sources[0].path`. Defaults are filled in where they are
    /// plain values.
    private(set) var values: [(path: String, value: JSON)] = []
    private(set) var sourceCount = 0
    private(set) var faults: [RecipeError.Fault] = []
    /// The paths that the text itself has.
    private(set) var given: Set<String> = []

    private static let byPath = Dictionary(uniqueKeysWithValues: RecipeSchema.fields.map { ($0.path, $0) })
    private static let sections = Set(
        RecipeSchema.fields.compactMap { field in
            field.path.contains("[]") ? nil : field.path.split(separator: ".").dropLast().first.map(String.init)
        })

    init(_ json: JSON) {
        var found: [String: JSON] = [:]
        guard let root = json.objectValue else {
            faults = [.init(path: "recipe", problem: "expected an object, found \(json.typeName)")]
            return
        }
        for (key, value) in root.members {
            if Self.sections.contains(key) {
                readSection(key, value, into: &found)
            } else {
                read(key, pattern: key, value, known: Self.members(of: ""), into: &found)
            }
        }
        collect(found, hasModel: root["model"] != nil, hasStart: root["init_from"] != nil)
    }

    private mutating func readSection(_ name: String, _ value: JSON, into found: inout [String: JSON]) {
        guard let object = value.objectValue else {
            fault(name, "expected an object, found \(value.typeName)")
            return
        }
        for (key, value) in object.members {
            if name == "data", key == "sources" {
                readSources(value, into: &found)
            } else {
                let path = "\(name).\(key)"
                read(path, pattern: path, value, known: Self.members(of: name), into: &found)
            }
        }
    }

    private mutating func readSources(_ value: JSON, into found: inout [String: JSON]) {
        guard let elements = value.arrayValue, (1...Self.sourceLimit).contains(elements.count) else {
            fault("data.sources", "expected an array of 1 to \(Self.sourceLimit) objects, found \(Self.words(value))")
            return
        }
        sourceCount = elements.count
        for (index, element) in elements.enumerated() {
            let prefix = "data.sources[\(index)]"
            guard let object = element.objectValue else {
                fault(prefix, "expected an object, found \(element.typeName)")
                continue
            }
            for (key, value) in object.members {
                read(
                    "\(prefix).\(key)", pattern: "data.sources[].\(key)", value,
                    known: Self.members(of: "data.sources[]"), into: &found)
            }
        }
    }

    private mutating func read(
        _ path: String, pattern: String, _ value: JSON, known: [String], into found: inout [String: JSON]
    ) {
        guard let field = Self.byPath[pattern] else {
            fault(path, "unknown field; known here: \(known.joined(separator: ", "))")
            return
        }
        given.insert(path)
        guard field.accepts(value) else {
            fault(path, "expected \(field.allowed), found \(Self.words(value))")
            return
        }
        found[path] = field.canonical(value)
    }

    /// Puts the values in the order of the schema, with defaults, and finds what is missing.
    private mutating func collect(_ found: [String: JSON], hasModel: Bool, hasStart: Bool) {
        switch (hasModel, hasStart) {
        case (true, true): fault("init_from", "cannot stand beside model: the checkpoint says what the model is")
        case (false, false): fault("model", "missing; a recipe has either model or init_from")
        default: break
        }
        if sourceCount == 0, !faults.contains(where: { $0.path.hasPrefix("data.sources") }) {
            fault("data.sources", "missing: expected an array of 1 to \(Self.sourceLimit) objects")
        }
        for field in RecipeSchema.fields {
            if field.path.hasPrefix("model."), !hasModel { continue }
            let paths =
                field.path.contains("[]")
                ? (0..<sourceCount).map { Self.path(field.path, $0) } : [field.path]
            for path in paths {
                if let value = found[path] {
                    values.append((path, value))
                } else if !given.contains(path) {
                    switch field.fallback {
                    case .required: fault(path, "missing: expected \(field.allowed)")
                    case .value(let value): values.append((path, value))
                    case .derived: break
                    }
                }
            }
        }
    }

    mutating func fault(_ path: String, _ problem: String) {
        faults.append(RecipeError.Fault(path: path, problem: problem))
    }

    private static func path(_ pattern: String, _ index: Int) -> String {
        let parts = pattern.split(separator: "[]", maxSplits: 1)
        return parts.count == 2 ? "\(parts[0])[\(index)]\(parts[1])" : pattern
    }

    /// The names of the fields of a section.
    private static func members(of section: String) -> [String] {
        if section.isEmpty {
            return RecipeSchema.fields.map(\.path).filter { !$0.contains(".") } + sections.sorted()
        }
        let prefix = section + "."
        var names = RecipeSchema.fields.map(\.path).filter { $0.hasPrefix(prefix) }.map { $0.dropFirst(prefix.count) }
            .filter { !$0.contains(".") }.map(String.init)
        if section == "data" { names.append("sources") }
        return names
    }

    private static func words(_ value: JSON) -> String {
        switch value {
        case .string(let text): text.isEmpty ? "an empty text" : "\"\(text.prefix(64))\""
        case .array(let elements): "an array of \(elements.count)"
        case .object: "an object"
        default: RecipeSchema.spelling(value)
        }
    }
}
