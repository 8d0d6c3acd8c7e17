// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Checkpoints
import Compute
import StrictJSON

/// `temper inspect`.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints what a checkpoint is and what it takes to serve it.")

    @Argument(help: "A checkpoint: a file or a folder.")
    var file: String

    @Option(help: "The vocabulary's file where it is not beside the checkpoint. [TEMPER_TOKENIZER]")
    var tokenizer: String?

    @Flag(help: "Prints JSON.")
    var json = false

    func run() throws {
        let summary: CheckpointSummary
        do throws(CheckpointError) {
            let checkpoint = try Checkpoint.open(
                path: file, tokenizer: tokenizer ?? Environment.text("TOKENIZER"))
            summary = CheckpointSummary(checkpoint)
        } catch {
            throw Failure("\(file): \(error)")
        }
        if json {
            Terminal.write(String(decoding: SummaryText.json(summary), as: UTF8.self) + "\n")
        } else {
            Terminal.write(SummaryText.table(summary))
        }
    }
}

/// Summaries as text.
enum SummaryText {
    private static func name(_ format: CheckpointFormat) -> String {
        switch format {
        case .gguf(let version): "GGUF version \(version)"
        case .safetensors(let count): "safetensors, \(count) file\(count == 1 ? "" : "s")"
        case .llama2c: "llama2.c version 0"
        }
    }

    /// Lines of name and value.
    static func table(_ summary: CheckpointSummary) -> String {
        var lines: [(String, String)] = [
            ("format", name(summary.format)), ("file size", ByteCount.words(summary.fileBytes)),
        ]
        if let config = summary.config {
            lines += [
                ("family", config.family.rawValue), ("name", config.name ?? "not stated"),
                ("parameters", "\(summary.parameterCount)"), ("context", "\(config.contextLength) tokens"),
                ("vocabulary", "\(config.vocabularySize) ids"), ("width", "\(config.width)"),
                ("layers", "\(config.layerCount)"),
                ("heads", "\(config.headCount) query, \(config.kvHeadCount) key-value, of \(config.headSize)"),
                ("feed-forward", "\(config.feedForwardWidth)"), ("tied head", config.tiesHead ? "yes" : "no"),
            ]
            if let window = config.slidingWindow { lines.append(("sliding window", "\(window) tokens")) }
        }
        for share in summary.types {
            lines.append(
                (
                    "type \(share.type.name)",
                    "\(share.tensorCount) tensors, \(share.elementCount) elements, \(ByteCount.words(share.bytes))"
                ))
        }
        if let vocabulary = summary.vocabulary {
            lines.append(
                (
                    "tokenizer",
                    "\(vocabulary.kind), \(vocabulary.pieceCount) pieces, "
                        + (vocabulary.hasChatTemplate ? "with a chat template" : "no chat template")
                ))
        } else {
            lines.append(("tokenizer", "none"))
        }
        if let config = summary.config, let memory = summary.memory {
            lines += [
                ("weights", ByteCount.words(memory.weights)),
                ("KV per token", "\(ByteCount.words(config.kvBytesPerToken(elementBytes: 4))) in F32"),
                ("KV of a context", "\(ByteCount.words(memory.kvCache)) in F16"),
                ("activations", ByteCount.words(memory.activations)), ("memory", ByteCount.words(memory.total)),
            ]
        }
        for (key, value) in summary.metadata { lines.append((key, value)) }
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { name, value in
            let plain = value.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : String($0) }.joined()
            return "\(name)\(String(repeating: " ", count: width - name.count))  \(plain)\n"
        }.joined()
    }

    /// The same as one JSON object.
    static func json(_ summary: CheckpointSummary) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            object.member("format", name(summary.format))
            object.member("file_bytes", summary.fileBytes)
            object.member("parameters", summary.parameterCount)
            if let config = summary.config { object.member("config", object: { write(config, to: &$0) }) }
            object.member(
                "types",
                array: { array in
                    for share in summary.types {
                        array.object { entry in
                            entry.member("type", share.type.name)
                            entry.member("tensors", share.tensorCount)
                            entry.member("elements", share.elementCount)
                            entry.member("bytes", share.bytes)
                        }
                    }
                })
            if let vocabulary = summary.vocabulary {
                object.member(
                    "tokenizer",
                    object: { entry in
                        entry.member("kind", vocabulary.kind)
                        entry.member("pieces", vocabulary.pieceCount)
                        entry.member("chat_template", vocabulary.hasChatTemplate)
                    })
            }
            if let config = summary.config, let memory = summary.memory {
                object.member(
                    "memory",
                    object: { entry in
                        entry.member("weight_bytes", memory.weights)
                        entry.member("kv_bytes_per_token_f16", config.kvBytesPerToken(elementBytes: 2))
                        entry.member("kv_bytes_per_token_f32", config.kvBytesPerToken(elementBytes: 4))
                        entry.member("kv_cache_bytes_f16", memory.kvCache)
                        entry.member("activation_bytes", memory.activations)
                        entry.member("total_bytes", memory.total)
                    })
            }
            object.member(
                "metadata", object: { entry in for (key, value) in summary.metadata { entry.member(key, value) } })
        }
        return writer.bytes
    }

    private static func write(_ config: ModelConfig, to writer: inout JSONWriter) {
        writer.member("family", config.family.rawValue)
        writer.member("name", config.name)
        writer.member("context_length", config.contextLength)
        writer.member("vocabulary_size", config.vocabularySize)
        writer.member("width", config.width)
        writer.member("layers", config.layerCount)
        writer.member("heads", config.headCount)
        writer.member("kv_heads", config.kvHeadCount)
        writer.member("head_size", config.headSize)
        writer.member("feed_forward_width", config.feedForwardWidth)
        writer.member("sliding_window", config.slidingWindow)
        writer.member("tied_head", config.tiesHead)
    }
}
