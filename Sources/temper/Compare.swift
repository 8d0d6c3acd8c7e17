// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Engine
import Foundation
import Service
import StrictJSON

/// `temper compare`.
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continues a prompt under several settings and says how they differ.",
        discussion: """
            Every combination of the --set lists is a lane; what has one value holds in all of them. Values are checked \
            as the server checks those of /v1/compare, and the JSON file is its answer.
            """)

    @Argument(help: "A checkpoint: a file, a folder, or a name in the models folder. [default: the shipped model]")
    var model: String?

    @Option(name: .shortAndLong, help: "The text to continue; absent: standard input.")
    var prompt: String?

    @Option(help: "A file with the text to continue.")
    var promptFile: String?

    @Option(
        name: .customLong("set"),
        help: """
            A field with its values: temperature=0,0.7,1.5; may be given several times. A value is JSON, else a string; \
            one with commas stands in quotation marks, brackets or braces.
            """)
    var settings: [String] = []

    @Option(
        name: [.customShort("n"), .long], parsing: .unconditional, help: "The most tokens of a text. [default: 64]")
    var maxTokens: Int?

    @Option(parsing: .unconditional, help: "Texts per lane. [default: 1]")
    var samples: Int?

    @Option(parsing: .unconditional, help: "The seed of the noise, which lanes share; absent: a random one.")
    var seed: Int64?

    @Option(help: "A right answer, with which the texts are compared; may be given several times.")
    var reference: [String] = []

    @Option(help: "Writes the answer to this file as JSON; -: to standard output instead of the table.")
    var json: String?

    @Option(help: "Writes a row per text to this file as CSV; -: to standard output instead of the table.")
    var csv: String?

    @Option(help: "Writes a report with plots to this file as HTML; -: to standard output instead of the table.")
    var html: String?

    @OptionGroup var engineFlags: EngineFlags

    /// Finds every value that cannot be, whatever the model, before one is loaded.
    func validate() throws {
        _ = try engineFlags.options()
        if prompt != nil, promptFile != nil { throw ValidationError("--prompt and --prompt-file exclude each other") }
        guard [json, csv, html].count(where: { $0 == "-" }) < 2 else {
            throw ValidationError("only one of --json, --csv and --html can go to standard output")
        }
        let fields = try fields()
        if promptFile != nil, let name = ["prompt", "messages"].first(where: { fields[$0] != nil }) {
            throw ValidationError("--set \(name) and --prompt-file exclude each other")
        }
        do throws(APIError) {
            try LocalComparison.check(fields)
        } catch {
            throw ValidationError(error.message)
        }
    }

    func run() throws {
        var fields = try fields()
        if fields["messages"] == nil, fields["prompt"] == nil { fields["prompt"] = .string(try promptText()) }
        let files = try engineFlags.files()
        let path = try model.map { files.path(of: $0) } ?? files.defaultPath()
        let library = try ExampleLibrary.shipped(in: ModelFiles.shippedFolder("Models/example-sets"))
        let engine = try EngineFactory.load(
            [path], tokenizer: try Environment.value(engineFlags.tokenizer, "TOKENIZER"),
            options: try engineFlags.options(), report: Terminal.note)
        defer { engine.stop() }
        let comparison: LocalComparison
        do throws(APIError) {
            comparison = try LocalComparison(
                fields: fields, engine: engine, library: library, version: BuildInfo.version)
        } catch {
            Terminal.note("Error: \(error.message)")
            throw ExitCode.validationFailure
        }
        for warning in comparison.warnings { Terminal.note("warning: \(warning)") }
        let result: FinishedComparison
        do throws(APIError) {
            result = try comparison.run(on: engine)
        } catch {
            throw Failure(error.message)
        }
        try write(result)
    }

    // MARK: The request

    /// The options as fields of `/v1/compare`, a prompt aside.
    ///
    /// - Throws: a `ValidationError` for a `--set` that is none, or that says again what was said.
    private func fields() throws -> JSONObject {
        var fields = JSONObject()
        var grid = JSONObject()
        for setting in settings {
            guard let swept = SweptField(setting) else {
                throw ValidationError("--set \(setting): expected name=value or name=value,value…")
            }
            guard fields[swept.name] == nil, grid[swept.name] == nil else {
                throw ValidationError("--set \(swept.name): given already")
            }
            if swept.values.count == 1 {
                fields[swept.name] = swept.values[0]
            } else {
                grid[swept.name] = .array(swept.values)
            }
        }
        func take(_ name: String, _ option: String, _ value: JSON?) throws {
            guard let value else { return }
            guard fields[name] == nil, grid[name] == nil else {
                throw ValidationError("--set \(name): given already, by \(option)")
            }
            fields[name] = value
        }
        try take("prompt", "--prompt", prompt.map { .string($0) })
        try take("samples", "--samples", samples.map { .integer(Int64($0)) })
        try take("seed", "--seed", seed.map { .integer($0) })
        try take("reference", "--reference", reference.isEmpty ? nil : .array(reference.map { .string($0) }))
        try take("max_tokens", "--max-tokens", maxTokens.map { .integer(Int64($0)) })
        if fields["max_tokens"] == nil, grid["max_tokens"] == nil { fields["max_tokens"] = .integer(64) }
        guard fields["lanes"] == nil, fields["random"] == nil else {
            guard grid.count == 0 else {
                throw ValidationError("--set \(grid.keys[0]): there are lanes already")
            }
            return fields
        }
        if grid.count == 0 {
            fields["lanes"] = .array([.object(JSONObject())])
        } else {
            fields["grid"] = .object(grid)
        }
        return fields
    }

    private func promptText() throws -> String {
        guard let promptFile else { return try Terminal.readText() }
        guard let data = FileManager.default.contents(atPath: promptFile) else {
            throw Failure("\(promptFile): cannot be read")
        }
        guard let text = String(validating: data, as: UTF8.self) else { throw Failure("\(promptFile): not UTF-8") }
        return text
    }

    // MARK: The answer

    private func write(_ result: FinishedComparison) throws {
        let outputs: [(path: String?, text: () -> String)] = [
            (json, { String(decoding: result.json, as: UTF8.self) + "\n" }),
            (csv, { ComparisonCSV.text(result) }),
            (html, { ComparisonPage.text(result) }),
        ]
        if !outputs.contains(where: { $0.path == "-" }) { Terminal.write(ComparisonTable.text(result)) }
        for (path, text) in outputs {
            guard let path else { continue }
            if path == "-" { Terminal.write(text()) } else { try OutputFile.write(text(), to: path) }
        }
    }
}

/// Files that commands write beside what they print.
enum OutputFile {
    /// Writes a file as a whole, or not at all.
    static func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw Failure("\(path): cannot be written")
        }
    }
}
