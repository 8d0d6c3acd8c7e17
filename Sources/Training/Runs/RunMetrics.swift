// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Glibc
import StrictJSON

/// What a step did.
public struct StepMetrics: Sendable, Equatable {
    /// The step, from 1.
    public var step: Int
    /// The mean loss of its labelled tokens, in nats.
    public var loss: Double
    /// The learning rate.
    public var learningRate: Double
    /// The norm of all gradients before clipping.
    public var gradientNorm: Double
    /// Tokens that were predicted.
    public var labelCount: Int
    /// Seconds it took.
    public var seconds: Double
}

/// A measure of the validation loss.
public struct ValidationMetrics: Sendable, Equatable {
    /// The step after which it was taken.
    public var step: Int
    /// The mean over sources by their weights, in nats.
    public var loss: Double
    /// The mean loss of each source's labelled tokens, by its path.
    public var bySource: [Source]

    /// One source's loss.
    public struct Source: Sendable, Equatable {
        /// The source's file.
        public var path: String
        /// The mean loss of its labelled tokens.
        public var loss: Double
    }
}

/// The file metrics.jsonl: one line per step and per validation, appended as they come.
final class RunMetrics {
    private let path: String
    private let descriptor: Int32
    /// Losses of the run so far, for the curve.
    private(set) var training: [LossCurve.Point] = []
    private(set) var validation: [LossCurve.Point] = []

    /// Opens the file; lines of steps after `step`, which will be done again, are cut off, as is half a line.
    init(path: String, keepingUpTo step: Int) throws(RunError) {
        self.path = path
        do throws(CheckpointError) {
            var kept: [UInt8] = []
            if FilePath.isFile(path) {
                let bytes = try FileStorage.loadSmall(path, limit: 4 << 30)
                for line in bytes.split(separator: UInt8(ascii: "\n")) {
                    guard let json = try? JSONParser.parse(line), let number = json["step"]?.integerValue,
                        number <= Int64(step)
                    else { continue }
                    kept += line
                    kept.append(UInt8(ascii: "\n"))
                    if let loss = json["loss"]?.doubleValue { training.append(.init(step: Int(number), loss: loss)) }
                    if let loss = json["validation_loss"]?.doubleValue {
                        validation.append(.init(step: Int(number), loss: loss))
                    }
                }
            }
            try AtomicFile.write(path, kept)
        } catch {
            throw .file(error)
        }
        descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(FilePath.systemError(path, "open")) }
    }

    deinit { close(descriptor) }

    func append(_ metrics: StepMetrics, tokensPerSecond: Double) throws(RunError) {
        training.append(.init(step: metrics.step, loss: metrics.loss))
        try append { object in
            object.member("step", metrics.step)
            object.member("loss", metrics.loss)
            object.member("learning_rate", metrics.learningRate)
            object.member("gradient_norm", metrics.gradientNorm)
            object.member("labels", metrics.labelCount)
            object.member("seconds", metrics.seconds)
            object.member("tokens_per_second", tokensPerSecond)
        }
    }

    func append(_ metrics: ValidationMetrics) throws(RunError) {
        validation.append(.init(step: metrics.step, loss: metrics.loss))
        try append { object in
            object.member("step", metrics.step)
            object.member("validation_loss", metrics.loss)
            object.member(
                "sources",
                object: { sources in for source in metrics.bySource { sources.member(source.path, source.loss) } })
        }
    }

    /// Brings all lines to the disk.
    func flush() throws(RunError) {
        guard fsync(descriptor) == 0 else { throw .file(FilePath.systemError(path, "flush")) }
    }

    private func append(_ members: (inout JSONWriter) -> Void) throws(RunError) {
        var writer = JSONWriter()
        writer.object(members)
        let line = writer.bytes + [UInt8(ascii: "\n")]
        // One write a line; an interrupted run leaves whole lines but for the last.
        guard line.withUnsafeBytes({ Glibc.write(descriptor, $0.baseAddress, $0.count) }) == line.count else {
            throw .file(FilePath.systemError(path, "write"))
        }
    }
}
