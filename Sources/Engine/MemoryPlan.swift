// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Glibc

/// The memory that a model will take, known before any of it is taken.
public struct MemoryPlan: Sendable, Equatable, CustomStringConvertible {
    /// All weights, mapped or owned.
    public var weightBytes: Int
    /// The whole KV cache.
    public var cacheBytes: Int
    /// Activations and logits of the largest step.
    public var activationBytes: Int

    /// All of it.
    public var totalBytes: Int { weightBytes + cacheBytes + activationBytes }

    /// The parts in MiB.
    public var description: String {
        func mebibytes(_ bytes: Int) -> String { "\((bytes + 1_048_575) / 1_048_576) MiB" }
        return "\(mebibytes(weightBytes)) weights + \(mebibytes(cacheBytes)) KV cache + "
            + "\(mebibytes(activationBytes)) activations = \(mebibytes(totalBytes))"
    }

    /// Activations of the largest step: its rows times what a block keeps at once, and a slice of logits.
    static func activationBytes(_ config: ModelConfig, options: EngineOptions) -> Int {
        let rows = EngineStep.prefillLimit + options.choiceLimit
        let heads = (config.headCount + 2 * config.kvHeadCount) * config.headSize
        let perRow = 4 * config.width + 2 * heads + 2 * config.feedForwardWidth
        return 4 * (rows * perRow + EngineStep.logitRows * config.vocabularySize)
    }

    /// What the machine, or the cgroup that the process is in, can still give; nil if that cannot be told.
    public static func availableBytes() -> Int? {
        var available: Int?
        if let text = contents("/proc/meminfo"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        {
            available = kibibytes * 1024
        }
        if let limit = contents("/sys/fs/cgroup/memory.max").flatMap({ Int($0.filter(\.isNumber)) }),
            let used = contents("/sys/fs/cgroup/memory.current").flatMap({ Int($0.filter(\.isNumber)) })
        {
            available = min(available ?? .max, max(0, limit - used))
        }
        return available
    }

    private static func contents(_ path: String) -> String? {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 8192)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}
