// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Engine
import Glibc
import Training

/// `temper train`.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Trains a model as a recipe says.",
        discussion: """
            The run's folder gets checkpoints, metrics.jsonl, loss.svg and at the end the model in Hugging Face layout and \
            as GGUF; docs/training.md has all fields of a recipe. SIGINT and SIGTERM save after the step that is running \
            and end with exit code 130, a second one ends at once; --resume goes on.
            """)

    @Argument(help: "The recipe: a JSON file.")
    var recipe: String

    @Option(help: "The run's folder. [default: the recipe's path without .json]")
    var out: String?

    @Flag(help: "Goes on with the run in the folder.")
    var resume = false

    @Option(help: "Threads that compute; the result does not depend on it. [TEMPER_THREADS; default: one per core]")
    var threads: Int?

    /// The exit code of a run that was asked to stop and has saved its state.
    private static let stopped: Int32 = 130

    func run() throws {
        let threadCount = try Environment.value(threads, "THREADS") ?? EngineFlags.coreCount
        guard (1...256).contains(threadCount) else { throw ValidationError("--threads must be from 1 to 256") }
        let folder = try out ?? defaultFolder()
        // A write past a limit of the file size is to fail, as one on a full disk does.
        signal(SIGXFSZ, SIG_IGN)
        let signals = SignalWatch(earlyExitCode: Self.stopped)
        let progress = ProgressLine()
        let outcome: RunOutcome
        do throws(RunError) {
            let memory = AvailableMemory.now()
            let session = try TrainingSession(
                recipe: recipe, folder: folder, resumes: resume, threadCount: threadCount,
                availableBytes: [memory.memoryBytes, memory.addressSpaceBytes].compactMap { $0 }.min(),
                report: { progress.show($0) })
            progress.note(
                "\(session.parameterCount) parameters; memory: \(session.memory.words); \(threadCount) threads")
            signals.beginServing()
            outcome = try session.run(isStopped: { signals.hasCome })
        } catch {
            progress.end()
            throw Failure("\(error)")
        }
        switch outcome {
        case .finished: progress.note("done: \(folder)")
        case .stopped(let step):
            progress.note("stopped after step \(step); go on by --resume")
            throw ExitCode(Self.stopped)
        }
    }

    private func defaultFolder() throws -> String {
        guard recipe.hasSuffix(".json"), recipe.count > ".json".count else {
            throw ValidationError("name the run's folder by --out: the recipe's name does not end in .json")
        }
        return String(recipe.dropLast(".json".count))
    }
}

/// The live line of a run on standard error: redrawn in place on a terminal, else a line now and then.
final class ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var isOpen = false
    private var validation: Double?
    private var lastShown: ContinuousClock.Instant?

    /// Between two lines where they are not redrawn.
    private static let pause = Duration.seconds(10)
    private static let terminalPause = Duration.milliseconds(100)

    /// Shows what happened.
    func show(_ event: RunEvent) {
        switch event {
        case .note(let text): note(text)
        case .step(let step, let count, let tokensPerSecond, let secondsLeft):
            let now = ContinuousClock.now
            let pause = isTerminal ? Self.terminalPause : Self.pause
            if let lastShown, now - lastShown < pause, step.step != count { return }
            lastShown = now
            var text = "step \(step.step)/\(count)  loss \(Self.fixed(step.loss))"
            if let validation { text += "  validation \(Self.fixed(validation))" }
            text += "  \(Int(tokensPerSecond.rounded())) tokens/s  \(Self.clock(secondsLeft)) left"
            draw(text)
        case .validation(let metrics):
            validation = metrics.loss
            if !isTerminal { draw("step \(metrics.step)  validation \(Self.fixed(metrics.loss))") }
        case .checkpoint: break
        }
    }

    /// A line that stays.
    func note(_ text: String) {
        end()
        Terminal.note(text)
    }

    /// Leaves the live line as it is.
    func end() {
        if isOpen { Terminal.note("") }
        isOpen = false
    }

    private func draw(_ text: String) {
        guard isTerminal else { return Terminal.note(text) }
        // To the line's start, and clear it.
        Terminal.noteOpen("\r\u{1B}[K" + text)
        isOpen = true
    }

    private static func fixed(_ value: Double) -> String {
        let thousandths = Int((value * 1000).rounded())
        let rest = String(abs(thousandths) % 1000)
        return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }

    private static func clock(_ seconds: Double) -> String {
        let total = seconds.isFinite ? Int(min(seconds, 1e9)) : 0
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(total / 3600):\(two(total / 60 % 60)):\(two(total % 60))"
    }
}
