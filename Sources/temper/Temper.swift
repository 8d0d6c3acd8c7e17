// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Compute

/// The command line.
@main
struct Temper: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "temper",
        abstract: "An inference server for small language models with every decoding lever.",
        discussion: """
            Exit codes: 0 done, 1 failed, 64 wrong use of the command line, 98 the address is taken, 130 training \
            was stopped and is saved.
            """,
        version: BuildInfo.version,
        subcommands: [
            Serve.self, Complete.self, Compare.self, Train.self, TokenizerCommand.self, Inspect.self, Tokenize.self,
            Quantize.self, Version.self, Bench.self, BenchTraining.self, Shots.self,
        ])

    /// A checkpoint that is cut short while it is in use must not end the program.
    static func main() {
        MappedFiles.surviveTruncation()
        main(nil)
    }
}

/// What this build is.
enum BuildInfo {
    /// The version of the program.
    static let version = "0.1.0"
}

/// `temper version`.
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Prints the version.")

    func run() { print("temper \(BuildInfo.version)") }
}
