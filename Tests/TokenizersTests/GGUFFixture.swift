// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Testing

/// Reads the vocabulary of a trusted GGUF file (version 2 or 3).
struct GGUFFixture {
    private let bytes: [UInt8]
    private var offset = 0

    private enum Value {
        case integer(Int64)
        case float(Float)
        case string(String)
        case array([Value])
    }

    static func vocabulary(_ bytes: [UInt8]) throws -> GGUFVocabulary {
        var reader = GGUFFixture(bytes: bytes)
        return try reader.vocabulary()
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func read<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
        let size = MemoryLayout<T>.size
        try #require(offset + size <= bytes.count)
        defer { offset += size }
        return bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }

    private mutating func string() throws -> String {
        let count = Int(try read(UInt64.self))
        try #require(offset + count <= bytes.count)
        defer { offset += count }
        return String(decoding: bytes[offset..<offset + count], as: UTF8.self)
    }

    private mutating func value(_ type: UInt32) throws -> Value {
        switch type {
        case 0: return .integer(Int64(try read(UInt8.self)))
        case 1: return .integer(Int64(try read(Int8.self)))
        case 2: return .integer(Int64(try read(UInt16.self)))
        case 3: return .integer(Int64(try read(Int16.self)))
        case 4: return .integer(Int64(try read(UInt32.self)))
        case 5: return .integer(Int64(try read(Int32.self)))
        case 6: return .float(Float(bitPattern: try read(UInt32.self)))
        case 7: return .integer(Int64(try read(UInt8.self)))
        case 8: return .string(try string())
        case 9:
            let element = try read(UInt32.self)
            let count = try read(UInt64.self)
            var values: [Value] = []
            for _ in 0..<count { values.append(try value(element)) }
            return .array(values)
        case 10, 11: return .integer(Int64(truncatingIfNeeded: try read(UInt64.self)))
        default: return .float(Float(Double(bitPattern: try read(UInt64.self))))
        }
    }

    private mutating func vocabulary() throws -> GGUFVocabulary {
        _ = try read(UInt32.self)
        _ = try read(UInt32.self)
        _ = try read(UInt64.self)
        var vocabulary = GGUFVocabulary(model: "", pieces: [])
        for _ in 0..<(try read(UInt64.self)) {
            let key = try string()
            let value = try value(try read(UInt32.self))
            switch (key, value) {
            case ("tokenizer.ggml.model", .string(let text)): vocabulary.model = text
            case ("tokenizer.ggml.pre", .string(let text)): vocabulary.preTokenizer = text
            case ("tokenizer.ggml.tokens", .array(let values)):
                vocabulary.pieces = values.map { if case .string(let text) = $0 { text } else { "" } }
            case ("tokenizer.ggml.merges", .array(let values)):
                vocabulary.merges = values.map { if case .string(let text) = $0 { text } else { "" } }
            case ("tokenizer.ggml.scores", .array(let values)):
                vocabulary.scores = values.map { if case .float(let score) = $0 { score } else { .nan } }
            case ("tokenizer.ggml.token_type", .array(let values)):
                vocabulary.kinds = values.compactMap {
                    if case .integer(let kind) = $0 { TokenKind(rawValue: Int32(kind)) } else { nil }
                }
            case ("tokenizer.ggml.add_bos_token", .integer(let flag)): vocabulary.addsBOS = flag != 0
            case ("tokenizer.ggml.add_eos_token", .integer(let flag)): vocabulary.addsEOS = flag != 0
            case (_, .integer(let id)) where key.hasPrefix("tokenizer.ggml.") && key.hasSuffix("_token_id"):
                let role = String(key.dropFirst("tokenizer.ggml.".count).dropLast("_token_id".count))
                vocabulary.specialIDs[role] = Int32(id)
            default: break
            }
        }
        return vocabulary
    }
}
