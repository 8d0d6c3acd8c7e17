// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Checkpoints
import StrictJSON
import Tokenizers
import Training

/// `temper tokenizer`.
struct TokenizerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer", abstract: "Makes vocabularies.", subcommands: [TrainTokenizer.self])
}

/// `temper tokenizer train`.
struct TrainTokenizer: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Learns a byte-level BPE vocabulary from texts.",
        discussion: """
            Writes tokenizer.json and tokenizer_config.json, which Hugging Face tokenizers reads as well. Ids are: control \
            tokens, the 256 bytes, merged pieces by rank. The same texts give the same files.
            """)

    @Argument(help: "Files of text or, named .jsonl, of JSON lines with text, or prompt and completion.")
    var files: [String]

    @Option(name: .customLong("vocab-size"), help: "Ids of the vocabulary.")
    var vocabularySize: Int

    @Option(
        help: """
            How text is cut into words: gpt2, llama3 (numbers of 3 digits), or with single digits smollm, qwen2. \
            [default: gpt2]
            """,
        transform: { name in
            guard let rule = WordRule(rawValue: name) else {
                throw ValidationError("expected one of \(WordRule.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return rule
        })
    var preTokenizer = WordRule.gpt2

    @Option(help: "A control token; may be given several times.")
    var special: [String] = []

    @Option(help: "The control token that ends a text.")
    var eos = DocumentFormat.defaultSeparator

    @Option(help: "The control token before a text. [default: none]")
    var bos: String?

    @Option(help: "The control token for padding. [default: none]")
    var pad: String?

    @Option(help: "The line between documents of a text file; empty: lines of white space.")
    var separator = DocumentFormat.defaultSeparator

    @Option(help: "A pair that occurs less often is not merged.")
    var minCount = 2

    @Option(help: "The folder to write to, which is made if need be.")
    var out: String

    func validate() throws {
        guard minCount >= 1 else { throw ValidationError("--min-count must be 1 or more") }
    }

    func run() throws {
        let start = ContinuousClock.now
        let vocabulary: TrainedVocabulary
        do {
            var options = try VocabularyOptions(
                size: vocabularySize, rule: preTokenizer, special: special, bos: bos, eos: eos, pad: pad)
            options.minimumCount = minCount
            var trainer = VocabularyTrainer(options)
            for file in files {
                var reader = try DocumentReader(
                    path: file, format: .ofFile(named: file, separator: separator))
                while let document = try reader.next() { trainer.add(document.text) }
            }
            vocabulary = try trainer.train()
            try vocabulary.write(toFolder: out)
        } catch {
            throw Failure("\(error)")
        }
        let seconds = ((ContinuousClock.now - start) / .milliseconds(10)).rounded() / 100
        Terminal.note("\(vocabulary.pieces.count) ids, \(vocabulary.merges.count) merges in \(seconds) s: \(out)")
        if vocabulary.pieces.count < vocabularySize {
            Terminal.note(
                "fewer than the \(vocabularySize) asked for: no further pair occurs \(minCount) times in these texts")
        }
    }
}
