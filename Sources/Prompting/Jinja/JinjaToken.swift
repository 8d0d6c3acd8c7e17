// SPDX-License-Identifier: Apache-2.0

/// A word of a template.
struct JinjaToken: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        /// Text between tags, as it is written out.
        case data(String)
        /// `{{`, `}}`, `{%`, `%}`.
        case variableBegin, variableEnd, blockBegin, blockEnd
        /// An identifier or keyword.
        case name(String)
        case string(String)
        case integer(Int)
        case float(Double)
        /// A sign such as `+` or `==`.
        case sign(String)
        case end
    }

    var kind: Kind
    /// From 1.
    var line: Int

    /// The word in words.
    var description: String {
        switch kind {
        case .data: "text"
        case .variableBegin: "'{{'"
        case .variableEnd: "'}}'"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .name(let name): "'\(name.prefix(40))'"
        case .string: "a string"
        case .integer, .float: "a number"
        case .sign(let sign): "'\(sign)'"
        case .end: "the end"
        }
    }
}
