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

    @Argument(help: "A checkpoint, tokenizer.json, or a llama2.c tokenizer .bin; a file or a folder.")
    var file: String

    @Option(help: "ids: one line of numbers; json: ids and pieces.")
    var format = Format.ids

    @Flag(help: "Adds no start and end tokens.")
    var noSpecial = false

    @Flag(help: "Reads control tokens in the text.")
    var parseSpecial = false

    func run() throws {
        let tokenizer: any Tokenizer
        do {
            tokenizer = try makeTokenizer(from: source(), vocabularySize: nil)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure("\(file): \(error)")
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
    private func source() throws -> TokenizerSource {
        do throws(CheckpointError) {
            return try TokenizerSource.open(path: file)
        } catch {
            guard file.hasSuffix(".bin"), let checkpoint = try? Checkpoint.open(path: file),
                let source = checkpoint.tokenizer
            else { throw error }
            return source
        }
    }
}
