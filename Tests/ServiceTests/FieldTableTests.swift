// SPDX-License-Identifier: Apache-2.0

import Foundation
import Service
import Testing

@Suite("The table of fields")
struct FieldTableTests {
    @Test("in docs/fields.md says what the server validates; TEMPER_WRITE_DOCS=1 writes it anew")
    func document() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/fields.md")
        if ProcessInfo.processInfo.environment["TEMPER_WRITE_DOCS"] != nil {
            try Data(FieldTable.markdown.utf8).write(to: file)
        }
        #expect(String(decoding: try Data(contentsOf: file), as: UTF8.self) == FieldTable.markdown)
    }
}
