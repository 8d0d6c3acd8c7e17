// SPDX-License-Identifier: Apache-2.0

import Foundation
import Prompting
import Testing

/// The goldens of `Tests/Fixtures/chat-templates`: what transformers renders.
struct ChatGoldens: Decodable {
    struct Message: Decodable {
        var role: String
        var content: String
    }

    struct Case: Decodable, CustomTestStringConvertible {
        var name: String
        var bos: String?
        var eos: String?
        var template: String
        /// Per conversation with and without generation prompt; nil where the template refuses.
        var rendered: [String?]

        var testDescription: String { name }
    }

    /// The moment that the templates' clock shows, in seconds after 1970.
    var now: Int
    var conversations: [[Message]]
    var cases: [Case]

    static func load() throws -> ChatGoldens {
        try JSONDecoder().decode(ChatGoldens.self, from: Data(contentsOf: file("chat-goldens.json")))
    }

    static func file(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/chat-templates").appendingPathComponent(name)
    }

    func messages(_ index: Int) throws -> [ChatMessage] {
        try conversations[index].map {
            ChatMessage(role: try #require(ChatMessage.Role(rawValue: $0.role)), content: $0.content)
        }
    }
}
