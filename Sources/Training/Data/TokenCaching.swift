// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
import Compute
import StrictJSON
import Tokenizers

extension TokenCache {
    /// The token ids of `source`: from the cache folder if they are there and sound, else made and put there.
    static func open(
        _ source: DataSource, tokenizer: any Tokenizer, fingerprint: UInt64, folder: String, pool: WorkerPool,
        note: (String) -> Void
    ) throws(TrainingDataError) -> (cache: TokenCache, key: UInt64) {
        let reader = try DocumentReader(path: source.path, format: source.format)
        let key = key(of: source, contents: reader.contentHash, fingerprint: fingerprint)
        let digits = String(key, radix: 16)
        let name = String(repeating: "0", count: 16 - digits.count) + digits + ".tokens"
        let path = FilePath.join(folder, name)
        if FilePath.isFile(path) {
            do throws(TrainingDataError) {
                return (try TokenCache(path: path, key: key, vocabularySize: tokenizer.vocabularySize), key)
            } catch {
                note("\(error); it is made anew")
            }
        }
        note("tokenizing \(source.path)")
        do throws(CheckpointError) {
            try FilePath.makeFolder(folder)
        } catch {
            throw .file(error)
        }
        let writer = TokenCacheWriter(
            encoder: try DocumentEncoder(tokenizer, parsesSpecial: source.parsesSpecial),
            vocabularySize: tokenizer.vocabularySize, pool: pool)
        try writer.write(reader, to: path, key: key)
        return (try TokenCache(path: path, key: key, vocabularySize: tokenizer.vocabularySize), key)
    }

    /// The hash of all that the ids depend on.
    private static func key(of source: DataSource, contents: UInt64, fingerprint: UInt64) -> UInt64 {
        let format: UInt64 =
            switch source.format {
            case .jsonl: 1
            case .text(let separator): ContentHash.hash("text:" + separator)
            }
        return ContentHash.combine([UInt64(version), contents, fingerprint, format, source.parsesSpecial ? 1 : 0])
    }
}

extension TokenizerSource {
    /// A hash of the vocabulary: two that differ in any id, merge or option have, for all purposes, two hashes.
    public var fingerprint: UInt64 {
        var writer = JSONWriter()
        switch self {
        case .huggingFace(let tokenizer, let config, let generationConfig, _):
            writer.array { array in
                array.value(tokenizer)
                array.value(config ?? .null)
                array.value(generationConfig ?? .null)
            }
        case .gguf(let vocabulary):
            writer.array { array in
                array.value(vocabulary.model)
                array.value(vocabulary.preTokenizer ?? "")
                for piece in vocabulary.pieces { array.value(piece) }
                for score in vocabulary.scores { array.value(score) }
                for kind in vocabulary.kinds { array.value(kind.rawValue) }
                for merge in vocabulary.merges { array.value(merge) }
                for (role, id) in vocabulary.specialIDs.sorted(by: { $0.key < $1.key }) {
                    array.value(role)
                    array.value(id)
                }
                for flag in [
                    vocabulary.addsBOS, vocabulary.addsEOS, vocabulary.addsSpacePrefix,
                    vocabulary.removesExtraWhitespace,
                ] {
                    if let flag { array.value(flag) } else { array.null() }
                }
            }
        case .llama2c(let pieces, let scores):
            writer.array { array in
                for piece in pieces { array.value(ByteSpelling.spelling(of: piece)) }
                for score in scores { array.value(score) }
            }
        }
        return writer.bytes.withUnsafeBytes { ContentHash.hash($0) }
    }
}
