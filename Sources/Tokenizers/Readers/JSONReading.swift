// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// A value of a configuration file and the path to it, for errors.
struct JSONNode {
    let value: JSON
    let path: String

    /// The member named `key`; nil if it is absent or null, or if this is no object.
    subscript(key: String) -> JSONNode? {
        guard let member = value[key], !member.isNull else { return nil }
        return JSONNode(value: member, path: path.isEmpty ? key : "\(path).\(key)")
    }

    func required(_ key: String) throws(TokenizerError) -> JSONNode {
        guard let member = self[key] else {
            throw .malformed(path: path.isEmpty ? key : "\(path).\(key)", found: "nothing", expected: "a value")
        }
        return member
    }

    func malformed(_ expected: String) -> TokenizerError {
        .malformed(path: path, found: found, expected: expected)
    }

    func unsupported(_ expected: String) -> TokenizerError {
        .unsupported(path: path, found: found, expected: expected)
    }

    private var found: String {
        switch value {
        case .string(let text): "\"\(text)\""
        case .integer(let number): String(number)
        case .number(let number): String(number)
        case .bool(let flag): String(flag)
        case .null, .array, .object: value.typeName
        }
    }

    func string() throws(TokenizerError) -> String {
        guard let text = value.stringValue else { throw malformed("a string") }
        return text
    }

    func bool() throws(TokenizerError) -> Bool {
        guard let flag = value.boolValue else { throw malformed("true or false") }
        return flag
    }

    func array() throws(TokenizerError) -> [JSONNode] {
        guard let elements = value.arrayValue else { throw malformed("an array") }
        return elements.enumerated().map { JSONNode(value: $1, path: "\(path)[\($0)]") }
    }

    func object() throws(TokenizerError) -> JSONObject {
        guard let object = value.objectValue else { throw malformed("an object") }
        return object
    }

    /// The member named `key` as a truth value; `fallback` if it is absent or null.
    func bool(_ key: String, default fallback: Bool) throws(TokenizerError) -> Bool {
        try self[key]?.bool() ?? fallback
    }

    /// An id in `0..<limit`.
    func id(of piece: String, limit: Int) throws(TokenizerError) -> Int32 {
        guard let id = value.integerValue else { throw malformed("an integer") }
        guard id >= 0, id < limit, let narrow = Int32(exactly: id) else {
            throw .idOutOfRange(piece: piece, id: id, limit: limit)
        }
        return narrow
    }
}
