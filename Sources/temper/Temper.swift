// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The command line.
@main
struct Temper: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "temper", abstract: "An inference server for small language models with every decoding lever.",
        subcommands: [BenchCommand.self])
}
