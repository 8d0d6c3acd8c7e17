// SPDX-License-Identifier: Apache-2.0

import Prompting
import StrictJSON

/// Reads `messages`.
enum MessageInput {
    /// The most messages of one request.
    static let countRange = Allowed(min: 1, max: 4096, counting: "messages")
    private static let roles = Allowed(values: ["system", "developer", "user", "assistant"].map { .string($0) })
    private static let unsupportedMembers: Set<String> = [
        "tool_calls", "tool_call_id", "function_call", "audio", "refusal", "reasoning_content", "reasoning", "images",
    ]

    /// The declared members of a message, for display.
    static let members = [
        FieldDeclaration(
            name: "role", aliases: [], type: "string", allowed: roles, defaultText: nil, unit: nil,
            meaning: "Who speaks; developer is another name of system.", endpoints: [.chat], members: []),
        FieldDeclaration(
            name: "content", aliases: [], type: "string or array of {\"type\":\"text\",\"text\":…}", allowed: nil,
            defaultText: nil, unit: nil, meaning: "What is said. The texts of several parts are joined as they are.",
            endpoints: [.chat], members: []),
        FieldDeclaration(
            name: "name", aliases: [], type: "string", allowed: nil, defaultText: nil, unit: nil,
            meaning: "Accepted without effect, with a warning.", endpoints: [.chat], members: []),
    ]

    /// Reads a list of messages.
    static func readAll(
        _ json: JSON, _ path: String, _ reading: inout FieldReading
    ) throws(APIError) -> [ChatMessage] {
        var messages: [ChatMessage] = []
        for (index, element) in try Read.array(json, path, countRange, of: "messages").enumerated() {
            messages.append(try read(element, JSONPath.element(path, index), &reading))
        }
        return messages
    }

    private static func read(
        _ json: JSON, _ path: String, _ reading: inout FieldReading
    ) throws(APIError) -> ChatMessage {
        let object = try Read.object(json, path)
        for (key, value) in object.members where key != "role" && key != "content" && !value.isNull {
            let memberPath = JSONPath.member(path, key)
            if unsupportedMembers.contains(key) {
                if value.arrayValue?.isEmpty == true || value.stringValue?.isEmpty == true { continue }
                throw .unsupported(param: memberPath, reason: "not supported", allowed: nil)
            }
            if key == "name" {
                reading.warn(
                    RequestWarning(code: "no_effect", param: memberPath, message: "accepted without effect"))
            } else {
                try reading.unknownField(memberPath)
            }
        }
        let rolePath = JSONPath.member(path, "role")
        guard let roleValue = object["role"], !roleValue.isNull else { throw .missing(param: rolePath) }
        let role = try Self.role(try Read.string(roleValue, rolePath), rolePath)
        let contentPath = JSONPath.member(path, "content")
        guard let contentValue = object["content"], !contentValue.isNull else { throw .missing(param: contentPath) }
        return ChatMessage(role: role, content: try content(contentValue, contentPath, &reading))
    }

    private static func role(_ text: String, _ path: String) throws(APIError) -> ChatMessage.Role {
        switch text {
        case "system", "developer": return .system
        case "user": return .user
        case "assistant": return .assistant
        case "tool", "function":
            throw .unsupported(param: path, reason: "the role \"\(text)\" is not supported", allowed: roles)
        default: throw .notAllowed(param: path, found: JSONText.of(.string(text)), allowed: roles)
        }
    }

    private static func content(
        _ json: JSON, _ path: String, _ reading: inout FieldReading
    ) throws(APIError) -> String {
        if let text = json.stringValue { return text }
        guard let parts = json.arrayValue else {
            throw .wrongType(param: path, expected: "string or array of text parts", found: json.typeName)
        }
        var text = ""
        for (index, part) in parts.enumerated() {
            let partPath = JSONPath.element(path, index)
            let object = try Read.object(part, partPath)
            let typePath = JSONPath.member(partPath, "type")
            guard let type = object["type"], !type.isNull else { throw .missing(param: typePath) }
            guard try Read.string(type, typePath) == "text" else {
                throw .unsupported(
                    param: typePath, reason: "content parts other than text are not supported",
                    allowed: Allowed(values: [.string("text")]))
            }
            let textPath = JSONPath.member(partPath, "text")
            guard let value = object["text"], !value.isNull else { throw .missing(param: textPath) }
            text += try Read.string(value, textPath)
            for key in object.keys where key != "type" && key != "text" {
                try reading.unknownField(JSONPath.member(partPath, key))
            }
        }
        return text
    }
}
