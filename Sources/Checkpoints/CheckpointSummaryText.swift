// SPDX-License-Identifier: Apache-2.0

import Compute
public import StrictJSON

extension CheckpointFormat: CustomStringConvertible {
    /// The format in words.
    public var description: String {
        switch self {
        case .gguf(let version): "GGUF version \(version)"
        case .safetensors(let count): count == 1 ? "safetensors" : "safetensors in \(count) files"
        case .llama2c: "llama2.c (legacy layout)"
        }
    }
}

extension RopeConfig.Scaling: CustomStringConvertible {
    /// The scaling in words.
    public var description: String {
        switch self {
        case .none: "none"
        case .linear(let factor): "linear, factor \(factor)"
        case .llama3(let factor, let low, let high, let original):
            "llama3, factor \(factor), low \(low), high \(high), original context \(original)"
        case .yarn(let factor, let original, let fast, let slow, let attention):
            "yarn, factor \(factor), original context \(original), beta \(fast) to \(slow)"
                + (attention.map { ", attention factor \($0)" } ?? "")
        case .factors(let factors): "\(factors.count) stored factors"
        }
    }
}

extension CheckpointSummary: CustomStringConvertible {
    /// The summary as plain text: one `name  value` per line, then the tensor types in a table.
    public var description: String {
        rows.map { "\(Self.padded($0.name, 22))\($0.value)\n" }.joined() + typeTable
    }

    private var rows: [(name: String, value: String)] {
        var rows: [(name: String, value: String)] = [
            ("format", format.description), ("size on disk", Self.bytes(fileBytes)),
        ]
        if let config {
            if let name = config.name { rows.append(("name", Self.printable(name))) }
            rows += [
                ("family", config.family.rawValue), ("parameters", Self.grouped(parameterCount)),
                ("context", "\(config.contextLength) tokens"), ("layers", "\(config.layerCount)"),
                ("width", "\(config.width)"), ("feed-forward width", "\(config.feedForwardWidth)"),
                (
                    "heads",
                    "\(config.headCount) query, \(config.kvHeadCount) key and value, of size \(config.headSize)"
                ),
            ]
            if let rope = config.rope {
                let pairs = rope.pairing == .interleaved ? "interleaved pairs" : "paired halves"
                rows.append(("rotary embedding", "base \(rope.base), \(rope.dimensions) elements, \(pairs)"))
                rows.append(("rotary scaling", rope.scaling.description))
            } else {
                rows.append(("positions", "learned"))
            }
            rows.append(("sliding window", config.slidingWindow.map { "\($0) tokens" } ?? "none"))
            rows.append(("embedding rows", "\(config.vocabularySize)"))
            rows.append(("output head", config.tiesHead ? "the embedding (tied)" : "its own"))
        }
        if let vocabulary {
            rows.append(("tokenizer", "\(vocabulary.kind), \(vocabulary.pieceCount) pieces"))
            rows.append(("chat template", vocabulary.hasChatTemplate ? "yes" : "no"))
        } else {
            rows.append(("tokenizer", "none"))
        }
        if let config, let memory {
            let wide = Self.bytes(config.kvBytesPerToken(elementBytes: 4))
            let narrow = Self.bytes(config.kvBytesPerToken(elementBytes: 2))
            rows += [
                ("weights", Self.bytes(memory.weights)), ("KV per token", "\(wide) in F32, \(narrow) in F16"),
                ("KV at full context", "\(Self.bytes(memory.kvCache)) in F16"),
                ("activations", "\(Self.bytes(memory.activations)) for \(Memory.chunkTokens) tokens at once"),
                ("memory to serve", "\(Self.bytes(memory.total)) for one sequence of full length"),
            ]
        }
        return rows
    }

    private var typeTable: String {
        types.map { share in
            "tensors \(Self.padded(share.type.name, 14))\(share.tensorCount) tensors, "
                + "\(Self.grouped(share.elementCount)) elements, \(Self.bytes(share.bytes))\n"
        }.joined()
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    /// The text without control characters, which could steer a terminal.
    private static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(200)))
    }

    /// The number with a comma between thousands.
    static func grouped(_ number: Int) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// Bytes in the largest binary unit that leaves at least one, with one decimal.
    static func bytes(_ count: Int) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB"]
        guard count >= 1024 else { return "\(count) B" }
        var value = Double(count) / 1024
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\((value * 10).rounded() / 10) \(units[unit])"
    }

    /// The summary as a JSON object with sizes in bytes.
    public func write(to writer: inout JSONWriter) {
        writer.object { object in
            object.member("format", format.description)
            object.member("file_bytes", fileBytes)
            if let config {
                object.member("config", object: { Self.write(config, to: &$0) })
            } else {
                object.key("config")
                object.null()
            }
            object.member("parameters", parameterCount)
            object.member(
                "tensor_types",
                array: { list in
                    for share in types {
                        list.object {
                            $0.member("type", share.type.name)
                            $0.member("tensors", share.tensorCount)
                            $0.member("elements", share.elementCount)
                            $0.member("bytes", share.bytes)
                        }
                    }
                })
            object.key("tokenizer")
            if let vocabulary {
                object.object {
                    $0.member("kind", vocabulary.kind)
                    $0.member("pieces", vocabulary.pieceCount)
                    $0.member("chat_template", vocabulary.hasChatTemplate)
                }
            } else {
                object.null()
            }
            object.key("memory")
            if let memory, let config {
                object.object {
                    $0.member("weights", memory.weights)
                    $0.member("kv_per_token_f32", config.kvBytesPerToken(elementBytes: 4))
                    $0.member("kv_per_token_f16", config.kvBytesPerToken(elementBytes: 2))
                    $0.member("kv_full_context_f16", memory.kvCache)
                    $0.member("activations", memory.activations)
                    $0.member("total", memory.total)
                }
            } else {
                object.null()
            }
            object.member(
                "metadata",
                array: { list in
                    for (key, value) in metadata { list.array { $0.value(key); $0.value(value) } }
                })
        }
    }

    /// The summary as JSON text.
    public var json: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }

    private static func write(_ config: ModelConfig, to object: inout JSONWriter) {
        object.member("family", config.family.rawValue)
        object.member("name", config.name)
        object.member("context_length", config.contextLength)
        object.member("layers", config.layerCount)
        object.member("width", config.width)
        object.member("feed_forward_width", config.feedForwardWidth)
        object.member("heads", config.headCount)
        object.member("kv_heads", config.kvHeadCount)
        object.member("head_size", config.headSize)
        object.member("norm_epsilon", config.normEpsilon)
        object.member("embedding_rows", config.vocabularySize)
        object.member("tied_head", config.tiesHead)
        object.member("sliding_window", config.slidingWindow)
        object.key("rope")
        if let rope = config.rope {
            object.object {
                $0.member("base", rope.base)
                $0.member("dimensions", rope.dimensions)
                $0.member("pairing", rope.pairing == .interleaved ? "interleaved" : "halves")
                $0.member("scaling", rope.scaling.description)
            }
        } else {
            object.null()
        }
    }
}
