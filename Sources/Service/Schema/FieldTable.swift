// SPDX-License-Identifier: Apache-2.0

/// The field schema as a document: docs/fields.md is this text, and a test holds the two together.
package enum FieldTable {
    /// The document in Markdown, one table per route.
    package static var markdown: String {
        var text = """
            # Request fields

            What every route accepts, as the server validates it; `GET /v1/capabilities` returns the same as JSON. A \
            value outside its range is answered 400 with `param` and `allowed`, never changed to fit. `null` means the \
            default.

            """
        for endpoint in Endpoint.allCases {
            text += "\n## \(endpoint.method) \(endpoint.path)\n\n"
            text += "| field | type | allowed | default | meaning |\n|---|---|---|---|---|\n"
            for declaration in RequestSchema.declarations(of: endpoint) { append(declaration, prefix: "", to: &text) }
            let ofLanes = RequestSchema.laneDeclarations(of: endpoint)
            guard !ofLanes.isEmpty else { continue }
            text += "\nA lane may hold: " + ofLanes.map { "`\($0.name)`" }.joined(separator: ", ") + ".\n"
        }
        text += "\n## Accepted without effect\n\n"
        text += "Listed in `warnings` of the answer: "
        text += ForeignField.withoutEffect.sorted().map { "`\($0)`" }.joined(separator: ", ") + ".\n"
        text += "\n## Refused\n\n"
        text +=
            "Fields of other engines that this version cannot honour. Anything but the value that switches "
        text += "the field off is answered 400 and names it.\n\n| field | why |\n|---|---|\n"
        for field in ForeignField.all.sorted(by: { $0.name < $1.name }) {
            text += "| `\(field.name)` | \(cell(field.reason)) |\n"
        }
        return text
    }

    private static func append(_ declaration: FieldDeclaration, prefix: String, to text: inout String) {
        let name = prefix + declaration.name
        let aliases = declaration.aliases.map { ", `\(prefix)\($0)`" }.joined()
        let allowed = declaration.allowed.map { range in
            range.maxFromModel.map { "\(range.words), at most the model's \($0.rawValue)" } ?? range.words
        }
        text += "| `\(name)`\(aliases) | \(cell(declaration.type)) | \(cell(allowed ?? "")) | "
        text += "\(declaration.defaultText.map { "`\($0)`" } ?? "") | \(cell(declaration.meaning)) |\n"
        for member in declaration.members { append(member, prefix: name + ".", to: &text) }
    }

    private static func cell(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
