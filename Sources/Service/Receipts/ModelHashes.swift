// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Engine
import HTTPServing
import Synchronization
import Tokenizers

/// What identifies a model by its content, computed when it is first asked for and kept.
///
/// Concurrency: any thread; who asks first computes, which reads all weights once, and others wait for it.
final class ModelHashes: Sendable {
    /// SHA-256 digests in hexadecimal.
    struct Value: Sendable, Equatable {
        /// Of the configuration and all weights.
        var checkpoint: String
        /// Of the vocabulary: which id stands for which bytes, and which ends or controls.
        var tokenizer: String
    }

    private let known = Mutex<[String: Value]>([:])

    /// The hashes of a loaded model.
    func hashes(of model: ModelInfo) -> Value {
        known.withLock { known in
            if let value = known[model.id] { return value }
            let value = Value(
                checkpoint: Self.digest(of: model.checkpoint, config: model.config),
                tokenizer: Self.digest(of: model.tokenizer))
            known[model.id] = value
            return value
        }
    }

    /// Of one line for the configuration and one per tensor, by name: name, type, shape, and the digest of its bytes.
    static func digest(of checkpoint: Checkpoint, config: ModelConfig) -> String {
        var text =
            "\(config.family.rawValue) \(config.vocabularySize) \(config.width) \(config.layerCount) "
            + "\(config.headCount) \(config.kvHeadCount) \(config.headSize) \(config.feedForwardWidth) "
            + "\(config.normEpsilon) \(config.slidingWindow ?? 0) \(config.activation) \(config.tiesHead) "
        if let rope = config.rope {
            text += "\(rope.dimensions) \(rope.base) \(rope.pairing) \(rope.scaling)"
        }
        text += "\n"
        for (name, tensor) in checkpoint.tensors.sorted(by: { $0.key < $1.key }) {
            let bytes = UnsafeRawBufferPointer(start: tensor.address, count: tensor.byteCount)
            text += "\(name) \(tensor.type.name) \(tensor.shape) \(SHA256.hexDigest(of: bytes))\n"
        }
        return SHA256.hexDigest(of: Array(text.utf8))
    }

    /// Of each id's flags, the number of its bytes, and the bytes.
    static func digest(of tokenizer: any Tokenizer) -> String {
        var content: [UInt8] = [tokenizer.stripsLeadingSpace ? 1 : 0]
        for id in 0..<Int32(clamping: tokenizer.vocabularySize) {
            let bytes = tokenizer.bytes(of: id)
            content.append((tokenizer.isControl(id) ? 1 : 0) | (tokenizer.endIDs.contains(id) ? 2 : 0))
            withUnsafeBytes(of: UInt32(clamping: bytes.count).littleEndian) { content.append(contentsOf: $0) }
            content.append(contentsOf: bytes)
        }
        return SHA256.hexDigest(of: content)
    }
}
