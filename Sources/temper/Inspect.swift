// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Checkpoints
import Compute
import Engine
import StrictJSON

/// `temper inspect`.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints what a checkpoint is and what it takes to serve it.")

    @Argument(help: "A checkpoint: a file, a folder, or a name in the models folder.")
    var file: String

    @Flag(help: "Prints JSON.")
    var json = false

    @OptionGroup var engineFlags: EngineFlags

    func run() throws {
        let options = try engineFlags.options()
        let path = try engineFlags.files().path(of: file)
        let tokenizer = try Environment.value(engineFlags.tokenizer, "TOKENIZER")
        let checkpoint: Checkpoint
        do throws(CheckpointError) {
            checkpoint = try Checkpoint.open(path: path, tokenizer: tokenizer)
        } catch {
            throw Failure(error, at: path)
        }
        var plan: ServingPlan?
        if checkpoint.config != nil {
            do throws(ModelLoadError) {
                plan = try ServingPlan(checkpoint, options: options, available: .now())
            } catch {
                throw Failure(error, at: path)
            }
        }
        let summary = CheckpointSummary(checkpoint)
        if json {
            Terminal.write(String(decoding: SummaryText.json(summary, plan), as: UTF8.self) + "\n")
        } else {
            Terminal.write(SummaryText.table(summary, plan))
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
    static func table(_ summary: CheckpointSummary, _ plan: ServingPlan?) -> String {
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
        if let plan {
            let type = plan.layout.type.name
            lines += [
                ("KV per token", "\(ByteCount.words(plan.layout.bytesPerToken)) in \(type)"),
                ("served with", "a context of \(plan.contextLength) tokens, a cache of \(plan.cacheTokens) in \(type)"),
                ("memory", "\(plan.memory)"),
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
    static func json(_ summary: CheckpointSummary, _ plan: ServingPlan?) -> [UInt8] {
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
            if let plan {
                object.member(
                    "memory",
                    object: { entry in
                        entry.member("context_length", plan.contextLength)
                        entry.member("kv_type", plan.layout.type.name)
                        entry.member("kv_bytes_per_token", plan.layout.bytesPerToken)
                        entry.member("kv_cache_tokens", plan.cacheTokens)
                        entry.member("weight_bytes", plan.memory.weightBytes)
                        entry.member("kv_cache_bytes", plan.memory.cacheBytes)
                        entry.member("activation_bytes", plan.memory.activationBytes)
                        entry.member("total_bytes", plan.memory.totalBytes)
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
