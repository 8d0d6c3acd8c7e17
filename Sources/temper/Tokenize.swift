// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Checkpoints
import StrictJSON
import Tokenizers

/// `temper tokenize`.
struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turns the text on standard input into token ids.",
        discussion: "Works on files that hold a vocabulary only.")

    /// How ids are printed.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        /// Ids on one line, with spaces between.
        case ids
        /// `{"tokens":[…],"pieces":[…],"count":…}`.
        case json
    }

    @Argument(
        help: "A checkpoint, tokenizer.json, or a llama2.c tokenizer .bin: a file, a folder, or a model's name."
    )
    var file: String

    @Option(help: "ids: one line of numbers; json: ids and pieces.")
    var format = Format.ids

    @Flag(help: "Adds no start and end tokens.")
    var noSpecial = false

    @Flag(help: "Reads control tokens in the text.")
    var parseSpecial = false

    @Option(help: "Where models are looked for by name. [TEMPER_MODELS_DIR; default: Models beside the program]")
    var modelsDir: String?

    func run() throws {
        let path = ModelFiles(modelsFolder: try Environment.value(modelsDir, "MODELS_DIR")).path(of: file)
        let tokenizer: any Tokenizer
        do {
            tokenizer = try makeTokenizer(from: source(path), vocabularySize: nil)
        } catch let error as CheckpointError {
            throw Failure(error, at: path)
        } catch {
            throw Failure("\(path): \(error)")
        }
        let ids = tokenizer.encode(
            try Terminal.readText(), addSpecial: !noSpecial, parseSpecial: parseSpecial)
        switch format {
        case .ids: Terminal.write(ids.map(String.init).joined(separator: " ") + "\n")
        case .json:
            var writer = JSONWriter()
            writer.object { object in
                object.member("tokens", ids)
                object.member("pieces", ids.map { tokenizer.piece(of: $0) ?? "" })
                object.member("count", ids.count)
            }
            Terminal.write(String(decoding: writer.bytes, as: UTF8.self) + "\n")
        }
    }

    /// The vocabulary of the file: its own, or that beside a llama2.c model.
    private func source(_ path: String) throws(CheckpointError) -> TokenizerSource {
        do throws(CheckpointError) {
            return try TokenizerSource.open(path: path)
        } catch {
            guard path.hasSuffix(".bin"), let checkpoint = try? Checkpoint.open(path: path),
                let source = checkpoint.tokenizer
            else { throw error }
            return source
        }
    }
}
